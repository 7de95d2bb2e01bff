"""What training leaves behind: weights, biases, losses, and where they came from.

A run knows its configuration, its seed and the versions that made it, and keeps them when it is
saved, so that a file found a year later still says how to make it again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, counted
from geomsup.restoring import plain
from geomsup.storage import (
    read_tensors,
    stated_integer,
    with_prefix,
    without_prefix,
    write_tensors,
)
from geomsup.theory.feature_model import FeatureModel
from geomsup.training.config import ToyModelConfig
from geomsup.training.records import History, Trajectory, read_only
from geomsup.validation import whole_number

__all__ = ["TrainedModel", "TrainingRun"]

_TABLE_ROWS = 20
_HEADER = ("instance", "p", "loss", "±")
# Shape of each tensor in a file: instances, hidden dimensions, features, notes, and records.
_SHAPES = {
    "weights": "khf",
    "decoders": "khf",
    "biases": "kf",
    "losses": "k",
    "loss_errors": "k",
    "history_steps": "n",
    "history_losses": "nk",
    "trajectory_steps": "r",
    "trajectory_weights": "rkhf",
    "trajectory_decoders": "rkhf",
    "trajectory_biases": "rkf",
    "trajectory_losses": "rk",
}
_TENSORS = {name: "I64" if name.endswith("steps") else "F64" for name in _SHAPES}
# What files of the first version do not hold.
_OPTIONAL = [name for name in _TENSORS if name == "decoders" or name.startswith("trajectory")]
_ARRAYS = ("weights", "decoders", "biases", "losses", "loss_errors")
_KIND = "TrainingRun"


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedModel:
    """One trained model of a run.

    Parameters
    ----------
    W : ndarray of shape (n_hidden, n_features)
        Weights; column i is the direction in which feature i is stored.
    V : ndarray of shape (n_hidden, n_features)
        Decoder; column i is the direction from which output i is read. The same as W in a tied
        model.
    b : ndarray of shape (n_features,)
        Biases.
    loss, loss_error : float
        Loss on the evaluation sample, summed over features, and its standard error.
    instance : int
        Number of the instance in the run.
    feature_probability, importance : ndarray of shape (n_features,)
        What the model was trained on.
    feature_model : FeatureModel
        What its features are, in full.
    """

    W: NDArray[np.float64]
    V: NDArray[np.float64]
    b: NDArray[np.float64]
    loss: float
    loss_error: float
    instance: int
    feature_probability: NDArray[np.float64]
    importance: NDArray[np.float64]
    feature_model: FeatureModel

    def to_dict(self) -> dict[str, Any]:
        """All fields as numbers, words and nested lists, ready for JSON."""
        return {name: plain(value) for name, value in vars(self).items()}

    def __str__(self) -> str:
        m, n = self.W.shape
        return (
            f"TrainedModel {n} → {m}: instance {self.instance}, loss {self.loss:.6g} "
            f"± {self.loss_error:.1g} (sum over features)"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingRun:
    """The models that one call of `train` made.

    Parameters
    ----------
    config : ToyModelConfig
        What was trained.
    seed : int
        Seed that repeats the run.
    device : str
        Where it was trained.
    completed_steps : int
        Optimiser steps taken; fewer than ``config.n_steps`` after an interruption. With the exact
        objective: evaluations of the loss, in which all instances move together.
    objective : str
        "sampled" or "exact".
    weights : ndarray of shape (n_instances, n_hidden, n_features)
        Weights W of each instance.
    decoders : ndarray of shape (n_instances, n_hidden, n_features)
        Decoder V of each instance; the same as the weights in a tied model.
    biases : ndarray of shape (n_instances, n_features)
        Biases b of each instance.
    losses, loss_errors : ndarray of shape (n_instances,)
        E Σ_i I_i (y_i − x̂_i)², the *sum* over features, on a fresh sample of up to 524,288
        non-empty inputs that all instances share; and its standard error. With the exact
        objective: the exact expected loss and a bound on its error.
    history : History
        Short trace of the training losses.
    trajectory : Trajectory
        Weights on the way, if the configuration has ``n_records``.
    provenance : dict
        Versions of geomsup, torch, numpy and Python; of a fixed data set, the hash of its samples.
    """

    config: ToyModelConfig
    seed: int
    device: str
    completed_steps: int
    objective: str
    weights: NDArray[np.float64]
    decoders: NDArray[np.float64]
    biases: NDArray[np.float64]
    losses: NDArray[np.float64]
    loss_errors: NDArray[np.float64]
    history: History
    trajectory: Trajectory
    provenance: dict[str, str]

    def __post_init__(self) -> None:
        for name in _ARRAYS:
            object.__setattr__(self, name, read_only(getattr(self, name), np.float64))

    def model(self, instance: int) -> TrainedModel:
        """One model of the run.

        Parameters
        ----------
        instance : int
            Its number, from 0.

        Raises
        ------
        GeomsupError
            If there is no such instance.
        """
        count = len(self.losses)
        k = whole_number("instance", instance, 0, count - 1)
        return TrainedModel(
            W=self.weights[k],
            V=self.decoders[k],
            b=self.biases[k],
            loss=float(self.losses[k]),
            loss_error=float(self.loss_errors[k]),
            instance=k,
            feature_probability=read_only(self.config.probabilities[k], np.float64),
            importance=read_only(self.config.importances[k], np.float64),
            feature_model=self.config.feature_models[k],
        )

    def best(self, among: Sequence[int] | None = None) -> TrainedModel:
        """The model of lowest loss.

        Parameters
        ----------
        among : sequence of int, optional
            Instances to choose from; all by default.

        Raises
        ------
        GeomsupError
            If the instances differ in their features or importance, because their losses
            then measure different tasks; or if ``among`` names none.
        """
        models = [self.model(k) for k in (range(len(self.losses)) if among is None else among)]
        if not models:
            raise GeomsupError("among must name at least one instance, got none")
        for setting in ("feature_probability", "feature_model", "importance"):
            values = (getattr(model, setting) for model in models)
            if len({v.tobytes() if isinstance(v, np.ndarray) else v for v in values}) > 1:
                raise GeomsupError(
                    f"these instances differ in {setting}, so their losses do not compare; name "
                    "alike ones, as in run.best(among=[0, 1])"
                )
        return min(models, key=lambda model: model.loss)

    def best_of_each(self) -> tuple[TrainedModel, ...]:
        """The model of lowest loss among the restarts of each setting, in their order.

        Examples
        --------
        >>> from geomsup.training import ToyModelConfig, train
        >>> config = ToyModelConfig(
        ...     feature_probability=[[0.1], [0.05]], n_instances=6, n_restarts=3, n_steps=10
        ... )
        >>> first, second = train(config, seed=0).best_of_each()
        >>> first.instance < 3 <= second.instance
        True
        """
        restarts = self.config.n_restarts
        return tuple(
            self.best(among=range(first, first + restarts))
            for first in range(0, len(self.losses), restarts)
        )

    def to_dict(self) -> dict[str, Any]:
        """All fields as numbers, strings and nested lists, ready for JSON."""
        return {
            **self._metadata(),
            **{name: getattr(self, name).tolist() for name in _ARRAYS},
            "history": {name: value.tolist() for name, value in vars(self.history).items()},
            "trajectory": {name: value.tolist() for name, value in vars(self.trajectory).items()},
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the run to a safetensors file, all of it or nothing.

        Parameters
        ----------
        path : str or path-like
            File to write, ending in ``.safetensors``. An existing file is replaced.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        GeomsupError
            If the path is a directory, its folder does not exist, or it cannot be written.

        Notes
        -----
        The tensors are ``weights``, ``decoders``, ``biases``, ``losses``, ``loss_errors``,
        ``history_*`` and ``trajectory_*``. The metadata entry ``geomsup`` is JSON: config, seed,
        versions.
        """
        return write_tensors(path, self._tensors(), self._metadata(), kind=_KIND)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainingRun:
        """Read a run that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.

        Raises
        ------
        GeomsupError
            If the file is missing, damaged, no safetensors file, or was not written by `save`.
        """
        source, tensors, said = read_tensors(path, _TENSORS, kind=_KIND, optional=_OPTIONAL)
        try:
            return cls._assemble(tensors, said)
        except GeomsupError as error:
            raise GeomsupError(f"{source} holds no usable training run: {error}") from error

    @classmethod
    def _assemble(cls, tensors: Mapping[str, NDArray[Any]], said: Mapping[str, Any]) -> TrainingRun:
        """Put a run together from what a file holds, trusting none of it."""
        config = ToyModelConfig.from_dict(said.get("config", {}))
        seed, completed = (stated_integer(said, name) for name in ("seed", "completed_steps"))
        device, provenance = said.get("device"), said.get("provenance")
        if completed > config.n_steps:
            raise GeomsupError(f"it claims {completed} of {config.n_steps} steps")
        if not isinstance(device, str) or not isinstance(provenance, dict):
            raise GeomsupError("its metadata lacks the device or the provenance")
        objective = said.get("objective", "sampled")
        if objective not in ("sampled", "exact"):
            raise GeomsupError(f"its objective must be 'sampled' or 'exact', got {objective!r}")
        if said.get("format_version") == 1:
            sizes = config.n_instances, config.n_hidden, config.n_features
            none = with_prefix("trajectory_", vars(Trajectory.empty(*sizes)))
            tensors = {"decoders": tensors["weights"], **none, **tensors}
        _check_tensors(tensors, config)
        return cls(
            config=config,
            seed=seed,
            device=device,
            completed_steps=completed,
            objective=objective,
            **{name: tensors[name] for name in _ARRAYS},
            history=History(**without_prefix("history_", tensors)),
            trajectory=Trajectory(**without_prefix("trajectory_", tensors)),
            provenance={str(key): str(value) for key, value in provenance.items()},
        )

    def _metadata(self) -> dict[str, Any]:
        return {
            "config": self.config.to_dict(),
            "seed": self.seed,
            "device": self.device,
            "completed_steps": self.completed_steps,
            "objective": self.objective,
            "provenance": dict(self.provenance),
        }

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {
            **{name: getattr(self, name) for name in _ARRAYS},
            **with_prefix("history_", vars(self.history)),
            **with_prefix("trajectory_", vars(self.trajectory)),
        }

    def _title(self) -> str:
        c = self.config
        steps = counted(c.n_steps, "step")
        if self.completed_steps < c.n_steps:
            steps = f"{self.completed_steps:,} of {steps}"
        how = f"{steps}, batch {c.batch_size}"
        if self.objective == "exact":
            how = f"exact loss, {counted(self.completed_steps, 'evaluation')}"
        models = f"{c.n_instances} × ({c.n_features} → {c.n_hidden})"
        return f"TrainingRun: {models}, {how}, seed {self.seed}, {self.device}"

    def _what_the_loss_is(self) -> str:
        measured = "exact" if self.objective == "exact" else "on a fresh sample"
        return f"loss: summed over features, {measured}; lowest first"

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Instance, probability, loss and error as text, lowest loss first."""
        probabilities = self.config.probabilities
        rows = []
        for k in np.argsort(self.losses, kind="stable")[:_TABLE_ROWS]:
            low, high = probabilities[k].min(), probabilities[k].max()
            p = f"{low:g}" if low == high else f"{low:g}…{high:g}"
            rows.append((str(k), p, f"{self.losses[k]:.6g}", f"{self.loss_errors[k]:.1g}"))
        return rows

    def _left_out(self) -> str:
        hidden = len(self.losses) - _TABLE_ROWS
        return f"… and {hidden} more" if hidden > 0 else ""

    def __str__(self) -> str:
        rows = [_HEADER, *self._rows()]
        widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
        table = [
            "  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)) for row in rows
        ]
        lines = [self._title(), self._what_the_loss_is(), *table, self._left_out()]
        return "\n".join(filter(None, lines))

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in _HEADER)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self._rows()
        )
        more = f"<p>{self._left_out()}</p>" if self._left_out() else ""
        above = f"<p>{escape(self._title())}<br>{self._what_the_loss_is()}</p>"
        return f"{above}<table><tr>{head}</tr>{body}</table>{more}"


def _check_tensors(tensors: Mapping[str, NDArray[Any]], config: ToyModelConfig) -> None:
    """Refuse what does not fit the configuration."""
    sizes = {"k": config.n_instances, "h": config.n_hidden, "f": config.n_features}
    for axis, name in (("n", "history_steps"), ("r", "trajectory_steps")):
        sizes[axis] = tensors[name].size if name in tensors else 0
    for name, axes in _SHAPES.items():
        if name not in tensors:
            raise GeomsupError(f"it has no tensor {name!r}")
        if (got := tensors[name].shape) != (shape := tuple(sizes[axis] for axis in axes)):
            raise GeomsupError(f"its {name} must have shape {shape} by its config, got {got}")
        if not np.isfinite(tensors[name]).all():
            raise GeomsupError(f"its {name} hold NaN or infinite values")
