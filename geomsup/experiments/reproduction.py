"""Run experiments, keep what they find, and score it.

The unit of work is one repetition of one experiment.  Each is written to disk when it is done, so
that a reproduction which is stopped, killed or asked for more seeds does only what is missing;
within a repetition the trainer's checkpoints do the same.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from tqdm.auto import tqdm

from geomsup.errors import GeomsupError, GeomsupWarning, shorten
from geomsup.experiments.frame.experiment import SCALES, Experiment, Scale, Trainer
from geomsup.experiments.frame.outcome import Claim, Outcome
from geomsup.experiments.frame.results import (
    EarlierFormError,
    config_dict,
    load_result,
    make_folder,
    save_result,
)
from geomsup.experiments.registry import get_experiment, list_experiments
from geomsup.experiments.scorecard import Scorecard, ScorecardRow
from geomsup.sweeps.execution import completed, n_workers
from geomsup.training.environment import is_interactive, resolve_device, versions
from geomsup.validation import one_of, positive_integer

__all__ = ["Reproduction", "reproduce"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Reproduction:
    """A scorecard and the results behind it.

    Parameters
    ----------
    scorecard : Scorecard
    results : dict
        The results of every experiment by its id, one for each seed.
    """

    scorecard: Scorecard
    results: dict[str, tuple[Any, ...]]

    def __str__(self) -> str:
        return str(self.scorecard)


class _Done(NamedTuple):
    """What became of a task: its result, or the error that stopped it."""

    result: Any
    seconds: float
    kept: bool = False


@dataclass(frozen=True, kw_only=True)
class _Task:
    id: str
    scale: Scale
    seed: int
    folder: Path | None
    device: str
    bars: bool

    @property
    def file(self) -> Path | None:
        if self.folder is None:
            return None
        return self.folder / self.scale / self.id / f"seed-{self.seed}.npz"

    def load(self) -> _Done | None:
        """What an earlier run left."""
        made = get_experiment(self.id)
        if self.file is None:
            return None
        found = load_result(self.file, made.result, made.config(self.scale), self.seed)
        return found and _Done(*found, kept=True)

    def run(self) -> _Done:
        """Do it and keep it."""
        made = get_experiment(self.id)
        config = made.config(self.scale)
        checkpoints = None if self.file is None else self.file.with_suffix("")
        trainer = Trainer(folder=checkpoints, device=self.device, progress=self.bars)
        start = time.perf_counter()
        result = made.run(config, self.seed, trainer)
        seconds = time.perf_counter() - start
        if self.file is not None and checkpoints is not None:
            save_result(self.file, result, config, self.seed, seconds)
            _remove_checkpoints(checkpoints)
        return _Done(result, seconds)


def reproduce(
    ids: str | Sequence[str] | None = None,
    *,
    scale: Scale = "smoke",
    n_seeds: int | None = None,
    folder: str | Path | None = None,
    device: str = "cpu",
    jobs: int = 1,
    executor: Any = None,
    progress: bool | None = None,
    on_row: Callable[[ScorecardRow, tuple[Any, ...]], None] | None = None,
) -> Reproduction:
    """Run experiments and compare what comes out with what was published.

    Parameters
    ----------
    ids : str or sequence of str, optional
        Experiments, by id; all of them by default.
    scale : {"smoke", "paper"}, default "smoke"
        "smoke" takes minutes for all of them together, "paper" is what the sources did.
    n_seeds : int, optional
        Repetitions of each, with seeds 0, 1, …; by default one at smoke scale, and as many as the
        experiment asks for at the paper's.
    folder : path, optional
        Where results are kept.  What is there already is not run again.
    device : str, default "cpu"
    jobs : int, default 1
        Processes at work side by side, each in one thread.
    executor : object, optional
        Where to run instead: anything with ``submit(function, *arguments)``, as for
        :func:`geomsup.sweep`.
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.
    on_row : callable, optional
        Called with each row and its results as soon as they are complete, in the order asked for;
        without results when the experiment stopped with an error, which the row then holds.

    Returns
    -------
    Reproduction

    Raises
    ------
    GeomsupError
        If an id, the scale, a number, the device or the folder is wrong: before anything is run.

    Examples
    --------
    >>> from geomsup.experiments import reproduce
    >>> print(reproduce(["anticorrelated"], progress=False))        # doctest: +SKIP
    """
    chosen = _chosen(ids)
    one_of("scale", scale, SCALES)
    jobs = positive_integer("jobs", jobs)
    n_workers(executor, jobs)
    if n_seeds is not None:
        n_seeds = positive_integer("n_seeds", n_seeds)
    resolve_device(device)
    place = None if folder is None else _made(folder, scale)
    show = is_interactive() if progress is None else progress
    wanted = {
        one.id: [
            _Task(
                id=one.trained_as,
                scale=scale,
                seed=seed,
                folder=place,
                device=device,
                bars=show and jobs == 1 and executor is None,
            )
            for seed in range(n_seeds or one.n_seeds(scale))
        ]
        for one in chosen
    }
    rows: list[ScorecardRow] = []
    results: dict[str, tuple[Any, ...]] = {}
    for one, repetitions in _settled(chosen, wanted, jobs, executor, show):
        row = _row(one, scale, repetitions)
        rows.append(row)
        found = tuple(each.result for each in repetitions)
        if any(isinstance(result, GeomsupError) for result in found):
            found = ()
        else:
            results[one.id] = found
        if on_row is not None:
            on_row(row, found)
    return Reproduction(
        scorecard=Scorecard(rows=tuple(rows), provenance=versions()), results=results
    )


def _made(folder: str | Path, scale: Scale) -> Path:
    """The folder of the results, which is there afterwards."""
    if not isinstance(folder, str | Path) or not str(folder):
        raise GeomsupError(f"folder must be the path of a folder, got {shorten(folder)}")
    make_folder(Path(folder) / scale)
    return Path(folder).absolute()  # workers may stand elsewhere


def _chosen(ids: str | Sequence[str] | None) -> list[Experiment[Any, Any]]:
    """The experiments of these ids, each once."""
    if isinstance(ids, str | bytes):
        ids = [ids]
    try:
        names = list_experiments() if ids is None else tuple(dict.fromkeys(ids))
    except TypeError:
        raise GeomsupError(f"ids must be names of experiments, got {shorten(ids)}") from None
    if not names:
        raise GeomsupError("expected at least one experiment, got none; leave ids out for all")
    return [get_experiment(one) for one in names]


def _settled(
    chosen: Sequence[Experiment[Any, Any]],
    wanted: dict[str, list[_Task]],
    jobs: int,
    executor: Any,
    show: bool,
) -> Iterator[tuple[Experiment[Any, Any], list[_Done]]]:
    """Every experiment, in their order, as soon as all its repetitions are done."""
    every = list(dict.fromkeys(task for tasks in wanted.values() for task in tasks))
    done: dict[_Task, _Done] = {}
    waiting = list(chosen)
    with tqdm(total=len(every), disable=not show, unit="run", desc="reproducing") as bar:
        for task, found in _completed(every, jobs, executor):
            done[task] = found
            bar.set_postfix_str(f"{task.id}, seed {task.seed}", refresh=False)
            bar.update()
            while waiting and all(task in done for task in wanted[waiting[0].id]):
                one = waiting.pop(0)
                yield one, [done[task] for task in wanted[one.id]]


def _row(one: Experiment[Any, Any], scale: Scale, repetitions: Sequence[_Done]) -> ScorecardRow:
    """Check what came out, unless an error stopped it."""
    found = [each.result for each in repetitions]
    errors = [result for result in found if isinstance(result, GeomsupError)]
    if errors:
        stopped = Claim(says="it runs", found=f"stopped: {errors[0]}", by_seed=(False,))
        outcome = Outcome(claims=(stopped,))
    else:
        outcome = one.check(tuple(found))
    return ScorecardRow(
        id=one.id,
        title=one.title,
        says=one.says,
        source=one.source,
        scale=scale,
        seeds=tuple(range(len(repetitions))),
        seconds=sum(each.seconds for each in repetitions),
        config=config_dict(one.config(scale)),
        outcome=outcome,
        kept=sum(each.kept for each in repetitions),
    )


def _completed(tasks: list[_Task], jobs: int, executor: Any) -> Iterator[tuple[_Task, _Done]]:
    """Results as they come: those of earlier runs, then the others."""
    missing, earlier = [], []
    for task in tasks:
        found = None
        try:
            found = task.load()
        except EarlierFormError:
            earlier.append(task.id)
        if found is None:
            missing.append(task)
        else:
            yield task, found
    if earlier:
        message = (
            f"kept results of {', '.join(dict.fromkeys(earlier))} were written in the form of an "
            "earlier version; they are made again"
        )
        warnings.warn(message, GeomsupWarning, stacklevel=2)
    calls = [(task,) for task in missing]
    for number, found in completed(_attempt, calls, executor=executor, n_jobs=jobs):
        yield missing[number], found


def _attempt(task: _Task) -> _Done:
    """Run a task; what stops it is its result, so that the others go on."""
    start = time.perf_counter()
    try:
        return task.run()
    except GeomsupError as error:
        return _Done(GeomsupError(str(error)), time.perf_counter() - start)


def _remove_checkpoints(folder: Path) -> None:
    if folder.is_dir():
        for file in folder.glob("*.safetensors"):
            file.unlink(missing_ok=True)
        try:
            folder.rmdir()
        except OSError:  # somebody keeps other files there
            return
