"""Print how often planted shapes are named rightly, and fail if a target is missed.

python tests/benchmarks/planted_truth.py            the full table, about five minutes
python tests/benchmarks/planted_truth.py --trials 20
"""

from __future__ import annotations

import argparse
import sys
import time
import warnings
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from planted import (
    EIGHT,
    FIVE,
    SOLIDS,
    false_discovery_rate,
    mixed_rank_accuracy,
    solids_accuracy,
    sums_accuracy,
)

from geomsup import GeomsupWarning, get_shape

# Shapes with at most eight vertices, all fifteen; by noise in radians per tangent axis.
SOLID_TARGETS = {0.05: (1.0, 0.0), 0.1: (0.99, 0.975), 0.15: (0.95, 0.92)}
EIGHT_TARGET, FIVE_TARGET, SUMS_TARGET, DISCOVERY_LIMIT = 0.97, 0.90, 0.99, 0.01


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--trials", type=int, default=100, help="trials a shape (default 100)")
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    warnings.simplefilter("ignore", GeomsupWarning)
    start = time.perf_counter()
    verdicts = [
        _solids(options.trials, options.seed),
        _mixed_ranks(options.trials, options.seed),
        _sums(2 * options.trials, options.seed),
        _random(10 * options.trials, options.seed),
    ]
    print(
        f"\n{time.perf_counter() - start:.0f} s; {'all targets met' if all(verdicts) else 'MISSED'}"
    )
    return 0 if all(verdicts) else 1


def _solids(trials: int, seed: int) -> bool:
    print(f"(a) fifteen shapes in three dimensions, {trials} trials each: share named rightly\n")
    columns = {sigma: solids_accuracy(sigma, trials, seed) for sigma in SOLID_TARGETS}
    small = [name for name in SOLIDS if get_shape(name).n_vertices <= 8]
    print(f"{'':26s}" + "".join(f"  σ = {sigma:<5}" for sigma in columns))
    for name in SOLIDS:
        print(f"{name:26s}" + "".join(f"  {shares[name]:9.3f}" for shares in columns.values()))
    verdict = True
    for label, names, position in (("N ≤ 8", small, 0), ("all fifteen", list(SOLIDS), 1)):
        means = [sum(shares[n] for n in names) / len(names) for shares in columns.values()]
        targets = [target[position] for target in SOLID_TARGETS.values()]
        print(f"{label:26s}" + "".join(f"  {mean:9.4f}" for mean in means))
        print(f"{'  target':26s}" + "".join(f"  {target:9.3f}" for target in targets))
        verdict &= all(mean >= target for mean, target in zip(means, targets, strict=True))
    return verdict


def _mixed_ranks(trials: int, seed: int) -> bool:
    print(f"\n(b) candidates of mixed rank in 64 dimensions, σ = .1, {trials} trials each\n")
    verdict = True
    for names, target in ((EIGHT, EIGHT_TARGET), (FIVE, FIVE_TARGET)):
        shares = mixed_rank_accuracy(names, trials, seed)
        print(f"{'':26s}  likeliest shape right  named rightly")
        for name, (first, named) in shares.items():
            print(f"{name:26s}  {first:21.3f}  {named:13.3f}")
        first = sum(share[0] for share in shares.values()) / len(shares)
        named = sum(share[1] for share in shares.values()) / len(shares)
        print(f"{'mean':26s}  {first:21.4f}  {named:13.4f}   target {target}\n")
        verdict &= first >= target
    return verdict


def _sums(trials: int, seed: int) -> bool:
    share, failures = sums_accuracy(trials, seed)
    print(f"(c) orthogonal sums, σ = .02: partition and names right in {share:.4f} of {trials}")
    print(f"    target {SUMS_TARGET}; failures: {failures or 'none'}")
    return share >= SUMS_TARGET


def _random(trials: int, seed: int) -> bool:
    confident, named = false_discovery_rate(trials, seed)
    print(
        f"\n(d) random directions: named with P > .9 in {confident:.4f} of {trials} configurations"
    )
    print(f"    limit {DISCOVERY_LIMIT}; named at all in {named:.4f}")
    return confident <= DISCOVERY_LIMIT


if __name__ == "__main__":
    sys.exit(main())
