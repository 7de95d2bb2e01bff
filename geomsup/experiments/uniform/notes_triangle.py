"""Three features in two dimensions: a triangle, or two features back to back and one alone?

The notes drew a triangle for rare features.  The exact losses of the two arrangements cross at
p = .52, and the triangle is the lower one above that, so both statements are put side by side.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import (
    at_each,
    best_known,
    counted,
    exact_losses,
    in_rows,
    models_by_name,
    names_of,
)
from geomsup.theory import phase_boundary, symmetric_optimum

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "FAMILIES", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]

FAMILIES = ("triangle", "digon + monosemantic")
# A model whose loss is so close to the best known one, relative, is that configuration up to the
# noise of training; the two families differ by more at every probability of the configuration.
_REACHED = 0.02


@dataclass(frozen=True, kw_only=True)
class Config:
    """The notes trained as for the pentagon; the probabilities lie on both sides of the crossing.

    The notes say "small p" without a number.
    """

    n_features: int = 3
    n_hidden: int = 2
    feature_probabilities: tuple[float, ...] = (0.05, 0.1, 0.3, 0.45, 0.6, 0.7, 0.8)
    batch_size: int = 64
    learning_rate: float = 1e-3
    n_steps: int = 6250  # 40 epochs of 10,000 samples
    n_models: int = 32  # at each probability


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Models of each probability, and the exact losses of the two families beside the best."""

    feature_probabilities: FloatArray  # (n_p,)
    weights: FloatArray  # (n_p, n_models, n_hidden, n_features)
    biases: FloatArray  # (n_p, n_models, n_features)
    losses: FloatArray  # (n_p, n_models)
    names: tuple[tuple[str, ...], ...]
    family_losses: FloatArray  # (n_p, 2), in the order of FAMILIES
    crossing: float
    best_losses: FloatArray  # (n_p,)
    best_names: tuple[str, ...]


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train at every probability; optimise both families and search for anything better."""
    p, k = np.array(config.feature_probabilities), config.n_models
    n, m = config.n_features, config.n_hidden
    models = model_config(
        config, feature_probability=np.repeat(p, k)[:, None], n_instances=len(p) * k
    )
    trained = trainer.train("models", models, seed)
    losses = exact_losses(trained.weights, trained.biases, np.repeat(p, k)[:, None])
    best = [best_known(n, m, float(x), n_starts=40) for x in p]
    return Result(
        feature_probabilities=p,
        weights=trained.weights.reshape(len(p), k, m, n),
        biases=trained.biases.reshape(len(p), k, n),
        losses=losses.reshape(len(p), k),
        names=in_rows(names_of(trained.weights), len(p), k),
        family_losses=np.array(
            [[symmetric_optimum(family, n, float(x)).loss for family in FAMILIES] for x in p]
        ),
        crossing=phase_boundary(*FAMILIES, n_features=n),
        best_losses=np.array([one.loss for one in best]),
        best_names=tuple(one.name for one in best),
    )


def check(results: Sequence[Result]) -> Outcome:
    """Count triangles below the crossing, and the lowest losses on both sides of it."""
    first = results[0]
    names = names_of_all(results)
    return Outcome(
        claims=(_triangles(first, names), _lower(first), _reached(results)),
        numbers={
            "crossing": first.crossing,
            "feature_probability": first.feature_probabilities,
            "exact_triangle": first.family_losses[:, 0],
            "exact_digon_and_one": first.family_losses[:, 1],
            "best_known": first.best_losses,
            "best_known_names": list(first.best_names),
            "triangles": (names == "triangle").sum(axis=1),
            "models": names.shape[1],
        },
    )


def names_of_all(results: Sequence[Result]) -> NDArray[np.str_]:
    """Names of the models of all seeds, a row for each probability."""
    return np.concatenate([np.array(one.names) for one in results], axis=1)


def _triangles(first: Result, names: NDArray[np.str_]) -> Claim:
    p, exact = first.feature_probabilities, first.family_losses
    rare = p < first.crossing
    found = names[rare].ravel()
    triangle, digon = exact[rare][0]
    return Claim(
        says="a triangle when features are rare",
        found=f"{(found == 'triangle').sum()} of {len(found)} models at p = "
        f"{', '.join(f'{x:g}' for x in p[rare])}; {counted(found)}",
        by_seed=tuple(found == "triangle"),
        why=f"below p = {first.crossing:.3f} the digon with one feature alone costs less: "
        f"{digon:.6f} against {triangle:.6f} of the triangle at "
        f"p = {p[rare][0]:g}, {triangle / digon - 1.0:.1%} more",
    )


def _lower(first: Result) -> Claim:
    """Which family has the lower loss, and whether anything has a lower one still."""
    lower = np.array(FAMILIES)[first.family_losses.argmin(axis=1)]
    return Claim(
        says="the best known is digon + monosemantic below p = .52 and the triangle above",
        found=f"the exact losses cross at p = {first.crossing:.6f}; best known: "
        + at_each(first.best_names, first.feature_probabilities, at="at "),
        by_seed=tuple(lower == first.best_names),
        needed=0.99,
        why="a search finds something lower than both families",
    )


def _reached(results: Sequence[Result]) -> Claim:
    reached = np.array([r.losses < (1.0 + _REACHED) * r.best_losses[:, None] for r in results])
    names = np.array([one.names for one in results])
    shares = reached.mean(axis=(0, 2))
    return Claim(
        says="training finds the best known",
        found=f"{at_each(shares, results[0].feature_probabilities, '.0%')} of the models within "
        f"{_REACHED:.0%} of its loss",
        by_seed=tuple(reached.ravel()),
        why=f"the others stay in {counted(names[~reached].tolist())}",
    )


def draw(results: Sequence[Result]) -> Figure:
    """Draw shares of the names, losses above the digon, and the best model on either side."""
    import matplotlib.pyplot as plt

    from geomsup.experiments.frame.model_figures import draw_model
    from geomsup.plotting.style import INK, name_color

    first = results[0]
    p = first.feature_probabilities
    losses = np.concatenate([result.losses for result in results], axis=1)
    weights = np.concatenate([result.weights for result in results], axis=1)
    names = names_of_all(results)
    kinds = list(models_by_name(names.ravel().tolist()))
    # The two families first, whatever else turns up.
    kinds.sort(key=lambda name: FAMILIES.index(name) if name in FAMILIES else len(FAMILIES))
    figure = plt.figure(figsize=(12.5, 6.6), layout="constrained")
    grid = figure.add_gridspec(2, 3, width_ratios=(1.0, 1.25, 1.25))
    for panel, k in enumerate((0, len(p) - 1)):
        at = int(losses[k].argmin())
        draw_model(
            weights[k, at],
            figure.add_subplot(grid[panel, 0]),
            f"best at p = {p[k]:g}: {names[k, at]}\nloss {losses[k, at]:.4f}, "
            f"best known {first.best_losses[k]:.4f}",
        )
    places = np.arange(len(p))
    border = float(np.interp(first.crossing, p, places))
    shares, excess = figure.add_subplot(grid[:, 1]), figure.add_subplot(grid[:, 2])
    below = np.zeros(len(p))
    rng = np.random.default_rng(0)
    for kind in kinds:
        color = name_color(kind)
        share = (names == kind).mean(1)
        shares.bar(places, share, bottom=below, color=color, label=kind, width=0.75)
        below += share
        row, column = np.nonzero(names == kind)
        over = losses[row, column] / first.best_losses[row] - 1.0
        shift = rng.uniform(-0.25, 0.25, size=len(row))
        excess.scatter(row + shift, 100 * over, s=14, color=color, alpha=0.7, linewidths=0)
    for k, family in enumerate(FAMILIES):
        over = 100 * (first.family_losses[:, k] / first.best_losses - 1.0)
        excess.plot(places, over, color=name_color(family), label=f"{family}, exact", linewidth=1.5)
    for ax in (shares, excess):
        ax.set_xticks(places, [f"{x:g}" for x in p])
        ax.set_xlabel("feature probability $p = 1 - S$")
        ax.axvline(border, color=INK, linestyle=":", linewidth=1.0)
        ax.spines[["top", "right"]].set_visible(False)
    shares.set(ylabel="share of models", ylim=(0, 1), title=f"what {names.shape[1]} models become")
    excess.set_yscale("symlog", linthresh=1)
    excess.set_yticks([0, 1, 10, 100], ["0", "1", "10", "100"])
    excess.set(
        ylabel="loss above the best known (%)",
        ylim=(-0.2, None),
        title=f"exact losses cross at p = {first.crossing:.4f}",
    )
    shares.legend(
        loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False, fontsize=8, ncols=2
    )
    excess.legend(loc="upper center", bbox_to_anchor=(0.5, -0.12), frameon=False, fontsize=8)
    return figure


EXPERIMENT = Experiment(
    id="notes-triangle",
    title="three features in two dimensions",
    says="a triangle when features are rare; by exact loss a digon and one alone below p = .52",
    source="notes; exact losses of geomsup.theory",
    paper=Config(),
    smoke=Config(n_models=12, feature_probabilities=(0.05, 0.3, 0.45, 0.6, 0.8)),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
