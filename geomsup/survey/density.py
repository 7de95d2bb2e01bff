"""How likely the background is to have a direction, where features lean on some axes or one mean.

The evidence for a structure is a ratio to independent *uniform* directions.  Features of real
matrices are not uniform, and what the background itself brings about is no structure: the
directions of a Gaussian with their mean and covariance have a density of their own, and its
logarithm over the uniform one is taken from the evidence.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln

from geomsup.errors import GeomsupError
from geomsup.matching.evidence import log_sphere
from geomsup.validation import numbers

__all__ = ["AngularGaussian"]

Array = NDArray[np.float64]

# Axes with less than this share of the largest variance are rounding, no dimension.
_LEAST_VARIANCE = 1e-9


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
            raise GeomsupError("the covariance is zero: features that are all alike have none")
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
        projected = _unit_rows(units @ self._basis)
        m, precisions = self.dim, 1 / self._variances
        a = (projected**2) @ precisions
        b = projected @ (precisions * self._mean)
        c = float((self._mean**2) @ precisions)
        round_part = gammaln(m / 2) - np.log(2) + 0.5 * m * np.log(2 / a)
        bent = _laplace(a, b, m) - _laplace(a, np.zeros_like(b), m)
        scale = 0.5 * m * np.log(2 * np.pi) + 0.5 * np.log(self._variances).sum() + 0.5 * c
        return np.asarray(round_part + bent - scale + log_sphere(m))


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
