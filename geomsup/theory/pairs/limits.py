"""The laws behind the map of pairs, to leading order as p → 0.

A pair collapsed onto its mean direction answers (x_1 + x_2) / 2 for both members and pays what that
misses, the residual variance 2 E ((x_1 − x_2) / 2)² = p/3 − E x_1 x_2.  Kept apart its members pay
interference instead, with each other or with strangers.  Where the two prices are equal the pair
changes its strategy.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize

from geomsup.errors import GeomsupError, counted
from geomsup.restoring import Plain, read_only
from geomsup.theory.closed_forms import digon_loss, digon_optimum
from geomsup.theory.pairs.record import sizes_of
from geomsup.validation import number_within, positive_integer

__all__ = [
    "CollapseLimit",
    "collapse_limit",
    "collapsed_pair_loss",
    "critical_together",
    "opposed_pair_loss",
]

FloatArray = NDArray[np.float64]

# Starts of the small problem behind a slope, and when its iteration has arrived.
_STARTS, _SEED = 16, 0
_ROUNDS, _ARRIVED = 12, 1e-9
_FEASIBLE = 1e-7
# Of a loss of the order of one.
_ROUNDED = 1e-15
_MOST_PAIRS = 6


def collapsed_pair_loss(
    feature_probability: float, together: float = 1.0, equal_values: float = 0.0
) -> float:
    """Loss of a pair that is collapsed onto its mean, in a dimension of its own.

    Both members have |W_i|² = ½, one direction, and no bias, so that both answers are the mean of
    the two: p/3 − E x_1 x_2 with E x_1 x_2 = p (c + (1 − c) p) (¼ + ρ/12), at every p, c and ρ.
    No output is ever negative, so that the ReLU does nothing: this is also the loss of the first
    principal component.

    Parameters
    ----------
    feature_probability : float
        p.
    together : float, default 1.0
        c: how often one gate decides for both members.
    equal_values : float, default 0.0
        ρ: how often the members that are present have the same value.

    Returns
    -------
    float

    Notes
    -----
    Own derivation, in docs/correlations.md.

    Examples
    --------
    >>> from geomsup.theory import FeatureModel, expected_loss
    >>> round(collapsed_pair_loss(0.2, 0.5), 12), round(0.2 / 3 - 0.2 * 0.6 / 4, 12)
    (0.036666666667, 0.036666666667)
    """
    p = number_within("feature_probability", feature_probability, 0.0, 1.0)
    c = number_within("together", together, 0.0, 1.0)
    rho = number_within("equal_values", equal_values, 0.0, 1.0)
    return p / 3.0 - p * (c + (1.0 - c) * p) * (0.25 + rho / 12.0)


def opposed_pair_loss(feature_probability: float, together: float = 1.0) -> float:
    """Loss of the best symmetric digon that a pair forms with itself, in one dimension.

    The members point in opposite directions, so that they disturb each other only when both are
    present, with probability q = p (c + (1 − c) p).  Given who is present nothing depends on c, and
    the loss is that of an independent digon, :func:`geomsup.theory.digon_loss`, with q for p².

    Parameters
    ----------
    feature_probability, together : float
        p and c, as in :func:`collapsed_pair_loss`; the values are independent.

    Returns
    -------
    float
        Minimum over |W_1|² = |W_2|² and b_1 = b_2.

    Notes
    -----
    To leading order, with q = c p and no bias, the best |W_i|² is (8 − 5c) / (8 − 6c), and the loss
    p (⅔ − (8 − 5c)² / (96 − 72c)).  Own derivation, in docs/correlations.md.

    Examples
    --------
    Independent members are the digon of the notes:

    >>> round(opposed_pair_loss(0.1, 0.0), 12)
    0.00331948399
    """
    p = number_within("feature_probability", feature_probability, 0.0, 1.0)
    c = number_within("together", together, 0.0, 1.0)
    q = p * (c + (1.0 - c) * p)

    best = digon_optimum(p, q)
    # At p = 1 no output is ever clipped: with b = |W_i|² = ½ the digon is the linear answer of
    # rank one, and as good as the collapsed pair.
    return collapsed_pair_loss(p, c) if best is None else digon_loss(*best, p, q)


def critical_together(feature_probability: float = 0.0) -> float:
    """The c at which one pair in one dimension collapses onto its mean.

    Below it the members are opposed, a digon of the pair's own; above it principal component
    analysis is the better answer.

    Parameters
    ----------
    feature_probability : float, default 0.0
        p; zero stands for the limit, (40 − 4√14) / 43.

    Returns
    -------
    float
        c, at which :func:`collapsed_pair_loss` and :func:`opposed_pair_loss` are equal.

    Raises
    ------
    GeomsupError
        At p = 1, where both are there whatever c is.

    Notes
    -----
    To leading order the two losses, in units of p, are ⅓ − c/4 and ⅔ − (8 − 5c)² / (96 − 72c),
    equal where 43 c² − 80 c + 32 = 0.  Own derivation, in docs/correlations.md.

    Examples
    --------
    >>> round(critical_together(), 6)
    0.582171
    >>> round(critical_together(0.1), 6)
    0.537309
    """
    p = number_within("feature_probability", feature_probability, 0.0, 1.0)
    if p == 0.0:
        return float((40.0 - 4.0 * np.sqrt(14.0)) / 43.0)

    def difference(c: float) -> float:
        return (opposed_pair_loss(p, c) - collapsed_pair_loss(p, c)) / p

    if p == 1.0:
        raise GeomsupError(
            "expected a feature probability below 1, got 1: both members are there whatever c is"
        )
    # At c = 0 the digon wins by no more than rounding where p is near one.
    if difference(0.0) > -_ROUNDED:
        return 0.0
    return float(brentq(difference, 0.0, 1.0, xtol=1e-9))


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class CollapseLimit(Plain):
    """Where pairs that are always together leave the collapsed strategy, as p → 0.

    With 1 − ρ = λ p all configurations worth having answer equal values perfectly, and their
    losses are p² (λ V + Q): V is the loss per pair event when the two values differ, Q that of two
    pair events at once.  The collapsed strategy has V = k/12; it is left for another one
    when λ exceeds `slope`.

    Attributes
    ----------
    n_pairs, n_hidden : int
    slope : float
        λ* = min (Q − Q₀) / (V₀ − V): the critical ρ is 1 − λ* p to leading order.
    collapsed : tuple of float
        V₀ and Q₀ of the collapsed strategy.
    spread : tuple of float
        V and Q of the configuration that takes over.
    W : ndarray of shape (n_hidden, 2 · n_pairs)
        That configuration; its biases are zero.
    """

    n_pairs: int
    n_hidden: int
    slope: float
    collapsed: tuple[float, float]
    spread: tuple[float, float]
    W: FloatArray

    def at(self, feature_probability: float) -> float:
        """The critical ρ at a feature probability, to leading order."""
        p = number_within("feature_probability", feature_probability, 0.0, 1.0)
        return max(1.0 - self.slope * p, 0.0)

    def __str__(self) -> str:
        return (
            f"{sizes_of(self.n_pairs, self.n_hidden)}, always together, as p → 0: "
            f"collapsed for 1 − ρ < {self.slope:.9g} p"
        )

    __repr__ = __str__


def collapse_limit(n_pairs: int, n_hidden: int) -> CollapseLimit:
    """The law of the critical value correlation, 1 − ρ* = λ* p as p → 0.

    Parameters
    ----------
    n_pairs, n_hidden : int
        Two to six pairs in at least two dimensions, n_hidden < 2 · n_pairs < 4 · n_hidden.

    Returns
    -------
    CollapseLimit

    Raises
    ------
    GeomsupError
        If a size is out of range.

    Notes
    -----
    Best found from 16 seeded starts of a small constrained problem.  Own derivation, in
    docs/correlations.md.

    With 2m pairs in m dimensions nothing can open: sums of which no two make an acute angle lie
    along m axes, and a member that is not answered by the two sums of any other axis lies along its
    own, so that W_1 = W_2.

    Examples
    --------
    >>> print(collapse_limit(2, 2))
    2 pairs in 2 dimensions, always together, as p → 0: collapsed for 1 − ρ < 3.30702898 p
    >>> round(collapse_limit(2, 2).at(0.001), 6)
    0.996693
    """
    k, m = positive_integer("n_pairs", n_pairs), positive_integer("n_hidden", n_hidden)
    if not (m >= 2 and 2 <= k <= _MOST_PAIRS and m < 2 * k < 4 * m):
        raise GeomsupError(
            f"expected 2 to {_MOST_PAIRS} pairs in two dimensions or more, in more dimensions than "
            f"half the pairs and fewer than features, got {counted(k, 'pair')} in {m}; in one "
            "dimension a pair follows critical_together"
        )
    return _limit_of(k, m)


@lru_cache(maxsize=16)
def _limit_of(k: int, m: int) -> CollapseLimit:
    rng = np.random.default_rng(_SEED)
    starts = [rng.normal(size=(m, 2 * k)) / np.sqrt(2.0 * m) for _ in range(_STARTS)]
    tied = [np.repeat(W[:, ::2] + W[:, 1::2], 2, axis=1) for W in starts]
    collapsed = _prices(_lowest(tied, 0.0, tie=True))
    slope, best = 6.0, np.zeros((m, 2 * k))
    # Dinkelbach's iteration: minimise the difference of the losses, then put it to zero.
    for _ in range(_ROUNDS):
        best = _lowest(starts, slope, tie=False)
        spread = _prices(best)
        before, slope = slope, (spread[1] - collapsed[1]) / (collapsed[0] - spread[0])
        starts = [best, *starts[: _STARTS // 3]]
        if abs(before - slope) < _ARRIVED * slope:
            break
    return CollapseLimit(
        n_pairs=k, n_hidden=m, slope=slope, collapsed=collapsed, spread=spread, W=read_only(best)
    )


def _lowest(starts: list[FloatArray], ratio: float, *, tie: bool) -> FloatArray:
    """The lowest λ V + Q among the configurations that answer equal values perfectly."""
    m, n = starts[0].shape
    # Members that are tied have the same answers, and no constraint may stand there twice.
    step = 2 if tie else 1
    own = np.repeat(np.eye(n // 2, dtype=bool), 2, axis=0)[::step]  # feature i is of pair j

    def full(x: FloatArray) -> FloatArray:
        return np.repeat(x.reshape(m, n // 2), 2, axis=1) if tie else x.reshape(m, n)

    def untied(slopes: FloatArray) -> FloatArray:
        """Derivatives (…, m, n) in W as those in x."""
        kept = slopes[..., ::2] + slopes[..., 1::2] if tie else slopes
        return np.asarray(kept.reshape(*slopes.shape[:-2], -1))

    def price(x: FloatArray) -> tuple[float, FloatArray]:
        W = full(x)
        (unequal, of_unequal), (two_events, of_two) = _prices_of(W)
        pull = ratio * of_unequal + of_two
        return ratio * unequal + two_events, untied(W @ (pull + pull.T))

    def bounds(which: NDArray[np.bool_], sign: float) -> dict[str, Any]:
        def slopes(x: FloatArray) -> FloatArray:
            return sign * untied(_slopes_of_answers(full(x))[::step])[which]

        shift = 1.0 if sign > 0.0 else 0.0
        kind = "eq" if sign > 0.0 else "ineq"
        return {
            "type": kind,
            "fun": lambda x: sign * _answers(full(x))[::step][which] - shift,
            "jac": slopes,
        }

    constraints: Any = (bounds(own, 1.0), bounds(~own, -1.0))
    found = []
    for W in starts:
        options: Any = {"ftol": 1e-14, "maxiter": 300}
        start = (W[:, ::2] if tie else W).ravel()
        end: Any = minimize(
            price, start, jac=True, method="SLSQP", constraints=constraints, options=options
        )
        given = _answers(full(end.x))[::step]
        if max(np.abs(given[own] - 1.0).max(), given[~own].max()) < _FEASIBLE:
            found.append((float(end.fun), full(end.x)))
    return min(found, key=lambda one: one[0])[1]


def _answers(W: FloatArray) -> FloatArray:
    """W_i · (sum of pair j), (n_features, n_pairs): what feature i answers to equal values one."""
    return np.asarray(W.T @ (W[:, ::2] + W[:, 1::2]))


def _slopes_of_answers(W: FloatArray) -> FloatArray:
    """Derivatives of the answers, (n_features, n_pairs, n_hidden, n_features)."""
    m, n = W.shape
    sums = W[:, ::2] + W[:, 1::2]
    slopes = np.zeros((n, n // 2, m, n))
    for i in range(n):
        slopes[i, :, :, i] += sums.T
    for j in range(n // 2):
        slopes[:, j, :, 2 * j] += W.T
        slopes[:, j, :, 2 * j + 1] += W.T
    return slopes


def _prices(W: FloatArray) -> tuple[float, float]:
    """V, of a pair event with independent values, and Q, of two pair events with equal values."""
    (unequal, _), (two_events, _) = _prices_of(W)
    return unequal, two_events


def _prices_of(W: FloatArray) -> tuple[tuple[float, FloatArray], tuple[float, FloatArray]]:
    """V and Q, each with its derivatives in the entries of the Gram matrix."""
    gram, n = W.T @ W, W.shape[1]
    each = np.arange(n)
    partner = each ^ 1
    of_unequal, of_two = np.zeros_like(gram), np.zeros_like(gram)
    value, slope = _own_error(gram[each, partner])
    unequal = float(value.sum())
    of_unequal[each, partner] += slope
    strangers = np.repeat(~np.eye(n // 2, dtype=bool), 2, axis=0)
    value, first, second = _clipped_square(gram[:, ::2], gram[:, 1::2])
    unequal += float(value[strangers].sum())
    of_unequal[:, ::2] += np.where(strangers, first, 0.0)
    of_unequal[:, 1::2] += np.where(strangers, second, 0.0)
    value, slope = _hidden_square(-gram[:, ::2] - gram[:, 1::2])
    for place in (0, 1):
        of_two[:, place::2] -= np.where(strangers, slope, 0.0)
    return (unequal, of_unequal), (float(value[strangers].sum()), of_two)


def _own_error(overlap: FloatArray) -> tuple[FloatArray, FloatArray]:
    """E (x − relu((1 − h) x + h y))²: h²/6, less what the ReLU saves where h is negative."""
    k = np.maximum(-overlap, 0.0)
    saved = (2.0 + k) * k**3 / (12.0 * (1.0 + k) ** 2)
    of_saved = (k**2 * (6.0 + 4.0 * k)) / (12.0 * (1.0 + k) ** 2) - 2.0 * saved / (1.0 + k)
    return overlap**2 / 6.0 - saved, overlap / 3.0 + of_saved


def _clipped_square(
    first: FloatArray, second: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """E relu(α x + β y)² of two uniform values, α + β ≤ 0: α³ / (12 |β|) where α > 0."""
    high = np.maximum(np.maximum(first, second), 0.0)
    inside = -np.minimum(first, second) >= high  # the rest is only where the search comes from
    low = np.maximum(np.maximum(-np.minimum(first, second), high), 1e-300)
    value = np.where(inside, high**3 / (12.0 * low), high**2 / 12.0)
    of_high = np.where(inside, high**2 / (4.0 * low), high / 6.0)
    of_low = np.where(inside, value / low, 0.0)  # the derivative in the lower of the two, −|β|
    return (
        value,
        np.where(first >= second, of_high, of_low),
        np.where(first < second, of_high, of_low),
    )


def _hidden_square(kappa: FloatArray) -> tuple[FloatArray, FloatArray]:
    """E (u − relu(u − κ v))² = E min(u, κ v)² of two uniform values."""
    k, large = np.maximum(kappa, 0.0), np.maximum(kappa, 1.0)
    value = np.where(k <= 1.0, k**2 / 3.0 - k**3 / 6.0, 1.0 / 3.0 - 1.0 / (6.0 * large))
    return value, np.where(k <= 1.0, 2.0 * k / 3.0 - k**2 / 2.0, 1.0 / (6.0 * large**2))
