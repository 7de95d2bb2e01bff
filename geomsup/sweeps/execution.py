"""Calls on one machine or many: in this process, in a pool of processes, or on any executor.

An executor is anything with ``submit(function, *arguments)`` whose futures have ``done()`` and
``result()``: those of concurrent.futures, dask, mpi4py, loky and ipyparallel, and submitit's jobs.
Every call runs in one thread: the work is spread over processes, and two pools that share the cores
are slower than one.
"""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
import traceback
from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import (
    FIRST_COMPLETED,
    CancelledError,
    Future,
    ProcessPoolExecutor,
    wait,
)
from typing import Any, TypeVar

from threadpoolctl import threadpool_limits

from geomsup.errors import GeomsupError, first_line, shorten
from geomsup.validation import positive_integer

__all__ = ["completed", "n_workers"]

T = TypeVar("T")

# Seconds between two looks at futures that nobody can wait for: jobs of a cluster's queue.
_LOOK_EVERY = 0.1
_here = threading.local()
_pool_stopped = False


def n_workers(executor: Any, n_jobs: int) -> int | None:
    """How many calls run side by side; None if the executor alone knows.

    Raises
    ------
    GeomsupError
        If ``executor`` is none, ``n_jobs`` no number, or both ask for something.
    """
    jobs = positive_integer("n_jobs", n_jobs)
    if executor is None:
        # Within a call of a sweep the cores are taken.
        return 1 if getattr(_here, "busy", False) else jobs
    if not callable(getattr(executor, "submit", None)):
        raise GeomsupError(
            "executor must have a method submit(function, *arguments), as those of "
            f"concurrent.futures and dask, got {shorten(executor)}"
        )
    if jobs > 1:
        raise GeomsupError(
            f"the executor brings its own workers; leave out n_jobs, got n_jobs={jobs} beside it"
        )
    return None


def completed(
    function: Callable[..., T],
    calls: Sequence[tuple[Any, ...]],
    *,
    executor: Any = None,
    n_jobs: int = 1,
) -> Iterator[tuple[int, T]]:
    """Call a function with each of some arguments; yield number and result as they come.

    Parameters
    ----------
    function : callable
        A function of a module, which workers can import.
    calls : sequence of tuple
        Arguments of each call.
    executor : object, optional
        Anything with ``submit(function, *arguments)``.
    n_jobs : int, default 1
        Processes of a pool of our own, where there is no executor; 1 calls in this process.

    Raises
    ------
    GeomsupError
        If a worker dies, or its result cannot be had.
    KeyboardInterrupt
        After Ctrl-C; what has not begun is called off.
    """
    side_by_side = n_workers(executor, n_jobs)
    if executor is None and (side_by_side == 1 or len(calls) < 2):
        for number, arguments in enumerate(calls):
            yield number, _in_one_thread(function, *arguments)
        return
    if executor is not None:
        # Its workers may be threads of this process: OpenBLAS obeys the main one alone, and calls
        # that overlap would give each other's limit back.
        with threadpool_limits(1):
            yield from _submitted(function, calls, executor, len(calls))
        return
    count = min(int(side_by_side or 1), len(calls))
    # Started afresh, because a process that has used torch's threads must not be forked.
    context = multiprocessing.get_context("spawn")
    with _Pool(count, mp_context=context, initializer=_begin_worker) as pool:
        # No more than are at work: what waits in a pool's queue cannot be called off.
        yield from _submitted(function, calls, pool, count)


class _Pool(ProcessPoolExecutor):
    """A pool whose processes, begun when the first call comes, hear of Ctrl-C when they are ready.

    One that is interrupted while it begins would print where it was.
    """

    def submit(self, *call: Any, **named: Any) -> Any:
        """Hand over a call; a process that this begins is born with the signal held back."""
        _hold_interrupts(True)
        try:
            return super().submit(*call, **named)
        finally:
            _hold_interrupts(False)


