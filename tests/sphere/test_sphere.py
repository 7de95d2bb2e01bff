"""Energies, searches and the table of optima against independent sums and published values."""

from __future__ import annotations

import contextlib
import csv
import itertools
import math
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from geomsup import sphere
from geomsup.best_known import BestKnown, all_best_known, best_known, load_table, save_table
from geomsup.errors import GeomsupError
from geomsup.shapes import get_shape, list_shapes
from geomsup.sphere import (
    energy,
    energy_and_gradient,
    frame_potential,
    minimize_energy,
    point_group,
    symmetry_order,
    thomson_optimum,
)
from geomsup.sphere import rebuild as table_maker
from geomsup.sphere.exact import annotated, exact_form, precise_energy
from geomsup.sphere.kernels import Kernel
from geomsup.sphere.newton import hessian, tangent_bases

FloatArray = NDArray[np.float64]

DATA = Path(__file__).parents[1] / "data"


def _rows(name: str) -> list[dict[str, str]]:
    with (DATA / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


# Best-known energies of the Thomson problem, 91 of them published, and minimal Riesz energies in
# two to eight dimensions; some rows are left out on purpose.
THOMSON = _rows("thomson_r3.csv")
RIESZ = _rows("energies_rd.csv")


def _exponent(row: dict[str, str]) -> Any:
    return "log" if row["riesz_s"] == "log" else float(row["riesz_s"])


def _random(seed: int, *shape: int) -> FloatArray:
    x = np.random.default_rng(seed).normal(size=shape)
    return np.asarray(x / np.linalg.norm(x, axis=-1, keepdims=True))


def _rotation(seed: int, dim: int) -> FloatArray:
    return np.linalg.qr(np.random.default_rng(seed).normal(size=(dim, dim)))[0]


# ---------------------------------------------------------------------------------- energies


def _pairs(points: FloatArray) -> list[tuple[list[float], list[float]]]:
    return list(itertools.combinations(points.tolist(), 2))


def _slow_energy(points: FloatArray, s: Any) -> float:
    distances = [math.dist(a, b) for a, b in _pairs(points)]
    return math.fsum(-math.log(d) if s == "log" else d**-s for d in distances)


def _dots(points: FloatArray) -> list[float]:
    return [math.fsum(p * q for p, q in zip(a, b, strict=True)) for a, b in _pairs(points)]


ORACLES: dict[str, Any] = {
    "frame_potential": lambda x: len(x) + 2.0 * math.fsum(t * t for t in _dots(x)),
    "overlap_energy": lambda x: math.fsum(max(0.0, t) ** 2 for t in _dots(x)),
    "coherence": lambda x: max(abs(t) for t in _dots(x)),
    "smallest_angle": lambda x: min(math.acos(t) for t in _dots(x)),
}


@pytest.mark.parametrize("s", [1, 2.5, 12, "log"])
@pytest.mark.parametrize(("n", "dim"), [(2, 2), (5, 3), (9, 4), (20, 8)])
def test_energy_is_the_sum_over_pairs(n: int, dim: int, s: Any) -> None:
    x = _random(n, n, dim)
    assert energy(x, s) == pytest.approx(_slow_energy(x, s), rel=1e-12)


@pytest.mark.parametrize("name", ORACLES)
@pytest.mark.parametrize(("n", "dim"), [(2, 2), (5, 3), (9, 4), (20, 8)])
def test_other_measures_agree_with_plain_loops(name: str, n: int, dim: int) -> None:
    x = _random(n + 1, n, dim)
    assert getattr(sphere, name)(x) == pytest.approx(ORACLES[name](x), rel=1e-12)


def _measures() -> dict[str, tuple[Any, Any]]:
    pairs: dict[str, tuple[Any, Any]] = {
        f"energy s={s}": (
            lambda x, s=s: energy(x, s),
            lambda x, s=s: energy_and_gradient(x, s),
        )
        for s in (1, 3.5, "log")
    }
    for name in ORACLES:
        pairs[name] = (getattr(sphere, name), getattr(sphere, f"{name}_and_gradient"))
    return pairs


@pytest.mark.parametrize("name", _measures())
def test_gradients_agree_with_differences_along_the_sphere(name: str) -> None:
    value, value_and_gradient = _measures()[name]
    x = _random(7, 3, 6, 4)
    v = np.random.default_rng(8).normal(size=x.shape)
    v -= np.einsum("...d,...d->...", v, x)[..., None] * x
    found, gradient = value_and_gradient(x)
    assert np.array_equal(found, value(x))
    assert np.abs(np.einsum("bnd,bnd->bn", gradient, x)).max() < 1e-13 * np.abs(gradient).max()

    def moved(step: float) -> FloatArray:
        y = x + step * v
        return np.asarray(y / np.linalg.norm(y, axis=-1, keepdims=True))

    h = 1e-5
    slope = (value(moved(h)) - value(moved(-h))) / (2 * h)
    assert np.einsum("bnd,bnd->b", gradient, v) == pytest.approx(slope, rel=1e-6, abs=1e-7)


@pytest.mark.parametrize("power", [0.0, 1.0, 3.0])
def test_the_hessian_agrees_with_differences_of_gradients(power: float) -> None:
    x, kernel = _random(3, 6, 4), Kernel(power, 6)
    bases = tangent_bases(x)
    assert np.allclose(np.einsum("nkd,nld->nkl", bases, bases), np.eye(3))
    assert np.abs(np.einsum("nkd,nd->nk", bases, x)).max() < 1e-15
    v = np.random.default_rng(4).normal(size=(6, 3))
    move = np.einsum("nk,nkd->nd", v, bases)

    def gradient(step: float) -> FloatArray:
        y = x + step * move
        y /= np.linalg.norm(y, axis=1, keepdims=True)
        return kernel.energy_and_gradient(y)[1]

    change = (gradient(1e-5) - gradient(-1e-5)) / 2e-5
    along = np.einsum("nkd,nd->kn", bases, change).ravel()
    assert hessian(x, kernel, bases) @ v.T.ravel() == pytest.approx(along, rel=1e-6, abs=1e-6)


@pytest.mark.parametrize("power", [0.0, 1.0, 3.5])
def test_the_force_is_twice_the_virial_of_a_point(power: float) -> None:
    x = np.random.default_rng(0).normal(size=(9, 3))
    x /= np.linalg.norm(x, axis=1, keepdims=True)
    kernel = Kernel(power, 9)
    t = (x @ x.T)[~np.eye(9, dtype=bool)]
    slope = (power or 1.0) * (2.0 - 2.0 * t) ** (-power / 2.0 - 1.0)
    expected = 2.0 * np.sum(slope * (1.0 - t)) / 9
    assert kernel.force(kernel.energy_and_gradient(x)[0]) == pytest.approx(expected)


@pytest.mark.parametrize("name", _measures())
def test_torch_in_torch_out(name: str) -> None:
    torch = pytest.importorskip("torch")
    value, value_and_gradient = _measures()[name]
    x = _random(5, 2, 7, 3)
    tensor = torch.tensor(x, requires_grad=True)
    found, gradient = value_and_gradient(tensor)
    assert isinstance(found, torch.Tensor)
    assert found.dtype == torch.float64
    assert np.allclose(found.detach().numpy(), value(x), rtol=1e-14)
    found.sum().backward()
    assert np.allclose(tensor.grad.numpy(), gradient.detach().numpy(), atol=1e-12)
    assert np.allclose(gradient.detach().numpy(), value_and_gradient(x)[1], atol=1e-12)


def test_float32_is_taken_as_rounded() -> None:
    x = _random(6, 5, 3)
    assert energy(x.astype(np.float32)) == pytest.approx(energy(x), rel=1e-6)


@given(
    n=st.integers(2, 12),
    dim=st.integers(2, 6),
    seed=st.integers(0, 10**6),
    s=st.sampled_from([0.5, 1, 2, "log"]),
)
@settings(max_examples=60, deadline=None)
def test_rotations_and_permutations_change_nothing(n: int, dim: int, seed: int, s: Any) -> None:
    x = _random(seed, n, dim)
    y = x[np.random.default_rng(seed).permutation(n)] @ _rotation(seed + 1, dim)
    assert energy(y, s) == pytest.approx(energy(x, s), rel=1e-9, abs=1e-9)
    for name in ORACLES:
        measure = getattr(sphere, name)
        # A positive overlap in one is a zero in the other when it is as small as rounding.
        assert measure(y) == pytest.approx(measure(x), rel=1e-7, abs=1e-7)


@given(n=st.integers(1, 30), dim=st.integers(1, 6), seed=st.integers(0, 10**6))
@settings(max_examples=60, deadline=None)
def test_bounds_of_frames_hold(n: int, dim: int, seed: int) -> None:
    x = _random(seed, n, dim)
    # Benedetto and Fickus 2003, theorem 6.2.
    assert frame_potential(x) >= max(n, n * n / dim) * (1 - 1e-12)
    if n > dim:
        welch = math.sqrt((n - dim) / (dim * (n - 1)))
        assert sphere.coherence(x) >= welch - 1e-12


@pytest.mark.parametrize("name", ["icosahedron", "24-cell", "Gosset 56", "E8 roots", "9-gon"])
def test_tight_frames_attain_the_frame_bound(name: str) -> None:
    shape = get_shape(name)
    bound = shape.n_vertices**2 / shape.dim
    assert frame_potential(shape.vertices) == pytest.approx(bound, rel=1e-13)


@pytest.mark.parametrize("n", [2, 3, 5, 9, 24])
def test_energy_of_polygons(n: int) -> None:
    polygon = get_shape(f"{n}-gon" if n > 2 else "digon").vertices
    if n == 2:
        polygon = np.array([[1.0, 0.0], [-1.0, 0.0]])
    expected = n / 4 * sum(1 / math.sin(math.pi * k / n) for k in range(1, n))
    assert energy(polygon) == pytest.approx(expected, rel=1e-13)
    assert energy(polygon, "log") == pytest.approx(-n / 2 * math.log(n), rel=1e-13)
    assert sphere.smallest_angle(polygon) == pytest.approx(2 * math.pi / n, rel=1e-13)


@pytest.mark.parametrize("dim", [2, 3, 7])
@pytest.mark.parametrize("s", [1.0, 4.0])
def test_energy_of_simplices(dim: int, s: float) -> None:
    n = dim + 1
    expected = n * (n - 1) / 2 * ((n - 1) / (2 * n)) ** (s / 2)
    assert energy(get_shape(f"{dim}-simplex").vertices, s) == pytest.approx(expected, rel=1e-13)


def test_close_points_keep_their_digits() -> None:
    gap = 1e-7
    x = [[1.0, 0.0], [math.cos(gap), math.sin(gap)]]
    assert energy(x) == pytest.approx(1 / (2 * math.sin(gap / 2)), rel=1e-8)
    assert sphere.smallest_angle(x) == pytest.approx(gap, rel=1e-8)


def test_one_point_and_dimension_one() -> None:
    one = [[0.0, 0.0, 1.0]]
    assert energy(one) == energy(one, "log") == 0.0
    assert (sphere.coherence(one), sphere.overlap_energy(one)) == (0.0, 0.0)
    assert sphere.smallest_angle(one) == math.pi
    assert energy([[1.0], [-1.0]]) == 0.5
    assert energy([[1.0], [-1.0]], "log") == -math.log(2.0)


def test_a_digon_is_as_far_apart_as_can_be() -> None:
    value, gradient = sphere.smallest_angle_and_gradient([[1.0, 0.0], [-1.0, 0.0]])
    assert value == math.pi
    assert not gradient.any()


def test_coincident_points_are_harmless_where_the_value_is_finite() -> None:
    twice = [[1.0, 0.0], [1.0, 0.0]]
    assert (sphere.coherence(twice), sphere.overlap_energy(twice)) == (1.0, 1.0)
    assert (sphere.smallest_angle(twice), frame_potential(twice)) == (0.0, 4.0)


BAD_POINTS: list[tuple[Any, str]] = [
    ([[1.0, 1.0]], "point 0 of length 1.41421; divide each row"),
    ([[0.0, 0.0], [1.0, 0.0]], "point 0 of length 0"),
    ([[np.nan, 0.0]], "length nan"),
    ([[np.inf, 0.0]], "length inf"),
    ([1.0, 0.0], "one row for each point"),
    (np.zeros((0, 3)), "at least one point"),
    (np.zeros((3, 0)), "at least one point"),
    ("points", "real numbers"),
    (None, "real numbers"),
    ([[1j, 0.0]], "real numbers"),
    ([[1.0], [1.0, 0.0]], "numpy cannot read|real numbers"),
    (_random(0, 5001, 3), "at most 5000 points, got 5001"),
    ([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]], "points 0 and 2 coincide"),
    ([[[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0]] * 2], r"points 0 and 1 of configuration \(1,\)"),
    ([[1.0], [-1.0], [1.0]], "points 0 and 2 coincide"),
]


