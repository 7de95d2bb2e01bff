"""Everything that changes while models are trained, and how it is put on disk and taken back.

A checkpoint holds this and nothing else, so what goes on from one is, bit for bit, what would have
gone on without.  It is written between two steps, when all of it belongs together.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.storage import read_tensors, stated_integer, write_tensors
from geomsup.training.checkpoints import check_belongs
from geomsup.training.config import ToyModelConfig
from geomsup.training.data import RawUniforms, Sampler, Stream, TorchUniforms, stream_seed
from geomsup.training.distributions import make_distribution
from geomsup.training.model import ToyModel
from geomsup.training.optim import Adam

__all__ = ["TrainingState", "initial_parameters"]

_KIND = "Checkpoint"
# Losses kept in the history of a run.
_HISTORY_LENGTH = 200
_TENSORS = {
    "theta": "F32",
    "mean": "F32",
    "square": "F32",
    "history_steps": "I64",
    "history_losses": "F64",
    "record_steps": "I64",
    "record_theta": "F32",
}


class TrainingState:
    """Models in training, with the notes taken so far.

    Parameters
    ----------
    config : ToyModelConfig
    seed : int
    device : torch.device
    instances : sequence of int
        Numbers of the instances to train, which need not be all of the configuration's.
    """

    def __init__(
        self, config: ToyModelConfig, seed: int, device: torch.device, instances: Sequence[int]
    ) -> None:
        self.config, self.seed, self.device = config, seed, device
        self.instances = list(instances)
        self.completed = 0
        self.note_every = max(1, config.n_steps // _HISTORY_LENGTH)
        self.model = ToyModel(
            config.importances[self.instances],
            config.n_hidden,
            config.batch_size,
            **config.model_options(),
            device=device,
        )
        self.model.set_parameters(
            *map(torch.from_numpy, initial_parameters(config, seed, self.instances))
        )
        self.sampler = _make_sampler(config, seed, device, self.instances)
        self.optimiser = Adam(
            self.model.theta, self.model.gradient, weight_decay=config.weight_decay
        )
        self.good, self.good_step = self.model.theta.clone(), 0
        self.history: list[tuple[int, NDArray[np.float64]]] = []
        self.records: list[tuple[int, torch.Tensor]] = []

    def step(self) -> None:
        """Take one step on the samples that the model holds."""
        self.model.backward()
        self.optimiser.step(self.config.learning_rate_at(self.completed))
        self.completed += 1

    def record(self) -> None:
        """Keep the present weights."""
        self.records.append((self.completed, self.model.theta.cpu().clone()))

    def is_finite(self) -> NDArray[np.bool_]:
        """Whether each instance is; and if all are, note that these weights are good ones."""
        finite: NDArray[np.bool_] = self.optimiser.is_finite().cpu().numpy()
        return finite

    def mark_good(self) -> None:
        """Remember the present weights as the last good ones."""
        self.good.copy_(self.model.theta)
        self.good_step = self.completed

    def parts(self, theta: torch.Tensor) -> tuple[NDArray[np.float64], ...]:
        """W, V and b of parameters of shape (…, n_rows, n_features), in float64."""
        values = theta.detach().cpu().to(torch.float64).contiguous().numpy().copy()
        m = self.config.n_hidden
        decoders, biases = values[..., :m, :], values[..., m, :]
        weights = decoders if self.config.tied else values[..., m + 1 :, :]
        return weights, decoders, biases

    def save(self, path: Path) -> None:
        """Write all of it, or nothing.  Only between two steps, and when `mark_good` was called."""
        count, mean, square = self.optimiser.state()
        n, k = self.config.n_features, len(self.instances)
        rows = self.model.theta.shape[1]
        records = torch.empty((len(self.records), k, rows, n), dtype=torch.float32)
        for place, (_, theta) in zip(records, self.records, strict=True):
            place.copy_(theta)
        steps, losses = _unzipped(self.history, k)
        tensors = {
            "theta": self.model.theta.cpu().contiguous().numpy(),
            "mean": mean.cpu().numpy(),
            "square": square.cpu().numpy(),
            "history_steps": steps,
            "history_losses": losses,
            "record_steps": np.array([step for step, _ in self.records], dtype=np.int64),
            "record_theta": records.numpy(),
        }
        said = {
            **self._belongs_to(),
            "completed_steps": self.completed,
            "optimiser_steps": count,
            "random_state": self.sampler.source.state(),
        }
        write_tensors(path, tensors, said, kind=_KIND)

    def load(self, path: Path) -> None:
        """Go on from a file of `save`.

        Raises
        ------
        GeomsupError
            If it is damaged, or belongs to another training.
        """
        source, tensors, said = read_tensors(path, _TENSORS, kind=_KIND)
        check_belongs(said, self._belongs_to(), source)
        try:
            self._take(tensors, said)
        except (KeyError, TypeError, ValueError, RuntimeError, OverflowError) as error:
            raise GeomsupError(
                f"the checkpoint {source} is damaged ({error}); remove it to begin anew"
            ) from error

    def _take(self, tensors: dict[str, NDArray[Any]], said: dict[str, Any]) -> None:
        completed = stated_integer(said, "completed_steps")
        if completed > self.config.n_steps or completed != stated_integer(said, "optimiser_steps"):
            raise ValueError(f"it claims {completed} of {self.config.n_steps} steps")
        self._check_tensors(tensors, completed)
        self.sampler.source.restore(said["random_state"])
        self.model.theta.copy_(torch.from_numpy(tensors["theta"]))
        self.optimiser.restore(
            completed, torch.from_numpy(tensors["mean"]), torch.from_numpy(tensors["square"])
        )
        self.completed = completed
        self.mark_good()
        notes = zip(tensors["history_steps"].tolist(), tensors["history_losses"], strict=True)
        self.history = [(step, losses.copy()) for step, losses in notes]
        kept = zip(tensors["record_steps"].tolist(), tensors["record_theta"], strict=True)
        self.records = [(step, torch.from_numpy(theta.copy())) for step, theta in kept]

    def _check_tensors(self, tensors: dict[str, NDArray[Any]], completed: int) -> None:
        """Refuse what this training cannot have held after so many steps."""
        _, mean, square = self.optimiser.state()
        noted = np.arange(0, completed, self.note_every)
        # A step is recorded when it begins, and the end when nothing follows.
        n_steps = self.config.n_steps
        recorded = np.array(
            [
                at
                for at in self.config.record_steps()
                if at < completed or at == completed == n_steps
            ]
        )
        theta = tuple(self.model.theta.shape)
        shapes = {
            "theta": theta,
            "mean": tuple(mean.shape),
            "square": tuple(square.shape),
            "history_losses": (len(noted), len(self.instances)),
            "record_theta": (len(recorded), *theta),
        }
        for name, shape in shapes.items():
            if tensors[name].shape != shape or not np.isfinite(tensors[name]).all():
                raise ValueError(f"its {name} is not what this training holds")
        if (tensors["square"] < 0).any():
            raise ValueError("its square holds negative numbers")
        for name, steps in (("history_steps", noted), ("record_steps", recorded)):
            if not np.array_equal(tensors[name], steps):
                raise ValueError(f"its {name} are not those of {completed} completed steps")

    def _belongs_to(self) -> dict[str, Any]:
        return {"config": self.config.to_dict(), "seed": self.seed, "device": str(self.device)}

    def history_arrays(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Steps and losses noted so far."""
        return _unzipped(self.history, len(self.instances))


