"""Pairs: their strategies, the laws of small p against exact losses, the maps of the package."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from numpy.typing import NDArray
from scipy.optimize import minimize

from geomsup.errors import GeomsupError
from geomsup.plotting import plot_pair_phases
from geomsup.theory import (
    FeatureModel,
    PairMap,
    PairPhases,
    best_configuration,
    collapse_limit,
    collapsed_pair_loss,
    critical_together,
    digon_loss,
    expected_loss,
    linear_optimum,
    opposed_pair_loss,
    pair_map,
    pair_phases,
    pair_strategy,
)
from geomsup.theory.closed_forms import digon_optimum
from geomsup.theory.pairs import limits
from geomsup.theory.pairs.record import TABLE, PairBoundary, load_lines, save_lines
from geomsup.theory.pairs.strategy import pair_states

FloatArray = NDArray[np.float64]

_DIGON = [[1.0, -1.0]]


@pytest.mark.parametrize(
    ("W", "says"),
    [
        ([[1, 0, -1, 0], [0, 1, 0, -1]], "2 apart"),
        ([[1, -1, 0, 0], [0, 0, 1, -1]], "2 opposed"),
        ([[0.7, 0.7, 0, 0], [0, 0, 0.7, 0.7]], "2 collapsed"),
        ([[1.1, 0.3, 0, 0], [0, 0, 0.7, 0.7]], "1 uneven, 1 collapsed"),
        ([[1, 0, 0.7, 0.7], [0, 0, 0, 0]], "1 uneven, 1 collapsed"),
        ([[0.7, 0.7, 0, 0, -0.7, -0.7], [0, 0, 0.7, 0.7, 0, 0]], "3 collapsed: digon ⊕ 1"),
    ],
)
def test_strategies_have_names(W: list[list[float]], says: str) -> None:
    assert pair_strategy(W) == says


def test_a_split_of_ten_degrees_is_apart_and_a_trace_is_collapsed() -> None:
    angles = np.radians([0.0, 10.0])
    split = np.array([np.cos(angles), np.sin(angles)])
    assert pair_states(split) == ("apart",)
    assert pair_states(np.array([[1.0, 1.0001], [0.0, 0.0]])) == ("collapsed",)


def test_an_odd_number_of_columns_has_no_pairs() -> None:
    with pytest.raises(GeomsupError, match="expected an even number of columns"):
        pair_strategy([[1, 0, 1], [0, 1, 1]])


@pytest.mark.parametrize(("c", "rho"), [(0.0, 0.0), (0.3, 0.6), (1.0, 0.0), (1.0, 0.9)])
@pytest.mark.parametrize("p", [0.001, 0.2, 0.9])
def test_a_collapsed_pair_costs_what_the_formula_says_and_what_pca_does(
    p: float, c: float, rho: float
) -> None:
    pair = FeatureModel.pairs(1, p, together=c, equal_values=rho)
    exact = expected_loss(np.full((1, 2), np.sqrt(0.5)), 0.0, pair).loss
    assert collapsed_pair_loss(p, c, rho) == pytest.approx(exact, rel=1e-11)
    assert linear_optimum(pair, 1).loss == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize("c", [0.0, 0.4, 1.0])
@pytest.mark.parametrize(("p", "g", "b"), [(0.001, 1.2, 0.0), (0.1, 1.1, 0.05), (0.6, 0.8, 0.2)])
def test_a_digon_whose_members_come_together(c: float, p: float, g: float, b: float) -> None:
    exact = expected_loss(np.sqrt(g) * np.array(_DIGON), b, FeatureModel.pairs(1, p, together=c))
    assert digon_loss(g, b, p, p * (c + (1.0 - c) * p)) == pytest.approx(exact.loss, rel=1e-11)


def test_the_best_opposed_pair_is_stationary() -> None:
    g, b = digon_optimum(0.1, 0.1 * (0.5 + 0.05)) or (0.0, 0.0)
    exact = expected_loss(
        np.sqrt(g) * np.array(_DIGON), b, FeatureModel.pairs(1, 0.1, together=0.5)
    )
    assert exact.loss == pytest.approx(opposed_pair_loss(0.1, 0.5), rel=1e-11)
    assert max(np.abs(exact.grad_W).max(), np.abs(exact.grad_b).max()) < 1e-11


def test_one_pair_in_one_dimension_follows_its_law() -> None:
    limit = (40 - 4 * np.sqrt(14)) / 43
    assert critical_together() == pytest.approx(limit, abs=1e-15)
    assert critical_together(1e-4) == pytest.approx(limit, rel=1e-4)
    line = pair_phases(1, 1, feature_probability=1e-3, together=[0.5, 0.65], progress=False)
    (boundary,) = line.boundaries
    assert (boundary.below, boundary.above) == ("1 opposed", "1 collapsed")
    assert boundary.kind == "first order"
    assert boundary.at == pytest.approx(limit, rel=0.01)
    # … and the closed forms at this p say it to all digits.
    assert boundary.at == pytest.approx(critical_together(1e-3), rel=1e-6)


def test_where_no_correlation_is_critical() -> None:
    with pytest.raises(GeomsupError, match="below 1, got 1"):
        critical_together(1.0)


def test_two_pairs_in_two_dimensions_follow_their_law() -> None:
    law = collapse_limit(2, 2)
    assert law.slope == pytest.approx(3.30702898, abs=1e-7)
    line = pair_phases(
        2, 2, feature_probability=1e-3, equal_values=[0.99, 0.997], n_starts=4, progress=False
    )
    (boundary,) = line.boundaries
    assert (boundary.below, boundary.above) == ("2 apart", "2 collapsed")
    assert boundary.kind == "first order"
    assert 1.0 - boundary.at == pytest.approx(1.0 - law.at(1e-3), rel=0.01)


@pytest.mark.parametrize("size", [(2, 2), (3, 2)])
def test_the_prices_of_the_limit_are_those_of_the_exact_loss(size: tuple[int, int]) -> None:
    law, p = collapse_limit(*size), 1e-6
    pairs = FeatureModel.pairs(size[0], p, equal_values=1.0 - law.slope * p)
    exact = expected_loss(law.W, 0.0, pairs, tol=1e-4).loss / p**2
    V, Q = law.spread
    assert exact == pytest.approx(law.slope * V + Q, rel=1e-4)
    # At the critical ratio the collapsed strategy costs the same.
    assert law.slope * law.collapsed[0] + law.collapsed[1] == pytest.approx(exact, rel=1e-4)


def test_derivatives_of_the_prices() -> None:
    W = collapse_limit(2, 2).W * 0.97 + 0.01
    for part in (0, 1):
        value, pull = limits._prices_of(W)[part]
        slope = W @ (pull + pull.T)
        step = 1e-6 * np.random.default_rng(0).normal(size=W.shape)
        near = [limits._prices_of(W + sign * step)[part][0] for sign in (1.0, -1.0)]
        assert value > 0.0
        assert near[0] - near[1] == pytest.approx(2.0 * np.sum(slope * step), rel=1e-6)


@pytest.mark.parametrize("size", [(2, 1), (1, 2), (5, 2), (4, 2), (6, 3), (2, 4)])
def test_sizes_without_a_limit(size: tuple[int, int]) -> None:
    with pytest.raises(GeomsupError, match="expected 2 to 6 pairs"):
        collapse_limit(*size)


def test_a_size_that_is_no_number_is_one_error() -> None:
    with pytest.raises(GeomsupError, match="n_hidden must be an integer"):
        collapse_limit(2, [2])  # type: ignore[arg-type]


@pytest.mark.parametrize("p", [0.9, 0.97, 0.99, 0.999, 1.0 - 1e-9, 1.0])
@pytest.mark.parametrize("c", [0.0, 0.6])
def test_opposed_pair_of_frequent_features(p: float, c: float) -> None:
    def exact(x: FloatArray) -> float:
        return expected_loss([[x[0], -x[0]]], x[1], FeatureModel.pairs(1, p, together=c)).loss

    options: Any = {"xatol": 1e-8, "fatol": 1e-13}
    found = minimize(exact, [0.7, 0.45], method="Nelder-Mead", options=options)
    assert opposed_pair_loss(p, c) == pytest.approx(found.fun, rel=1e-9)
    # As p → 1 nothing is clipped any more: the linear answer, as good as the collapsed pair at c=0.
    assert opposed_pair_loss(p, 0.0) <= collapsed_pair_loss(p, 0.0) * (1.0 + 1e-12)


def test_critical_together_of_frequent_features() -> None:
    found = [critical_together(p) for p in (0.9, 0.95, 0.99, 0.999, 1.0 - 1e-6, 1.0 - 1e-12)]
    assert found[0] == pytest.approx(6.0999e-4, rel=1e-3)
    assert found[1] < found[0]
    assert all(0.0 <= c < 1e-5 for c in found[2:])


def test_a_line_on_which_pca_is_perfect_has_no_ratio() -> None:
    line = pair_phases(
        1, 1, feature_probability=0.3, together=[0.5, 1.0], equal_values=1.0, n_starts=3
    )
    assert str(line).startswith("1 pair in 1 dimension, p = 0.3, ρ = 1")
    assert np.isfinite(line.ratio).tolist() == [True, False]
    assert "nan" not in str(line)
    assert len(plot_pair_phases(line, ax=Figure().add_subplot()).lines) == 1


def _lines() -> list[PairPhases]:
    return load_lines(TABLE)


def test_the_maps_are_small_and_cover_what_they_promise() -> None:
    assert TABLE.stat().st_size < 300_000
    sizes = {(line.n_pairs, line.n_hidden) for line in _lines()}
    assert sizes >= {(2, 2), (3, 2), (3, 3), (4, 3)}


@pytest.mark.parametrize("number", range(0, 40, 3))
def test_sampled_entries_of_the_maps_have_the_losses_they_say(number: int) -> None:
    lines = _lines()
    line = lines[number % len(lines)]
    place = (7 * number + 3) % len(line.values)
    pairs = line.features(float(line.values[place]))
    exact = expected_loss(line.W[place], line.b[place], pairs)
    assert line.loss[place] == pytest.approx(exact.loss, rel=1e-9)
    scale = float(pairs.feature_probability.sum()) / 3.0
    assert max(np.abs(exact.grad_W).max(), np.abs(exact.grad_b).max()) < 1e-4 * scale
    assert line.linear_loss[place] == pytest.approx(linear_optimum(pairs, line.n_hidden).loss)
    assert line.loss[place] <= line.linear_loss[place] * (1.0 + 1e-9)


def test_phases_and_boundaries_of_the_maps_tell_one_story() -> None:
    for line in _lines():
        for low, high, below, above in zip(
            line.values, line.values[1:], line.strategies, line.strategies[1:], strict=False
        ):
            inside = [one for one in line.boundaries if low < one.at < high]
            names = [below, *(one.above for one in inside)]
            assert names[-1] == above
            assert [one.below for one in inside] == names[:-1]


def test_three_pairs_in_two_dimensions_collapse_one_after_the_other() -> None:
    """Where trained models and descents from them change: between .07–.1, .16–.19, .32–.4."""
    line = pair_map(3, 2).lines[-1]
    assert line.together == 1.0
    collapsed: dict[int, float] = {}
    for one in line.boundaries:
        for count in (1, 2, 3):
            if f"{count} collapsed" in one.above:
                collapsed.setdefault(count, one.at)
    assert 0.07 < collapsed[1] < 0.1
    assert 0.16 < collapsed[2] < 0.19
    assert 0.32 < collapsed[3] < 0.4


def test_where_two_pairs_collapse_pca_is_the_optimum() -> None:
    for axis in ("together", "equal_values"):
        for line in pair_map(2, 2, axis).lines:
            collapsed = np.array([name == "2 collapsed" for name in line.strategies])
            ratio = line.loss / line.linear_loss
            assert ratio[collapsed] == pytest.approx(1.0, abs=1e-8)
            assert np.all(ratio[~collapsed] < 1.0 - 1e-4)


def test_a_line_of_the_map_is_computed_again() -> None:
    shipped = next(line for line in pair_map(2, 2).lines if line.together == 0.5)
    line = pair_phases(2, 2, together=0.5, n_starts=6, progress=False)
    assert line.loss == pytest.approx(shipped.loss, rel=1e-7)
    for one, other in zip(line.boundaries, shipped.boundaries, strict=True):
        assert one.at == pytest.approx(other.at, abs=1e-6)
        assert (one.below, one.above, one.kind) == (other.below, other.above, other.kind)


def test_a_boundary_is_where_two_minima_cross_and_not_where_one_of_them_ends() -> None:
    """The digon of the means ends at p = .528, long after the triangle has become better."""
    line = pair_phases(3, 2, feature_probability=[0.45, 0.6], equal_values=0.7, n_starts=6)
    (one,) = line.boundaries
    assert (one.below, one.above) == ("3 collapsed: digon ⊕ 1", "3 collapsed: triangle")
    for p, says in ((0.498, one.below), (0.508, one.above)):
        features = FeatureModel.pairs(3, p, equal_values=0.7)
        assert (one.at < p) == (says == one.above)
        assert pair_strategy(best_configuration(6, 2, features, n_starts=8).W) == says


def test_two_minima_that_nearly_touch_cross_where_their_losses_are_equal() -> None:
    """Equal members are a minimum long before unequal ones are none: the change is sudden."""
    line = pair_phases(1, 1, feature_probability=[0.7, 0.8], together=0.2, n_starts=4)
    (one,) = line.boundaries
    assert (one.below, one.above, one.kind) == ("1 uneven", "1 collapsed", "first order")
    for p in (one.at - 1e-5, one.at + 1e-5):
        features = FeatureModel.pairs(1, p, together=0.2)
        uneven, equal = (
            _least_from(np.array(start), features)
            for start in ([0.746, 0.674, -0.0243, 0.0162], [0.7071, 0.7071, 0.0, 0.0])
        )
        assert uneven[0] - uneven[1] > 0.05
        assert equal[0] - equal[1] == pytest.approx(0.0, abs=1e-4)
        losses = [
            expected_loss(x[None, :2], x[2:], features, tol=1e-12).loss for x in (uneven, equal)
        ]
        assert (losses[0] < losses[1]) == (p < one.at)


def _least_from(start: FloatArray, features: FeatureModel) -> FloatArray:
    def loss(x: FloatArray) -> tuple[float, FloatArray]:
        exact = expected_loss(x[None, :2], x[2:], features)
        return exact.loss, np.concatenate([exact.grad_W.ravel(), exact.grad_b])

    return np.asarray(minimize(loss, start, jac=True, method="BFGS", options={"gtol": 1e-10}).x)


@pytest.mark.slow
def test_minima_that_change_their_names_on_the_way_cross_as_others_do() -> None:
    line = pair_phases(2, 2, feature_probability=[0.6, 0.8], together=0.2, n_starts=2)
    assert [(one.above, one.kind) for one in line.boundaries] == [
        ("1 apart, 1 uneven", "continuous"),  # one minimum, which is called so from there on
        ("2 uneven", "first order"),
        ("2 collapsed", "first order"),
    ]
    alone = pair_phases(1, 1, feature_probability=[0.7, 0.8], together=0.2, n_starts=2)
    assert line.boundaries[-1].at == pytest.approx(alone.boundaries[-1].at, abs=1e-6)


def test_pairs_with_dimensions_of_their_own_collapse_where_one_pair_does() -> None:
    last = [
        line.boundaries[-1]
        for line in _lines()
        if line.n_pairs == line.n_hidden and (line.together, line.equal_values) == (0.2, 0.0)
    ]
    assert len(last) == 3
    assert [one.at for one in last] == pytest.approx([last[0].at] * 3, abs=1e-6)
    assert {one.kind for one in last} == {"first order"}


def _boundaries() -> list[tuple[PairPhases, PairBoundary, float]]:
    """Every boundary of the smaller sizes, and how near another one is, in its own length."""
    lines = {id(line): line for line in _lines() if line.n_pairs < 4}
    return [
        (line, one, min([abs(b.at / one.at - 1.0) for b in line.boundaries if b is not one] or [1]))
        for line in lines.values()
        for one in line.boundaries
    ]


def _are_best_beside(line: PairPhases, one: PairBoundary, near: float) -> bool:
    """Whether a search of its own finds the two strategies on the two sides."""
    step = min(0.01, near / 3.0)
    sides = ((one.at * (1.0 - step), one.below), (min(one.at * (1.0 + step), 1.0), one.above))
    return all(
        pair_strategy(
            best_configuration(2 * line.n_pairs, line.n_hidden, line.features(p), n_starts=24).W
        )
        == says
        for p, says in sides
    )


# Two of two pairs that are continuous, one of two and one of three that are of first order.
@pytest.mark.parametrize("number", [0, 3, 4, 5])
def test_sampled_boundaries_of_the_maps_part_what_is_best(number: int) -> None:
    every = [each for each in _boundaries() if each[2] > 1e-3]
    assert _are_best_beside(*every[int(np.random.default_rng(number).integers(len(every)))])


@pytest.mark.slow
def test_boundaries_of_the_maps_part_what_is_best() -> None:
    assert [each for each in _boundaries() if each[2] > 1e-3 and not _are_best_beside(*each)] == []


def test_lines_come_back_from_their_file(tmp_path: Path) -> None:
    line = _lines()[0]
    save_lines(tmp_path / "one.npz", [line])
    (again,) = load_lines(tmp_path / "one.npz")
    assert str(again) == str(line)
    (tmp_path / "not.npz").write_bytes(b"no map")
    with pytest.raises(GeomsupError, match="cannot read the maps of pairs"):
        load_lines(tmp_path / "not.npz")


@pytest.mark.parametrize(
    ("size", "options", "says"),
    [
        ((5, 3), {}, "at most 4 pairs"),
        ((2, 4), {}, "fewer dimensions than features"),
        ((2, 2), {"feature_probability": 0.0}, "above zero"),
        ((2, 2), {"together": [0.1, 0.2]}, "a list for one of"),
        ((2, 2), {"together": 1.5}, "together must"),
        ((2, 2), {"feature_probability": [0.2, 0.1]}, "must ascend"),
        ((2, 2), {"feature_probability": [0.0, 0.1]}, "above zero"),
    ],
)
def test_bad_lines_are_refused(
    size: tuple[int, int], options: dict[str, object], says: str
) -> None:
    with pytest.raises(GeomsupError, match=says):
        pair_phases(*size, progress=False, **options)  # type: ignore[arg-type]  # on purpose


def test_three_numbers_are_one_place_with_the_loss_a_line_has_there() -> None:
    place = pair_phases(2, 2, feature_probability=0.3, together=1.0, progress=False)
    line = pair_phases(2, 2, feature_probability=[0.2, 0.3], progress=False)
    assert place.strategies == ("2 collapsed",) == line.strategies[1:]
    assert place.loss[0] == pytest.approx(line.loss[1], rel=1e-8)
    assert str(place).startswith("2 pairs in 2 dimensions, p = 0.3, c = 1, ρ = 0:\n  2 collapsed\n")
    with pytest.raises(GeomsupError, match="expected a line to draw, got one place"):
        plot_pair_phases(place)


def test_maps_that_are_not_shipped() -> None:
    with pytest.raises(GeomsupError, match="expected a map that is shipped"):
        pair_map(4, 2)
    assert isinstance(pair_map(2, 2), PairMap)
