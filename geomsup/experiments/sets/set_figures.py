"""Features of sets as arrows: a colour for each set."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from geomsup.plotting.style import GHOST, INK, PALETTE
from geomsup.plotting.wireframe import wireframe

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["draw_sets", "draw_sets_in_space"]

# Elevation and azimuth in degrees.
_VIEW = (24.0, 20.0)
_NUMBER: dict[str, Any] = {
    "ha": "center",
    "va": "center",
    "zorder": 10,
    "bbox": {"boxstyle": "circle,pad=0.1", "facecolor": "white", "edgecolor": "none", "alpha": 0.8},
}


def draw_sets(W: Any, ax: Axes, set_size: int, title: str) -> None:
    """Draw two-dimensional weights, of shape (2, n_features)."""
    limit = 1.18 * float(np.linalg.norm(W, axis=0).max())
    circle = np.linspace(0, 2 * np.pi, 200)
    ax.plot(np.cos(circle), np.sin(circle), color=GHOST, lw=0.6, ls=":")
    for i, (x, y) in enumerate(W.T):
        color = PALETTE[i // set_size % len(PALETTE)]
        ax.annotate("", (x, y), (0, 0), arrowprops={"arrowstyle": "-|>", "color": color, "lw": 1.8})
        if np.hypot(x, y) > 0.05 * limit:
            # Members of a collapsed pair would hide each other's numbers.
            shift = 1.1 + 0.13 * _hidden(W, i)
            ax.text(shift * x, shift * y, str(i), ha="center", va="center", color=color, fontsize=8)
    limit = max(limit, 1.05)
    ax.set(xlim=(-limit, limit), ylim=(-limit, limit), xticks=[], yticks=[])
    ax.set_aspect("equal")
    ax.spines[:].set_visible(False)
    ax.set_title(title, fontsize=9, color=INK)


def _hidden(W: Any, i: int) -> int:
    """How many earlier arrows end at the same place."""
    return int(np.sum(np.linalg.norm(W[:, :i] - W[:, [i]], axis=0) < 0.12))


def draw_sets_in_space(W: Any, ax: Any, set_size: int, title: str) -> None:
    """Draw three-dimensional weights, of shape (3, n_features): the solid that all of them span,
    and on it the triangle of each set."""
    from mpl_toolkits.mplot3d.art3d import Line3DCollection, Poly3DCollection

    # Look along the plane that the sets' triangles are parallel to, a little from above.
    axis = W[:, :set_size].sum(axis=1)
    axis = axis / max(float(np.linalg.norm(axis)), 1e-12)
    frame = np.linalg.svd(axis[None])[2]
    points = (np.array([frame[1], frame[2], frame[0]]) @ W).T
    edges = wireframe(points).edges
    # Those within a set are drawn with its triangle.
    edges = edges[edges[:, 0] // set_size != edges[:, 1] // set_size]
    elevation, azimuth = np.radians(_VIEW)
    towards = np.array(
        [
            np.cos(elevation) * np.cos(azimuth),
            np.cos(elevation) * np.sin(azimuth),
            np.sin(elevation),
        ]
    )
    # What lies behind is fainter and dashed: a flat page has no other depth.
    depth = points[edges].mean(axis=1) @ towards
    ax.add_collection3d(
        Line3DCollection(
            points[edges],
            colors=[(0.25, 0.25, 0.25, 0.9 if value > 0 else 0.5) for value in depth],
            linestyles=["-" if value > 0 else "--" for value in depth],
            linewidths=1.1,
        )
    )
    for k in range(W.shape[1] // set_size):
        inside = points[k * set_size : (k + 1) * set_size]
        color = PALETTE[k % len(PALETTE)]
        ax.add_collection3d(
            Poly3DCollection([inside], facecolors=color, edgecolors=color, alpha=0.35, linewidths=2)
        )
        ax.scatter(*inside.T, color=color, s=28, depthshade=False)
        for i, tip in enumerate(inside):
            # On a disc of white: a number may lie on an edge or a face of another triangle.
            ax.text(*(1.25 * tip), str(k * set_size + i), color=color, fontsize=9, **_NUMBER)
    reach = 0.8 * float(np.abs(points).max())
    ax.set(xlim=(-reach, reach), ylim=(-reach, reach), zlim=(-reach, reach))
    ax.set_box_aspect((1, 1, 1), zoom=0.95)
    ax.view_init(elev=_VIEW[0], azim=_VIEW[1])
    ax.set_axis_off()
    ax.set_title(title, fontsize=9, color=INK)
