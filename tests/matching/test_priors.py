"""What is expected before any direction is looked at, read from probabilities and evidences."""

from __future__ import annotations

import numpy as np
import pytest
from planted import planted
from strategies import Array

from geomsup.matching import Background, match_directions
from geomsup.matching.evidence import NOISE_GRID, evenness_log_ratio, marginalise
from geomsup.matching.fitting import Setting
from geomsup.matching.spaces import with_prior


def polygon(n: int, sigma: float) -> Array:
    return planted(f"{n}-gon", 2, sigma, np.random.default_rng(n)).T


@pytest.mark.parametrize(("n", "prior"), [(3, 0.3), (5, 0.3), (7, 0.3), (9, 0.8), (13, 0.8)])
@pytest.mark.parametrize("sigma", [0.1, 0.2])
def test_irregular_is_expected_of_many_and_sometimes_of_few(
    n: int, prior: float, sigma: float
) -> None:
    # Directions in the plane have one space, and an odd number of them does not pair up; so
    # probabilities over evidences are the priors, of a polygon and of one that lacks a vertex.
    points = polygon(n, sigma)
    result = match_directions(points)
    share = sum(match.probability / np.exp(match.log_evidence) for match in result.candidates)
    # One in fifty irregular sets of more directions than a triangle has is a tight frame.
    even = float(marginalise(evenness_log_ratio(points, NOISE_GRID))) if n > 3 else 0.0
    irregular = result.irregular_probability / (0.98 + 0.02 * np.exp(even))
    assert irregular / (irregular + share) == pytest.approx(prior, abs=1e-6)


@pytest.mark.parametrize(
    ("n", "n_directions", "prior"),
    [(2, 2, 0.7), (3, 3, 0.3), (2, 9, 0.2), (3, 9, 0.1), (5, 9, 0.3)],
)
def test_a_part_that_was_chosen_for_its_interference_is_hardly_irregular(
    n: int, n_directions: int, prior: float
) -> None:
    points = polygon(n, 0.1) if n > 2 else planted("digon", 2, 0.1, np.random.default_rng(0)).T
    background = Background(dim=2, largest=2, n_directions=n_directions, rank=2)
    result = match_directions(points, background=background)
    share = sum(match.probability / np.exp(match.log_evidence) for match in result.candidates)
    even = float(marginalise(evenness_log_ratio(points, NOISE_GRID))) if n > 3 else 0.0
    irregular = result.irregular_probability / (0.98 + 0.02 * np.exp(even) if n > 3 else 1.0)
    assert irregular / (irregular + share) == pytest.approx(prior, abs=1e-6)


@pytest.mark.parametrize(("n", "ratio"), [(5, 8.0 / 0.02), (7, 1.0 / 0.02)])
def test_a_polygon_is_expected_before_a_vacant_one(n: int, ratio: float) -> None:
    # Trained models form pentagons: these are expected eight times as much.
    result = match_directions(polygon(n, 0.2))
    shares = {m.shape: m.probability / np.exp(m.log_evidence) for m in result.candidates}
    (vacant,) = (name for name in shares if name.startswith("vacant"))
    (whole,) = shares.keys() - {vacant}
    assert shares[whole] / shares[vacant] == pytest.approx(ratio, rel=1e-6)


@pytest.mark.parametrize("filled", [True, False])
def test_the_spaces_share_one_prior(filled: bool) -> None:
    spaces = [Setting(dim, 0.0, 1.0) for dim in (2, 3, 4, 7)]
    background = Background(dim=7, largest=7 if filled else 100, n_directions=9, rank=7)
    shares = np.exp([space.log_ratio for space in with_prior(spaces, background)])
    # Half is on the space that the directions fill, if they fill one.
    assert shares == pytest.approx([1 / 6] * 3 + [1 / 2] if filled else [1 / 4] * 4)
