"""A critical point to full precision, and the same one at another feature probability.

Newton steps with the Hessian of :mod:`geomsup.theory.curvature`.  They go to saddles as well as to
minima, so that a shape can be followed to where it becomes unstable and beyond.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.atlas.tasks import SHORT, finished, revived
from geomsup.theory.curvature import Neighbourhood
from geomsup.theory.loss import Problem
from geomsup.theory.packing import packed, packed_loss, unpacked

__all__ = ["EQUAL", "Critical", "followed", "minimum_near", "polished"]

FloatArray = NDArray[np.float64]

_MOST_HESSIANS = 8
# Steps that shrink by less than so much call for a new Hessian.
_SHRINKS = 0.1
# Points of a phase from which another is looked for.
_MOST_POINTS = 3
# The longest step that is taken, relative to the largest parameter.
_LONGEST = 1.0
# A step so short, relative to the largest parameter, is rounding; one that stops shrinking at up to
# the second is where a series, or a flat direction, ends.
_ARRIVED, _ENDED = 1e-14, 1e-7
# What the scalar products of the features may change by in one step of a follower, relative to the
# largest; its shortest step, as a share of the way, and how many it tries.
_MOST_MOVED, _SHORTEST, _MOST_ATTEMPTS = 0.2, 0.1, 8
# Above minus so much the softest mode of a point counts as that of a minimum.
_STABLE = 1e-9
# Scalar products that differ by less, relative to the largest, are equal.
EQUAL = 1e-5
# Newton steps leave so much of a W_i that is zero.
_LEFT = 1e-9
# The push that makes a descent leave a saddle.
_PUSH = 1e-4


@dataclass(frozen=True, kw_only=True, eq=False)
class Critical:
    """A point where the gradient vanishes, for independent features of equal importance."""

    p: float
    W: FloatArray  # (n_hidden, n_features)
    b: FloatArray  # (n_features,)
    loss: float  # of importance one

    @cached_property
    def near(self) -> Neighbourhood:
        """Its neighbourhood, in the problem whose zero output has loss one."""
        return Neighbourhood(self.W, self.b, _problem(len(self.b), self.p)[0], one_sided=True)

    @cached_property
    def _around(self) -> Neighbourhood:
        """The neighbourhood whose curvature is told: at a kink, that of steps across it."""
        if not self.near.kinked:
            return self.near
        return Neighbourhood(self.W, self.b, _problem(len(self.b), self.p)[0])

    @property
    def softest(self) -> float:
        """Smallest eigenvalue of the Hessian across the symmetries."""
        return float(self._around.mean.transverse.min(initial=np.inf))

    @property
    def n_flat(self) -> int:
        """Flat directions beside the symmetries."""
        return self._around.n_flat

    @property
    def is_stable(self) -> bool:
        """Whether no direction leads down; at a kink curvature says nothing, and descents must."""
        return self.near.kinked or self.softest >= -_STABLE

    @cached_property
    def order(self) -> int:
        """How many permutations of the features keep the Gram matrix and the biases."""
        return math.prod(len(images) for images in self._symmetries)

    @property
    def symmetries(self) -> list[list[int]]:
        """Permutations that generate all of these: the images of features 0, 1, …"""
        return [image for images in self._symmetries for image in images]

    @cached_property
    def _symmetries(self) -> list[list[list[int]]]:
        return _symmetries(self.near.gram, self.b, EQUAL)

    @property
    def n_kept(self) -> int:
        """Features that are represented."""
        return int(np.sum(np.linalg.norm(self.W, axis=0) > SHORT))


def _problem(n_features: int, p: float) -> tuple[Problem, Any]:
    return Problem.of(n_features, p, 1.0).normalised()


def polished(W: FloatArray, b: FloatArray, p: float) -> Critical | None:
    """The critical point that Newton steps reach, or None if they do not arrive.

    A Hessian serves for several steps: those cost one gradient each.

    Parameters
    ----------
    W : ndarray of shape (n_hidden, n_features)
    b : ndarray of shape (n_features,)
    p : float
    """
    point = _arrived(revived(packed(W, b), len(W), p), len(W), p)
    if point is None or not np.any(point.b[np.linalg.norm(point.W, axis=0) <= SHORT] <= 0.0):
        return point
    # A feature was let go on the way, and its output is dead.
    return _arrived(revived(packed(point.W, point.b), len(W), p), len(W), p)


def _arrived(x: FloatArray, m: int, p: float) -> Critical | None:
    """Where Newton steps lead."""
    problem, size = _problem(x.shape[-1] // (m + 1), p)
    loss = packed_loss(m, problem, 1e-13)
    before, n_ended = np.inf, 0
    for _ in range(_MOST_HESSIANS):
        step_from = _solver(Neighbourhood(*unpacked(x, m), problem, one_sided=True))
        is_fresh = True
        while True:
            value, gradient = loss(x[None])
            step = step_from(gradient[0])
            length = float(np.linalg.norm(step)) / max(float(np.abs(x).max()), 0.1)
            n_ended += is_fresh and before < length <= _ENDED
            # Once is no end: beside a kink the first steps may cross it.
            if length <= _ARRIVED or n_ended == 2:
                return _critical(x, m, p, float(size * value[0]))
            if length > (_LONGEST if is_fresh else _SHRINKS * before):
                break
            x, before, is_fresh = x + step, length, False
    if before > _ENDED:
        return None
    return _critical(x, m, p, float(size * loss(x[None])[0][0]))


def _critical(x: FloatArray, n_hidden: int, p: float, loss: float) -> Critical:
    W, b = unpacked(x, n_hidden)
    W = np.where(np.linalg.norm(W, axis=0) < _LEFT, 0.0, W)
    return Critical(p=p, W=W, b=b, loss=loss)


def _solver(near: Neighbourhood) -> Callable[[FloatArray], FloatArray]:
    """Newton's step for a gradient; flat directions and symmetries are left alone."""
    spectrum = near.mean
    bent = np.abs(spectrum.transverse) > 1e-12
    directions, curvatures = spectrum.directions[bent], spectrum.transverse[bent]

    def step(gradient: FloatArray) -> FloatArray:
        return -((directions @ gradient) / curvatures) @ directions

    return step


