"""What most experiments measure of trained models: names, exact losses, and the price of a stop.

Models too large for an exact loss in reasonable time keep the loss of the trainer's fresh sample.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.geometry.classify import geometry_of
from geomsup.geometry.report import GeometryReport
from geomsup.theory import BestConfiguration, FeatureModel, best_configuration
from geomsup.theory.loss import Problem, batch_losses
from geomsup.theory.packing import packed, unpacked
from geomsup.theory.search import configuration_name, ends_from, minima_from

__all__ = [
    "at_each",
    "best_known",
    "cosines",
    "counted",
    "descended",
    "exact_losses",
    "in_rows",
    "lowest_of",
    "models_by_name",
    "names_of",
    "reports_of",
    "span",
]

FloatArray = NDArray[np.float64]


def reports_of(weights: FloatArray) -> list[GeometryReport]:
    """Geometry of every model, of weights of shape (n_models, n_hidden, n_features)."""
    return [geometry_of(W) for W in weights]


def names_of(weights: FloatArray) -> tuple[str, ...]:
    """One line for each model, such as "digon + digon, 1 dropped"."""
    return tuple(configuration_name(report) for report in reports_of(weights))


def cosines(weights: FloatArray) -> FloatArray:
    """Cosines between all directions of each model, zero for zero columns."""
    norms = np.maximum(np.linalg.norm(weights, axis=-2, keepdims=True), 1e-12)
    units = weights / norms
    between: FloatArray = np.swapaxes(units, -1, -2) @ units
    return between


def exact_losses(
    weights: FloatArray,
    biases: FloatArray,
    feature_probability: FloatArray | float | FeatureModel,
    importance: FloatArray | float = 1.0,
) -> FloatArray:
    """Exact expected loss of every model, summed over features.

    Probabilities and importances are scalars, (n_features,) or (n_models, n_features).
    """
    if isinstance(feature_probability, FeatureModel):
        problem = Problem.of(biases.shape[1], feature_probability, importance)
    else:
        problem = Problem(
            p=np.broadcast_to(np.asarray(feature_probability, dtype=float), biases.shape),
            importance=np.broadcast_to(np.asarray(importance, dtype=float), biases.shape),
        )
    return batch_losses(np.asarray(weights), np.asarray(biases), problem)[0]


def descended(
    weights: FloatArray,
    biases: FloatArray,
    feature_probability: float,
    importance: FloatArray | float = 1.0,
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Where each model goes on to by descent on the exact loss: weights, biases and losses.

    A batch holds few samples of rare features, so that training may stop short of the minimum it
    is on the way to; this loss has no samples.
    """
    _, m, n = weights.shape
    problem = Problem.of(n, feature_probability, importance)
    ends, losses = ends_from(packed(weights, biases), m, problem)
    return *unpacked(ends, m), losses


@lru_cache(maxsize=256)
def best_known(
    n_features: int,
    n_hidden: int,
    feature_probability: float | tuple[float, ...] | FeatureModel,
    importance: float | tuple[float, ...] = 1.0,
    n_starts: int = 100,
) -> BestConfiguration:
    """The best configuration that a search from many starts finds; looked for once."""
    return best_configuration(
        n_features, n_hidden, feature_probability, importance, n_starts=n_starts
    )


def lowest_of(
    weights: FloatArray,
    biases: FloatArray,
    feature_probability: FloatArray | float,
    importance: FloatArray | float = 1.0,
) -> BestConfiguration:
    """The minima that descents on the exact loss reach from trained models.

    A search from random starts may miss what training found; then this is the lower one.
    """
    n_models, m, n = weights.shape
    problem = Problem.of(n, feature_probability, importance)
    return minima_from(np.hstack([weights.reshape(n_models, -1), biases]), m, problem)


def models_by_name(names: Sequence[str]) -> dict[str, list[int]]:
    """Indices of the models of each name, commonest first."""
    return {
        name: [k for k, other in enumerate(names) if other == name]
        for name, _ in Counter(names).most_common()
    }


def in_rows(words: Sequence[str] | NDArray[np.str_], *shape: int) -> tuple[Any, ...]:
    """Words as tuples of tuples, which results are made of.

    >>> in_rows(["a", "b", "c", "d"], 2, 2)
    (('a', 'b'), ('c', 'd'))
    """

    def frozen(value: Any) -> Any:
        return tuple(map(frozen, value)) if isinstance(value, list) else value

    rows: tuple[Any, ...] = frozen(np.reshape(words, shape).tolist())
    return rows


def counted(names: Iterable[str]) -> str:
    """Names with how often each occurs, commonest first: "9 × pentagon, 7 × two digons"."""
    return ", ".join(f"{number} × {name}" for name, number in Counter(names).most_common())


def at_each(
    values: Iterable[object], points: Iterable[float], form: str = "", at: str = "at p = "
) -> str:
    """Values as text, each with the point at which it was found.

    >>> at_each([0.314, 0.5], [0.1, 0.3], ".2f")
    '0.31 at p = 0.1, 0.50 at p = 0.3'
    """
    return ", ".join(f"{value:{form}} {at}{x:g}" for value, x in zip(values, points, strict=True))


def span(values: Iterable[float], form: str = ".3g", to: str = "–") -> str:
    """Least and largest value as text, once if both read alike; what is NaN is left out.

    >>> span([0.31, 0.5], ".0%"), span([2.0, 2.01], ".1f")
    ('31%–50%', '2.0')
    """
    known = [value for value in values if not np.isnan(value)]
    if not known:
        return "none"
    low, high = f"{min(known):{form}}", f"{max(known):{form}}"
    return low if low == high else f"{low}{to}{high}"
