"""A null of one's own, as CONTRIBUTING.md says it."""

from __future__ import annotations

import numpy as np

from geomsup import census
from geomsup.nulls import MatchedNull
from geomsup.survey.background import _Pooled, background_of
from geomsup.survey.source import Directions, Rows


def test_a_law_that_can_only_be_drawn_is_a_null(rng: np.random.Generator) -> None:
    """Signs of coordinates, all as likely: cosines are multiples of 2 / 16."""
    rows = np.sign(rng.normal(size=(120, 16)))
    rows[1] = rows[0]

    def drawn(number: int) -> Directions:
        signs = np.sign(np.random.default_rng(number).normal(size=(120, 16)))
        return Directions((signs / 4.0).astype(np.float32))

    toy = _Pooled("signs", drawn, 30)
    features = Rows(rows, feature_axis=0)
    log_p = toy.exact(features, _pairs([0, 2], [1, 3], [1.0, 0.0]))
    # Equal signs throughout have probability 2⁻¹⁶; by chance no draw need have them.
    assert log_p[0] < -8
    assert log_p[1] > -1
    np.testing.assert_array_equal(toy.draw(3).units(0, 120), toy.draw(3).units(0, 120))


def test_moments_of_ones_own_are_a_null(rng: np.random.Generator) -> None:
    rows = rng.normal(size=(200, 12)) * np.sqrt(np.arange(1, 13))
    own = MatchedNull(np.zeros(12), np.diag(np.arange(1.0, 13.0)))
    found = census(rows, feature_axis=0, null=own, n_draws=4, components=False)
    assert found.null == "matched"
    assert found.n_above + found.n_below <= 4
    background = background_of(own, Rows(rows, feature_axis=0), feature_axis=0, n_draws=1, seed=0)
    drawn = background.draw(0).units(0, 200)
    assert np.square(drawn[:, 11]).mean() > 3 * np.square(drawn[:, 0]).mean()


def _pairs(i: list[int], j: list[int], cosines: list[float]):  # type: ignore[no-untyped-def]
    from geomsup.survey.pairs import Pairs

    return Pairs(np.array(i), np.array(j), np.array(cosines), np.zeros(len(i)))
