"""Who computes what: layers whose answer is known, and what must not change it."""

from __future__ import annotations

import json
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.neurons import NeuronReport, and_report, asymmetric_motifs, neuron_report
from geomsup.neurons.assignments import side_gains
from geomsup.neurons.motifs import _dealt
from geomsup.plotting import plot_motif, plot_neurons

FloatArray = NDArray[np.float64]

# The motif of the paper: neuron 0 takes feature 0 with 2 and feature 1 with -1/2.
_W = np.array([[2.0, -0.5], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
_V = np.array([[0.5, 2.0], [0.0, -5.0], [1.0, 0.0], [0.0, 1.0]])


def _absolute(n: int) -> tuple[FloatArray, FloatArray]:
    """Two neurons for each of n features: |x| = ReLU(x) + ReLU(-x)."""
    return np.vstack([np.eye(n), -np.eye(n)]), np.vstack([np.eye(n), np.eye(n)])


def _minimum(n: int) -> tuple[FloatArray, FloatArray]:
    """Two neurons for each of n pairs: min(a, b) = ReLU(a) - ReLU(a - b) for positive a and b."""
    W, V = np.zeros((2 * n, 2 * n)), np.zeros((2 * n, 2 * n))
    for i in range(n):
        W[2 * i, 2 * i] = 1.0
        W[2 * i + 1, 2 * i : 2 * i + 2] = 1.0, -1.0
        V[2 * i, 2 * i : 2 * i + 2] = 1.0
        V[2 * i + 1, 2 * i : 2 * i + 2] = -1.0
    return W, V


def _planted(rng: np.random.Generator, n_pairs: int = 6) -> tuple[FloatArray, FloatArray]:
    """Pairs of features that share a neuron as in the paper, each inhibited by a neuron of its own,
    whose other sides have neurons of their own; and weights by which nothing happens."""
    n, m = 2 * n_pairs, 5 * n_pairs
    W, V = np.zeros((m, n)), np.zeros((m, n))
    for k in range(n_pairs):
        a, b = 2 * k, 2 * k + 1
        W[k, [a, b]], V[k, [a, b]] = (2.0, -0.5), (0.5, 2.0)
        W[n_pairs + k, a], V[n_pairs + k, b] = 1.0, -5.0
        W[2 * n_pairs + k, a], V[2 * n_pairs + k, a] = -1.0, 1.0
        W[3 * n_pairs + k, b], V[3 * n_pairs + k, b] = 1.0, 1.0
    rest = slice(4 * n_pairs, m)
    W[rest] = rng.normal(size=(n_pairs, n))
    V[rest] = 0.01 * rng.normal(size=(n_pairs, n))
    return W, V


def test_absolute_values_take_a_pair_of_neurons_for_each_feature(rng: np.random.Generator) -> None:
    W, V = _absolute(4)
    x = rng.uniform(-1, 1, (100, 4))
    np.testing.assert_allclose(np.maximum(x @ W.T, 0) @ V, np.abs(x))  # they do compute it
    report = neuron_report(W, V, signed=True)
    assert report.pairs == {i: (i, i + 4) for i in range(4)}
    assert report.counts() == {"monosemantic": 8, "polysemantic": 0, "unused": 0}
    assert {code.name for code in report.codes} == {"monosemantic"}
    assert (report.least_kept, report.most_omitted) == (1.0, 0.0)


def test_one_side_is_not_an_absolute_value() -> None:
    W, V = _absolute(3)
    report = neuron_report(W[:-1], V[:-1], signed=True)
    assert report.computed_features == (0, 1)
    assert 2 not in report.pairs
    assert report.features[2] == (2,)  # it takes part in the side that is computed


def test_two_neurons_for_each_pair_compute_minima(rng: np.random.Generator) -> None:
    W, V = _minimum(3)
    x = rng.random((100, 6))
    answers = np.maximum(x @ W.T, 0) @ V
    np.testing.assert_allclose(answers, np.repeat(np.minimum(x[:, ::2], x[:, 1::2]), 2, axis=1))
    report = and_report(W, V, np.zeros(6))
    assert report.computed_features == (0, 1, 2)
    assert report.features == ((0,), (0,), (1,), (1,), (2,), (2,))


@pytest.mark.parametrize(
    ("bias", "computed"), [(-1.0, (0,)), (0.0, ()), (-2.0, ())], ids=["and", "sum", "dead"]
)
def test_the_bias_of_the_output_makes_an_and_of_a_sum(
    bias: float, computed: tuple[int, ...]
) -> None:
    report = and_report([[1.0, 1.0]], [[1.0, 1.0]], [bias, bias])
    assert report.computed_features == computed


@pytest.mark.parametrize(
    ("sets", "n_neurons", "name", "family"),
    [
        ([{0, 1}, {0}, {1}], 2, "3-in-2", "all non-empty sets"),
        (list(combinations(range(4), 2)), 4, "6-in-4", "all pairs"),
        (list(combinations(range(5), 2)), 5, "10-in-5", "all pairs"),
        (list(combinations(range(4), 3)), 4, "4-in-4", "all triples"),
        ([{0, 1}, {1, 2}], 3, "2-in-3", ""),
        ([{0, 1}, {0, 1}], 2, "2-in-2", ""),
        ([{0}], 1, "monosemantic", ""),
    ],
)
def test_codes_are_named_from_who_fires(
    sets: list[set[int]], n_neurons: int, name: str, family: str
) -> None:
    W = np.full((n_neurons, len(sets)), -0.6)
    for i, own in enumerate(sets):
        W[list(own), i] = 0.8
    (code,) = neuron_report(W).codes
    assert (code.name, code.family) == (name, family)
    for word, own in zip(code.words, sets, strict=True):
        assert [sign == "+" for sign in word] == [k in own for k in range(n_neurons)]
        assert "0" not in word  # all others are held down


def test_codes_that_share_nothing_are_apart() -> None:
    W = np.zeros((4, 6))
    W[0, 0] = 1.0
    W[1:3, 1:4] = [[0.9, -0.8, 0.8], [0.9, 0.8, -0.8]]
    W[3, 4] = 1.0  # and feature 5 is dropped
    report = neuron_report(W)
    assert [code.name for code in report.codes] == ["3-in-2", "monosemantic", "monosemantic"]
    assert report.codes[0].features == ("1", "2", "3")
    assert report.codes[0].words == ("++", "-+", "+-")
    assert report.computed_features == (0, 1, 2, 3, 4)


@st.composite
def _layers(draw: st.DrawFn) -> tuple[FloatArray, FloatArray, np.random.Generator]:
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    shape = draw(st.integers(1, 8)), draw(st.integers(1, 8))
    return rng.normal(size=shape), rng.normal(size=shape), rng


@given(_layers(), st.booleans())
def test_neither_scale_nor_order_of_neurons_matters(
    layer: tuple[FloatArray, FloatArray, np.random.Generator], signed: bool
) -> None:
    """ReLU is positively homogeneous, so (αw, v/α) is the same neuron (Elhage et al. 2022)."""
    W, V, rng = layer
    # Powers of two keep the products exact, so that nothing near a threshold can change sides.
    scale = 2.0 ** rng.integers(-8, 9, size=(len(W), 1))
    order = rng.permutation(len(W))
    report = neuron_report(W, V, signed=signed)
    other = neuron_report((scale * W)[order], (V / scale)[order], signed=signed)
    np.testing.assert_array_equal(other.gains, report.gains[:, order])
    assert other.features == tuple(report.features[k] for k in order)
    found, again = (
        {
            (
                code.features,
                code.name,
                code.family,
                tuple(sorted(map(sorted, code.words))).__len__(),
            )
            for code in one.codes
        }
        for one in (report, other)
    )
    assert found == again


@given(_layers())
def test_features_carry_their_names_along(
    layer: tuple[FloatArray, FloatArray, np.random.Generator],
) -> None:
    W, V, rng = layer
    order = rng.permutation(W.shape[1])
    report, other = neuron_report(W, V), neuron_report(W[:, order], V[:, order])
    assert [{int(order[i]) for i in own} for own in other.features] == [
        set(own) for own in report.features
    ]


@given(_layers(), st.booleans())
def test_gains_are_slopes_of_the_model(
    layer: tuple[FloatArray, FloatArray, np.random.Generator], signed: bool
) -> None:
    """The gains of feature i add up to the answer V·ReLU(Wx) for i alone at ±1."""
    W, V, _ = layer
    for side, sign in zip(side_gains(W, V, signed=signed), (1.0, -1.0), strict=False):
        x = sign * np.eye(W.shape[1])
        answers = np.maximum(x @ W.T, 0.0) @ V
        np.testing.assert_allclose(side.sum(axis=0), np.diag(answers), rtol=0, atol=1e-12)


def test_the_motif_of_the_paper_is_found() -> None:
    (motif,) = asymmetric_motifs(_W, _V).motifs
    assert (motif.neuron, motif.strong, motif.weak, motif.inhibitors) == (0, "+0", "-1", (1,))
    assert (motif.asymmetry, motif.interference, motif.inhibition) == (16.0, 4.0, -5.0)


@pytest.mark.parametrize(
    ("change", "n_asymmetric"),
    [
        ({(1, 1): -3.9}, 1),  # not enough inhibition
        ({(1, 1): 5.0}, 1),  # excitation
        ({(0, 0): 2.0, (0, 1): 0.5}, 0),  # the second feature is lost: 2 · 2 and 1/2 · 1/2
    ],
)
def test_what_lacks_a_part_is_no_motif(
    change: dict[tuple[int, int], float], n_asymmetric: int
) -> None:
    V = _V.copy()
    for place, value in change.items():
        V[place] = value
    report = asymmetric_motifs(_W, V, n_draws=0)
    assert (report.motifs, report.n_asymmetric) == ((), n_asymmetric)


def test_symmetric_superposition_is_no_motif() -> None:
    W, V = _W.copy(), _V.copy()
    W[0], V[0] = (1.0, -1.0), (1.0, 1.0)
    assert asymmetric_motifs(W, V, n_draws=0).n_asymmetric == 0


def test_planted_motifs_are_beyond_chance(rng: np.random.Generator) -> None:
    W, V = _planted(rng)
    report = asymmetric_motifs(W, V)
    assert {(m.neuron, m.strong, m.weak) for m in report.motifs} == {
        (k, f"+{2 * k}", f"-{2 * k + 1}") for k in range(6)
    }
    assert report.n_asymmetric == 6
    assert report.expected < 2
    assert report.p_value < 0.01


def test_inhibition_without_aim_is_chance() -> None:
    """The p-value is a valid one (North et al. 2002): below α at most so often under the null.

    The inhibition of planted layers is dealt at random; p ≤ .1 in more than 20 of 100 of them has a
    probability below .2 %.
    """
    hits = 0
    for seed in range(100):
        rng = np.random.default_rng(seed)
        W, V = _planted(rng)
        computes: NDArray[np.bool_] = np.any(neuron_report(W, V, signed=True).members, axis=0)
        hits += asymmetric_motifs(W, _dealt(V, computes, rng), n_draws=99).p_value <= 0.1
    assert hits <= 20


def test_dealing_keeps_what_computes(rng: np.random.Generator) -> None:
    W, V = _planted(rng)
    computes: NDArray[np.bool_] = np.any(neuron_report(W, V, signed=True).members, axis=0)
    dealt = _dealt(V, computes, rng)
    np.testing.assert_array_equal(dealt[computes], V[computes])
    np.testing.assert_array_equal(np.sort(dealt, axis=0), np.sort(V, axis=0))
    assert (dealt != V).any()


@given(_layers())
def test_motifs_do_not_depend_on_the_scale_of_neurons(
    layer: tuple[FloatArray, FloatArray, np.random.Generator],
) -> None:
    W, V, rng = layer
    scale = 2.0 ** rng.integers(-8, 9, size=(len(W), 1))
    first = asymmetric_motifs(W, V, n_draws=0)
    second = asymmetric_motifs(scale * W, V / scale, n_draws=0)
    assert first.motifs == second.motifs
    assert first.n_asymmetric == second.n_asymmetric


def test_seeds_repeat(rng: np.random.Generator) -> None:
    W, V = _planted(rng)
    assert asymmetric_motifs(W, V, n_draws=20, seed=3) == asymmetric_motifs(
        W, V, n_draws=20, seed=3
    )


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: neuron_report([[1.0, 2.0]], [[1.0], [2.0]]), "W and V must have one shape"),
        (lambda: neuron_report([1.0, 2.0]), "2-D matrix"),
        (lambda: neuron_report([[np.nan, 1.0]]), "NaN"),
        (lambda: and_report([[1.0]], [[1.0]], [0.0]), "even number of columns, got 1"),
        (lambda: and_report([[1.0, 1.0]], [[1.0, 1.0]], [0.0]), "b must be 2 numbers"),
        (lambda: and_report([[1.0, 1.0]], [[1.0, 1.0]], [0.0, np.inf]), "got inf"),
        (lambda: asymmetric_motifs(_W, _V, least_asymmetry=1.0), "above 1, got 1"),
        (lambda: asymmetric_motifs(_W, _V, least_asymmetry="4"), "got .4."),  # type: ignore[arg-type]
        (lambda: asymmetric_motifs(_W, _V, n_draws=-1), "n_draws must be an integer"),
        (lambda: asymmetric_motifs(_W, _V, n_draws=True), "n_draws must be an integer"),
        (lambda: asymmetric_motifs(_W, _V, seed=-1), "seed must be an integer of at least 0"),
        (lambda: neuron_report([[1.0]], signed="yes"), "True or False"),  # type: ignore[arg-type]
        (lambda: plot_neurons([[1.0]], None), "NeuronReport, got NoneType"),  # type: ignore[arg-type]
        (lambda: plot_neurons([[1.0]], neuron_report([[1.0], [1.0]])), r"shape \(2, 1\)"),
        (lambda: plot_motif(_W, _V, None), "expected a Motif, got NoneType"),  # type: ignore[arg-type]
    ],
)
def test_bad_input_has_one_clear_error(call: object, message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        call()  # type: ignore[operator]


def test_a_report_goes_to_json_and_reads_well() -> None:
    report = neuron_report(_W, _V, signed=True)
    assert report.to_dict()["counts"] == report.counts()
    assert str(report).startswith("2 of 2 features computed by 4 neurons: 2 monosemantic")
    motifs = asymmetric_motifs(_W, _V, n_draws=9)
    assert motifs.to_dict()["motifs"][0]["neuron"] == 0
    assert "1 of 1 asymmetric pair" in str(motifs)


def test_nothing_computed_is_said() -> None:
    report = neuron_report([[0.1, 0.0], [0.0, 0.1]])
    assert isinstance(report, NeuronReport)
    assert report.codes == ()
    assert report.kinds == ("unused", "unused")
    assert str(report) == "0 of 2 features computed by 2 neurons: 2 unused"


def test_stacks_are_as_high_as_the_weights(rng: np.random.Generator) -> None:
    W = rng.normal(size=(3, 5))
    report = neuron_report(W)
    for options, expected in (
        ({}, W),
        ({"signed_bars": False}, np.abs(W)),
        ({"rescale": True}, W / np.abs(W).max(axis=1, keepdims=True)),
    ):
        axes = plot_neurons(W, report, ax=Figure().add_subplot(), **options)
        bars = [bar for bar in axes.patches if isinstance(bar, Rectangle)][: W.size]
        heights = np.array([bar.get_height() for bar in bars])
        np.testing.assert_allclose(
            np.sort(heights.reshape(5, 3).sum(axis=0)), np.sort(expected.sum(axis=1))
        )


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({"gains": np.ones((2, 3))}, "gains must have shape"),
        ({"gains": np.ones((3, 2, 2))}, "gains must have shape"),
        ({"gains": np.ones((1, 2, 3)), "strengths": np.ones((2, 3))}, "strengths must have shape"),
        ({"gains": np.ones((1, 2, 3)), "totals": np.ones(3)}, r"totals must have shape \(1, 3\)"),
    ],
)
def test_arrays_of_a_report_must_fit_together(arrays: dict[str, Any], says: str) -> None:
    with pytest.raises(GeomsupError, match=says):
        NeuronReport(**arrays)


