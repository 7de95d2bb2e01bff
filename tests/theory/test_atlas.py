"""The atlas of optima: every entry checked again, and how it is made."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from exact_loss import exact_row_loss

from geomsup.errors import GeomsupError
from geomsup.geometry.classify import geometry_of
from geomsup.theory import (
    AtlasEntry,
    atlas_cell,
    atlas_cells,
    best_configuration,
    best_known,
    expected_loss,
    phase_boundary,
    sparse_limit,
    symmetric_optimum,
    verify_optimum,
)
from geomsup.theory.atlas.cells import _name, assembled
from geomsup.theory.atlas.envelope import Boundary, Pool
from geomsup.theory.atlas.newton import Critical, followed, polished
from geomsup.theory.atlas.rebuild import KEYS, _gaps, _higher, main
from geomsup.theory.atlas.table import TABLE, load_table, save_table
from geomsup.theory.atlas.tasks import finished, search
from geomsup.theory.loss import Problem
from geomsup.theory.packing import packed

_CELLS = atlas_cells()
_ENTRIES = [entry for cell in _CELLS for entry in cell.entries]
# Lowest of 300 to 1,300 starts on an independent code.
_REFERENCE = [
    (6, 2, 0.6, 0.41777266),
    (6, 2, 0.2, 0.13625472),
    (6, 2, 0.05, 0.02373044),
    (7, 3, 0.1, 0.02962462),
    (7, 3, 0.02, 0.00217257),
]


def _id(entry: AtlasEntry) -> str:
    return f"{entry.n_features}-{entry.n_hidden}-{entry.high:.4g}"


def _phase(n: int, m: int, p: float) -> AtlasEntry:
    cell = atlas_cell(n, m)
    assert cell is not None
    return cell.at(p)


def _point(entry: AtlasEntry, p: float) -> Critical:
    """Its node that is nearest, to full precision."""
    node = entry.nearest(p)
    point = polished(entry.W[node], entry.b[node], float(entry.p[node]))
    assert point is not None
    return point


def _check(entry: AtlasEntry) -> None:
    """An entry is what it says: losses, vanishing gradients, minima, and lower than the next."""
    for p, W, b, loss in zip(entry.p, entry.W, entry.b, entry.loss, strict=True):
        exact = expected_loss(W, b, float(p))
        assert exact.loss == pytest.approx(loss, rel=1e-9)
        # Of nine and more features a gradient is known as well as its series.
        steepest = 1e-8 * p + exact.gradient_bound
        assert np.abs(exact.grad_W).max() <= steepest
        assert np.abs(exact.grad_b).max() <= steepest
    for node in {0, len(entry.p) // 2, len(entry.p) - 1}:
        point = Critical(
            p=float(entry.p[node]), W=entry.W[node], b=entry.b[node], loss=entry.loss[node]
        )
        assert point.softest == pytest.approx(entry.smallest_eigenvalue[node], abs=1e-6)
        # Phases closer than 1e-9 in loss may not be told apart, so one may be held a hair beyond
        # where it becomes unstable.
        assert point.softest > -1e-5
        if entry.low < point.p < entry.high:
            assert point.n_kept == entry.n_features - entry.n_dropped
    known = np.isfinite(entry.runner_up_loss)
    assert np.all(entry.runner_up_loss[known] >= entry.loss[known] * (1.0 - 1e-8))
    assert np.all(entry.met <= entry.n_starts)


@pytest.mark.parametrize("entry", _ENTRIES[::20], ids=_id)
def test_an_entry_is_what_it_says(entry: AtlasEntry) -> None:
    _check(entry)


@pytest.mark.slow
@pytest.mark.parametrize("entry", _ENTRIES, ids=_id)
def test_every_entry_is_what_it_says(entry: AtlasEntry) -> None:
    _check(entry)


def test_the_phases_of_a_cell_cover_all_feature_probabilities() -> None:
    assert {(cell.n_features, cell.n_hidden) for cell in _CELLS} == set(KEYS)
    for cell in _CELLS:
        assert cell.entries[0].low == 0.0
        assert cell.entries[-1].high == 1.0
        for before, after in zip(cell.entries[:-1], cell.entries[1:], strict=True):
            assert before.high == after.low
            assert before.ends in ("first order", "continuous")
            # Both phases are held where they meet, and cost the same there.
            assert before.p[-1] == pytest.approx(after.p[0], rel=1e-12)
            assert before.loss[-1] == pytest.approx(after.loss[0], rel=1e-8)
            assert (before.name, before.symmetry, before.n_dropped) != (
                *(after.name, after.symmetry, after.n_dropped),
            ) or before.ends == "first order"


def test_every_phase_is_held_inside_too_and_is_a_minimum() -> None:
    for entry in _ENTRIES:
        inside = (entry.p > entry.low) & (entry.p < entry.high)
        assert inside.any()
        # Two phases within 1e-9 of each other at a boundary may not be told apart.
        assert np.all(entry.smallest_eigenvalue[inside] > -1e-9)
        assert np.all(entry.smallest_eigenvalue > -1e-6)


def test_parts_of_a_sum_have_right_angles_between_them() -> None:
    for entry in [one for one in _ENTRIES if " + " in one.name]:
        W = entry.W[len(entry.p) // 2]
        report = geometry_of(W)
        assert sum(part.rank for part in report.components) <= entry.n_hidden
        for part in report.components:
            rest = np.setdiff1d(np.arange(entry.n_features), part.features)
            assert np.abs(W[:, part.features].T @ W[:, rest]).max(initial=0.0) < 1e-4


def test_two_triangles_that_lean_on_each_other_are_no_sum() -> None:
    upright, leaning = (_phase(6, 4, p) for p in (0.7, 0.8))
    assert (upright.name, upright.symmetry) == ("triangle + triangle", 72)
    assert (leaning.name, leaning.symmetry) == ("irregular", 8)
    # The code that made the table gives the name again.
    assert _name(_point(leaning, 0.8)) == "irregular"


@pytest.mark.parametrize(
    ("n", "m", "p", "name"),
    [
        (10, 3, 0.003, "irregular"),  # of order 6; a sphenocorona has 4
        (10, 3, 0.03, "sphenocorona"),
        (11, 4, 0.01, "irregular"),  # of order 12; charges have 2
        (11, 4, 0.17, "irregular"),  # of order 2, with another involution than charges
        (12, 4, 0.01, "irregular"),  # of order 48, in two orbits; charges are in one
        (12, 4, 0.1, "Thomson 12 in R^4"),
        (10, 4, 0.1, "rectified 5-cell"),
        (12, 3, 0.03, "icosahedron"),
    ],
)
def test_a_shape_has_the_symmetries_of_what_it_names(n: int, m: int, p: float, name: str) -> None:
    entry = _phase(n, m, p)
    assert entry.name == name
    point = _point(entry, p)
    assert _name(point) == name
    gram = point.near.gram
    for image in point.symmetries:
        assert np.abs(gram[np.ix_(image, image)] - gram).max() < 1e-4


def test_generators_of_a_pentagon_make_all_of_its_symmetries() -> None:
    point = _point(_phase(5, 2, 0.1), 0.1)
    group = {tuple(range(5))}
    while True:
        longer = group | {
            tuple(image[k] for k in one) for one in group for image in point.symmetries
        }
        if longer == group:
            break
        group = longer
    assert len(group) == point.order == 10


def test_a_dropped_feature_has_the_output_that_is_best() -> None:
    for entry in _ENTRIES:
        dropped = np.linalg.norm(entry.W, axis=1) < 1e-6
        means = np.broadcast_to(0.5 * entry.p[:, None], entry.b.shape)
        np.testing.assert_allclose(entry.b[dropped], means[dropped], rtol=1e-7)


def test_an_output_that_is_always_zero_is_revived() -> None:
    shape = symmetric_optimum("pentagon", 5, 1e-4)
    W, b = np.hstack([shape.W, np.zeros((2, 1))]), np.append(shape.b, -0.1)
    problem, size = Problem.of(6, 1e-4, 1.0).normalised()
    x, loss = finished(packed(W, b)[None], 2, problem)
    assert x[0, -1] == pytest.approx(5e-5, rel=1e-6)
    expected = shape.loss + 1e-4 / 3.0 - 1e-8 / 4.0
    assert size * loss[0] == pytest.approx(expected, rel=1e-9)
    point = polished(W, b, 1e-4)
    assert point is not None
    assert point.loss == pytest.approx(expected, rel=1e-12)
    assert point.order == 10


def test_an_output_that_dies_on_the_way_is_revived() -> None:
    # A short W_i, which Newton steps let go, and whose bias has no gradient then.
    best = best_known(8, 2, 1e-6)
    W, b = best.W.copy(), best.b.copy()
    dropped = int(np.argmin(np.linalg.norm(W, axis=0)))
    W[:, dropped], b[dropped] = [1e-3, 0.0], -0.02
    point = polished(W, b, 1e-6)
    assert point is not None
    assert point.b[dropped] == pytest.approx(5e-7, rel=1e-7)
    assert point.loss == pytest.approx(best.loss, rel=1e-12)


def test_one_branch_that_was_hard_to_follow_is_not_parted() -> None:
    hexagon, pentagon = (
        polished(best.W, best.b, best.feature_probability)
        for best in (best_known(6, 2, 0.05), best_known(6, 2, 0.15))
    )
    assert hexagon is not None
    assert pentagon is not None
    for kind, above, expected in (
        ("continuous", hexagon, True),
        ("continuous", pentagon, False),
        ("first order", hexagon, False),
    ):
        boundary = Boundary(p=0.05, kind=kind, below=hexagon, above=above)
        assert boundary.parts_nothing is expected


def test_curvature_at_a_kink_is_that_of_steps_across_it() -> None:
    # W = 1, b = 0 gives out a feature as it is; a bias off by 1e-9 is at the kink all the same.
    point = Critical(p=1e-4, W=np.eye(2), b=np.array([-9.7e-10, 0.0]), loss=0.0)
    exact = Critical(p=1e-4, W=np.eye(2), b=np.zeros(2), loss=0.0)
    assert point.softest == pytest.approx(exact.softest, rel=1e-3)
    assert point.softest > 0.1


@pytest.mark.parametrize(
    ("n", "m", "p", "order"),
    # Between two boundaries, close to where a more symmetric branch becomes a saddle.
    [(4, 2, 0.9253, 2), (5, 3, 0.6259, 4), (8, 3, 0.9136, 24)],
)
def test_best_known_is_no_saddle_close_by(n: int, m: int, p: float, order: int) -> None:
    best = best_known(n, m, p)
    assert best.smallest_eigenvalue > 0.0
    assert best.symmetry == order
    noise = 1e-2 * np.random.default_rng(0).standard_normal((5, n * (m + 1)))
    problem, size = Problem.of(n, p, 1.0).normalised()
    _, loss = finished(packed(best.W, best.b) + noise, m, problem)
    assert size * loss[0] == pytest.approx(best.loss, rel=1e-10)


def test_a_lost_branch_keeps_a_cell_out() -> None:
    cell = atlas_cell(5, 2)
    assert cell is not None
    assert not _gaps(cell)
    first = replace(cell.entries[0], loss=cell.entries[0].loss * (1.0 + 2e-5))
    jumps = replace(cell, entries=(first, *cell.entries[1:]))
    assert _gaps(jumps) == [first.high]


def test_what_was_known_lower_is_not_replaced() -> None:
    cell = atlas_cell(5, 2)
    assert cell is not None
    assert not _higher(cell, cell)
    first = replace(cell.entries[0], loss=cell.entries[0].loss * (1.0 + 1e-6))
    raised = replace(cell, entries=(first, *cell.entries[1:]))
    # Where the next phase begins, both are held; the last one that is told counts.
    assert set(_higher(raised, cell)) == set(first.p[:-1].tolist())
    assert not _higher(cell, raised)


@pytest.mark.parametrize(("n", "m"), [(4, 2), (5, 3)])
def test_losses_are_those_of_exact_fractions(n: int, m: int) -> None:
    cell = atlas_cell(n, m)
    assert cell is not None
    for entry in cell.entries:
        node = len(entry.p) // 2
        p, b = [Fraction(float(entry.p[node]))] * n, entry.b[node]
        gram = entry.W[node].T @ entry.W[node]
        rows = [[Fraction(float(x)) for x in row] for row in gram]
        exact = sum(exact_row_loss(rows[i], Fraction(float(b[i])), i, p) for i in range(n))
        assert float(exact) == pytest.approx(entry.loss[node], rel=1e-12)


def test_a_loss_is_that_of_samples() -> None:
    best, rng = best_known(7, 3, 0.05), np.random.default_rng(0)
    x = rng.random((400_000, 7)) * (rng.random((400_000, 7)) < 0.05)
    errors = ((x - np.maximum(x @ best.W.T @ best.W + best.b, 0.0)) ** 2).sum(1)
    assert errors.mean() == pytest.approx(best.loss, abs=4.0 * errors.std() / 400_000**0.5)


@pytest.mark.parametrize("p", [0.0, -0.1, 1.5, np.nan, "0.1", 5e-324])
def test_an_impossible_feature_probability_is_one_error(p: float) -> None:
    cell = atlas_cell(5, 2)
    assert cell is not None
    for call in (cell.at, cell.entries[0].nearest, lambda p: best_known(5, 2, p)):
        with pytest.raises(GeomsupError, match="probability"):
            call(p)
    with pytest.raises(GeomsupError, match="n_features"):
        atlas_cell("5", 2)  # type: ignore[arg-type]  # on purpose
    assert atlas_cell(2, 5) is None


@pytest.mark.parametrize(("n", "m", "p", "loss"), _REFERENCE)
def test_reference_losses_are_met(n: int, m: int, p: float, loss: float) -> None:
    found = best_known(n, m, p).loss
    assert found == pytest.approx(loss, abs=2e-8)  # it may be a little lower
    assert found <= loss + 5e-9


@pytest.mark.parametrize(
    ("n", "m", "below", "above"),
    [
        (5, 2, "pentagon", "digon ⊕ digon"),
        (5, 2, "digon ⊕ digon", "triangle"),
        (3, 2, "digon ⊕ monosemantic", "triangle"),
        (4, 3, "digon ⊕ monosemantic ⊕ monosemantic", "tetrahedron"),
        (7, 2, "heptagon", "hexagon"),
        (7, 3, "pentagon ⊕ digon", "octahedron"),
    ],
)
def test_boundaries_agree_with_those_of_families(n: int, m: int, below: str, above: str) -> None:
    cell = atlas_cell(n, m)
    assert cell is not None
    exact = phase_boundary(below, above, n_features=n)
    assert np.abs(cell.boundaries - exact).min() < 1e-8


def test_a_continuous_boundary_is_where_a_mode_becomes_soft() -> None:
    soft = [entry for entry in _ENTRIES if entry.ends == "continuous" and entry.p[-1] < 0.9]
    for entry in soft[:3]:
        other = next(
            each
            for each in _ENTRIES
            if (each.n_features, each.n_hidden, each.low)
            == (entry.n_features, entry.n_hidden, entry.high)
        )
        ends = min(entry.smallest_eigenvalue[-1], other.smallest_eigenvalue[0], key=abs)
        assert abs(ends) < 1e-6


def test_best_known_between_nodes_is_a_minimum_of_full_precision() -> None:
    best = best_known(5, 2, 0.0873)
    family = symmetric_optimum("pentagon", 5, 0.0873)
    assert best.loss == pytest.approx(family.loss, rel=1e-13)
    assert best.smallest_eigenvalue > 0.0
    verdict = verify_optimum(best.W, best.b, 0.0873, n_starts=5)
    assert verdict.verdict == "local minimum"
    assert verdict.best_known == pytest.approx(best.loss, rel=1e-12)


@pytest.mark.parametrize(("n", "shape"), [(5, "pentagon"), (6, "hexagon"), (7, "heptagon")])
def test_rare_features_reach_the_sparse_limit(n: int, shape: str) -> None:
    for p in (1e-6, 1e-8):
        limit = sparse_limit(shape).coefficient
        assert best_known(n, 2, p).loss / p == pytest.approx(limit, rel=100.0 * p)


def test_best_known_reads_well_and_is_plain() -> None:
    best = best_known(5, 2, 0.1)
    assert str(best).startswith("5 features in 2, p = 0.1: pentagon (best known)")
    assert best.to_dict()["name"] == "pentagon"
    assert best.runner_up_excess > 0.0


@pytest.mark.parametrize(
    ("n", "m", "p", "words"),
    [
        (30, 2, 0.1, "in 2 it has 3 to"),
        (9, 7, 0.1, "1 to 4 dimensions"),
        (5, 2, 0.0, "above zero"),
        (5, 2, 1.5, "feature_prob"),
    ],
)
def test_what_the_atlas_has_not(n: int, m: int, p: float, words: str) -> None:
    with pytest.raises(GeomsupError, match=words):
        best_known(n, m, p)


def _above_the_atlas(count: int, most: int) -> list[tuple[int, int, float]]:
    rng = np.random.default_rng(0)
    above, cells = [], [cell for cell in _CELLS if cell.n_features <= most]
    for _ in range(count):
        cell = cells[rng.integers(len(cells))]
        n, m, p = cell.n_features, cell.n_hidden, float(10 ** rng.uniform(-4, 0))
        best = best_configuration(n, m, p)
        if best.loss > best_known(n, m, p).loss * (1.0 + 1e-9):
            above.append((n, m, p))
    return above


def test_a_search_is_never_above_the_atlas() -> None:
    assert not _above_the_atlas(3, most=5)


@pytest.mark.slow
def test_no_search_of_any_size_is_above_the_atlas() -> None:
    assert not _above_the_atlas(200, most=12)


def test_a_search_says_what_the_atlas_has() -> None:
    best = best_configuration(4, 2, 0.2, 2.0, n_starts=10)
    assert best.best_known == pytest.approx(2.0 * best_known(4, 2, 0.2).loss, rel=1e-12)
    assert not best.beats_atlas
    assert "and the atlas" in str(best)
    assert best_configuration(2, 1, 0.2, [1.0, 0.5], n_starts=5).best_known is None


@pytest.mark.parametrize(
    ("shape", "n", "p", "order"),
    [("pentagon", 5, 0.1, 10), ("octahedron", 6, 0.1, 48), ("square antiprism", 8, 0.1, 16)],
)
def test_symmetries_are_those_of_the_shape(shape: str, n: int, p: float, order: int) -> None:
    best = symmetric_optimum(shape, n, p)
    point = polished(best.W, best.b, p)
    assert point is not None
    assert point.order == order
    assert point.loss == pytest.approx(best.loss, rel=1e-12)


def test_a_followed_shape_is_the_optimum_of_its_family() -> None:
    start = symmetric_optimum("pentagon", 5, 0.05)
    point = polished(start.W, start.b, 0.05)
    assert point is not None
    # Beyond .2249 two digons are lower, but the pentagon is still there.
    there = followed(point, 0.4)
    assert there is not None
    assert there.loss == pytest.approx(symmetric_optimum("pentagon", 5, 0.4).loss, rel=1e-12)


def test_a_search_depends_on_its_configuration_alone() -> None:
    config = {"n_features": 4, "n_hidden": 2, "p": 0.1, "n_starts": 10, "seed": 3}
    first, second = search(config), search(config)
    assert all(np.array_equal(first[name], second[name]) for name in first)
    assert first["loss"][0] * 4 * 0.1 / 3 == pytest.approx(
        symmetric_optimum("square", 4, 0.1).loss, rel=1e-9
    )
    assert first["met"][0] <= first["n_starts"]


def test_a_cell_is_made_of_searches(tmp_path: Path) -> None:
    config = {"n_features": 2, "n_hidden": 1, "n_starts": 10, "seed": 0}
    pools = {}
    for p in (0.1, 0.9):
        found = search({**config, "p": p})
        pools[p] = Pool(x=found["x"], loss=found["loss"], met=found["met"], n_starts=10)
    cell = assembled((2, 1), pools, {})
    known = atlas_cell(2, 1)
    assert known is not None
    assert [entry.name for entry in cell.entries] == [entry.name for entry in known.entries]
    np.testing.assert_allclose(cell.boundaries, known.boundaries, atol=1e-8)
    save_table(tmp_path / "table.npz", {(2, 1): cell})
    again = load_table(tmp_path / "table.npz")[2, 1]
    assert str(again) == str(cell)
    np.testing.assert_array_equal(again.entries[0].W, cell.entries[0].W)


def test_rebuilding_goes_on_where_it_stopped(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["--work", str(tmp_path / "work"), "--table", str(tmp_path / "table.npz")]
    words += ["--sizes", "2-1", "--starts", "5", "--p", "0.1"]
    main(words)
    # Of one feature probability alone nothing is shipped.
    assert not (tmp_path / "table.npz").exists()
    words += ["0.01", "0.3"]
    main(words)
    assert "searched" in capsys.readouterr().out
    made = (tmp_path / "table.npz").read_bytes()
    main(words)
    assert not capsys.readouterr().out
    assert load_table(tmp_path / "table.npz").keys() == {(2, 1)}
    assert len(made) > 0


@pytest.mark.parametrize(
    "words",
    [
        *(["--p", "2"], ["--p", "nan"], ["--p", "0"], ["--starts", "0"], ["--seed", "-1"]),
        *(["--sizes", "3-9"], ["--sizes", "3"], ["--sizes", "2-1", "three"]),
    ],
)
def test_rebuilding_refuses_what_it_cannot_search(words: list[str], tmp_path: Path) -> None:
    with pytest.raises(SystemExit):
        main(["--work", str(tmp_path), "--table", str(tmp_path / "t.npz"), "--most", "2", *words])
    assert not list(tmp_path.iterdir())


def test_the_table_is_small_and_a_broken_one_is_said(tmp_path: Path) -> None:
    assert TABLE.stat().st_size < 5_000_000
    (tmp_path / "table.npz").write_bytes(b"nothing")
    with pytest.raises(GeomsupError, match="rebuild"):
        load_table(tmp_path / "table.npz")
