"""What is said of a best known configuration."""

from __future__ import annotations

from geomsup.sphere import compare_to_optima, thomson_optimum
from geomsup.sphere.card import optimum_card, with_itself


def test_the_card_of_the_icosahedron() -> None:
    best = thomson_optimum(12)
    comparison = with_itself(best)
    assert comparison is not None
    assert comparison.to_dict() == compare_to_optima(best.points).to_dict()
    lines = optimum_card(best, comparison).splitlines()
    assert lines[:2] == ["12 points in R^3, icosahedron: proven", "  energy          49.1652530576"]
    # Neighbours are arctan 2 apart, every point has an antipode, and the bound is √(9/33).
    assert "  smallest angle  63.4349°, largest in the catalogue 63.4349°" in lines
    assert "  coherence       1.000000, Welch bound 0.522233" in lines
    assert "  symmetry        Ih, order 120" in lines
    assert optimum_card(best).splitlines() == [*lines[:3], *lines[-2:]]


def test_a_single_point_has_nothing_to_be_compared_with() -> None:
    best = thomson_optimum(1)
    assert with_itself(best) is None
    assert optimum_card(best, None).startswith("1 points in R^3")
