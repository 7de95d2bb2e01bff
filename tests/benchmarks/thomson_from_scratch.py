"""Solve the Thomson problem for N = 2 … 100 without the table, and print what was found.

python tests/benchmarks/thomson_from_scratch.py                  all of them
python tests/benchmarks/thomson_from_scratch.py --first 40 --last 50 --seed 3
"""

from __future__ import annotations

import argparse
import sys
import time

from geomsup.sphere import minimize_energy, thomson_optimum


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--first", type=int, default=2)
    parser.add_argument("--last", type=int, default=100)
    parser.add_argument("--dim", type=int, default=3)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    missed = []
    begin = time.perf_counter()
    print("   N            energy   hits / starts   hops   time (s)   above the table")
    for n in range(options.first, options.last + 1):
        start = time.perf_counter()
        found = minimize_energy(n, options.dim, seed=options.seed)
        took = time.perf_counter() - start
        best = thomson_optimum(n, options.dim)
        above = found.energy - best.energy
        if best.status == "computed now":
            verdict = "not in it"
        elif above > 1e-9 * abs(best.energy):
            verdict = f"{above:.3e}"
            missed.append(n)
        else:
            verdict = "-"
        print(
            f"{n:4d}  {found.energy:16.9f}  {found.hits:5d} / {found.n_starts:<6d}"
            f"  {found.n_hops:5d}  {took:9.2f}   {verdict}",
            flush=True,
        )
    total = time.perf_counter() - begin
    print(f"\n{total:.0f} s; " + (f"MISSED {missed}" if missed else "all best known reached"))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
