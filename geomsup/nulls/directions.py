r"""The Gaussian whose *directions* have the mean and the covariance of given ones.

For :math:`v \sim N(\mu, \Sigma)` only :math:`u = v/|v|` is seen, so that norms do not count.  With
:math:`1/|v|^2 = \int_0^\infty e^{-s |v|^2} ds` and
:math:`1/|v| = \pi^{-1/2} \int_0^\infty e^{-s |v|^2} s^{-1/2} ds`, in the eigenbasis of
:math:`\Sigma` and with :math:`d_k = 1/(1 + 2 s \lambda_k)`,

.. math::

    E\,u_k u_l = \int_0^\infty M(s)\,(\delta_{kl} \lambda_k d_k + \mu_k d_k\, \mu_l d_l)\, ds, \quad
    E\,u_k = \int_0^\infty M(s)\, \mu_k d_k \frac{ds}{\sqrt{\pi s}}, \quad
    M(s) = \prod_k d_k^{1/2} e^{-s \mu_k^2 d_k}.

Parameters are changed until these moments are those of the given directions.  The likelihood would
be maximal elsewhere where directions are no Gaussian's (a word embedding): its Gaussian has more
large cosines than the embedding itself, by a hundred times.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
from numpy.typing import NDArray

__all__ = ["fit_directions", "moments_of", "root_of"]

FloatArray = NDArray[np.float64]
Blocks = Callable[[], Iterable[NDArray[np.floating]]]

# Of the largest variance, and of the length of the mean.
_CLOSE_ENOUGH, _MOST_STEPS = 1e-4, 50
# A direction with less of the largest variance is not in the span of the rows.
_NO_VARIANCE = 1e-9
# Nodes of the integrals, in log s; |v|² is about 1.
_NODES = np.arange(-30.0, 40.0, 0.25)


def fit_directions(blocks: Blocks, dim: int) -> tuple[FloatArray, FloatArray]:
    """Return mean and covariance of the Gaussian whose directions have given moments.

    Parameters
    ----------
    blocks : callable
        A call returns all unit rows, in blocks of shape (n, dim).
    dim : int

    Returns
    -------
    mean, covariance : ndarray of shape (dim,) and (dim, dim)
        Of total size tr Σ + |μ|² = 1, as directions have no scale.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> v = (rng.standard_normal((4000, 3)) * [3, 1, 1]) * np.exp(rng.standard_normal((4000, 1)))
    >>> u = v / np.linalg.norm(v, axis=1, keepdims=True)
    >>> _, covariance = fit_directions(lambda: [u], 3)
    >>> (9 * covariance / covariance[0, 0]).diagonal().round(0)
    array([9., 1., 1.])
    """
    target, wanted = moments_of(blocks, dim)
    variances, basis = np.linalg.eigh(wanted)
    variances[variances < _NO_VARIANCE * variances[-1]] = 0.0
    target = basis.T @ target
    mean, covariance = _matched(target, np.diag(variances))
    return basis @ mean, basis @ covariance @ basis.T


def moments_of(blocks: Blocks, dim: int) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of rows that come in blocks."""
    n, mean, second = 0, np.zeros(dim), np.zeros((dim, dim))
    for block in blocks():
        rows = np.asarray(block, dtype=np.float64)
        n += len(rows)
        mean += rows.sum(axis=0)
        second += rows.T @ rows
    mean /= n
    return mean, second / n - np.outer(mean, mean)


def _matched(target: FloatArray, wanted: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Mean and covariance of v for a mean and a (diagonal) covariance of v/|v|."""
    mean, covariance = target, wanted
    for _ in range(_MOST_STEPS):
        got_mean, got, gain = _moments_of_directions(mean, covariance)
        off = max(
            np.abs(got - wanted).max() / max(wanted.max(), 1e-300),
            np.abs(got_mean - target).max() / max(np.abs(target).max(), wanted.max() ** 0.5),
        )
        if off < _CLOSE_ENOUGH:
            break
        # In one dimension λ is multiplied by wanted/got; this way no variance becomes negative.
        change = root_of(covariance) @ root_of(got, -0.5)
        covariance = change @ wanted @ change.T
        # A mean along a short axis moves that of directions by far more than itself: whole steps
        # swing, and end in a Gaussian without width.
        mean = mean + np.linalg.solve(gain, target - got_mean)
        size = np.trace(covariance) + mean @ mean
        mean, covariance = mean / np.sqrt(size), covariance / size
    return mean, covariance


def _moments_of_directions(
    mean: FloatArray, covariance: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Mean and covariance of v/|v|, and the matrix that takes the mean of v to it."""
    variances, basis = np.linalg.eigh(covariance)
    variances = np.maximum(variances, 0.0)
    mean = basis.T @ mean
    s = np.exp(_NODES)[:, None]
    d = 1 / (1 + 2 * s * variances)
    log_m = 0.5 * np.log(d).sum(axis=1) - (s * mean**2 * d).sum(axis=1)
    weights = np.exp(log_m + _NODES) * (_NODES[1] - _NODES[0])  # M(s) ds
    pulled = mean * d
    second = (pulled * weights[:, None]).T @ pulled
    second[np.diag_indices_from(second)] += weights @ (variances * d)
    gain = (weights / np.sqrt(np.pi * s[:, 0])) @ d
    first = gain * mean
    return (
        basis @ first,
        basis @ (second - np.outer(first, first)) @ basis.T,
        (basis * gain) @ basis.T,
    )


def root_of(matrix: FloatArray, power: float = 0.5) -> FloatArray:
    """A power of a symmetric matrix on its range."""
    values, basis = np.linalg.eigh(matrix)
    kept = values > _NO_VARIANCE / 10 * values[-1]
    root: FloatArray = (basis[:, kept] * values[kept] ** power) @ basis[:, kept].T
    return root
