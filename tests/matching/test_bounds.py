"""Bounds for many sets in one go against the questions about each of them."""

from __future__ import annotations

import numpy as np
import pytest
from planted import random_directions, random_orthogonal

from geomsup import get_shape
from geomsup.matching import Background, Cloud, Question, structure_log_evidence
from geomsup.matching.bounds import bounds_of
from geomsup.matching.evidence import NOISE_GRID, log_sum, marginalise

FIGURES = {3: "triangle", 4: "tetrahedron", 5: "pentagon", 6: "octahedron", 8: "cube", 12: "12-gon"}


def ground(dim: int) -> Background:
    return Background(dim=dim, largest=dim, n_directions=500, rank=dim)


def mixed_sets(n: int, dim: int, rng: np.random.Generator) -> np.ndarray:
    """Sets of n rows: of strangers, of low rank, and figures with noise."""
    sets = [random_directions(n, dim, rng).T for _ in range(4)]
    for rank in range(2, min(n, dim) + 1):
        sets.append(rng.standard_normal((n, rank)) @ rng.standard_normal((rank, dim)))
    vertices = get_shape(FIGURES[n]).vertices
    if vertices.shape[1] <= dim:
        for noise in (0.02, 0.1, 0.3):
            turned = vertices @ random_orthogonal(dim, rng)[: vertices.shape[1]]
            sets.append(turned + noise / np.sqrt(dim) * rng.standard_normal(turned.shape))
    rows = np.stack(sets) + 1e-3 * rng.standard_normal((len(sets), n, dim))
    return np.asarray(rows / np.linalg.norm(rows, axis=2, keepdims=True))


@pytest.mark.parametrize("dim", [2, 5, 16])
@pytest.mark.parametrize("n", FIGURES)
def test_many_sets_have_the_bounds_of_each(n: int, dim: int) -> None:
    units = mixed_sets(n, dim, np.random.default_rng(n))
    bounds = bounds_of(units, ground(dim))
    for k, rows in enumerate(units):
        question = Question(Cloud(rows), ground(dim), NOISE_GRID, composites=False)
        assert question.can_reach(bounds.anything[k] - 1e-6)
        assert not question.can_reach(bounds.anything[k] + 1e-6)
        irregular = np.log(question.prior) + log_sum(question.rivals)
        assert bounds.log_weights[k, 0] == pytest.approx(irregular, abs=1e-6)


@pytest.mark.parametrize("charge", [0.0, 3.0, -2.0])
@pytest.mark.parametrize("n", FIGURES)
def test_no_set_has_more_than_its_bound(n: int, charge: float) -> None:
    # What is charged falls with the rank, as for directions that the background likes.
    dim = 6
    units = mixed_sets(n, dim, np.random.default_rng(n))
    charges = charge * np.arange(n)[::-1]
    most = bounds_of(units, ground(dim)).after(np.tile(charges, (len(units), 1)))
    for rows, bound in zip(units, most, strict=True):
        question = Question(Cloud(rows), ground(dim), NOISE_GRID, composites=False)
        rank, by_noise, shaped = structure_log_evidence(question)
        left = float(marginalise(by_noise)) - charges[rank - 1 if shaped else 0]
        assert left <= bound + 1e-6
