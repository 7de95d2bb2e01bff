"""How features share neurons: codes such as 3-in-2, named from who takes part in what.

A feature that a layer of ReLU neurons computes makes some of them fire and may hold others down.
Features and the neurons that they make fire are the two sides of a bipartite graph; its connected
components are the codes.  One feature on one neuron is a monosemantic neuron; three features on two
neurons, with the words ++, +- and -+, are a code that a lookup table would use.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import comb

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from geomsup.restoring import Plain

__all__ = ["NeuronCode", "codes_of"]

_SETS = {1: "singles", 2: "pairs", 3: "triples"}
# Features and neurons of a code up to which a line shows it whole, and those shown of larger ones.
_WHOLE, _SHOWN = 64, 12


@dataclass(frozen=True, kw_only=True)
class NeuronCode(Plain):
    """Features that share neurons with each other and with no other feature.

    Parameters
    ----------
    features : tuple of str
        Labels of the features, in order: their numbers, with a sign for one side of a signed one.
    neurons : tuple of int
        Numbers of the neurons.
    words : tuple of str
        For each feature one character for each neuron: "+" if the feature makes it fire and is read
        from it, "-" if the feature holds it down, "0" if neither.
    """

    _derived = ("name", "family")

    features: tuple[str, ...]
    neurons: tuple[int, ...]
    words: tuple[str, ...]

    @property
    def name(self) -> str:
        """ "monosemantic", or features and neurons as in "3-in-2"."""
        a, b = len(self.features), len(self.neurons)
        return "monosemantic" if (a, b) == (1, 1) else f"{a}-in-{b}"

    @property
    def family(self) -> str:
        """What the sets of firing neurons are if they are all of a kind, such as "all pairs"."""
        sets = {frozenset(k for k, sign in enumerate(word) if sign == "+") for word in self.words}
        sizes = {len(neurons) for neurons in sets}
        b = len(self.neurons)
        if not 1 < len(self.words) == len(sets) or b < 2:
            return ""
        if len(sets) == 2**b - 1:
            return "all non-empty sets"
        if len(sizes) == 1 and len(sets) == comb(b, size := sizes.pop()):
            return f"all {_SETS.get(size, f'sets of {size}')}"
        return ""

    @property
    def is_large(self) -> bool:
        """Whether a line shows only a part of it."""
        return max(len(self.features), len(self.neurons)) > _WHOLE

    def __str__(self) -> str:
        if self.is_large:
            sides = (("neurons", self.neurons), ("features", self.features))
            return f"{self.name}: " + ", ".join(_first(*side) for side in sides)
        family = f" ({self.family} of {len(self.neurons)} neurons)" if self.family else ""
        words = ", ".join(
            f"{f} [{word}]" for f, word in zip(self.features, self.words, strict=True)
        )
        numbers = " ".join(map(str, self.neurons))
        return f"{self.name}{family} on neuron{'s' * (len(self.neurons) > 1)} {numbers}: {words}"


def _first(what: str, members: Sequence[object]) -> str:
    """A side of a code by its first members."""
    rest = len(members) - _SHOWN
    shown = " ".join(map(str, members[:_SHOWN]))
    return f"{what} {shown}" + (f" and {rest:,} more" if rest > 0 else "")


def codes_of(
    members: NDArray[np.bool_], held_down: NDArray[np.bool_], labels: Sequence[str]
) -> tuple[NeuronCode, ...]:
    """The codes of an assignment, largest first.

    Parameters
    ----------
    members, held_down : ndarray of shape (n_neurons, n_columns)
        Which neurons each column makes fire, and which it holds down.
    labels : sequence of str
        Of the columns.

    Examples
    --------
    >>> members = np.array([[True, False, False], [False, True, True]])
    >>> [str(code) for code in codes_of(members, ~members, ["0", "1", "2"])]
    ['2-in-1 on neuron 1: 1 [+], 2 [+]', 'monosemantic on neuron 0: 0 [+]']
    """
    graph: nx.Graph[tuple[str, int]] = nx.Graph()
    graph.add_edges_from((("neuron", int(k)), ("column", int(i))) for k, i in np.argwhere(members))
    codes = []
    for component in nx.connected_components(graph):
        neurons = sorted(number for kind, number in component if kind == "neuron")
        columns = sorted(number for kind, number in component if kind == "column")
        words = tuple(
            "".join("+" if members[k, i] else "-" if held_down[k, i] else "0" for k in neurons)
            for i in columns
        )
        labelled = tuple(labels[i] for i in columns)
        codes.append(NeuronCode(features=labelled, neurons=tuple(neurons), words=words))
    return tuple(sorted(codes, key=lambda code: (-len(code.features), code.neurons)))
