"""Make, or go on making, the maps of pairs: ``python -m geomsup.theory.pairs.rebuild``.

Each line of growing p is a file of its own in the folder ``--work``, written when it is done; what
is there already is not made again, so it can be stopped and started.  All lines make the table.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from geomsup.theory.pairs.lines import pair_phases
from geomsup.theory.pairs.record import TABLE, load_lines, save_lines

__all__ = ["COLUMNS", "SIZES", "main"]

# Pairs and dimensions, and how many random starts each line has at four places.
SIZES: dict[tuple[int, int], int] = {(1, 1): 24, (2, 2): 16, (3, 2): 16, (3, 3): 16, (4, 3): 12}
# c and ρ of the lines, the most telling ones first.  At c = 1 and ρ = 0 both maps have one line.
COLUMNS: tuple[tuple[float, float], ...] = (
    *((1.0, 0.0), (0.5, 0.0), (1.0, 0.85), (0.8, 0.0), (1.0, 0.5), (0.2, 0.0), (1.0, 0.95)),
    *((0.9, 0.0), (0.65, 0.0), (1.0, 0.7), (0.35, 0.0), (1.0, 0.25)),
)
# The larger a size, the dearer a line, and the fewer of them.
_MOST_COLUMNS = {(4, 3): 7}


def _tasks() -> list[tuple[int, int, float, float]]:
    """Pairs, dimensions, c and ρ of every line."""
    tasks = [
        (*size, *column)
        for place, column in enumerate(COLUMNS)
        for size in SIZES
        if place < _MOST_COLUMNS.get(size, len(COLUMNS))
    ]
    return sorted(tasks, key=lambda task: task[:2] == (4, 3))


def main(arguments: list[str] | None = None) -> int:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="python -m geomsup.theory.pairs.rebuild", description=__doc__.splitlines()[0]
    )
    parser.add_argument("--work", type=Path, default=Path("pairs"), help="folder of what is done")
    parser.add_argument("--table", type=Path, default=TABLE, help="file to write (the package's)")
    parser.add_argument("--most", type=int, default=8, help="features of the largest size to make")
    options = parser.parse_args(arguments)
    options.work.mkdir(parents=True, exist_ok=True)
    tasks = [task for task in _tasks() if 2 * task[0] <= options.most]
    for k, m, c, rho in tasks:
        path = _path(options.work, k, m, c, rho)
        if path.exists():
            continue
        start = time.process_time()
        line = pair_phases(k, m, together=c, equal_values=rho, n_starts=SIZES[k, m])
        save_lines(path, [line])
        print(f"{line}\n{time.process_time() - start:.1f} s of processor time", flush=True)
        _put_together(options.work, options.table)
    _put_together(options.work, options.table)
    return 0


def _path(folder: Path, k: int, m: int, c: float, rho: float) -> Path:
    return folder / f"{k}-{m}-{c:g}-{rho:g}.npz"


def _put_together(folder: Path, table: Path) -> None:
    """All lines that are done, in one file."""
    paths = [_path(folder, *task) for task in _tasks()]
    save_lines(table, [line for path in paths if path.exists() for line in load_lines(path)])


if __name__ == "__main__":
    sys.exit(main())
