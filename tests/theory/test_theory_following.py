"""Minima that are followed along a parameter: slopes, losses and angles that are known."""

from __future__ import annotations

import numpy as np
import pytest

from geomsup.theory import symmetric_optimum
from geomsup.theory.following import angle_gap, crossing, problem_of, shape_branch, transition


def test_the_slope_of_a_digon_is_half_of_its_loss() -> None:
    p, factors = 0.1, np.array([1.0, 1.1])
    problem_at = problem_of(2, p, "importance")
    digon = shape_branch("digon", 2, p, factors, "importance")
    exact = [symmetric_optimum("digon", 2, p, [factor, 1.0]).loss for factor in factors]
    assert digon.losses == pytest.approx(exact, rel=1e-8)
    found = transition(digon, digon, problem_at, 1.0)
    # By symmetry each feature of a digon bears half of the loss, and dL/d log I is I times that.
    assert found.slopes == pytest.approx([exact[0] / 2] * 2, rel=1e-5)
    assert found.norms == pytest.approx([np.linalg.norm(digon.weights[0][:, 0])] * 2, rel=1e-4)
    assert found.verdicts == ("local minimum", "local minimum")
    assert np.isnan(crossing(digon, digon, problem_at))


@pytest.mark.parametrize(
    ("degrees", "gap"),
    [
        ((0, 90, 180, 270), 0.0),
        ((0, 90, 180), 0.0),
        ((0, 70, 180, 260), 10.0),
        ((0, 120, 250), 10.0),
    ],
)
def test_angles_are_those_between_neighbours(degrees: tuple[float, ...], gap: float) -> None:
    angles = np.radians(degrees)
    assert angle_gap(np.array([np.cos(angles), np.sin(angles)])) == pytest.approx(gap)