def test_one_feature_on_two_neurons_is_no_family() -> None:
    (code,) = neuron_report([[0.8], [0.8]]).codes
    assert (code.name, code.family) == ("1-in-2", "")
    assert str(code) == "1-in-2 on neurons 0 1: 0 [++]"


def test_no_asymmetric_pair_is_said_in_words() -> None:
    report = asymmetric_motifs(np.eye(2), 0.9 * np.eye(2), n_draws=3)
    assert str(report) == "no neuron computes two features asymmetrically"


def test_the_null_of_the_motif_does_not_depend_on_the_scale_of_neurons() -> None:
    rng = np.random.default_rng(155)
    off = np.kron(np.eye(4), np.ones((2, 2))) == 0
    W = np.kron(np.eye(4), [[2, 0.5], [1, 0.05]]) + 0.1 * np.abs(rng.standard_normal((8, 8))) * off
    V = np.kron(np.eye(4), [[0.5, 2], [0, -5.0]])
    scales = 2.0 ** np.array([[7, 3, 0, -3, -3, -7, -7, -7]]).T  # exact in floating point
    one, other = (
        asymmetric_motifs(a, b, n_draws=300) for a, b in ((W, V), (W * scales, V / scales))
    )
    assert one.n_asymmetric == 4
    assert one == other


