"""Do trained models take the strategy that the maps of pairs say is best?

    python tests/benchmarks/trained_pairs.py --points 100 --restarts 6

Points of the maps that are shipped, at least 15 % in p away from any boundary, are trained from
several random starts; the restart of least exact loss is the trained model.  A pair counts as
collapsed where the cosine of its members is at least .99, in the trained model as in the optimum:
they agree when equally many are.
"""

from __future__ import annotations

import argparse
import time
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from geomsup.theory import pair_map
from geomsup.theory.loss import Problem, batch_losses
from geomsup.theory.pairs.record import PairPhases
from geomsup.training import ToyModelConfig, train

Array = NDArray[np.float64]
Point = tuple[PairPhases, int]

SIZES = ((2, 2), (3, 2), (3, 3))
COLLAPSED = 0.99
CLEAR = 0.15
LEAST_P = 0.03  # rarer features take long to be learnt


def points(number: int, seed: int) -> list[Point]:
    """Places of the maps that are clear of boundaries, equally many of each size."""
    rng = np.random.default_rng(seed)
    chosen: list[Point] = []
    for k, size in enumerate(SIZES):
        lines = {
            id(line): line
            for axis in ("together", "equal_values")
            for line in pair_map(*size, axis).lines
        }
        clear = [
            (line, place)
            for line in lines.values()
            for place, p in enumerate(line.values)
            if p >= LEAST_P and all(abs(np.log(one.at / p)) > CLEAR for one in line.boundaries)
        ]
        wanted = number // len(SIZES) + (k < number % len(SIZES))
        chosen += [clear[i] for i in rng.permutation(len(clear))[:wanted]]
    return chosen


def collapsed(W: Array) -> int:
    """How many pairs have one direction."""
    one, two = W[:, ::2], W[:, 1::2]
    norms = np.linalg.norm(one, axis=0) * np.linalg.norm(two, axis=0)
    return int(np.sum(np.sum(one * two, axis=0) >= COLLAPSED * norms))


def compare(chosen: list[Point], restarts: int, steps: int, batch_size: int) -> tuple[int, float]:
    """How many trained models of one size agree, and the median excess of their exact losses."""
    models = tuple(line.features(float(line.values[place])) for line, place in chosen)
    config = ToyModelConfig(
        feature_model=models,
        n_hidden=chosen[0][0].n_hidden,
        n_instances=len(models) * restarts,
        n_restarts=restarts,
        n_steps=steps,
        batch_size=batch_size,
        learning_rate=1e-2,
        lr_schedule="cosine",
    )
    run = train(config, seed=0, progress=False)
    agree, excess = 0, []
    for k, ((line, place), model) in enumerate(zip(chosen, models, strict=True)):
        here = slice(k * restarts, (k + 1) * restarts)
        W, b = (np.asarray(x[here], dtype=float) for x in (run.weights, run.biases))
        losses, _, _ = batch_losses(W, b, Problem.of(model.n_features, model, 1.0))
        best = int(np.argmin(losses))
        found, expected = collapsed(W[best]), collapsed(line.W[place])
        agree += found == expected
        excess.append(float(losses[best] / line.loss[place] - 1.0))
        if found != expected:
            print(
                f"  {model}: {found} collapsed, the optimum has {expected} "
                f"({line.strategies[place]}); loss {excess[-1]:+.2%}",
                flush=True,
            )
    return agree, float(np.median(excess))


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--points", type=int, default=100)
    parser.add_argument("--restarts", type=int, default=6)
    parser.add_argument("--steps", type=int, default=3000)
    parser.add_argument("--batch-size", type=int, default=512)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    by_size: defaultdict[tuple[int, int], list[Point]] = defaultdict(list)
    for line, place in points(options.points, options.seed):
        by_size[line.n_pairs, line.n_hidden].append((line, place))
    total = 0
    for (k, m), chosen in by_size.items():
        start = time.process_time()
        agree, excess = compare(chosen, options.restarts, options.steps, options.batch_size)
        total += agree
        print(
            f"{k} pairs in {m} dimensions: {agree} of {len(chosen)} agree, median excess of the "
            f"loss {excess:.2%}; {time.process_time() - start:.0f} s of processor time",
            flush=True,
        )
    print(f"{total} of {sum(map(len, by_size.values()))} agree")


if __name__ == "__main__":
    main()
