"""Phase diagrams, trained: which arrangement wins at each sparsity and relative importance.

The paper trained ten models at every point and kept the best; here the exact loss says which that
is, and the exact optimum of the same point says whether ten were enough.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from geomsup.experiments.frame import Claim, Outcome, Trainer, model_config
from geomsup.experiments.frame.measures import counted, exact_losses
from geomsup.theory import PhaseDiagram, phase_diagram
from geomsup.theory.diagram import numbered_alike

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MapConfig", "MapResult", "check_map", "draw", "run_map"]

FloatArray = NDArray[np.float64]
NameArray = NDArray[np.str_]

# Away from the boundaries the two maps should name the same arrangement almost everywhere …
_AGREEMENT = 0.95
# … and unit vectors without bias, which leave much out, in most places.
_LOOKS_ALIKE = 0.8
# A region is more than a stray cell.
_REGION = 0.01
# Where the names differ, a best model this close to the exact optimum, relative, is a tie.
_TIE = 0.01
# A feature that appears with at least half of 2 − √2, its relative norm at the boundary in the
# sparse limit, did not grow from nothing.
_JUMP = 0.5 * (2.0 - np.sqrt(2.0))


@dataclass(frozen=True, kw_only=True)
class MapConfig:
    """Published axes and number of models; the paper states neither the grid nor the training."""

    n_features: int = 2
    n_hidden: int = 1
    n_grid: int = 25  # points on each axis, evenly spaced in the logarithm
    lowest_probability: float = 0.01
    largest_importance: float = 10.0  # and its inverse at the other end
    n_models: int = 10
    batch_size: int = 1024
    learning_rate: float = 0.03
    n_steps: int = 1000


@dataclass(frozen=True, kw_only=True, eq=False)
class MapResult:
    """The best of the trained models at each point, and the best that theory knows."""

    trained: PhaseDiagram
    losses: FloatArray  # (n_p, n_r, n_models), exact, of all models
    exact: PhaseDiagram
    unit: PhaseDiagram  # of unit vectors without bias


def run_map(config: MapConfig, seed: int, trainer: Trainer) -> MapResult:
    """Train the models of every point, and search for the exact optima."""
    n, m, size, k = config.n_features, config.n_hidden, config.n_grid, config.n_models
    p = np.geomspace(config.lowest_probability, 1.0, size)
    r = np.geomspace(1.0 / config.largest_importance, config.largest_importance, size)
    importance = np.ones((size * k, n))
    importance[:, -1] = np.repeat(r, k)
    weights, biases = np.empty((size, size, m, n)), np.empty((size, size, n))
    losses = np.empty((size, size, k))
    for row, probability in enumerate(p.tolist()):
        models = model_config(
            config,
            feature_probability=probability,
            importance=importance,
            n_instances=size * k,
            lr_schedule="cosine",
        )
        # No two rows of any two seeds share their samples.
        trained = trainer.train(f"p={probability:.4g}", models, seed * size + row)
        found = exact_losses(trained.weights, trained.biases, probability, importance)
        losses[row] = found.reshape(size, k)
        best = losses[row].argmin(1) + k * np.arange(size)
        weights[row], biases[row] = trained.weights[best], trained.biases[best]
    phases, phase = np.unique(_named(weights, r), return_inverse=True)
    return MapResult(
        trained=PhaseDiagram(
            n_features=n,
            n_hidden=m,
            feature_probability=p,
            relative_importance=r,
            phases=tuple(phases.tolist()),
            phase=phase.reshape(size, size),
            loss=losses.min(axis=-1),
            unit_norm=False,
            W=weights,
            b=biases,
        ),
        losses=losses,
        exact=phase_diagram(n, m, feature_probability=p, relative_importance=r),
        unit=phase_diagram(n, m, feature_probability=p, relative_importance=r, unit_norm=True),
    )


def _named(weights: FloatArray, relative_importance: FloatArray) -> NameArray:
    n = weights.shape[-1]
    # Where the last feature matters as much as the others it is one of them.
    alike = [n if abs(r - 1.0) < 1e-9 else n - 1 for r in relative_importance]
    return np.array(
        [
            [numbered_alike(W, count)[0] for W, count in zip(row, alike, strict=True)]
            for row in weights
        ]
    )


def names_in(diagram: PhaseDiagram) -> NameArray:
    """The arrangement in each cell."""
    return np.array(diagram.phases)[diagram.phase]


def check_map(results: Sequence[MapResult], regions: Sequence[str]) -> Outcome:
    """Compare the trained map with the published regions and with the exact optima."""
    exact = results[0].exact
    trained = [names_in(result.trained) for result in results]
    agreement, looks = (
        [float(np.mean((names == names_in(other))[~other.on_boundary])) for names in trained]
        for other in (exact, results[0].unit)
    )
    gaps = np.array([result.losses.min(-1) / exact.loss - 1.0 for result in results])
    different = (np.array(trained) != names_in(exact)) & ~exact.on_boundary
    success = float(np.mean([r.losses < (1.0 + _TIE) * exact.loss[..., None] for r in results]))
    return Outcome(
        claims=(
            _regions(results, regions),
            _optimum(results, agreement, gaps[different], success),
            _sudden(results),
            _alike(results, looks),
        ),
        numbers={
            "shares": _shares(np.concatenate(trained)),
            "exact_shares": _shares(names_in(exact)),
            "unit_shares": _shares(names_in(results[0].unit)),
            "agreement": agreement,
            "agreement_unit_norm": looks,
            "gaps_where_different": gaps[different],
            "median_gap": float(np.median(gaps)),
            "success_of_one_model": success,
        },
    )


def _regions(results: Sequence[MapResult], regions: Sequence[str]) -> Claim:
    own = [_shares(names_in(result.trained)) for result in results]
    shares = _shares(np.concatenate([names_in(result.trained) for result in results]))
    missing = [name for name in regions if shares.get(name, 0.0) < _REGION]
    return Claim(
        says=f"{len(regions)} regions: {', '.join(regions)}",
        found=", ".join(f"{name} {share:.1%}" for name, share in shares.items()),
        by_seed=tuple(all(share.get(name, 0.0) >= _REGION for name in regions) for share in own),
        why="; ".join(_why_missing(name, results[0]) for name in missing),
    )


def _optimum(
    results: Sequence[MapResult], agreement: Sequence[float], gaps: FloatArray, success: float
) -> Claim:
    """Of the cells away from the boundaries; with the gaps of those that differ."""
    inside, exact = ~results[0].exact.on_boundary, names_in(results[0].exact)
    trained = np.array([names_in(result.trained) for result in results])
    n_models = results[0].losses.shape[-1]
    strays = counted(
        f"{mine} where theory has {theirs}"
        for names in trained
        for mine, theirs in zip(names[inside], exact[inside], strict=True)
        if mine != theirs
    )
    differing = (
        f"; of the {gaps.size} that differ ({strays}) {np.sum(gaps < _TIE)} are ties within "
        f"{_TIE:.0%} of the exact loss, and in the others all {n_models} models are stuck, up to "
        f"{gaps.max(initial=0.0):.0%} above it"
    )
    return Claim(
        says=f"the best of {n_models} models is the exact optimum in {_AGREEMENT:.0%} of "
        "the cells away from the boundaries",
        found=f"in {np.mean(agreement):.1%} of {inside.sum()} cells, and in "
        f"{np.mean(trained == exact):.1%} of all {exact.size}" + (differing if gaps.size else ""),
        by_seed=tuple(share >= _AGREEMENT for share in agreement),
        why=f"single models reach the exact loss in {success:.0%} of the cases",
    )


def _sudden(results: Sequence[MapResult]) -> Claim:
    jumps = np.concatenate([_jumps(result.trained) for result in results])
    return Claim(
        says="a phase change: the last feature appears suddenly",
        found=f"its norm is {jumps.min():.2f} to {jumps.max():.2f} of the longest where it "
        "first appears"
        if jumps.size
        else "it is dropped nowhere",
        by_seed=tuple(jumps >= _JUMP) or (False,),
    )


def _alike(results: Sequence[MapResult], looks: Sequence[float]) -> Claim:
    return Claim(
        says="unit vectors without bias, as the paper computed, give a map that looks the same",
        found=f"the same arrangement as the trained models in {np.mean(looks):.1%} of "
        f"{(~results[0].unit.on_boundary).sum()} cells away from its boundaries",
        by_seed=tuple(share >= _LOOKS_ALIKE for share in looks),
    )


def _shares(names: NameArray) -> dict[str, float]:
    """Share of the cells of each name, largest first."""
    found, counts = np.unique(names, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(found[k]): float(counts[k] / names.size) for k in order}


def _jumps(diagram: PhaseDiagram) -> FloatArray:
    """Norm of the last feature, relative to the longest, in the first cell that does not drop it.

    Along the importance; one number for each feature probability at which it is dropped at first.
    """
    norms = np.linalg.norm(diagram.W, axis=2)
    relative = norms[..., -1] / norms.max(-1)
    dropped = np.char.find(names_in(diagram), f"({diagram.n_features} dropped)") >= 0
    first = (~dropped).argmax(axis=1)
    appears = dropped[:, 0] & ~dropped.all(axis=1)
    jumps: FloatArray = relative[np.arange(len(first)), first][appears]
    return jumps


def _why_missing(name: str, result: MapResult) -> str:
    """Who holds, among the exact optima, the place that unit vectors give to a missing region."""
    there = names_in(result.unit) == name
    if not there.any():
        return f"{name} is missing; it is not the best even of unit vectors without bias"
    return (
        f"{name} is missing; unit vectors without bias make it the best in {there.mean():.1%} of "
        f"the map, where the exact optimum is {counted(names_in(result.exact)[there].tolist())}"
    )


def draw(results: Sequence[MapResult]) -> Figure:
    """The maps of the first seed side by side: trained, exact, and the paper's unit vectors.

    All share one set of colours, and cells that differ from the exact map are dotted.
    """
    import matplotlib.pyplot as plt
    from matplotlib.patches import Patch

    from geomsup.plotting.phases import plot_phase_diagram
    from geomsup.plotting.style import INK, name_color

    result = results[0]
    n, m = result.trained.n_features, result.trained.n_hidden
    maps = {
        f"trained, best of {result.losses.shape[-1]}": result.trained,
        "exact optimum": result.exact,
        "unit vectors without bias": result.unit,
    }
    ranked = list(_shares(np.concatenate([names_in(one) for one in maps.values()])))
    colors = {name: name_color(name) for name in ranked}
    figure = plt.figure(figsize=(13.0, 5.0), layout="constrained")
    axes = figure.subplots(1, 3, sharex=True, sharey=True)
    for ax, (title, one) in zip(axes, maps.items(), strict=True):
        plot_phase_diagram(one, ax=ax, colors=[colors[name] for name in one.phases])
        ax.get_legend().remove()
        ax.set(title=title)
        ax.label_outer()
    row, column = np.nonzero(names_in(result.trained) != names_in(result.exact))
    axes[0].plot(
        result.trained.relative_importance[column],
        result.trained.feature_probability[row],
        linestyle="none",
        marker="o",
        markersize=3,
        color="white",
        markeredgecolor=INK,
        gid="different",
    )
    handles = [Patch(color=colors[name], alpha=0.85, label=name) for name in ranked]
    figure.legend(handles=handles, loc="outside lower center", ncols=4, frameon=False)
    figure.suptitle(f"{n} features in {m} dimension{'s' if m > 1 else ''}")
    return figure
