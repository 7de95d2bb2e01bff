from __future__ import annotations

import numpy as np
import pytest

from geomsup.claims.controls import Likeness, noise_dim, random_groups, similar_groups
from geomsup.survey.source import Rows


@pytest.fixture
def rows(rng: np.random.Generator) -> Rows:
    """Features of which neighbours have much in common: clusters of forty."""
    centres = rng.standard_normal((30, 24))
    points = np.repeat(centres, 40, axis=0) + 0.7 * rng.standard_normal((1200, 24))
    return Rows(points, feature_axis=0)


def off_diagonal(cosines: np.ndarray) -> np.ndarray:
    n = cosines.shape[-1]
    return np.asarray((cosines.sum(axis=(1, 2)) - n) / (n * (n - 1)))


@pytest.mark.parametrize("wanted", [0.05, 0.2, 0.5, 0.65])
def test_controls_have_the_mean_cosine_of_the_group(
    rows: Rows, wanted: float, rng: np.random.Generator
) -> None:
    pool = np.arange(100, rows.n)
    controls = similar_groups(
        rows, pool, 6, Likeness(mean_cosine=wanted, norm_spread=0.1), 300, rng
    )
    assert off_diagonal(controls.cosines).mean() == pytest.approx(wanted, abs=0.06)
    assert controls.members.shape == (300, 6)
    assert np.isin(controls.members, pool).all()
    assert all(len(set(group)) == 6 for group in controls.members.tolist())
    # they are what the matrix has there
    units = rows.exact(controls.members[0])
    np.testing.assert_allclose(controls.cosines[0], units @ units.T, atol=1e-9)


def test_random_groups_are_random_and_distinct(rows: Rows, rng: np.random.Generator) -> None:
    for pool in (np.arange(20), np.arange(1200)):
        controls = random_groups(rows, pool, 4, 500, rng)
        assert all(len(set(group)) == 4 for group in controls.members.tolist())
        seen = np.bincount(controls.members.ravel(), minlength=len(pool))
        assert seen.max() < 4 * 2000 / len(pool) + 12


def test_controls_have_norms_of_their_own_as_uneven_as_the_groups(
    rng: np.random.Generator,
) -> None:
    points = rng.standard_normal((2000, 12)) * rng.lognormal(0, 0.5, (2000, 1))
    rows = Rows(points, feature_axis=0)
    found = []
    for spread in (0.2, 0.5, 0.8):
        like = Likeness(mean_cosine=0.0, norm_spread=spread)
        controls = similar_groups(rows, np.arange(2000), 8, like, 300, rng)
        np.testing.assert_allclose(controls.norms, rows.norms[controls.members])
        one = points[controls.members[7]]
        np.testing.assert_allclose(controls.grams[7], one @ one.T, atol=1e-9)
        found.append(float(np.log(controls.norms).std(axis=1).mean()))
    assert found == sorted(found)
    assert found[2] - found[0] > 0.05
    assert Likeness.of(one @ one.T).norm_spread == pytest.approx(
        np.log(np.linalg.norm(one, axis=1)).std()
    )


@pytest.mark.parametrize("dim", [5, 60])
def test_the_noise_has_the_dimensions_of_round_rows(dim: int, rng: np.random.Generator) -> None:
    wide = np.pad(rng.standard_normal((900, dim)), ((0, 0), (0, 7)))
    assert noise_dim(Rows(wide, feature_axis=0), rng) == pytest.approx(dim, rel=0.03)
