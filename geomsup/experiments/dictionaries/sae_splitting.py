"""Dictionaries of growing size on a truth with planted clusters: do features split?

"Towards Monosemanticity" saw a feature of a small dictionary become several similar ones in a
larger.  In a language model nobody knows what there is to split; here the clusters are planted, and
the same is done to as many directions without clusters.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.cluster.hierarchy import fcluster, linkage
from scipy.spatial.distance import pdist
from sklearn.metrics import adjusted_rand_score

from geomsup.dictionary import (
    Autoencoder,
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
from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer
from geomsup.experiments.frame.measures import span

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "Config", "Level", "Result", "Traced", "check", "draw", "run"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

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
class Traced:
    """Dictionaries of all sizes on one truth, and which of their latents come from which."""

    tree: SplittingTree
    dead: IntArray  # (n_sizes,)
    found: FloatArray  # (n_sizes,), share of the features found at cosine .95

    @property
    def sizes(self) -> list[int]:
        """Latents of every dictionary, dead ones included."""
        return [int(n) for n in self.dead + self.tree.sizes]


@dataclass(frozen=True, kw_only=True)
class Level:
    """The planted clusters of one size, and how well two ways find them, by adjusted Rand index."""

    n_clusters: int
    agreement: float  # of the families of as many latents
    linkage: float  # of average linkage on the true directions


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """The same done to a truth with clusters and to one without."""

    n_features: int
    clustered: Traced
    unclustered: Traced
    levels: tuple[Level, ...]  # of planted clusters, but for the single features

    @property
    def truths(self) -> tuple[Traced, Traced]:
        """With clusters, and without."""
        return self.clustered, self.unclustered


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train dictionaries of all sizes on both truths, and trace their latents."""
    n_features = int(np.prod(config.branching))
    planted = planted_clusters(
        config.branching,
        config.n_hidden,
        shares=config.shares,
        seed=np.random.default_rng((seed, 0)),
    )
    plain = planted_clusters((n_features,), config.n_hidden, seed=np.random.default_rng((seed, 1)))
    clustered = _traced(config, planted, seed, trainer)
    sizes = clustered.sizes
    merges = linkage(pdist(planted.W.T, "cosine"), "average")
    levels = []
    for labels in planted.labels[:-1]:
        n_clusters = int(labels.max()) + 1
        families = clustered.tree.families(
            planted.W, sizes.index(n_features), sizes.index(n_clusters)
        )
        standard = fcluster(merges, n_clusters, "maxclust")
        levels.append(
            Level(
                n_clusters=n_clusters,
                agreement=float(adjusted_rand_score(labels, families)),
                linkage=float(adjusted_rand_score(labels, standard)),
            )
        )
    return Result(
        n_features=n_features,
        clustered=clustered,
        unclustered=_traced(config, plain, seed, trainer),
        levels=tuple(levels),
    )


def _traced(config: Config, truth: PlantedClusters, seed: int, trainer: Trainer) -> Traced:
    source = ToyActivations(truth.W, config.feature_probability)
    n_features = truth.W.shape[1]
    sizes = [ratio * config.branching[0] for ratio in config.size_ratios]
    dictionaries: list[Autoencoder] = []
    for n_restarts, some in (
        (config.n_restarts_small, [n for n in sizes if n < n_features]),
        (config.n_restarts, [n for n in sizes if n >= n_features]),
    ):
        if some:
            settings = AutoencoderConfig(
                n_latents=some,
                penalty=config.penalty,
                n_restarts=n_restarts,
                n_steps=config.n_steps,
                batch_size=config.batch_size,
            )
            trained = train_autoencoders(source, settings, seed, trainer.progress)
            dictionaries += best_of_each(trained)
    return Traced(
        tree=splitting_tree(dictionaries, source.sample(1 << 14, seed)),
        dead=np.array([(~one.alive).sum() for one in dictionaries]),
        found=np.array([recover_features(one, truth.W).share for one in dictionaries]),
    )


@dataclass(frozen=True, kw_only=True, eq=False)
class _Splits:
    """How many latents of some dictionaries split, seed by seed, and how many would by chance."""

    split: IntArray  # (n_seeds,)
    of: IntArray  # (n_seeds,)
    by_chance: IntArray  # (n_seeds, n_draws)

    @property
    def p_values(self) -> FloatArray:
        return np.asarray((1 + (self.by_chance >= self.split[:, None]).sum(axis=1)) / (1 + _DRAWS))

    def __str__(self) -> str:
        return _fractions(self.split, self.of)


def _splits(truths: Sequence[Traced], levels: Sequence[int]) -> _Splits:
    split, of = _counts(truths, levels)
    draws = [[one.tree.by_chance(k, _DRAWS, seed=k) for k in levels] for one in truths]
    return _Splits(split=split, of=of, by_chance=np.sum(draws, axis=1))


def _counts(truths: Sequence[Traced], levels: Sequence[int]) -> tuple[IntArray, IntArray]:
    split = [sum(int(one.tree.split(k).sum()) for k in levels) for one in truths]
    return np.array(split), np.array([sum(one.tree.sizes[k] for k in levels) for one in truths])


def check(results: Sequence[Result]) -> Outcome:
    """Compare the families with the planted ones, and splitting with and without clusters."""
    first = results[0]
    clustered = [result.clustered for result in results]
    # Levels at which there is something left to split, and the others.
    small = [k for k, n in enumerate(first.clustered.sizes[:-1]) if n < first.n_features]
    large = [k for k in range(len(first.clustered.dead) - 1) if k not in small]
    with_clusters = _splits(clustered, small)
    without = _splits([result.unclustered for result in results], small)
    together = [
        np.concatenate([one.tree.coactivations[k] for k in small]).mean() for one in clustered
    ]
    claims = [_planted(results, level) for level in range(len(first.levels))]
    claims += [_becomes_several(with_clusters, first.n_features, together), _no_more(without)]
    if large:
        claims.append(_beyond(clustered, large))
    return Outcome(
        claims=tuple(claims),
        numbers={**_numbers(results, (with_clusters, without)), "coactivation": together},
    )


