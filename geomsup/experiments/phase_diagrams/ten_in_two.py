"""Ten features of equal importance in two dimensions, from always present to very rare.

The published picture is an order of phases: orthogonal features, then digons, then polygons.  Which
families take over from which, and where, is known exactly for families of equal features, so each
change that training shows is held against a root.  Batches hold hardly any of the rarest features,
so every trained model goes on by descent on the exact loss; what is said is said of where it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq

from geomsup.experiments.frame import Claim, Experiment, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import descended, exact_losses, in_rows, reports_of
from geomsup.geometry.report import GeometryReport
from geomsup.theory import symmetric_optimum
from geomsup.theory.search import configuration_name

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["EXPERIMENT", "FAMILIES", "PHASES", "Config", "Result", "check", "run"]

FloatArray = NDArray[np.float64]

PHASES = ("orthogonal", "digons", "polygons", "other")
# From frequent to rare.  The heptagon is the last: polygons with more corners take long to optimise
# and none of them is the best family in this range of p.
FAMILIES = (
    "monosemantic + monosemantic",
    "triangle",
    "digon + digon",
    "pentagon",
    "hexagon",
    "heptagon",
)
# The best trained model may be this much dearer, relative, than the best family.
_REACHED = 0.02
_BOUNDARY_TOL = 1e-5  # of the logarithm of p
_POLYGONS = ("triangle", "square", "pentagon", "hexagon", "heptagon", "octagon", "9-gon", "10-gon")


@dataclass(frozen=True, kw_only=True)
class Config:
    """Published sizes and range; grid and training are not stated."""

    n_features: int = 10
    n_hidden: int = 2
    rarest: float = 0.001
    n_points: int = 19
    n_models: int = 10  # at each probability
    batch_size: int = 1024
    learning_rate: float = 0.01
    n_steps: int = 10_000


@dataclass(frozen=True, kw_only=True, eq=False)
class Result:
    """Models of each probability, frequent features first, and the losses of the families."""

    feature_probabilities: FloatArray  # (n_points,), falling from one
    weights: FloatArray  # (n_points, n_models, n_hidden, n_features)
    biases: FloatArray  # (n_points, n_models, n_features)
    losses: FloatArray  # (n_points, n_models)
    trained_losses: FloatArray  # (n_points, n_models), before the descent
    names: tuple[tuple[str, ...], ...]
    phases: tuple[tuple[str, ...], ...]
    directions: NDArray[np.int64]  # (n_points, n_models): distinct directions of those represented
    family_losses: FloatArray  # (n_points, n_families)
    boundaries: FloatArray  # (n_families - 1,): where each family gives way to the next


def run(config: Config, seed: int, trainer: Trainer) -> Result:
    """Train at every probability and optimise every family there."""
    n, m, k = config.n_features, config.n_hidden, config.n_models
    p = np.geomspace(1.0, config.rarest, config.n_points)
    models = model_config(
        config,
        feature_probability=np.repeat(p, k)[:, None],
        n_instances=len(p) * k,
        lr_schedule="cosine",
    )
    trained = trainer.train("models", models, seed)
    before = exact_losses(trained.weights, trained.biases, np.repeat(p, k)[:, None])
    by_p = zip(
        trained.weights.reshape(-1, k, m, n), trained.biases.reshape(-1, k, n), p, strict=True
    )
    weights, biases, losses = map(
        np.array, zip(*(descended(W, b, float(x)) for W, b, x in by_p), strict=True)
    )
    reports = reports_of(weights.reshape(-1, m, n))
    family_losses = np.array(
        [[symmetric_optimum(name, n, float(x)).loss for name in FAMILIES] for x in p]
    )
    return Result(
        feature_probabilities=p,
        weights=weights,
        biases=biases,
        losses=losses,
        trained_losses=before.reshape(len(p), k),
        names=in_rows([configuration_name(report) for report in reports], len(p), k),
        phases=in_rows([phase_of(report) for report in reports], len(p), k),
        directions=np.array(
            [sum(c.n_vertices for c in report.components) for report in reports]
        ).reshape(len(p), k),
        family_losses=family_losses,
        boundaries=_boundaries(n, p, family_losses),
    )


def _boundaries(n: int, p: FloatArray, family_losses: FloatArray) -> FloatArray:
    """Feature probabilities at which a family costs as much as the next, for rare features.

    Between the last two grid points at which their order differs; NaN where it never does.
    """

    def difference(log_p: float, pair: tuple[str, str]) -> float:
        first, second = (symmetric_optimum(name, n, float(np.exp(log_p))).loss for name in pair)
        return first - second

    found = np.full(len(FAMILIES) - 1, np.nan)
    for k, pair in enumerate(pairwise(FAMILIES)):
        dearer = family_losses[:, k] > family_losses[:, k + 1]
        changes_at = np.flatnonzero(dearer[1:] & ~dearer[:-1])
        if changes_at.size:
            low, high = np.log(p[changes_at[-1] : changes_at[-1] + 2]).tolist()
            found[k] = np.exp(brentq(difference, low, high, args=(pair,), xtol=_BOUNDARY_TOL))
    return found


def phase_of(report: GeometryReport) -> str:
    """Which of the phases a model belongs to; several features on one direction count once."""
    names = {component.name for component in report.components}
    if names == {"monosemantic"}:
        return "orthogonal"
    if names == {"digon"}:
        return "digons"
    return "polygons" if len(names) == 1 and names <= set(_POLYGONS) else "other"


def changes(result: Result) -> list[tuple[str, str, float, float]]:
    """Where the phase of the best model changes as features become rarer: from, to, between p's."""
    at = zip(best_phases(result), result.feature_probabilities.tolist(), strict=True)
    return [(one, other, low, high) for (one, high), (other, low) in pairwise(at) if one != other]