def test_neither_nor_nor_xnor_is_an_and() -> None:
    # NOR: 1 for nothing, 0 otherwise; its second difference is 1 as well.
    assert and_report([[1, 1]], [[-1, -1]], [1, 1]).computed_features == ()
    # XNOR: 1 where both are equal, ReLU(1 - a - b + 2 ReLU(a + b - 1)) with both present.
    W = [[1.0, -1.0], [-1.0, 1.0]]
    assert and_report(W, -np.ones((2, 2)), [1, 1]).computed_features == ()


@pytest.mark.parametrize(("size", "computed"), [(0.45, ()), (0.55, (0,))])
@pytest.mark.parametrize("baseline", [0.0, 0.3])
def test_a_baseline_neither_makes_nor_unmakes_an_and(
    size: float, computed: tuple[int, ...], baseline: float
) -> None:
    # size · min(x₀, x₁) above an answer that is always there.
    V = size * np.array([[1.0, 1.0], [-1.0, -1.0]])
    report = and_report([[1.0, 0.0], [1.0, -1.0]], V, [baseline, baseline])
    assert report.computed_features == computed


def test_a_neuron_that_tells_the_two_outputs_of_a_pair_apart_takes_part() -> None:
    report = and_report([[1, 1]], [[2, -2]], [-2, 0])
    assert report.kinds == ("monosemantic",) or report.computed_features == ()


