"""Weight matrices whose geometry is known, because it was planted.

Noise is geodesic: each direction moves along a great circle by a Gaussian step with standard
deviation ``sigma`` (radians) on each of the m - 1 tangent axes.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy.stats import ortho_group

from geomsup import classify_geometry, get_shape, match_shape
from geomsup.matching.candidates import candidate_set
from geomsup.matching.evidence import NOISE_GRID
from geomsup.matching.posterior import generic_prior

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
    return moved(units, sigma * rng.standard_normal(units.shape))


def moved(units: Array, step: Array) -> Array:
    """Move each unit column along a geodesic by the tangent part of a step."""
    step = step - units * (units * step).sum(axis=0)
    length = np.linalg.norm(step, axis=0)
    safe = np.where(length > 0, length, 1.0)
    return np.asarray(np.cos(length) * units + np.sin(length) * step / safe)


def added_to_unequal_norms(units: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Give the columns norms from 1/2 to 3/2 and add Gaussian noise to each entry."""
    norms = rng.uniform(0.5, 1.5, units.shape[1])
    return np.asarray(units * norms + sigma * rng.standard_normal(units.shape))


def anisotropic(units: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Move the columns by Gaussian steps four times as long along one axis as along another."""
    scales = np.geomspace(1.0, 0.25, len(units))
    scales *= sigma / np.sqrt(np.mean(scales**2))
    return moved(units, scales[:, None] * rng.standard_normal(units.shape))


def heavy_tailed(units: Array, sigma: float, rng: np.random.Generator) -> Array:
    """Move the columns by steps of Student's t with three degrees of freedom, variance 3."""
    return moved(units, sigma / np.sqrt(3.0) * rng.standard_t(3.0, units.shape))


# What may happen to planted directions; the evidence expects the first.
NOISES: dict[str, Callable[[Array, float, np.random.Generator], Array]] = {
    "geodesic": noisy,
    "added to unequal norms": added_to_unequal_norms,
    "anisotropic": anisotropic,
    "heavy-tailed": heavy_tailed,
}


def planted(
    name: str, dim: int, sigma: float, rng: np.random.Generator, *, noise: str = "geodesic"
) -> Array:
    """Return a shape, turned, shuffled and with noise, as columns of shape (dim, n_vertices)."""
    vertices = get_shape(name).vertices
    vertices = vertices[rng.permutation(len(vertices))]
    units = random_orthogonal(dim, rng)[:, : vertices.shape[1]] @ vertices.T
    return NOISES[noise](units, sigma, rng)


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


def names_by_chance(trials: int, seed: int = 0) -> tuple[float, list[str]]:
    """Part (e): how often independent directions get a name of two or more features.

    2–14 directions, dimensions log-uniform between 2 and 2,048.
    """
    rng = np.random.default_rng([seed, 5])
    named = []
    for _ in range(trials):
        n = int(rng.integers(2, 15))
        dim = round(float(np.exp(rng.uniform(np.log(2), np.log(2048)))))
        report = classify_geometry(random_directions(n, dim, rng))
        found = [c.name for c in report.components if c.match and len(c.features) > 1]
        named += [f"{n} in {dim}: {', '.join(found)}"] if found else []
    return len(named) / trials, named


def orthogonal_singles_accuracy(trials: int, seed: int = 0) -> tuple[float, list[str]]:
    """Part (f): orthogonal features that each stand alone, by themselves and beside two shapes."""
    failures = []
    for k in range(trials):
        rng = np.random.default_rng([seed, 6, k])
        n = int(rng.integers(1, 65))
        beside = bool(k % 2)
        blocks = [get_shape(name).vertices.T for name in ("pentagon", "tetrahedron")] * beside
        W = block_diagonal([*blocks, np.eye(n)])
        W = noisy(random_orthogonal(len(W), rng) @ W, (0.0, 0.01)[k // 2 % 2], rng)
        truth = {"monosemantic": n} | ({"pentagon": 1, "tetrahedron": 1} if beside else {})
        if classify_geometry(W).counts() != truth:
            failures.append(f"{n}{' beside shapes' if beside else ''}")
    return 1 - len(failures) / trials, failures


# Part (g): structures that no one threshold on |cosine| shows together, and their noises.
TWO_SCALES: tuple[tuple[tuple[str, float], ...], ...] = (
    (("pentagon", 0.01), ("cube", 0.05)),
    (("digon", 0.0), ("digon", 0.0), ("digon", 0.0), ("5-simplex", 0.05)),
    (("hexagon", 0.01), ("square antiprism", 0.05)),
    (("triangle", 0.0), ("pentagon", 0.01), ("6-simplex", 0.03)),
    (("heptagon", 0.0), ("tetrahedron", 0.08), ("cube", 0.02)),
)


def two_scales_accuracy(trials: int, seed: int = 0) -> tuple[float, list[int]]:
    """Part (g): the share of matrices with tight and loose structures where all names are right."""
    failures = []
    for k in range(trials):
        rng = np.random.default_rng([seed, 7, k])
        kinds = TWO_SCALES[k % len(TWO_SCALES)]
        blocks = [noisy(get_shape(name).vertices.T, sigma, rng) for name, sigma in kinds]
        W = block_diagonal(blocks)
        found = sorted(
            c.name for c in classify_geometry(random_orthogonal(len(W), rng) @ W).components
        )
        if found != sorted(name for name, _ in kinds):
            failures.append(k)
    return 1 - len(failures) / trials, failures


def block_diagonal(blocks: list[Array]) -> Array:
    """Return matrices in orthogonal spaces."""
    rows, columns = (sum(block.shape[axis] for block in blocks) for axis in (0, 1))
    W = np.zeros((rows, columns))
    row = column = 0
    for block in blocks:
        W[row : row + block.shape[0], column : column + block.shape[1]] = block
        row, column = row + block.shape[0], column + block.shape[1]
    return W


def crowd(
    name: str, others: int, rng: np.random.Generator, *, sigma: float = 0.01, dim: int = 64
) -> tuple[Array, set[frozenset[int]]]:
    """Return six copies of a shape among independent directions, and the columns of each."""
    copies = [planted(name, dim, sigma, rng) for _ in range(6)]
    size = copies[0].shape[1]
    units = np.concatenate([*copies, random_directions(others, dim, rng)], axis=1)
    order = rng.permutation(units.shape[1])
    owner = order // size
    return units[:, order], {frozenset(np.flatnonzero(owner == k).tolist()) for k in range(6)}


def crowd_accuracy(name: str, others: int, trials: int, seed: int = 0) -> tuple[float, int]:
    """Part (h): the share of shapes found in crowds, and how many false names there are."""
    found = false = 0
    for k in range(trials):
        units, truth = crowd(name, others, np.random.default_rng([seed, 8, others, k]))
        report = classify_geometry(units)
        named = {(c.name, frozenset(c.features)) for c in report.components if c.match}
        named = {(shape, features) for shape, features in named if len(features) > 1}
        right = {(name, features) for features in truth}
        found += len(named & right)
        false += len(named - right)
    return found / (6 * trials), false


def reliability(trials: int, seed: int = 0, *, noise: str = "geodesic") -> list[tuple[float, bool]]:
    """Part (i): the probability of the likeliest shape, and whether it was planted.

    A third of the trials are independent directions, for which no shape is right; the noise of the
    others is log-uniform between .02 and .25.
    """
    outcomes = []
    for k in range(trials):
        rng = np.random.default_rng([seed, 9, k])
        name = SOLIDS[k // 3 % len(SOLIDS)]
        dim = int(rng.integers(3, 7))
        if k % 3 == 0:
            W = random_directions(int(rng.integers(4, 13)), dim, rng)
        else:
            sigma = float(np.exp(rng.uniform(np.log(0.02), np.log(0.25))))
            W = planted(name, dim, sigma, rng, noise=noise)
        outcomes += _outcome(W, name if k % 3 else None)
    return outcomes


def reliability_by_prior(trials: int, seed: int = 0) -> list[tuple[float, bool]]:
    """Part (i) with worlds drawn from the priors: "irregular", the shapes, and the noise."""
    outcomes = []
    for k in range(trials):
        rng = np.random.default_rng([seed, 11, k])
        n, dim = int(rng.integers(4, 13)), int(rng.integers(3, 7))
        if rng.random() < generic_prior(n, part=False):
            outcomes += _outcome(random_directions(n, dim, rng), None)
            continue
        contenders = candidate_set(n, dim)
        drawn = rng.choice(len(contenders.shapes), p=np.exp(contenders.log_prior))
        name = contenders.shapes[drawn].shape.name
        sigma = float(np.exp(rng.uniform(*np.log(NOISE_GRID[[0, -1]]))))
        outcomes += _outcome(planted(name, dim, sigma, rng), name)
    return outcomes


def _outcome(W: Array, truth: str | None) -> list[tuple[float, bool]]:
    """The probability of the likeliest shape and whether it is right; nothing for two vertices."""
    component = classify_geometry(W, interference_threshold=0.0).components[0]
    if component.n_vertices <= 2 or not component.candidates:
        return []
    best = component.candidates[0]
    return [(best.probability, best.shape == truth)]


def calibration_error(outcomes: list[tuple[float, bool]], bins: int = 10) -> float:
    """Return the expected calibration error: mean |share right - mean probability| over bins."""
    probability = np.array([p for p, _ in outcomes])
    right = np.array([r for _, r in outcomes], dtype=np.float64)
    label = np.minimum((probability * bins).astype(int), bins - 1)
    gaps = [
        np.count_nonzero(label == k) * abs(float((right - probability)[label == k].mean()))
        for k in np.unique(label)
    ]
    return float(sum(gaps) / len(outcomes))


def noise_ratio(names: list[str], low: float, high: float, trials: int, seed: int = 0) -> float:
    """Part (j): estimated over planted σ², of shapes in their own dimension whose name is given.

    Pooled over degrees of freedom, and over what the steps happened to be: their mean square is σ²
    but for chance, which an estimate cannot know.
    """
    estimated = stepped = 0.0
    for k, name in enumerate(names):
        shape = get_shape(name)
        n, m = shape.n_vertices, shape.dim
        for trial in range(trials):
            rng = np.random.default_rng([seed, 10, round(1000 * low), k, trial])
            sigma = float(rng.uniform(low, high))
            units = noisy(shape.vertices.T, sigma, rng)
            cosines = (units * shape.vertices.T).sum(axis=0)
            stepped += float((np.arccos(np.clip(cosines, -1, 1)) ** 2).sum()) / (n * (m - 1)) * n
            estimated += match_shape(units.T, name).noise ** 2 * n
    return estimated / stepped
