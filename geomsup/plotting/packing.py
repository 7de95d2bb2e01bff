"""Where everything in a picture of many components goes, in points.

Each component is laid out by itself on a unit scale on which neighbours are about 1 apart.
Its drawing and its name then make one box, and the boxes go on shelves; the scale and the font size
are the largest with which the shelves fit the axes.  Labels cannot collide, because boxes do not.
"""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from geomsup.geometry.report import ComponentReport
from geomsup.plotting.canvas import text_width

__all__ = ["Packing", "Piece", "boxes", "pack", "unit_layout", "wrapped"]

Array = NDArray[np.float64]

LINE_HEIGHT = 1.25
# Diameter of a node in units of the layout.
NODE = 0.58
_GAP = 7.0
_FONTS = (9.0, 8.0, 7.0, 6.0, 5.0, 4.0)
_SCALES = np.geomspace(2.0, 36.0, 40)
# Larger scales than this are no easier to read, so font size decides among them.
_GOOD_SCALE = 24.0
# A layout is taken while it needs no more than so many times the radius of a circle of nodes.
_LOOSEST = 3.2
_PROJECTIONS = 128
_MOST_PROJECTED = 24
_MOST_UNFOLDED = 48
# Components with more nodes than this are drawn at a smaller scale than the others.
_LARGE = 30
_MOST_SERIATED = 1500


@dataclass(frozen=True, kw_only=True, eq=False)
class Piece:
    """One component on its unit scale: features, positions of shape (n, 2), and its label."""

    features: tuple[int, ...]
    positions: Array
    label: str
    scale: float


@dataclass(frozen=True, kw_only=True, eq=False)
class Packing:
    """Where the pieces go: a scale (points per unit), a font size, and the centre of each piece."""

    scale: float
    fontsize: float
    centres: Array
    height: float


def wrapped(text: str) -> str:
    """Break a title at its comma or its spaces, so that it is not much wider than a drawing."""
    lines = [
        line
        for part in text.split(", ")
        for line in textwrap.wrap(part, 16, break_long_words=False, break_on_hyphens=False)
    ]
    return "\n".join(lines)


def unit_layout(component: ComponentReport, adjacency: Array, rng: np.random.Generator) -> Array:
    """Return positions of shape (n_features, 2) for the features of a component, in their order.

    A polygon keeps its own form; a small solid is projected on the plane (of many, drawn from
    ``rng``) in which its vertices are farthest apart; a small irregular component is laid out by
    the number of edges between its vertices (Kamada and Kawai 1989).  Everything else stands on a
    circle on which strongly interfering vertices are neighbours.

    Parameters
    ----------
    component : ComponentReport
    adjacency : ndarray of shape (n_vertices, n_vertices)
        |cosine| of the edges between vertices.
    rng : Generator
    """
    crowd = max(component.multiplicities)
    # Parallel features stand in a small ring around their common vertex.
    ring = 0.0 if crowd == 1 else max(0.35, 0.7 / (2 * np.sin(np.pi / crowd)))
    vertices = _vertex_layout(component, adjacency, rng) * (1 + 2 * ring)
    place = {}
    for centre, features in zip(vertices, component.vertices, strict=True):
        angles = 2 * np.pi * np.arange(len(features)) / len(features)
        radius = ring if len(features) > 1 else 0.0
        for feature, angle in zip(features, angles, strict=True):
            place[feature] = centre + radius * np.array([np.cos(angle), np.sin(angle)])
    return np.array([place[feature] for feature in component.features])


def _vertex_layout(component: ComponentReport, adjacency: Array, rng: np.random.Generator) -> Array:
    n = component.n_vertices
    if n == 1:
        return np.zeros((1, 2))
    flat = None
    match = component.match
    if match is not None:
        ideal = match.vertices[list(match.permutation)]
        if match.dim == 1:
            return np.column_stack([0.8 * ideal[:, 0], np.zeros(n)])
        if match.dim == 2:
            return ideal / _least_distance(ideal)
        if n <= _MOST_PROJECTED:
            flat = _widest_projection(ideal, rng)
    elif n <= _MOST_UNFOLDED:
        unfolded = nx.kamada_kawai_layout(nx.from_numpy_array((adjacency > 0).astype(float)))
        flat = _lying(np.array([unfolded[k] for k in range(n)]))
    if flat is not None:
        flat = flat / max(_least_distance(flat), 1e-9)
        if np.linalg.norm(flat, axis=1).max() <= _LOOSEST * _circle_radius(n):
            return flat
    angles = 2 * np.pi * np.argsort(_seriated(adjacency)) / n + np.pi / 2
    return _circle_radius(n) * np.column_stack([np.cos(angles), np.sin(angles)])


def _lying(points: Array) -> Array:
    """Turn points so that they extend farthest along the x axis: shelves are wide, not high."""
    centred = points - points.mean(axis=0)
    return np.asarray(centred @ np.linalg.svd(centred, full_matrices=False)[2].T)


