"""From activations to trained autoencoders.

Sizes are trained one after the other, and what there is of one size side by side.  What becomes of
an autoencoder depends on its own size, sparsity and restart, the seed and the activations alone:
initial values are keyed by size and restart, batches by the seed, and products are made one by
one.  This holds bit for bit, since everything runs on the CPU and in one thread; autoencoders of
toy models are too small to gain from more.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits
from tqdm.auto import tqdm

from geomsup.dictionary.activations import Activations, Purpose, as_activations
from geomsup.dictionary.autoencoder import Autoencoder, codes_of
from geomsup.dictionary.config import AutoencoderConfig
from geomsup.dictionary.model import AutoencoderBatch
from geomsup.errors import GeomsupError
from geomsup.training.environment import is_interactive, one_thread, resolve_seed
from geomsup.training.optim import Adam

__all__ = ["train_autoencoders"]

FloatArray = NDArray[np.float64]
# Samples by which scale, centre, firing and errors are measured.
_MEASURED = 1 << 15
# Relative to the mean encoder norm of living latents (Bricken et al. 2023, appendix).
_RESAMPLED_NORM = 0.2
# Steps of Weiszfeld's iteration for the geometric median; it converges linearly.
_MEDIAN_STEPS = 50


def train_autoencoders(
    activations: object,
    config: AutoencoderConfig | None = None,
    seed: int | np.random.Generator | None = 0,
    progress: bool | None = None,
) -> tuple[Autoencoder, ...]:
    """Train sparse autoencoders of several sizes and sparsities on the same activations.

    Parameters
    ----------
    activations : ToyActivations, or array_like of shape (n_samples, n_hidden)
        Hidden activations of a toy model, drawn afresh for each batch; or given ones, one in each
        row, drawn with replacement.
    config : AutoencoderConfig, optional
        Which autoencoders; the defaults if left out.
    seed : int, numpy.random.Generator or None, default 0
        A non-negative integer fixes the result.
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.

    Returns
    -------
    tuple of Autoencoder
        In the order of ``config.settings``: by size, then sparsity, then restart.

    Raises
    ------
    GeomsupError
        If the activations cannot be used, are all zero, or the training diverges.

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
    source = as_activations(activations)
    config = AutoencoderConfig() if config is None else config
    if not isinstance(config, AutoencoderConfig):
        raise GeomsupError(f"config must be an AutoencoderConfig, got {type(config).__name__}")
    resolved = resolve_seed(seed)
    show_bar = is_interactive() if progress is None else progress
    with (
        one_thread(),
        threadpool_limits(1, user_api="blas"),
        torch.no_grad(),
        tqdm(
            total=config.n_steps * len(config.sizes), disable=not show_bar, desc="autoencoders"
        ) as bar,
    ):
        measured = next(source.batches(_MEASURED, Purpose.EVALUATION.stream(resolved)))
        scale = _scale(measured)
        centre = _geometric_median(measured / scale)
        found: list[Autoencoder] = []
        for size in config.sizes:
            batch = _train_size(source, config, size, resolved, scale, centre, bar)
            found += _measured(batch, config, size, scale, measured)
    return tuple(found)


def _train_size(
    source: Activations,
    config: AutoencoderConfig,
    size: int,
    seed: int,
    scale: float,
    centre: FloatArray,
    bar: tqdm[Any],
) -> AutoencoderBatch:
    settings = [setting for setting in config.settings if setting[0] == size]
    sparsities = np.array([sparsity for _, sparsity, _ in settings])
    topk = config.activation == "topk"
    batch = AutoencoderBatch(
        source.n_hidden,
        size,
        config.batch_size,
        np.zeros(len(settings)) if topk else sparsities,
        tuple(int(k) for k in sparsities) if topk else None,
    )
    for k, (_, _, restart) in enumerate(settings):
        generator = np.random.default_rng(Purpose.INITIAL_VALUES.stream(seed, size, restart))
        directions = torch.from_numpy(_directions(generator, source.n_hidden, size))
        batch.decoder[k] = directions
        batch.encoder[k] = directions
    batch.centre[:] = torch.from_numpy(centre)

    samples = _scaled(source, config.batch_size, Purpose.BATCHES.stream(seed), scale)
    optimisers = (
        Adam(batch.theta, batch.gradient),
        Adam(batch.centre, batch.centre_gradient),
    )
    for step in range(config.n_steps):
        h = next(samples)
        if config.resamples_at(step):
            errors = batch.squared_errors(h).double().numpy()
            for k, (_, _, restart) in enumerate(settings):
                stream = Purpose.RESAMPLING.stream(seed, size, restart, step)
                _resample(batch, k, ~batch.fired[k].numpy(), h.numpy(), errors[k], stream)
            batch.fired.zero_()
        batch.backward(h)
        for optimiser in optimisers:
            optimiser.step(config.learning_rate_at(step))
        batch.normalise()
        bar.update()
    if not optimisers[0].is_finite().all():
        raise GeomsupError(
            f"autoencoders with {size} latents are no longer finite after {config.n_steps} steps; "
            "try a smaller learning_rate"
        )
    return batch


def _resample(
    batch: AutoencoderBatch,
    k: int,
    dead: NDArray[np.bool_],
    samples: NDArray[np.float32],
    errors: FloatArray,
    stream: np.random.SeedSequence,
) -> None:
    """Start dead latents of instance k again, towards samples that are reconstructed badly.

    A sample is chosen with probability proportional to its squared loss (Bricken et al. 2023).
    The optimiser keeps its moments: those of a latent without gradient have faded by then.
    """
    weights = errors**2
    if not dead.any() or not weights.any():
        return
    generator = np.random.default_rng(stream)
    chosen = generator.choice(len(errors), size=int(dead.sum()), p=weights / weights.sum())
    towards = samples[:, chosen] - batch.centre[k, 0].numpy()[:, None]
    norms = np.linalg.norm(towards, axis=0)
    usable = norms > 0.0
    latents = np.flatnonzero(dead)[usable]
    directions = torch.from_numpy(towards[:, usable] / norms[usable])
    living = batch.encoder[k].norm(dim=0)[torch.from_numpy(~dead)]
    length = float(living.mean()) if len(living) else 1.0
    batch.decoder[k][:, latents] = directions
    batch.encoder[k][:, latents] = _RESAMPLED_NORM * length * directions
    batch.bias[k][latents] = 0.0


def _measured(
    batch: AutoencoderBatch,
    config: AutoencoderConfig,
    size: int,
    scale: float,
    measured: NDArray[np.float32],
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


def _directions(generator: np.random.Generator, n_hidden: int, size: int) -> FloatArray:
    vectors: FloatArray = generator.standard_normal((n_hidden, size))
    vectors /= np.linalg.norm(vectors, axis=0)
    return vectors


def _scaled(
    source: Activations, size: int, seed: np.random.SeedSequence, scale: float
) -> Iterator[torch.Tensor]:
    for batch in source.batches(size, seed):
        yield torch.from_numpy(batch / np.float32(scale))
