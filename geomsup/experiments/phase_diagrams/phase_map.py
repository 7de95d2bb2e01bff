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

from geomsup.experiments.frame.experiment import Trainer
from geomsup.experiments.frame.measures import counted, exact_losses
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.theory import PhaseDiagram, phase_diagram
from geomsup.theory.diagram import numbered_alike
from geomsup.training import ToyModelConfig

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["MapConfig", "MapResult", "check_map", "exact_map", "run_map", "trained_map"]

FloatArray = NDArray[np.float64]

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

    feature_probability: FloatArray  # (n_grid,)
    relative_importance: FloatArray  # (n_grid,)
    weights: FloatArray  # (n_grid, n_grid, n_hidden, n_features), best model; p first
    biases: FloatArray  # (n_grid, n_grid, n_features)
    losses: FloatArray  # (n_grid, n_grid, n_models), exact, of all models
    names: tuple[tuple[str, ...], ...]
    exact_weights: FloatArray
    exact_biases: FloatArray
    exact_losses: FloatArray  # (n_grid, n_grid)
    exact_names: tuple[tuple[str, ...], ...]
    unit_names: tuple[tuple[str, ...], ...]


def run_map(config: MapConfig, seed: int, trainer: Trainer) -> MapResult:
    """Train the models of every point, and search for the exact optima."""
    n, m, size, k = config.n_features, config.n_hidden, config.n_grid, config.n_models
    p = np.geomspace(config.lowest_probability, 1.0, size)
    r = np.geomspace(1.0 / config.largest_importance, config.largest_importance, size)
    importance = np.ones((size * k, n))
    importance[:, -1] = np.repeat(r, k)
    weights, biases = np.empty((size, size, m, n)), np.empty((size, size, n))
    losses = np.empty((size, size, k))
    for row, probability in enumerate(p):
        trained = trainer.train(
            f"p={probability:.4g}",
            ToyModelConfig(
                n_features=n,
                n_hidden=m,
                feature_probability=float(probability),
                importance=importance,
                n_instances=size * k,
                batch_size=config.batch_size,
                learning_rate=config.learning_rate,
                lr_schedule="cosine",
                n_steps=config.n_steps,
            ),
            seed * size + row,  # no two rows of any two seeds share their samples
        )
        found = exact_losses(trained.weights, trained.biases, float(probability), importance)
        losses[row] = found.reshape(size, k)
        best = losses[row].argmin(1) + k * np.arange(size)
        weights[row], biases[row] = trained.weights[best], trained.biases[best]
    exact = phase_diagram(n, m, feature_probability=p, relative_importance=r)
    unit = phase_diagram(n, m, feature_probability=p, relative_importance=r, unit_norm=True)
    return MapResult(
        feature_probability=p,
        relative_importance=r,
        weights=weights,
        biases=biases,
        losses=losses,
        names=_named(weights, r),
        exact_weights=exact.W,
        exact_biases=exact.b,
        exact_losses=exact.loss,
        exact_names=_names(exact),
        unit_names=_names(unit),
    )


def _named(weights: FloatArray, relative_importance: FloatArray) -> tuple[tuple[str, ...], ...]:
    n = weights.shape[-1]
    # Where the last feature matters as much as the others it is one of them.
    alike = [n if abs(r - 1.0) < 1e-9 else n - 1 for r in relative_importance]
    return tuple(
        tuple(numbered_alike(W, count)[0] for W, count in zip(row, alike, strict=True))
        for row in weights
    )


def _names(diagram: PhaseDiagram) -> tuple[tuple[str, ...], ...]:
    return tuple(tuple(diagram.phases[k] for k in row) for row in diagram.phase)


def trained_map(result: MapResult) -> PhaseDiagram:
    """The best of the trained models as a phase diagram."""
    return _diagram(
        result, result.names, result.losses.min(-1), result.weights, result.biases, False
    )


def exact_map(result: MapResult, *, unit_norm: bool = False) -> PhaseDiagram:
    """The exact optima, or the best unit vectors without bias, as a phase diagram.

    The weights and losses are those of the exact optima in both cases.
    """
    names = result.unit_names if unit_norm else result.exact_names
    best = result.exact_losses, result.exact_weights, result.exact_biases
    return _diagram(result, names, *best, unit_norm)


def _diagram(
    result: MapResult,
    names: tuple[tuple[str, ...], ...],
    loss: FloatArray,
    W: FloatArray,
    b: FloatArray,
    unit_norm: bool,
) -> PhaseDiagram:
    phases = tuple(sorted({name for row in names for name in row}))
    return PhaseDiagram(
        n_features=W.shape[-1],
        n_hidden=W.shape[-2],
        feature_probability=result.feature_probability,
        relative_importance=result.relative_importance,
        phases=phases,
        phase=np.array([[phases.index(name) for name in row] for row in names]),
        loss=loss,
        unit_norm=unit_norm,
        W=W,
        b=b,
    )