def _circle_radius(n: int) -> float:
    return float(1 / (2 * np.sin(np.pi / n)))


def _least_distance(points: Array) -> float:
    gaps = np.linalg.norm(points[:, None] - points[None], axis=2)
    return float(gaps[np.triu_indices(len(points), 1)].min())


def _widest_projection(points: Array, rng: np.random.Generator) -> Array:
    """Project on the plane, of many random ones, in which the closest two points are farthest."""
    frames = np.linalg.qr(rng.standard_normal((_PROJECTIONS, points.shape[1], 2)))[0]
    flats = points @ frames
    gaps = np.linalg.norm(flats[:, :, None] - flats[:, None], axis=3)
    first, second = np.triu_indices(len(points), 1)
    least = gaps[:, first, second].min(axis=1)
    best = int(np.argmax(least))
    return np.asarray(flats[best])


def _seriated(adjacency: Array) -> NDArray[np.intp]:
    """Order vertices so that strong edges are short: by the Fiedler vector of the graph."""
    n = len(adjacency)
    if n < 4 or n > _MOST_SERIATED:
        return np.arange(n)
    laplacian = np.diag(adjacency.sum(axis=1)) - adjacency
    return np.argsort(np.linalg.eigh(laplacian)[1][:, 1], kind="stable")


def size_of(n_nodes: int) -> float:
    """Return the relative scale of a component: the very large ones are drawn smaller."""
    return float(min(1.0, (_LARGE / n_nodes) ** 0.6))


def boxes(pieces: Sequence[Piece], scale: float, fontsize: float) -> Array:
    """Return width, height of the drawing and height of the label of each piece, in points."""
    result = np.zeros((len(pieces), 3))
    for k, piece in enumerate(pieces):
        extent = np.ptp(piece.positions, axis=0) + NODE * 1.15
        drawn = extent * scale * piece.scale
        lines = piece.label.count("\n") + 1 if piece.label else 0
        width = text_width(piece.label, fontsize) if lines else 0.0
        label = LINE_HEIGHT * fontsize * lines + 2 if lines else 0.0
        result[k] = max(drawn[0], width), drawn[1], label
    return result


def pack(pieces: Sequence[Piece], width: float, height: float) -> Packing | None:
    """Find the largest drawing of the pieces that fits; None when no legible one does.

    Parameters
    ----------
    pieces : sequence of Piece
    width, height : float
        Size of the axes in points.

    Returns
    -------
    Packing or None
        Centres have shape (n_pieces, 2), y upwards, the top shelf at ``height``.
    """
    best: tuple[float, Packing] | None = None
    for fontsize in _FONTS:
        low, high = 0, len(_SCALES)
        # The largest scale that fits; shelves grow with the scale, but for jumps of no account.
        while low < high:
            middle = (low + high) // 2
            fits = _shelves(boxes(pieces, _SCALES[middle], fontsize), width)[1] <= height
            low, high = (middle + 1, high) if fits else (low, middle)
        if low == 0:
            continue
        scale = float(_SCALES[low - 1])
        score = min(scale, _GOOD_SCALE) * fontsize
        if best is None or score > best[0]:
            centres, used = _shelves(boxes(pieces, scale, fontsize), width)
            centres = np.column_stack([centres[:, 0], height - (height - used) / 2 - centres[:, 1]])
            best = score, Packing(scale=scale, fontsize=fontsize, centres=centres, height=used)
    return None if best is None else best[1]


def natural_height(pieces: Sequence[Piece], width: float) -> float:
    """Return the height in points that the pieces take at a comfortable scale and font size."""
    return _shelves(boxes(pieces, _GOOD_SCALE, _FONTS[1]), width)[1]


def _shelves(sizes: Array, width: float) -> tuple[Array, float]:
    """Put boxes on shelves from left to right, top to bottom.

    Returns the centre of each drawing, measured from the top left, and the height used; an
    infinite height when a box is wider than a shelf.
    """
    centres = np.zeros((len(sizes), 2))
    if sizes[:, 0].max() + _GAP > width:
        return centres, np.inf
    top, first, x = _GAP / 2, 0, _GAP
    for k in range(len(sizes) + 1):
        full = k == len(sizes) or (k > first and x + sizes[k, 0] + _GAP / 2 > width)
        if full:
            row = slice(first, k)
            deepest = sizes[row, 1].max()
            # What is left of the width is shared out between the boxes of the shelf.
            spare = (width - x) / (k - first + 1)
            centres[row, 0] += max(0.0, spare) * np.arange(1, k - first + 1)
            centres[row, 1] = top + deepest / 2
            top += float((deepest / 2 + sizes[row, 1] / 2 + sizes[row, 2]).max()) + _GAP
            first, x = k, _GAP
        if k < len(sizes):
            centres[k, 0] = x + sizes[k, 0] / 2
            x += sizes[k, 0] + _GAP
    return centres, top
