"""How often `weigh_claim` supports what is not there, and what is.

    PYTHONPATH=tests python tests/benchmarks/planted_claims.py --draws 10000 --kept nothing.jsonl
    PYTHONPATH=tests python tests/benchmarks/planted_claims.py --part rings
    PYTHONPATH=tests python tests/benchmarks/planted_claims.py --part uniform
    PYTHONPATH=tests python tests/benchmarks/planted_claims.py --part centres

*Nothing*: groups of 4 to 30 features in 2 to 4,096 dimensions without the structure that is
claimed: features of the matrix; a Gaussian cloud, round, flat, or long in few dimensions, set in
the matrix; clusters; and rings, arcs and lines whose order is shuffled, claimed in that order.  The
matrix is round, or its variances fall as 1/k, with a mean and mixed norms or without.

*Rings*: of 7 and 12 about a common part as long as their radius, with even steps or with any that
leave no gap of two mean ones.  ``noise`` is the rms displacement of a vertex in all dimensions
together over the radius.

*Uniform*: p-values of groups that are drawn as controls are.

*Centres*: names of the catalogue about the centroid, about the origin, and about whatever is meant
when nothing is said, of groups of 3 to 12: figures about the origin and about a common part as long
as their radius, with a noise of .2, and groups without structure as above.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter, defaultdict
from collections.abc import Callable
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from planted_census import BACKGROUNDS, background
from scipy.stats import kstest

from geomsup import Claim, get_shape, list_shapes, weigh_claim

Array = NDArray[np.float64]

GROUPS = ("features", "round cloud", "flat cloud", "long cloud", "clusters")
VERDICTS = ("supported", "undecided", "contradicted")
CURVES = ("ring", "arc", "line")
UNORDERED = ("ring", "arc", "line", "simplex", "antipodes", "bundle", "polygon", "orthoplex")
DIMS = (2, 3, 4, 6, 8, 16, 32, 64, 128, 384, 1024, 4096)


def without_structure(kind: str, n: int, rows: Array, rng: np.random.Generator) -> Array:
    """Return n features about the mean of the rows, of their size, without structure."""
    m = rows.shape[1]
    size = float(np.sqrt(rows.var(axis=0).sum()))
    centre = rows.mean(axis=0)
    if kind == "round cloud":
        cloud = rng.standard_normal((n, m))
    elif kind == "flat cloud":
        cloud = rng.standard_normal((n, m)) * (np.arange(m) < rng.integers(2, 4))
        cloud += 0.1 / np.sqrt(m) * rng.standard_normal((n, m))
    elif kind == "long cloud":
        cloud = rng.standard_normal((n, m)) * np.arange(1, m + 1) ** -rng.uniform(0.5, 1.5)
    else:
        k = int(rng.integers(2, max(3, n // 2)))
        cloud = rng.standard_normal((k, m))[np.arange(n) % k]
        cloud += rng.uniform(0.05, 0.4) * rng.standard_normal((n, m))
    axes = np.linalg.qr(rng.standard_normal((m, min(m, 64))))[0] if m > 64 else np.eye(m)
    if m <= 64:
        axes = np.linalg.qr(rng.standard_normal((m, m)))[0]
        cloud = cloud @ axes
    cloud *= size * rng.uniform(0.2, 1.5) / np.sqrt((cloud**2).sum(axis=1).mean())
    return np.asarray(centre + cloud)


def on_curve(
    kind: str, n: int, m: int, noise: float, rng: np.random.Generator, *, even: bool = True
) -> Array:
    """Return n points on a curve of root mean square radius 1, in order, with noise."""
    if even:
        places = np.arange(n) / n
    else:
        while True:
            places = np.sort(rng.uniform(size=n))
            if np.diff(places, append=places[0] + 1).max() < 2 / n:
                break
    if kind == "line":
        points = np.column_stack([places, 0 * places])
    else:
        angles = (2 * np.pi if kind == "ring" else np.pi) * places
        points = np.column_stack([np.cos(angles), np.sin(angles)])
    points = points - points.mean(axis=0)
    points /= np.sqrt((points**2).sum(axis=1).mean())
    axes = np.linalg.qr(rng.standard_normal((m, 2)))[0]
    return np.asarray(points @ axes.T + noise / np.sqrt(m) * rng.standard_normal((n, m)))


def draw_without(rng: np.random.Generator, n_controls: int) -> tuple[str, str, Claim]:
    """Weigh one claim of something that is not there."""
    n, m = int(rng.integers(4, 31)), int(rng.choice(DIMS))
    n_rows = 400 if m <= 384 else 150
    rows = background(str(rng.choice(BACKGROUNDS)), n_rows, m, rng)
    if rng.uniform() < 0.2:
        word, kind = str(rng.choice(CURVES)), "shuffled order"
        n = max(n, 6)
        size = float(np.sqrt(rows.var(axis=0).sum()))
        rows[:n] = rows[0] + size * on_curve(word, n, m, rng.choice([0.05, 0.2, 0.4]), rng)
        options: dict[str, Any] = {"order": rng.permutation(n)}
    else:
        word, kind = str(rng.choice(UNORDERED)), str(rng.choice(GROUPS))
        if kind != "features":
            rows[:n] = without_structure(kind, n, rows, rng)
        options = {}
        if word == "bundle":
            options["about"] = "mean"  # a cloud about the mean of a matrix is a bundle elsewhere
        elif word == "antipodes":
            n -= n % 2
        elif word == "polygon":
            word = f"{n}-gon"
        elif word == "orthoplex":
            n = min(n - n % 2, 12)
            word = f"{n // 2}-orthoplex"
        elif word in CURVES and rng.uniform() < 0.5:
            options = {"order": rng.permutation(n)}
            kind += ", ordered"
    return (
        word if "-" not in word else word.split("-")[1],
        kind,
        weigh_claim(
            rows, range(n), word, feature_axis=0, n_controls=n_controls, seed=rng, **options
        ),
    )


def nothing(n_draws: int, n_controls: int, seed: int, kept: Path | None = None) -> None:
    """Print how many claims of nothing are supported, by word and by kind of group.

    What was found is added to a file, if one is given, and not weighed again.
    """
    found = [] if kept is None or not kept.exists() else kept.read_text().splitlines()
    for k in range(len(found), n_draws):
        word, kind, claim = draw_without(np.random.default_rng([seed, k]), n_controls)
        why = claim.why if claim.verdict == "supported" else ""
        found.append(
            json.dumps([word, kind, len(claim.features), claim.noise_dim, claim.verdict, why])
        )
        if kept is not None:
            with kept.open("a") as file:
                file.write(found[-1] + "\n")
    verdicts: dict[str, Counter[str]] = defaultdict(Counter)
    for k, line in enumerate(found[:n_draws]):
        word, kind, n, dim, verdict, why = json.loads(line)
        for key in ("all", f"word: {word}", f"group: {kind}", f"{word} of {kind}"):
            verdicts[key][verdict] += 1
        if why:
            print(f"  draw {k}: {word} of {n}, {kind}, {dim:.0f} dimensions: {why}")
    for key in sorted(verdicts):
        if " of " not in key or verdicts[key]["supported"]:
            count = verdicts[key]
            total = sum(count.values())
            print(
                f"{key:34s} {total:6d}  supported {count['supported'] / total:7.4f}  "
                f"contradicted {count['contradicted'] / total:6.3f}"
            )


def ring_in_matrix(
    n: int, m: int, noise: float, kind: str, rng: np.random.Generator, *, even: bool
) -> Array:
    """Return a matrix whose first n features are a ring about a common part of its radius."""
    rows = background(kind, 2000, m, rng)
    radius = float(np.sqrt((rows**2).sum(axis=1).mean() / 2))
    common = rng.standard_normal(m)
    common /= np.linalg.norm(common)
    rows[:n] = radius * (common + on_curve("ring", n, m, noise, rng, even=even))
    return rows


def rings(n_draws: int, n_controls: int, seed: int) -> None:
    """Print how many rings are supported."""
    print("matrix         m  n  steps  noise  supported: in no order, in their order, shuffled")
    cells = product(BACKGROUNDS, (8, 16, 64, 384), (7, 12), (True, False), (0.2, 0.3))
    for kind, m, n, even, noise in cells:
        counts = np.zeros(3)
        for k in range(n_draws):
            rng = np.random.default_rng([seed, m, n, even, round(100 * noise), k])
            W = ring_in_matrix(n, m, noise, kind, rng, even=even)
            for at, order in enumerate((None, [*range(n)], rng.permutation(n).tolist())):
                claim = weigh_claim(
                    W,
                    range(n),
                    "ring",
                    order=order,
                    feature_axis=0,
                    n_controls=n_controls,
                    seed=rng,
                )
                counts[at] += claim.verdict == "supported"
        shares = "  ".join(f"{count / n_draws:5.2f}" for count in counts)
        steps = "even" if even else "any"
        print(f"{kind:11s} {m:4d} {n:2d}  {steps:5s} {noise:5.1f}  {shares}", flush=True)


def control_like(n: int, rows: Array, rng: np.random.Generator) -> list[int]:
    """Return a group as controls are: an anchor's neighbours, some of the nearest 20 n."""
    units = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    nearest = np.argsort(-(units @ units[rng.integers(len(units))]))[: 20 * n]
    return [int(one) for one in rng.choice(nearest, n, replace=False)]