def check_map(results: Sequence[MapResult], regions: Sequence[str]) -> Outcome:
    """Compare the trained map with the published regions and with the exact optima."""
    trained = [np.array(result.names) for result in results]
    exact = np.array(results[0].exact_names)
    unit = np.array(results[0].unit_names)
    inside = ~exact_map(results[0]).on_boundary
    inside_unit = ~exact_map(results[0], unit_norm=True).on_boundary
    agreement = [float(np.mean((names == exact)[inside])) for names in trained]
    looks = [float(np.mean((names == unit)[inside_unit])) for names in trained]
    shares = _shares(np.concatenate([names.ravel() for names in trained]))
    missing = [name for name in regions if shares.get(name, 0.0) < _REGION]
    gaps = np.concatenate(
        [
            (result.losses.min(-1) / result.exact_losses - 1.0)[(names != exact) & inside]
            for result, names in zip(results, trained, strict=True)
        ]
    )
    n_models = results[0].losses.shape[-1]
    jumps = np.concatenate([_jumps(result) for result in results])
    strays = counted(
        f"{mine} where theory has {theirs}"
        for names in trained
        for mine, theirs in zip(names[inside], exact[inside], strict=True)
        if mine != theirs
    )
    success = [r.losses < (1.0 + _TIE) * r.exact_losses[..., None] for r in results]
    differing = (
        f"of the {gaps.size} that differ ({strays}) {np.sum(gaps < _TIE)} are ties within "
        f"{_TIE:.0%} of the exact loss, and in the others all {n_models} models are stuck, up to "
        f"{gaps.max(initial=0.0):.0%} above it"
    )
    return Outcome(
        claims=(
            Claim(
                says=f"{len(regions)} regions: {', '.join(regions)}",
                found=", ".join(f"{name} {share:.1%}" for name, share in shares.items()),
                by_seed=tuple(
                    all(_shares(names).get(name, 0.0) >= _REGION for name in regions)
                    for names in trained
                ),
                why=_why_missing(missing, results[0]),
            ),
            Claim(
                says=f"the best of {n_models} models is the exact optimum in {_AGREEMENT:.0%} of "
                "the cells away from the boundaries",
                found=f"in {np.mean(agreement):.1%} of {inside.sum()} cells, and in "
                f"{np.mean([np.mean(names == exact) for names in trained]):.1%} of all "
                f"{exact.size}" + (f"; {differing}" if gaps.size else ""),
                by_seed=tuple(share >= _AGREEMENT for share in agreement),
                why=f"single models reach the exact loss in {np.mean(success):.0%} of the cases",
            ),
            Claim(
                says="a phase change: the last feature appears suddenly",
                found=f"its norm is {jumps.min():.2f} to {jumps.max():.2f} of the longest where it "
                "first appears"
                if jumps.size
                else "it is dropped nowhere",
                by_seed=tuple(jumps >= _JUMP) or (False,),
            ),
            Claim(
                says="unit vectors without bias, as the paper computed, give a map that looks the "
                "same",
                found=f"the same arrangement as the trained models in {np.mean(looks):.1%} of "
                f"{inside_unit.sum()} cells away from its boundaries",
                by_seed=tuple(share >= _LOOKS_ALIKE for share in looks),
            ),
        ),
        numbers={
            "shares": shares,
            "exact_shares": _shares(exact),
            "unit_shares": _shares(unit),
            "agreement": agreement,
            "agreement_unit_norm": looks,
            "gaps_where_different": gaps.tolist(),
            "median_gap": float(
                np.median([r.losses.min(-1) / r.exact_losses - 1.0 for r in results])
            ),
            "success_of_one_model": float(np.mean(success)),
        },
    )


def _shares(names: NDArray[np.str_]) -> dict[str, float]:
    """Share of the cells of each name, largest first."""
    found, counts = np.unique(names, return_counts=True)
    order = np.argsort(-counts, kind="stable")
    return {str(found[k]): float(counts[k] / names.size) for k in order}


def _jumps(result: MapResult) -> FloatArray:
    """Norm of the last feature, relative to the longest, in the first cell that does not drop it.

    Along the importance; one number for each feature probability at which it is dropped at first.
    """
    norms = np.linalg.norm(result.weights, axis=2)
    relative = norms[..., -1] / norms.max(-1)
    last = str(result.weights.shape[-1])
    found = []
    for row, names in zip(relative, result.names, strict=True):
        drops = np.array([f"({last} dropped)" in name for name in names])
        if drops[0] and not drops.all():
            found.append(row[int(np.argmin(drops))])
    return np.array(found)


def _why_missing(missing: Sequence[str], result: MapResult) -> str:
    """Who holds, among the exact optima, the place that unit vectors give to a missing region."""
    unit, exact = np.array(result.unit_names), np.array(result.exact_names)
    said = []
    for name in missing:
        there = unit == name
        where = (
            f"unit vectors without bias make it the best in {there.mean():.1%} of the map, where "
            f"the exact optimum is {counted(exact[there].tolist())}"
            if there.any()
            else "it is not the best even of unit vectors without bias"
        )
        said.append(f"{name} is missing; {where}")
    return "; ".join(said)


def draw(results: Sequence[MapResult]) -> Figure:
    """Draw the figure of such an experiment."""
    from geomsup.experiments.phase_diagrams.phase_map_figure import draw as drawn

    return drawn(results)
