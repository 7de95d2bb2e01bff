"""Did the dictionary find the directions that are there?

Latents are not negative, so a latent reads and writes one direction, not a line: one at −W_i is no
match of feature i, and cosines keep their signs throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import permutations
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from scipy.stats import beta

from geomsup.dictionary.activations import ToyActivations
from geomsup.dictionary.autoencoder import Autoencoder, check_autoencoders
from geomsup.errors import GeomsupError
from geomsup.geometry.classify import geometry_of
from geomsup.geometry.gram import unit_columns
from geomsup.geometry.interference import represented_features
from geomsup.geometry.report import GeometryReport
from geomsup.training.streams import Stream, stream_seed
from geomsup.validation import brief, number_within, numbers, positive_integer, seed_number
from geomsup.weights import as_numbers, as_weights, matrix_of

__all__ = [
    "Recovery",
    "agreement",
    "chance_share",
    "cosines_between",
    "loss_recovered",
    "recover_features",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

_SAMPLES = 1 << 15


@dataclass(frozen=True, kw_only=True, eq=False)
class Recovery:
    """Which features a dictionary has found.

    Parameters
    ----------
    features : ndarray of shape (n_represented,)
        The represented features of the truth.
    latents : ndarray of shape (n_represented,)
        The latent matched with each of them; -1 if none is left or none has a positive cosine.
    cosines : ndarray of shape (n_represented,)
        Cosine between the two; 0 without a latent.
    threshold : float
        Cosine from which a feature counts as recovered.
    n_dead : int
        Latents that were never active, and are matched with nothing.
    living : ndarray of shape (n_living,)
        The other latents.
    similarities : ndarray of shape (n_represented, n_living)
        Cosines of all pairs.
    W : ndarray of shape (n_hidden, n_features)
        The truth.
    directions : ndarray of shape (n_hidden, n_features)
        Unit directions of the matched latents, in the places of their features; zero elsewhere.
    """

    features: IntArray
    latents: IntArray
    cosines: FloatArray
    threshold: float
    n_dead: int
    living: IntArray
    similarities: FloatArray
    W: FloatArray
    directions: FloatArray

    @cached_property
    def truth(self) -> GeometryReport:
        """The geometry of the represented features."""
        return geometry_of(self.W)

    @cached_property
    def seen(self) -> GeometryReport:
        """The geometry of the latents that are matched with them."""
        return geometry_of(self.directions)

    @property
    def recovered(self) -> NDArray[np.bool_]:
        """Which of the represented features are recovered, of shape (n_represented,)."""
        return self.cosines >= self.threshold

    @property
    def share(self) -> float:
        """Share of the represented features that are recovered."""
        return float(self.recovered.mean())

    @property
    def same_geometry(self) -> bool:
        """Whether the latents form the same structures as the features, of the same members."""
        return _structures(self.seen) == _structures(self.truth)

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        return {
            "features": self.features.tolist(),
            "latents": self.latents.tolist(),
            "cosines": self.cosines.tolist(),
            "threshold": self.threshold,
            "share": self.share,
            "n_dead": self.n_dead,
            "same_geometry": self.same_geometry,
            "truth": self.truth.to_dict(),
            "seen": self.seen.to_dict(),
        }

    def __str__(self) -> str:
        return (
            f"{int(self.recovered.sum())} of {len(self.features)} represented features recovered "
            f"(cosine ≥ {self.threshold:g}; mean {self.cosines.mean():.3f}, least "
            f"{self.cosines.min():.3f}), {self.n_dead} dead latents\n"
            f"there: {self.truth.summary()}\nseen:  {self.seen.summary()}"
        )

    __repr__ = __str__


def recover_features(
    dictionary: Autoencoder | object,
    W: object,
    *,
    threshold: float = 0.95,
    feature_axis: int = -1,
) -> Recovery:
    """Match the latents of a dictionary with the true directions.

    Parameters
    ----------
    dictionary : Autoencoder, or array_like of shape (n_hidden, n_latents)
        Its living latents take part; of a bare decoder, all columns that are not zero.
    W : array_like of shape (n_hidden, n_features)
        The truth; columns are features.  Those that `classify_geometry` counts as not represented
        take no part.
    threshold : float, default 0.95
        Cosine from which a feature counts as recovered.
    feature_axis : int, default -1
        0 if the rows of ``W`` are features; a dictionary has its directions in columns.

    Returns
    -------
    Recovery

    Raises
    ------
    GeomsupError
        If the two have different numbers of dimensions, or no feature is represented.

    Notes
    -----
    The matching is the assignment of different latents to different features with the greatest
    sum of positive cosines (``scipy.optimize.linear_sum_assignment``).  It does not change when
    latents are permuted or scaled, or when both sides are rotated.

    Examples
    --------
    >>> from geomsup.dictionary import recover_features
    >>> W = [[1, 0, -1], [0, 1, -1]]
    >>> recovery = recover_features([[-1, 0, 2, 0], [-1, 3, 0, -1]], W)
    >>> recovery.latents.tolist(), recovery.share
    ([2, 1, 0], 1.0)
    >>> recover_features([[-1, 0], [0, 1]], [[1, 0], [0, 1]]).cosines.tolist()  # -W_0 is no match
    [0.0, 1.0]
    """
    least = numbers("threshold", threshold)
    if least.ndim or not 0.0 < least <= 1.0:
        raise GeomsupError(f"threshold must lie above 0 and at most at 1, got {brief(threshold)}")
    weights = as_weights(W, feature_axis=feature_axis)
    norms = unit_columns(weights)[1]
    features = np.flatnonzero(represented_features(norms, n_hidden=len(weights)).mask)
    if not len(features):
        raise GeomsupError("no feature of W is represented, so there is nothing to recover")
    decoder, living = _living(dictionary)
    if decoder.shape[0] != len(weights):
        raise GeomsupError(
            f"the dictionary has {decoder.shape[0]} dimensions and W has {len(weights)}; decoders "
            "and W are (n_hidden, …), columns are directions"
        )
    cosines = cosines_between(weights[:, features], decoder[:, living])
    rows, columns = linear_sum_assignment(-np.maximum(cosines, 0.0))
    similar = cosines[rows, columns] > 0.0
    rows, columns = rows[similar], columns[similar]
    latents = np.full(len(features), -1, dtype=np.intp)
    matched = np.zeros(len(features))
    latents[rows], matched[rows] = living[columns], cosines[rows, columns]
    directions = np.zeros_like(weights)
    directions[:, features[rows]] = unit_columns(decoder[:, latents[rows]])[0]
    return Recovery(
        features=features,
        latents=latents,
        cosines=matched,
        threshold=float(least),
        n_dead=decoder.shape[1] - len(living),
        living=living,
        similarities=cosines,
        W=weights,
        directions=directions,
    )


def cosines_between(a: FloatArray, b: FloatArray) -> FloatArray:
    """Cosines between columns, of shape (columns of a, columns of b)."""
    return np.clip(unit_columns(a)[0].T @ unit_columns(b)[0], -1.0, 1.0)


def chance_share(n_hidden: int, n_latents: int, threshold: float = 0.95) -> float:
    """Probability that at least one of n random directions is as near to a feature as a match.

    In few dimensions that is no small number, and a share of recovered features means little
    without it.

    Parameters
    ----------
    n_hidden, n_latents : int
        Dimensions, and random directions in them.
    threshold : float, default 0.95
        Cosine from which on two directions match, in [-1, 1].

    Returns
    -------
    float

    Raises
    ------
    GeomsupError
        If a number is out of range.

    Examples
    --------
    >>> from geomsup.dictionary.recovery import chance_share
    >>> round(chance_share(2, 10), 2), round(chance_share(5, 40), 2)
    (0.66, 0.07)
    """
    m, n = positive_integer("n_hidden", n_hidden), positive_integer("n_latents", n_latents)
    cosine = number_within("threshold", threshold, -1, 1)
    half = 0.5 * (m - 1)
    # (1 + cos)/2 of two uniform directions follows Beta(half, half); on a line it is 0 or 1.
    near = float(beta.sf(0.5 * (1.0 + cosine), half, half)) if m > 1 else (0.5, 1.0)[cosine <= -1]
    return 1.0 - (1.0 - near) ** n


def agreement(dictionaries: Sequence[Autoencoder]) -> float:
    """How far dictionaries agree that nobody has told the truth.

    Parameters
    ----------
    dictionaries : sequence of Autoencoder
        At least two, such as the restarts of one setting.

    Returns
    -------
    float
        Mean over all ordered pairs of the mean, weighted by E z², of the greatest cosine that a
        latent of the first has with a living latent of the second.  At most 1, when all found the
        same directions.

    Raises
    ------
    GeomsupError
        If there are fewer than two.

    Notes
    -----
    Directions that are in the data are found again, whatever the initial values; directions that
    come from the initial values are not.  Sharkey et al. 2022 judge dictionaries by their mean
    maximum cosine in this way; the weights, which are new here, keep latents that hardly ever fire
    from deciding.

    Examples
    --------
    >>> from geomsup.dictionary import AutoencoderConfig, ToyActivations
    >>> from geomsup.dictionary import agreement, train_autoencoders
    >>> config = AutoencoderConfig(n_latents=4, penalty=0.3, n_restarts=2, n_steps=500)
    >>> source = ToyActivations([[1, -1, 0, 0], [0, 0, 1, -1]], 0.1)
    >>> bool(agreement(train_autoencoders(source, config, progress=False)) > 0.99)
    True
    """
    check_autoencoders(dictionaries)
    if len(dictionaries) < 2:
        raise GeomsupError(f"agreement needs at least two dictionaries, got {len(dictionaries)}")
    shares = []
    for a, b in permutations(dictionaries, 2):
        nearest = cosines_between(a.decoder, b.decoder[:, b.alive]).max(axis=1, initial=0.0)
        shares.append(a.power @ nearest / a.power.sum() if a.alive.any() else 0.0)
    return float(np.mean(shares))


def loss_recovered(
    dictionary: Autoencoder | Callable[[FloatArray], FloatArray],
    W: object,
    b: object,
    feature_probability: FloatArray | float,
    importance: FloatArray | float = 1.0,
    seed: int = 0,
) -> float:
    """How much of what a toy model knows survives the autoencoder.

    Parameters
    ----------
    dictionary : Autoencoder or callable
        Trained on the hidden activations of the model; or anything else that gives activations of
        shape (n_samples, n_hidden) back, such as ``autoencoder.refitted``.
    W, b : array_like of shape (n_hidden, n_features) and (n_features,)
        The model x̂ = ReLU(WᵀWx + b).
    feature_probability, importance : float or array-like of shape (n_features,)
        Of its data and its loss.
    seed : int, default 0

    Returns
    -------
    float
        (L₀ − L)/(L₀ − L*), where L* is the loss of the model, L its loss with Wx replaced by the
        reconstruction, and L₀ that with Wx replaced by zero: 1 where nothing is lost.

    Raises
    ------
    GeomsupError
        If the shapes do not fit, numbers are not finite, or the model has nothing to lose.

    Examples
    --------
    >>> from geomsup.dictionary import loss_recovered
    >>> W = [[1, -1, 0, 0], [0, 0, 1, -1]]
    >>> loss_recovered(lambda h: h, W, [0, 0, 0, 0], 0.1)  # anything that gives activations back
    1.0
    """
    source = ToyActivations(W, feature_probability)  # type: ignore[arg-type]  # checked there
    bias, weight = numbers("b", b), numbers("importance", importance)
    if bias.shape != (source.W.shape[1],):
        raise GeomsupError(f"b must have shape ({source.W.shape[1]},), got {bias.shape}")
    if weight.shape not in ((), bias.shape) or (weight < 0.0).any():
        raise GeomsupError(
            f"importance must be a number from 0 or one for each feature, got {brief(importance)}"
        )
    if not np.isfinite(bias).all() or not np.isfinite(weight).all():
        raise GeomsupError("b and importance must be finite")
    weight = np.broadcast_to(weight, bias.shape)
    stream = stream_seed(seed_number(seed), Stream.DICTIONARY_EVALUATION)
    x = next(source.features(_SAMPLES, stream)).astype(np.float64).T
    h = x @ source.W.T

    def loss(hidden: FloatArray) -> float:
        output = np.maximum(hidden @ source.W + bias, 0.0)
        return float((((output - x) ** 2) @ weight).mean())

    best, nothing = loss(h), loss(np.zeros_like(h))
    if nothing == best:
        raise GeomsupError("this model loses the same with and without its hidden activations")
    rebuild = dictionary.reconstruct if isinstance(dictionary, Autoencoder) else dictionary
    rebuilt = as_numbers(
        rebuild(h.copy()), "what dictionary gives back"
    )  # a copy, for whoever works in place
    if rebuilt.shape != h.shape:
        raise GeomsupError(
            f"dictionary must give activations of shape {h.shape} back, got {rebuilt.shape}"
        )
    return (nothing - loss(rebuilt)) / (nothing - best)


def _living(dictionary: Autoencoder | object) -> tuple[FloatArray, IntArray]:
    if isinstance(dictionary, Autoencoder):
        return dictionary.decoder, np.flatnonzero(dictionary.alive)
    decoder = matrix_of(dictionary)  # it may well be smaller than the space
    return decoder, np.flatnonzero(decoder.any(axis=0))


def _structures(report: GeometryReport) -> set[tuple[str, tuple[int, ...]]]:
    return {(component.name, component.features) for component in report.components}
