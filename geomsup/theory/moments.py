"""What a row's loss and gradient are, and the rows that are a polynomial.

Row i of the model computes relu(s), s = a·x + b_i with a = row i of G.  With the residual of the
linear answer, d = x_i − s, its loss and gradient are

    L_i      = E[d² 1(s>0)] + E[x_i² 1(s<0)],
    ∂L_i/∂a_j = −2 E[x_j d 1(s>0)],      ∂L_i/∂b = −2 E[d 1(s>0)],

because relu² is continuously differentiable.  Every engine returns these three, over all inputs or
over some of them, and the parts are added; the rest of the theory never asks how they were
computed.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.counts import many_present_with_and_without_each

__all__ = ["LinearMoments", "RowTerms", "linear_moments", "moments_of_many", "open_terms"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

_EPS = float(np.finfo(np.float64).eps)
# Step of the complex-step derivative: no difference is taken, so it cannot be too small.
_TINY = 1e-150


@dataclass(frozen=True, kw_only=True, eq=False)
class RowTerms:
    """Losses and gradients of a batch of rows at importance one, with bounds on their errors."""

    loss: FloatArray  # (n_rows,)
    grad_a: FloatArray  # (n_rows, n_features)
    grad_b: FloatArray  # (n_rows,)
    truncation: FloatArray  # (n_rows,) bounds on the error of the loss: of the method …
    rounding: FloatArray  # (n_rows,) … and of the arithmetic
    slope: FloatArray  # (n_rows,) bound on the error of each component of the gradient

    @classmethod
    def blank(cls, shape: tuple[int, int]) -> RowTerms:
        """Zero everywhere."""
        scalars = [f.name for f in fields(cls) if f.name != "grad_a"]
        return cls(grad_a=np.zeros(shape), **{name: np.zeros(shape[0]) for name in scalars})

    def put(self, which: slice | NDArray[np.bool_], terms: RowTerms) -> None:
        """Write the rows `which`."""
        for f in fields(self):
            getattr(self, f.name)[which] = getattr(terms, f.name)

    def __add__(self, other: RowTerms) -> RowTerms:
        return RowTerms(
            **{f.name: getattr(self, f.name) + getattr(other, f.name) for f in fields(self)}
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class LinearMoments:
    """Moments of z = b + w·x over some of the inputs, and of features."""

    chance: FloatArray  # (n_rows,) probability of these inputs
    z: FloatArray  # (n_rows,) E z
    z2: FloatArray  # (n_rows,) E z²
    x: FloatArray  # (n_rows, n_features) E x_j
    xz: FloatArray  # (n_rows, n_features) E x_j z
    own_x: FloatArray  # (n_rows, n_features) E x_own x_j
    size: FloatArray  # (n_rows,) of what was added up in z2, in absolute value


def linear_moments(w: FloatArray, b: FloatArray, own: IndexArray, p: FloatArray) -> LinearMoments:
    """Over all inputs: E z² is the square of the mean and a sum of variances."""
    rows = np.arange(len(b))
    mean = p / 2.0
    spread = p / 3.0 - mean**2
    z = b + np.sum(w * mean, axis=1)
    largest = np.abs(b) + np.sum(np.abs(w) * mean, axis=1)
    variance = np.sum(w**2 * spread, axis=1)
    own_x = mean * mean[rows, own][:, None]
    own_x[rows, own] = p[rows, own] / 3.0
    return LinearMoments(
        chance=np.ones_like(b),
        z=z,
        z2=z**2 + variance,
        x=mean,
        xz=mean * z[:, None] + w * spread,
        own_x=own_x,
        # The mean may be a difference of large numbers, and enters as its square.
        size=variance + np.abs(z) * largest + p.shape[1] * _EPS * largest**2,
    )


def moments_of_many(
    w: FloatArray, b: FloatArray, own: IndexArray, p: FloatArray, most_active: int
) -> LinearMoments:
    """Over the inputs with more than `most_active` active features."""
    rows = np.arange(len(b))
    chance, others, z, xz, z2 = _moments_of_many(w, b, p, most_active)
    # Besides feature j and the own one, as many less one must be active.
    absent, present = 1.0 - p, p.copy()
    absent[rows, own], present[rows, own] = 1.0, 0.0
    _, besides = many_present_with_and_without_each(absent, present, most_active)
    own_x = 0.25 * p * p[rows, own][:, None] * (besides.more + besides.exactly)
    own_x[rows, own] = p[rows, own] * others[rows, own] / 3.0
    return LinearMoments(
        chance=chance,
        z=z,
        z2=z2,
        x=0.5 * p * others,
        xz=xz,
        own_x=own_x,
        size=_moments_of_many(np.abs(w), np.abs(b), p, most_active)[-1],
    )


def _moments_of_many(
    w: FloatArray, b: FloatArray, p: FloatArray, most_active: int
) -> tuple[FloatArray, ...]:
    """The chance of these inputs, that of the others of each feature, E z, E x_j z and E z².

    The mean of w·x over them is the derivative of Σ Π (1 − p_j + p_j e^{h w_j / 2}) along h; a
    complex step takes it without any difference.
    """
    unit = np.abs(w).max(axis=1)
    unit[unit == 0.0] = 1.0
    present = p * (1.0 + 0.5j * _TINY * w / unit[:, None])
    per_step = unit / _TINY
    whole, besides = many_present_with_and_without_each(1.0 - p, present, most_active)
    chance, others = whole.more.real, besides.more.real
    z = b * chance + per_step * whole.more.imag
    rest = b[:, None] * others + per_step[:, None] * besides.more.imag
    xz = p * (0.5 * rest + w * others / 3.0)
    return chance, others, z, xz, b * z + np.sum(w * xz, axis=1)


def open_terms(a: FloatArray, b: FloatArray, own: IndexArray, p: FloatArray) -> RowTerms:
    """Rows with s ≥ 0 throughout: L = E d², and moments of the data are all there is."""
    residual = linear_moments(*residual_of(a, b, own), own, p)
    error = (p.shape[1] + 8.0) * _EPS * residual.size
    rough = np.abs(b) + np.abs(a).sum(1) + 1.0
    return RowTerms(
        loss=residual.z2,
        grad_a=-2.0 * residual.xz,
        grad_b=-2.0 * residual.z,
        truncation=np.zeros_like(b),
        rounding=2.0 * error,
        slope=2.0 * (p.shape[1] + 8.0) * _EPS * rough,
    )


def residual_of(a: FloatArray, b: FloatArray, own: IndexArray) -> tuple[FloatArray, FloatArray]:
    """Weights and constant of d = x_own − s."""
    weights = -a
    weights[np.arange(len(b)), own] += 1.0
    return weights, -b
