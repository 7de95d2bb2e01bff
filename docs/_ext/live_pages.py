"""Make the interactive pages that the guide shows, from results that are computed here and now.

They are no part of the theme: each is the very file that a reader gets.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from sphinx.application import Sphinx

_FOLDER = "live"


def write_pages(folder: Path) -> list[Path]:
    """A page of each kind."""
    folder.mkdir(parents=True, exist_ok=True)
    makers = (_report, _census, _timeline, _atlas, _sweep, _claim)
    return [make(folder) for make in makers]


def _report(folder: Path) -> Path:
    """Ten structures in one matrix, with noise, two features on one vertex, and names."""
    from geomsup import classify_geometry, get_shape

    names = ["square antiprism", "octahedron", "cube", "4-simplex", "pentagon", "tetrahedron"]
    names += ["triangle", "digon", "monosemantic", "irregular"]
    rng = np.random.default_rng(4)
    loose = rng.normal(size=(7, 4))
    loose /= np.linalg.norm(loose, axis=1, keepdims=True)
    blocks = [loose if name == "irregular" else get_shape(name).vertices for name in names]
    W = np.zeros((sum(one.shape[1] for one in blocks), sum(map(len, blocks))))
    row = column = 0
    labels = []
    for name, block in zip(names, blocks, strict=True):
        n, dim = block.shape
        W[row : row + dim, column : column + n] = rng.uniform(0.8, 1.2) * block.T
        labels += [f"{k + 1} {name}" for k in range(n)]
        row, column = row + dim, column + n
    W += 0.025 * rng.normal(size=W.shape)
    doubled = labels.index("1 pentagon")
    dropped = 0.003 * rng.normal(size=(len(W), 2))
    W = np.column_stack([W, 0.9 * W[:, doubled], dropped])
    labels += ["doubles 1 pentagon", "dropped", "dropped too"]
    return classify_geometry(W).to_html(folder / "report.html", weights=W, labels=labels)


def _census(folder: Path) -> Path:
    """A table of eight hundred features in which pairs and triangles are planted."""
    from geomsup import census, get_shape

    rng = np.random.default_rng(0)
    table = rng.normal(size=(800, 48)) * np.exp(0.4 * rng.normal(size=48))
    table[400:410] = -table[:10] + 0.3 * rng.normal(size=(10, 48))
    for start in (600, 610, 620):
        plane = np.linalg.qr(rng.normal(size=(48, 2)))[0]
        table[start : start + 3] = 8 * get_shape("triangle").vertices @ plane.T
        table[start : start + 3] += 0.1 * rng.normal(size=(3, 48))
    found = census(table, feature_axis=0, n_draws=3, progress=False)
    return found.to_html(folder / "census.html", weights=table, feature_axis=0)


def _timeline(folder: Path) -> Path:
    """A model of five features in two dimensions on its way to a pentagon."""
    from geomsup.dynamics import geometry_timeline
    from geomsup.training import ToyModelConfig, train

    config = ToyModelConfig(
        feature_probability=0.05,
        n_instances=2,
        n_steps=6000,
        batch_size=512,
        n_records=150,
        record_schedule="log",
    )
    way = train(config, seed=1, progress=False).trajectory
    weights = way.weights[:, 1]
    line = geometry_timeline(way.steps, weights, way.losses[:, 1])
    return line.to_html(folder / "timeline.html", weights=weights)


def _atlas(folder: Path) -> Path:
    """All sizes of model that the atlas has."""
    from geomsup.theory import atlas_cells

    return atlas_cells().to_html(folder / "atlas.html")


def _sweep(folder: Path) -> Path:
    """Five features in two dimensions at six sparsities, four times each, at two learning rates."""
    import tempfile

    from geomsup import sweep
    from geomsup.sweeps import grid

    tasks = grid(
        "train",
        {"n_steps": 1500, "batch_size": 256},
        seeds=4,
        sparsity=[0.0, 0.5, 0.7, 0.85, 0.93, 0.97],
        learning_rate=[0.003, 0.001],
    )
    with tempfile.TemporaryDirectory() as store:
        done = sweep(tasks, store=store, progress=False)
        return done.to_html(folder / "sweep.html", x="sparsity", y="loss", by="learning_rate")


def _claim(folder: Path) -> Path:
    """Twelve directions on a ring, one after the other, off the centre of a table of noise."""
    from geomsup import weigh_claim

    months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
    rng = np.random.default_rng(0)
    table = rng.normal(size=(800, 32))
    angles = 2 * np.pi * np.arange(12) / 12
    plane = np.linalg.qr(rng.normal(size=(32, 2)))[0]
    table[:12] = 5 * np.column_stack([np.cos(angles), np.sin(angles)]) @ plane.T
    table[:12] += rng.normal(size=32) * 2 + 0.35 * rng.normal(size=(12, 32))
    claim = weigh_claim(
        table,
        range(12),
        "ring",
        order=range(12),
        feature_axis=0,
        labels=[*months, *(f"other {k}" for k in range(788))],
    )
    return claim.to_html(folder / "claim.html")


def _write(app: Sphinx, error: Exception | None) -> None:
    if error is None and app.builder.format == "html":
        write_pages(Path(app.outdir) / _FOLDER)


def setup(app: Sphinx) -> dict[str, Any]:
    """Write them when the other pages are written."""
    app.connect("build-finished", _write)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
