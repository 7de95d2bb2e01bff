"""From activations to trained autoencoders.

Sizes are trained one after the other, and what there is of one size side by side.  What becomes of
an autoencoder depends on its own size, sparsity and restart, the seed and the activations alone:
initial values are keyed by size and restart, batches by the seed, and products are made one by
one.  This holds bit for bit, since everything runs on the CPU and in one thread; autoencoders of
toy models are too small to gain from more.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.dictionary.activations import Activations, as_activations
from geomsup.dictionary.autoencoder import Autoencoder, codes_of
from geomsup.dictionary.config import AutoencoderConfig
from geomsup.dictionary.files import autoencoders_of, parts_of
from geomsup.dictionary.learner import AutoencoderLearner
from geomsup.errors import GeomsupError
from geomsup.storage import with_prefix, without_prefix
from geomsup.training.checkpoints import Checkpoint
from geomsup.training.environment import plain_arithmetic, versions
from geomsup.training.fit import Fit, Session, session
from geomsup.training.streams import Stream, stream_seed
from geomsup.validation import positive_number, seed_number

__all__ = ["train_autoencoders"]

FloatArray = NDArray[np.float64]
_KIND, _UNDER_WAY = "AutoencoderCheckpoint", "under_way."
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
    activations : ToyActivations, StreamedActivations; or array_like, torch.Tensor, str or path
        Hidden activations of a toy model, drawn afresh for each batch; parts that come one after
        the other; or given ones of shape (n_samples, n_hidden), one in each row, drawn with
        replacement, as `GivenActivations` takes them.
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
    number, kept = seed_number(seed), None
    with (
        plain_arithmetic(),
        session(config.n_steps * len(config.sizes), "autoencoders", progress) as call,
    ):
        training = _Training(source, config, number)
        if checkpoint is not None:
            settings = {"config": config.to_dict(), "seed": number}
            belongs_to = {**settings, "activations": source.fingerprint()}
            kept = Checkpoint(checkpoint, every, _KIND, training, belongs_to)
        training.run(call, kept)
    return tuple(training.found)


class _Training:
    """All autoencoders of a configuration: those of finished sizes, and the size under way."""

    def __init__(self, source: Activations, config: AutoencoderConfig, seed: int) -> None:
        self._source, self._config, self._seed = source, config, seed
        self.found: list[Autoencoder] = []
        self._measured = next(
            source.batches(_MEASURED, stream_seed(seed, Stream.DICTIONARY_EVALUATION))
        )
        self._scale = _scale(self._measured)
        self._centre = _geometric_median(self._measured / self._scale)
        self._under_way: tuple[AutoencoderLearner, Fit] | None = None

    def run(self, call: Session, checkpoint: Checkpoint | None) -> None:
        """Train size after size until all are done."""
        config = self._config
        call.advance(config.n_steps * self._n_done)
        made_by = {"seed": self._seed, "config": config.to_dict(), **versions()}
        while (under_way := self._next_size()) is not None:
            learner, fit = under_way
            fit.complete(call, checkpoint)
            self.found += _measured(learner, config, self._scale, self._measured, made_by)
            self._under_way = None
        if checkpoint is not None:
            checkpoint.write()

    @property
    def _n_done(self) -> int:
        """Number of finished sizes."""
        return len(self.found) * len(self._config.sizes) // len(self._config.settings)

    def _next_size(self) -> tuple[AutoencoderLearner, Fit] | None:
        """The size under way, or the next one; None when all are done."""
        sizes = self._config.sizes
        if self._under_way is None and self._n_done < len(sizes):
            learner = AutoencoderLearner(
                self._source,
                self._config,
                sizes[self._n_done],
                self._seed,
                self._scale,
                self._centre,
            )
            self._under_way = learner, Fit(learner)
        return self._under_way

    def parts(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """Arrays and notes that `take` needs to go on from here; between two steps only."""
        arrays, notes = parts_of(self.found)
        said: dict[str, Any] = {"found": notes, "under_way": None}
        if self._under_way is not None:
            parts, said["under_way"] = self._under_way[1].parts()
            arrays |= with_prefix(_UNDER_WAY, parts)
        return arrays, said

    def take(self, arrays: Mapping[str, NDArray[Any]], said: Mapping[str, Any]) -> None:
        """Go on from what `parts` returned; an error of numbers or names if that is damaged."""
        self.found = list(autoencoders_of(arrays, said["found"]))
        settings = [(one.n_latents, one.sparsity, one.restart) for one in self.found]
        if settings != list(self._config.settings[: len(self.found)]):
            raise ValueError("its autoencoders are not those of its configuration")
        under_way, notes = self._next_size(), said["under_way"]
        if under_way is not None and notes is not None:
            # Files of earlier days have another name for it.
            notes = {"completed_steps": notes.get("completed"), **notes}
            under_way[1].take(without_prefix(_UNDER_WAY, arrays), notes)


def _measured(
    learner: AutoencoderLearner,
    config: AutoencoderConfig,
    scale: float,
    measured: NDArray[np.float32],
    provenance: Mapping[str, Any],
) -> Iterator[Autoencoder]:
    """The autoencoders in the units of the activations, measured on a sample."""
    h = measured.T.astype(np.float64)
    variance = float(h.var(axis=0).sum())
    topk = config.activation == "topk"
    batch = learner.batch
    for k, (_, sparsity, restart) in enumerate(learner.settings):
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
            # Latent by latent: of all squares together there may be gigabytes.
            power=np.array([np.square(latent).mean() for latent in codes.T]),
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
