"""How uniform the p-values of pairs are under the null that is matched to their own matrix.

    PYTHONPATH=tests/benchmarks python tests/benchmarks/uniform_p_values.py --sizes 500x16 2000x64

What comes of each matrix is written to a file (``--kept``) at once, and the same command goes on
where it was interrupted.

Matrices have no structure: the four backgrounds of :mod:`planted_census`.  The null is fitted to
the whole matrix; p-values are those of pairs that share no feature, so that they are independent,
on the one side in one matrix and on the other in the next.
"""

from __future__ import annotations

import argparse
import json
import time
from pathlib import Path

import numpy as np
from planted_census import BACKGROUNDS, background
from scipy import stats

from geomsup.nulls import MatchedNull


def uniformity(kind: str, n: int, m: int, seed: int, n_pairs: int) -> float:
    """Kolmogorov and Smirnov's p for the p-values of one matrix."""
    rows = background(kind, n, m, np.random.default_rng([seed, n, m, BACKGROUNDS.index(kind)]))
    null = MatchedNull.of(rows, feature_axis=0)
    n_pairs = min(n_pairs, n // 2)
    u, v = rows[: 2 * n_pairs].reshape(2, n_pairs, m)
    lengths = np.linalg.norm(u, axis=1) * np.linalg.norm(v, axis=1)
    sign = (-1) ** seed
    t = np.clip(sign * np.einsum("pm,pm->p", u, v) / lengths, -1, 1)
    return float(stats.kstest(np.exp(null.log_tail(u, t, sign)), "uniform").pvalue)


class Kept:
    """The p of each matrix, in a file with a line for each, or nowhere."""

    def __init__(self, path: Path | None) -> None:
        self._path = path
        lines = path.read_text(encoding="utf-8").splitlines() if path and path.exists() else []
        self._known = {tuple(cell): p for cell, p in map(json.loads, lines)}

    def uniformity(self, *cell: str | int) -> float:
        """That of one matrix, computed unless it is known."""
        if cell not in self._known:
            self._known[cell] = uniformity(*cell)  # type: ignore[arg-type]
            if self._path is not None:
                with self._path.open("a", encoding="utf-8") as file:
                    file.write(json.dumps([cell, self._known[cell]]) + "\n")
        return float(self._known[cell])


def main() -> None:
    """Print a row for each background and size."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", nargs="+", default=["500x16", "2000x64", "6000x384"])
    parser.add_argument("--backgrounds", nargs="+", default=list(BACKGROUNDS), choices=BACKGROUNDS)
    parser.add_argument("--matrices", type=int, default=100)
    parser.add_argument("--pairs", type=int, default=1000)
    parser.add_argument("--kept", type=Path, help="file of what is done already")
    args = parser.parse_args()
    kept = Kept(args.kept)
    print("background       n    m matrices  p > .01  p > .05  least p  KS of these p  CPU s")
    for size in args.sizes:
        n, m = (int(part) for part in size.split("x"))
        for kind in args.backgrounds:
            started = time.process_time()
            numbers = range(args.matrices)
            p = np.array([kept.uniformity(kind, n, m, k, args.pairs) for k in numbers])
            again = stats.kstest(p, "uniform").pvalue
            print(
                f"{kind:11s} {n:6d} {m:4d} {p.size:8d} {(p > 0.01).sum():8d} "
                f"{(p > 0.05).sum():8d} {p.min():8.4f} {again:14.3f} "
                f"{time.process_time() - started:5.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
