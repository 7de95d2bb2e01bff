"""The components without a name, out of whatever a caller has: reports, matrices, runs, a store."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, counted, shorten, warn_caller
from geomsup.geometry.classify import geometry_of
from geomsup.geometry.report import GeometryReport
from geomsup.progress import bar
from geomsup.shapes import Shape
from geomsup.sweeps import Store, Sweep
from geomsup.weights import as_weights

__all__ = ["Collected", "Unnamed", "collected"]

Array = NDArray[np.float64]

# Aligning larger ones takes seconds for each pair, and a crowd does not recur.
_MOST_VERTICES = 100


@dataclass(frozen=True, kw_only=True, eq=False)
class Unnamed:
    """A component without a name.

    ``run`` is the number of the model that it is in, ``features`` are the columns there, and
    ``points`` its directions as unit rows in its own span.
    """

    run: int
    features: tuple[int, ...]
    points: Array


@dataclass(frozen=True, kw_only=True, eq=False)
class Collected:
    """What was looked at, and what has no name.

    ``sources`` says of each run where it is from.
    """

    sources: tuple[str, ...]
    unnamed: tuple[Unnamed, ...]
    n_components: int


def collected(
    runs: object, shapes: tuple[Shape, ...], progress: bool | None, feature_axis: int
) -> Collected:
    """Classify what is no report yet, and keep the components without a name.

    Raises
    ------
    GeomsupError
        If there are no runs, one is nothing of the kind, or all components have names.
    """
    models = list(_models(runs, feature_axis))
    if not models:
        raise GeomsupError(
            "there are no runs to look at; pass reports, matrices, trainings, or the folder of a "
            "sweep"
        )
    unnamed: list[Unnamed] = []
    sources, n_components = [], 0
    with bar(len(models), "classifying", "model", progress) as done:
        for run, (source, model) in enumerate(models):
            report = _report(source, model, shapes)
            sources.append(source)
            n_components += len(report.components)
            unnamed += _unnamed(run, source, report)
            done(run + 1)
    if not unnamed:
        raise GeomsupError(
            f"{counted(n_components, 'component')} in {counted(len(models), 'model')}, and none is "
            "irregular with more directions than dimensions, so there is nothing to discover; "
            "classify_geometry names what there is, and more runs may hold what it cannot name"
        )
    return Collected(sources=tuple(sources), unnamed=tuple(unnamed), n_components=n_components)


def _report(
    source: str, model: GeometryReport | Array, shapes: tuple[Shape, ...]
) -> GeometryReport:
    if isinstance(model, GeometryReport):
        return model
    try:
        return geometry_of(model, shapes=shapes)
    except GeomsupError as error:
        raise GeomsupError(f"{source}: {error}") from error


def _unnamed(run: int, source: str, report: GeometryReport) -> Iterator[Unnamed]:
    for component in report.components:
        n = component.n_vertices
        if component.name != "irregular" or not component.rank < n <= _MOST_VERTICES:
            continue
        if component.directions is None:
            raise GeomsupError(
                f"{source} is a report from JSON, which leaves directions out; pass its matrix"
            )
        if component.rank > 1:
            yield Unnamed(run=run, features=component.features, points=component.directions)


def _models(runs: object, feature_axis: int) -> Iterator[tuple[str, GeometryReport | Array]]:
    """Every model as a report or a matrix, and what it is called."""
    if isinstance(runs, Sweep):
        runs = runs.store
    if isinstance(runs, str | os.PathLike):
        runs = _store(runs)
    if isinstance(runs, Mapping):
        raise GeomsupError("runs must be a list, got a mapping; pass list(runs.values())")
    if isinstance(runs, Store):
        yield from _in_store(runs)
    elif hasattr(runs, "weights") or isinstance(runs, GeometryReport) or _is_matrix(runs):
        yield from _of_one("run 0", runs, feature_axis)
    elif isinstance(runs, Iterable):
        for k, one in enumerate(runs):
            yield from _of_one(f"run {k}", one, feature_axis)
    else:
        raise GeomsupError(
            f"runs must be reports, matrices, trainings, or the folder of a sweep, got "
            f"{shorten(runs, 40)}"
        )


def _is_matrix(value: object) -> bool:
    return getattr(value, "ndim", 0) >= 2


def _of_one(
    source: str, run: Any, feature_axis: int
) -> Iterator[tuple[str, GeometryReport | Array]]:
    """The models of one run: a report, a training, a matrix or a stack of them."""
    if isinstance(run, GeometryReport):
        yield source, run
        return
    if isinstance(run, Store | Sweep):
        yield from _in_store(run.store if isinstance(run, Sweep) else run)
        return
    weights = getattr(run, "weights", run)
    if getattr(weights, "ndim", 2) == 3:
        for k, one in enumerate(weights):
            yield from _of_one(f"{source}, instance {k}", one, feature_axis)
        return
    try:
        yield source, as_weights(weights, feature_axis=feature_axis)
    except GeomsupError as error:
        raise GeomsupError(f"{source}: {error}") from error


def _store(path: str | os.PathLike[str]) -> Store:
    store = Store(path)
    if not store.exists:
        raise GeomsupError(
            f"{str(Path(path))!r} holds no results of a sweep; name the folder of its --out, or "
            "pass a list of matrices"
        )
    return store


def _in_store(store: Store) -> Iterator[tuple[str, Array]]:
    """The weights of every result that has some; of the minima of an optimum, the best."""
    found, diverged = False, 0
    for result in store.results():
        weights = result.values.get("weights", result.values.get("W"))
        if not isinstance(weights, np.ndarray) or weights.ndim not in (2, 3):
            continue
        found = True
        stack = weights if weights.ndim == 3 else weights[None]
        for k, one in enumerate(stack):
            name = f"{result.task.id[:12]}, instance {k}" if len(stack) > 1 else result.task.id[:12]
            if np.isfinite(one).all():
                yield name, as_weights(one)
            else:
                diverged += 1
    if diverged:
        warn_caller(f"{counted(diverged, 'model')} of the store diverged and are left out")
    if not found:
        raise GeomsupError(
            f"the store {store.path} has no models: no result has weights; is it the sweep of a "
            "training, and done?"
        )
