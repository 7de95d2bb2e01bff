"""Symmetric optima, boundaries and phase diagrams of features that depend on each other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import partial
from itertools import compress, permutations, product
from typing import Any

import numpy as np
import pytest
from matplotlib.figure import Figure
from scipy.optimize import minimize

from geomsup.errors import GeomsupError
from geomsup.plotting import plot_family_losses, plot_phase_diagram
from geomsup.shapes import get_shape
from geomsup.theory import (
    FeatureModel,
    FeatureSet,
    PhaseDiagram,
    best_configuration,
    critical_together,
    expected_loss,
    family_losses,
    pair_map,
    phase_boundary,
    phase_diagram,
    symmetric_optimum,
)

Joint = dict[tuple[tuple[bool, ...], tuple[int, ...]], Fraction]

GATED = FeatureSet(size=3, probability=0.25, together=0.5)
EQUAL = FeatureSet(size=2, probability=0.25, together=0.75, equal_values=0.5)
EXCLUSIVE = FeatureSet(size=3, probability=(0.125, 0.25, 0.5), presence="exclusive")
UNLIKE = FeatureSet(size=3, probability=(0.25, 0.5, 0.25), presence="independent", equal_values=0.5)
APART = FeatureSet(size=2, probability=(0.25, 0.5), presence="independent")
ONE = FeatureSet(size=1, probability=0.25)
MODELS = {
    "gated and alone": FeatureModel((GATED, ONE, ONE)),
    "equal, twice": FeatureModel((EQUAL, EQUAL)),
    "exclusive and independent": FeatureModel((EXCLUSIVE, APART)),
    "unlike and equal": FeatureModel((UNLIKE, EQUAL)),
    "fixed": FeatureModel((GATED, APART), values="fixed", magnitude=2.0),
    "always and never": FeatureModel(
        (FeatureSet(size=2, probability=1.0), FeatureSet(size=2, probability=0.0), ONE)
    ),
    "hardly ever": FeatureModel.pairs(2, 1e-7, together=0.5),
}
COLLAPSED = "digon(1 & 2, 3 & 4) + monosemantic(5 & 6)", "triangle(1 & 2, 3 & 4, 5 & 6)"


# ------------------------------------------------------------ the distribution of some features


def _joint(model: FeatureModel) -> Joint:
    """Who is present, and whose values are equal, from the definition of a set."""
    joint: Joint = {((), ()): Fraction(1)}
    for number, one in enumerate(model.sets):
        p = [Fraction(value) for value in one.probabilities]
        gate, equal = Fraction(one.gate), Fraction(one.equal_values)
        of_set: Joint = {}
        for there in product((False, True), repeat=one.size):
            alone = Fraction(1)
            for here, chance in zip(there, p, strict=True):
                alone *= chance if here else 1 - chance
            chance = (1 - gate) * alone
            if all(there) or not any(there):
                chance += gate * (p[0] if all(there) else 1 - p[0])
            if one.presence == "exclusive":
                by_number = [1 - sum(p), sum(compress(p, there)), *[Fraction()] * one.size]
                chance = Fraction(by_number[sum(there)])
            for same, share in ((False, 1 - equal), (True, equal)):
                # A number for each present value; the same number is the same value.
                values = tuple(
                    (100 * number + (99 if same and sum(there) > 1 else k)) if here else -1
                    for k, here in enumerate(there)
                )
                of_set[there, values] = of_set.get((there, values), Fraction()) + chance * share
        joint = {
            (there + more, values + others): chance * share
            for (there, values), chance in joint.items()
            for (more, others), share in of_set.items()
            if chance * share
        }
    return joint


def _taken(joint: Joint, features: Sequence[int]) -> Joint:
    """The same of some features, in this order; values numbered by their first features."""
    taken: Joint = {}
    for (there, values), chance in joint.items():
        some = [values[k] for k in features]
        key = tuple(there[k] for k in features), tuple(some.index(value) for value in some)
        taken[key] = taken.get(key, Fraction()) + chance
    return taken


@pytest.mark.parametrize("name", MODELS)
def test_what_is_left_of_a_model_is_the_marginal(name: str) -> None:
    model = MODELS[name]
    joint = _joint(model)
    assert sum(joint.values()) == 1
    rng = np.random.default_rng(0)
    for _ in range(12):
        features = np.flatnonzero(rng.random(model.n_features) < 0.5)
        if not len(features):
            continue
        left = model.restricted(features)
        assert _taken(_joint(left), range(len(features))) == _taken(joint, features.tolist())
        at = np.ix_(features, features)
        np.testing.assert_array_equal(left.second_moments, model.second_moments[at])
        np.testing.assert_array_equal(left.mean, model.mean[features])
    everything = model.restricted(range(model.n_features))
    assert everything.feature_probability.tolist() == model.feature_probability.tolist()


@pytest.mark.parametrize("name", [name for name in MODELS if name != "always and never"])
def test_relations_know_which_features_are_interchangeable(name: str) -> None:
    model = MODELS[name]
    joint, n = _joint(model), model.n_features
    relations = model.relations()
    plain = _taken(joint, range(n))
    for order in permutations(range(n)):
        kept = np.array_equal(relations[np.ix_(order, order)], relations)
        assert kept == (_taken(joint, order) == plain), order


@pytest.mark.parametrize("features", [[], [1, 0], [0, 0], [4], [-1], 2, ["a"], [0.5]])
def test_features_that_are_none_are_refused(features: Any) -> None:
    with pytest.raises(GeomsupError, match="features must be"):
        FeatureModel.pairs(2, 0.1).restricted(features)


# ------------------------------------------------------------------------------- symmetric optima


def _best_of_the_family(
    shape: str, places: list[int], model: FeatureModel, importance: np.ndarray
) -> float:
    """By another optimiser, with the orbits of the permutations that change nothing as classes."""
    vertices = get_shape(shape).vertices[places]
    n, cosines, relations = len(places), np.round(vertices @ vertices.T, 9), model.relations()
    orbit = np.arange(n)
    for order in permutations(range(n)):
        at = np.ix_(order, order)
        same = np.array_equal(cosines[at], cosines) and np.array_equal(relations[at], relations)
        if same and np.array_equal(importance[list(order)], importance):
            for k in range(n):
                orbit[orbit == max(orbit[k], orbit[order[k]])] = min(orbit[k], orbit[order[k]])
    classes = np.unique(orbit, return_inverse=True)[1]
    members = np.eye(classes.max() + 1)[classes]
    count = members.shape[1]

    def loss(x: np.ndarray) -> tuple[float, np.ndarray]:
        norms, biases = members @ x[:count] ** 2, members @ x[count:]
        found = expected_loss((vertices * norms[:, None]).T, biases, model, importance, tol=1e-6)
        of_norms = np.sum(found.grad_W.T * vertices, axis=1) @ members
        slope = np.concatenate([2.0 * x[:count] * of_norms, found.grad_b @ members])
        return found.loss / scale, slope / scale

    scale = float(importance @ np.diag(model.second_moments))
    rng = np.random.default_rng(1)
    ends = [
        minimize(
            loss,
            np.concatenate([rng.uniform(0.3, 1.2, count), rng.normal(0.0, 0.2, count)]),
            jac=True,
            options={"gtol": 1e-9},
        ).fun
        for _ in range(3)
    ]
    return scale * min(ends)


@pytest.mark.parametrize(
    ("shape", "places", "model", "importance"),
    [
        ("digon", [0, 1], FeatureModel((EQUAL,)), [1.0, 1.0]),
        ("digon", [0, 1], FeatureModel((EQUAL,)), [1.0, 0.3]),
        ("digon", [0, 1], FeatureModel.pairs(1, 0.25, together=0.5), [1.0, 1.0]),
        ("digon", [0, 1], FeatureModel.pairs(1, 0.25, presence="exclusive"), [1.0, 1.0]),
        ("digon", [0, 1], FeatureModel.pairs(1, 0.25, values="fixed"), [1.0, 1.0]),
        ("triangle", [0, 1, 2], FeatureModel((EQUAL, ONE)), [1.0, 1.0, 1.0]),
        ("triangle", [0, 1, 2], FeatureModel((EXCLUSIVE,)), [1.0, 1.0, 1.0]),
        ("triangle", [0, 1, 1, 2], FeatureModel((GATED, ONE)), [1.0, 1.0, 1.0, 1.0]),
        ("monosemantic", [0, 0, 0], FeatureModel((GATED,)), [1.0, 1.0, 1.0]),
        ("digon", [0, 1, 0], FeatureModel((GATED,), values="fixed"), [1.0, 1.0, 1.0]),
        ("triangle", [0, 1, 2], FeatureModel.independent(3, (0.1, 0.2, 0.4)), [1.0, 1.0, 0.5]),
    ],
)
def test_the_optimum_of_a_family(
    shape: str, places: list[int], model: FeatureModel, importance: list[float]
) -> None:
    groups = [
        " & ".join(str(k + 1) for k, place in enumerate(places) if place == vertex)
        for vertex in range(max(places) + 1)
    ]
    best = symmetric_optimum(f"{shape}({', '.join(groups)})", len(places), model, importance)
    other = _best_of_the_family(shape, places, model, np.array(importance))
    assert best.loss == pytest.approx(other, rel=1e-7, abs=1e-12)
    again = expected_loss(best.W, best.b, model, importance)
    assert again.loss == pytest.approx(best.loss, rel=1e-12, abs=1e-15)


@pytest.mark.parametrize("name", MODELS)
def test_factors_and_dropped_features_add_up(name: str) -> None:
    model = MODELS[name]
    n = model.n_features
    importance = np.linspace(1.0, 2.0, n)
    for shape in ("digon(1, 4)", "monosemantic(3) + digon(2, 1)", "digon + monosemantic(1 & 3)"):
        best = symmetric_optimum(shape, n, model, importance)
        again = expected_loss(best.W, best.b, model, importance, tol=1e-9)
        assert best.loss == pytest.approx(again.loss, rel=1e-11, abs=1e-16)
        assert best.features == (None if model.is_independent else model)
        assert np.sum(np.all(best.W == 0.0, axis=0)) >= best.n_dropped
        dropped = sorted(set(range(n)) - _features_in(best.shape, n))
        assert best.n_dropped == len(dropped)
        np.testing.assert_array_equal(best.b[dropped], model.mean[dropped])


def _features_in(shape: str, n: int) -> set[int]:
    said = {int(k) - 1 for k in "".join(c if c.isdigit() else " " for c in shape).split()}
    free = [k for k in range(n) if k not in said]
    return said | set(free[: 2 if "digon ⊕" in shape else 0])


def test_a_search_is_never_above_the_family() -> None:
    model = FeatureModel((EQUAL, EQUAL))
    best = best_configuration(4, 2, model, n_starts=3)
    for shape in ("digon(1, 3) + digon(2, 4)", "monosemantic(1 & 2) + monosemantic(3 & 4)"):
        assert best.loss <= symmetric_optimum(shape, 4, model).loss * (1.0 + 1e-9)


def test_features_that_exclude_each_other_share_a_line_for_nothing() -> None:
    model = FeatureModel.pairs(2, 0.2, presence="exclusive")
    partners = symmetric_optimum("digon + digon", 4, model)
    assert partners.loss < 1e-15
    strangers = symmetric_optimum("digon(1, 3) + digon(2, 4)", 4, model)
    assert strangers.loss == symmetric_optimum("digon + digon", 4, 0.2).loss


def test_the_loss_of_a_family_against_samples() -> None:
    model = FeatureModel((EQUAL, EQUAL))
    best = symmetric_optimum("digon(1, 3) + monosemantic(2 & 4)", 4, model)
    rng = np.random.default_rng(3)
    size = 200_000
    x = np.empty((size, 4))
    for at in (0, 2):
        gate = rng.random((size, 1)) < EQUAL.together
        there = np.where(gate, rng.random((size, 1)), rng.random((size, 2))) < 0.25
        same = rng.random((size, 1)) < EQUAL.equal_values
        x[:, at : at + 2] = there * np.where(same, rng.random((size, 1)), rng.random((size, 2)))
    errors = np.sum((x - np.maximum(x @ best.W.T @ best.W + best.b, 0.0)) ** 2, axis=1)
    assert abs(errors.mean() - best.loss) < 4.0 * errors.std() / size**0.5


def test_a_model_of_independent_features_is_a_plain_p() -> None:
    model = FeatureModel((FeatureSet(size=3, probability=0.2, together=0.0),))
    for shape in ("triangle", "digon + monosemantic", "digon(3, 1)"):
        one, other = (symmetric_optimum(shape, 3, data) for data in (model, 0.2))
        assert one.loss == other.loss
        assert str(one) == str(other)
        np.testing.assert_array_equal(one.W, other.W)
    unequal = FeatureModel.independent(3, (0.1, 0.2, 0.4))
    by_model, by_list = (symmetric_optimum("triangle", 3, x) for x in (unequal, [0.1, 0.2, 0.4]))
    assert by_model.loss == by_list.loss
    assert str(by_list).startswith("triangle at p = 0.1, 0.2, 0.4: loss")
    assert len(by_list.parameters[0]["norm2"]) == 3


def test_a_figure_that_is_a_sum_is_taken_apart_with_its_features() -> None:
    best = symmetric_optimum("square(4, 1, 3, 2)", 4, FeatureModel.pairs(2, 0.1))
    assert best.shape == "digon(4, 1) ⊕ digon(3, 2)"
    assert [p["name"] for p in best.parameters] == ["digon", "digon"]
    assert best.W[:, 0] @ best.W[:, 3] < -0.9
    assert best.W[:, 0] @ best.W[:, 1] == 0.0


# ------------------------------------------------------------------------------------- boundaries


def _pairs(n_pairs: int, **options: Any) -> Callable[[float], FeatureModel]:
    return lambda p: FeatureModel.pairs(n_pairs, p, **options)


@pytest.mark.parametrize("p", [0.01])
def test_the_critical_correlation_has_a_closed_form(p: float) -> None:
    c = phase_boundary(
        "digon",
        "monosemantic(1 & 2)",
        n_features=2,
        features=lambda c: FeatureModel.pairs(1, p, together=c),
        between=(0.57, 0.67),
    )
    assert c == pytest.approx(critical_together(p), abs=1e-8)


def test_a_boundary_of_the_shipped_map() -> None:
    (shipped,) = [
        each.at
        for each in pair_map(3, 2).lines[-1].boundaries
        if (each.below, each.above) == ("3 collapsed: digon ⊕ 1", "3 collapsed: triangle")
    ]
    p = phase_boundary(*COLLAPSED, n_features=6, features=_pairs(3), between=(0.43, 0.5))
    assert p == pytest.approx(shipped, abs=1e-6)


@pytest.mark.parametrize(
    ("a", "b", "features", "between"),
    [
        (
            "digon(1, 3) + digon(2, 4)",
            "monosemantic(1 & 2) + monosemantic(3 & 4)",
            _pairs(2, equal_values=0.5),
            (0.05, 0.4),
        ),
        (  # a set of three beside one alone
            "digon(1, 4) + monosemantic(2)",
            "monosemantic(1 & 2 & 3) + monosemantic(4)",
            lambda c: FeatureModel((FeatureSet(size=3, probability=0.2, together=c), ONE)),
            (0.2, 1.0),
        ),
        (
            "digon(1, 3) + digon(2, 4)",
            "monosemantic(1 & 2) + monosemantic(3 & 4)",
            _pairs(2, values="fixed", together=0.5),
            (0.02, 0.4),
        ),
    ],
)
def test_at_a_boundary_two_exact_losses_are_equal(
    a: str, b: str, features: Callable[[float], FeatureModel], between: tuple[float, float]
) -> None:
    at = phase_boundary(a, b, n_features=4, features=features, between=between)

    def losses(x: float) -> list[float]:
        model = features(x)
        found = [symmetric_optimum(shape, 4, model) for shape in (a, b)]
        return [expected_loss(best.W, best.b, model).loss for best in found]

    assert losses(at)[0] == pytest.approx(losses(at)[1], rel=1e-9)
    below, above = losses(at - 1e-3), losses(at + 1e-3)
    assert (below[0] - below[1]) * (above[0] - above[1]) < 0.0


def test_the_importance_of_the_last_feature_at_fixed_data() -> None:
    # The more it matters, the less it likes to be opposed to one of a pair that may collapse.
    model = FeatureModel((FeatureSet(size=2, probability=0.1), ONE))
    shapes = "digon(1, 3) + monosemantic(2)", "monosemantic(1 & 2) + monosemantic(3)"
    r = phase_boundary(*shapes, n_features=3, feature_probability=model, between=(0.9, 20.0))
    optima = [symmetric_optimum(shape, 3, model, [1.0, 1.0, r]) for shape in shapes]
    losses = [expected_loss(best.W, best.b, model, [1.0, 1.0, r]).loss for best in optima]
    assert losses[0] == pytest.approx(losses[1], rel=1e-8)
    below, above = (
        [symmetric_optimum(shape, 3, model, [1.0, 1.0, x]).loss for shape in shapes]
        for x in (0.98 * r, 1.02 * r)
    )
    assert below[0] < below[1]
    assert above[0] > above[1]


def test_a_line_of_independent_features_is_that_of_p() -> None:
    shapes, grid = ["triangle", "digon + monosemantic"], [0.52, 0.6]
    plain = family_losses(shapes, 3, grid)
    line = family_losses(shapes, 3, grid, features=lambda q: FeatureModel.independent(3, q))
    np.testing.assert_array_equal(line.losses, plain.losses)
    assert [x[0] for x in line.boundaries] == pytest.approx([plain.boundaries[0][0]], abs=1e-9)
    np.testing.assert_allclose(line.zero_output_loss, plain.zero_output_loss, rtol=1e-14)
    assert (plain.along, line.along) == ("p", "q")
    assert "q = 0.52" in str(line)
    of_a_method = family_losses(["digon"], 2, [0.1], features=partial(FeatureModel.pairs, 1))
    assert of_a_method.along == "p"


def test_families_along_a_correlation_are_drawn_beside_their_zero_output() -> None:
    losses = family_losses(
        ["digon", "monosemantic(1 & 2)"],
        2,
        [0.2, 0.9],
        features=lambda c: FeatureModel.pairs(1, 0.01, together=c, values="fixed", magnitude=3.0),
    )
    assert losses.lowest == ("digon", "monosemantic(1 & 2)")
    assert losses.zero_output_loss == pytest.approx([2 * 0.01 * 9.0] * 2, rel=1e-14)
    axes = plot_family_losses(losses, ax=Figure().add_subplot())
    assert axes.get_xlabel() == "c"
    assert axes.lines[0].get_ydata()[0] == pytest.approx(losses.losses[0, 0] / 0.18)  # type: ignore[index]
    written = losses.to_dict()
    assert FeatureModel.from_dict(written["models"][1]) == losses.models[1]  # type: ignore[index]


# -------------------------------------------------------------------------------- phase diagrams


def test_the_diagram_of_pairs_agrees_with_searches() -> None:
    p, r = [0.05, 0.4], [0.3, 1.0]
    diagram = phase_diagram(
        4, 2, feature_probability=p, relative_importance=r, features=_pairs(2), n_starts=1
    )
    for i, j in ((0, 0), (1, 1)):
        model, importance = FeatureModel.pairs(2, p[i]), [1.0, 1.0, 1.0, r[j]]
        best = best_configuration(4, 2, model, importance, n_starts=5, seed=5)
        assert diagram.loss[i, j] == pytest.approx(best.loss, rel=1e-7)
        again = expected_loss(diagram.W[i, j], diagram.b[i, j], model, importance).loss
        assert diagram.loss[i, j] == pytest.approx(again, rel=1e-12)
    # Partners are never told apart, nor is the first pair from the second at equal importances.
    assert diagram.phases[diagram.phase[0, 1]] == "digon(1, 3) ⊕ digon(2, 4)"
    assert diagram.phases[diagram.phase[1, 1]] == "line(1, 2) ⊕ line(3, 4)"


def test_features_of_unequal_probability_keep_their_numbers() -> None:
    def features(q: float) -> FeatureModel:
        return FeatureModel.independent(3, (q, q / 4.0, q))

    options: dict[str, Any] = {"relative_importance": [1.0], "features": features}
    unit = phase_diagram(3, 2, feature_probability=[0.9], unit_norm=True, **options)
    # The second is dropped; were they alike, the dropped one would be called the third.
    assert unit.phases == ("1 ⊕ 3 (2 dropped)",)
    exact = phase_diagram(3, 2, feature_probability=[0.9], n_starts=4, **options)
    best = best_configuration(3, 2, features(0.9), n_starts=10)
    assert exact.loss[0, 0] == pytest.approx(best.loss, rel=1e-9)


@pytest.mark.parametrize(
    "features",
    [
        _pairs(2, together=0.6),
        lambda p: FeatureModel.pairs(2, p / 2.0, presence="exclusive"),
        _pairs(2, values="fixed", magnitude=0.5),
        lambda p: FeatureModel((FeatureSet(size=3, probability=p, equal_values=0.5), ONE)),
    ],
    ids=["together", "exclusive", "fixed", "three and one"],
)
def test_unit_vectors_of_features_in_sets(features: Callable[[float], FeatureModel]) -> None:
    p, r = [0.1, 0.7], [0.3, 1.0, 3.0]
    diagram = phase_diagram(
        4, 2, feature_probability=p, relative_importance=r, features=features, unit_norm=True
    )
    blocks = [(one, other) for one in _blocks() for other in _blocks() if not set(one) & set(other)]
    for i, j in np.ndindex(2, 3):
        model, importance = features(p[i]), [1.0, 1.0, 1.0, r[j]]
        losses = []
        for arranged in blocks:
            W, b = np.zeros((2, 4)), model.mean.copy()
            for row, block in enumerate(arranged):
                W[row, list(block)] = (1.0, -1.0)[: len(block)]
                b[list(block)] = 0.0
            losses.append(expected_loss(W, b, model, importance).loss)
        assert diagram.loss[i, j] == pytest.approx(min(losses), rel=1e-10, abs=1e-14)
        again = expected_loss(diagram.W[i, j], diagram.b[i, j], model, importance).loss
        assert again == pytest.approx(min(losses), rel=1e-10, abs=1e-14)


def _blocks() -> list[tuple[int, ...]]:
    return [(k,) for k in range(4)] + [(k, j) for k in range(4) for j in range(k + 1, 4)]


def test_a_diagram_of_independent_features_is_that_of_p() -> None:
    axes: dict[str, Any] = {"feature_probability": [0.1, 0.7], "relative_importance": [0.3, 1.0]}
    for unit_norm in (False, True):
        plain = phase_diagram(3, 2, unit_norm=unit_norm, **axes)
        same = phase_diagram(
            3, 2, unit_norm=unit_norm, features=lambda p: FeatureModel.independent(3, p), **axes
        )
        np.testing.assert_allclose(same.loss, plain.loss, rtol=1e-9)
        assert same.phases == plain.phases
        np.testing.assert_array_equal(same.phase, plain.phase)


def test_a_diagram_over_a_correlation_is_drawn_with_a_linear_axis() -> None:
    diagram = phase_diagram(
        4,
        2,
        feature_probability=[0.0, 0.5, 1.0],
        relative_importance=[0.5, 2.0],
        features=lambda c: FeatureModel.pairs(2, 0.2, together=c),
        unit_norm=True,
    )
    axes = plot_phase_diagram(diagram, ax=Figure().add_subplot())
    assert (axes.get_ylabel(), axes.get_yscale()) == ("c", "linear")
    assert axes.get_ylim() == pytest.approx((-0.25, 1.25))
    # At c = 0 all of equal importance are interchangeable, at c > 0 partners are.
    assert diagram.phases[diagram.phase[0, 0]] == "digon(1, 2) ⊕ digon(3, 4)"
    assert diagram.phases[diagram.phase[2, 0]] == "digon(1, 3) ⊕ digon(2, 4)"


@pytest.mark.parametrize(("n_phases", "beside"), [(7, False), (8, True)])
def test_many_names_stand_beside_the_picture(n_phases: int, beside: bool) -> None:
    diagram = PhaseDiagram(
        n_features=2,
        n_hidden=1,
        feature_probability=np.array([0.1]),
        relative_importance=np.geomspace(0.1, 1.0, n_phases),
        phases=tuple(f"{k} in 2" for k in range(n_phases)),
        phase=np.arange(n_phases, dtype=np.intp)[None],
        loss=np.zeros((1, n_phases)),
        unit_norm=False,
        W=np.zeros((1, n_phases, 1, 2)),
        b=np.zeros((1, n_phases, 2)),
    )
    axes = plot_phase_diagram(diagram, ax=Figure().add_subplot())
    axes.figure.draw_without_rendering()  # type: ignore[union-attr]
    legend = axes.get_legend()
    assert legend is not None
    assert (legend.get_window_extent().x0 > axes.get_window_extent().x1) == beside


# -------------------------------------------------------------------------------------- bad input


@pytest.mark.parametrize(
    ("features", "message"),
    [
        (0.1, "features must be a function of one number .* got 0.1"),
        (FeatureModel.pairs(2, 0.1), "features must be a function of one number"),
        (
            lambda: FeatureModel.pairs(2, 0.1),
            "with one number: too many",
        ),
        (lambda p, c: FeatureModel.pairs(2, p, together=c), "missing a required argument: 'c'"),
        (lambda p: p, "features must return a FeatureModel, got 0.2 at p = 0.2"),
        (lambda c: FeatureModel.pairs(3, c), "models of 4 features, got one of 6 at c = 0.2"),
        (
            lambda p: FeatureModel.pairs(2, 4 * p, presence="exclusive"),
            "no feature model at p = 0.2: members that exclude",
        ),
    ],
)
def test_a_function_that_makes_no_features_gets_one_clear_error(
    features: Any, message: str
) -> None:
    calls: list[Callable[[], object]] = [
        lambda: family_losses(["digon"], 4, [0.2], features=features),
        lambda: phase_diagram(4, 2, feature_probability=[0.2], features=features, unit_norm=True),
        lambda: phase_boundary(
            "digon", "triangle", n_features=4, features=features, between=(0.2, 0.9)
        ),
    ]
    for call in calls:
        with pytest.raises(GeomsupError, match=message):
            call()


@pytest.mark.parametrize(
    ("shape", "message"),
    [
        ("digon(1)", "a feature for each of 2 vertices"),
        ("digon(1, 2, 3)", "a feature for each of 2 vertices"),
        ("digon(0, 1)", "counted from one"),
        ("digon(1,, 2)", "a feature for each of 2 vertices"),
        ("digon(1, 2)(3, 4)", "a feature for each of 2 vertices"),
        ("digon(1 & 1, 2)", "has feature 1 twice"),
        ("digon(1, 2) + digon(2, 3)", "has feature 2 twice"),
        ("digon(1, 5)", "has feature 5, expected at most n_features = 4"),
        ("digon(1, 2) + triangle", "has 5 vertices, expected at most n_features = 4"),
        ("digon(a, b)", r"unknown shape 'digon\(a, b\)'"),
        ("digonn(1, 2)", "did you mean 'digon'"),
    ],
)
def test_features_that_no_shape_can_have(shape: str, message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        symmetric_optimum(shape, 4, FeatureModel.pairs(2, 0.1))


def test_what_goes_together_and_what_does_not() -> None:
    model = FeatureModel.pairs(2, 0.1)
    with pytest.raises(GeomsupError, match="give one of them"):
        phase_boundary(
            "digon", "triangle", n_features=4, features=_pairs(2), feature_probability=0.1
        )
    with pytest.raises(GeomsupError, match="a feature model of 3 features"):
        symmetric_optimum("triangle", 3, model)
    with pytest.raises(GeomsupError, match="feature_probability must ascend"):
        family_losses(["digon"], 4, [0.3, 0.2], features=_pairs(2))
    with pytest.raises(GeomsupError, match="c must lie in"):
        phase_diagram(4, 2, feature_probability=[0.5, 2.0], features=lambda c: model)
    with pytest.raises(GeomsupError, match=r"some c in \(0.1, 0.3\), got none"):
        phase_boundary(
            "digon",
            "digon(2, 1)",
            n_features=4,
            features=lambda c: FeatureModel.pairs(2, c),
            between=(0.1, 0.3),
        )
