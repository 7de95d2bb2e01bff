"""Which configurations are copies of one another, up to rotation, reflection, order and noise.

Comparing two configurations means searching a permutation, so a cheap invariant comes first: the
eigenvalues of the Gram matrix and of its entrywise squares and cubes.  (Sorted cosines are of no
use: with many points they are nearly alike for all configurations.)  How far noise moves them is
known to first order, and the rest is measured on copies of the configurations themselves; pairs
that differ by more are not looked at again.  The rest is aligned
(:mod:`geomsup.matching.alignment`); a pair is one shape if the residual is no greater than that of
two noisy copies.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import comb

import numpy as np
from numpy.typing import NDArray
from scipy.stats import chi2

from geomsup.matching.alignment import Alignment, Cloud, Template, align

__all__ = ["Group", "freedom", "grouped", "noisy_copies"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# The tolerance leaves out five copies of a thousand with the most noise that is allowed.
_QUANTILE = 0.995
# All members of a group together have no more noise than that allows with this probability: pairs
# of strangers that agree by chance do so just within the tolerance.
_TOGETHER = 0.9
# Configurations, and copies of each, on which the effect of noise is measured, and what is added
# to what was seen.  Pairs of copies that are missed come in through the mean of the others.
_SAMPLED, _COPIES, _MARGIN = 48, 8, 1.2
# What noise of variance σ² does to an invariant beyond first order, in σ².  Of 2 … 64, this lets
# the fewest pairs of strangers through: 2 – 12 % of them at .05 rad, for 5 in 3 to 26 in 9.
_BEYOND = 16.0
# The mean and who belongs to it, in turn.
_ROUNDS = 2


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """Copies of one configuration.

    Parameters
    ----------
    members : ndarray of shape (n_members,)
        Which of the configurations, ascending.
    orders : ndarray of shape (n_members, n_points)
        orders[i, k] is the point of the mean that point k of member i lies on.
    mean : ndarray of shape (n_points, dim)
        Unit rows.
    noise : float
        Per tangent axis and member, in radians.
    """

    members: IntArray
    orders: IntArray
    mean: Array
    noise: float


def freedom(n_points: int, dim: int) -> int:
    """Numbers that fix a configuration up to rotation."""
    return n_points * (dim - 1) - dim * (dim - 1) // 2


def grouped(configurations: Array, noise: float, rng: np.random.Generator) -> list[Group]:
    """Find the configurations that occur more than once.

    Parameters
    ----------
    configurations : ndarray of shape (n, n_points, dim)
        Unit rows.
    noise : float
        The most noise per tangent axis, in radians, that a copy may have.
    rng : numpy.random.Generator
        Only measures how far noise moves the invariants.

    Returns
    -------
    list of Group
        The largest first.

    Examples
    --------
    >>> rng = np.random.default_rng(0)
    >>> some = rng.normal(size=(8, 6, 3))
    >>> some /= np.linalg.norm(some, axis=2, keepdims=True)
    >>> some[5] = -some[2, ::-1]
    >>> [group.members.tolist() for group in grouped(some, 0.02, rng)]
    [[2, 5]]
    """
    if len(configurations) < 2:
        return []
    search = _Search(configurations, noise, _alike(configurations, noise, rng))
    return sorted(search.groups(), key=lambda group: (-len(group.members), group.members[0]))


def noisy_copies(points: Array, noise: float, rng: np.random.Generator) -> Array:
    """Unit rows with noise along their tangents, and renormalised."""
    moved = points + noise * rng.normal(size=points.shape)
    return np.asarray(moved / np.linalg.norm(moved, axis=-1, keepdims=True))


def _invariants(points: Array, noise: float) -> tuple[Array, Array]:
    """Invariants of configurations, and what takes the noise out of differences of two copies.

    The eigenvalues of G, G∘G and G∘G∘G that can differ from zero, shape (…, K), and the whitening
    (…, K, K): the inverse root of twice their covariance under noise, to first order, and what is
    beyond first order beside it.
    """
    n, dim = points.shape[-2:]
    gram = points @ np.swapaxes(points, -1, -2)
    values, slopes = [], []
    for power in (1, 2, 3):
        rank = min(n, comb(dim + power - 1, power))
        eigenvalues, axes = np.linalg.eigh(gram**power)
        values.append(eigenvalues[..., -rank:])
        axes = axes[..., -rank:]
        # ∂λ_k/∂x_i = 2p v_ik Σ_j v_jk G_ij^(p-1) x_j, along the sphere.
        pulls = np.einsum("...ij,...jk,...jd->...ikd", gram ** (power - 1), axes, points)
        slope = 2 * power * axes[..., None] * pulls
        along = (slope * points[..., :, None, :]).sum(axis=-1, keepdims=True)
        slope -= along * points[..., :, None, :]
        slopes.append(np.swapaxes(slope, -3, -2).reshape(*axes.shape[:-2], rank, n * dim))
    jacobian = np.concatenate(slopes, axis=-2)
    covariance = noise**2 * jacobian @ np.swapaxes(jacobian, -1, -2)
    covariance += (_BEYOND * noise**2) ** 2 * np.eye(covariance.shape[-1])
    whitening = np.linalg.inv(np.linalg.cholesky(2 * covariance))
    return np.concatenate(values, axis=-1), np.swapaxes(whitening, -1, -2)


def _alike(configurations: Array, noise: float, rng: np.random.Generator) -> list[IntArray]:
    """For each configuration, the others that its invariants do not rule out."""
    most = _MARGIN * _farthest_copies(configurations, noise, rng)
    found = []
    values, whitening = _invariants(configurations, noise)
    for k in range(len(configurations)):
        apart = (((values - values[k]) @ whitening[k]) ** 2).sum(axis=1)
        apart[k] = np.inf
        found.append(np.flatnonzero(apart <= most))
    return found


def _farthest_copies(configurations: Array, noise: float, rng: np.random.Generator) -> float:
    """How far the invariants of two noisy copies are from each other, but for one pair in 100."""
    chosen = configurations[rng.permutation(len(configurations))[:_SAMPLED]]
    values, whitening = _invariants(
        noisy_copies(np.repeat(chosen[:, None], _COPIES, axis=1), noise, rng), noise
    )
    off = (values[:, None] - values[:, :, None]) @ whitening
    apart = (off**2).sum(axis=-1)
    return float(np.quantile(apart[:, ~np.eye(_COPIES, dtype=bool)], 0.99))


class _Search:
    """Configurations that are left, and the groups that are taken out of them."""

    def __init__(self, configurations: Array, noise: float, alike: list[IntArray]) -> None:
        self.clouds = [Cloud(points) for points in configurations]
        self.alike = alike
        self.open = np.ones(len(configurations), dtype=bool)
        n, dim = configurations.shape[1:]
        self.noise = noise
        self.freedom = freedom(n, dim)
        self.most = float(noise**2 * chi2.ppf(_QUANTILE, self.freedom))

    def groups(self) -> list[Group]:
        """Take out one group after another, around what has the most look-alikes."""
        found = []
        for centre in np.argsort([-len(near) for near in self.alike], kind="stable"):
            if self.open[centre]:
                self.open[centre] = False
                group = self._around(int(centre))
                if group is not None:
                    self.open[group.members] = False
                    found.append(group)
        return found

    def _around(self, centre: int) -> Group | None:
        near = self.alike[centre]
        near = near[self.open[near]]
        if not len(near):
            return None
        mean = self.clouds[centre].directions
        # Two copies are both noisy; a mean of k copies has 1/k of the noise.
        members = {centre: _identity(mean), **self._fitting(mean, near, 2.0)}
        for _ in range(_ROUNDS):
            if len(members) < 2:
                return None
            mean = self._mean(members)
            wider = np.unique(np.concatenate([self.alike[k] for k in members]))
            candidates = np.union1d(wider[self.open[wider]], np.array([*members]))
            members = self._fitting(mean, candidates, 1.0 + 1.0 / len(members))
        if len(members) < 2:
            return None
        order = np.array(sorted(members), dtype=np.intp)
        residuals = sum(members[int(k)].residual for k in order)
        degrees = self.freedom * (len(order) - 1)
        if residuals > self.noise**2 * chi2.ppf(_TOGETHER, degrees):
            return None
        mean = self._mean(members)
        return Group(
            members=order,
            orders=np.array([members[int(k)].permutation for k in order]),
            mean=mean,
            noise=float(np.sqrt(residuals / degrees)),
        )

    def _fitting(self, points: Array, numbers: IntArray, variance: float) -> dict[int, Alignment]:
        """Those that noise of so many times the tolerated variance brings to some points."""
        template = Template(points)
        fits = {int(k): align(self.clouds[k], template)[0] for k in numbers}
        return {k: fit for k, fit in fits.items() if fit.residual <= variance * self.most}

    def _mean(self, members: dict[int, Alignment]) -> Array:
        total = np.zeros_like(self.clouds[0].directions)
        for k, fit in members.items():
            total[fit.permutation] += self.clouds[k].directions @ fit.rotation
        return np.asarray(total / np.linalg.norm(total, axis=1, keepdims=True))


def _identity(points: Array) -> Alignment:
    n, dim = points.shape
    return Alignment(
        residual=0.0,
        permutation=np.arange(n),
        rotation=np.eye(dim),
        singular_values=np.ones(dim),
    )
