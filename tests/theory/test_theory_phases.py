"""Closed forms, crossings in the importance, and phase diagrams."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
import pytest

mpl.use("Agg")

from matplotlib.figure import Figure

from geomsup import GeomsupError, get_shape
from geomsup.cli import main
from geomsup.plotting import plot_family_losses, plot_phase_diagram
from geomsup.theory import (
    best_configuration,
    digon_loss,
    expected_loss,
    family_losses,
    phase_boundary,
    phase_diagram,
    sparse_limit,
    symmetric_optimum,
)
from geomsup.theory.diagram import PhaseDiagram, arrangement

# -------------------------------------------------------------------------------- closed forms


@pytest.mark.parametrize("p", [1e-6, 0.01, 0.1, 0.37, 0.5, 0.8, 0.95])
def test_the_digon_is_solved_in_closed_form(p: float) -> None:
    best = symmetric_optimum("digon", 2, p)
    assert best.parameters[0]["method"] == "closed form"
    assert digon_loss(best.norm2, best.bias, p) == pytest.approx(best.loss, rel=1e-9, abs=1e-16)
    exact = expected_loss(best.W, best.b, p)
    assert np.abs(exact.grad_W).max() < 1e-13
    assert np.abs(exact.grad_b).max() < 1e-13


def test_the_digon_at_one_tenth() -> None:
    # From integrating the polynomial by hand and, independently, by characteristic functions.
    best = symmetric_optimum("digon", 2, 0.1)
    assert best.norm2 == pytest.approx(1.011623007419, abs=1e-12)
    assert best.bias == pytest.approx(0.001249003536, abs=1e-12)
    assert best.loss == pytest.approx(0.003319483990, abs=1e-12)


@pytest.mark.parametrize(
    ("shape", "norm2", "bias", "loss", "printed"),
    [
        ("pentagon", 1.36997576676, -0.282297283127, 0.0791281353725, (1.17046, -0.28230)),
        ("hexagon", 1.74378979028, -0.618135131868, 0.289154256189, (1.32053, -0.61814)),
    ],
)
def test_the_sparse_limit_of_polygons(
    shape: str, norm2: float, bias: float, loss: float, printed: tuple[float, float]
) -> None:
    limit = sparse_limit(shape)
    assert limit.order == 1
    assert limit.norm2 == pytest.approx(norm2, abs=1e-11)
    assert limit.bias == pytest.approx(bias, abs=1e-11)
    assert limit.coefficient == pytest.approx(loss, abs=1e-12)
    # Norm and bias as in Chen et al. 2023, "Dynamical versus Bayesian Phase Transitions in a Toy
    # Model of Superposition".
    assert (np.sqrt(limit.norm2), limit.bias) == pytest.approx(printed, abs=6e-6)


@pytest.mark.parametrize("shape", ["pentagon", "hexagon", "square antiprism", "icosahedron"])
def test_exact_losses_approach_the_sparse_limit(shape: str) -> None:
    # The loss at the limit's norm and bias is p·coefficient + O(p²): one formula against another.
    limit, n, family = sparse_limit(shape), get_shape(shape).n_vertices, get_shape(shape).family
    vertices = get_shape(shape).vertices
    if family is not None:
        assert limit.parameter is not None
        vertices = family.build(limit.parameter)
    W = np.sqrt(limit.norm2) * vertices.T
    excess = [
        abs(expected_loss(W, limit.bias, p).loss / (p * limit.coefficient) - 1)
        for p in (1e-3, 1e-4)
    ]
    assert excess[1] < 0.15 * excess[0] < 0.02 * n


@pytest.mark.parametrize("k", [2, 3, 4, 6])
def test_the_sparse_limit_of_simplices(k: int) -> None:
    shape = {2: "digon", 3: "triangle", 4: "tetrahedron", 6: "5-simplex"}[k]
    limit = sparse_limit(shape)
    assert (limit.order, limit.norm2, limit.bias) == (2, 1.0, 0.0)
    assert limit.coefficient == pytest.approx(k / (3 * (k - 1)) - k / (6 * (k - 1) ** 2), rel=1e-12)
    p = 1e-4
    assert symmetric_optimum(shape, k, p).loss == pytest.approx(limit.coefficient * p**2, rel=1e-3)


@pytest.mark.parametrize(
    ("n", "m", "loss"), [(2, 1, 0.0832542429), (3, 2, 0.0830895928), (5, 2, 0.2496575814)]
)
def test_best_losses_when_every_feature_is_present(n: int, m: int, loss: float) -> None:
    # Below (n − m)/12, what the affine model reaches.
    assert best_configuration(n, m, 1.0, n_starts=60).loss == pytest.approx(loss, abs=1e-10)


def test_beyond_the_last_boundary_of_five_in_two_dropped_features_come_back() -> None:
    # Up to p = .918 the triangle with two dropped features is the best found; beyond, the two
    # grow from zero on the rays of the triangle, so no family of fixed shape is the best.
    below = best_configuration(5, 2, 0.915, n_starts=60).loss
    above = best_configuration(5, 2, 0.9227, n_starts=60).loss
    assert below == pytest.approx(symmetric_optimum("triangle", 5, 0.915).loss, abs=1e-10)
    assert above < symmetric_optimum("triangle", 5, 0.9227).loss - 1e-7


# --------------------------------------------------------------------- crossings in importance


@pytest.mark.parametrize(("p", "critical"), [(0.5, 0.53574), (0.3, 0.20470), (0.1, 0.04872)])
def test_the_importance_at_which_a_digon_pays(p: float, critical: float) -> None:
    r = phase_boundary(
        "digon",
        "monosemantic",
        n_features=2,
        feature_probability=p,
        between=(0.9 * critical, 1.2 * critical),
    )
    assert r == pytest.approx(critical, abs=6e-6)


def test_a_digon_begins_to_pay_at_the_critical_importance_of_the_sparse_limit() -> None:
    # r_c / p → (2 + √2)/8, where W₂/W₁ → −(2 − √2).
    p, critical = 1e-3, (2 + np.sqrt(2)) / 8
    below = symmetric_optimum("digon", 2, p, [1.0, p * (critical - 1e-3)]).W
    assert below[0, 1] == pytest.approx(0.0, abs=1e-9)
    above = symmetric_optimum("digon", 2, p, [1.0, p * (critical + 1e-3)]).W
    assert above[0, 1] / above[0, 0] == pytest.approx(-(2 - np.sqrt(2)), abs=4e-3)


@pytest.mark.slow
def test_the_critical_importance_in_the_sparse_limit() -> None:
    p = 1e-3
    r = phase_boundary(
        "digon", "monosemantic", n_features=2, feature_probability=p, between=(4e-4, 5e-4)
    )
    assert r / p == pytest.approx((2 + np.sqrt(2)) / 8, abs=1e-3)
    W = symmetric_optimum("digon", 2, p, [1.0, r * (1 + 1e-6)]).W
    assert W[0, 1] / W[0, 0] == pytest.approx(-(2 - np.sqrt(2)), abs=1e-3)


def test_importance_belongs_to_the_vertices_in_order() -> None:
    best = symmetric_optimum("monosemantic ⊕ digon", 4, 0.2, [1.0, 0.9, 0.7, 0.1])
    assert best.shape == "monosemantic ⊕ digon"
    importance = [1.0, 0.9, 0.7, 0.1]
    assert best.loss == pytest.approx(expected_loss(best.W, best.b, 0.2, importance).loss, rel=1e-9)
    assert best.n_dropped == 1
    assert np.linalg.norm(best.W[:, 1]) > np.linalg.norm(best.W[:, 2])
    # At equal importances the order is of no consequence.
    a, b = (
        symmetric_optimum(s, 3, 0.2).loss for s in ("digon + monosemantic", "monosemantic + digon")
    )
    assert a == pytest.approx(b, rel=1e-12)


def test_norms_are_not_negative() -> None:
    # A negative norm would turn a vertex round: features of little importance are dropped instead.
    # The losses were found by scipy's L-BFGS-B with norms bounded below, from fourteen starts.
    for importance, loss in (
        ([1, 0.5, 0.25, 0.125, 0.0625], 0.009211),
        (0.05 ** np.arange(5), 0.001114),
    ):
        best = symmetric_optimum("pentagon", 5, 0.1, importance)
        assert best.loss == pytest.approx(loss, abs=1e-6)
        lengths = np.sum(best.W * get_shape("pentagon").vertices.T, axis=0)
        assert np.all(lengths >= 0.0)


def test_what_is_handed_out_is_the_callers_own() -> None:
    first = symmetric_optimum("digon", 2, 0.1)
    first.parameters[0]["norm2"][0] = 9.0
    assert symmetric_optimum("digon", 2, 0.1).norm2 == pytest.approx(1.011623, abs=1e-6)


# --------------------------------------------------------------------------- families against p


# A coarse grid skips the phase in between; its two boundaries are found all the same.
@pytest.mark.parametrize(
    "grid", [[0.1, 0.8], pytest.param([0.05, 0.4, 0.9], marks=pytest.mark.slow)]
)
def test_families_of_five_in_two(grid: list[float]) -> None:
    losses = family_losses(["triangle", "square", "pentagon"], 5, grid)
    assert losses.shapes == ("triangle", "digon ⊕ digon", "pentagon")
    assert [(a, b) for _, a, b in losses.boundaries] == [
        ("pentagon", "digon ⊕ digon"),
        ("digon ⊕ digon", "triangle"),
    ]
    assert [p for p, _, _ in losses.boundaries] == pytest.approx([0.224875, 0.644240], abs=1e-6)
    assert losses.lowest[0] == "pentagon"
    axes = plot_family_losses(losses, ax=Figure().add_subplot())
    lines = [line for line in axes.lines if line.get_gid() == "boundary"]
    assert [line.get_xdata()[0] for line in lines] == [p for p, _, _ in losses.boundaries]  # type: ignore[index]


# -------------------------------------------------------------------------------- phase diagrams


def test_the_papers_diagram_of_two_in_one() -> None:
    # Elhage et al. 2022: the boundary of "second feature ignored" is r = 2p/(4 − 5p).
    diagram = phase_diagram(2, 1, unit_norm=True)
    p, r = diagram.feature_probability[:, None], diagram.relative_importance[None, :]
    ignored = diagram.phase == diagram.phases.index("1 (2 dropped)")
    with np.errstate(divide="ignore"):
        boundary = np.where(p < 0.8, 2 * p / (4 - 5 * p), np.inf)
    expected = (r < boundary) & (r < 1)
    clear = np.abs(r - np.minimum(boundary, 1)) > 1e-9
    assert np.array_equal(ignored[clear], expected[clear])
    assert len(diagram.phases) == 3
    # Every cell's loss is that of the weights in it.
    for i, j in ((0, 0), (12, 20), (24, 3)):
        again = expected_loss(diagram.W[i, j], diagram.b[i, j], p[i, 0], [1.0, r[0, j]]).loss
        assert diagram.loss[i, j] == pytest.approx(again, rel=1e-12)


def test_three_phases_meet_at_four_sevenths() -> None:
    for p, n_phases in ((4 / 7 - 1e-3, 1), (4 / 7 + 1e-3, 2)):
        diagram = phase_diagram(
            2, 1, feature_probability=[p], relative_importance=[1 - 1e-6, 1 + 1e-6], unit_norm=True
        )
        assert len(diagram.phases) == n_phases


def test_the_papers_diagram_of_three_in_two_has_four_phases() -> None:
    diagram = phase_diagram(3, 2, unit_norm=True)
    assert diagram.phases == (
        "1 ⊕ 2 (3 dropped)",
        "1 ⊕ 3 (2 dropped)",
        "digon(1, 2) ⊕ 3",
        "digon(1, 3) ⊕ 2",
    )


def test_the_exact_diagram_of_two_in_one_has_the_exact_boundary() -> None:
    p = [0.1, 0.3, 0.5]
    critical = [0.0487219, 0.2046991, 0.5357388]
    r = np.sort(np.concatenate([np.array(critical) * (1 + s) for s in (-0.02, 0.02)]))
    diagram = phase_diagram(2, 1, feature_probability=p, relative_importance=r, n_starts=4)
    kept = diagram.phase == diagram.phases.index("digon(1, 2)")
    assert np.array_equal(kept, r[None, :] > np.array(critical)[:, None])
    assert diagram.on_boundary.any()


def test_the_exact_diagram_agrees_with_independent_searches() -> None:
    p, r = [0.1, 0.7], [0.3, 0.9, 2.0]
    diagram = phase_diagram(3, 2, feature_probability=p, relative_importance=r)
    for i, j in np.ndindex(2, 3):
        best = best_configuration(3, 2, p[i], [1.0, 1.0, r[j]], n_starts=40, seed=5)
        assert diagram.loss[i, j] == pytest.approx(best.loss, rel=1e-7)
    ax = plot_phase_diagram(diagram, ax=Figure().add_subplot())
    assert [text.get_text() for text in ax.get_legend().get_texts()] == list(diagram.phases)  # type: ignore[union-attr]


def test_a_boundary_is_seen_from_the_corner_too() -> None:
    phase = np.zeros((4, 5), dtype=np.intp)
    phase[0, 0] = 1
    diagram = PhaseDiagram(
        n_features=2,
        n_hidden=1,
        feature_probability=np.linspace(0.1, 0.4, 4),
        relative_importance=np.linspace(0.1, 0.5, 5),
        phases=("1", "2"),
        phase=phase,
        loss=np.zeros((4, 5)),
        unit_norm=True,
        W=np.zeros((4, 5, 1, 2)),
        b=np.zeros((4, 5, 2)),
    )
    assert np.argwhere(diagram.on_boundary).tolist() == [[0, 0], [0, 1], [1, 0], [1, 1]]


def test_arrangements_have_names() -> None:
    assert arrangement(get_shape("triangle").vertices.T) == "triangle(1, 2, 3)"
    assert arrangement(get_shape("pentagon").vertices.T) == "5 in 2(1, 2, 3, 4, 5)"
    assert arrangement(np.array([[1.0, 0.5, 0.0]])) == "line(1, 2) (3 dropped)"
    assert arrangement(np.zeros((2, 2))) == "nothing (1, 2 dropped)"


# ------------------------------------------------------------------------- bad input, command line


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: phase_diagram(7, 2), "n_features ≤ 6"),
        (lambda: phase_diagram(2, 2), "n_hidden < n_features"),
        (lambda: phase_diagram(2, 1, feature_probability=[0.5, 0.1]), "must ascend"),
        (lambda: phase_diagram(2, 1, relative_importance=0.5), "list of ascending"),
        (lambda: phase_diagram(2, 1, feature_probability=[0.5, 1.1]), "must lie in"),
        (lambda: family_losses("pentagon", 5), "list of names"),
        (lambda: family_losses(["pentagon"], 4), "has 5 vertices"),
        (lambda: family_losses(["pentagon"], 5, []), "list of ascending"),
        (lambda: sparse_limit("triangular bipyramid"), "all equivalent"),
        (lambda: digon_loss(1.0, 1.5, 0.1), "use expected_loss"),
        (lambda: digon_loss(1.0, 0.1, 3.0), "feature_probability must lie"),
        (lambda: family_losses(None, 2), "list of names"),  # type: ignore[arg-type]
        (lambda: best_configuration(2, 1, 0.1, seed="a"), "seed must be"),  # type: ignore[arg-type]
        (lambda: best_configuration(2, 1, 0.1, seed=-1), "seed must be"),
        (lambda: phase_boundary("digon", "monosemantic", n_features=2, between=(0, 1)), "got none"),
        (lambda: symmetric_optimum("digon", 2, 0.1, [1.0, -1.0]), "importance must lie"),
        (
            lambda: phase_boundary("digon", "triangle", n_features=3, feature_probability=2),
            "feature_probability must lie",
        ),
        (lambda: plot_phase_diagram(3), "phase_diagram"),  # type: ignore[arg-type]
        (lambda: plot_family_losses(None), "family_losses"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_gets_one_clear_error(call: Any, message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        call()


def test_the_phases_verb(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    picture = tmp_path / "phases.png"
    arguments = ["phases", "pentagon", "digon + digon", "--features", "5"]
    assert main([*arguments, "--plot", str(picture)]) == 0
    assert "p = 0.224875  digon ⊕ digon" in capsys.readouterr().out
    assert picture.stat().st_size > 0
    assert main(["phases", "--features", "2", "--hidden", "1", "--unit-norm", "--json"]) == 0
    assert len(json.loads(capsys.readouterr().out)["phases"]) == 3
    assert main(["phases", "--features", "2"]) == 2
    assert main([*arguments, "--hidden", "2"]) == 2
