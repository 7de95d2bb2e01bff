"""The sweep itself: what is missing is packed, handed out, computed, and kept by the worker.

Nothing but ids comes back from the workers. What has been kept stays, whatever becomes of the
workers or of the caller; the next call does the difference of two sets.
"""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

from geomsup.errors import (
    GeomsupError,
    MissingExtraError,
    counted,
    first_line,
    shorten,
    warn_caller,
)
from geomsup.progress import bar
from geomsup.restoring import plain
from geomsup.showing import ShownTable
from geomsup.sweeps.execution import completed, n_workers
from geomsup.sweeps.packing import packed
from geomsup.sweeps.results import Result
from geomsup.sweeps.store import Store
from geomsup.sweeps.task import Task, Values, work_of
from geomsup.validation import yes_or_no

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["Sweep", "sweep"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Sweep(ShownTable):
    """Tasks and what became of them.

    Parameters
    ----------
    tasks : tuple of Task
    store : Store
        Where their results are, and maybe those of other tasks.
    """

    tasks: tuple[Task, ...]
    store: Store

    @cached_property
    def results(self) -> tuple[Result, ...]:
        """The result of each task, in their order."""
        return tuple(self.store.results([task.id for task in self.tasks]))

    @property
    def failures(self) -> tuple[Result, ...]:
        """The results that are errors."""
        return tuple(result for result in self.results if result.failed)

    def table(self) -> list[dict[str, Any]]:
        """A row for each task: id, configuration, and every value that is no array."""
        return [result.row() for result in self.results]

    def to_dataframe(self) -> Any:
        """The table as a pandas DataFrame.

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError:
            raise MissingExtraError(
                "to_dataframe needs pandas, which is not installed; pip install 'geomsup[pandas]', "
                "or use table()"
            ) from None
        return pd.DataFrame(self.table())

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON; what is no finite number becomes None."""
        return {"store": str(self.store.path), "results": plain(self.table())}

    def __len__(self) -> int:
        return len(self.tasks)

    def __iter__(self) -> Iterator[Result]:
        return iter(self.results)

    def __getitem__(self, number: int) -> Result:
        return self.results[number]

    def __str__(self) -> str:
        failures = self.failures
        text = f"{counted(len(self), 'task')} in {self.store.path}, {len(failures)} failed"
        return "\n".join([text, *_reasons(failures)])


def sweep(
    tasks: Iterable[Task],
    *,
    store: Store | str | os.PathLike[str],
    executor: Any = None,
    n_jobs: int = 1,
    progress: bool | None = None,
    retry_failed: bool = False,
) -> Sweep:
    """Do what is missing of some tasks, and keep every result.

    Parameters
    ----------
    tasks : iterable of Task
        From :func:`grid`, or one by one.
    store : Store or path
        The folder of the results. What is there already is not computed again.
    executor : object, optional
        Anything with ``submit(function, *arguments)`` that returns futures: executors of
        ``concurrent.futures``, dask (``client.get_executor()``), mpi4py, loky, ipyparallel,
        submitit. Its workers must see the folder. By default, this process.
    n_jobs : int, default 1
        Processes side by side, one thread each, where there is no executor.
    progress : bool, optional
        Whether to show a bar. None shows it in a terminal or a notebook, and a line on stderr now
        and then elsewhere.
    retry_failed : bool, default False
        Whether tasks that failed before are tried again.

    Returns
    -------
    Sweep
        With a row for each task; failed ones have their error.

    Raises
    ------
    GeomsupError
        If there are no tasks, two are the same, the folder cannot be written, or a worker is lost.
    KeyboardInterrupt
        After Ctrl-C. What is finished is kept; the same call goes on from there.

    Warns
    -----
    GeomsupWarning
        If tasks failed.

    Notes
    -----
    Results are the same, bit for bit, whatever the executor, the number of workers, the order of
    the tasks and what was there before; on machines with other processors, or other versions of
    NumPy and torch, they may be rounded differently. A batch of compatible tasks is done at once
    and kept in one file by the worker; batches of long trainings are smaller, so that an interrupt
    costs little. Within a task another sweep runs in its process.

    Examples
    --------
    >>> import tempfile
    >>> from geomsup import sweep
    >>> from geomsup.sweeps import grid
    >>> tasks = grid("train", {"n_steps": 50}, seeds=2, feature_probability=[0.1, 0.5])
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     rows = sweep(tasks, store=folder, progress=False).table()
    >>> [(row["feature_probability"], row["repetition"], row["loss"] > 0) for row in rows]
    [(0.1, 0, True), (0.1, 1, True), (0.5, 0, True), (0.5, 1, True)]
    """
    chosen, again = _checked(tasks), yes_or_no("retry_failed", retry_failed)
    workers = n_workers(executor, n_jobs)
    place = store if isinstance(store, Store) else Store(store)
    place.prepare()
    place.plan(chosen)
    known = place.ids()
    missing = [task for task in chosen if task.id not in known or (again and known[task.id])]
    calls = [(str(place.path), tuple(batch)) for batch in packed(missing, workers)]
    with bar(len(chosen), "sweeping", "task", progress, in_lines=True) as advance:
        done = len(chosen) - len(missing)
        advance(done)
        for _, ids in completed(compute_and_keep, calls, executor=executor, n_jobs=n_jobs):
            done += len(ids)
            advance(done)
    return _settled(Sweep(tasks=tuple(chosen), store=place))


def compute_and_keep(store: str, tasks: Sequence[Task]) -> list[str]:
    """Compute a batch and write it to the store: what a worker does.

    Returns
    -------
    list of str
        The ids.
    """
    place = Store(store)
    for results in computed(tasks):
        place.add(results)
    return [task.id for task in tasks]


def computed(tasks: Sequence[Task]) -> Iterator[list[Result]]:
    """The results of a batch, as they come; what stops one of them is its result."""
    work = work_of(tasks[0].function)
    if len(tasks) > 1:
        try:
            found = work.together([task.config for task in tasks], [task.seed for task in tasks])
            results = [
                Result.of(*one) for one in zip(tasks, _checked_values(found, tasks), strict=True)
            ]
        except (Exception, SystemExit):  # one of them; alone each shows whether it is to blame
            pass
        else:
            yield results
            return
    for task in tasks:
        yield [_attempt(task)]


def _attempt(task: Task) -> Result:
    work = work_of(task.function)
    try:
        (values,) = _checked_values(work.together([task.config], [task.seed]), [task])
        return Result.of(task, values)
    except (Exception, SystemExit) as error:  # a function may call sys.exit
        said = {
            "type": type(error).__name__,
            "message": f"{error}" or type(error).__name__,
            "traceback": traceback.format_exc(),
        }
        return Result(task=task, error=said)


def _checked_values(found: Sequence[Values], tasks: Sequence[Task]) -> Sequence[Values]:
    if isinstance(found, Mapping) or len(found) != len(tasks):
        raise GeomsupError(f"{tasks[0].function} must return the values of each configuration")
    return found


def _checked(tasks: Iterable[Task]) -> list[Task]:
    """The tasks, each once."""
    try:
        chosen = list(tasks)
    except TypeError:
        raise GeomsupError(f"tasks must be a sequence of Task, got {shorten(tasks)}") from None
    if not chosen:
        raise GeomsupError("expected at least one task, got none; geomsup.sweeps.grid makes them")
    first: dict[str, int] = {}
    for number, task in enumerate(chosen):
        if not isinstance(task, Task):
            raise GeomsupError(f"tasks must be a sequence of Task, got {shorten(task)} among them")
        if first.setdefault(task.id, number) != number:
            raise GeomsupError(
                f"tasks {first[task.id]} and {number} are the same, as where a grid has "
                "a value twice; repetitions with other random numbers differ in their "
                "`repetition`, as grid(…, seeds=8) makes them"
            )
    return chosen


def _settled(done: Sweep) -> Sweep:
    """The sweep, once it is seen that all is there."""
    known = done.store.ids()
    if missing := sum(task.id not in known for task in done.tasks):
        raise GeomsupError(
            f"the store {done.store.path} lacks {missing} of the results that workers wrote; they "
            "must see the same folder, on all machines"
        )
    if any(known[task.id] for task in done.tasks):
        failures = done.failures
        reasons = "; ".join(_reasons(failures))
        warn_caller(
            f"{len(failures)} of {counted(len(done), 'task')} failed ({reasons}); their tracebacks "
            "are in .failures, and retry_failed=True tries them again"
        )
    return done


def _reasons(failures: Sequence[Result]) -> list[str]:
    """What the first of them says."""
    if not failures:
        return []
    error = failures[0].error or {}
    return [f"the first: {error['type']}: {first_line(ValueError(error['message']))}"]