def uniform(n_draws: int, n_controls: int, seed: int) -> None:
    """Print the Kolmogorov–Smirnov p of p-values on groups that are like controls."""
    words = ("ring", "ring in order", "line in order", "arc", "simplex", "bundle", "antipodes")
    print("matrix        group       word             n   KS p   mean   below .01")
    for kind, word, group in product(BACKGROUNDS, words, ("random", "neighbours")):
        if group == "neighbours" and word in ("bundle", "antipodes"):
            continue  # their controls are random groups
        values = []
        for k in range(n_draws):
            rng = np.random.default_rng([seed, k, BACKGROUNDS.index(kind)])
            rows, n = background(kind, 1500, 32, rng), 8
            members = control_like(n, rows, rng) if group == "neighbours" else [*range(n)]
            claim = weigh_claim(
                rows,
                members,
                word.removesuffix(" in order"),
                order=members if word.endswith("order") else None,
                feature_axis=0,
                n_controls=n_controls,
                seed=rng,
            )
            values.append(claim.p_value)
        found = kstest(values, "uniform").pvalue
        low = float(np.mean(np.array(values) <= 0.01))
        print(
            f"{kind:13s} {group:11s} {word:13s} {n_draws:4d}  {found:5.3f}  "
            f"{np.mean(values):.3f}  {low:.3f}",
            flush=True,
        )


