r"""How often chance alone brings two directions as close as they are, without sampling.

Two backgrounds: independent uniform directions (:class:`IsotropicNull`), and directions of a
Gaussian with the mean and the covariance of the matrix itself (:class:`MatchedNull`), which
shares the matrix's anisotropy.  :func:`benjamini_hochberg` turns the p-values of the closest
pairs among very many into a list with a bounded share of false ones.

Everything stays in logarithms, because a p-value that survives 10¹¹ comparisons is small.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import integrate, special

from geomsup.errors import GeomsupError
from geomsup.nulls.directions import fit_directions
from geomsup.nulls.quadratic_forms import Forms, Spectrum, log_away, log_both
from geomsup.validation import (
    brief,
    number_within,
    numbers,
    positive_integer,
    random_generator,
    whole_number,
)
from geomsup.weights import as_weights

__all__ = ["IsotropicNull", "MatchedNull", "benjamini_hochberg"]

FloatArray = NDArray[np.float64]

# Pairs times dimensions that are worked on at once: 2 MB an array, which stays in a cache.
_BLOCK = 2**18
# A mean that is this near to the span of the variances, of the length of all, is in it.
_NO_MEAN = 1e-6
# Below it betainc loses digits to subnormal numbers.
_TINY = 1e-290


class IsotropicNull:
    r"""Cosines between independent, uniformly distributed directions.

    The square of the cosine between a fixed and a uniform direction in :math:`d` dimensions has
    the law Beta(½, (d−1)/2), so

    .. math:: P(|\cos| > t) = I_{1-t^2}\left(\tfrac{d-1}{2}, \tfrac12\right),

    with the regularised incomplete beta function :math:`I`; one side has half of it.

    Parameters
    ----------
    dim : int
        Number of dimensions, at least 2.

    Examples
    --------
    >>> from geomsup.nulls.gaussian import IsotropicNull
    >>> null = IsotropicNull(128)
    >>> round(null.expected_abs, 6), round(null.expected_max(1024), 5)
    (0.070662, 0.29879)
    >>> float(null.log_tail(0.99)) < -200
    True
    """

    def __init__(self, dim: int) -> None:
        self.dim = whole_number("dim", dim, 2)

    def __repr__(self) -> str:
        return f"IsotropicNull(dim={self.dim})"

    def log_tail(self, t: ArrayLike, *, sign: int | None = None) -> FloatArray:
        """Logarithm of P(\\|cos\\| > t), or with `sign` of P(sign·cos > t).

        Parameters
        ----------
        t : array_like
            Thresholds in [−1, 1], of any shape.
        sign : 1, -1 or None, default None
            One side, or (None) both.  The two sides are equal here.

        Returns
        -------
        ndarray of the shape of `t`
            Natural logarithms; −inf at t = 1.
        """
        t = _cosines("t", t)
        both: FloatArray = self._log_two_sided(np.abs(t))
        if sign is None:
            return np.where(t < 0, 0.0, both)
        _signs(sign)
        return np.where(t < 0, np.log1p(-np.exp(both) / 2), both - np.log(2))

    @property
    def expected_abs(self) -> float:
        """E|cos| = Γ(d/2) / (√π Γ((d+1)/2))."""
        return float(1 / (np.sqrt(np.pi) * special.poch(self.dim / 2, 0.5)))

    def expected_max(self, n: int) -> float:
        """E max|cos| of one direction with `n` independent others, ∫ 1 − (1 − P(|cos| > t))ⁿ dt."""
        n = positive_integer("n", n)

        def some_beyond(t: float) -> float:
            with np.errstate(divide="ignore"):
                none = n * np.log1p(-np.exp(self._log_two_sided(np.array(t))))
            return float(-np.expm1(none))

        # The integrand falls from 1 to 0 about the threshold that one of n exceeds.
        middle = float(np.sqrt(1 - special.betaincinv((self.dim - 1) / 2, 0.5, 1 / (n + 1))))
        edges = np.array([0, 0.5, 0.8, 1, 1.2, 1.5, 1 / middle]) * middle
        pieces = pairwise(np.unique(np.minimum(edges, 1)))
        return float(sum(integrate.quad(some_beyond, a, b, epsabs=1e-10)[0] for a, b in pieces))

    def draw(self, n: int, seed: int | np.random.Generator | None) -> NDArray[np.float32]:
        """Independent uniform directions, unit rows of shape (n, dim) in float32."""
        rows = random_generator(seed).standard_normal((n, self.dim), dtype=np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    def _log_two_sided(self, t: FloatArray) -> FloatArray:
        a = (self.dim - 1) / 2
        x = (1 - t) * (1 + t)
        tail = special.betainc(a, 0.5, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            # I_x(a, b) = x^a (1−x)^b / (a B(a, b)) · ₂F₁(a+b, 1; a+1; x), DLMF 8.17.8
            far = a * np.log(x) + np.log(t) - np.log(a) - special.betaln(a, 0.5)
            far = far + np.log(special.hyp2f1(a + 0.5, 1.0, a + 1, np.where(tail > _TINY, 0, x)))
            near = np.log1p(-special.betainc(0.5, a, t * t))
            log_tail: FloatArray = np.where(
                tail > 0.5, near, np.where(tail > _TINY, np.log(tail), far)
            )
        return np.where(x <= 0, -np.inf, log_tail)


class MatchedNull:
    r"""Cosines with the direction of a Gaussian that has the mean and covariance of a matrix.

    For a unit direction :math:`u` and :math:`v \sim N(\mu, \Sigma)`, so that :math:`v/|v|` has an
    angular Gaussian law [1]_,

    .. math::

        \cos(u, v) > t \ge 0 \Leftrightarrow
        Q = v^\top (u u^\top - t^2 I) v > 0, \; x = u^\top v > 0.

    In the eigenbasis of :math:`\Sigma` (eigenvalues :math:`\lambda_k`, entries :math:`a_k` of
    :math:`u`), with :math:`d_k = 1/(1 + 2 s t^2 \lambda_k)`, the cumulant function of :math:`Q` is

    .. math::

        K(s) = -\tfrac12 \sum_k \log(1 + 2 s t^2 \lambda_k) - s t^2 \sum_k \mu_k^2 d_k
               - \tfrac12 \log g + s \, m^2 / g, \quad
        m = \sum_k a_k \mu_k d_k, \quad g = 1 - 2 s \sum_k a_k^2 \lambda_k d_k,

    analytic off the real axis, with a branch point at the only root :math:`s_+ > 0` of :math:`g`.

    Notes
    -----
    Both sides together are the inversion integral of :math:`e^{K(s)}/s` on a path through the
    saddle point of :math:`K(s) - \log s` [2]_.  With the half space, :math:`Q` has the transform
    :math:`e^{K(s)} \Phi(m / \sqrt{g \sum a^2 \lambda d})`.  Its path can be laid around the cut
    :math:`[s_+, \infty)` when :math:`m(s_+) \le 0`, where the two banks differ by a Gaussian
    integral over :math:`x \in i\mathbb{R}`, and what is left is real and positive:

    .. math:: P(\text{the side away from } m(s_+)) =
              \frac{1}{2\pi} \int_{s_+}^\infty e^{K(s)} \frac{ds}{s},
              \quad |g| \text{ for } g \text{ in } K.

    Both sides are alike at :math:`\mu = 0`; otherwise the side towards :math:`m(s_+)` is the
    difference of the two integrals.  Lugannani and Rice's formula [3]_ expands the first one at
    its saddle point [4]_.  A form with one positive direction is a gamma variable of shape ½ far
    out, so the formula overshoots there by up to Stirling's error for Γ(½), 17 %: measured on round
    Gaussians of 16 to 768 dimensions, −1.4 to 1.4 % for p from .25 to .1, 8 to 13 % at 1e-10, 11 to
    16 % at 1e-30.  So no expansion is made, and both integrals are
    summed by the trapezoidal rule, in variables in which that converges geometrically.  For
    :math:`\mu = 0, \Sigma = I` the second one *is* the incomplete beta integral of
    :class:`IsotropicNull`.  Pairs go through in blocks, at O(m) each.

    References
    ----------
    .. [1] D. E. Tyler (1987), Statistical analysis for the angular central Gaussian distribution
       on the sphere. Biometrika 74, 579–589.
    .. [2] S. O. Rice (1980), Distribution of quadratic forms in normal random variables: evaluation
       by numerical integration. SIAM J. Sci. Stat. Comput. 1, 438–448.
    .. [3] R. Lugannani, S. O. Rice (1980), Saddle point approximation for the distribution of the
       sum of independent random variables. Adv. Appl. Prob. 12, 475–490.
    .. [4] R. W. Butler (2007), Saddlepoint Approximations with Applications. Cambridge.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup.nulls.gaussian import MatchedNull
    >>> W = np.random.default_rng(0).normal(size=(16, 500)) + 0.5  # columns are features
    >>> null = MatchedNull.of(W, feature_axis=-1)
    >>> u = np.ones(16)  # along the mean: large cosines are common on its side alone
    >>> np.round(null.log_tail(u, 0.5, sign=[1, -1]), 1)
    array([ -0.8, -10. ])
    """

    def __init__(self, mean: ArrayLike, covariance: ArrayLike) -> None:
        mean, covariance = numbers("mean", mean), numbers("covariance", covariance)
        if mean.ndim != 1 or not mean.size or covariance.shape != (mean.size, mean.size):
            raise GeomsupError(
                "expected a mean of shape (m,) and a covariance of shape (m, m), "
                f"got {mean.shape} and {covariance.shape}"
            )
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise GeomsupError("mean and covariance must be finite; drop the features that are not")
        largest = np.abs(covariance).max()
        if np.abs(covariance - covariance.T).max() > 1e-8 * largest:
            raise GeomsupError("covariance must be symmetric; pass (C + C.T) / 2")
        variances, basis = np.linalg.eigh((covariance + covariance.T) / 2)
        if variances[0] < -1e-8 * largest or variances[-1] <= 0:
            raise GeomsupError(
                "expected a covariance with a positive eigenvalue and no negative one, got "
                f"{brief(variances)}; where nothing varies there is no background"
            )
        # What is smaller is rounding of the eigenvalues, not variance.
        variances[variances < mean.size * np.finfo(float).eps * variances[-1]] = 0.0
        mean = basis.T @ mean
        # Directions have no scale: variance and squared mean together are 1.
        size = float(np.hypot(np.linalg.norm(mean), np.sqrt(variances.sum())))
        self._basis, self._mean = basis, mean / size
        self._variances = variances / size / size
        self._spectrum = Spectrum.of(self._variances, self._mean)

    @classmethod
    def of(cls, W: object, *, feature_axis: int) -> MatchedNull:
        """The null that is matched to the features of a matrix.

        Parameters
        ----------
        W : array_like, tensor or path
            What :func:`geomsup.classify_geometry` takes.  Features of norm 0 have no direction
            and are left out; the norms of the others do not count.
        feature_axis : int
            The axis that counts the features: -1 when columns are features, 0 when rows are.

        Notes
        -----
        The Gaussian is the one whose *directions* have the mean and covariance of the matrix's
        (:func:`geomsup.nulls.directions.fit_directions`).  The covariance of n directions in m
        dimensions is uneven by chance alone: of uniform ones tr S² is 1/m + 1/n, so that the null
        spreads cosines √(1 + m/n) times as widely as their law does, 12 % more at n = 4m.  With few
        features for each dimension its p-values are too large, not too small.
        """
        features = as_weights(W, feature_axis=feature_axis).T
        norms = np.linalg.norm(features / max(np.abs(features).max(), 1e-300), axis=1)
        features, norms = features[norms > 0], norms[norms > 0]
        if len(features) < 2:
            raise GeomsupError(
                f"expected two or more features of norm above 0, got {len(features)}"
            )
        units = features / np.linalg.norm(features, axis=1, keepdims=True)
        return cls(*fit_directions(lambda: [units], units.shape[1]))

    @property
    def moments(self) -> tuple[FloatArray, FloatArray]:
        """Mean (m,) and covariance (m, m), of total size tr Σ + |μ|² = 1."""
        return self._basis @ self._mean, (self._basis * self._variances) @ self._basis.T

    def draw(self, n: int, seed: int | np.random.Generator | None) -> NDArray[np.float32]:
        """Directions of as many independent draws, unit rows of shape (n, m) in float32."""
        numbers_drawn = random_generator(seed).standard_normal((n, self.dim), dtype=np.float32)
        factor = (self._basis * np.sqrt(self._variances)).astype(np.float32)
        rows = numbers_drawn @ factor.T
        rows += (self._basis @ self._mean).astype(np.float32)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        return rows

    @property
    def dim(self) -> int:
        """Number of dimensions m."""
        return int(self._mean.size)

    @property
    def rank(self) -> int:
        """Number of dimensions that the directions take up, with that of the mean."""
        beside = np.linalg.norm(self._mean[self._variances == 0]) > _NO_MEAN
        return int(np.count_nonzero(self._variances)) + int(beside)

    def __repr__(self) -> str:
        share = float(self._mean @ self._mean)
        return f"MatchedNull(dim={self.dim}, share of the mean {share:.3f})"

    def log_tail(self, u: ArrayLike, t: ArrayLike, sign: ArrayLike) -> FloatArray:
        """Logarithm of P(sign·cos(u, v) > t) given `u`.

        Parameters
        ----------
        u : array_like of shape (m,) or (n_pairs, m)
            Directions; their norms do not matter.
        t : float or array_like of shape (n_pairs,)
            Thresholds in [−1, 1].
        sign : 1, -1 or array_like of those, of shape (n_pairs,)
            Which side.

        Returns
        -------
        ndarray of shape (n_pairs,), or () when all three are single
            Natural logarithms; −inf where the event has probability 0.
        """
        u, t, sign = self._units(u), _cosines("t", t), _signs(sign)
        shapes = {array.shape for array in (u[..., 0], t, sign)} - {()}
        if len(shapes) > 1 or any(len(shape) > 1 for shape in shapes):
            raise GeomsupError(
                "u, t and sign must agree in the number of pairs, got shapes "
                f"{u.shape}, {t.shape} and {sign.shape}"
            )
        shape = shapes.pop() if shapes else ()
        n_pairs = shape[0] if shape else 1
        u = np.broadcast_to(u, (n_pairs, self.dim))
        t, sign = np.broadcast_to(t, n_pairs), np.broadcast_to(sign, n_pairs)
        log_p = np.empty(n_pairs)
        # Below 0, P(cos > t) = 1 − P(−cos > −t).
        below = t < 0
        plus = sign * np.where(below, -1, 1) > 0
        for block in self._blocks(n_pairs):
            sides = self._log_tails(u[block] @ self._basis, np.abs(t[block]), plus[block])
            log_p[block] = np.where(plus[block], *sides)
        with np.errstate(divide="ignore"):
            log_p[below] = np.log(-np.expm1(log_p[below]))
        return log_p.reshape(shape)

    def log_tails(self, u: ArrayLike, t: ArrayLike) -> tuple[FloatArray, FloatArray]:
        """Logarithms of P(cos(u, v) > t) and P(cos(u, v) < -t), faster than one by one.

        Parameters
        ----------
        u : array_like of shape (n_pairs, m)
        t : float or array_like of shape (n_pairs,)
            In [0, 1].

        Returns
        -------
        above, below : ndarray of shape (n_pairs,)
        """
        u = np.atleast_2d(self._units(u))
        t = np.broadcast_to(np.abs(_cosines("t", t)), len(u))
        above, below = np.empty(len(u)), np.empty(len(u))
        for block in self._blocks(len(u)):
            above[block], below[block] = self._log_tails(u[block] @ self._basis, t[block])
        return above, below

    def _blocks(self, n_pairs: int) -> Iterator[slice]:
        step = max(1, _BLOCK // self.dim)
        return (slice(start, start + step) for start in range(0, n_pairs, step))

    def _units(self, u: ArrayLike) -> FloatArray:
        directions = numbers("u", u)
        if directions.ndim not in (1, 2) or directions.shape[-1] != self.dim:
            raise GeomsupError(
                f"u must have shape (m,) or (n_pairs, m) with m = {self.dim}, "
                f"got {directions.shape}"
            )
        norms = np.linalg.norm(directions, axis=-1, keepdims=True)
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            raise GeomsupError("every u must be a finite direction of norm above 0")
        units: FloatArray = directions / norms
        return units

    def _log_tails(
        self, a: FloatArray, t: FloatArray, plus: NDArray[np.bool_] | None = None
    ) -> tuple[FloatArray, FloatArray]:
        """Both sides beyond t ≥ 0, or of each pair at least the one where cos > 0 is `plus`."""
        forms = Forms.of(self._spectrum, a * a, a * self._mean, t)
        side = forms.mean_at_end()
        away, towards = log_away(forms), np.zeros_like(t)
        # Without a mean the sides are alike, and one that nobody asks for need not be known.
        alike = side == 0
        wanted = ~alike if plus is None else ~alike & ((side > 0) == plus)
        if wanted.any():
            both = log_both(forms.select(wanted))
            # The rest cannot vanish; where rounding says so it is lost in the sum.
            none = np.isneginf(both)
            share = np.exp(np.minimum(away[wanted] - np.where(none, 0.0, both), 0.0))
            towards[wanted] = both + np.log1p(-np.minimum(share, 1 - 1e-12))
        towards[alike] = away[alike]
        for log_p in (away, towards):
            log_p[t >= 1] = -np.inf
            np.minimum(log_p, 0.0, out=log_p)
        is_plus = side > 0
        return np.where(is_plus, towards, away), np.where(is_plus, away, towards)


def benjamini_hochberg(
    log_p: ArrayLike, n_tests: int, q: float = 0.05
) -> tuple[float, NDArray[np.bool_]]:
    r"""Which of many tests to believe so that at most a share `q` of them is expected false.

    With p-values in rising order, the largest :math:`k` with :math:`p_{(k)} \le q k / N` gives the
    threshold, and all p-values up to it are believed (Benjamini & Hochberg 1995, J. R. Statist.
    Soc. B 57, 289–300).  Only the smallest p-values need be known: all those up to `q`.

    Parameters
    ----------
    log_p : array_like
        Natural logarithms of the known p-values, of any shape; every other p-value must be larger
        than all of them.
    n_tests : int
        Number N of tests in all, known and unknown.
    q : float, default 0.05
        Bound on the expected share of false discoveries.

    Returns
    -------
    threshold : float
        Logarithm of the largest p-value believed; −inf when none is.
    mask : ndarray of bool, of the shape of `log_p`
        Which are believed.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup.nulls.gaussian import benjamini_hochberg
    >>> threshold, mask = benjamini_hochberg(np.log([0.03, 1e-4, 0.004]), n_tests=10)
    >>> round(float(np.exp(threshold)), 4), mask
    (0.004, array([False,  True,  True]))
    """
    log_p = numbers("log_p", log_p)
    if np.isnan(log_p).any() or (log_p > 1e-9).any():
        raise GeomsupError("log_p must be logarithms of probabilities, at most 0")
    n_tests = whole_number("n_tests", n_tests, max(1, log_p.size))
    q = number_within("q", q, 0.0, 1.0)
    ordered = np.sort(log_p, axis=None)
    with np.errstate(divide="ignore"):
        bounds = np.log(q * np.arange(1, ordered.size + 1) / n_tests)
    passed = np.flatnonzero(ordered <= bounds)
    if not passed.size:
        return -np.inf, np.zeros(log_p.shape, dtype=np.bool_)
    threshold = float(ordered[passed[-1]])
    return threshold, log_p <= threshold


def _cosines(name: str, value: object) -> FloatArray:
    array = numbers(name, value)
    if not np.all(np.abs(array) <= 1):  # NaN fails too
        raise GeomsupError(f"{name} must be cosines in [-1, 1], got {brief(value)}")
    return array


def _signs(value: object) -> FloatArray:
    array = numbers("sign", value)
    if not np.all(np.abs(array) == 1):
        raise GeomsupError(f"sign must be 1 or -1, got {brief(value)}")
    return array