def initial_parameters(
    config: ToyModelConfig, seed: int, instances: Sequence[int]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Xavier-normal W (and V, unless it is tied) and zero b, the same on every device."""
    k, m, n = len(instances), config.n_hidden, config.n_features
    scale = config.init_scale * np.sqrt(2.0 / (m + n))
    weights = np.empty((k, m, n))
    decoders = weights if config.tied else np.empty((k, m, n))
    for place, number in enumerate(instances):
        generator = np.random.Generator(
            np.random.PCG64(stream_seed(seed, Stream.INITIAL_WEIGHTS, number))
        )
        weights[place] = scale * generator.standard_normal((m, n))
        if not config.tied:
            decoders[place] = scale * generator.standard_normal((m, n))
    return weights, decoders, np.zeros((k, n))


def _make_sampler(
    config: ToyModelConfig, seed: int, device: torch.device, instances: Sequence[int]
) -> Sampler:
    seeds = [stream_seed(seed, Stream.SAMPLES, number) for number in instances]
    on_cpu = device.type == "cpu"
    distribution = make_distribution(
        config.probabilities[list(instances)],
        **config.data_options(),
        upper=RawUniforms.upper if on_cpu else TorchUniforms.upper,
        device=device,
    )
    rows, batch = distribution.n_rows, config.batch_size
    if on_cpu:
        return Sampler(RawUniforms(seeds, rows, batch), distribution)
    return Sampler(TorchUniforms(seeds, rows, batch, device), distribution)


def _unzipped(
    notes: list[tuple[int, NDArray[np.float64]]], n_instances: int
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    steps = np.array([step for step, _ in notes], dtype=np.int64)
    return steps, np.array([losses for _, losses in notes]).reshape(len(notes), n_instances)
