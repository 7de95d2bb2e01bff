"""Gradient and curvature at one point, in units of the features concerned.

Features whose importance or probability differ by nine orders of magnitude have curvatures that do,
and no single threshold tells a flat direction of the one from a steep one of the other.  So lengths
are measured in the metric M of the curvature that each feature could have: for W_i

    M_i = I_i p_i 1 + Σ_j (I_j p_i + I_i p_j) W_j W_jᵀ,

whose first term is what W_i does for its own output, and the others its interference with the
outputs of others (weighed by *their* importance) and theirs with its own; weight decay adds its
curvature 2λ.  M turns with W, so verdicts do not depend on the axes, as they would with a diagonal
scaling.

The Hessian is put together from those of the rows, because differences in W would mix them: an
error of one part in 1e5 in an important row would bury all that an unimportant one has.  The loss
of row i depends on W through G_i· alone, so with the Jacobian J_i of (G_i·, b_i) in (W, b), which
is known exactly,

    H = Σ_i J_iᵀ R_i J_i + (P + Pᵀ + 2λ1) ⊗ 1,   P_ij = ∂L/∂G_ij,

and only R_i, the Hessian of one row in its own variables, is made of differences.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.few_features import MOST_FEATURES
from geomsup.theory.loss import Problem, gram_terms
from geomsup.theory.packing import packed, unpacked

__all__ = ["Metric", "Neighbourhood", "Spectrum"]

FloatArray = NDArray[np.float64]
BoolArray = NDArray[np.bool_]

_EPS = float(np.finfo(np.float64).eps)
_STEP = 1e-5  # of the differences that make R_i, relative to the weights of the row
_ZERO_BIAS = 1e-3  # in p², which a digon's is a tenth of; below, it is at the kink, not beside it
_KINK = 1e-2  # relative difference between one-sided Hessians that no smooth loss shows
# Eigenvalues in units of features that cannot be told from zero: with rows that are exact to
# rounding, and with rows from a series.  A triangle's softest mode has p/8.
_FLAT, _FLAT_SERIES = 1e-13, 1e-6
# Along a symmetry the curvature vanishes like the gradient does, not like rounding.
_FLAT_SYMMETRY = 1e-5
_RANK = 1e-6  # relative; shorter tangents come from weights that are zero up to rounding
_ROUNDINGS = 64.0  # of a gradient, in units of its largest terms
_TOL = 1e-12  # of the series


class Metric:
    """Roots of M, block by block: one (m, m) for each W_i, and a number for each b_i."""

    def __init__(self, W: FloatArray, problem: Problem, bias_unit: FloatArray) -> None:
        p, importance = problem.p, problem.importance
        self.n_hidden = m = len(W)
        self.bias_root = np.sqrt(np.where(bias_unit > 0.0, bias_unit, 1.0))
        # The roots are singular vectors of what M_i is the square of, so that its small eigenvalues
        # are good to rounding of their own roots.
        shared = np.sqrt(np.outer(p, importance) + np.outer(importance, p))
        own = np.sqrt(importance * p + 2.0 * problem.weight_decay)[:, None, None] * np.eye(m)
        factors = np.concatenate([own, shared[:, None, :] * W], axis=2)
        axes, sizes, _ = np.linalg.svd(factors, full_matrices=False)
        # Nothing depends on where W_i goes in the null space of M_i.
        sizes = np.where(sizes > 1e-14 * sizes.max(initial=0.0), sizes, 1.0)
        self.root = np.einsum("iak,ik,ibk->iab", axes, sizes, axes)
        self.inverse_root = np.einsum("iak,ik,ibk->iab", axes, 1.0 / sizes, axes)

    def divided(self, x: FloatArray) -> FloatArray:
        """M^(−1/2) of rows (W, b)."""
        return self._times(x, self.inverse_root, 1.0 / self.bias_root)

    def multiplied(self, x: FloatArray) -> FloatArray:
        """M^(1/2) of rows (W, b)."""
        return self._times(x, self.root, self.bias_root)

    def _times(self, x: FloatArray, blocks: FloatArray, biases: FloatArray) -> FloatArray:
        W, b = unpacked(x, self.n_hidden)
        return packed(np.einsum("iab,sbi->sai", blocks, W), b * biases)


@dataclass(frozen=True, kw_only=True, eq=False)
class Spectrum:
    """Eigenvalues of a Hessian in its metric, apart from those of the symmetries.

    `directions` are the eigenvectors, back in (W, b), one in a row.
    """

    values: FloatArray  # of all features that are there
    transverse: FloatArray  # across the symmetries
    directions: FloatArray
    n_flat: int
    n_symmetric: int  # flat directions along the symmetries
    left_over: float  # what a gradient left over may still gain


class Neighbourhood:
    """First and second derivatives at (W, b), of a normalised problem.

    Parameters
    ----------
    W, b, problem
        The point, and the problem it is a point of.
    one_sided : bool, default False
        Whether a bias is varied on its own side of zero only, however near that is: the curvature
        right here, where Newton's method wants it.  Otherwise a kink so near counts as here.

    Attributes
    ----------
    gradient : ndarray
        In (W, b), packed.
    kinked : bool
        Whether the Hessians of some row differ between its two sides.
    symmetries : ndarray
        Directions that change nothing: rotations and biases of dead outputs, of the features that
        are there.
    """

    def __init__(
        self, W: FloatArray, b: FloatArray, problem: Problem, *, one_sided: bool = False
    ) -> None:
        self.W, self.b, self.problem = W, b, problem
        self.m, self.n = W.shape
        self.gram = W.T @ W
        # A feature that is never there, or does not matter, has no minimum of its own to be in.
        self.present: BoolArray = problem.p * problem.importance > 0.0
        often = np.where(problem.p > 0.0, problem.p, problem.p.max())
        self.unit = problem.importance * often
        slopes = self._row_gradients(self.gram[None], b[None])[0]
        decay = 2.0 * float(problem.weight_decay) * np.eye(self.n)
        self.pull = slopes[:, :-1] + slopes[:, :-1].T + decay
        self.gradient = packed(W @ self.pull, slopes[:, -1])
        self.symmetries = self._symmetries()
        step = _STEP * max(float(np.abs(self.gram).max()), float(np.abs(b).max()), 0.1)
        bias_step = np.full(self.n, step)
        if one_sided:
            near = np.minimum(step, 0.25 * np.abs(b))
            bias_step = np.where(np.abs(b) > _ZERO_BIAS * problem.p**2, near, step)
        rows = [self._row_hessians(slopes, side * step, side * bias_step) for side in (1.0, -1.0)]
        self.kinked = self._is_kinked(rows[0] - rows[1])
        self._rows = rows[0], rows[1]

    @property
    def _steepest(self) -> FloatArray:
        """The largest curvature of every bias."""
        return np.maximum(np.maximum(*self._rows)[:, -1, -1], self.unit)

    @cached_property
    def metric(self) -> Metric:
        """The metric of the steeper side."""
        return self._metric(self._steepest)

    @cached_property
    def sides(self) -> tuple[Spectrum, Spectrum]:
        """Of the forward and of the backward Hessian."""
        return self._spectrum(self._rows[0]), self._spectrum(self._rows[1])

    @cached_property
    def mean(self) -> Spectrum:
        """Of the mean of the two Hessians."""
        return self._spectrum(0.5 * (self._rows[0] + self._rows[1]))

    @property
    def n_flat(self) -> int:
        """Flat directions besides the symmetries, on the side that has more of them."""
        return max(side.n_flat for side in self.sides)

    @property
    def left_over(self) -> float:
        """What steps along the gradient that is left may gain, at most on either side."""
        return max(side.left_over for side in self.sides)

    def pushes(self, noise: FloatArray) -> FloatArray:
        """Displacements, from standard normal ones, that cost every feature about as much."""
        root = np.tile(np.sqrt(np.where(self.present, self.unit, 1.0)), self.m + 1)
        there = np.tile(self.present, self.m + 1)
        return np.where(there, self.metric.divided(root * noise), noise)

    def _row_gradients(self, gram: FloatArray, b: FloatArray) -> FloatArray:
        """Derivatives of the loss of every row in its own (G_i·, b_i), for a batch."""
        size, n = b.shape
        importance = np.tile(self.problem.importance, size)
        terms = gram_terms(gram, b, self.problem, _TOL)
        both = importance[:, None] * np.concatenate([terms.grad_a, terms.grad_b[:, None]], axis=1)
        gradients: FloatArray = both.reshape(size, n, n + 1)
        return gradients

    def _row_hessians(self, slopes: FloatArray, step: float, bias_step: FloatArray) -> FloatArray:
        """R_i of every row, by differences towards one side: (n, n + 1, n + 1)."""
        n = self.n
        gram = np.repeat(self.gram[None], n + 1, axis=0)
        b = np.repeat(self.b[None], n + 1, axis=0)
        each = np.arange(n)
        gram[each, :, each] += step  # the k-th entry of every row at once
        b[n] += bias_step
        rows = (self._row_gradients(gram, b) - slopes).transpose(1, 0, 2)
        rows[:, :n] /= step
        rows[:, n] /= bias_step[:, None]
        symmetric: FloatArray = 0.5 * (rows + rows.transpose(0, 2, 1))
        return symmetric

    def _is_kinked(self, jump: FloatArray) -> bool:
        p, importance = self.problem.p, self.problem.importance
        unit = np.concatenate([np.outer(importance, p), self.unit[:, None]], axis=1)
        allowed = _KINK * np.sqrt(unit[:, :, None] * unit[:, None, :])
        return bool(np.any(np.abs(jump) > allowed))

    @cached_property
    def slope(self) -> float:
        """Length of the gradient in units of features, |M⁻¹ gradient|, less what may be rounding.

        The step in W and b to the minimum of a quadratic of curvature M.
        """
        p, importance, steepest = self.problem.p, self.problem.importance, self._steepest
        of_W, of_b = unpacked(self.gradient, self.m)
        shared = np.outer(p, importance) + np.outer(importance, p)
        rounding = _ROUNDINGS * _EPS * shared @ np.linalg.norm(self.W, axis=0)
        length = np.linalg.norm(of_W, axis=0)
        kept = np.maximum(1.0 - rounding / np.maximum(length, 1e-300), 0.0)
        certain = packed(kept * of_W, np.zeros(self.n))[None]
        metric = Metric(self.W, self.problem, self.unit)
        of_weights = np.linalg.norm(metric.divided(metric.divided(certain)))
        # A positive bias has the curvature of an output that is active without any input, on the
        # way up and down to zero; beyond, and for a negative bias, that of its feature.
        steep = np.where(of_b < 0.0, np.abs(of_b), np.minimum(of_b, steepest * self.b))
        steep = np.where(self.b >= 0.0, steep, 0.0)
        unit = np.where(self.unit > 0.0, self.unit, 1.0)
        of_biases = steep / np.where(steepest > 0.0, steepest, 1.0) + (np.abs(of_b) - steep) / unit
        return float(np.hypot(of_weights, np.linalg.norm(of_biases)))

    def _symmetries(self) -> FloatArray:
        """Independent directions along which nothing changes, as rows in (W, b)."""
        size = self.m * self.n + self.n
        rotations = []
        for first in range(self.m):
            for second in range(first):
                turned = np.zeros_like(self.W)
                turned[first], turned[second] = self.W[second], -self.W[first]
                rotations.append(packed(turned * self.present, np.zeros(self.n)))
        _, sizes, axes = np.linalg.svd(np.array(rotations).reshape(-1, size), full_matrices=False)
        moving = axes[sizes > _RANK * np.linalg.norm(self.W)]
        # Outputs that are zero for every input, strictly so.
        dead = self.b + np.maximum(self.gram, 0.0).sum(1) < 0.0
        biases = np.eye(size)[self.m * self.n :][dead & self.present]
        return np.concatenate([moving, biases])

    def _hessian(self, rows: FloatArray) -> FloatArray:
        m, n, W = self.m, self.n, self.W
        hessian = np.zeros((m * n + n, m * n + n))
        hessian[: m * n, : m * n] = np.kron(np.eye(m), self.pull)
        each = np.arange(n)
        for i in range(n):
            inward = np.zeros((n + 1, m, n))  # δG_ij = W_j·δW_i + W_i·δW_j
            inward[:n, :, i] += W.T
            inward[each, :, each] += W[:, i]
            jacobian = np.zeros((n + 1, m * n + n))
            jacobian[:, : m * n] = inward.reshape(n + 1, -1)
            jacobian[n, m * n + i] = 1.0
            hessian += jacobian.T @ rows[i] @ jacobian
        return hessian

    def _metric(self, bias_curvature: FloatArray) -> Metric:
        return Metric(self.W, self.problem, np.maximum(self.unit, bias_curvature))

    def _spectrum(self, rows: FloatArray) -> Spectrum:
        # On the side of a kink on which an output is active without any input, its bias has a
        # curvature of I_i, far beyond I_i p_i; what has it would drown what has not.
        metric = self._metric(rows[:, -1, -1])
        there = np.tile(self.present, self.m + 1)
        hessian = metric.divided(metric.divided(self._hessian(rows)).T)
        hessian = 0.5 * (hessian + hessian.T) * (there[:, None] & there)
        tangents = metric.multiplied(self.symmetries)
        tangents /= np.linalg.norm(tangents, axis=1, keepdims=True)
        absent = np.eye(len(there))[~there]
        basis, sizes, _ = np.linalg.svd(np.concatenate([tangents, absent]).T)
        known = len(sizes)
        along, across = np.linalg.qr(tangents.T)[0], basis[:, known:]
        transverse, vectors = np.linalg.eigh(across.T @ hessian @ across)
        gradient = (metric.divided(self.gradient[None])[0] @ across) @ vectors
        few = int(np.count_nonzero(self.gram, axis=1).max(initial=0)) <= MOST_FEATURES
        flat = np.abs(transverse) <= (_FLAT if few else _FLAT_SERIES)
        promised = np.where(
            flat, np.abs(gradient), 0.5 * gradient**2 / np.where(flat, 1.0, np.abs(transverse))
        )
        symmetric = np.linalg.eigvalsh(along.T @ hessian @ along)
        return Spectrum(
            values=np.asarray(np.linalg.eigvalsh(hessian[there][:, there]), dtype=np.float64),
            transverse=transverse,
            directions=metric.divided((across @ vectors).T),
            n_flat=int(flat.sum()),
            n_symmetric=int(np.sum(np.abs(symmetric) <= _FLAT_SYMMETRY)),
            left_over=float(promised.sum()),
        )
