"""How likely the background is to have a direction, where features lean on some axes or one mean.

The evidence for a structure is a ratio to independent *uniform* directions.  Features of real
matrices are not uniform, and what the background itself brings about is no structure: the
directions of a Gaussian with their mean and covariance have a density of their own, and its
logarithm over the uniform one is taken from the evidence.  Where coordinates have heavier tails,
directions crowd around the axes as well, and Student's t takes the Gaussian's place.
"""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from geomsup.errors import GeomsupError
from geomsup.matching.evidence import log_sphere
from geomsup.validation import number_within, numbers

__all__ = ["AngularGaussian", "AngularStudent", "law_of"]

Array = NDArray[np.float64]

# Axes with less than this share of the largest variance are rounding, no dimension.
_LEAST_VARIANCE = 1e-9
# Degrees of freedom that are tried, and the least there are.
_DEGREES = (2.5, 3.0, 4.0, 6.0, 10.0, 20.0)
_LEAST_DEGREES = 2.1
# Share of the features that may lie along axes for reasons of their own.
_FEW = 0.05
# Steps to the length at which a direction is likeliest: each halves what is left, or better.
_CLIMB = 30
# Sweeps over all pairs of axes to the heaviest ones, at which angle these stand still, and in how
# many dimensions they are looked for: in more, a thousand directions cannot pay for the angles.
_SWEEPS, _STILL, _MOST_TURNED = 10, 1e-3, 64
# Numbers at a time: 32 MB.
_BLOCK = 2**22


class AngularGaussian:
    r"""The directions of a Gaussian, :math:`v/|v|` for :math:`v \sim N(\mu, \Sigma)`.

    Parameters
    ----------
    mean : array_like of shape (m,)
    covariance : array_like of shape (m, m)
    n : int, optional
        How many directions these were estimated from; None where they are known.

    Raises
    ------
    GeomsupError
        If the shapes disagree, or nothing varies.

    Notes
    -----
    With :math:`a = u^\top \Sigma^{-1} u`, :math:`b = u^\top \Sigma^{-1} \mu` and
    :math:`c = \mu^\top \Sigma^{-1} \mu`, the density on the sphere is

    .. math:: p(u) = (2\pi)^{-m/2} |\Sigma|^{-1/2}
              \int_0^\infty r^{m-1} e^{-(a r^2 - 2 b r + c)/2} \, dr,

    at :math:`b = 0` the angular central Gaussian of Tyler (1987, Biometrika 74, 579–589).  The
    integral is Laplace's, times what makes that exact at :math:`b = 0`.

    A density depends on the least variances as much as on the largest, and of few directions they
    come out much too small.  So estimated variances are drawn towards their mean, by the share that
    makes the expected error least for a Gaussian sample of that size (Chen, Wiesel, Eldar & Hero
    2010, IEEE Trans. Signal Process. 58, 5016–5029, OAS).

    Examples
    --------
    >>> law = AngularGaussian([0.0, 0.0], [[4.0, 0.0], [0.0, 1.0]])
    >>> np.round(np.exp(law.log_ratio(np.eye(2))), 12)  # √|Σ|⁻¹ / u'Σ⁻¹u
    array([2. , 0.5])
    """

    def __init__(self, mean: object, covariance: object, n: int | None = None) -> None:
        mean, covariance = numbers("mean", mean), numbers("covariance", covariance)
        if mean.ndim != 1 or covariance.shape != (mean.size, mean.size):
            raise GeomsupError(
                "expected a mean of shape (m,) and a covariance of shape (m, m), "
                f"got {mean.shape} and {covariance.shape}"
            )
        variances, basis = np.linalg.eigh(covariance)
        kept = variances > _LEAST_VARIANCE * variances[-1]
        if not kept.any():
            raise GeomsupError("the covariance is zero: directions that do not vary have no law")
        self._basis: Array = basis[:, kept]
        variances = variances[kept]
        self._variances: Array = variances if n is None else _drawn_to_round(variances, n)
        self._mean: Array = self._basis.T @ mean

    @property
    def dim(self) -> int:
        """Number of dimensions in which the background varies."""
        return len(self._variances)

    def rounded(self, units: Array) -> Array:
        """Return unit rows after the linear map that makes the second moments of the law round.

        Linear dependence survives it, and the background leans on no axis any more.
        """
        moments = np.diag(self._variances) + np.outer(self._mean, self._mean)
        energies, axes = np.linalg.eigh(moments)
        return _unit_rows(units @ (self._basis @ axes / np.sqrt(energies)))

    def log_ratio(self, units: Array) -> Array:
        """Return the log density of unit rows over the uniform one.

        Parameters
        ----------
        units : ndarray of shape (n, m)
            Where the background varies in fewer dimensions, what is outside them is left out.

        Returns
        -------
        ndarray of shape (n,)
        """
        m, (a, b, c) = self.dim, self._exponent(units)
        round_part = gammaln(m / 2) - np.log(2) + 0.5 * m * np.log(2 / a)
        bent = _laplace(a, b, m) - _laplace(a, np.zeros_like(b), m)
        scale = 0.5 * m * np.log(2 * np.pi) + 0.5 * np.log(self._variances).sum() + 0.5 * c
        return np.asarray(round_part + bent - scale + log_sphere(m))

    def _exponent(self, units: Array) -> tuple[Array, Array, float]:
        """Return a, b and c of the Notes."""
        projected, precisions = _unit_rows(units @ self._basis), 1 / self._variances
        a, b = (projected**2) @ precisions, projected @ (precisions * self._mean)
        return a, b, float((self._mean**2) @ precisions)


