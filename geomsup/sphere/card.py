"""Everything there is to say of a best known configuration, one line for each yardstick."""

from __future__ import annotations

import math

from geomsup.best_known import BestKnown
from geomsup.sphere.compare import FREE_MODES_SAY, OptimaComparison, compared_with

__all__ = ["optimum_card", "with_itself"]


def with_itself(best: BestKnown) -> OptimaComparison | None:
    """A best known configuration by the other yardsticks; a single point has none."""
    if best.n_points == 1:
        return None
    return compared_with(best.points, best, best.s, thorough=True)


def optimum_card(best: BestKnown, comparison: OptimaComparison | None = None) -> str:
    """Energy, proof, other yardsticks, symmetry and source of a configuration, as lines of text.

    Parameters
    ----------
    best : BestKnown
    comparison : OptimaComparison, optional
        `with_itself(best)`, for the other yardsticks.

    Examples
    --------
    >>> from geomsup.sphere import thomson_optimum
    >>> from geomsup.sphere.card import optimum_card
    >>> print(optimum_card(thomson_optimum(2)).splitlines()[0])
    2 points in R^3, digon: proven
    """
    name = f", {best.name}" if best.name else ""
    lines = [("energy", f"{best.energy:.12g}")]
    if best.exact_form:
        lines.append(("exactly", best.exact_form))
    if comparison is not None:
        lines += _yardsticks(comparison)
    group = f"{best.point_group}, " if best.point_group else ""
    lines += [("symmetry", f"{group}order {best.symmetry_order}"), ("source", best.source)]
    head = f"{best.n_points} points in R^{best.dim}{name}: {best.status}"
    return "\n".join([head, *(f"  {label:<15} {text}" for label, text in lines)])


def _yardsticks(comparison: OptimaComparison) -> list[tuple[str, str]]:
    angle, widest = math.degrees(comparison.smallest_angle), math.degrees(comparison.best_angle)
    lines = [
        ("smallest angle", f"{angle:.4f}°, largest in the catalogue {widest:.4f}°"),
        (
            "frame potential",
            f"{comparison.frame_potential:.6f}, least possible "
            f"{comparison.least_frame_potential:.6f} (a tight frame)",
        ),
        ("coherence", f"{comparison.coherence:.6f}, Welch bound {comparison.welch_bound:.6f}"),
        ("Σ relu(cos)²", f"{comparison.overlap:.6f}"),
    ]
    if comparison.ties:
        lines.append(("equal energy", ", ".join(comparison.ties)))
    if comparison.free_modes:
        lines.append(("free modes", f"{comparison.free_modes}: {FREE_MODES_SAY}"))
    return lines