def best_phases(result: Result) -> list[str]:
    """The phase of the model of least loss at each probability."""
    return [
        phases[int(at)] for phases, at in zip(result.phases, result.losses.argmin(1), strict=True)
    ]


def check(results: Sequence[Result]) -> Outcome:
    """Compare the order of phases, and where they change, with what is known."""
    first = results[0]
    gaps = np.array([one.losses.min(1) / one.family_losses.min(1) - 1.0 for one in results])
    return Outcome(
        claims=(
            _orthogonal(results),
            _digons_then_polygons(results, gaps[0]),
            _give_way(results),
            _corners_grow(results),
            _as_cheap(results, gaps),
        ),
        numbers={
            "feature_probability": first.feature_probabilities,
            "best_names": [_best_name(first, k) for k in range(len(first.names))],
            "best_phases": best_phases(first),
            "changes": [list(change) for change in changes(first)],
            "gap_to_best_family": gaps,
            "loss_trained": [one.trained_losses.min(1) for one in results],
            "boundaries": {
                f"{a} → {b}": at
                for (a, b), at in zip(pairwise(FAMILIES), first.boundaries, strict=True)
            },
        },
    )


def _orthogonal(results: Sequence[Result]) -> Claim:
    first = results[0]
    return Claim(
        says="two orthogonal features when all are always present",
        found=f"the best model at p = 1 is {_best_name(first, 0)}, with loss "
        f"{first.losses[0].min():.4f}; two features alone cost "
        f"{first.family_losses[0, 0]:.4f}",
        by_seed=tuple(best_phases(one)[0] == "orthogonal" for one in results),
        why="at p = 1 every projection to two dimensions costs (n − m)/12 = "
        f"{8 / 12:.4f} while no output is clipped, two features alone among them, so "
        "nothing but clipping chooses; below p = 1 two digons always cost less than two "
        "features",
    )


def _digons_then_polygons(results: Sequence[Result], gaps: FloatArray) -> Claim:
    first = results[0]
    phases = np.array(best_phases(first))
    spans = "; ".join(
        f"{phase} at p = {_span(first.feature_probabilities[phases == phase])}"
        for phase in PHASES
        if phase in phases
    )
    return Claim(
        says="then digons, then polygons",
        found=spans,
        by_seed=tuple(_in_order(best_phases(one)) for one in results),
        why=_why_other(first, gaps),
    )


