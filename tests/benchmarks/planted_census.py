"""How many planted structures the components of a census find, and how many they invent.

    PYTHONPATH=tests python tests/benchmarks/planted_census.py --sizes 500x16 5000x256

Structures stand among features of four backgrounds: a round Gaussian, one whose variances fall as
1/k, a round one off its centre, and one that is both and has log-normal norms.  A structure lies
along axes that the background itself draws.  ``noise`` is the rms length of the displacement of a
vertex over the radius of the structure, in all dimensions together.  A ring has a radius between ½
and 1 of the length of its mean; its vertices are normalised after the noise.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from geomsup import census, get_shape
from geomsup.survey.component import Component

Array = NDArray[np.float64]

KINDS = ("digon", "triangle", "pentagon", "tetrahedron", "bundle", "7-ring", "12-ring")
BACKGROUNDS = ("isotropic", "anisotropic", "off-centre", "mixed norms")
# A component is that structure with which it shares so much of their union.
SAME = 0.8


def background(kind: str, n: int, m: int, rng: np.random.Generator) -> Array:
    """Return n features without structure as rows."""
    draws = rng.standard_normal((n, m))
    if kind in ("anisotropic", "mixed norms"):
        draws *= np.sqrt(m / np.arange(1, m + 1) / np.sum(1 / np.arange(1, m + 1)))
    if kind in ("off-centre", "mixed norms"):
        draws += np.sqrt(0.5 * m) * np.eye(m)[m // 2]
    if kind == "mixed norms":
        draws *= rng.lognormal(0.0, 0.5, (n, 1))
    return draws


def structure(kind: str, noise: float, axes: Array, rng: np.random.Generator) -> Array:
    """Return the unit rows of one structure in the span of some orthonormal columns."""
    m = len(axes)
    if kind == "bundle":
        vertices, radius = np.ones((int(rng.integers(3, 9)), 1)), 1.0
    elif kind.endswith("-ring"):
        size, radius = int(kind.removesuffix("-ring")), float(rng.uniform(0.5, 1.0))
        angles = 2 * np.pi * np.arange(size) / size
        vertices = np.column_stack(
            [np.ones(size), radius * np.cos(angles), radius * np.sin(angles)]
        )
    else:
        vertices, radius = get_shape(kind).vertices, 1.0
    points = vertices @ axes[:, : vertices.shape[1]].T
    points = points + noise * radius / np.sqrt(m) * rng.standard_normal(points.shape)
    return unit_rows(points)


def planted_matrix(
    kind: str, n: int, m: int, noise: float, n_structures: int, rng: np.random.Generator
) -> tuple[Array, list[tuple[str, frozenset[int]]]]:
    """Return unit rows with structures among them, and the kind and the rows of each."""
    blocks, truth, start = [], [], 0
    for k in range(n_structures):
        centred = "isotropic" if kind in ("isotropic", "off-centre") else "anisotropic"
        axes = np.linalg.qr(background(centred, 3, m, rng).T)[0]
        name = KINDS[k % len(KINDS)]
        blocks.append(structure(name, noise, axes, rng))
        truth.append((name, start, start + len(blocks[-1])))
        start += len(blocks[-1])
    units = unit_rows(np.concatenate([*blocks, background(kind, n - start, m, rng)]))
    order = rng.permutation(n)
    place = np.argsort(order)
    return units[order], [(name, frozenset(place[a:b].tolist())) for name, a, b in truth]


def unit_rows(rows: Array) -> Array:
    """Return rows over their norms."""
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def components(kind: str, units: Array) -> tuple[Component, ...]:
    """Return what a census of these rows finds."""
    null = "isotropic" if kind == "isotropic" else "matched"
    found = census(units, feature_axis=0, null=null, n_draws=0, components=True, progress=False)
    return found.components


def is_called(component: Component, kind: str) -> bool:
    """Whether a component has the name of what was planted."""
    if kind.endswith("-ring"):
        size = kind.removesuffix("-ring")
        polygon = {"7": "heptagon"}.get(size, f"{size}-gon")
        return component.about == "centroid" and component.name in ("ring", polygon)
    return component.name == kind and component.about == "origin"


class Tally:
    """What was planted, found, named rightly and invented."""

    def __init__(self) -> None:
        self.planted: Counter[str] = Counter()
        self.found: Counter[str] = Counter()
        self.right: Counter[str] = Counter()
        self.false: Counter[str] = Counter()
        self.n_components = 0
        self.seconds = 0.0

    def add(self, found: tuple[Component, ...], truth: list[tuple[str, frozenset[int]]]) -> None:
        """Compare the components of one matrix with what was planted."""
        home = {feature: k for k, (_, features) in enumerate(truth) for feature in features}
        self.planted.update(name for name, _ in truth)
        self.n_components += len(found)
        for component in found:
            owners = Counter(home[f] for f in component.features if f in home)
            k, shared = owners.most_common(1)[0] if owners else (-1, 0)
            union = len(component.features) + len(truth[k][1]) - shared if owners else 1
            if shared < SAME * union:
                self.false[f"{component.name} of {len(component.features)}"] += 1
                continue
            name = truth[k][0]
            self.found[name] += 1
            self.right[name] += is_called(component, name)

    def row(self) -> str:
        """Return found, named, false and what is missing."""
        total, found = sum(self.planted.values()), sum(self.found.values())
        false = sum(self.false.values())
        by_kind = " ".join(
            f"{self.found[k]}/{self.right[k]}/{self.planted[k]}" for k in KINDS if self.planted[k]
        )
        return (
            f"{found / max(total, 1):6.3f} {sum(self.right.values()) / max(total, 1):6.3f} "
            f"{false / max(self.n_components, 1):6.3f} {self.n_components:5d} "
            f"{self.seconds:6.1f}  {by_kind}  {dict(self.false.most_common(3)) or ''}"
        )


def measured(
    kind: str, n: int, m: int, noise: float, n_structures: int, n_matrices: int, seed: int
) -> Tally:
    """Return the tally of some matrices with as many structures in each."""
    tally = Tally()
    for k in range(n_matrices):
        rng = np.random.default_rng([seed, BACKGROUNDS.index(kind), n, round(100 * noise), k])
        units, truth = planted_matrix(kind, n, m, noise, n_structures, rng)
        start = time.perf_counter()
        found = components(kind, units)
        tally.seconds += time.perf_counter() - start
        tally.add(found, truth)
    return tally


def _cells(args: argparse.Namespace) -> Iterator[tuple[str, int, int, float]]:
    for size in args.sizes:
        n, m = (int(part) for part in size.split("x"))
        for kind in args.backgrounds:
            for noise in args.noises:
                yield kind, n, m, noise


def main() -> None:
    """Print a row for each background, size and noise."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["500x16", "1000x32", "2000x64", "5000x256"])
    parser.add_argument("--backgrounds", nargs="+", default=list(BACKGROUNDS), choices=BACKGROUNDS)
    parser.add_argument("--noises", nargs="+", type=float, default=[0.1, 0.2, 0.3])
    parser.add_argument("--structures", type=int, default=200, help="over all matrices of a row")
    parser.add_argument("--empty", type=int, default=10, help="matrices without structure")
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    print("by kind: found/named/planted of", ", ".join(KINDS))
    print("background      n    m noise  found  named  false comps      s")
    for kind, n, m, noise in _cells(args):
        each = min(args.structures, n // 25)
        tally = measured(kind, n, m, noise, each, -(-args.structures // each), args.seed)
        print(f"{kind:11s} {n:5d} {m:4d} {noise:5.2f} {tally.row()}", flush=True)
    for kind, n, m, _ in _cells(argparse.Namespace(**{**vars(args), "noises": [0.0]})):
        if args.empty:
            tally = measured(kind, n, m, 0.0, 0, args.empty, args.seed)
            share = tally.n_components / args.empty
            false = dict(tally.false)
            print(f"{kind:11s} {n:5d} {m:4d} nothing planted: {share:.2f} per matrix {false}")


if __name__ == "__main__":
    main()