def test_one_side_of_an_absolute_value_is_said() -> None:
    report = neuron_report([[1, 0], [0, 1], [0, -1]], [[1, 0], [0, 1], [0, 1]], signed=True)
    assert report.computed_features == (1,)
    assert str(report).startswith(
        "1 of 2 features computed, 1 more on one side only, by 3 neurons: 3 monosemantic"
    )


@pytest.mark.parametrize(("gain", "computed"), [(0.45, ()), (0.55, (0,))])
def test_a_gain_of_one_half_computes(gain: float, computed: tuple[int, ...]) -> None:
    assert neuron_report([[1.0]], [[gain]]).computed_features == computed
    # Several neurons add up to it.
    parts = neuron_report(np.ones((3, 1)), np.full((3, 1), gain / 3))
    assert parts.computed_features == computed
    assert parts.features == (computed,) * 3


@pytest.mark.parametrize(("share", "kind"), [(0.22, "unused"), (0.28, "monosemantic")])
def test_a_quarter_of_the_largest_gain_takes_part(share: float, kind: str) -> None:
    report = neuron_report(np.ones((2, 1)), [[1.0], [share]])
    assert report.kinds == ("monosemantic", kind)
    assert (report.least_kept, report.most_omitted) == (
        (1.0, share) if kind == "unused" else (share, 0.0)
    )
    # So does a quarter of it hold a neuron down.
    (code,) = neuron_report([[1.0, -share], [1.0, 1.0]], np.ones((2, 2))).codes
    assert code.words == ("++", "0+" if kind == "unused" else "-+")


