"""Which latents of a small dictionary become which of a larger one.

Every latent of a dictionary has a parent in the next smaller one: the latent whose direction is
nearest.  A parent with two children has not split for that alone.  A larger dictionary may hold a
direction twice; it spends latents on combinations that hardly ever occur; and a latent that stood
for two unrelated features, because there was no room, is replaced by both.  So a parent counts as
split when it has children that carry weight, differ from each other, and are more similar to each
other than directions are by chance.

A small dictionary has reason to merge what happens to be alike, so some split in a truth without
any clusters too.  How many that is, `SplittingTree.by_chance` says: random directions take the
place of the larger dictionary, and those most alike are merged.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import linkage
from scipy.spatial.distance import pdist
from scipy.stats import beta

from geomsup.dictionary.autoencoder import Autoencoder, check_autoencoders
from geomsup.dictionary.recovery import cosines_between
from geomsup.errors import GeomsupError
from geomsup.validation import number_within, positive_integer, seed_number, whole_number
from geomsup.weights import as_weights

__all__ = ["SplittingTree", "chance_cosine", "splitting_tree"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# From here two latents are one direction.
_SAME_COSINE = 0.9
# A child carries weight with at least this share of E z² of the strongest child.
_LEAST_POWER = 0.1
# Two random directions are as similar as siblings must be once in so many cases.
_CHANCE = 0.01


@dataclass(frozen=True, kw_only=True, eq=False)
class SplittingTree:
    """Dictionaries of growing size, and the parent of every latent.

    Parameters
    ----------
    decoders : tuple of ndarray, each of shape (n_hidden, n_living)
        Directions of the living latents of each dictionary, smallest first.  Latents are numbered
        among the living ones throughout.
    powers : tuple of ndarray
        E z² of each.
    parents : tuple of ndarray
        For each dictionary but the first: the parent of every latent in the one before.
    cosines : tuple of ndarray
        Cosines with those parents.
    coactivations : tuple of ndarray
        How often the parent is active when the child is; NaN where activations were not given.
    chance : float
        Cosine from which siblings are more similar than by chance.
    """

    decoders: tuple[FloatArray, ...]
    powers: tuple[FloatArray, ...]
    parents: tuple[IntArray, ...]
    cosines: tuple[FloatArray, ...]
    coactivations: tuple[FloatArray, ...]
    chance: float

    @property
    def sizes(self) -> tuple[int, ...]:
        """Living latents of each dictionary."""
        return tuple(decoder.shape[1] for decoder in self.decoders)

    def ancestors(self, level: int, at: int = 0) -> IntArray:
        """Ancestor, in dictionary ``at``, of every latent of dictionary ``level``.

        Returns
        -------
        ndarray of shape (sizes[level],)
        """
        if not whole_number("at", at, 0) <= whole_number("level", level, 0) < len(self.decoders):
            raise GeomsupError(
                f"levels must satisfy 0 ≤ at ≤ level < {len(self.decoders)}, got at={at!r} and "
                f"level={level!r}"
            )
        found: IntArray = np.arange(self.sizes[level])
        for parents in reversed(self.parents[at:level]):
            found = parents[found]
        return found

    def families(self, W: object, level: int, at: int = 0) -> IntArray:
        """Family of true directions: the ancestor of the nearest latent.

        Parameters
        ----------
        W : array_like of shape (n_hidden, n_features)
        level : int
            Dictionary in which the nearest latent is looked for.
        at : int, default 0
            Dictionary whose latents name the families.

        Returns
        -------
        ndarray of shape (n_features,)
        """
        ancestors = self.ancestors(level, at)
        weights = as_weights(W)
        if len(weights) != len(self.decoders[level]):
            raise GeomsupError(
                f"W has {len(weights)} dimensions and the dictionaries {len(self.decoders[level])}"
            )
        nearest = cosines_between(weights, self.decoders[level]).argmax(axis=1)
        family: IntArray = ancestors[nearest]
        return family

    def split(self, level: int) -> NDArray[np.bool_]:
        """Which latents of a dictionary split in the next larger one.

        Parameters
        ----------
        level : int
            Number of the dictionary, from 0; the last has no larger one.

        Returns
        -------
        ndarray of shape (sizes[level],)
        """
        self._check_level(level)
        return self._split(level, self.parents[level], self.decoders[level + 1])

    def by_chance(
        self, level: int, n_draws: int = 1000, seed: int | np.random.Generator | None = 0
    ) -> IntArray:
        """How many latents would split if there were nothing to find.

        Each draw puts independent uniform directions in the place of the larger dictionary, and
        merges them by average linkage to as many families as the smaller one has latents: the most
        similar come together, as a dictionary without room for all would have it.

        Parameters
        ----------
        level : int
            Number of the dictionary, from 0; the last has no larger one.
        n_draws : int, default 1000
        seed : int, Generator or None, default 0

        Returns
        -------
        ndarray of shape (n_draws,)

        Raises
        ------
        GeomsupError
            If there is no such level, or n_draws is no whole number.
        """
        self._check_level(level)
        rng = np.random.default_rng(seed_number(seed))
        n_draws = whole_number("n_draws", n_draws, 0)
        n_hidden, n_children = self.decoders[level + 1].shape
        counts: IntArray = np.zeros(n_draws, dtype=np.intp)
        if n_children < 2:
            return counts
        for draw in range(n_draws):
            random = rng.standard_normal((n_hidden, n_children))
            random /= np.linalg.norm(random, axis=0)
            merges = linkage(pdist(random.T, "cosine"), "average")
            parents = _families(merges[:, :2], self.sizes[level])
            counts[draw] = self._split(level, parents, random).sum()
        return counts

    def p_value(
        self, level: int, n_draws: int = 1000, seed: int | np.random.Generator | None = 0
    ) -> float:
        """Probability that as many latents or more split `by_chance`, (1 + hits) / (1 + draws)."""
        hits = (self.by_chance(level, n_draws, seed) >= self.split(level).sum()).sum()
        return float((1 + hits) / (1 + n_draws))

    @property
    def graph(self) -> nx.DiGraph[tuple[int, int]]:
        """The tree, edges from parent to child.

        Nodes are pairs (dictionary, latent), with ``power``, ``root`` (ancestor in the smallest
        dictionary) and ``split``; edges have ``cosine`` and ``coactivation``.
        """
        graph: nx.DiGraph[tuple[int, int]] = nx.DiGraph()
        for level, powers in enumerate(self.powers):
            roots = self.ancestors(level)
            last = level == len(self.parents)
            split = np.zeros(len(powers), dtype=bool) if last else self.split(level)
            for k, power in enumerate(powers):
                graph.add_node(
                    (level, k), power=float(power), root=int(roots[k]), split=bool(split[k])
                )
        for level, parents in enumerate(self.parents):
            for child, parent in enumerate(parents):
                graph.add_edge(
                    (level, int(parent)),
                    (level + 1, child),
                    cosine=float(self.cosines[level][child]),
                    coactivation=float(self.coactivations[level][child]),
                )
        return graph

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        levels = range(len(self.parents))
        return {
            "sizes": list(self.sizes),
            "chance": self.chance,
            "split": [self.split(level).tolist() for level in levels],
            **{
                name: [array.tolist() for array in getattr(self, name)]
                for name in ("parents", "cosines", "powers", "decoders")
            },
        }

    def __str__(self) -> str:
        lines = [f"SplittingTree, dictionaries of {', '.join(map(str, self.sizes))} living latents"]
        for level, (small, large) in enumerate(zip(self.sizes[:-1], self.sizes[1:], strict=True)):
            lines.append(f"  {small} → {large}: {int(self.split(level).sum())} of {small} split")
        return "\n".join(lines)

    __repr__ = __str__

    def _check_level(self, level: int) -> None:
        whole_number("level", level, 0, len(self.parents) - 1)

    def _split(self, level: int, parents: IntArray, decoder: FloatArray) -> NDArray[np.bool_]:
        powers = self.powers[level + 1]
        units = decoder / np.linalg.norm(decoder, axis=0)
        found = np.zeros(self.sizes[level], dtype=bool)
        for parent, children in _by_parent(parents):
            strong = children[powers[children] >= _LEAST_POWER * powers[children].max()]
            if len(strong) < 2:
                continue
            siblings = units[:, strong].T @ units[:, strong]
            np.fill_diagonal(siblings, 0.0)
            mean = siblings.sum() / (len(strong) * (len(strong) - 1))
            found[parent] = siblings.max() < _SAME_COSINE and mean >= self.chance
        return found


def splitting_tree(
    dictionaries: Sequence[Autoencoder], activations: object | None = None
) -> SplittingTree:
    """Trace latents through dictionaries of growing size.

    Parameters
    ----------
    dictionaries : sequence of Autoencoder
        At least two, trained on the same activations, in ascending order of size.
    activations : array_like of shape (n_samples, n_hidden), optional
        A sample on which to count how often parent and child are active together.

    Returns
    -------
    SplittingTree

    Raises
    ------
    GeomsupError
        If there are fewer than two, sizes do not grow, or one has no living latent.

    Notes
    -----
    A latent of a dictionary has split when at least two of its children (those with at least a
    tenth of the strongest child's E z²) point in different directions (all cosines below .9) and
    have a mean cosine that two random directions reach in one case of a hundred.  In few
    dimensions that is no strong statement: the cosine is .63 in 12 dimensions, .46 in 24.
    In four or fewer no siblings can be that similar and yet differ, so nothing counts as split.
    `SplittingTree.p_value` sets the number that split beside the number that would by chance.

    Examples
    --------
    >>> from geomsup.dictionary import AutoencoderConfig, ToyActivations, planted_clusters
    >>> from geomsup.dictionary import best_of_each, splitting_tree, train_autoencoders
    >>> truth = planted_clusters((8, 4), n_hidden=24, shares=(0.7, 0.3))
    >>> config = AutoencoderConfig(
    ...     n_latents=(8, 32), penalty=0.3, n_restarts=3, n_steps=1000, resample_every=100
    ... )
    >>> found = train_autoencoders(ToyActivations(truth.W, 0.03), config, progress=False)
    >>> print(splitting_tree(best_of_each(found)))
    SplittingTree, dictionaries of 8, 32 living latents
      8 → 32: 8 of 8 split
    """
    check_autoencoders(dictionaries)
    sizes = [one.n_latents for one in dictionaries]
    if len(sizes) < 2 or sorted(set(sizes)) != sizes:
        raise GeomsupError(
            f"a tree needs at least two dictionaries, smallest first, got sizes {sizes}"
        )
    living = [np.flatnonzero(one.alive) for one in dictionaries]
    if not all(len(latents) for latents in living):
        raise GeomsupError("one of the dictionaries has no living latent; train it again")
    decoders = [one.decoder[:, k] for one, k in zip(dictionaries, living, strict=True)]
    active = None
    if activations is not None:
        active = [
            one.encode(activations)[:, k] > 0.0 for one, k in zip(dictionaries, living, strict=True)
        ]
    parents, cosines, together = [], [], []
    for level in range(1, len(sizes)):
        similar = cosines_between(decoders[level - 1], decoders[level])
        chosen = similar.argmax(axis=0)
        parents.append(chosen)
        cosines.append(similar.max(axis=0))
        if active is None:
            together.append(np.full(len(chosen), np.nan))
        else:
            child = active[level]
            both = (child & active[level - 1][:, chosen]).sum(axis=0)
            together.append(both / np.maximum(child.sum(axis=0), 1))
    return SplittingTree(
        decoders=tuple(decoders),
        powers=tuple(one.power[k] for one, k in zip(dictionaries, living, strict=True)),
        parents=tuple(parents),
        cosines=tuple(cosines),
        coactivations=tuple(together),
        chance=chance_cosine(len(decoders[0])),
    )


def chance_cosine(n_hidden: int, probability: float = _CHANCE) -> float:
    """Cosine that two random directions exceed with this probability.

    (1 + cos)/2 of two uniform directions in m dimensions follows Beta((m − 1)/2, (m − 1)/2); on a
    line the cosine is 1 or −1, and what is returned is 1.

    Parameters
    ----------
    n_hidden : int
    probability : float
        In [0, 1].

    Returns
    -------
    float

    Raises
    ------
    GeomsupError
        If a number is out of range.

    Examples
    --------
    >>> from geomsup.dictionary.splitting import chance_cosine
    >>> round(chance_cosine(3, 0.25), 12)  # in three dimensions the cosine is uniform
    0.5
    """
    m = positive_integer("n_hidden", n_hidden)
    share = number_within("probability", probability, 0, 1)
    if m == 1:
        return 1.0
    half = 0.5 * (m - 1)
    return float(2.0 * beta.ppf(1.0 - share, half, half) - 1.0)


def _families(merges: FloatArray, n_families: int) -> IntArray:
    """Family of each leaf once merges have left so many families; merges are in scipy's order.

    It is ``fcluster(..., "maxclust")``, but for the numbers of families, without its checks of the
    whole tree, which take longer than the tree.
    """
    n = len(merges) + 1
    members = {leaf: [leaf] for leaf in range(n)}
    for step, (one, other) in enumerate(merges[: max(n - n_families, 0)].astype(int).tolist()):
        members[n + step] = members.pop(one) + members.pop(other)
    families: IntArray = np.empty(n, dtype=np.intp)
    for number, leaves in enumerate(members.values()):
        families[leaves] = number
    return families


def _by_parent(parents: IntArray) -> Iterator[tuple[int, IntArray]]:
    order = np.argsort(parents, kind="stable")
    ends = np.cumsum(np.bincount(parents)).tolist()
    for parent, (start, end) in enumerate(pairwise([0, *ends])):
        if end > start:
            yield parent, order[start:end]
