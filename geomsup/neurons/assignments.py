"""Which neurons compute which features.

The model is h = ReLU(Wx), y = g(Vᵀh + b).  Feature i alone, with a value of one sign, passes
through neuron k to output i with the slope

    gain = max(±W_ki, 0) · V_ki,

and what it passes through is the only thing that matters: multiply the weights into a neuron by α
and those out of it by 1/α, and the model and all gains stay what they are.  In a tied model the
gain is W_ki² where the neuron fires.

A feature is computed if the sum of its gains is at least one half, half of the way to 1, which is
what a perfect answer needs.  A neuron takes part if its gain is at least a quarter of the largest
of the feature: in a tied model, if its weight is at least half of the largest one.  `least_kept`
and `most_omitted` say how far the gains are from that line.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, counted
from geomsup.neurons.codes import NeuronCode, codes_of
from geomsup.validation import brief, numbers, positive_integer, yes_or_no
from geomsup.weights import matrix_of

__all__ = ["SIDES", "Kind", "NeuronReport", "layer_of", "neuron_report", "side_gains"]

FloatArray = NDArray[np.float64]
Kind: TypeAlias = Literal["monosemantic", "polysemantic", "unused"]

# Less by rounding, so that rescaled neurons stay where they are.
_COMPUTED = 0.5 * (1.0 - 1e-9)
_TAKES_PART = 0.25 * (1.0 - 1e-9)
SIDES = (1.0, -1.0)


@dataclass(frozen=True, kw_only=True, eq=False)
class NeuronReport:
    """Who computes what, and how many neurons are monosemantic.

    Parameters
    ----------
    gains : ndarray of shape (n_sides, n_neurons, n_features)
        Gain of each feature through each neuron, for positive values and, if there are any, for
        negative ones.
    strengths : ndarray of shape (n_sides, n_neurons, n_features), optional
        Gains as they would be if a neuron that a feature holds down fired instead; for the "-" of
        the codes.  None of them by default.
    totals : ndarray of shape (n_sides, n_features), optional
        What has to be at least one half for a feature to be computed; by default the sum of its
        gains.
    n_columns : int, default 1
        Columns of W that belong to one feature of the report: 2 where it is about pairs.

    Raises
    ------
    GeomsupError
        If these are no finite numbers, or their shapes do not fit together.

    Examples
    --------
    The absolute value of two features, with a neuron for each side of the first and one neuron
    that takes the positive side of the second together with the negative side of the first:

    >>> from geomsup.neurons import neuron_report
    >>> W = [[1, 0], [-1, 1], [0, -1]]
    >>> V = [[1, 0], [1, 1], [0, 1]]
    >>> report = neuron_report(W, V, signed=True)
    >>> report.kinds
    ('monosemantic', 'polysemantic', 'monosemantic')
    >>> print(report)
    2 of 2 features computed by 3 neurons: 2 monosemantic, 1 polysemantic
    2-in-1 on neuron 1: +1 [+], -0 [+]
    monosemantic on neuron 0: +0 [+]
    monosemantic on neuron 2: -1 [+]
    """

    gains: FloatArray
    strengths: FloatArray | None = None
    totals: FloatArray | None = None
    n_columns: int = 1

    def __post_init__(self) -> None:
        for name in ("gains", "strengths", "totals"):
            value = getattr(self, name)
            if value is not None:
                array = numbers(name, value).copy()
                if not np.isfinite(array).all():
                    raise GeomsupError(f"{name} must be finite numbers, got {brief(value)}")
                array.setflags(write=False)
                object.__setattr__(self, name, array)
        object.__setattr__(self, "n_columns", positive_integer("n_columns", self.n_columns))
        self._check_shapes()

    def _check_shapes(self) -> None:
        shape = self.gains.shape
        if len(shape) != 3 or shape[0] not in (1, 2) or 0 in shape:
            raise GeomsupError(
                f"gains must have shape (1 or 2 sides, n_neurons, n_features), got {shape}; "
                "geomsup.neurons.neuron_report makes a report from weights"
            )
        for name, wanted in (("strengths", shape), ("totals", (shape[0], shape[2]))):
            value = getattr(self, name)
            if value is not None and value.shape != wanted:
                raise GeomsupError(f"{name} must have shape {wanted}, got {value.shape}")

    @property
    def sums(self) -> FloatArray:
        """What has to be at least one half: the totals, or the sums of gains."""
        return self.gains.sum(axis=1) if self.totals is None else self.totals

    @cached_property
    def computed(self) -> NDArray[np.bool_]:
        """Which sides of which features are computed, shape (n_sides, n_features)."""
        return np.asarray(self.sums >= _COMPUTED)

    @cached_property
    def shares(self) -> FloatArray:
        """Gains relative to the largest of the feature, as `gains`; zero if it is not computed."""
        largest = self.gains.max(axis=1, keepdims=True)
        shares = np.maximum(self.gains, 0.0) / np.where(largest > 0.0, largest, 1.0)
        return np.asarray(np.where(self.computed[:, None], shares, 0.0))

    @cached_property
    def members(self) -> NDArray[np.bool_]:
        """Which neurons take part in computing what, as `gains`."""
        return np.asarray(self.shares >= _TAKES_PART)

    @property
    def least_kept(self) -> float:
        """Least gain of a neuron that takes part, relative to the largest of its feature."""
        kept = self.shares[self.members]
        return float(kept.min()) if kept.size else 1.0

    @property
    def most_omitted(self) -> float:
        """Largest of one that does not; far below `least_kept` if the assignment is clear."""
        omitted = self.shares[~self.members]
        return float(omitted.max()) if omitted.size else 0.0

    @cached_property
    def features(self) -> tuple[tuple[int, ...], ...]:
        """Features that each neuron takes part in."""
        either: NDArray[np.bool_] = np.any(self.members, axis=0)
        return tuple(tuple(int(i) for i in np.flatnonzero(row)) for row in either)

    @cached_property
    def kinds(self) -> tuple[Kind, ...]:
        """Whether each neuron takes part in one feature, several, or none."""
        return tuple(
            "unused" if not own else "monosemantic" if len(own) == 1 else "polysemantic"
            for own in self.features
        )

    def counts(self) -> dict[str, int]:
        """How many neurons there are of each kind."""
        counted = Counter(self.kinds)
        return {kind: counted[kind] for kind in ("monosemantic", "polysemantic", "unused")}

    @cached_property
    def computed_features(self) -> tuple[int, ...]:
        """Features of which every side is computed: |x| of both a positive and a negative x."""
        return tuple(int(i) for i in np.flatnonzero(self.computed.all(axis=0)))

    @cached_property
    def codes(self) -> tuple[NeuronCode, ...]:
        """How they share neurons, largest first; each side of a signed feature for itself."""
        n_sides, n_neurons, n_features = self.gains.shape
        signs = ("",) if n_sides == 1 else ("+", "-")
        labels = [f"{sign}{i}" for sign in signs for i in range(n_features)]
        held = np.zeros_like(self.members)
        if self.strengths is not None:
            largest = np.maximum(self.gains.max(axis=1, keepdims=True), 0.0)
            held = self.computed[:, None] & (self.gains == 0.0) & (largest > 0.0)
            held &= self.strengths >= _TAKES_PART * largest

        def columns(table: NDArray[np.bool_]) -> NDArray[np.bool_]:
            return np.moveaxis(table, 1, 0).reshape(n_neurons, -1)

        return codes_of(columns(self.members), columns(held), labels)

    @cached_property
    def pairs(self) -> dict[int, tuple[int, int]]:
        """Features computed by two neurons of their own, one for each sign: |x| = x⁺ + x⁻."""
        if len(self.members) < 2:
            return {}
        found = {}
        for i in self.computed_features:
            up, down = (np.flatnonzero(side[:, i]) for side in self.members)
            both = (*up, *down)
            if len(up) == len(down) == 1 and all(self.features[k] == (i,) for k in both):
                found[i] = (int(up[0]), int(down[0]))
        return found

    def __str__(self) -> str:
        n_features = self.gains.shape[2]
        counts = [f"{number} {kind}" for kind, number in self.counts().items() if number]
        what = "pairs" if self.n_columns == 2 else "features"
        half = int(self.computed.any(axis=0).sum()) - len(self.computed_features)
        aside = f", {half} more on one side only," if half else ""
        head = (
            f"{len(self.computed_features)} of {n_features} {what} computed{aside} by "
            f"{counted(len(self.kinds), 'neuron')}: {', '.join(counts)}"
        )
        return "\n".join([head, *map(str, self.codes)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        from html import escape

        return f"<pre>{escape(str(self))}</pre>"

    def to_dict(self) -> dict[str, Any]:
        """What was found as numbers and lists, ready for JSON."""
        return {
            "computed_features": list(self.computed_features),
            "features": [list(own) for own in self.features],
            "kinds": list(self.kinds),
            "counts": self.counts(),
            "codes": [code.to_dict() for code in self.codes],
            "least_kept": self.least_kept,
            "most_omitted": self.most_omitted,
            "gains": (self.gains + 0.0).tolist(),  # no -0.0
        }


def side_gains(W: object, V: object = None, *, signed: bool = False) -> FloatArray:
    """Gain of every feature through every neuron, max(±W_ki, 0) · V_ki.

    Parameters
    ----------
    W : array_like of shape (n_neurons, n_features)
        Weights into the neurons.
    V : array_like of shape (n_neurons, n_features), optional
        Weights out of them; W by default.
    signed : bool, default False
        Whether features take both signs.

    Returns
    -------
    ndarray of shape (1 or 2, n_neurons, n_features)

    Raises
    ------
    GeomsupError
        If W and V are not matrices of one shape.
    """
    into, out_of = layer_of(W, V)
    signed = yes_or_no("signed", signed)
    return np.stack([np.maximum(s * into, 0.0) * out_of for s in SIDES[: 1 + signed]])


def neuron_report(W: object, V: object = None, *, signed: bool = False) -> NeuronReport:
    """Say which neurons of a hidden ReLU layer compute which features.

    Parameters
    ----------
    W : array_like of shape (n_neurons, n_features)
        Weights into the neurons; a row is a neuron.
    V : array_like of shape (n_neurons, n_features), optional
        Weights out of them, to the outputs of the same features; W by default, for tied models.
    signed : bool, default False
        Whether features take values of both signs, as they do where absolute values are asked for.
        Then each sign of a feature is assigned for itself.

    Returns
    -------
    NeuronReport

    Raises
    ------
    GeomsupError
        If W and V are not matrices of one shape.

    Notes
    -----
    Elhage et al. 2022, "Superposition in a Privileged Basis" and "Computation in Superposition",
    judge by eye which neurons are polysemantic.  Here the rule is the one at the top of the module;
    it does not change when neurons are renumbered or rescaled.

    Examples
    --------
    >>> from geomsup.neurons import neuron_report
    >>> print(neuron_report([[1.0, 0.0, 0.0], [0.0, 0.9, -0.8], [0.0, 0.9, 0.8]]))
    3 of 3 features computed by 3 neurons: 2 monosemantic, 1 polysemantic
    2-in-2 on neurons 1 2: 1 [++], 2 [-+]
    monosemantic on neuron 0: 0 [+]
    """
    into, out_of = layer_of(W, V)
    signed = yes_or_no("signed", signed)
    held_down = np.stack([np.maximum(-s * into, 0.0) * np.abs(out_of) for s in SIDES[: 1 + signed]])
    return NeuronReport(gains=side_gains(into, out_of, signed=signed), strengths=held_down)


def layer_of(W: object, V: object = None) -> tuple[FloatArray, FloatArray]:
    """Weights into and out of the neurons, each of shape (n_neurons, n_features).

    Raises
    ------
    GeomsupError
        If they are not matrices of one shape.
    """
    # More neurons than features are no surprise: |x| takes two for each.
    into = matrix_of(W)
    out_of = into if V is None else matrix_of(V)
    if into.shape != out_of.shape:
        raise GeomsupError(
            "W and V must have one shape, (n_neurons, n_features), got "
            f"{into.shape} and {out_of.shape}; transpose the one that has features as rows"
        )
    return into, out_of
