"""Experiments on models of a few features: their measures, and checks on planted results."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np
import pytest

from geomsup.experiments import Trainer, get_experiment
from geomsup.experiments.demonstration import intro
from geomsup.experiments.frame.measures import lowest_of, reports_of
from geomsup.experiments.nonuniform import nonuniform, notes_importance
from geomsup.experiments.nonuniform.varied_feature import (
    FollowedShape,
    Rival,
    VariedResult,
    switch,
)
from geomsup.experiments.phase_diagrams import ten_in_two
from geomsup.experiments.phase_diagrams.phase_map import MapResult, check_map
from geomsup.experiments.uniform import notes_triangle
from geomsup.theory import (
    best_configuration,
    expected_loss,
    phase_boundary,
    phase_diagram,
    symmetric_optimum,
)
from geomsup.theory.closed_forms import dropped_loss
from geomsup.theory.diagram import arrangement, numbered_alike
from geomsup.theory.following import (
    Transition,
    angle_gap,
    crossing,
    follow,
    problem_of,
    shape_branch,
    transition,
)


def _verdicts(outcome: Any) -> list[bool]:
    return [claim.holds for claim in outcome.claims]


# -- measures ---------------------------------------------------------------------------------


def test_descents_from_a_disturbed_optimum_find_it_again() -> None:
    best = symmetric_optimum("pentagon", 5, 0.1)
    rng = np.random.default_rng(0)
    W, b = best.W + 0.05 * rng.normal(size=(2, 5)), best.b + 0.02 * rng.normal(size=5)
    found = lowest_of(W[None], b[None], 0.1)
    assert found.name == "pentagon"
    assert found.loss == pytest.approx(best.loss, rel=1e-9)


def test_interchangeable_features_are_numbered_alike() -> None:
    one = np.array([[1.0, 0.0, -1.0], [0.0, 1.0, 0.0]])
    other = one[:, [1, 0, 2]]
    assert arrangement(one) != arrangement(other)
    assert numbered_alike(one, 2)[0] == numbered_alike(other, 2)[0]
    assert numbered_alike(one, 1)[0] != numbered_alike(other, 1)[0]
    name, order = numbered_alike(other, 3)
    assert arrangement(other[:, order]) == name


# -- phase maps -------------------------------------------------------------------------------

_REGIONS = ("1 (2 dropped)", "2 (1 dropped)", "digon(1, 2)")


@pytest.fixture(scope="module")
def exact_result() -> MapResult:
    """A map whose trained models are the exact optima, ten copies of each."""
    axes = {
        "feature_probability": np.geomspace(0.05, 0.5, 5),
        "relative_importance": np.geomspace(0.1, 10.0, 5),
    }
    exact = phase_diagram(2, 1, n_starts=4, **axes)  # type: ignore[arg-type]
    unit = phase_diagram(2, 1, unit_norm=True, **axes)  # type: ignore[arg-type]
    losses = np.repeat(exact.loss[..., None], 10, axis=2)
    return MapResult(trained=exact, losses=losses, exact=exact, unit=unit)


def test_exact_optima_pass_as_a_trained_map(exact_result: MapResult) -> None:
    outcome = check_map([exact_result], _REGIONS)
    assert _verdicts(outcome)[:3] == [True] * 3
    assert outcome.numbers["agreement"] == [1.0]


def test_a_map_of_one_arrangement_does_not_pass(exact_result: MapResult) -> None:
    one = dataclasses.replace(
        exact_result.trained,
        phases=("line(1, 2)",),
        phase=np.zeros_like(exact_result.trained.phase),
    )
    stuck = dataclasses.replace(exact_result, trained=one, losses=2.0 * exact_result.losses)
    outcome = check_map([stuck], _REGIONS)
    assert _verdicts(outcome)[:3] == [False] * 3
    assert "1 (2 dropped) is missing" in outcome.claims[0].why
    assert "0 are ties" in outcome.claims[1].found
    assert "up to 100% above" in outcome.claims[1].found


def test_a_feature_that_fades_in_is_no_phase_change(exact_result: MapResult) -> None:
    weights = exact_result.trained.W.copy()
    kept = np.abs(weights[..., 0, 1]) > 0.1
    weights[kept, 0, 1] *= 0.15
    fading = dataclasses.replace(exact_result.trained, W=weights)
    outcome = check_map([dataclasses.replace(exact_result, trained=fading)], _REGIONS)
    assert not outcome.claims[2].holds


@pytest.mark.usefixtures("short_evaluations")
@pytest.mark.parametrize("name", ["phase-2-1", "phase-3-2"])
def test_a_small_phase_map_is_trained(name: str) -> None:
    experiment = get_experiment(name)
    config = dataclasses.replace(experiment.smoke, n_grid=3, n_models=6, n_steps=300)
    result = experiment.run(config, 0, Trainer())
    assert result.losses.shape == (3, 3, 6)
    # No sampled model can be better than the exact optimum.
    assert np.all(result.losses >= (1.0 - 1e-6) * result.exact.loss[..., None])
    assert np.median(result.trained.loss / result.exact.loss) < 1.1
    assert experiment.check([result]).claims[0].found


# -- one feature varied -----------------------------------------------------------------------


def test_problems_vary_the_first_feature_alone() -> None:
    rarer = problem_of(3, 0.1, "feature_probability")(0.5)
    assert rarer.p.tolist() == [0.05, 0.1, 0.1]
    assert rarer.importance.tolist() == [1.0, 1.0, 1.0]
    lesser = problem_of(3, 0.1, "importance")(0.5)
    assert lesser.p.tolist() == [0.1, 0.1, 0.1]
    assert lesser.importance.tolist() == [0.5, 1.0, 1.0]


def test_branches_cross_where_the_closed_form_says() -> None:
    # Two digons and a dropped feature have a loss in closed form, whatever its importance.
    factors = np.geomspace(1.0, 0.25, 7)
    problem_at = problem_of(5, 0.1, "importance")
    shape = shape_branch("pentagon", 5, 0.1, factors, "importance")
    digons = symmetric_optimum("digon + digon", 4, 0.1)
    W = np.hstack([np.zeros((2, 1)), digons.W])
    rival = follow(W, np.append(0.05, digons.b), factors[::-1], problem_at)
    at = crossing(shape, rival, problem_at)
    here = shape.at(at, problem_at)[2]
    assert here == pytest.approx(digons.loss + at * dropped_loss(0.1), rel=1e-5)
    found = transition(shape, rival, problem_at, at)
    assert found.verdicts == ("local minimum", "local minimum")
    assert found.slopes[1] == pytest.approx(at * dropped_loss(0.1), rel=1e-3)
    assert found.norms[0] > 0.9
    assert found.norms[1] < 1e-6
    assert np.isnan(crossing(rival, rival, problem_at))


def test_followed_losses_are_losses_of_the_followed_weights() -> None:
    factors = np.array([1.0, 0.8])
    branch = shape_branch("pentagon", 5, 0.05, factors, "feature_probability")
    for factor, W, b, loss in zip(
        factors, branch.weights, branch.biases, branch.losses, strict=True
    ):
        problem = problem_of(5, 0.05, "feature_probability")(float(factor))
        assert expected_loss(W, b, problem.p).loss == pytest.approx(loss, rel=1e-9)
    assert angle_gap(branch.weights[0]) < 0.01 < 0.5 < angle_gap(branch.weights[1])


@pytest.fixture(scope="module")
def pentagon_result() -> nonuniform.Result:
    """Two factors with a transition between them at 1/2.5, as published."""
    factors = np.array([0.35, 0.45, 1.0])
    pentagon, digons = ("pentagon",) * 4, ("digon + digon, 1 dropped",) * 4
    W = symmetric_optimum("pentagon", 5, 0.05).W
    bent = W * np.array([0.9, 1.0, 1.0, 1.0, 1.0]) + 0.05 * np.eye(2, 5)
    rival = Rival(
        losses=np.array([1.0, 2.5, 4.0]),
        names=("digon + digon, 1 dropped",) * 3,
        crossing=0.4,
        there=Transition(
            verdicts=("local minimum", "local minimum"), slopes=(1.0, 2.0), norms=(1.0, 0.0)
        ),
    )
    nothing = Rival(
        losses=np.full(3, np.nan),
        names=("",) * 3,
        crossing=np.nan,
        there=Transition(verdicts=("", ""), slopes=(np.nan, np.nan), norms=(np.nan, np.nan)),
    )
    varied = VariedResult(
        factors=factors,
        weights=np.array([W, W, W]),
        losses=np.array([[1.0] * 4, [2.0] * 4, [3.0] * 4]),
        names=(digons, pentagon, pentagon),
        shape=FollowedShape(
            factors=factors,
            weights=np.array([bent, bent, W]),
            biases=np.zeros((3, 5)),
            losses=np.array([1.5, 2.0, 3.0]),
            names=("pentagon",) * 3,
            angle_gaps=np.array([5.0, 4.0, 0.0]),
        ),
        rivals=(rival, nothing),
    )
    return nonuniform.Result(
        varied=varied,
        other_probabilities=np.array([0.1]),
        other_crossings=np.array([0.43]),
    )


def test_a_transition_at_the_published_factor_passes(pentagon_result: nonuniform.Result) -> None:
    assert switch(pentagon_result.varied, "pentagon") == (0.35, 0.45)
    assert nonuniform.check([pentagon_result]).verdict == "pass"


@pytest.mark.parametrize(
    ("part", "change", "claim"),
    [
        ("varied", {"names": (("pentagon",) * 4,) * 3}, 0),
        ("rival", {"names": ("triangle, 2 dropped",) * 3}, 1),
        ("rival", {"crossing": 0.9}, 2),
        ("there", {"verdicts": ("saddle", "local minimum")}, 3),
        ("there", {"norms": (1.0, 0.9)}, 3),
        ("shape", {"angle_gaps": np.zeros(3)}, 4),
    ],
)
def test_each_claim_of_nonuniform_can_fail(
    pentagon_result: nonuniform.Result, part: str, change: dict[str, Any], claim: int
) -> None:
    varied = pentagon_result.varied
    rival = varied.rivals[0]
    if part == "there":
        part, change = "rival", {"there": dataclasses.replace(rival.there, **change)}
    if part == "rival":
        part = "varied"
        change = {"rivals": (dataclasses.replace(rival, **change), varied.rivals[1])}
    if part == "shape":
        change = {"shape": dataclasses.replace(varied.shape, **change)}
    changed = dataclasses.replace(varied, **change)
    outcome = nonuniform.check([dataclasses.replace(pentagon_result, varied=changed)])
    assert not outcome.claims[claim].holds


@pytest.mark.slow
@pytest.mark.parametrize("name", ["nonuniform", "nonuniform-importance"])
def test_a_small_run_with_one_feature_varied(name: str) -> None:
    experiment = get_experiment(name)
    small: dict[str, Any] = {"n_down": 5, "n_up": 2, "n_models": 3, "n_steps": 500}
    if name == "nonuniform":
        small["n_exact"] = 5
    else:
        small["larger_points"] = 5
    config = dataclasses.replace(experiment.smoke, **small)
    result = experiment.run(config, 0, Trainer())
    assert result.varied.shape.losses[4] == pytest.approx(0.0089035937, rel=1e-6)  # equal features
    assert isinstance(experiment.check([result]).to_dict(), dict)


# -- three features, five features, ten features ----------------------------------------------


def _triangles(names: tuple[str, ...], best: tuple[str, ...]) -> notes_triangle.Result:
    p = np.array([0.1, 0.8])
    exact = np.array(
        [
            [symmetric_optimum(family, 3, float(x)).loss for family in notes_triangle.FAMILIES]
            for x in p
        ]
    )
    return notes_triangle.Result(
        feature_probabilities=p,
        weights=np.zeros((2, 2, 2, 3)),
        biases=np.zeros((2, 2, 3)),
        losses=exact.min(1)[:, None] * np.ones((2, 2)),
        names=((names[0],) * 2, (names[1],) * 2),
        family_losses=exact,
        crossing=phase_boundary(*notes_triangle.FAMILIES, n_features=3),
        best_losses=exact.min(1),
        best_names=best,
    )


def test_triangles_are_counted_below_the_crossing_only() -> None:
    right = ("digon + monosemantic", "triangle")
    assert _verdicts(notes_triangle.check([_triangles(right, right)])) == [False, True, True]
    drawn = _triangles(("triangle", "triangle"), right)
    assert _verdicts(notes_triangle.check([drawn])) == [True, True, True]
    other = _triangles(right, ("triangle", "triangle"))
    dearer = dataclasses.replace(other, losses=1.5 * other.losses)
    assert _verdicts(notes_triangle.check([dearer])) == [False, False, False]


def test_the_reason_against_triangles_is_a_loss() -> None:
    right = ("digon + monosemantic", "triangle")
    why = notes_triangle.check([_triangles(right, right)]).claims[0].why
    assert "0.003319" in why
    assert "0.003748" in why


def _intro(names: tuple[str, str, str], excess: float) -> intro.Result:
    return intro.Result(
        sparsities=np.array([0.0, 0.8, 0.9]),
        decays=np.array([0.9]),
        weights=np.zeros((1, 3, 1, 2, 5)),
        biases=np.zeros((1, 3, 1, 5)),
        losses=np.full((1, 3, 1), 1.0 + excess),
        names=(tuple((name,) for name in names),),
        best_losses=np.ones((1, 3)),
        best_names=(("monosemantic + monosemantic, 3 dropped", "pentagon", "pentagon"),),
        best_weights=np.ones((1, 3, 2, 5)),
    )


def test_the_introduction_is_checked_picture_by_picture() -> None:
    shown = ("monosemantic + monosemantic, 3 dropped", "digon + digon, 1 dropped", "pentagon")
    assert intro.check([_intro(shown, 0.0)]).verdict == "pass"
    outcome = intro.check([_intro((shown[2], shown[2], shown[0]), 0.5)])
    assert outcome.verdict == "fail"
    assert "training did not reach it" in outcome.claims[0].why
    assert "not that either but pentagon" in outcome.claims[1].why


@pytest.mark.parametrize(
    ("W", "phase"),
    [
        ([[1, 0, 0], [0, 1, 0]], "orthogonal"),
        ([[1, -1, 0, 0], [0, 0, 1, -1]], "digons"),
        ([[1, -0.5, -0.5], [0, 0.866, -0.866]], "polygons"),
        ([[1, -1, 0], [0, 0, 1]], "other"),
        ([[1, 0.9], [0.0, 0.4]], "other"),
    ],
)
def test_phases_of_flat_models(W: list[list[float]], phase: str) -> None:
    assert ten_in_two.phase_of(reports_of(np.array([W], dtype=float))[0]) == phase


def _ten(phases: tuple[str, ...], directions: tuple[int, ...]) -> ten_in_two.Result:
    p = np.array([1.0, 0.3, 0.1, 0.05])
    return ten_in_two.Result(
        feature_probabilities=p,
        weights=np.ones((4, 1, 2, 10)),
        biases=np.zeros((4, 1, 10)),
        losses=np.ones((4, 1)),
        trained_losses=np.full((4, 1), 1.03),
        names=tuple((phase,) for phase in phases),
        phases=tuple((phase,) for phase in phases),
        directions=np.array(directions)[:, None],
        family_losses=np.ones((4, len(ten_in_two.FAMILIES))),
        boundaries=np.array([np.nan, 0.64, 0.2249, 0.07, 0.01]),
    )


def test_the_order_of_phases_is_checked() -> None:
    good = _ten(("orthogonal", "digons", "polygons", "polygons"), (2, 4, 5, 6))
    assert ten_in_two.check([good]).verdict == "pass"
    assert "+3.0% before the descent" in ten_in_two.check([good]).claims[-1].found
    assert ten_in_two.changes(good) == [
        ("orthogonal", "digons", 0.3, 1.0),
        ("digons", "polygons", 0.1, 0.3),
    ]
    back = _ten(("other", "digons", "polygons", "digons"), (2, 4, 5, 4))
    assert _verdicts(ten_in_two.check([back])) == [False, False, False, False, True]
    # A triangle before the digons breaks the order, but not the border that comes after them.
    early = _ten(("other", "polygons", "digons", "polygons"), (2, 3, 4, 5))
    p = np.array([1.0, 0.7, 0.3, 0.1])
    early = dataclasses.replace(early, feature_probabilities=p)
    assert _verdicts(ten_in_two.check([early])) == [False, False, True, True, True]
    dear = dataclasses.replace(good, losses=1.1 * good.losses)
    assert _verdicts(ten_in_two.check([dear]))[-1] is False


# -- falling importance -----------------------------------------------------------------------


def test_the_best_matching_is_the_optimum_of_small_models() -> None:
    importance = np.array([1.0, 0.9, 0.8])
    loss, pairs = notes_importance.best_matching(importance, 2, 0.1)
    best = best_configuration(3, 2, 0.1, importance, n_starts=30)
    assert best.name == "digon + monosemantic"
    assert pairs == ((1, 2),)
    assert loss == pytest.approx(best.loss, rel=1e-6)


def test_nothing_is_paired_that_is_better_dropped() -> None:
    loss, pairs = notes_importance.best_matching(np.array([1.0, 0.01]), 1, 0.3)
    assert pairs == ()
    assert loss == pytest.approx(0.01 * dropped_loss(0.3), rel=1e-9)


def test_claims_about_falling_importance_can_fail() -> None:
    experiment = get_experiment("notes-importance")
    config = dataclasses.replace(
        experiment.smoke, n_features=6, n_hidden=4, n_models=2, n_steps=1500,
        feature_probabilities=(1.0,),
    )  # fmt: skip
    result = experiment.run(config, 0, Trainer())
    assert experiment.check([result]).claims[0].holds
    assert np.all(result.losses.min(1) > (1.0 - 1e-3) * result.matching_losses)
    flat = dataclasses.replace(
        result,
        dimensionalities=np.tile([0.5, 0.5, 0.0, 0.5, 0.5, 0.5], (1, 1)),
        components=(("pentagon",),),
        losses=2.0 * result.losses,
    )
    held = _verdicts(experiment.check([flat]))
    assert held[0] is held[1] is held[3] is held[4] is False


@pytest.mark.usefixtures("short_evaluations")
@pytest.mark.parametrize(
    ("name", "small"),
    [
        ("notes-triangle", {"n_models": 3, "n_steps": 500}),
        ("intro", {"sparsities": (0.9,), "decays": (1.0,), "n_models": 2, "n_steps": 200}),
        pytest.param("intro", {"n_models": 2, "n_steps": 300}, marks=pytest.mark.slow),
        pytest.param(
            "ten-in-two",
            {"n_points": 3, "rarest": 0.1, "n_models": 2, "n_steps": 300},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_a_small_run_is_checked_and_drawn(name: str, small: dict[str, Any]) -> None:

    experiment = get_experiment(name)
    result = experiment.run(dataclasses.replace(experiment.smoke, **small), 0, Trainer())
    assert isinstance(experiment.check([result]).to_dict(), dict)
    assert get_experiment(name).draw([result]).axes
