"""Neurons: which of them compute which feature, how they share it, and what goes on between them.

A hidden layer with an activation has a basis of its own, so its neurons can be read one by one.

>>> from geomsup.neurons import neuron_report
>>> report = neuron_report([[1.0, 0.7, 0.0], [0.0, 0.7, 1.0]])
>>> report.features
((0, 1), (1, 2))
>>> [code.name for code in report.codes]
['3-in-2']

`assignments` says who computes what, `codes` names how features share neurons, `motifs` looks for
asymmetric superposition with inhibition, and `gates` reads neurons that compute ANDs of pairs.
"""

from __future__ import annotations

from geomsup.neurons.assignments import NeuronReport, neuron_report
from geomsup.neurons.codes import NeuronCode
from geomsup.neurons.gates import and_report
from geomsup.neurons.motifs import Motif, MotifReport, asymmetric_motifs

__all__ = [
    "Motif",
    "MotifReport",
    "NeuronCode",
    "NeuronReport",
    "and_report",
    "asymmetric_motifs",
    "neuron_report",
]