@pytest.mark.parametrize(("points", "message"), BAD_POINTS)
def test_bad_points(points: Any, message: str) -> None:
    with pytest.raises(GeomsupError, match=message) as caught:
        energy(points)
    assert "\n" not in str(caught.value)


BAD_S = [0, -1, 0.0, math.nan, math.inf, -math.inf, "lg", "1", None, True, [1], 1j, 10**400]


@pytest.mark.parametrize("s", BAD_S)
def test_bad_exponents(s: Any) -> None:
    for call in (
        lambda: energy([[1.0, 0.0]], s),
        lambda: minimize_energy(3, s=s),
        lambda: thomson_optimum(3, s=s),
    ):
        with pytest.raises(GeomsupError, match="expected s to be a positive") as caught:
            call()
        assert "\n" not in str(caught.value)


def test_an_energy_beyond_float64_says_so() -> None:
    with pytest.raises(GeomsupError, match="beyond the range of float64"):
        energy([[1.0, 0.0], [math.cos(1e-9), math.sin(1e-9)]], s=50)


# ---------------------------------------------------------------------------------- the search


def _assert_found(n: int, dim: int, s: Any, expected: float) -> None:
    found = minimize_energy(n, dim, s)
    assert found.converged
    assert found.gradient_norm <= 1e-10
    assert np.linalg.norm(found.points, axis=1) == pytest.approx(np.ones(n), abs=1e-14)
    assert energy(found.points, s) == pytest.approx(found.energy, rel=1e-12, abs=1e-12)
    assert found.energy == pytest.approx(expected, rel=1e-9)


