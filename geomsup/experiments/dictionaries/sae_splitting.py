"""Dictionaries of growing size on a truth with planted clusters: do features split?

"Towards Monosemanticity" saw a feature of a small dictionary become several similar ones in a
larger.  In a language model nobody knows what there is to split; here the clusters are planted, and
the same is done to as many directions without clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
from sklearn.metrics import adjusted_rand_score

from geomsup.dictionary import (
    AutoencoderConfig,
    PlantedClusters,
    SplittingTree,
    ToyActivations,
    best_of_each,
    planted_clusters,
    recover_features,
    splitting_tree,
    train_autoencoders,
)
from geomsup.dictionary.splitting import chance_cosine
from geomsup.experiments.frame.experiment import Experiment, Trainer
from geomsup.experiments.frame.outcome import Claim, Outcome

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Result", "check", "nominal_sizes", "run", "tree_of"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

TRUTHS = ("clustered", "unclustered")
# Adjusted Rand index from which a planted partition counts as found: the project's own bar.
_FOUND = 0.9
# More than this share of the latents must split for "features split".
_MOST = 0.5
# From this probability on, as many latents split by chance.
_LEVEL = 0.01
# Beyond the number of features at most this share of the latents may seem to split.
_FEW = 0.1
_DRAWS = 1000


@dataclass(frozen=True, kw_only=True)
class Config:
    """Eight clusters of two pairs, 32 features in 24 dimensions.

    Features of a pair have a cosine of about .75, those of a cluster of about .5.  Sizes are
    multiples of the number of *clusters*, 1 to 16 as in the source (512 to 131,072 latents there).
    """

    branching: tuple[int, ...] = (8, 2, 2)
    shares: tuple[float, ...] = (0.5, 0.25, 0.25)
    n_hidden: int = 24
    feature_probability: float = 0.03  # one feature active on average
    size_ratios: tuple[int, ...] = (1, 2, 4, 8, 16)
    penalty: float = 0.3
    n_restarts: int = 4  # of each size the one with the lowest loss is taken
    # Below one latent for each feature the lowest minimum is rare (7 of 128 in one case at 16
    # latents) and restarts are cheap.
    n_restarts_small: int = 64
    n_steps: int = 4000
    batch_size: int = 512


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Trees of both truths, padded to the largest dictionary: NaN and -1 where there is nothing.

    The first axis is the truth, with and without clusters; the second, the dictionary.
    """

    n_features: int
    decoders: FloatArray  # (2, n_sizes, n_hidden, largest)
    powers: FloatArray  # (2, n_sizes, largest)
    parents: IntArray  # (2, n_sizes - 1, largest)
    cosines: FloatArray  # (2, n_sizes - 1, largest)
    coactivations: FloatArray  # (2, n_sizes - 1, largest)
    dead: IntArray  # (2, n_sizes)
    found: FloatArray  # (2, n_sizes), share of the features found at cosine .95
    clusters: tuple[int, ...]  # planted clusters at each level but the last
    agreement: FloatArray  # (n_levels - 1,), adjusted Rand index with the families of that size
    linkage: FloatArray  # (n_levels - 1,), the same of average linkage on the true directions


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train dictionaries of all sizes on both truths, and trace their latents."""
    n_features = int(np.prod(config.branching))
    sizes = [ratio * config.branching[0] for ratio in config.size_ratios]
    planted = planted_clusters(
        config.branching,
        config.n_hidden,
        shares=config.shares,
        seed=np.random.default_rng((seed, 0)),
    )
    plain = planted_clusters((n_features,), config.n_hidden, seed=np.random.default_rng((seed, 1)))
    trees, dead, found = [], [], []
    for truth in (planted, plain):
        source = ToyActivations(truth.W, config.feature_probability)
        dictionaries = [
            one
            for n_restarts, some in (
                (config.n_restarts_small, [n for n in sizes if n < n_features]),
                (config.n_restarts, [n for n in sizes if n >= n_features]),
            )
            if some
            for one in best_of_each(
                train_autoencoders(
                    source,
                    AutoencoderConfig(
                        n_latents=some,
                        penalty=config.penalty,
                        n_restarts=n_restarts,
                        n_steps=config.n_steps,
                        batch_size=config.batch_size,
                    ),
                    seed,
                    trainer.progress,
                )
            )
        ]
        trees.append(splitting_tree(dictionaries, source.sample(1 << 14, seed)))
        dead.append([int((~one.alive).sum()) for one in dictionaries])
        found.append([recover_features(one, truth.W).share for one in dictionaries])
    clusters = tuple(int(labels.max()) + 1 for labels in planted.labels[:-1])
    whole = sizes.index(n_features)
    return Result(
        n_features=n_features,
        decoders=np.array([[_padded(d, sizes[-1]) for d in tree.decoders] for tree in trees]),
        powers=np.array([[_padded(p, sizes[-1]) for p in tree.powers] for tree in trees]),
        parents=np.array(
            [[_padded(p, sizes[-1], -1) for p in tree.parents] for tree in trees], dtype=np.int64
        ),
        cosines=np.array([[_padded(c, sizes[-1]) for c in tree.cosines] for tree in trees]),
        coactivations=np.array(
            [[_padded(c, sizes[-1]) for c in tree.coactivations] for tree in trees]
        ),
        dead=np.array(dead, dtype=np.int64),
        found=np.array(found),
        clusters=clusters,
        agreement=np.array(
            [
                adjusted_rand_score(
                    labels, trees[0].families(planted.W, whole, sizes.index(n_clusters))
                )
                for labels, n_clusters in zip(planted.labels, clusters, strict=False)
            ]
        ),
        linkage=_linkage(planted, clusters),
    )


def _linkage(planted: PlantedClusters, clusters: Sequence[int]) -> FloatArray:
    """How well a standard clustering of the true directions themselves finds each level."""
    merges = linkage(pdist(planted.W.T, "cosine"), "average")
    return np.array(
        [
            adjusted_rand_score(labels, fcluster(merges, n_clusters, "maxclust"))
            for labels, n_clusters in zip(planted.labels, clusters, strict=False)
        ]
    )


def tree_of(result: Result, truth: int) -> SplittingTree:
    """The tree of a truth, 0 with clusters and 1 without."""
    living = [~np.isnan(powers) for powers in result.powers[truth]]
    levels = list(enumerate(living[1:]))
    return SplittingTree(
        decoders=tuple(
            decoder[:, alive] for decoder, alive in zip(result.decoders[truth], living, strict=True)
        ),
        powers=tuple(p[alive] for p, alive in zip(result.powers[truth], living, strict=True)),
        parents=tuple(result.parents[truth, k][alive].astype(np.intp) for k, alive in levels),
        cosines=tuple(result.cosines[truth, k][alive] for k, alive in levels),
        coactivations=tuple(result.coactivations[truth, k][alive] for k, alive in levels),
        chance=chance_cosine(result.decoders.shape[2]),
    )


def check(results: Sequence[Result]) -> Outcome:
    """Compare the families with the planted ones, and splitting with and without clusters."""
    first = results[0]
    claims = [_planted(results, level) for level in range(len(first.clusters))]
    trees = [[tree_of(result, truth) for truth in range(2)] for result in results]
    # Levels at which there is something left to split, and the others.
    small = [k for k, n in enumerate(nominal_sizes(first)[:-1]) if n < first.n_features]
    large = [k for k in range(first.decoders.shape[1] - 1) if k not in small]
    split = np.array([[_count(tree, small) for tree in pair] for pair in trees])
    of = np.array([[sum(tree.sizes[k] for k in small) for tree in pair] for pair in trees])
    chance = [[_by_chance(tree, small) for tree in pair] for pair in trees]
    p_values = np.array(
        [
            [(1 + (draws >= s).sum()) / (1 + _DRAWS) for s, draws in zip(*pair, strict=True)]
            for pair in zip(split, chance, strict=True)
        ]
    )
    expected = np.mean(chance, axis=(0, 2))
    together = [np.concatenate([pair[0].coactivations[k] for k in small]).mean() for pair in trees]
    claims += [
        Claim(
            says="a feature of a small dictionary becomes several in a larger one",
            found=f"{_fractions(split[:, 0], of[:, 0])} latents split below {first.n_features} "
            f"latents; {expected[0]:.1f} would by chance, were the directions random and the most "
            f"similar merged (largest P = {p_values[:, 0].max():.2g}); where a latent is active, "
            f"its parent is in {np.mean(together):.0%} of the cases",
            by_seed=tuple((split[:, 0] > _MOST * of[:, 0]) & (p_values[:, 0] < _LEVEL)),
        ),
        Claim(
            says="without clusters no more splits than by chance",
            found=f"{_fractions(split[:, 1], of[:, 1])}; by chance {expected[1]:.1f} "
            f"(least P = {p_values[:, 1].min():.2g})",
            by_seed=tuple(p_values[:, 1] >= _LEVEL),
        ),
    ]
    if large:
        claims.append(_beyond(results, trees, large))
    return Outcome(
        claims=tuple(claims),
        numbers={
            "clusters": first.clusters,
            "adjusted_rand": [result.agreement for result in results],
            "adjusted_rand_of_linkage": [result.linkage for result in results],
            "split": split,
            "latents": of,
            "by_chance": expected,
            "p_values": p_values,
            "found": [result.found for result in results],
            "dead": [result.dead for result in results],
            "coactivation": together,
        },
    )


def _planted(results: Sequence[Result], level: int) -> Claim:
    values = np.array([result.agreement[level] for result in results])
    linked = np.array([result.linkage[level] for result in results])
    n_clusters, n_features = results[0].clusters[level], results[0].n_features
    shares = np.array(
        [result.found[0][nominal_sizes(result).index(n_features)] for result in results]
    )
    return Claim(
        says=f"the families of {n_clusters} latents are the {n_clusters} planted "
        f"{'clusters' if level == 0 else 'groups'}",
        found=f"adjusted Rand index {_range(values)} at {n_features} latents; average linkage of "
        f"the true directions: {_range(linked)}",
        by_seed=tuple(values >= _FOUND),
        why=f"{shares.mean():.0%} of the features are found by {n_features} latents; the others "
        "follow a neighbour's latent",
    )


def _beyond(
    results: Sequence[Result], trees: Sequence[Sequence[SplittingTree]], levels: Sequence[int]
) -> Claim:
    split = np.array([_count(pair[0], levels) for pair in trees])
    of = np.array([sum(pair[0].sizes[k] for k in levels) for pair in trees])
    dead = np.mean([result.dead[0, -1] for result in results])
    weak = np.mean([np.mean(pair[0].powers[-1] < 0.1 * pair[0].powers[-1].max()) for pair in trees])
    return Claim(
        says="beyond one latent for each feature nothing more splits",
        found=f"{_fractions(split, of)} latents split; in the largest dictionary {dead:.0f} are "
        f"dead and {weak:.0%} of the others carry less than a tenth of the strongest",
        by_seed=tuple(s <= _FEW * n for s, n in zip(split, of, strict=True)),
    )


def nominal_sizes(result: Result) -> list[int]:
    """Sizes of the dictionaries, dead latents included."""
    living = (~np.isnan(result.powers[0])).sum(axis=1)
    return [int(n) for n in living + result.dead[0]]


def _count(tree: SplittingTree, levels: Sequence[int]) -> int:
    return sum(int(tree.split(k).sum()) for k in levels)


def _by_chance(tree: SplittingTree, levels: Sequence[int]) -> IntArray:
    """How many latents of these levels together would split by chance, in each draw."""
    draws = [tree.by_chance(level, _DRAWS, seed=level) for level in levels]
    return np.asarray(np.sum(draws, axis=0))


def _fractions(counts: IntArray, of: IntArray) -> str:
    return ", ".join(f"{a} of {b}" for a, b in zip(counts, of, strict=True))


def _range(values: FloatArray) -> str:
    low, high = f"{values.min():.2f}", f"{values.max():.2f}"
    return low if low == high else f"{low}–{high}"


def _padded(array: NDArray[np.generic], width: int, fill: float = np.nan) -> NDArray[np.generic]:
    missing = [(0, 0)] * (array.ndim - 1) + [(0, width - array.shape[-1])]
    return np.pad(array, missing, constant_values=fill)


def draw(results: Sequence[Result]) -> Figure:
    """Draw the figure of the experiment."""
    from geomsup.experiments.dictionaries.sae_splitting_figure import draw as drawn

    return drawn(results)


EXPERIMENT = Experiment(
    id="sae-splitting",
    title="features that split in larger dictionaries",
    says="a feature of a small dictionary becomes several similar ones in a larger dictionary",
    source="Bricken et al. 2023, feature splitting",
    paper=Config(),
    smoke=Config(size_ratios=(1, 2, 4, 8), n_restarts=3, n_restarts_small=16, n_steps=2000),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
