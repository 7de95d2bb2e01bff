"""The page of the atlas of optima: cells of :func:`geomsup.theory.atlas_cells`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment

from geomsup.best_known import best_known
from geomsup.errors import GeomsupError, counted
from geomsup.geometry.gram import dimensionality_of
from geomsup.plotting.style import name_color
from geomsup.report_page.payload import Payload
from geomsup.theory.atlas.table import AtlasCell, AtlasEntry

__all__ = ["payload_of"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Rotations from which two configurations are laid over each other, and turns of each; those of one
# phase are nearer than this share of their size, and the first rotation does.
_STARTS, _TURNS, _NEAR = 12, 6, 0.2
_BETTER = 1e-9


def payload_of(cells: Sequence[AtlasCell]) -> Payload:
    """All that the page of some cells shows."""
    if not cells:
        raise GeomsupError("expected at least one cell of the atlas, got none")
    entries = [entry for cell in cells for entry in cell.entries]
    marked = {(e.n_features, e.n_hidden) for e in entries if e.thomson == "optimum"}
    payload = Payload(
        "atlas",
        {
            "title": _title(cells),
            "head": [
                f"{counted(len(entries), 'phase')}: the configuration of least exact loss that is "
                "known, for independent features of equal importance, at every feature "
                "probability p",
                f"{len(marked)} of {counted(len(cells), 'size')} "
                f"{'holds' if len(marked) == 1 else 'hold'} a Thomson optimum at some p (★): the "
                "represented features point to where as many charges have the least energy known",
            ],
            "foot": [
                "Best known: no proof is known that there is nothing lower. Below p = 1e-6 the "
                "first phase is followed, not searched."
            ],
            "labels": None,
            "notes": [],
            "cells": [
                {"n": cell.n_features, "m": cell.n_hidden, "starts": cell.n_starts}
                for cell in cells
            ],
            "phases": [_phase(k, entry) for k, cell in enumerate(cells) for entry in cell.entries],
            "next": [_runner_up(entry, k) for entry in entries for k in range(len(entry.p))],
        },
    )
    payload.add("n_nodes", np.array([len(entry.p) for entry in entries], dtype=np.int64))
    for name in ("p", "loss", "smallest_eigenvalue"):
        values = np.concatenate([getattr(entry, name) for entry in entries])
        payload.add(name, values, exact=True)
    payload.add("zero_modes", np.concatenate([entry.zero_modes for entry in entries]))
    _add_features(payload, cells)
    return payload


def _title(cells: Sequence[AtlasCell]) -> str:
    if len(cells) == 1:
        (cell,) = cells
        return f"{cell.n_features} features in {counted(cell.n_hidden, 'dimension')}: best known"
    return f"The atlas of optima: {len(cells)} sizes of model"


def _phase(cell: int, entry: AtlasEntry) -> dict[str, Any]:
    row = best_known(entry.n_kept, entry.n_hidden) if entry.thomson else None
    return {
        "cell": cell,
        "low": entry.low,
        "high": entry.high,
        "name": entry.name,
        "kind": entry.shape,
        "color": name_color(entry.shape),
        "symmetry": entry.symmetry,
        "dropped": entry.n_dropped,
        "ends": entry.ends,
        "status": entry.status,
        "thomson": "" if row is None else row.name or entry.shape,
        # Whether it is the optimum itself, and not its shape with other angles.
        "exact": entry.thomson == "optimum",
        "met": int(entry.met.sum()),
        "starts": int(entry.n_starts.sum()),
    }


def _runner_up(entry: AtlasEntry, node: int) -> str:
    """The next lowest minimum at a node, if one was met."""
    if not entry.runner_up[node]:
        return ""
    excess = max(0.0, entry.runner_up_loss[node] / entry.loss[node] - 1.0)
    return f"{entry.runner_up[node]}, {100 * excess:.3g} % higher"


def _add_features(payload: Payload, cells: Sequence[AtlasCell]) -> None:
    """Write where every feature is at every node, its bias, and its dimensionality."""
    points, biases, levels = [], [], []
    for cell in cells:
        last: Array | None = None
        for entry in cell.entries:
            for W, b in zip(entry.W, entry.b, strict=True):
                order, last = (np.arange(len(b)), W) if last is None else _nearest(W, last)
                points.append(last.T.ravel())
                biases.append(b[order])
                levels.append(dimensionality_of(last))
    payload.add("points", np.concatenate(points))
    payload.add("bias", np.concatenate(biases))
    payload.add("level", np.nan_to_num(np.concatenate(levels)))


def _nearest(W: Array, last: Array) -> tuple[IntArray, Array]:
    """A configuration where it is nearest to another one, and the order of its features there.

    It is known up to a rotation and a permutation: found in turns (Procrustes, assignment), from
    some rotations, the first of which is none.
    """
    m = len(W)
    rng = np.random.default_rng(0)
    best, found = np.inf, (np.arange(W.shape[1]), W)
    for start in range(_STARTS):
        turn = np.eye(m) if start == 0 else np.linalg.qr(rng.normal(size=(m, m)))[0]
        for _ in range(_TURNS):
            order = linear_sum_assignment(last.T @ turn @ W, maximize=True)[1]
            left, _, right = np.linalg.svd(last @ W[:, order].T)
            turn = left @ right
        moved = float(np.linalg.norm(turn @ W[:, order] - last))
        if moved < best - _BETTER:
            best, found = moved, (order, turn @ W[:, order])
        if best < _NEAR * float(np.linalg.norm(last)):
            break
    return found