def followed(point: Critical, p: float) -> Critical | None:
    """The same critical point at another feature probability; None where it cannot be followed."""
    here, gone, step = point, 0.0, 1.0  # in shares of the way in log p
    for _ in range(_MOST_ATTEMPTS):
        reached = min(gone + step, 1.0)
        stop = p if reached == 1.0 else point.p * (p / point.p) ** reached
        there = polished(here.W, here.b, stop)
        if there is not None and _near(here, there):
            here, gone, step = there, reached, 2.0 * step
            if reached == 1.0:
                return here
        else:
            step *= 0.25
            if step < _SHORTEST:
                return None
    return None


def minimum_near(points: Sequence[Critical], p: float) -> Critical:
    """The minimum at a feature probability that points of one phase lead to, the nearest first.

    Newton steps may cross to a saddle where two branches have hardly parted; if all do, descents
    decide.
    """
    nearest = sorted(points, key=lambda point: abs(np.log(point.p / p)))[:_MOST_POINTS]
    for point in nearest:
        there = followed(point, p)
        if there is not None and there.is_stable and there.n_kept == point.n_kept:
            return there
    m, n = nearest[0].W.shape
    problem, size = _problem(n, p)
    starts = np.array([packed(point.W, point.b) for point in nearest])
    starts += _PUSH * np.random.default_rng(0).standard_normal(starts.shape)
    x, loss = finished(starts, m, problem)
    there = polished(*unpacked(x[0], m), p)
    if there is not None and there.is_stable:
        return there
    return _critical(x[0], m, p, float(size * loss[0]))


def _near(one: Critical, other: Critical) -> bool:
    grams = [each.W.T @ each.W for each in (one, other)]
    moved = max(np.abs(grams[0] - grams[1]).max(), np.abs(one.b - other.b).max())
    return bool(moved <= _MOST_MOVED * max(np.abs(grams[0]).max(), 0.1))


def _symmetries(gram: FloatArray, b: FloatArray, tolerance: float) -> list[list[list[int]]]:
    """Where each feature can go while those before it stay, a permutation for each place.

    Their numbers multiply to the order of the group (orbit, stabiliser), and they generate it.
    """
    n = len(gram)
    slack = tolerance * max(float(np.abs(gram).max()), 0.1)
    same = np.abs(gram[:, :, None, None] - gram) <= slack  # G_ij and G_kl
    alike = (np.abs(b[:, None] - b) <= slack) & np.einsum("iikk->ik", same)

    def extended(images: list[int]) -> list[int] | None:
        if len(images) == n:
            return images
        longer = (extended([*images, j]) for j in range(n) if fits(images, j))
        return next((found for found in longer if found is not None), None)

    def fits(images: list[int], j: int) -> bool:
        k = len(images)
        if j in images or not alike[k, j]:
            return False
        return all(same[k, i, j, image] for i, image in enumerate(images))

    places = (
        [extended([*range(k), j]) for j in range(n) if fits(list(range(k)), j)] for k in range(n)
    )
    return [[found for found in images if found is not None] for images in places]
