"""A hidden layer and what it is asked to compute, so that whoever has one need not choose."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.neurons.assignments import NeuronReport, neuron_report
from geomsup.neurons.chance import OwnOutputs, RandomBasis, own_outputs, random_basis
from geomsup.neurons.gates import and_report
from geomsup.neurons.motifs import MotifReport, asymmetric_motifs

__all__ = ["Layer", "clarity", "frequent_codes"]

FloatArray = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class Layer:
    """A layer h = ReLU(Wx), y = g(Vᵀh + b), and its task.

    Parameters
    ----------
    W, V : ndarray of shape (n_neurons, n_features)
        Weights into and out of the neurons; the same in a tied layer.
    b : ndarray of shape (n_features,), optional
        Biases of the outputs; what computes pairs needs them.
    signed : bool, default False
        Whether features take both signs, and outputs are their absolute values.
    pairs : bool, default False
        Whether outputs are the ANDs of pairs of features.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup.neurons.layer import Layer
    >>> W = np.array([[1.0, 0.7, 0.0], [0.0, 0.7, 1.0]])
    >>> layer = Layer(W=W, V=W)
    >>> layer.tied, layer.report().features
    (True, ((0, 1), (1, 2)))
    """

    W: FloatArray
    V: FloatArray
    b: FloatArray | None = None
    signed: bool = False
    pairs: bool = False

    @property
    def tied(self) -> bool:
        """Whether the weights out of the neurons are those into them."""
        return np.array_equal(self.W, self.V)

    def report(self) -> NeuronReport:
        """Who computes what, read as the task asks."""
        if self.pairs:
            return and_report(self.W, self.V, self.b)
        return neuron_report(self.W, self.V, signed=self.signed)

    def motifs(self) -> MotifReport:
        """Asymmetric superposition with inhibition; there is none in tied layers."""
        return asymmetric_motifs(self.W, self.V, signed=self.signed)

    def own_outputs(self) -> OwnOutputs | None:
        """Whether inputs reach their own outputs more than by chance; None of a tied layer."""
        return None if self.tied else own_outputs(self.W, self.V, signed=self.signed)

    def random_basis(self, report: NeuronReport) -> RandomBasis | None:
        """A report whose codes are too large to read, beside chance; None of any other."""
        if self.pairs or not any(code.is_large for code in report.codes):
            return None
        return random_basis(report, self.W, self.V, signed=self.signed)


def frequent_codes(report: NeuronReport, most: int = 3) -> str:
    """The most frequent codes of a report in one line.

    Examples
    --------
    >>> from geomsup.neurons import neuron_report
    >>> from geomsup.neurons.layer import frequent_codes
    >>> frequent_codes(neuron_report([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 0.2]]))
    '2 × monosemantic'
    """
    counted = Counter(code.name for code in report.codes).most_common()
    words = [name if n == 1 else f"{n} × {name}" for name, n in counted[:most]]
    rest = sum(n for _, n in counted[most:])
    return " + ".join([*words, *([f"{rest} more"] if rest else [])]) or "nothing computed"


def clarity(report: NeuronReport) -> str:
    """How far gains lie from the lines that decide; "" where nothing is near them.

    Examples
    --------
    >>> from geomsup.neurons import neuron_report
    >>> from geomsup.neurons.layer import clarity
    >>> clarity(neuron_report([[0.5]]))
    'largest sum of gains: 0.25, and 0.5 would count as computed'
    """
    if not report.members.any():
        return f"largest sum of gains: {report.sums.max():.2f}, and 0.5 would count as computed"
    if report.most_omitted > 0.0:
        return (
            f"margin: who takes part has ≥ {report.least_kept:.2f} of the largest gain of the "
            f"feature, the others ≤ {report.most_omitted:.2f}; the line is at 0.25"
        )
    return ""
