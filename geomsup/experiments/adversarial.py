"""The models of `uniform` under attack: does superposition make them vulnerable?

What the source divides by, "the non-superposition model", it does not define.  Here it is the
model of the same task that stores m features orthogonally with norm one and drops the others.  All
one can do to it is to change a stored feature, which costs the square of the budget at every
sparsity: L′₀ − L₀ = ε², whatever the attack.  So vulnerability is (L′ − L)/ε².

The source takes "the one of these attacks which most harms model performance".  Read word by word
that is one direction for all inputs, the weakest attack there is; it is judged here, and an attack
that may choose for each input is reported beside it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr

from geomsup.attacks import gradient_attack, linear_attack, universal_attack
from geomsup.experiments import uniform
from geomsup.experiments.outcome import Claim, Outcome
from geomsup.experiments.uniform import Result, Series, all_series

__all__ = ["EXPERIMENT", "Vulnerability", "check", "vulnerabilities", "vulnerability_of"]

FloatArray = NDArray[np.float64]

# Norm of a change, relative to the mean norm of an input; and how far vulnerability is to rise.
BUDGET = 0.1
_RISE = 3.0
# The source says "closely tracks"; this is the rank correlation asked for here.
_TRACKS = 0.9
# One model in two thousand draws the same inputs as another, up to their sparsity.
_SAMPLES = 1024
_SEED = 0


@dataclass(frozen=True, kw_only=True)
class Vulnerability:
    """Rise of the loss by each attack, in units of what it costs a model without superposition.

    Attributes
    ----------
    universal : float
        One direction ±(WᵀW)_i for all inputs.
    linear : float
        The worst of these directions for each input.
    gradient : float
        Gradient ascent from there.
    from_inputs : float
        Gradient ascent from the inputs themselves, which knows nothing of W.
    active : float
        Share of the outputs that are above zero, and so have a gradient, before the attack.
    """

    universal: float
    linear: float
    gradient: float
    from_inputs: float
    active: float


_MEASURED: WeakKeyDictionary[Result, dict[int, Vulnerability]] = WeakKeyDictionary()


def vulnerability_of(result: Result, model: int) -> Vulnerability:
    """Attack one model of a result; done once."""
    kept = _MEASURED.setdefault(result, {})
    if model not in kept:
        n, m = int(result.n_features[model]), int(result.n_hidden[model])
        kept[model] = _attacked(
            result.weights[model, :m, :n],
            result.biases[model, :n],
            float(result.feature_probability[model]),
        )
    return kept[model]


def _attacked(W: FloatArray, b: FloatArray, p: float) -> Vulnerability:
    uniforms = np.random.default_rng(_SEED).random((_SAMPLES, W.shape[1]))
    x = np.maximum(1.0 - uniforms / p, 0.0)
    budget = BUDGET * float(np.linalg.norm(x, axis=1).mean())
    linear = linear_attack(W, b, x, budget)
    cost = budget**2
    return Vulnerability(
        universal=universal_attack(W, b, x, budget).rise / cost,
        linear=linear.rise / cost,
        gradient=gradient_attack(W, b, x, budget, start=linear).rise / cost,
        from_inputs=gradient_attack(W, b, x, budget, start="input").rise / cost,
        active=float((x @ W.T @ W + b > 0.0).mean()),
    )


def vulnerabilities(series: Series) -> list[Vulnerability]:
    """Those of all models of a series, densest first."""
    return [vulnerability_of(series.result, int(model)) for model in series.models]


def check(results: Sequence[Result]) -> Outcome:
    """Judge the rise, what it goes along with, and whether gradients are masked."""
    series = all_series(results)
    measured = [vulnerabilities(one) for one in series]
    return Outcome(
        claims=(
            _rises(series, measured),
            _tracks(series, measured),
            _masked(series, measured),
        ),
        numbers={
            str(k): {
                "size": str(one),
                "inverse_density": one.inverse_densities,
                "features_per_dimension": 1.0 / one.dimensions,
                **{
                    name: [getattr(found, name) for found in own]
                    for name in ("universal", "linear", "gradient", "from_inputs")
                },
            }
            for k, (one, own) in enumerate(zip(series, measured, strict=True))
        },
    )


def _rises(series: list[Series], measured: list[list[Vulnerability]]) -> Claim:
    factors = [_ratio(max(one.universal for one in own), own[0].universal) for own in measured]
    worst = [max(one.gradient for one in own) for own in measured]
    first = [own[0].universal for own in measured]
    last = [own[-1].universal for own in measured]
    biases = [float(one.result.biases[one.models[-1], : one.n_features].mean()) for one in series]
    return Claim(
        says=f"vulnerability rises more than {_RISE:g} times as superposition forms",
        found=f"{_range(factors)} times, from {_range(first)} ε² for dense features to "
        f"{_range(last)} ε² at 1/(1−S) = {series[0].inverse_densities[-1]:g}; an attack that may "
        f"choose for each input gets {_range(worst)} ε²",
        by_seed=tuple(factor > _RISE for factor in factors),
        why=f"the biases of the sparsest models, {_range(biases)} on average, swallow a part of "
        "the interference",
    )


def _tracks(series: list[Series], measured: list[list[Vulnerability]]) -> Claim:
    ranks, ratios = [], []
    for one, own in zip(series, measured, strict=True):
        values = np.array([found.universal for found in own])
        alike = np.ptp(values) == 0.0  # nothing can be ranked
        ranks.append(0.0 if alike else float(spearmanr(values, 1.0 / one.dimensions).statistic))
        ratios += (values * one.dimensions).tolist()
    return Claim(
        says="it follows the number of features per dimension, 1/D* = ‖W‖²/m",
        found=f"rank correlation {_range(ranks)}; divided by 1/D* it is {_range(ratios)} ε²",
        by_seed=tuple(rank >= _TRACKS for rank in ranks),
    )


def _masked(series: list[Series], measured: list[list[Vulnerability]]) -> Claim:
    """In the sparsest model of each series."""
    last = [own[-1] for own in measured]
    shares = [_ratio(found.from_inputs, found.linear) for found in last]
    active = [found.active for found in last]
    return Claim(
        says="in the sparsest models gradients find less than the analytic attack",
        found=f"ascent from the inputs does {_range(shares)} times the harm of the worst "
        f"direction for each input at 1/(1−S) = {series[0].inverse_densities[-1]:g}",
        by_seed=tuple(share < 1.0 for share in shares),
        why=f"{_range([100 * share for share in active], '.0f')}% of the outputs are above zero "
        "and have a gradient, enough to climb along; the source speaks of 1%",
    )


def _ratio(above: float, below: float) -> float:
    """Their quotient; 1 where no attack did any harm."""
    if below > 0.0:
        return above / below
    return 1.0 if above == 0.0 else float("inf")


def _range(values: Sequence[float], spec: str = ".2f") -> str:
    low, high = f"{min(values):{spec}}", f"{max(values):{spec}}"
    return low if low == high else f"{low}–{high}"


EXPERIMENT = dataclasses.replace(
    uniform.EXPERIMENT,
    id="adversarial",
    title="attacks on models of equally important features",
    says="vulnerability to attacks rises more than 3 times and follows 1/D*",
    source="Elhage et al. 2022, superposition and adversarial vulnerability",
    check=check,
    results_of="uniform",
)