def test_lines_are_not_crossed_by_rounding() -> None:
    for a in np.random.default_rng(0).lognormal(sigma=3.0, size=200):
        assert neuron_report([[a]], [[0.5 / a]]).computed_features == (0,)
        W, V = np.array([[1.0], [0.5 * a]]), np.array([[1.0], [0.5 / a]])
        assert neuron_report(W, V).features == ((0,), (0,))


def test_motifs_without_draws_go_to_json() -> None:
    report = asymmetric_motifs(_W, _V, n_draws=0)
    assert json.loads(json.dumps(report.to_dict(), allow_nan=False))["expected"] is None
    assert "by chance" not in str(report)
    far = np.array([[1e140, -1e-140], [1e140, 0], [-1, 0], [0, 1]])
    back = np.array([[1e-140, 1e140], [0, -1e141], [1, 0], [0, 1.0]])
    json.dumps(asymmetric_motifs(far, back, n_draws=3).to_dict(), allow_nan=False)


def test_a_motif_of_other_weights_is_not_drawn() -> None:
    (motif,) = asymmetric_motifs(_W, _V, n_draws=0).motifs
    for W, V in ((np.zeros((4, 2)), _V), (_W, _V[:3]), (_W[:, :1], _V[:, :1])):
        with pytest.raises(GeomsupError, match="not found in these weights"):
            plot_motif(W, V, motif)


def test_colours_go_by_side() -> None:
    # -0 has a neuron of its own; +0 shares one with +1.
    report = neuron_report([[1, 1], [-1, 0], [0, -1]], np.ones((3, 2)), signed=True)
    ax = plot_neurons([[1, 1], [-1, 0], [0, -1]], report, ax=Figure().add_subplot())
    colours = {
        (round(bar.get_y() + bar.get_height(), 6), round(bar.get_x(), 2)): bar.get_facecolor()
        for bar in ax.patches
        if isinstance(bar, Rectangle) and abs(bar.get_height()) == 1.0 and bar.get_width() < 0.9
    }
    ups = {colour for (top, _), colour in colours.items() if top > 0}
    downs = {colour for (top, _), colour in colours.items() if top < 0}
    assert len(ups) == len(downs) == 1
    assert ups != downs
