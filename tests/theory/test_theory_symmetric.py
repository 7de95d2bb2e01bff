"""Symmetric optima against losses that two other routes agreed on, and their crossings."""

from __future__ import annotations

import numpy as np
import pytest

from geomsup import GeomsupError
from geomsup.theory import expected_loss, phase_boundary, symmetric_optimum

# n = 5, m = 2; two digons and one dropped, a triangle and two dropped, a pentagon.  Optimised by
# direct integration and, independently, from characteristic functions.
FIVE_IN_TWO = {
    0.5: (0.2567315606, 0.2859126958, 0.2816403118),
    0.3: (0.1361207105, 0.1876934827, 0.1476074483),
    0.2: (0.0830357771, 0.1282005828, 0.0795880521),
    0.1: (0.0374723013, 0.0654142640, 0.0263051311),
    0.05: (0.0177053323, 0.0330211697, 0.0089035937),
    0.01: (0.0033749786, 0.0066541727, 0.0010014823),
}


@pytest.mark.parametrize("p", FIVE_IN_TWO)
def test_five_in_two(p: float) -> None:
    for shape, loss in zip(("digon ⊕ digon", "triangle", "pentagon"), FIVE_IN_TWO[p], strict=True):
        best = symmetric_optimum(shape, 5, p)
        assert best.loss == pytest.approx(loss, abs=1e-10)
        assert expected_loss(best.W, best.b, p).loss == pytest.approx(best.loss, rel=1e-12)
    kept = symmetric_optimum("monosemantic + monosemantic", 5, p).loss
    assert kept == pytest.approx(3 * (p / 3 - p**2 / 4), rel=1e-12)


@pytest.mark.parametrize(
    ("shape", "loss", "n_dropped"),
    [
        ("octahedron", 0.0716251186, 2),
        ("pentagon ⊕ digon", 0.0604579484, 1),
        ("cube", 0.0542052932, 0),
        ("square antiprism", 0.0489457858, 0),
    ],
)
def test_eight_in_three_at_one_tenth(shape: str, loss: float, n_dropped: int) -> None:
    best = symmetric_optimum(shape, 8, 0.1)
    assert best.loss == pytest.approx(loss, abs=1e-10)
    assert best.n_dropped == n_dropped
    assert best.W.shape == (3, 8)


def test_the_loss_optimal_antiprism_is_none_of_its_relatives() -> None:
    # D = 3/8 is the tight frame, .37438 the Thomson optimum, .37229 the loss optimum at p = .1.
    W = symmetric_optimum("square antiprism", 8, 0.1).W
    gram = W.T @ W
    D = np.diag(gram) ** 2 / np.diag(gram @ gram)
    np.testing.assert_allclose(D, 0.37229, atol=6e-6)


@pytest.mark.parametrize(
    ("shape", "norm2", "bias"),
    [
        ("pentagon", 1.36997576676, -0.282297283127),
        ("hexagon", 1.74378979028, -0.618135131868),
    ],
)
def test_the_sparse_limit(shape: str, norm2: float, bias: float) -> None:
    # With one feature active at a time the loss is p·h(y) with a closed form (y = −b/g); at small
    # p the optimum is within O(p) of that limit.
    distances = []
    for p in (1e-3, 1e-4):
        best = symmetric_optimum(shape, 6, p)
        distances.append(abs(best.norm2 - norm2) + abs(best.bias - bias))
    assert distances[1] < 0.15 * distances[0] < 0.02


@pytest.mark.parametrize(
    ("a", "b", "n", "between", "p"),
    [
        ("triangle", "digon + monosemantic", 3, (0.45, 0.6), 0.521838),
        ("pentagon", "digon + digon", 5, (0.1, 0.4), 0.224875),
        ("digon + digon", "triangle", 5, (0.5, 0.8), 0.644240),
        ("pentagon", "hexagon", 6, (0.05, 0.1), 0.070087),
    ],
)
def test_phase_boundaries(a: str, b: str, n: int, between: tuple[float, float], p: float) -> None:
    assert phase_boundary(a, b, n_features=n, between=between) == pytest.approx(p, abs=6e-7)


def test_the_first_of_two_crossings_is_returned() -> None:
    assert phase_boundary("pentagon", "square", n_features=5) == pytest.approx(0.224875, abs=1e-6)


def test_bad_input_gets_one_clear_error() -> None:
    with pytest.raises(GeomsupError, match="has 5 vertices"):
        symmetric_optimum("pentagon", 4, 0.1)
    with pytest.raises(GeomsupError, match="pentagram"):
        symmetric_optimum("pentagram", 5, 0.1)
    with pytest.raises(GeomsupError, match="feature_probability must lie"):
        symmetric_optimum("digon", 5, 1.5)
    with pytest.raises(GeomsupError, match="got none"):
        phase_boundary("digon", "digon", n_features=5, between=(0.1, 0.2))
    with pytest.raises(GeomsupError, match="low < high"):
        phase_boundary("digon", "triangle", n_features=5, between=(0.5, 0.2))
