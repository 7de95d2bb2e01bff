"""Neurons that compute the AND of pairs of sparse features.

The absolute value asks a neuron for one feature.  Here each answer belongs to two, the smaller of
both values: features 0 and 1, features 2 and 3, and so on (``target="minimum"`` of the trainer).
For values of 0 and 1 that is x_0 AND x_1.  It can be done in several ways: exactly, by two neurons
for each pair, one of which is linear where it is at work,

    min(x_0, x_1) = x_0 − ReLU(x_0 − x_1),

or roughly, by one neuron and the bias of the output, ReLU(ReLU(x_0 + x_1) − 1).  So who takes part
is judged by what a neuron gives to the answer, and whether there is an AND by the interaction of
the two in the answer f of the whole model, the second difference
f(1, 1) − f(1, 0) − f(0, 1) + f(0, 0), which is one for the AND and zero for all that is linear.
"""

from __future__ import annotations

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.neurons.assignments import NeuronReport, layer_of
from geomsup.weights import per_feature

__all__ = ["and_report"]


def and_report(W: object, V: object, b: object) -> NeuronReport:
    """Say which neurons of a hidden ReLU layer compute which pairs.

    Parameters
    ----------
    W : array_like of shape (n_neurons, 2 n_pairs)
        Weights into the neurons; columns 2i and 2i + 1 are the two features of pair i.
    V : array_like of shape (n_neurons, 2 n_pairs)
        Weights out of them.  The two outputs of a pair have the same right answer; their mean
        counts.
    b : array_like of shape (2 n_pairs,)
        Biases of the outputs, which are ReLU.

    Returns
    -------
    NeuronReport
        Its "features" are the pairs.  The gain of neuron k for pair i is the largest answer, by its
        size, that it gives where one or both of the pair are 1.  A pair is computed if both the
        interaction, and what the answer to (1, 1) is above all others, are at least one half.

    Raises
    ------
    GeomsupError
        If W and V are not matrices of one shape with an even number of columns, or b does not fit.

    Examples
    --------
    The formula above, for two pairs:

    >>> from geomsup.neurons import and_report
    >>> W = [[1, 0, 0, 0], [1, -1, 0, 0], [0, 0, 1, 0], [0, 0, 1, -1]]
    >>> V = [[1, 1, 0, 0], [-1, -1, 0, 0], [0, 0, 1, 1], [0, 0, -1, -1]]
    >>> report = and_report(W, V, [0, 0, 0, 0])
    >>> report.computed_features, report.features
    ((0, 1), ((0,), (0,), (1,), (1,)))
    """
    into, out_of = layer_of(W, V)
    if into.shape[1] % 2:
        raise GeomsupError(
            f"features come in pairs, so W must have an even number of columns, got {into.shape[1]}"
        )
    first, second = into[:, ::2], into[:, 1::2]
    bias = np.asarray(per_feature(b, "b", into.shape[1], low=-np.inf, high=np.inf, scalar=False))
    outputs = out_of[:, ::2], out_of[:, 1::2]
    biases = bias[::2], bias[1::2]
    drives = {"both": first + second, "first": first, "second": second, "none": 0.0 * first}
    fired = {inputs: np.maximum(drive, 0.0) for inputs, drive in drives.items()}
    answers = {
        inputs: np.mean(
            [
                np.maximum((active * out).sum(axis=0) + c, 0.0)
                for out, c in zip(outputs, biases, strict=True)
            ],
            axis=0,
        )
        for inputs, active in fired.items()
    }
    interaction = answers["both"] - answers["first"] - answers["second"] + answers["none"]
    # NOR has an interaction of one as well.
    lead = answers["both"] - np.max([answers[name] for name in drives if name != "both"], axis=0)
    weight = np.mean(np.abs(outputs), axis=0)
    gains = np.max([active * weight for active in fired.values()], axis=0)
    return NeuronReport(gains=gains[None], totals=np.minimum(interaction, lead)[None], n_columns=2)
