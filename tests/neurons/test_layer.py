"""A layer is read as its task asks, and what is said of its report."""

from __future__ import annotations

import numpy as np
import pytest

from geomsup.neurons import and_report, asymmetric_motifs, neuron_report
from geomsup.neurons.layer import Layer, clarity, frequent_codes

_W = np.array([[1.0, 0.0], [-1.0, 1.0], [0.0, -1.0]])
_V = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


@pytest.mark.parametrize("signed", [False, True])
def test_the_signs_of_features_are_heeded(signed: bool) -> None:
    report = Layer(W=_W, V=_V, signed=signed).report()
    np.testing.assert_array_equal(report.gains, neuron_report(_W, _V, signed=signed).gains)
    assert len(report.gains) == 1 + signed


def test_pairs_are_read_as_pairs() -> None:
    W = np.array([[1.0, 1.0], [1.0, 0.0], [0.0, 1.0]])
    b = np.array([-0.2, -0.2])
    layer = Layer(W=W, V=W, b=b, pairs=True)
    assert layer.report().n_columns == 2
    np.testing.assert_array_equal(layer.report().gains, and_report(W, W, b).gains)


def test_a_layer_is_tied_if_both_matrices_are_one() -> None:
    assert Layer(W=_W, V=_W.copy()).tied
    assert not Layer(W=_W, V=_V).tied


def test_motifs_are_those_of_both_matrices() -> None:
    W = np.array([[2.0, -0.5], [1.0, 0.0], [-1.0, 0.0], [0.0, 1.0]])
    V = np.array([[0.5, 2.0], [0.0, -5.0], [1.0, 0.0], [0.0, 1.0]])
    for signed in (False, True):
        expected = asymmetric_motifs(W, V, signed=signed)
        assert Layer(W=W, V=V, signed=signed).motifs().to_dict() == expected.to_dict()


def test_only_the_most_frequent_codes_are_listed() -> None:
    # Two pairs that share a neuron, and three features with a neuron each.
    W = np.zeros((5, 7))
    W[0, :2] = W[1, 2:4] = 0.8
    W[2, 4] = W[3, 5] = W[4, 6] = 1.0
    report = neuron_report(W)
    assert frequent_codes(report) == "3 × monosemantic + 2 × 2-in-1"
    assert frequent_codes(report, most=1) == "3 × monosemantic + 2 more"
    assert frequent_codes(neuron_report(0.1 * W)) == "nothing computed"


def test_clarity_speaks_where_there_is_something_near_the_line() -> None:
    assert clarity(neuron_report(np.eye(3))) == ""
    assert "sum of gains: 0.01," in clarity(neuron_report(0.1 * np.eye(2)))
    near = np.array([[1.0], [np.sqrt(0.2)], [np.sqrt(0.3)]])  # gains 1, .2 and .3
    assert "≥ 0.30 of the largest gain of the feature, the others ≤ 0.20" in clarity(
        neuron_report(near)
    )
