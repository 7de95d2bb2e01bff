"""The share of an expectation that comes from inputs with at most two active features.

These inputs are what a Fourier series represents worst, and what can be integrated exactly at
once: with two uniform coordinates every integrand here is a cubic between the lines on which
s = 0 crosses the edges, so two Gauss-Legendre nodes a piece give its integral to rounding.

The integrands are what a Fourier series of period 2H leaves over (see
:mod:`geomsup.theory.series`): s|s| − Hs, |s| − H/2 and sgn(s).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

__all__ = ["SeriesParts", "SparseInputs"]

FloatArray = NDArray[np.float64]

# Gauss-Legendre nodes on [0, 1]; both weights are 1/2.
_NODES = (0.5 - np.sqrt(1.0 / 12.0), 0.5 + np.sqrt(1.0 / 12.0))
# Feature probabilities closer to one leave (almost) no input without the feature.
_CERTAIN = 1.0 - 1e-9
# Numbers in one block of pairs.
_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True, eq=False)
class SeriesParts:
    """Expectations of ρ₂ = s|s| − Hs, ρ₁ = |s| − H/2 and ρ₀ = sgn(s), alone and with factors."""

    rho2: FloatArray  # (n_rows,)
    rho1: FloatArray  # (n_rows,)
    own_rho0: FloatArray  # (n_rows,)
    x_rho1: FloatArray  # (n_rows, n_features)
    own_x_rho0: FloatArray  # (n_rows, n_features)

    def __add__(self, other: SeriesParts) -> SeriesParts:
        return SeriesParts(
            **{name: getattr(self, name) + getattr(other, name) for name in vars(self)}
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class SparseInputs:
    """Which inputs count as sparse, and their probabilities q₀·Π r_j, r_j = p_j / (1 − p_j).

    ``most_active`` is 2, 1 or, where a feature is always active, −1: no input is sparse.
    """

    most_active: int
    none_active: FloatArray  # (n_rows,) q₀
    odds: FloatArray  # (n_rows, n_features) r

    @classmethod
    def of(cls, p: FloatArray, most_active: int) -> SparseInputs:
        """Sparse inputs of rows whose feature probabilities are the rows of `p`."""
        if np.any(p > _CERTAIN):
            none = np.zeros(len(p))
            return cls(most_active=-1, none_active=none, odds=np.zeros_like(p))
        return cls(
            most_active=most_active,
            none_active=np.prod(1.0 - p, axis=1),
            odds=p / (1.0 - p),
        )

    def rows(self, which: slice) -> SparseInputs:
        """The same for some of the rows."""
        return SparseInputs(
            most_active=self.most_active,
            none_active=self.none_active[which],
            odds=self.odds[which],
        )

    def total(self, y: Any) -> Any:  # real or complex, like y
        """Σ over sparse inputs of Π y_j over their active features, without q₀.

        `y` has shape (n_rows, n_features, …); the second axis is summed over.
        """
        if self.most_active < 0:
            return np.zeros_like(y[:, 0])
        first = y.sum(1)
        if self.most_active == 1:
            return 1.0 + first
        return 1.0 + first + 0.5 * (first**2 - (y * y).sum(1))

    def others(self, y: Any) -> Any:
        """For each feature j: the same sum over the other features, when j is active too."""
        if self.most_active < 0:
            return np.zeros_like(y)
        if self.most_active == 1:
            return np.ones_like(y)
        return 1.0 + (y.sum(1, keepdims=True) - y)

    def others_of(self, y: Any, which: NDArray[np.intp]) -> Any:
        """`others` for one feature of each row."""
        mine = y[np.arange(len(y)), which]
        if self.most_active < 0:
            return np.zeros_like(mine)
        return np.ones_like(mine) if self.most_active == 1 else 1.0 + (y.sum(1) - mine)

    def expectations(
        self, a: FloatArray, b: FloatArray, own: NDArray[np.intp], half_period: FloatArray
    ) -> SeriesParts:
        """The sparse inputs' share of each expectation, exactly."""
        n_rows, n = a.shape
        rows = np.arange(n_rows)
        rho2, rho1, own_rho0 = np.zeros(n_rows), np.zeros(n_rows), np.zeros(n_rows)
        x_rho1, own_x_rho0 = np.zeros((n_rows, n)), np.zeros((n_rows, n))
        if self.most_active < 0:
            return SeriesParts(
                rho2=rho2, rho1=rho1, own_rho0=own_rho0, x_rho1=x_rho1, own_x_rho0=own_x_rho0
            )
        H, q0 = half_period, self.none_active
        rho2 += q0 * (b * np.abs(b) - H * b)
        rho1 += q0 * (np.abs(b) - 0.5 * H)

        one = q0[:, None] * self.odds
        for u, s, w in _pieces(b[:, None], a):
            w = w * one
            size = np.abs(s)
            rho2 += (w * (s * size - H[:, None] * s)).sum(1)
            rest = w * (size - 0.5 * H[:, None])
            rho1 += rest.sum(1)
            x_rho1 += u * rest
            signed = (w * u * np.sign(s))[rows, own]
            own_rho0 += signed
            own_x_rho0[rows, own] += signed * u[rows, own]
        if self.most_active < 2:
            return SeriesParts(
                rho2=rho2, rho1=rho1, own_rho0=own_rho0, x_rho1=x_rho1, own_x_rho0=own_x_rho0
            )

        first, second = np.triu_indices(n, 1)
        block = max(1, _BLOCK // max(len(first), 1))
        for start in range(0, n_rows, block):
            r = slice(start, start + block)
            weight = one[r][:, first] * self.odds[r][:, second]
            period = H[r, None]
            per_first, per_second = np.zeros_like(weight), np.zeros_like(weight)
            for v, u, s, w in _pair_pieces(b[r, None], a[r][:, first], a[r][:, second]):
                w = w * weight
                size = np.abs(s)
                rho2[r] += (w * (s * size - period * s)).sum(1)
                rest = w * (size - 0.5 * period)
                rho1[r] += rest.sum(1)
                per_first += u * rest
                per_second += v * rest
            for j in range(n - 1):
                # The pairs (j, j + 1 …) stand together.
                at = slice(j * n - j * (j + 1) // 2, (j + 1) * n - (j + 1) * (j + 2) // 2)
                x_rho1[r, j] += per_first[:, at].sum(1)
                x_rho1[r, j + 1 :] += per_second[:, at]

        own_a = a[rows, own][:, None]
        weight = q0[:, None] * self.odds[rows, own][:, None] * self.odds
        weight[rows, own] = 0.0
        for v, u, s, w in _pair_pieces(b[:, None], np.broadcast_to(own_a, a.shape), a):
            signed = weight * w * u * np.sign(s)
            own_rho0 += signed.sum(1)
            own_x_rho0[rows, own] += (signed * u).sum(1)
            own_x_rho0 += signed * v
        return SeriesParts(
            rho2=rho2, rho1=rho1, own_rho0=own_rho0, x_rho1=x_rho1, own_x_rho0=own_x_rho0
        )


def _crossing(s0: FloatArray, slope: FloatArray) -> FloatArray:
    """Where in [0, 1] the line s0 + slope·u is zero, clipped to the ends."""
    u = np.divide(
        -s0, slope, out=np.ones(np.broadcast_shapes(s0.shape, slope.shape)), where=slope != 0.0
    )
    return np.clip(u, 0.0, 1.0)


def _pieces(s0: FloatArray, slope: FloatArray) -> Iterator[tuple[FloatArray, ...]]:
    """Nodes u, values s and weights of a rule on [0, 1] that is split at the kink."""
    cut = _crossing(s0, slope)
    for start, width in ((0.0, cut), (cut, 1.0 - cut)):
        for node in _NODES:
            u = start + node * width
            yield u, s0 + slope * u, 0.5 * width


def _pair_pieces(
    b: FloatArray, first: FloatArray, second: FloatArray
) -> Iterator[tuple[FloatArray, ...]]:
    """Nodes (v, u), values b + first·u + second·v and weights on the unit square."""
    cuts = (_crossing(b, second), _crossing(b + first, second))
    low, high = np.minimum(*cuts), np.maximum(*cuts)
    for start, width in ((0.0, low), (low, high - low), (high, 1.0 - high)):
        for node in _NODES:
            v = start + node * width
            for u, s, w in _pieces(b + second * v, first):
                yield v, u, s, 0.5 * width * w
