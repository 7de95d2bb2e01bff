"""Print how often planted shapes are named rightly, and fail if a target is missed.

python tests/benchmarks/planted_truth.py            the full table, about ten minutes
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
    NOISES,
    SOLIDS,
    calibration_error,
    crowd_accuracy,
    false_discovery_rate,
    mixed_rank_accuracy,
    names_by_chance,
    noise_ratio,
    orthogonal_singles_accuracy,
    reliability,
    reliability_by_prior,
    solids_accuracy,
    sums_accuracy,
    two_scales_accuracy,
)

from geomsup import GeomsupWarning, get_shape, list_shapes

# Shapes with at most eight vertices, all fifteen; by noise in radians per tangent axis.
SOLID_TARGETS = {0.05: (1.0, 0.0), 0.1: (0.99, 0.975), 0.15: (0.95, 0.92)}
EIGHT_TARGET, FIVE_TARGET, SUMS_TARGET, DISCOVERY_LIMIT = 0.97, 0.90, 0.99, 0.01
CHANCE_LIMIT, TWO_SCALES_TARGET, CROWD_TARGET = 0.01, 0.98, 0.9
# Calibration error for each kind of noise, and for worlds drawn from the priors.
CALIBRATION_LIMITS = {
    **dict.fromkeys(NOISES, 0.025),
    "geodesic": 0.02,
    "worlds drawn from the priors": 0.01,
}
# Ranges of planted noise, and how far the estimate of its square may be off.
NOISE_LIMITS = {(0.02, 0.08): 0.03, (0.08, 0.15): 0.03, (0.15, 0.2): 0.08, (0.2, 0.26): 0.08}
# Other directions in the crowds.
CROWDS = {"digon": (32, 80, 192, 512), "pentagon": (32, 80, 192, 512), "tetrahedron": (32, 80)}


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
        _chance(20 * options.trials, options.seed),
        _singles(options.trials, options.seed),
        _two_scales(options.trials, options.seed),
        _crowds(max(1, options.trials // 10), options.seed),
        _reliability(12 * options.trials, options.seed),
        _noise(max(1, options.trials // 5), options.seed),
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


def _chance(trials: int, seed: int) -> bool:
    share, named = names_by_chance(trials, seed)
    print(f"\n(e) 2–14 independent directions in 2–2,048 dimensions: {share:.4f} of {trials} named")
    print(f"    limit {CHANCE_LIMIT}; {'; '.join(named) or 'none'}")
    return share <= CHANCE_LIMIT


def _singles(trials: int, seed: int) -> bool:
    share, failures = orthogonal_singles_accuracy(trials, seed)
    print(f"\n(f) 1–64 orthogonal features, alone and beside shapes: all right in {share:.4f}")
    print(f"    of {trials}; failures: {', '.join(failures) or 'none'}")
    return not failures


def _two_scales(trials: int, seed: int) -> bool:
    share, failures = two_scales_accuracy(trials, seed)
    print(f"\n(g) tight and loose structures together: all right in {share:.4f} of {trials}")
    print(f"    target {TWO_SCALES_TARGET}; failures: {failures or 'none'}")
    return share >= TWO_SCALES_TARGET


def _crowds(trials: int, seed: int) -> bool:
    print(f"\n(h) six of a kind among others in 64 dimensions, σ = .01, {trials} crowds each\n")
    verdict, n_false, n_crowds = True, 0, 0
    for name, sizes in CROWDS.items():
        for others in sizes:
            share, false = crowd_accuracy(name, others, trials, seed)
            print(f"{name:14s} {others:4d} others  found {share:.3f}  false names {false}")
            verdict &= share >= CROWD_TARGET
            n_false, n_crowds = n_false + false, n_crowds + trials
    print(f"    target {CROWD_TARGET}; {n_false} false names in {n_crowds} crowds, limit 1 in 100")
    return verdict and n_false <= max(1, n_crowds // 100)


def _reliability(trials: int, seed: int) -> bool:
    print(
        f"\n(i) probability of the likeliest shape and how often it is right, {trials} trials each"
    )
    verdict = True
    for kind, limit in CALIBRATION_LIMITS.items():
        outcomes = (
            reliability(trials, seed, noise=kind)
            if kind in NOISES
            else reliability_by_prior(trials, seed)
        )
        print(f"\n    {kind}")
        for low in (k / 10 for k in range(10)):
            inside = [
                (p, right) for p, right in outcomes if low <= p < low + 0.1 or p == low + 0.1 == 1
            ]
            if inside:
                mean = sum(p for p, _ in inside) / len(inside)
                share = sum(right for _, right in inside) / len(inside)
                print(f"{mean:6.3f}  {share:6.3f}  {'#' * round(40 * share):40s}  {len(inside)}")
        error = calibration_error(outcomes)
        print(f"    expected calibration error {error:.4f}, limit {limit}")
        verdict &= error <= limit
    return verdict


def _noise(trials: int, seed: int) -> bool:
    print(f"\n(j) mean square of the estimated noise over the planted, {trials} trials a shape\n")
    names = [s.name for s in list_shapes() if 3 <= s.n_vertices <= 15 and not s.rare]
    verdict = True
    for (low, high), limit in NOISE_LIMITS.items():
        ratio = noise_ratio(names, low, high, trials, seed)
        print(f"    σ = {low} – {high}: {ratio:.3f}, limit 1 ± {limit}")
        verdict &= abs(ratio - 1) <= limit
    return verdict


if __name__ == "__main__":
    sys.exit(main())
