r"""How much a group speaks for one arrangement rather than another: log evidence by templates.

A group of n features about its centre is X = T A + E: a *template* T of r orthonormal columns in
the space of the members (for a ring cosine and sine of their angles), loadings A that are
anybody's, and noise E alike on each of the d dimensions of that space (d = n - 1 about a centroid)
and on m dimensions of the weights.  With loadings that are g times as large as the noise in
variance, and the noise integrated out with its scale-free prior, only the share q of the squared
distances that T holds is left (a Bayesian linear regression, Zellner's g-prior):

.. math:: \log p = -\tfrac{mr}{2} \log(1 + g) - \tfrac{md}{2} \log(1 - \tfrac{g}{1 + g} q)

over the evidence of no arrangement at all, an equidistant cloud, which is 0.  g is marginalised
over a grid.  What a template leaves open costs the volume of what fits: the r dimensions of a cloud
in general position (a Laplace integral over subspaces), the places of members along a curve, the
number of orders, of partitions.

Functions return logarithms at each g of :data:`SIGNALS`, which :func:`marginal` averages.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import cut_tree, linkage
from scipy.optimize import isotonic_regression
from scipy.spatial.distance import squareform
from scipy.special import gammaln

from geomsup.claims.statistics import circles_through, orders_on_line, plane_of
from geomsup.matching.evidence import log_sphere, log_sum, marginalise
from geomsup.restoring import read_only

__all__ = ["LARGEST_STEP", "SIGNALS", "Group", "angles_about_circle", "either", "marginal"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Variance of loadings over that of the noise: from drowned to exact for every purpose here.
SIGNALS: Array = read_only(np.geomspace(0.1, 1e6, 29))
# Shares of the simplex in the squared distances, the rest noise.
_PURE = 1 - np.geomspace(1e-4, 1.0, 25)[:-1]
# A closed curve has no step longer than so many mean ones: the census names rings by this rule.
LARGEST_STEP = 2.5
# What the two turns of angles that make a circle an ellipse cost: loadings take these up, so that
# data hold them to about √π of 2π whatever the noise is.  With it the evidence of free places on a
# ring is within .4 nats of averages over random places, at 6 and 7 members in 4 to 8 dimensions.
_SOFT = 2 * math.log(2 * math.sqrt(math.pi))
# Evenly spaced arcs that are weighed, from nearly straight to nearly closed.
_N_BENDS = 24
_NONE = np.full(len(SIGNALS), -np.inf)


def marginal(log_evidence: Array) -> float:
    """Average over the grid of signals (log-uniform prior)."""
    return float(marginalise(log_evidence))


def either(*log_evidence: Array) -> Array:
    """Average of several forms of one arrangement, as likely before."""
    return log_sum(np.stack(log_evidence)) - math.log(len(log_evidence))


@dataclass(frozen=True, kw_only=True, eq=False)
class Group:
    """A group about its centre, ready to be weighed.

    Attributes
    ----------
    gram : ndarray of shape (n, n)
        Inner products about the centre, of trace 1.
    rank : int
        d, the dimensions that n members can take up: n - 1 about the centroid.
    dim : float
        m, the dimensions of the noise.
    order : ndarray of shape (n,) or None
        The order that is claimed.
    """

    gram: Array
    rank: int
    dim: float
    order: IntArray | None = None

    @property
    def n(self) -> int:
        """Number of members."""
        return len(self.gram)

    def frame(self, template: Array) -> tuple[float, int]:
        """The share q of the squared distances that columns hold, and how many these are."""
        if self.rank < self.n:
            template = template - template.mean(axis=0)
        left, singular, _ = np.linalg.svd(template, full_matrices=False)
        basis = left[:, singular > 1e-9 * max(singular[0], 1e-300)]
        share = float(np.einsum("ik,ij,jk->", basis, self.gram, basis))
        return min(max(share, 0.0), 1.0), basis.shape[1]

    def fixed(self, template: Array) -> Array:
        """Evidence of a template that leaves nothing open."""
        return self._at(*self.frame(template))

    def _at(self, share: float, rank: int) -> Array:
        loss = np.log1p(-SIGNALS / (1 + SIGNALS) * share)
        return np.asarray(-0.5 * self.dim * (rank * np.log1p(SIGNALS) + self.rank * loss))

    def _pull(self, share: float) -> Array:
        """Derivative of the evidence in the share."""
        held = SIGNALS / (1 + SIGNALS)
        return np.asarray(0.5 * self.dim * self.rank * held / (1 - held * share))

    def cloud(self, rank: int, share: float | None = None, known: float = 0.0) -> Array:
        """Evidence of a Gaussian cloud of some rank: members in general position in it.

        ``share`` is what the best subspace holds that is allowed, and ``known`` the logarithm of
        how many times fewer are allowed, as an order is claimed.

        Notes
        -----
        A subspace that is tilted by φ from principal axis i towards axis j loses
        φ² (λ_i - λ_j) of the share.
        """
        shares = np.maximum(np.linalg.eigvalsh(self.gram)[::-1][: self.rank], 0.0)
        gaps = (shares[:rank, None] - shares[None, rank:]).ravel()
        best = float(shares[:rank].sum()) if share is None else share
        if not gaps.size:
            return self._at(1.0, rank)
        volume = _log_subspaces(rank, self.rank) * 2 / gaps.size
        stiffness = np.log1p(self._pull(best)[:, None] * gaps * math.exp(volume) / np.pi)
        return self._at(min(best, 1.0), rank) + _volume(0.5 * stiffness.sum(axis=1), known)

    def clouds(self, ranks: range) -> Array:
        """Evidence of clouds of several ranks, each as likely before."""
        ranks = range(ranks.start, min(ranks.stop, self.rank))
        return either(*(self.cloud(rank) for rank in ranks)) if len(ranks) else _NONE

    def clusters(self) -> Array:
        """Evidence of members that gather about two or more points."""
        squares = np.diag(self.gram)
        distances = np.sqrt(np.maximum(squares[:, None] + squares - 2 * self.gram, 0.0))
        np.fill_diagonal(distances, 0.0)
        tree = linkage(squareform(distances, checks=False), method="ward")
        counts = np.arange(2, self.n)
        parts = cut_tree(tree, n_clusters=counts)
        ways = _log_partitions(self.n)
        found = [
            self.fixed(np.eye(int(k))[part]) - ways[k]
            for k, part in zip(counts, parts.T, strict=True)
        ]
        return either(*found) if found else _NONE

    def ring(self, *, even: bool = False) -> Array:
        """Evidence of a closed curve, with even steps or with any."""
        _, plane = plane_of(self.gram[None])
        turns, radius = angles_about_circle(plane[0])
        order = np.argsort(turns, kind="stable") if self.order is None else self.order
        steps = 2 * np.pi * np.argsort(order) / self.n
        ways = gammaln(self.n) - math.log(2)
        regular = self.fixed(_turned(steps)) - (ways if self.order is None else 0.0)
        if even:
            return regular
        angles = turns if self.order is None else _in_order(turns, order)
        if angles is None or _largest_gap(angles) > LARGEST_STEP * 2 * np.pi / self.n:
            return either(regular, _NONE)
        known = 0.0 if self.order is None else ways
        return either(regular, self._along(_turned(angles), 2 * np.pi * radius, known))

    def arc(self) -> Array:
        """Evidence of an open curve in a plane, with even steps or with any."""
        _, plane = plane_of(self.gram[None])
        order = self.order
        if order is None:
            order = orders_on_line(self.gram[None], plane)[0]
        ways = gammaln(self.n + 1) - math.log(2)
        places = np.argsort(order) / (self.n - 1) - 0.5
        widest = 2 * np.pi * (1 - LARGEST_STEP / self.n)
        bends = np.linspace(widest / _N_BENDS, widest, _N_BENDS)
        even = either(*(self.fixed(_turned(bend * places)) for bend in bends))
        known = 0.0 if self.order is None else ways
        even = even - ways + known
        turns, radius = angles_about_circle(plane[0])
        angles = _in_order(turns, order, closed=False)
        if angles is None or 2 * np.pi - np.ptp(angles) < LARGEST_STEP * 2 * np.pi / self.n:
            return either(even, _NONE)
        length = radius * float(np.ptp(angles)) * self.n / (self.n - 1)
        return either(even, self._along(_turned(angles), length, known))

    def line(self) -> Array:
        """Evidence of a straight line, with even steps or with any."""
        values, vectors = np.linalg.eigh(self.gram)
        first = vectors[:, -1] * math.sqrt(max(values[-1], 0.0))
        order = np.argsort(first, kind="stable") if self.order is None else self.order
        ways = gammaln(self.n + 1) - math.log(2)
        even = self.fixed(np.argsort(order)[:, None].astype(float))
        if self.order is None:
            return either(even - ways, self.cloud(1))
        places = _rising(first, order)
        if places is None:
            return either(even, _NONE)
        return either(even, self.cloud(1, share=self.frame(places[:, None])[0], known=ways))

    def simplex(self) -> Array:
        """Evidence of equal distances, beyond those of independent rows in as many dimensions.

        Notes
        -----
        Across the common direction the Gram matrix of independent rows is Wishart: its traceless
        part has d(d + 1)/2 - 1 components of variance 1/m in units of the mean eigenvalue, or
        (1 - f²)/m where a share f is a regular simplex.
        """
        n_components = self.rank * (self.rank + 1) / 2 - 1
        square = self.rank**2 * float((self.gram**2).sum()) - self.rank
        looser = 1 - _PURE**2
        chi2 = 0.5 * self.dim * max(square, 0.0)
        terms = -0.5 * (chi2 * (1 / looser - 1) + n_components * np.log(looser))
        return np.full(len(SIGNALS), float(log_sum(terms)) - math.log(len(_PURE)))

    def _along(self, template: Array, length: float, known: float) -> Array:
        """Evidence of members anywhere along a curve of some length, in an order that is known.

        A member that is moved by s along it loses s² of the share, but that a turn of the curve
        and the two ways to make it an ellipse lose nothing: loadings take them up.  A curve and
        its mirror image are the same template.
        """
        share, rank = self.frame(template)
        firm = np.log1p(self._pull(share) * length**2 / np.pi)
        cost = 0.5 * (self.n - 3) * firm + _SOFT
        return self._at(share, rank) + _volume(cost, known + math.log(2))


def _volume(cost: Array, known: float) -> Array:
    """What a peak holds of all that is open; an average is no higher than the peak."""
    return np.minimum(known - cost, 0.0)


def angles_about_circle(points: Array) -> tuple[Array, float]:
    """Points of a plane as angles about the centre of the nearest circle, and its radius."""
    centre, radius = circles_through(points)
    offset = points - centre
    return np.arctan2(offset[:, 1], offset[:, 0]), float(radius)


def _turned(angles: Array) -> Array:
    return np.column_stack([np.cos(angles), np.sin(angles)])


def _largest_gap(angles: Array) -> float:
    ascending = np.sort(np.mod(angles, 2 * np.pi))
    return float(np.diff(ascending, append=ascending[0] + 2 * np.pi).max())


def _in_order(angles: Array, order: IntArray, *, closed: bool = True) -> Array | None:
    """Angles moved as little as makes them rise in an order, or None where they go round wrongly.

    Closed, they must go round once.
    """
    visited = angles[order]
    steps = np.angle(np.exp(1j * np.diff(visited, append=visited[:1])))
    turns = round(float(steps.sum()) / (2 * np.pi))
    if closed and abs(turns) != 1:
        return None
    rising = visited[0] + np.concatenate([[0.0], np.cumsum(steps[:-1])])
    direction = 1.0 if rising[-1] >= rising[0] else -1.0
    moved = np.empty(len(angles))
    moved[order] = direction * isotonic_regression(direction * rising).x
    return moved if np.ptp(moved) > 0 else None


def _rising(places: Array, order: IntArray) -> Array | None:
    """Places on a line moved as little as makes them rise, or fall, in an order."""
    fits = []
    for direction in (1.0, -1.0):
        x = isotonic_regression(direction * places[order]).x
        fits.append((float(((x - direction * places[order]) ** 2).sum()), x))
    best = min(fits, key=lambda fit: fit[0])[1]
    if not np.ptp(best) > 0:
        return None
    moved = np.empty(len(places))
    moved[order] = best
    return moved


@cache
def _log_subspaces(rank: int, dim: int) -> float:
    """Log volume of the r-dimensional subspaces of R^dim."""
    above = sum(log_sphere(k) for k in range(dim - rank + 1, dim + 1))
    return above - sum(log_sphere(k) for k in range(1, rank + 1))


@cache
def _log_partitions(n: int) -> Array:
    """Log of the number of ways to part n members into k sets (Stirling numbers), for k ≤ n."""
    row = np.array([0.0])
    with np.errstate(divide="ignore"):
        for _ in range(n):
            # S(n + 1, k) = k S(n, k) + S(n, k - 1)
            stayed = np.append(np.log(np.arange(len(row))) + row, -np.inf)
            row = np.logaddexp(stayed, np.insert(row, 0, -np.inf))
    return read_only(row)
