"""Which tasks go to a worker together.

A hundred small trainings in one batch cost as much as ten one by one, so compatible tasks become
one batch. How they are packed changes no result (`Work.together` promises that), only how long it
takes: batches are as large as pays, and smaller where workers would have nothing to do, or where
one would last long: a batch is kept when all of it is done, and an interrupt costs what has begun.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from geomsup.sweeps.task import Task, canonical, work_of

__all__ = ["packed"]

# Batches for each worker, so that all end at about the same time.
_EACH = 4
# Smaller parts of a full batch do not pay: 16 trainings of 5→2 in a batch cost 31 ms each, 64 cost
# 28 ms, 4 cost 52 ms (one thread).
_LEAST = 0.25


def packed(tasks: Sequence[Task], n_workers: int | None) -> list[list[Task]]:
    """Batches of compatible tasks.

    Parameters
    ----------
    tasks : sequence of Task
    n_workers : int or None
        At work side by side; None if nobody knows.

    Returns
    -------
    list of list of Task
        Each task is in one of them.
    """
    equal: dict[tuple[str, str], list[Task]] = {}
    for task in tasks:
        equal.setdefault((task.function, task.text), []).append(task)
    alike: dict[str, list[tuple[list[Task], float]]] = {}
    lasts: dict[str, float] = {}
    total = 0.0
    # Equal configurations stay side by side: what they share is prepared once.
    for (function, _), same in sorted(equal.items()):
        work, config = work_of(function), same[0].config
        share = work.share(config)
        key = canonical([function, work.alike(config)])
        alike.setdefault(key, []).append((sorted(same, key=lambda task: task.id), share))
        lasts[key] = max(work.duration(config), lasts.get(key, 1.0))
        total += share * len(same)
    fair = 1.0
    if n_workers is not None and n_workers > 1:
        fair = total / (_EACH * n_workers)
    return [
        batch
        for key, group in sorted(alike.items())
        for batch in _filled(group, max(_LEAST, min(fair, 1.0 / lasts[key])))
    ]


def _filled(group: Sequence[tuple[list[Task], float]], full: float) -> Iterator[list[Task]]:
    """Batches of compatible tasks whose shares add up to no more than that, but for one alone."""
    batch: list[Task] = []
    filled = 0.0
    for same, share in group:
        for task in same:
            if batch and filled + share > full * (1.0 + 1e-9):
                yield batch
                batch, filled = [], 0.0
            batch.append(task)
            filled += share
    yield batch