def figure_in_matrix(name: str, m: int, common: float, rng: np.random.Generator) -> Array:
    """Return a matrix whose first features are a figure of the catalogue about a common part."""
    vertices = get_shape(name).vertices
    n, r = vertices.shape
    rows = background(str(rng.choice(BACKGROUNDS)), 400 if m <= 384 else 150, m, rng)
    axes = np.linalg.qr(rng.standard_normal((m, r + 1)))[0]
    figure = common * axes[:, -1] + vertices @ axes[:, :r].T
    figure += 0.2 / np.sqrt(m) * rng.standard_normal((n, m))
    rows[:n] = figure * np.sqrt((rows**2).sum(axis=1).mean() / (1 + common**2))
    return rows


def centres(n_draws: int, n_controls: int, seed: int) -> None:
    """Print how often names are supported about each centre, where they hold and where not."""
    kinds = ("about the origin", "beside a common part", "nothing")
    counts: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
    for k, kind in product(range(n_draws), kinds):
        rng = np.random.default_rng([seed, 7, k, kinds.index(kind)])
        n = int(rng.integers(3, 13))
        # Every other name is that of a simplex.
        names = [shape.name for shape in list_shapes() if shape.n_vertices == n]
        name = f"{n - 1}-simplex" if k % 2 else str(rng.choice(names))
        m = int(rng.choice(DIMS))
        if kind == "nothing":
            rows = background(str(rng.choice(BACKGROUNDS)), 400 if m <= 384 else 150, m, rng)
            group = str(rng.choice(GROUPS))
            if group != "features":
                rows[:n] = without_structure(group, n, rows, rng)
        else:
            m = max(m, get_shape(name).dim + 1)
            rows = figure_in_matrix(name, m, float(kind != kinds[0]), rng)
        for about in (None, "origin", "centroid"):
            if about == "centroid" and not is_balanced(name):
                continue
            claim = weigh_claim(
                rows, range(n), name, about=about, feature_axis=0, n_controls=n_controls, seed=k
            )
            word = "simplex" if k % 2 else "other figure"
            counts[f"{word} {kind}", about or "not said"][claim.verdict] += 1
            if kind == "nothing" and claim.verdict == "supported":
                print(f"  draw {k}: {name} about {about}, {group}, m {m}: {claim.why}", flush=True)
    for (what, about), count in sorted(counts.items()):
        total = sum(count.values())
        said = "  ".join(f"{word} {count[word] / total:.4f}" for word in VERDICTS)
        print(f"{what:38s} {about:9s} {total:5d}  {said}")


def is_balanced(name: str) -> bool:
    """Return whether the mean of the vertices of a figure is its centre."""
    return all(
        np.linalg.norm(form.vertices.mean(axis=0)) < 1e-6 for form in get_shape(name).in_each_form()
    )


PARTS: dict[str, Callable[..., None]] = {
    "nothing": nothing,
    "rings": rings,
    "uniform": uniform,
    "centres": centres,
}


def main() -> None:
    """Print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--part", choices=PARTS, default="nothing")
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--controls", type=int, default=300)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--kept", type=Path, help="a file that draws of nothing are added to")
    args = parser.parse_args()
    more = {"kept": args.kept} if args.part == "nothing" else {}
    PARTS[args.part](args.draws, args.controls, args.seed, **more)


if __name__ == "__main__":
    main()