def _numbers(results: Sequence[Result], splits: tuple[_Splits, _Splits]) -> dict[str, Any]:
    return {
        "clusters": [level.n_clusters for level in results[0].levels],
        "adjusted_rand": [[level.agreement for level in one.levels] for one in results],
        "adjusted_rand_of_linkage": [[level.linkage for level in one.levels] for one in results],
        "split": np.transpose([one.split for one in splits]),
        "latents": np.transpose([one.of for one in splits]),
        "by_chance": [one.by_chance.mean() for one in splits],
        "p_values": np.transpose([one.p_values for one in splits]),
        "found": [[truth.found for truth in one.truths] for one in results],
        "dead": [[truth.dead for truth in one.truths] for one in results],
    }


def _planted(results: Sequence[Result], level: int) -> Claim:
    values = np.array([result.levels[level].agreement for result in results])
    n_clusters, n_features = results[0].levels[level].n_clusters, results[0].n_features
    shares = [one.clustered.found[one.clustered.sizes.index(n_features)] for one in results]
    return Claim(
        says=f"the families of {n_clusters} latents are the {n_clusters} planted "
        f"{'clusters' if level == 0 else 'groups'}",
        found=f"adjusted Rand index {span(values, '.2f')} at {n_features} latents; average linkage "
        f"of the true directions: {span([one.levels[level].linkage for one in results], '.2f')}",
        by_seed=tuple(values >= _FOUND),
        why=f"{np.mean(shares):.0%} of the features are found by {n_features} latents; the others "
        "follow a neighbour's latent",
    )


def _becomes_several(splits: _Splits, n_features: int, together: Sequence[float]) -> Claim:
    return Claim(
        says="a feature of a small dictionary becomes several in a larger one",
        found=f"{splits} latents split below {n_features} "
        f"latents; {splits.by_chance.mean():.1f} would by chance, were the directions random and "
        f"the most similar merged (largest P = {splits.p_values.max():.2g}); where a latent is "
        f"active, its parent is in {np.mean(together):.0%} of the cases",
        by_seed=tuple((splits.split > _MOST * splits.of) & (splits.p_values < _LEVEL)),
    )


def _no_more(splits: _Splits) -> Claim:
    return Claim(
        says="without clusters no more splits than by chance",
        found=f"{splits}; by chance {splits.by_chance.mean():.1f} "
        f"(least P = {splits.p_values.min():.2g})",
        by_seed=tuple(splits.p_values >= _LEVEL),
    )


def _beyond(truths: Sequence[Traced], levels: Sequence[int]) -> Claim:
    split, of = _counts(truths, levels)
    dead = np.mean([one.dead[-1] for one in truths])
    powers = [one.tree.powers[-1] for one in truths]
    weak = np.mean([np.mean(own < 0.1 * own.max()) for own in powers])
    return Claim(
        says="beyond one latent for each feature nothing more splits",
        found=f"{_fractions(split, of)} latents split; in the largest dictionary {dead:.0f} are "
        f"dead and {weak:.0%} of the others carry less than a tenth of the strongest",
        by_seed=tuple(split <= _FEW * of),
    )


def _fractions(counts: IntArray, of: IntArray) -> str:
    return ", ".join(f"{a} of {b}" for a, b in zip(counts, of, strict=True))


def draw(results: Sequence[Result]) -> Figure:
    """Draw the trees of the first seed, and the shares that split, mean over seeds."""
    import matplotlib.pyplot as plt

    from geomsup.plotting.dictionaries import plot_splitting_tree
    from geomsup.plotting.style import GHOST, INK, PALETTE

    figure = plt.figure(figsize=(10.5, 8.2), layout="constrained")
    grid = figure.add_gridspec(3, 1, height_ratios=(1.0, 1.0, 0.8))
    first = results[0]
    below = figure.add_subplot(grid[2])
    sizes = first.clustered.sizes
    levels = range(len(sizes) - 1)
    for place, (name, color) in enumerate({"clustered": PALETTE[0], "unclustered": GHOST}.items()):
        above = figure.add_subplot(grid[place])
        plot_splitting_tree(first.truths[place].tree, ax=above)
        above.set_title(
            f"{first.n_features} {name} directions (area: mean square of the code)",
            fontsize=10,
            loc="left",
        )
        trees = [result.truths[place].tree for result in results]
        shares = np.array([[tree.split(level).mean() for level in levels] for tree in trees])
        bars = below.bar(
            np.array(levels) + 0.4 * (place - 0.5),
            shares.mean(axis=0),
            width=0.38,
            color=color,
            label=name,
        )
        for label in below.bar_label(bars, fmt="{:.0%}", fontsize=8, padding=1):
            label.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.5})
    tree = first.unclustered.tree
    for k in levels:
        if sizes[k] < first.n_features:
            below.hlines(
                tree.by_chance(k, n_draws=200).mean() / tree.sizes[k],
                k - 0.4,
                k + 0.4,
                color=INK,
                linestyle="--",
                linewidth=1.0,
                label="by chance" if k == 0 else "",
            )
    below.set_xticks(levels, [f"from {sizes[k]} to {sizes[k + 1]} latents" for k in levels])
    below.set(ylabel="share that splits", ylim=(0.0, 1.15))
    below.set_yticks([0.0, 0.5, 1.0])
    below.spines[["top", "right"]].set_visible(False)
    below.legend(frameon=False)
    return figure


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
