"""What a report on neurons would say of a layer that computes no features.

`neuron_report` takes it for granted that feature i is asked for at output i, and that the neurons
are a basis to read them in.  Both can be held against chance.  The first by giving the outputs to
the features in another order: a layer that answers its inputs sends each to its own output above
all.  The second by turning the neurons at random, (W, V) → (QW, QV), which leaves VᵀW and the
geometry of the features as they are.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from geomsup.neurons.assignments import NeuronReport, layer_of, neuron_report
from geomsup.restoring import Plain
from geomsup.validation import positive_integer, seed_number

__all__ = ["OwnOutputs", "RandomBasis", "own_outputs", "random_basis"]

FloatArray: TypeAlias = NDArray[np.float64]

_LEVEL = 0.05


@dataclass(frozen=True, kw_only=True)
class OwnOutputs(Plain):
    """Whether features reach their own outputs, and how many would by chance.

    Parameters
    ----------
    n_features : int
        Features that add to some output.
    n_own : int
        Those of them that add most to their own.
    expected : float
        How many would if the outputs came in a random order.
    p_value : float
        Probability of as many or more then, (1 + hits) / (1 + draws).
    """

    _derived = ("is_chance",)

    n_features: int
    n_own: int
    expected: float
    p_value: float

    @property
    def is_chance(self) -> bool:
        """Whether fewer than half add most to their own output, and no more than by chance."""
        return 2 * self.n_own < self.n_features and self.p_value > _LEVEL

    def __str__(self) -> str:
        return (
            f"{self.n_own:,} of {self.n_features:,} inputs add most to their own output; "
            f"{self.expected:.1f} would if the outputs came in a random order"
        )


@dataclass(frozen=True, kw_only=True)
class RandomBasis(Plain):
    """Numbers of a report beside those of the same layer with its neurons turned at random.

    Parameters
    ----------
    n_monosemantic : int
    expected_monosemantic : float
    neurons_per_feature : float
        Mean number of neurons that take part in computing a feature (a side of it, if signed).
    expected_neurons_per_feature : float
        NaN where turned layers compute nothing.
    """

    n_monosemantic: int
    expected_monosemantic: float
    neurons_per_feature: float
    expected_neurons_per_feature: float

    def __str__(self) -> str:
        return (
            f"{self.neurons_per_feature:.3g} neurons for a feature and {self.n_monosemantic:,} "
            f"monosemantic neurons; {self.expected_neurons_per_feature:.3g} and "
            f"{self.expected_monosemantic:.3g} if the neurons are turned at random"
        )


def own_outputs(
    W: object, V: object, *, signed: bool = False, n_draws: int = 1000, seed: int = 0
) -> OwnOutputs:
    """Count the features that a ReLU layer sends to their own outputs above all others.

    Parameters
    ----------
    W, V : array_like of shape (n_neurons, n_features)
        Weights into and out of the neurons.
    signed : bool, default False
        Whether features take both signs, both of which count then.
    n_draws : int, default 1000
        Random orders of the outputs.
    seed : int, default 0

    Returns
    -------
    OwnOutputs

    Raises
    ------
    GeomsupError
        If W and V are not matrices of one shape.

    Notes
    -----
    Feature i alone adds A_ij = Σ_k max(±W_ki, 0) V_kj to output j.  With tied weights A_ii is no
    less than zero and mostly the largest whatever the weights are, so a tied layer shows nothing.

    Examples
    --------
    Weights out of the neurons that are no answer to those into them:

    >>> import numpy as np
    >>> from geomsup.neurons.chance import own_outputs
    >>> W, V = np.random.default_rng(0).normal(size=(2, 60, 40))
    >>> own_outputs(W, V).is_chance, own_outputs(W, np.maximum(W, 0.0)).n_own
    (True, 40)
    """
    into, out_of = layer_of(W, V)
    n_draws = positive_integer("n_draws", n_draws)
    generator = np.random.default_rng(seed_number(seed))
    driven = np.maximum(into, 0.0) + (np.maximum(-into, 0.0) if signed else 0.0)
    added = driven.T @ out_of
    reaching = np.flatnonzero(added.max(axis=1) > 0.0)
    most = added.argmax(axis=1)[reaching]
    orders = (generator.permutation(len(added))[reaching] for _ in range(n_draws))
    by_chance = np.array([np.count_nonzero(most == order) for order in orders])
    n_own = int(np.count_nonzero(most == reaching))
    return OwnOutputs(
        n_features=len(reaching),
        n_own=n_own,
        expected=float(by_chance.mean()),
        p_value=(1 + int(np.count_nonzero(by_chance >= n_own))) / (1 + n_draws),
    )


def random_basis(
    report: NeuronReport,
    W: object,
    V: object = None,
    *,
    signed: bool = False,
    n_draws: int = 5,
    seed: int = 0,
) -> RandomBasis:
    """Set a report beside those of the same layer with its neurons turned at random.

    Parameters
    ----------
    report : NeuronReport
        Of these weights.
    W, V, signed
        As `neuron_report` takes them.
    n_draws : int, default 5
    seed : int, default 0

    Returns
    -------
    RandomBasis

    Raises
    ------
    GeomsupError
        If W and V are not matrices of one shape.

    Notes
    -----
    With [W V] = PR, P with orthonormal columns, QP is uniform among such matrices, so it is drawn
    as the Q of the QR decomposition of normal numbers.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup.neurons import neuron_report
    >>> from geomsup.neurons.chance import random_basis
    >>> found = random_basis(neuron_report(np.eye(30)), np.eye(30))
    >>> found.n_monosemantic, found.expected_monosemantic < 15, found.neurons_per_feature
    (30, True, 1.0)
    """
    into, out_of = layer_of(W, V)
    tied = V is None or into is out_of or np.array_equal(into, out_of)
    n_features, n_draws = into.shape[1], positive_integer("n_draws", n_draws)
    generator = np.random.default_rng(seed_number(seed))
    rest = np.linalg.qr(into if tied else np.hstack([into, out_of]), mode="r")
    turned = []
    for _ in range(n_draws):
        frame = np.linalg.qr(generator.standard_normal((len(into), len(rest))))[0]
        both = frame @ rest
        turned.append(neuron_report(both[:, :n_features], both[:, -n_features:], signed=signed))
    return RandomBasis(
        n_monosemantic=_monosemantic(report),
        expected_monosemantic=float(np.mean([_monosemantic(one) for one in turned])),
        neurons_per_feature=_neurons_per_feature([report]),
        expected_neurons_per_feature=_neurons_per_feature(turned),
    )


def _monosemantic(report: NeuronReport) -> int:
    return report.counts()["monosemantic"]


def _neurons_per_feature(reports: list[NeuronReport]) -> float:
    n_taking_part = sum(int(np.count_nonzero(report.members)) for report in reports)
    n_computed = sum(int(np.count_nonzero(report.computed)) for report in reports)
    return n_taking_part / n_computed if n_computed else float("nan")
