"""From activations to trained autoencoders.

Sizes are trained one after the other, and what there is of one size side by side.  What becomes of
an autoencoder depends on its own size, sparsity and restart, the seed and the activations alone:
initial values are keyed by size and restart, batches by the seed, and products are made one by
one.  This holds bit for bit, since everything runs on the CPU and in one thread; autoencoders of
toy models are too small to gain from more.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from geomsup.dictionary.activations import Activations, Purpose, as_activations
from geomsup.dictionary.autoencoder import Autoencoder, codes_of
from geomsup.dictionary.config import AutoencoderConfig
from geomsup.dictionary.files import autoencoders_of, parts_of
from geomsup.dictionary.model import AutoencoderBatch
from geomsup.dictionary.state import SizeState
from geomsup.errors import GeomsupError
from geomsup.storage import checked_target, read_tensors, write_tensors
from geomsup.training.checkpoints import Checkpoint, check_belongs
from geomsup.training.environment import is_interactive, one_thread, stop_requests, versions
from geomsup.validation import positive_number, seed_number

__all__ = ["train_autoencoders"]

FloatArray = NDArray[np.float64]
_KIND = "AutoencoderCheckpoint"
# Samples by which scale, centre, firing and errors are measured.
_MEASURED = 1 << 15
# Steps of Weiszfeld's iteration for the geometric median; it converges linearly.
_MEDIAN_STEPS = 50


def train_autoencoders(
    activations: object,
    config: AutoencoderConfig | None = None,
    seed: int | np.random.Generator | None = 0,
    progress: bool | None = None,
    *,
    feature_axis: int = -1,
    checkpoint: str | os.PathLike[str] | None = None,
    checkpoint_seconds: float = 30.0,
) -> tuple[Autoencoder, ...]:
    """Train sparse autoencoders of several sizes and sparsities on the same activations.

    Parameters
    ----------
    activations : ToyActivations; or array_like, torch.Tensor, str or path
        Hidden activations of a toy model, drawn afresh for each batch; or given ones of shape
        (n_samples, n_hidden), one in each row, drawn with replacement: whatever
        `geomsup.weights.as_weights` reads.
    config : AutoencoderConfig, optional
        Which autoencoders; the defaults if left out.
    seed : int, numpy.random.Generator or None, default 0
        A non-negative integer fixes the result.
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.
    feature_axis : int, default -1
        Axis of the dimensions in given activations: 0 if each *column* is one activation.
    checkpoint : path, optional
        A ``.safetensors`` file in which everything that the training needs to go on is kept.  If
        it exists, the training goes on from there, and what comes out is the same, bit for bit,
        as without the interruption (on the same machine).
    checkpoint_seconds : float, default 30.0
        How old it may become, in seconds.  Ctrl-C writes it once more before it ends the training.

    Returns
    -------
    tuple of Autoencoder
        In the order of ``config.settings``: by size, then sparsity, then restart.

    Raises
    ------
    GeomsupError
        If the activations or the checkpoint cannot be used, the activations are all zero, or the
        training diverges.

    Warns
    -----
    GeomsupWarning
        If a checkpoint cannot be written; the training then goes on.

    Notes
    -----
    An autoencoder is the same, bit for bit, whatever others are trained beside it.

    The centre c starts at the geometric median, as in Bricken et al. 2023: for sparse inputs to a
    toy model that is close to zero, the activation of the empty input.  The encoder starts as the
    transpose of the decoder, as in Gao et al. 2024.

    Examples
    --------
    Four features in two dimensions, at right angles:

    >>> from geomsup.dictionary import AutoencoderConfig, ToyActivations, train_autoencoders
    >>> W = [[1, 0, -1, 0], [0, 1, 0, -1]]
    >>> config = AutoencoderConfig(n_latents=4, n_steps=1000, batch_size=128)
    >>> (found,) = train_autoencoders(ToyActivations(W, 0.1), config, progress=False)
    >>> bool(found.unexplained < 0.05)
    True
    """
    source = as_activations(activations, feature_axis)
    config = AutoencoderConfig() if config is None else config
    if not isinstance(config, AutoencoderConfig):
        raise GeomsupError(f"config must be an AutoencoderConfig, got {type(config).__name__}")
    every = positive_number("checkpoint_seconds", checkpoint_seconds)
    kept = Checkpoint(None if checkpoint is None else checked_target(checkpoint), every)
    resolved = seed_number(seed)
    show_bar = is_interactive() if progress is None else progress
    with (
        one_thread(),
        threadpool_limits(1, user_api="blas"),
        torch.no_grad(),
        tqdm(
            total=config.n_steps * len(config.sizes), disable=not show_bar, desc="autoencoders"
        ) as bar,
        stop_requests() as must_stop,
    ):
        training = _Training(source, config, resolved)
        if kept.path is not None and kept.exists:
            training.load(kept.path)
        training.run(bar, kept, must_stop)
    return tuple(training.found)


class _Training:
    """All autoencoders of a configuration: those of finished sizes, and the size under way."""

    def __init__(self, source: Activations, config: AutoencoderConfig, seed: int) -> None:
        self.source, self.config, self.seed = source, config, seed
        self.found: list[Autoencoder] = []
        self.measured = next(source.batches(_MEASURED, Purpose.EVALUATION.stream(seed)))
        self.scale = _scale(self.measured)
        self.centre = _geometric_median(self.measured / self.scale)
        self.state: SizeState | None = None

    def run(self, bar: tqdm[Any], kept: Checkpoint, must_stop: Callable[[], bool]) -> None:
        """Train size after size until all are done."""
        config = self.config
        while (state := self._next_size()) is not None:
            before = config.n_steps * config.sizes.index(state.size)
            while state.completed < config.n_steps:
                bar.update(before + state.completed - bar.n)
                if kept.is_due:
                    self._check()
                    kept.write(self.save)
                if must_stop():
                    self._check()
                    kept.write(self.save)
                    follows = f"; the same call goes on from {kept.path}" if kept.exists else ""
                    raise KeyboardInterrupt(
                        f"after {before + state.completed} of "
                        f"{config.n_steps * len(config.sizes)} steps{follows}"
                    )
                state.step()
            self._check()
            provenance = {"seed": self.seed, "config": config.to_dict(), **versions()}
            self.found += _measured(
                state.batch, config, state.size, self.scale, self.measured, provenance
            )
            self.state = None
        bar.update(config.n_steps * len(config.sizes) - bar.n)
        kept.write(self.save)

    def _next_size(self) -> SizeState | None:
        """The size under way, or the next one; None when all are done."""
        n_done = len(self.found) * len(self.config.sizes) // len(self.config.settings)
        if self.state is None and n_done < len(self.config.sizes):
            size = self.config.sizes[n_done]
            self.state = SizeState(
                self.source, self.config, size, self.seed, self.scale, self.centre
            )
        return self.state

    def _check(self) -> None:
        if self.state is not None and not self.state.is_finite():
            raise GeomsupError(
                f"autoencoders with {self.state.size} latents are no longer finite after "
                f"{self.state.completed} steps; try a smaller learning_rate"
            )

    def save(self, path: Path) -> None:
        """Write all of it, or nothing; only between two steps."""
        tensors, notes = parts_of(self.found)
        said: dict[str, Any] = {**self._belongs_to(), "found": notes, "under_way": None}
        if self.state is not None:
            parts, said["under_way"] = self.state.parts()
            tensors |= {f"under_way.{name}": array for name, array in parts.items()}
        write_tensors(path, tensors, said, kind=_KIND)

    def load(self, path: Path) -> None:
        """Go on from a file of `save`; raises GeomsupError if it is damaged or of another."""
        source, tensors, said = read_tensors(path, None, kind=_KIND)
        check_belongs(said, self._belongs_to(), source)
        try:
            self.found = list(autoencoders_of(tensors, said["found"]))
            if [(one.n_latents, one.sparsity, one.restart) for one in self.found] != list(
                self.config.settings[: len(self.found)]
            ):
                raise ValueError("its autoencoders are not those of its configuration")
            state = self._next_size()
            if state is not None and said["under_way"] is not None:
                parts = {
                    name.removeprefix("under_way."): array
                    for name, array in tensors.items()
                    if name.startswith("under_way.")
                }
                state.take(parts, said["under_way"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise GeomsupError(
                f"the checkpoint {source} is damaged ({error}); remove it to begin anew"
            ) from error

    def _belongs_to(self) -> dict[str, Any]:
        return {
            "config": self.config.to_dict(),
            "seed": self.seed,
            "activations": self.source.fingerprint(),
        }


def _measured(
    batch: AutoencoderBatch,
    config: AutoencoderConfig,
    size: int,
    scale: float,
    measured: NDArray[np.float32],
    provenance: Mapping[str, Any],
) -> Iterator[Autoencoder]:
    """The autoencoders in the units of the activations, measured on a sample."""
    h = measured.T.astype(np.float64)
    variance = float(h.var(axis=0).sum())
    topk = config.activation == "topk"
    settings = [setting for setting in config.settings if setting[0] == size]
    for k, (_, sparsity, restart) in enumerate(settings):
        decoder = batch.decoder[k].double().numpy()
        decoder /= np.linalg.norm(decoder, axis=0)
        encoder = batch.encoder[k].double().numpy()
        bias = batch.bias[k].double().numpy() * scale
        centre = batch.centre[k, 0].double().numpy() * scale
        codes = codes_of(h, encoder, bias, centre, sparsity if topk else None)
        rebuilt = codes @ decoder.T
        inputs = h - centre
        error = float(((rebuilt - inputs) ** 2).sum(axis=1).mean())
        overlap = float((rebuilt * inputs).sum())
        firing = (codes > 0.0).mean(axis=0)
        yield Autoencoder(
            decoder=decoder,
            encoder=encoder,
            bias=bias,
            centre=centre,
            activation=config.activation,
            sparsity=float(sparsity),
            restart=restart,
            loss=error + (0.0 if topk else sparsity * scale * float(codes.sum()) / len(h)),
            error=error,
            unexplained=error / variance,
            gain=float((rebuilt**2).sum()) / overlap if overlap > 0.0 else 0.0,
            l0=float(firing.sum()),
            firing=firing,
            power=(codes**2).mean(axis=0),
            provenance=provenance,
        )


def _scale(samples: NDArray[np.float32]) -> float:
    squares = np.einsum("ij,ij->j", samples, samples, dtype=np.float64)
    if not squares.any():
        raise GeomsupError("activations are all zero; there is nothing to reconstruct")
    return float(np.sqrt(squares[squares > 0.0].mean()))


def _geometric_median(samples: NDArray[np.float32]) -> FloatArray:
    """The point with the least sum of distances to the samples (Weiszfeld's iteration)."""
    point: FloatArray = samples.mean(axis=1, dtype=np.float64)
    for _ in range(_MEDIAN_STEPS):
        distances = np.linalg.norm(samples - point[:, None], axis=0)
        weights = 1.0 / np.maximum(distances, 1e-6)
        point = (samples * weights).sum(axis=1) / weights.sum()
    return point
