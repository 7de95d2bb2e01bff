"""A folder of results that any number of processes and machines may write to at once.

Each batch is one file, whose name is the hash of the ids in it, in one of 256 folders. A file
appears whole or not at all, and is never changed; what is there twice is the same. So there is
nothing to lock, and a folder that several machines share will do.

    DIR/sweep.json          that this is a store, and of which form
    DIR/plans/….json        ids that a sweep was asked for
    DIR/results/ab/….safetensors
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from geomsup.errors import GeomsupError, counted, first_line, shorten, warn_caller
from geomsup.showing import ShownTable
from geomsup.sweeps.results import FORMAT, Result, file_name, read_results, write_results
from geomsup.sweeps.task import Task
from geomsup.writing import remove_orphans, write_file

__all__ = ["Store"]

# Files of which the results stay in memory, because they are asked for one after the other.
_OPEN_FILES = 4
# At a folder in which files are put into one another.
_LOOKS = 20


class Store(ShownTable):
    """Results of sweeps in a folder.

    Parameters
    ----------
    path : path
        The folder. It need not be there yet: the first result makes it.

    Raises
    ------
    GeomsupError
        If the path is none, a file, or a store of another version.

    Examples
    --------
    >>> import tempfile
    >>> from geomsup.sweeps import Store, Task
    >>> from geomsup.sweeps.results import Result
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     store = Store(folder)
    ...     store.add([Result.of(Task("math:hypot", {"x": 1}), {"loss": 0.25})])
    ...     store.table()[0]["loss"]
    0.25
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        if not isinstance(path, str | os.PathLike) or not os.fspath(path):
            raise GeomsupError(f"store must be the path of a folder, got {shorten(path)}")
        self.path = Path(os.path.abspath(Path(path).expanduser()))
        if self.path.exists() and not self.path.is_dir():
            raise GeomsupError(f"the store {self.path} is a file; name a folder")
        # Result of which file, and whether it failed; what has been read need not be read again.
        self._read: dict[Path, tuple[tuple[int, int], dict[str, bool]]] = {}
        self._open: dict[Path, tuple[tuple[int, int], dict[str, Result]]] = {}
        self._damaged: set[Path] = set()
        if self.exists:
            self._check_form()

    @property
    def exists(self) -> bool:
        """Whether anything has been written there."""
        return self._marker.is_file()

    def prepare(self) -> None:
        """Make the folder, before any work goes into what could not be kept.

        Raises
        ------
        GeomsupError
            If nothing can be written there.
        """
        try:
            self._results.mkdir(parents=True, exist_ok=True)
            (self.path / "plans").mkdir(exist_ok=True)
            for folder in self._results.iterdir():
                if folder.is_dir():
                    remove_orphans(folder)
            # Written even where it is, to see that it can be.
            said = {"format": FORMAT, "what": "results of geomsup.sweep"}
            write_file(self._marker, json.dumps(said))
        except (OSError, ValueError) as error:
            raise GeomsupError(
                f"the store {self.path} cannot be written: {first_line(error)}; name another folder"
            ) from error

    def plan(self, tasks: Sequence[Task]) -> None:
        """Note what is to be done, so that `status` can say what is missing."""
        text = json.dumps(sorted(task.id for task in tasks))
        name = hashlib.sha256(text.encode()).hexdigest()[:32]
        write_file(self.path / "plans" / f"{name}.json", text)

    def add(self, results: Iterable[Result]) -> None:
        """Write results: all of them, or none."""
        kept = list(results)
        if not self.exists:
            self.prepare()
        name = file_name([result.task.id for result in kept])
        target = self._results / name[:2] / name
        try:
            target.parent.mkdir(exist_ok=True)
        except OSError as error:
            raise GeomsupError(f"{target.parent} cannot be made: {first_line(error)}") from error
        write_results(target, kept)

    def ids(self) -> dict[str, bool]:
        """Every task that has a result, and whether it failed.

        Warns
        -----
        GeomsupWarning
            If a file is damaged: its results count as absent.
        """
        known: dict[str, bool] = {}
        for _, held in self._files():
            for name, failed in held.items():
                known[name] = failed and known.get(name, True)
        return known

    def results(self, ids: Collection[str] | None = None) -> list[Result]:
        """The results of these tasks in their order, or all by their ids.

        Of a task that was tried again it is the one that succeeded; without any it is left out.
        """
        for _ in range(_LOOKS):
            # Somebody may put a file into another after it was listed.
            with suppress(FileNotFoundError):
                return self._found(ids)
        raise self._restless()

    def _restless(self) -> GeomsupError:
        return GeomsupError(
            f"the files of the store {self.path} vanish while they are read; try again when "
            "nobody compacts it"
        )

    def __getitem__(self, task: Task | str) -> Result:
        """The result of a task, or of its id; KeyError if there is none."""
        name = task.id if isinstance(task, Task) else task
        for result in self.results([name]):
            return result
        raise KeyError(name)

    def __len__(self) -> int:
        return len(self.ids())

    def table(self, ids: Collection[str] | None = None) -> list[dict[str, Any]]:
        """A row for each result: id, configuration, and every value that is no array."""
        return [result.row() for result in self.results(ids)]

    def status(self) -> dict[str, int]:
        """How many tasks were asked for, and how many of those in the store are done, failed and
        missing."""
        known = self.ids()
        asked = self._asked() | known.keys()
        failed = sum(known.values())
        done = len(known) - failed
        return {
            "tasks": len(asked),
            "done": done,
            "failed": failed,
            "missing": len(asked) - len(known),
        }

    def compact(self) -> Path | None:
        """Put all results into one file, and remove the many.

        Nothing is removed before the one file is there, so this may be stopped, and other sweeps
        may go on writing meanwhile.

        Returns
        -------
        Path or None
            The file; None if there are no results.
        """
        files = dict(self._files())
        results = {result.task.id: result for result in self.results()}
        if not results:
            return None
        name = file_name(list(results))
        target = self._results / name[:2] / name
        if list(files) != [target]:
            self.add(results.values())
        for path, held in files.items():
            # Whatever became of a file while all were read, what it holds is in the one.
            if path != target and held.keys() <= results.keys():
                path.unlink(missing_ok=True)
        return target

    def _found(self, ids: Collection[str] | None) -> list[Result]:
        places: dict[str, tuple[Path, bool]] = {}
        for path, held in self._files():
            for name, failed in held.items():
                if name not in places or (places[name][1] and not failed):
                    places[name] = path, failed
        wanted = sorted(places) if ids is None else [name for name in ids if name in places]
        by_file: dict[Path, list[str]] = {}
        for name in wanted:
            by_file.setdefault(places[name][0], []).append(name)
        found: dict[str, Result] = {}
        for path, names in by_file.items():
            held_there = self._opened(path)
            found |= {name: held_there[name] for name in names}
        return [found[name] for name in wanted]

    @property
    def _marker(self) -> Path:
        return self.path / "sweep.json"

    @property
    def _results(self) -> Path:
        return self.path / "results"

    def _check_form(self) -> None:
        try:
            form = json.loads(self._marker.read_text(encoding="utf-8"))["format"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise GeomsupError(
                f"{self._marker} does not say what store this is ({first_line(error)}); remove it "
                "if the folder holds results of a sweep, or name another folder"
            ) from error
        if form != FORMAT:
            raise GeomsupError(
                f"the store {self.path} was made by another version of geomsup: format {FORMAT} is "
                f"understood, got {shorten(form)}; name another folder, or use that version"
            )

    def _asked(self) -> set[str]:
        """Ids of all plans; one that cannot be read says nothing."""
        asked: set[str] = set()
        for path in sorted((self.path / "plans").glob("*.json")):
            try:
                asked |= {name for name in json.loads(path.read_text()) if isinstance(name, str)}
            except (OSError, ValueError, TypeError):
                continue
        return asked

    def _files(self) -> list[tuple[Path, dict[str, bool]]]:
        """Every whole file, with the ids in it and whether they failed.

        Folders are listed one after the other, and meanwhile somebody may put a file of the last
        into one in the first: so it is looked again until nothing has gone.
        """
        found: dict[Path, dict[str, bool]] = {}
        damaged: dict[Path, GeomsupError] = {}
        looked: set[Path] = set()
        listed: set[Path] | None = None
        for _ in range(_LOOKS):
            before, listed = listed, set(self._results.glob("[0-9a-f][0-9a-f]/*.safetensors"))
            for path in listed - looked:
                try:
                    found[path] = self._held(path)
                except FileNotFoundError:  # in another by now
                    continue
                except GeomsupError as error:
                    damaged[path] = error
                looked.add(path)
            if before is not None and before <= listed <= looked:
                break
        else:
            raise self._restless()
        self._warn([(path, error) for path, error in damaged.items() if path.exists()])
        return sorted((path, held) for path, held in found.items() if path in listed)

    def _held(self, path: Path) -> dict[str, bool]:
        """The ids in a file, and whether they failed; read once, unless it is written anew."""
        version = _version(path)
        if path not in self._read or self._read[path][0] != version:
            held = self._opened(path)
            self._read[path] = version, {name: one.failed for name, one in held.items()}
        return self._read[path][1]

    def _warn(self, damaged: Sequence[tuple[Path, GeomsupError]]) -> None:
        fresh = [error for path, error in damaged if path not in self._damaged]
        self._damaged |= {path for path, _ in damaged}
        if fresh:
            warn_caller(
                f"{counted(len(fresh), 'file')} of the store cannot be read, and what is in it "
                f"counts as absent ({fresh[0]}); remove what is not wanted"
            )

    def _opened(self, path: Path) -> dict[str, Result]:
        version = _version(path)
        if path not in self._open or self._open[path][0] != version:
            try:
                held = {result.task.id: result for result in read_results(path)}
            except GeomsupError:
                _version(path)  # it may have vanished meanwhile
                raise
            while len(self._open) >= _OPEN_FILES:
                self._open.pop(next(iter(self._open)))
            self._open[path] = version, held
        return self._open[path][1]


def _version(path: Path) -> tuple[int, int]:
    """What changes when a file is written anew."""
    found = path.stat()
    return found.st_mtime_ns, found.st_ino
