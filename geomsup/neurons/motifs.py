"""Asymmetric superposition with inhibition, found in the weights, and held against chance.

Two features a and b share a neuron k.  If it takes a with a large weight and gives it out with a
small one, and b the other way round, as in W = (2, -1/2) and V = (1/2, 2), both are computed with
gain one, but

    a adds |W_ka| V_kb = 4 to the output of b,  and b adds |W_kb| V_ka = 1/4 to that of a.

The large one would be costly.  It is not if other neurons that a makes fire push the output of b
down by as much: below zero, where a ReLU output lies, an error costs nothing.  That is the motif of
Elhage et al. 2022, "The Asymmetric Superposition Motif".

Weights into the other neurons of a push b up and down for many reasons, so some would be found in
any layer.  Chance is measured by dealing the weights by which neurons reach an output b they do not
compute anew among these neurons: what computes stays, how much inhibition there is stays, and only
its aim is lost.  Weights out of neurons of different scale do not compare, so every neuron is first
scaled such that the largest weight into it is one, which changes nothing about the model.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.neurons.assignments import SIDES, layer_of, neuron_report
from geomsup.restoring import Plain
from geomsup.validation import positive_number, whole_number

__all__ = ["Motif", "MotifReport", "asymmetric_motifs"]

FloatArray = NDArray[np.float64]

# Inhibitors that are named in a line.
_SHOWN = 3


@dataclass(frozen=True, kw_only=True)
class Motif(Plain):
    """One neuron with two features, and what keeps the one from disturbing the other.

    Parameters
    ----------
    neuron : int
        The shared neuron k.
    strong, weak : str
        Side of a feature that it takes with the larger weight, such as "+3", and the one that it
        takes with the smaller weight: a and b above.
    asymmetry : float
        How much more a disturbs b than b disturbs a, |W_ka| V_kb / (|W_kb| V_ka).
    interference : float
        |W_ka| V_kb: what a adds to the output of b through this neuron, where a is 1.
    inhibition : float
        What all other neurons that a makes fire add to it, negative.
    inhibitors : tuple of int
        These of them that push it down, strongest first.
    """

    neuron: int
    strong: str
    weak: str
    asymmetry: float
    interference: float
    inhibition: float
    inhibitors: tuple[int, ...]

    def __str__(self) -> str:
        shown = ", ".join(map(str, self.inhibitors[:_SHOWN]))
        rest = len(self.inhibitors) - _SHOWN
        others = f"{shown} and {rest} more" if rest > 0 else shown
        return (
            f"neuron {self.neuron} computes {self.strong} and {self.weak}; {self.strong} adds "
            f"{self.interference:.3g} to output {self.weak[1:]} there, and "
            f"{'neurons' if len(self.inhibitors) > 1 else 'neuron'} {others} "
            f"{'add' if len(self.inhibitors) > 1 else 'adds'} {self.inhibition:.3g} "
            f"(asymmetry {self.asymmetry:.3g})"
        )


@dataclass(frozen=True, kw_only=True)
class MotifReport(Plain):
    """The motifs of a layer, and how many there would be by chance.

    Parameters
    ----------
    motifs : tuple of Motif
        Those found, by falling interference.
    n_asymmetric : int
        How often a neuron computes two features that asymmetrically, inhibited or not.
    by_chance : tuple of int
        Number of motifs in each layer with inhibition dealt anew.
    """

    _left_out = ("by_chance",)
    _derived = ("expected", "p_value")

    motifs: tuple[Motif, ...]
    n_asymmetric: int
    by_chance: tuple[int, ...]

    @property
    def expected(self) -> float:
        """Mean number by chance."""
        return float(np.mean(self.by_chance)) if self.by_chance else float("nan")

    @property
    def p_value(self) -> float:
        """Probability of as many motifs or more by chance, (1 + hits) / (1 + draws)."""
        hits = sum(number >= len(self.motifs) for number in self.by_chance)
        return (1 + hits) / (1 + len(self.by_chance))

    def __str__(self) -> str:
        if not self.n_asymmetric:
            return "no neuron computes two features asymmetrically"
        number = self.n_asymmetric
        head = (
            f"{len(self.motifs)} of {number} asymmetric "
            f"{'pairs are' if number > 1 else 'pair is'} inhibited"
        )
        if self.by_chance:
            head += f"; by chance {self.expected:.1f} would be (p = {self.p_value:.2g})"
        return "\n".join([head, *map(str, self.motifs)])


def asymmetric_motifs(
    W: object,
    V: object,
    *,
    signed: bool = True,
    least_asymmetry: float = 4.0,
    n_draws: int = 1000,
    seed: int = 0,
) -> MotifReport:
    """Find pairs of features in asymmetric superposition, with inhibition, in a ReLU layer.

    Parameters
    ----------
    W, V : array_like of shape (n_neurons, n_features)
        Weights into and out of the neurons.
    signed : bool, default True
        Whether features take values of both signs.
    least_asymmetry : float, default 4.0
        How much more one feature must disturb the other than the other way round, above 1.  With
        gains of one, 4 is a factor of two in the weights.
    n_draws : int, default 1000
        Number of layers with inhibition dealt anew.
    seed : int, default 0
        For these.

    Returns
    -------
    MotifReport

    Raises
    ------
    GeomsupError
        If W and V are not matrices of one shape, or an option cannot be meant.

    Notes
    -----
    A pair counts as inhibited if the other neurons push the output of b down by at least as much as
    the shared neuron pushes it up.  Rescaling neurons changes nothing, renumbering them nothing but
    the draws.

    Examples
    --------
    Neuron 0 has the weights of the paper; neuron 1 takes the same feature and inhibits:

    >>> from geomsup.neurons import asymmetric_motifs
    >>> W = [[2, -0.5], [1, 0], [-1, 0], [0, 1]]
    >>> V = [[0.5, 2], [0, -5], [1, 0], [0, 1]]
    >>> print(asymmetric_motifs(W, V, n_draws=99))
    1 of 1 asymmetric pair is inhibited; by chance 0.5 would be (p = 0.49)
    neuron 0 computes +0 and -1; +0 adds 4 to output 1 there, and neuron 1 adds -5 \
