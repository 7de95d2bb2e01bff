"""Fifty planted shapes among ten thousand components: how many copies are found, what is merged.

    python tests/benchmarks/planted_shapes.py [--shapes 50] [--components 10000] [--copies 20]
        [--seed 0]

Sizes are 5 to 17 vertices in 3 to 6 dimensions, one planted shape in each of as many sizes as there
are shapes; copies have .02 to .05 rad of noise, and are turned, mirrored and shuffled.  The rest
are random one-offs of the same sizes.  A false merge is a component in a group of another shape, or
a one-off in any group.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

from geomsup.discovery.grouping import grouped

sys.path.insert(0, str(Path(__file__).parents[1]))
from unnamed_copies import planted


def main() -> None:
    """Print a row for each size, and the totals."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shapes", type=int, default=50)
    parser.add_argument("--components", type=int, default=10_000)
    parser.add_argument("--copies", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    rng = np.random.default_rng(args.seed)
    sizes = [(n, dim) for n in range(5, 18) for dim in range(3, 7) if n > dim + 1]
    chosen = [sizes[k * len(sizes) // args.shapes % len(sizes)] for k in range(args.shapes)]
    per_shape = args.components // args.shapes - args.copies
    found = merged = total = 0
    start = time.process_time()
    for n, dim in sorted(set(chosen)):
        n_shapes = chosen.count((n, dim))
        points, labels = planted(
            n, dim, n_shapes=n_shapes, n_copies=args.copies,
            n_others=per_shape * n_shapes, rng=rng,
        )  # fmt: skip
        here = wrong = 0
        owners: set[int] = set()
        for group in grouped(points, 0.05, rng):
            inside = labels[group.members]
            planted_in = inside[inside >= 0]
            owner = int(np.bincount(planted_in).argmax()) if len(planted_in) else -2
            right = int((inside == owner).sum())
            wrong += len(inside) - right
            if owner not in owners:
                here += right
            owners.add(owner)
        found, merged, total = found + here, merged + wrong, total + len(points)
        print(
            f"{n:3d} in {dim}  components {len(points):4d}  copies found {here:4d} of "
            f"{n_shapes * args.copies:3d}  falsely merged {wrong:3d}  "
            f"({time.process_time() - start:.0f} s)",
            flush=True,
        )
    copies = args.shapes * args.copies
    print(f"recall {found / copies:.4f}, false merges {merged} of {total} = {merged / total:.5f}")


if __name__ == "__main__":
    main()