def _give_way(results: Sequence[Result]) -> Claim:
    at = float(results[0].boundaries[FAMILIES.index("digon + digon")])
    brackets = [_bracket(best_phases(one), one.feature_probabilities) for one in results]
    return Claim(
        says="digons give way to polygons at once, where the exact losses cross",
        found=f"between p = {brackets[0][0]:.3g} and {brackets[0][1]:.3g}; the exact "
        f"losses of two digons and the pentagon cross at {at:.4f}",
        by_seed=tuple(low <= at <= high for low, high in brackets),
        why="near a crossing the lowest of a few models is not always the lowest of all",
    )


def _corners_grow(results: Sequence[Result]) -> Claim:
    corners, p = _corners(results[0]), results[0].feature_probabilities[1:]
    starts = np.flatnonzero(np.diff(corners, prepend=-1))
    return Claim(
        says="the rarer the features, the more corners",
        found=", ".join(f"{corners[k]} directions from p = {p[k]:.3g}" for k in starts),
        by_seed=tuple(bool(np.all(np.diff(_corners(one)) >= 0)) for one in results),
        why=_why_corners(results[0]),
    )


def _as_cheap(results: Sequence[Result], gaps: FloatArray) -> Claim:
    p = results[0].feature_probabilities
    before = np.array(
        [one.trained_losses.min(1) / one.family_losses.min(1) - 1.0 for one in results]
    )
    return Claim(
        says="the best model costs no more than the best family of equal features",
        found=f"at most {gaps.max():+.1%} from it, where p = {p[gaps.max(0).argmax()]:.3g}; "
        f"{before.max():+.1%} before the descent on the exact loss, where "
        f"p = {p[before.max(0).argmax()]:.3g}",
        by_seed=tuple((gaps < _REACHED).ravel()),
        needed=0.9,
        why="a descent leaves a model in the minimum that training was on the way to, and none of "
        "them was on the way to the best",
    )


def _why_other(result: Result, gaps: FloatArray) -> str:
    """Which best models below p = 1 are out of order, and what they cost."""
    best = [FAMILIES[int(k)] for k in result.family_losses.argmin(1)]
    phases = best_phases(result)
    said = [
        f"at p = {result.feature_probabilities[k]:.3g} the best model is {_best_name(result, k)}, "
        f"{gaps[k]:+.1%} from the best family, {best[k]}"
        for k, phase in enumerate(phases)
        if k and (phase == "other" or (phase == "polygons" and "digons" in phases[k:]))
    ]
    at = result.boundaries[FAMILIES.index("triangle")]
    return "; ".join([*said, f"by exact loss the triangle is the best family above p = {at:.4f}"])


def _best_name(result: Result, at: int) -> str:
    return result.names[at][int(result.losses[at].argmin())]


def _bracket(phases: Sequence[str], p: FloatArray) -> tuple[float, float]:
    """Between which probabilities the last digons and the polygons after them lie."""
    digons = [k for k, name in enumerate(phases) if name == "digons"]
    after = [
        k for k, name in enumerate(phases) if name == "polygons" and k > max(digons, default=k)
    ]
    return (float(p[after[0]]), float(p[digons[-1]])) if after else (np.nan, np.nan)


def _in_order(phases: Sequence[str]) -> bool:
    """Digons, then polygons, whatever there is at p = 1 and nothing of any other kind."""
    kinds = [name for name, _ in groupby(phases[1:])]
    return kinds in (["digons", "polygons"], ["orthogonal", "digons", "polygons"])


def _corners(result: Result) -> NDArray[np.int64]:
    """Directions of the best model at each probability below one."""
    best = result.losses.argmin(1)
    return np.take_along_axis(result.directions, best[:, None], axis=1)[1:, 0]