def _hold_interrupts(held: bool) -> None:
    """Let Ctrl-C wait for this thread, and for the processes that it begins, or come."""
    if hasattr(signal, "pthread_sigmask"):
        how = signal.SIG_BLOCK if held else signal.SIG_UNBLOCK
        signal.pthread_sigmask(how, {signal.SIGINT})


def _submitted(
    function: Callable[..., T], calls: Sequence[tuple[Any, ...]], executor: Any, most: int
) -> Iterator[tuple[int, T]]:
    """Results from an executor, of which so many calls are under way at a time."""
    waiting: dict[Any, int] = {}
    rest = iter(enumerate(calls))
    try:
        while True:
            while len(waiting) < most and (following := next(rest, None)) is not None:
                number, arguments = following
                waiting[_handed_over(executor, function, arguments)] = number
            if not waiting:
                return
            for future in _done(waiting):
                yield waiting.pop(future), _result(future)
    finally:
        for future in waiting:
            if callable(cancel := getattr(future, "cancel", None)):
                cancel()


def _handed_over(executor: Any, function: Callable[..., T], arguments: tuple[Any, ...]) -> Any:
    try:
        future = executor.submit(_outcome, function, *arguments)
    except Exception as error:
        raise _lost(error) from error
    if not (callable(getattr(future, "done", None)) and callable(getattr(future, "result", None))):
        raise GeomsupError(
            f"executor.submit must return a future with done() and result(), got {shorten(future)}"
        )
    return future


def _done(waiting: Collection[Any]) -> list[Any]:
    """Those that are done; at least one."""
    if all(isinstance(future, Future) for future in waiting):
        return list(wait(waiting, return_when=FIRST_COMPLETED).done)
    while not (found := [future for future in waiting if future.done()]):
        time.sleep(_LOOK_EVERY)
    return found


def _result(future: Any) -> Any:
    try:
        value, error = future.result()
    # Of the executor's making: a worker that died, a job that the queue has ended.
    except (Exception, CancelledError) as lost:
        raise _lost(lost) from lost
    if error is not None:
        raise error
    return value


def _lost(error: BaseException) -> GeomsupError:
    return GeomsupError(
        f"a worker was lost ({type(error).__name__}: {first_line(error)}): it was killed, ran out "
        "of memory, or could not begin (a script needs `if __name__ == '__main__':`); what is "
        "finished is kept, and the same call goes on from there"
    )


def _outcome(function: Callable[..., T], *arguments: Any) -> tuple[T | None, Exception | None]:
    """What a call returns or raises, told apart from what happens to its worker."""
    try:
        return _in_one_thread(function, *arguments), None
    except Exception as error:
        error.add_note("".join(traceback.format_exception(error)))
        return None, error


def _in_one_thread(function: Callable[..., T], *arguments: Any) -> T:
    """Call a function as every call of a sweep is made, wherever that is."""
    global _pool_stopped
    if _pool_stopped:
        raise KeyboardInterrupt
    in_pool = signal.getsignal(signal.SIGINT) is _note_signal
    before = getattr(_here, "busy", False)
    _here.busy = True
    try:
        if in_pool:
            signal.signal(signal.SIGINT, signal.default_int_handler)
        with threadpool_limits(1):
            return function(*arguments)
    except KeyboardInterrupt:
        _pool_stopped = in_pool
        raise
    finally:
        _here.busy = before
        if in_pool:
            signal.signal(signal.SIGINT, _note_signal)


def _begin_worker() -> None:
    """Let Ctrl-C end the work of a pool's process in silence, and the end of its parent end it."""
    signal.signal(signal.SIGINT, _note_signal)
    _hold_interrupts(False)
    threading.Thread(target=_follow_parent, daemon=True).start()


def _follow_parent() -> None:
    """A pool's process would wait for ever for a parent that was killed."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        parent.join()
    os._exit(1)


def _note_signal(_number: int, _frame: Any) -> None:
    global _pool_stopped
    _pool_stopped = True