QUICK = [row for row in THOMSON if int(row["n_points"]) in (2, 3, 7, 13, 16, 24, 32, 38, 45)]
SMALL = [row for row in RIESZ if int(row["n_points"]) <= 12]


@pytest.mark.parametrize("row", QUICK, ids=lambda row: row["n_points"])
def test_the_solver_finds_thomson_optima(row: dict[str, str]) -> None:
    _assert_found(int(row["n_points"]), 3, 1, float(row["energy"]))


@pytest.mark.parametrize(
    "row", SMALL[::7], ids=lambda row: f"{row['n_points']} in {row['dim']}, s={row['riesz_s']}"
)
def test_the_solver_finds_optima_in_other_dimensions(row: dict[str, str]) -> None:
    _assert_found(int(row["n_points"]), int(row["dim"]), _exponent(row), float(row["energy"]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "row", [r for r in THOMSON if int(r["n_points"]) <= 60], ids=lambda row: row["n_points"]
)
def test_the_solver_finds_every_thomson_optimum(row: dict[str, str]) -> None:
    _assert_found(int(row["n_points"]), 3, 1, float(row["energy"]))


@pytest.mark.slow
@pytest.mark.parametrize(
    "row", SMALL, ids=lambda row: f"{row['n_points']} in {row['dim']}, s={row['riesz_s']}"
)
def test_the_solver_finds_every_small_optimum(row: dict[str, str]) -> None:
    _assert_found(int(row["n_points"]), int(row["dim"]), _exponent(row), float(row["energy"]))


@pytest.mark.parametrize(("n", "expected"), [(69, 2064.533483235), (78, 2662.046474566)])
def test_agreement_of_most_starts_is_not_trusted(n: int, expected: float) -> None:
    # The lowest minimum has a small basin, which most random starts miss.
    assert minimize_energy(n, seed=1, target=expected * (1 + 1e-11)).energy == pytest.approx(
        expected, rel=1e-11
    )
    assert thomson_optimum(n).energy == pytest.approx(expected, rel=1e-11)


@pytest.mark.parametrize("seed", [0, 5])
def test_the_same_seed_gives_the_same_result(seed: int) -> None:
    first, again = (minimize_energy(16, n_starts=20, seed=seed) for _ in range(2))
    assert np.array_equal(first.points, again.points)
    assert first.to_dict() == again.to_dict()


def test_the_number_of_threads_changes_nothing() -> None:
    code = (
        "from geomsup.sphere import minimize_energy;"
        "print(minimize_energy(90, n_starts=2).points.tobytes().hex())"
    )
    points = [
        subprocess.run(
            [sys.executable, "-c", code],
            env={
                "OMP_NUM_THREADS": threads,
                "OPENBLAS_NUM_THREADS": threads,
                "PYTHONPATH": str(Path(sphere.__file__).parents[2]),
            },
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for threads in ("1", "3")
    ]
    assert points[0] == points[1]


def test_the_result_tells_how_far_to_trust_it() -> None:
    found = minimize_energy(16, n_starts=30)
    assert (found.n_starts, found.n_hops) == (30, 30)
    assert len(found.minima) == 2
    assert found.gap == found.minima[1].energy - found.energy > 0.005
    assert sum(m.hits for m in found.minima) <= 30
    assert sum(m.hits + m.hop_hits for m in found.minima) == found.n_converged
    text = str(found)
    assert "best found" in text
    assert "optimal" not in text
    assert not found.points.flags.writeable
    assert found.to_dict()["gap"] == found.gap


def test_starts_that_agree_are_not_followed_by_hops() -> None:
    found = minimize_energy(12, n_starts=20)
    assert (found.n_hops, found.hits, found.gap) == (0, found.n_starts, math.inf)
    assert found.to_dict()["gap"] is None


def test_ties_are_kept_apart() -> None:
    found = minimize_energy(6, 4, 2)
    assert len(found.minima[0].ties) >= 1
    assert energy(found.minima[0].ties[0], 2) == pytest.approx(found.energy, rel=1e-10)
    assert "ties" in str(found)


def test_a_singular_hessian_is_no_obstacle() -> None:
    # The pentagonal bipyramid's logarithmic energy grows with the fourth power of some moves.
    found = minimize_energy(7, s="log")
    assert found.hits == found.n_starts
    assert found.energy == pytest.approx(-5 * math.log(5) / 2 - 6 * math.log(2), rel=1e-13)


def test_a_target_ends_the_search() -> None:
    found = minimize_energy(46, target=887.0)
    assert found.energy <= 887.0
    assert found.n_starts <= 16


def test_smallest_searches() -> None:
    one = minimize_energy(1)
    assert (one.energy, one.points.shape, one.gap) == (0.0, (1, 3), math.inf)
    pair = minimize_energy(2, dim=1)
    assert (pair.energy, pair.points.ravel().tolist()) == (0.5, [1.0, -1.0])
    assert minimize_energy(2, dim=1, s="log").energy == -math.log(2.0)
    assert minimize_energy(1, dim=1).energy == 0.0


def test_steep_energies_come_close_to_the_packing() -> None:
    found = minimize_energy(12, s=40, n_starts=4)
    assert sphere.smallest_angle(found.points) == pytest.approx(math.atan(2.0), abs=1e-6)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_points": 0}, "n_points must be an integer of at least 1, got 0"),
        ({"n_points": -3}, "n_points must be an integer of at least 1, got -3"),
        ({"n_points": 2.5}, "n_points must be an integer of at least 1"),
        ({"n_points": "five"}, "n_points must be an integer of at least 1"),
        ({"n_points": True}, "n_points must be an integer of at least 1"),
        ({"n_points": 5001}, "at most 5000 points, got 5001"),
        ({"n_points": 4, "dim": 0}, "dim must be an integer of at least 1"),
        ({"n_points": 4, "dim": 3.0}, "dim must be an integer of at least 1"),
        ({"n_points": 3, "dim": 1}, "3 points in dimension 1"),
    ],
)
def test_bad_sizes(arguments: dict[str, Any], message: str) -> None:
    for call in (minimize_energy, thomson_optimum):
        with pytest.raises(GeomsupError, match=message) as caught:
            call(**arguments)
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_starts": 0}, "n_starts must be an integer of at least 1"),
        ({"n_starts": 1.5}, "n_starts must be an integer of at least 1"),
        ({"seed": -1}, "seed must be an integer of at least 0"),
        ({"seed": "a"}, "seed must be an integer of at least 0"),
        ({"target": "low"}, "target as a number"),
        ({"target": math.nan}, "target as a number"),
        ({"s": 101}, "s up to 100"),
    ],
)
def test_bad_options(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        minimize_energy(4, **arguments)


# ---------------------------------------------------------------------------------- the table


def _label(row: BestKnown) -> str:
    return f"{row.n_points} in {row.dim}, s={row.s}"


@pytest.mark.parametrize("row", THOMSON, ids=lambda row: row["n_points"])
def test_the_table_has_every_thomson_energy(row: dict[str, str]) -> None:
    best = thomson_optimum(int(row["n_points"]))
    assert best.energy == pytest.approx(float(row["energy"]), rel=1e-9)
    assert best.point_group == row["point_group"]
    angle = math.degrees(sphere.smallest_angle(best.points))
    assert angle == pytest.approx(float(row["min_angle_deg"]), abs=2e-5)


@pytest.mark.parametrize(
    "row", RIESZ, ids=lambda row: f"{row['n_points']} in {row['dim']}, s={row['riesz_s']}"
)
def test_the_table_has_every_riesz_energy(row: dict[str, str]) -> None:
    best = best_known(int(row["n_points"]), int(row["dim"]), _exponent(row))
    assert best is not None
    assert best.energy == pytest.approx(float(row["energy"]), rel=1e-9)
    assert (best.status == "proven") == row["status"].startswith("proven")


@pytest.mark.parametrize("row", all_best_known(), ids=_label)
def test_rows_are_what_they_say(row: BestKnown) -> None:
    assert row.points.shape == (row.n_points, row.dim)
    assert not row.points.flags.writeable
    assert np.abs(np.linalg.norm(row.points, axis=1) - 1.0).max() < 1e-14
    value, gradient = energy_and_gradient(row.points, row.s)
    assert row.energy == pytest.approx(value, rel=1e-12, abs=1e-12)
    assert np.abs(gradient).max() <= 1e-10 * max(1.0, value / row.n_points)
    assert row.gradient_norm <= 1e-10
    assert row.status in ("proven", "best known")
    assert row.source
    assert (row.point_group != "") == (row.dim == 3)
    assert row.symmetry_order >= 1
    if row.name:
        shape = get_shape(row.name)
        assert shape.n_vertices == row.n_points
        if shape.family is None:
            assert row.symmetry_order == shape.symmetry_order


EXACT = [row for row in all_best_known() if row.exact_form]


@pytest.mark.parametrize("row", EXACT, ids=_label)
def test_exact_forms(row: BestKnown) -> None:
    names = {"sqrt": math.sqrt, "log": math.log, "sin": math.sin, "pi": math.pi}
    value = eval(row.exact_form, {"sum": sum, "range": range, "__builtins__": {}, **names})
    assert row.energy == pytest.approx(value, rel=1e-12)


@pytest.mark.parametrize("power", [0.0, 1.0, 2.5])
@pytest.mark.parametrize("name", ["pentagon", "9-gon", "pentagonal bipyramid"])
def test_polygons_have_a_formula(name: str, power: float) -> None:
    vertices = get_shape(name).vertices
    value = precise_energy(vertices, power)
    text = exact_form(vertices, power, value)
    names = {"sin": math.sin, "pi": math.pi, "sqrt": math.sqrt, "log": math.log}
    assert eval(text, {**names, "range": range, "sum": sum}) == pytest.approx(value, rel=1e-13)


def test_an_energy_that_is_not_the_formula_has_none() -> None:
    vertices = get_shape("octahedron").vertices
    value = precise_energy(vertices, 1.0)
    assert exact_form(vertices, 1.0, value) == "12/sqrt(2) + 3/2"
    assert exact_form(vertices, 1.0, value * (1.0 + 1e-11)) == ""


@pytest.mark.parametrize("row", [r for r in all_best_known() if r.status == "proven"], ids=_label)
def test_what_is_proven_has_an_exact_form(row: BestKnown) -> None:
    assert row.exact_form
    assert row.name


def test_every_row_that_was_planned_is_there() -> None:
    assert {row.key for row in all_best_known()} == set(table_maker.planned())


def test_ties_have_the_same_energy() -> None:
    tied = [row for row in all_best_known() if row.ties]
    assert tied
    for row in tied:
        for name in row.ties.split("; "):
            if name != "unnamed":
                value = energy(get_shape(name).vertices, row.s)
                assert value == pytest.approx(row.energy, rel=1e-12)


def test_universally_optimal_codes_answer_for_every_exponent() -> None:
    best = thomson_optimum(27, 6, 2.5)
    assert (best.name, best.status) == ("Schläfli 27", "proven")
    assert best.exact_form == "216/(3/2)**1.25 + 135/3**1.25"
    assert thomson_optimum(30, 2, 3).name == "30-gon"
    assert thomson_optimum(11, 12).name == "10-simplex"
    assert thomson_optimum(40, 20).name == "20-orthoplex"
    assert thomson_optimum(1).energy == 0.0
    assert thomson_optimum(2, 1).energy == 0.5


def test_what_the_table_lacks_is_computed() -> None:
    best = thomson_optimum(7, s=2)
    assert best.status == "computed now"
    assert best.hits > 0
    assert best.energy == pytest.approx(minimize_energy(7, s=2).energy, rel=1e-12)
    assert "computed now" in str(best)
    assert best.to_dict()["points"] == best.points.tolist()


@pytest.mark.parametrize(("n", "n_starts"), [(12, None), (60, 5), (40, 2)])
def test_a_search_says_how_far_it_is(
    n: int, n_starts: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    said: list[int] = []

    @contextlib.contextmanager
    def recorded(
        total: int, doing: str, unit: str, progress: bool | None
    ) -> Iterator[Callable[[int], None]]:
        assert (total, unit, progress) == (100, "%", True)
        assert f"{n} points" in doing
        yield said.append

    silent = minimize_energy(n, n_starts=n_starts)
    monkeypatch.setattr("geomsup.sphere.minimize.bar", recorded)
    told = minimize_energy(n, n_starts=n_starts, progress=True)
    assert told.energy == silent.energy
    assert np.array_equal(told.points, silent.points)
    assert 0 <= min(said) < 20
    assert max(said) <= 100
    # Within a descent too: more often than once for each.
    assert len(said) > 5 * (told.n_starts + told.n_hops)
    if n_starts is not None:
        assert said[-1] == 100


def test_a_long_search_shows_a_bar(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geomsup.progress._SILENT_SECONDS", 0.0)
    minimize_energy(40, n_starts=3, progress=True)
    assert "40 points, 3 descents" in capsys.readouterr().err
    minimize_energy(5, n_starts=3, progress=False)
    assert capsys.readouterr().err == ""
    with pytest.raises(GeomsupError, match="progress must be"):
        thomson_optimum(7, s=3.5, progress="yes")  # type: ignore[arg-type]


@pytest.mark.parametrize(("n", "dim"), [(112, 21), (162, 21), (100, 22)])
def test_codes_beyond_eight_dimensions_are_known_and_proven(n: int, dim: int) -> None:
    best = thomson_optimum(n, dim=dim)
    assert (best.status, best.points.shape) == ("proven", (n, dim))
    assert "Cohn and Kumar" in best.source
    assert best.energy == pytest.approx(float(energy(best.points)), rel=1e-12)
    assert best.gradient_norm < 1e-9
    # A few descents in the same place end no lower.
    found = minimize_energy(n, dim, n_starts=1)
    assert found.energy > best.energy * (1 - 1e-12)


# ---------------------------------------------------------------------------------- symmetry


@pytest.mark.parametrize("shape", list_shapes(), ids=lambda shape: shape.name)
def test_symmetry_orders_of_the_catalogue(shape: Any) -> None:
    if shape.n_vertices < 200:
        assert symmetry_order(shape.vertices) == shape.symmetry_order


def _ring(n: int, height: float, turn: float = 0.0) -> FloatArray:
    angle = 2 * np.pi * np.arange(n) / n + turn
    radius = math.sqrt(1 - height * height)
    return np.column_stack([radius * np.cos(angle), radius * np.sin(angle), np.full(n, height)])


GROUPS: dict[str, FloatArray] = {
    "C1": np.vstack([_random(1, 4, 3)]),
    "Cs": np.vstack([_random(1, 3, 3), _random(1, 3, 3) * [1, 1, -1]]),
    "Ci": np.vstack([_random(2, 4, 3), -_random(2, 4, 3)]),
    "C3": np.vstack([_ring(3, 0.2), _ring(3, 0.6, 0.3), _ring(3, -0.5, 1.0)]),
    "C4v": np.vstack([_ring(4, 0.2), _ring(4, 0.7)]),
    "C3h": np.vstack([_ring(3, 0.4), _ring(3, -0.4), _ring(3, 0.0, 0.4)]),
    "S4": np.vstack([_ring(2, 0.3), _ring(2, -0.3, np.pi / 2), _ring(2, 0.7, 0.4),
                     _ring(2, -0.7, 0.4 + np.pi / 2)]),
    "D3": np.vstack([_ring(3, 0.5, 0.2), _ring(3, -0.5, -0.2)]),
    "D4h": np.vstack([_ring(4, 0.5), _ring(4, -0.5)]),
    "D5d": np.vstack([_ring(5, 0.3), _ring(5, -0.3, np.pi / 5)]),
    "D2": np.vstack([_ring(2, 0.3, 0.2), _ring(2, -0.3, -0.2)]),
    "D2d": np.vstack([_ring(2, 0.3), _ring(2, -0.3, np.pi / 2)]),
    "D2h": np.vstack([_ring(2, 0.6), _ring(2, -0.6)]) @ _rotation(3, 3),
    "Td": get_shape("truncated tetrahedron").vertices,
    "O": get_shape("snub cube").vertices,
    "Oh": get_shape("cuboctahedron").vertices,
    "Ih": get_shape("dodecahedron").vertices,
    "D7h": get_shape("heptagon").vertices @ np.eye(2, 3),
    "C2v": _ring(9, 0.0)[[0, 2]],
    "C5h": np.vstack([_ring(5, 0.0, turn) for turn in (0.0, 0.2, 0.5)]),
    "C1h": _ring(9, 0.0)[[0, 1, 4]],
}  # fmt: skip


@pytest.mark.parametrize("group", GROUPS)
def test_point_groups(group: str) -> None:
    assert point_group(GROUPS[group] @ _rotation(9, 3)) == {"C1h": "Cs"}.get(group, group)


@pytest.mark.parametrize("group", ["D2", "D2d", "D2h"])
def test_any_of_three_half_turns_may_come_first(group: str) -> None:
    # A mirror of D2d lies at 45° to two of the axes, whichever is looked at.
    orders = [np.random.default_rng(seed).permutation(len(GROUPS[group])) for seed in range(12)]
    assert {point_group(GROUPS[group][order] @ _rotation(1, 3)) for order in orders} == {group}


@pytest.mark.parametrize("digits", range(3, 9))
@pytest.mark.parametrize("group", GROUPS)
def test_point_groups_of_rounded_points(group: str, digits: int) -> None:
    for seed in range(3):
        points = (GROUPS[group] @ _rotation(seed, 3)).round(digits)
        found = point_group(points, 10.0**-digits)
        assert found == {"C1h": "Cs"}.get(group, group)


def _rounded_optimum(n: int, digits: int, share: float) -> tuple[str, str, int, int]:
    best = best_known(n)
    assert best is not None
    points, tolerance = best.points.round(digits), share * 10.0**-digits
    found = point_group(points, tolerance), symmetry_order(points, tolerance)
    return best.point_group, found[0], best.symmetry_order, found[1]


@pytest.mark.parametrize(
    ("n", "digits"),
    # Where angles near a half turn, or a group that ten times the rounding would enlarge, misled.
    [
        (11, 3),
        (8, 4),
        (10, 6),
        (3, 3),
        (7, 5),
        (12, 3),
        (35, 3),
        (25, 3),
        (32, 4),
        (60, 8),
        (59, 3),
    ],
)
def test_point_groups_of_rounded_optima(n: int, digits: int) -> None:
    for share in (1.0, 2.0, 5.0, 10.0):
        group, found, order, counted = _rounded_optimum(n, digits, share)
        assert (found, counted) == (group, order)


@pytest.mark.slow
@pytest.mark.parametrize("n", range(2, 61))
def test_point_groups_of_all_optima_to_sixty_points_at_three_to_eight_digits(n: int) -> None:
    for digits in range(3, 9):
        for share in (1.0, 3.0, 10.0):
            group, found, order, counted = _rounded_optimum(n, digits, share)
            assert (found, counted) == (group, order), (digits, share)


@pytest.mark.parametrize("name", ["cube", "icosahedron", "dodecahedron", "cuboctahedron"])
def test_point_groups_of_turned_and_rounded_solids(name: str) -> None:
    vertices = get_shape(name).vertices
    for seed, digits in itertools.product(range(4), (3, 5, 7)):
        points = (vertices @ _rotation(seed, 3)).round(digits)
        assert point_group(points, 10.0**-digits) == {"cube": "Oh", "cuboctahedron": "Oh"}.get(
            name, "Ih"
        )


@pytest.mark.parametrize("n", [3, 4, 5, 6, 7, 12, 50, 127, 128, 129, 200])
def test_point_groups_of_polygons(n: int) -> None:
    points = get_shape(f"{n}-gon").vertices @ np.eye(2, 3) @ _rotation(n, 3)
    assert point_group(points) == f"D{n}h"
    assert point_group(points.round(5), 1e-5) == f"D{n}h"


@pytest.mark.slow
@pytest.mark.parametrize("n", range(3, 301))
def test_point_groups_of_all_polygons_to_three_hundred(n: int) -> None:
    assert point_group(get_shape(f"{n}-gon").vertices @ np.eye(2, 3)) == f"D{n}h"


@pytest.mark.parametrize("sides", [3, 40, 101])
def test_point_groups_of_long_prisms_and_antiprisms(sides: int) -> None:
    prism = np.vstack([_ring(sides, 0.4), _ring(sides, -0.4)])
    twisted = np.vstack([_ring(sides, 0.4), _ring(sides, -0.4, np.pi / sides)])
    assert point_group(prism) == f"D{sides}h"
    assert point_group(twisted) == f"D{sides}d"


def test_near_symmetries_are_no_symmetries() -> None:
    # A cube with one vertex moved by a hundredth, along the mirror x = y.
    cube = get_shape("cube").vertices.copy()
    cube[0] += 0.01 * np.array([1.0, 1.0, -2.0]) / math.sqrt(6.0)
    cube[0] /= np.linalg.norm(cube[0])
    assert point_group(cube, 1e-4) == "Cs"
    assert point_group(cube, 1e-2) == "Oh"


@pytest.mark.parametrize("tolerance", [0.0, -1e-6, math.nan, 0.5, True])
def test_a_tolerance_is_a_small_positive_number(tolerance: float) -> None:
    with pytest.raises(GeomsupError, match="tolerance between 0 and"):
        point_group(get_shape("cube").vertices, tolerance)
    with pytest.raises(GeomsupError, match="tolerance between 0 and"):
        symmetry_order(get_shape("cube").vertices, tolerance)


def test_points_off_the_sphere_by_more_than_the_tolerance_are_refused() -> None:
    with pytest.raises(GeomsupError, match="unit"):
        point_group(GROUPS["Td"].round(3))
    with pytest.raises(GeomsupError, match="coincide, to the tolerance"):
        point_group(_ring(400, 0.0), 2e-2)


def test_point_groups_of_one_and_two_points() -> None:
    assert point_group(np.array([[0.0, 0.0, 1.0]])) == "Cinfv"
    assert point_group(np.array([[0.0, 0.0, 1.0], [0.0, 0.0, -1.0]])) == "Dinfh"


# ---------------------------------------------------------------------------------- rebuilding


def test_the_table_can_be_made_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = [(3, 5, 1.0), (3, 8, 1.0), (4, 6, 2.0)]
    monkeypatch.setattr(table_maker, "planned", lambda: keys)
    path = tmp_path / "table.npz"
    assert table_maker.main(["--table", str(path), "--seconds", "0.2"]) == 0
    rows = load_table(path)
    assert set(rows) == set(keys)
    for key, row in rows.items():
        shipped = best_known(row.n_points, row.dim, row.s)
        assert shipped is not None
        assert row.energy == pytest.approx(shipped.energy, rel=1e-12), key
        assert row.name == shipped.name or row.name in shipped.ties


def test_rebuilding_never_makes_a_row_worse() -> None:
    good = best_known(8)
    assert good is not None
    again = table_maker.improved(good.key, good, 0.05)
    assert again.energy <= good.energy + 1e-13
    assert again.n_starts > good.n_starts
    cube = annotated(
        good.key, get_shape("cube").vertices, gradient_norm=0.0, hits=0, n_starts=0, n_hops=0
    )
    better = table_maker.improved(good.key, cube, 0.05)
    assert better.energy == pytest.approx(good.energy, rel=1e-12)
    assert better.name == "square antiprism"


def test_a_broken_table_says_so(tmp_path: Path) -> None:
    broken = tmp_path / "table.npz"
    broken.write_bytes(b"no table")
    with pytest.raises(GeomsupError, match="cannot read the table"):
        load_table(broken)


def test_a_table_survives_the_disk(tmp_path: Path) -> None:
    rows = {row.key: row for row in all_best_known() if row.n_points <= 6}
    save_table(tmp_path / "table.npz", rows)
    for key, row in load_table(tmp_path / "table.npz").items():
        assert row.to_dict() == rows[key].to_dict()