def _why_corners(result: Result) -> str:
    """Where the number falls, and what the families say there."""
    corners, p = _corners(result), result.feature_probabilities[1:]
    falls = np.flatnonzero(np.diff(corners) < 0) + 1
    best = [FAMILIES[int(k)] for k in result.family_losses[1:].argmin(1)]
    return "; ".join(
        f"{corners[k]} directions after {corners[k - 1]} at p = {p[k]:.3g}, where the best family "
        f"is the {best[k]}"
        for k in falls
    )


def _span(p: FloatArray) -> str:
    return f"{p[0]:.3g}" if len(p) == 1 else f"{p.max():.3g} to {p.min():.3g}"


def draw(results: Sequence[Result]) -> Figure:
    """Models at some probabilities, and D* and losses against p.

    Points are the models of all seeds; pictures are of the first.
    """
    import matplotlib.pyplot as plt

    from geomsup.experiments.frame.model_figures import draw_model
    from geomsup.plotting.canvas import drawn_legend
    from geomsup.plotting.style import INK, name_color

    first, n_models = results[0], 5
    p = first.feature_probabilities
    # Of the shape that stands for each phase.
    colors = (name_color("monosemantic"), name_color("digon"), name_color("pentagon"), INK)
    figure = plt.figure(figsize=(12.5, 7.0), layout="constrained")
    grid = figure.add_gridspec(2, 2 * n_models, height_ratios=(1.0, 1.7))
    for column, k in enumerate(np.linspace(0, len(p) - 1, n_models).round().astype(int)):
        at = int(first.losses[k].argmin())
        draw_model(
            first.weights[k, at],
            figure.add_subplot(grid[0, 2 * column : 2 * column + 2]),
            f"p = {p[k]:.3g}\n{first.names[k][at]}",
        )
    sticky = figure.add_subplot(grid[1, :n_models])
    price = figure.add_subplot(grid[1, n_models:], sharex=sticky)
    for phase, marker, color in zip(PHASES, "so^x", colors, strict=True):
        points = [
            (p[k], weights.shape[0] / np.sum(weights**2))
            for result in results
            for k, row in enumerate(result.weights)
            for weights, name in zip(row, result.phases[k], strict=True)
            if name == phase
        ]
        if points:
            x, y = np.array(points).T
            sticky.plot(
                1 / x, y, linestyle="none", marker=marker, color=color, alpha=0.6, markersize=5,
                label=phase,
            )  # fmt: skip
    for k, family in enumerate(FAMILIES):
        price.plot(
            1 / p, first.family_losses[:, k] / (first.weights.shape[-1] * p / 3.0),
            color=name_color(family), label=family, linewidth=1.5,
        )  # fmt: skip
    lowest = np.min([result.losses.min(1) for result in results], axis=0)
    price.plot(
        1 / p, lowest / (first.weights.shape[-1] * p / 3.0), linestyle="none", marker="o",
        color=INK, markersize=4, label="best trained model",
    )  # fmt: skip
    for at in first.boundaries[np.isfinite(first.boundaries)]:
        for ax in (sticky, price):
            ax.axvline(1 / at, color=INK, linestyle=":", linewidth=0.8, zorder=0)
    sticky.set(xscale="log", xlabel="1 / (1 − S)", ylabel="$D^* = m / \\|W\\|_F^2$", ylim=(0, None))
    price.set(xlabel="1 / (1 − S)", ylabel="loss / loss of the zero output")
    for ax in (sticky, price):
        ax.spines[["top", "right"]].set_visible(False)
        drawn_legend(ax, framealpha=1.0, edgecolor="none", fontsize=8)
    return figure


EXPERIMENT = Experiment(
    id="ten-in-two",
    title="ten features in two dimensions",
    says="orthogonal features, then digons, then polygons as features become rarer; sharp changes",
    source="notes; Elhage et al. 2022, geometry of superposition",
    paper=Config(),
    smoke=Config(n_points=7, n_models=6, n_steps=3000),
    run=run,
    check=check,
    draw=draw,
    result=Result,
)
