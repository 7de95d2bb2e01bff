"""Weight matrices whose geometry is known, because it was planted.

Noise is geodesic: each direction moves along a great circle by a Gaussian step with standard
deviation ``sigma`` (radians) on each of the m - 1 tangent axes.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ortho_group

from geomsup import classify_geometry, get_shape

Array = NDArray[np.float64]

# Part (a) of the planted benchmark: fifteen shapes in three dimensions.
SOLIDS = (
    "digon",
    "triangle",
    "square",
    "pentagon",
    "tetrahedron",
    "triangular bipyramid",
    "square pyramid",
    "octahedron",
    "triangular prism",
    "pentagonal bipyramid",
    "cube",
    "square antiprism",
    "tricapped triangular prism",
    "icosahedron",
    "cuboctahedron",
)
# Part (b): shapes of different rank with the same number of vertices, in 64 dimensions.
EIGHT = ("octagon", "cube", "square antiprism", "16-cell", "7-simplex")
FIVE = ("pentagon", "triangular bipyramid", "square pyramid", "4-simplex")
# Part (c): the orthogonal factors that sums are made of.
FACTORS = (
    "monosemantic",
    "digon",
    "triangle",
    "pentagon",
    "hexagon",
    "heptagon",
    "octagon",
    "tetrahedron",
    "4-simplex",
    "5-simplex",
    "triangular prism",
    "cube",
    "square antiprism",
    "tricapped triangular prism",
    "icosahedron",
    "cuboctahedron",
    "rectified 5-cell",
    "24-cell",
)


def random_orthogonal(dim: int, rng: np.random.Generator) -> Array:
    """Return a random rotation or reflection of R^dim."""
    if dim == 1:
        return np.array([[rng.choice([-1.0, 1.0])]])
    return np.asarray(ortho_group.rvs(dim, random_state=rng))


def random_directions(n: int, dim: int, rng: np.random.Generator) -> Array:
    """Return n independent uniform directions as columns, shape (dim, n)."""
    points = rng.standard_normal((dim, n))
    return np.asarray(points / np.linalg.norm(points, axis=0))


def noisy(units: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Move each unit column along a geodesic by a Gaussian tangent step."""
    step = sigma * rng.standard_normal(units.shape)
    step -= units * (units * step).sum(axis=0)
    length = np.linalg.norm(step, axis=0)
    safe = np.where(length > 0, length, 1.0)
    return np.asarray(np.cos(length) * units + np.sin(length) * step / safe)


def planted(name: str, dim: int, sigma: float, rng: np.random.Generator) -> Array:
    """Return a shape, turned, shuffled and with noise, as columns of shape (dim, n_vertices)."""
    vertices = get_shape(name).vertices
    vertices = vertices[rng.permutation(len(vertices))]
    units = random_orthogonal(dim, rng)[:, : vertices.shape[1]] @ vertices.T
    return noisy(units, sigma, rng)


def planted_sum(
    rng: np.random.Generator, *, sigma: float = 0.02, max_dim: int = 40
) -> tuple[Array, list[tuple[str, frozenset[int]]]]:
    """Return an orthogonal sum of 3–12 random factors with dropped features mixed in.

    Returns the matrix and the truth: a name and the set of its columns for each factor.
    """
    while True:
        names = [str(name) for name in rng.choice(FACTORS, size=rng.integers(3, 13))]
        shapes = [get_shape(name) for name in names]
        rank = sum(shape.dim for shape in shapes)
        if rank <= max_dim:
            break
    dim = int(rng.integers(rank, max_dim + 1))
    frame = random_orthogonal(dim, rng)
    blocks, owners, start = [], [], 0
    for k, shape in enumerate(shapes):
        blocks.append(frame[:, start : start + shape.dim] @ shape.vertices.T)
        owners += [k] * shape.n_vertices
        start += shape.dim
    units = noisy(np.concatenate(blocks, axis=1), sigma, rng)
    factor_norms = rng.uniform(0.8, 1.2, size=len(shapes))
    columns = units * factor_norms[owners]
    n_dropped = round(0.2 * columns.shape[1])
    dropped = random_directions(n_dropped, dim, rng) * rng.uniform(0.005, 0.015, n_dropped)
    order = rng.permutation(columns.shape[1] + n_dropped)
    W = np.concatenate([columns, dropped], axis=1)[:, order]
    owner = np.array(owners + [-1] * n_dropped)[order]
    truth = [(name, frozenset(np.flatnonzero(owner == k).tolist())) for k, name in enumerate(names)]
    return W, truth


def factors_of(name: str) -> list[str]:
    """Return the names of the primitive orthogonal factors of a shape, sorted."""
    factors = get_shape(name).factors
    if not factors:
        return [name]
    return sorted(part for factor in factors for part in factors_of(factor))


def is_right(names: list[str], truth: str) -> bool:
    """Whether components named like this are the shape itself, or exactly its factors."""
    return names == [truth] or sorted(names) == factors_of(truth)


def solids_accuracy(sigma: float, trials: int, seed: int = 0) -> dict[str, float]:
    """Part (a): the share of trials in which each solid is named rightly, cut and all."""
    shares = {}
    for k, name in enumerate(SOLIDS):
        rng = np.random.default_rng([seed, 1, round(1000 * sigma), k])
        right = 0
        for _ in range(trials):
            report = classify_geometry(planted(name, 3, sigma, rng))
            right += is_right([component.name for component in report.components], name)
        shares[name] = right / trials
    return shares


def mixed_rank_accuracy(
    names: tuple[str, ...], trials: int, seed: int = 0, *, dim: int = 64, sigma: float = 0.1
) -> dict[str, tuple[float, float]]:
    """Part (b): the share of trials in which the likeliest shape, and the name, are right."""
    shares = {}
    for k, name in enumerate(names):
        rng = np.random.default_rng([seed, 2, k])
        first = named = 0
        for _ in range(trials):
            directions = planted(name, dim, sigma, rng)
            report = classify_geometry(directions, interference_threshold=0.0)
            first += report.components[0].candidates[0].shape == name
            named += report.components[0].name == name
        shares[name] = (first / trials, named / trials)
    return shares


def sums_accuracy(trials: int, seed: int = 0) -> tuple[float, list[int]]:
    """Part (c): the share of orthogonal sums whose partition and names are all right."""
    failures = []
    for k in range(trials):
        W, truth = planted_sum(np.random.default_rng([seed, 3, k]))
        report = classify_geometry(W)
        found = {(component.name, frozenset(component.features)) for component in report.components}
        if found != set(truth):
            failures.append(k)
    return 1 - len(failures) / trials, failures


def false_discovery_rate(trials: int, seed: int = 0) -> tuple[float, float]:
    """Part (d): how often random directions get a name with probability above .9, and at all."""
    rng = np.random.default_rng([seed, 4])
    confident = named = 0
    for _ in range(trials):
        n, dim = int(rng.integers(4, 15)), int(rng.integers(2, 7))
        report = classify_geometry(random_directions(n, dim, rng))
        matches = [c.match for c in report.components if len(c.features) >= 4 and c.match]
        named += bool(matches)
        confident += any(match.probability > 0.9 for match in matches)
    return confident / trials, named / trials
