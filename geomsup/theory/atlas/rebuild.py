"""Make, or go on making, the atlas of optima: ``python -m geomsup.theory.atlas.rebuild``.

First every cell is searched at some feature probabilities, each search a file of its own; then
each cell is put together from its searches and from the smaller cells, again a file; and all
cells make the table.  What is there already is not made again, so it can be stopped and started,
and more starts (``--starts 300 --seed 1``) add to what there is.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import sys
import time
from collections.abc import Iterable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.theory.atlas.cells import assembled
from geomsup.theory.atlas.envelope import Pool
from geomsup.theory.atlas.table import (
    TABLE,
    AtlasCell,
    load_table,
    probability,
    save_table,
)
from geomsup.theory.atlas.tasks import SAME_LOSS, search
from geomsup.validation import positive_integer, whole_number
from geomsup.writing import write_arrays

__all__ = ["KEYS", "SEARCHED", "main", "tasks"]

Key = tuple[int, int]

_MOST_FEATURES, _MOST_HIDDEN = 12, 4
_SEAMLESS = 1e-8
# Every cell, smaller ones before those that may be composed of them.
KEYS: tuple[Key, ...] = tuple(
    sorted(
        ((n, m) for m in range(1, _MOST_HIDDEN + 1) for n in range(m + 1, _MOST_FEATURES + 1)),
        key=lambda key: (sum(key), key[1]),
    )
)
# Feature probabilities that are searched, the most telling ones first; without the first few a
# cell is not known.
_LEAST_SEARCHED = 3
SEARCHED = (
    *(0.1, 0.01, 0.3, 0.03, 0.6, 0.9, 1e-3, 0.2),
    *(0.05, 0.75, 1.0, 0.15, 0.02, 0.45, 0.97, 1e-4, 0.99),
)


def tasks(
    keys: Iterable[Key], searched: Iterable[float], n_starts: int, seed: int
) -> list[dict[str, Any]]:
    """Configurations of :func:`geomsup.theory.atlas.tasks.search`, in no order that matters."""
    return [
        {"n_features": n, "n_hidden": m, "p": p, "n_starts": n_starts, "seed": seed}
        for p in searched
        for n, m in keys
    ]


def _run(task: Mapping[str, Any], folder: Path) -> None:
    """Search and keep what was found, unless that was done before."""
    text = json.dumps(task, sort_keys=True)
    key = f"{task['n_features']}-{task['n_hidden']}"
    path = folder / key / f"{hashlib.sha256(text.encode()).hexdigest()[:16]}.npz"
    if path.exists():
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    found = search(task)
    write_arrays(path, {"task": np.array(text), **found})
    took = time.perf_counter() - start
    print(f"searched {text}: {found['loss'][0]:.9g} of n p / 3, {took:.1f} s", flush=True)


def _pools(key: Key, folder: Path) -> tuple[dict[float, Pool], str]:
    """What the searches of a cell found, by feature probability, and a digest of them."""
    pools: dict[float, Pool] = {}
    paths = sorted((folder / f"{key[0]}-{key[1]}").glob("*.npz"))
    for path in paths:
        with np.load(path, allow_pickle=False) as file:
            p = json.loads(str(file["task"]))["p"]
            x, loss, met = file["x"], file["loss"], file["met"]
            n_starts = int(file["n_starts"])
        none = Pool(x=x[:0], loss=loss[:0], met=met[:0], n_starts=0)
        pools[p] = pools.get(p, none).merged(x, loss, met, n_starts)
    return pools, hashlib.sha256(" ".join(path.stem for path in paths).encode()).hexdigest()[:16]


def _put_together(
    key: Key, folder: Path, cells: dict[Key, AtlasCell], known: AtlasCell | None
) -> bool:
    """One cell, unless the same searches and code made it before; whether it can be shipped."""
    pools, digest = _pools(key, folder)
    if not pools.keys() >= set(SEARCHED[:_LEAST_SEARCHED]):
        return False
    path = folder / "cells" / f"{key[0]}-{key[1]}-{digest}-{_code()}.npz"
    if path.exists():
        cells.update(load_table(path))
        return True
    start = time.perf_counter()
    cell = assembled(key, pools, cells, known)
    if gaps := _gaps(cell):
        print(f"left out: {cell}\nits loss jumps at p = {gaps}", flush=True)
        return False
    if known is not None and (higher := _higher(cell, known)):
        print(f"left out: {cell}\nit was known lower at p = {higher}", flush=True)
        return False
    cells[key] = cell
    path.parent.mkdir(parents=True, exist_ok=True)
    save_table(path, {key: cell})
    print(f"{cell}\n{time.perf_counter() - start:.1f} s", flush=True)
    return True


def _gaps(cell: AtlasCell) -> list[float]:
    """Boundaries at which a branch was lost: the lowest loss is continuous."""
    pairs = pairwise(cell.entries)
    return [one.high for one, two in pairs if abs(one.loss[-1] / two.loss[0] - 1.0) > _SEAMLESS]


def _higher(cell: AtlasCell, known: AtlasCell) -> list[float]:
    """Feature probabilities at which both are held and the one that was known is lower."""
    before, now = (
        {p: loss for entry in one.entries for p, loss in zip(entry.p, entry.loss, strict=True)}
        for one in (known, cell)
    )
    return [float(p) for p in before.keys() & now if now[p] > before[p] * (1.0 + SAME_LOSS)]


def _code() -> str:
    """A digest of the modules that put cells together."""
    sources = sorted(Path(__file__).parent.glob("*.py"))
    return hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:8]


def _sizes(words: list[str]) -> list[Key]:
    """The cells of "features-dimensions", the smaller ones first."""
    known = {f"{n}-{m}": (n, m) for n, m in KEYS}
    if wrong := [word for word in words if word not in known]:
        raise GeomsupError(
            f"expected sizes as features-dimensions (of at most {_MOST_FEATURES} features in at "
            f"most {_MOST_HIDDEN} dimensions, as 9-3), got {', '.join(wrong)}"
        )
    return [key for word, key in known.items() if word in words]


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m geomsup.theory.atlas.rebuild", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--work", type=Path, default=Path("atlas"), help="folder of what is found")
    parser.add_argument("--table", type=Path, default=TABLE, help="file to write (the package's)")
    parser.add_argument("--starts", type=int, default=60, help="random starts of each search")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--least", type=int, default=2, help="cells with at least so many features")
    parser.add_argument("--most", type=int, default=_MOST_FEATURES, help="and with at most so many")
    parser.add_argument(
        "--sizes", nargs="*", metavar="N-M", help="these cells alone, such as 9-3 10-2"
    )
    parser.add_argument(
        "--p", type=float, nargs="*", default=SEARCHED, help="feature probabilities to search"
    )
    options = parser.parse_args(arguments)
    try:
        searched = [probability(p) for p in options.p]
        n_starts = positive_integer("--starts", options.starts)
        seed = whole_number("--seed", options.seed, 0)
        keys = [key for key in KEYS if options.least <= key[0] <= options.most]
        if options.sizes is not None:
            keys = _sizes(options.sizes)
    except GeomsupError as error:
        parser.error(str(error))
    for task in tasks(keys, searched, n_starts, seed):
        _run(task, options.work)
    cells = load_table(options.table) if options.table.exists() else {}
    for key in keys:
        if _put_together(key, options.work, cells, cells.get(key)):
            save_table(options.table, cells)
    return 0


if __name__ == "__main__":
    sys.exit(main())