(asymmetry 16)
    """
    into, out_of = layer_of(W, V)
    least = positive_number("least_asymmetry", least_asymmetry)
    if least <= 1.0:
        raise GeomsupError(f"least_asymmetry must be a number above 1, got {least:g}")
    n_draws = whole_number("n_draws", n_draws, 0)
    generator = np.random.default_rng(whole_number("seed", seed, 0))
    scales = np.abs(into).max(axis=1, keepdims=True)
    scales[scales == 0.0] = 1.0
    report = neuron_report(into, out_of, signed=signed)
    with np.errstate(over="ignore"):
        into, out_of = into / scales, out_of * scales
    if not np.isfinite(out_of).all():
        raise GeomsupError("weights into and out of a neuron multiply to more than float64 holds")
    drives = np.stack([np.maximum(s * into, 0.0) for s in SIDES[: 1 + signed]])
    pairs = _Pairs(drives, out_of, report.members, least)
    computes: NDArray[np.bool_] = np.any(report.members, axis=0)
    dealt = (_dealt(out_of, computes, generator) for _ in range(n_draws))
    return MotifReport(
        motifs=pairs.motifs(out_of),
        n_asymmetric=len(pairs.neurons),
        by_chance=tuple(int(pairs.inhibited(other).sum()) for other in dealt),
    )


class _Pairs:
    """Pairs of features in asymmetric superposition: for each the neuron, a with its side, and b.

    Parameters
    ----------
    drives : ndarray of shape (n_sides, n_neurons, n_features)
        Activation of a neuron where a feature is 1, or -1, alone.
    out_of : ndarray of shape (n_neurons, n_features)
        V.
    members : ndarray of shape (n_sides, n_neurons, n_features)
        Who computes what.
    least : float
        The least asymmetry.
    """

    def __init__(
        self, drives: FloatArray, out_of: FloatArray, members: NDArray[np.bool_], least: float
    ) -> None:
        self.drives = drives
        pairs = []
        for k in range(len(out_of)):
            own = [(int(s), int(i)) for s, i in np.argwhere(members[:, k])]
            for s, a in own:
                for t, b in own:
                    there, back = drives[s, k, a] * out_of[k, b], drives[t, k, b] * out_of[k, a]
                    if a != b and there >= least * back:
                        with np.errstate(over="ignore", divide="ignore"):
                            pairs.append((k, s, a, t, b, there / back, there))
        columns = tuple(zip(*pairs, strict=True)) if pairs else ((),) * 7
        self.neurons, self.side_a, self.a, self.side_b, self.b = (
            np.array(column, dtype=np.int64) for column in columns[:5]
        )
        self.asymmetry, self.interference = (np.array(column) for column in columns[5:])

    def _on_b(self, out_of: FloatArray) -> FloatArray:
        """What every other neuron adds to the output of b where a is present alone."""
        added = self.drives[self.side_a, :, self.a] * out_of[:, self.b].T
        added[np.arange(len(added)), self.neurons] = 0.0
        return np.asarray(added)

    def inhibited(self, out_of: FloatArray) -> NDArray[np.bool_]:
        return np.asarray(self._on_b(out_of).sum(axis=1) <= -self.interference)

    def motifs(self, out_of: FloatArray) -> tuple[Motif, ...]:
        motifs = []
        added = self._on_b(out_of)
        for row in np.flatnonzero(self.inhibited(out_of)):
            by_strength = np.argsort(added[row], kind="stable")
            motifs.append(
                Motif(
                    neuron=int(self.neurons[row]),
                    strong=f"{'+-'[self.side_a[row]]}{self.a[row]}",
                    weak=f"{'+-'[self.side_b[row]]}{self.b[row]}",
                    asymmetry=float(self.asymmetry[row]),
                    interference=float(self.interference[row]),
                    inhibition=float(added[row].sum()),
                    inhibitors=tuple(int(j) for j in by_strength if added[row, j] < 0.0),
                )
            )
        return tuple(sorted(motifs, key=lambda motif: -motif.interference))


def _dealt(
    out_of: FloatArray, computes: NDArray[np.bool_], generator: np.random.Generator
) -> FloatArray:
    """V with the weights to each output dealt anew among the neurons that do not compute it."""
    # Rows of random keys, with those that stay sorted behind all others, deal every column at once.
    keys = generator.random(out_of.shape) + computes
    order = np.argsort(keys, axis=0)
    free = np.argsort(computes, axis=0, kind="stable")
    dealt = out_of.copy()
    columns = np.arange(out_of.shape[1])
    dealt[free, columns] = out_of[order, columns]
    return np.where(computes, out_of, dealt)
