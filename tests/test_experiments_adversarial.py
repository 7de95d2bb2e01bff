"""The row on attacks: checks on planted models, and one run that trains them."""

from __future__ import annotations

import dataclasses
from functools import cache

import numpy as np
import pytest
from matplotlib import pyplot as plt

from geomsup.experiments import Trainer, adversarial, get_experiment, uniform
from geomsup.experiments.adversarial import vulnerabilities
from geomsup.experiments.uniform import Result, all_series
from geomsup.plotting.figures import draw_experiment

_N = 12


def _planted(copies: tuple[int, ...], bias: float = 0.0) -> Result:
    """Models of 12 features in four dimensions, in which so many share each dimension.

    One is alone, two are a digon, three all point the same way.
    """
    k, signs = len(copies), np.array([1.0, -1.0, 1.0])
    weights = np.array([np.kron(np.eye(4), signs * (np.arange(3) < own)) for own in copies])
    empty = np.full((k, _N), "")
    return Result(
        n_features=np.full(k, _N),
        n_hidden=np.full(k, 4),
        feature_probability=1.0 / np.arange(1.0, k + 1.0),
        weights=weights,
        biases=np.full((k, _N), bias),
        losses=np.zeros(k),
        exact_losses=np.full(k, np.nan),
        digon_losses=np.full(k, np.nan),
        names=empty,
        components=np.full((k, _N), -1),
        ranks=np.zeros((k, _N), dtype=np.int64),
        dimensionalities=np.zeros((k, _N)),
    )


def test_models_without_superposition_are_as_vulnerable_as_that() -> None:
    (series,) = all_series([_planted((1, 1))])
    for found in vulnerabilities(series):
        assert found.universal == pytest.approx(1.0)
        assert found.linear == pytest.approx(1.0)
        assert found.gradient == pytest.approx(1.0)


def test_vulnerability_that_follows_passes() -> None:
    outcome = adversarial.check([_planted((1, 2, 3))])
    rises, tracks, _ = outcome.claims
    assert rises.holds
    assert tracks.holds
    assert "rank correlation 1.00" in tracks.found


def test_vulnerability_that_falls_fails() -> None:
    rises, tracks, _ = adversarial.check([_planted((3, 2, 1))]).claims
    assert not rises.holds
    assert tracks.holds  # it falls with the number of features
    assert "0.00 on average" in rises.why


def test_vulnerability_that_does_not_follow_fails() -> None:
    planted = _planted((1, 2, 3))
    silent = planted.biases.copy()
    silent[2] = -10.0
    outcome = adversarial.check([dataclasses.replace(planted, biases=silent)])
    assert not outcome.claims[1].holds
    # And where nothing can be attacked at all, nothing follows anything.
    silent[:] = -10.0
    outcome = adversarial.check([dataclasses.replace(planted, biases=silent)])
    assert "rank correlation 0.00" in outcome.claims[1].found


def test_gradients_are_masked_where_most_outputs_are_below_zero() -> None:
    rare = np.array([1.0, 0.02])
    open_ = dataclasses.replace(_planted((1, 3), bias=0.001), feature_probability=rare)
    # Most inputs are empty.  Their outputs are just below zero: a step along W raises them, and
    # there is no gradient.  Long vectors make the step long enough.
    masked = dataclasses.replace(open_, weights=4.0 * open_.weights, biases=open_.biases - 0.021)
    assert not adversarial.check([open_]).claims[2].holds
    assert adversarial.check([masked]).claims[2].holds


def test_models_are_attacked_once() -> None:
    (series,) = all_series([_planted((1, 2))])
    assert vulnerabilities(series)[0] is vulnerabilities(series)[0]


_SMALL = uniform.Config(sizes=((20, 3),), inverse_densities=(1.0, 3.0, 8.0, 25.0), n_steps=400)


@cache
def _small() -> Result:
    return uniform.run(_SMALL, 0, Trainer())


def test_trained_models_are_judged_and_drawn() -> None:
    outcome = adversarial.check([_small()])
    assert len(outcome.claims) == 3
    measured = outcome.to_dict()["numbers"]["0"]
    assert measured["universal"][-1] > measured["universal"][0]
    for weaker, stronger in (("universal", "linear"), ("linear", "gradient")):
        pairs = zip(measured[weaker], measured[stronger], strict=True)
        assert all(one <= other + 1e-9 for one, other in pairs)
    figure = draw_experiment("adversarial", [_small()])
    assert len(figure.axes) == 3
    plt.close(figure)


def test_it_reads_the_models_of_uniform() -> None:
    experiment = get_experiment("adversarial")
    assert experiment.trained_as == "uniform"
    assert experiment.paper == get_experiment("uniform").paper