class AngularStudent(AngularGaussian):
    r"""The directions of :math:`\mu + \Sigma^{1/2} t`, each entry of t Student's, of variance 1.

    Parameters
    ----------
    mean, covariance, n
        As for :class:`AngularGaussian`.
    degrees : float
        Degrees of freedom of each entry, 2.1 or more: at 2 there is no variance.
    turn : ndarray of shape (m, m), optional
        Orthogonal; its columns are the axes of t, by default those of the matrix.

    Raises
    ------
    GeomsupError
        As there, and where the covariance is singular: then there is no entry for each axis.

    Notes
    -----
    The root is the symmetric one, so that without a turn tails are heavy along the axes of the
    matrix as far as its covariance allows.  With :math:`z = \Sigma^{-1/2} u` and
    :math:`c = \Sigma^{-1/2} \mu` the density on the sphere is

    .. math:: p(u) = |\Sigma|^{-1/2} \int_0^\infty r^{m-1} \prod_k f(r z_k - c_k) \, dr,

    by Laplace's method in log r.  Its peak is climbed by taking f for a mixture of Gaussians of all
    widths, each entry in turn with the width that it has in the mean: steps that never descend.

    Examples
    --------
    Directions near an axis are likelier than between two:

    >>> law = AngularStudent(np.zeros(2), np.eye(2), degrees=3)
    >>> np.round(np.exp(law.log_ratio(np.array([[1.0, 0.0], [0.5**0.5, 0.5**0.5]]))), 2)
    array([1.22, 0.84])
    """

    def __init__(
        self,
        mean: object,
        covariance: object,
        n: int | None = None,
        *,
        degrees: float,
        turn: Array | None = None,
    ) -> None:
        super().__init__(mean, covariance, n)
        if self.dim < len(self._basis):
            raise GeomsupError("a covariance that is singular leaves no entry for each axis")
        self.degrees = number_within("degrees", degrees, _LEAST_DEGREES, np.inf)
        self._whitening: Array = (self._basis / np.sqrt(self._variances)) @ self._basis.T
        self._centre: Array = self._basis @ (self._mean / np.sqrt(self._variances))
        if turn is not None:
            self._whitening, self._centre = self._whitening @ turn, self._centre @ turn

    def heavy_axes(self, units: Array) -> Array:
        """Return the orthogonal matrix, from these axes, to those along which tails are heaviest.

        They maximise the sum of the fourth powers of the whitened directions, two axes at a time
        (the quartimax of Neuhaus & Wrigley 1954, Br. J. Stat. Psychol. 7, 81–91).
        """
        along = _unit_rows(units @ self._whitening).T.copy()
        turn = np.eye(self.dim)
        for _ in range(_SWEEPS):
            largest = 0.0
            for pair in combinations(range(self.dim), 2):
                a, b = along[list(pair)]
                u, v = a * a - b * b, 2 * a * b
                angle = 0.25 * np.arctan2(2 * (u @ v), u @ u - v @ v)
                cos, sin = np.cos(angle), np.sin(angle)
                both = np.array([[cos, sin], [-sin, cos]])
                along[list(pair)], turn[list(pair)] = (
                    both @ along[list(pair)],
                    both @ turn[list(pair)],
                )
                largest = max(largest, abs(float(angle)))
            if largest < _STILL:
                break
        return turn.T

    def log_ratio(self, units: Array) -> Array:
        """Return the log density of unit rows over the uniform one, shape (n,)."""
        step = max(1, _BLOCK // self.dim)
        blocks = [self._log_ratio(units[k : k + step]) for k in range(0, len(units), step)]
        return np.concatenate([np.empty(0), *blocks])

    def _log_ratio(self, units: Array) -> Array:
        # Laplace's error is much the same for both laws, and the Gaussian's is known.
        m, (a, b, c), nu = self.dim, self._exponent(units), self.degrees
        z = _unit_rows(units) @ self._whitening
        r = _length(a, b, m)
        for _ in range(_CLIMB):
            weights = (nu + 1) / (nu - 2 + (r[:, None] * z - self._centre) ** 2)
            r = _length((weights * z**2).sum(axis=1), (weights * z) @ self._centre, m)
        y = r[:, None] * z
        x = y - self._centre
        spread = nu - 2 + x**2
        peak = m * np.log(r) - 0.5 * (nu + 1) * np.log(spread / (nu - 2)).sum(axis=1)
        curvature = (nu + 1) * ((y**2 + x * y) / spread - 2 * (x * y / spread) ** 2).sum(axis=1)
        scale = gammaln((nu + 1) / 2) - gammaln(nu / 2) - 0.5 * np.log((nu - 2) / 2)
        # Where the peak is no peak, its width is that of the Gaussian.
        flat = curvature <= 0
        curvature = np.where(flat, 2 * a * r * r - b * r, curvature)
        student = peak - 0.5 * np.log(curvature) + m * scale
        return np.asarray(super().log_ratio(units) + student - (_laplace(a, b, m) - 0.5 * c))


def law_of(units: Array, mean: object, covariance: object, n: int | None = None) -> AngularGaussian:
    """Return the law of these moments under which directions are likeliest.

    A Gaussian's, unless Student's t is likelier by more than half the logarithm of the number of
    directions, the usual price of a parameter (Schwarz 1978, Ann. Stat. 6, 461–464), and so without
    the twentieth of them that speaks loudest for it: a few structures that lie along axes are no
    law.  In up to 64 dimensions the axes of its tails may also be others than those of the matrix,
    for the price of the m(m - 1)/2 angles that take one to the other; all but the loudest
    twentieth of the directions have to pay half of that.

    Parameters
    ----------
    units : ndarray of shape (n_units, m)
        The directions that are asked, unit rows.
    mean, covariance, n
        As for :class:`AngularGaussian`.

    Examples
    --------
    >>> units = np.random.default_rng(0).standard_t(3, (500, 8))
    >>> units /= np.linalg.norm(units, axis=1, keepdims=True)
    >>> law_of(units, np.zeros(8), np.eye(8)).degrees
    3.0
    """
    gaussian = best = AngularGaussian(mean, covariance, n)
    m = best.dim
    if m < units.shape[1]:
        return best
    plain, highest, each = gaussian.log_ratio(units), 0.0, 0.5 * np.log(len(units))
    turns: list[tuple[Array | None, float]] = [(None, each)]
    if m <= _MOST_TURNED:
        start = AngularStudent(mean, covariance, n, degrees=_DEGREES[0])
        turns.append((start.heavy_axes(units), each * (1 + m * (m - 1) / 2)))
    for (turn, price), degrees in product(turns, _DEGREES):
        law = AngularStudent(mean, covariance, n, degrees=degrees, turn=turn)
        gains = np.sort(law.log_ratio(units) - plain)
        most = gains[: len(units) - int(_FEW * len(units))]
        if most.sum() > (price + each) / 2 and gains.sum() - price > highest:
            best, highest = law, float(gains.sum() - price)
    return best


def _unit_rows(rows: Array) -> Array:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, np.finfo(float).tiny))


def _length(a: Array, b: Array, m: float) -> Array:
    """Return the positive root r of a r² - b r = m."""
    return np.asarray((b + np.sqrt(b * b + 4 * a * m)) / (2 * a))


def _drawn_to_round(variances: Array, n: int) -> Array:
    m, trace, square = len(variances), float(variances.sum()), float((variances**2).sum())
    above, below = (1 - 2 / m) * square + trace**2, (n + 1 - 2 / m) * (square - trace**2 / m)
    share = min(1.0, above / below) if below > 0 else 1.0
    return np.asarray((1 - share) * variances + share * trace / m)


def _laplace(a: Array, b: Array, m: int) -> Array:
    """Return log ∫ r^(m-1) exp(-(a r² - 2 b r)/2) dr by Laplace's method, without its ½ log 2π."""
    # Substituting r = eˢ makes the peak symmetric: m s - a e²ˢ/2 + b eˢ, where a r² - b r = m.
    r = _length(a, b, m)
    peak = m * np.log(r) - 0.5 * a * r * r + b * r
    return np.asarray(peak - 0.5 * np.log(2 * a * r * r - b * r))
