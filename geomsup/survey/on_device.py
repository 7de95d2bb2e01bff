"""Tiles computed by torch, on a GPU or wherever else it computes.

What is taken of a tile is what :mod:`geomsup.survey.tiles` takes; only pairs that stand out, and
the best cosine of each row, come back from the device.
"""

from __future__ import annotations

import numpy as np
import torch

from geomsup.errors import GeomsupError, shorten
from geomsup.survey.source import Directions
from geomsup.survey.tiles import N_BINS, Best, Bounds, Improved, Seen, Task, tasks_of

__all__ = ["OnDevice", "present_device"]

# Rows and columns of a task: 256 MB, much for a processor to do and little for its memory.
_STRIP, _BLOCK = 4096, 16384


def present_device(device: object) -> torch.device:
    """The GPU of this name, if it is present."""
    try:
        resolved: torch.device = torch.device(device)  # type: ignore[call-overload]  # what comes is checked
    except (RuntimeError, TypeError, ValueError):
        raise GeomsupError(
            f"device must be 'cpu', 'cuda' or 'cuda:<number>', got {shorten(device)}"
        ) from None
    present = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if resolved.type != "cuda" or (resolved.index or 0) >= present:
        raise GeomsupError(
            f"device {shorten(device)} is not present ({present} CUDA devices found); use "
            "device='cpu' or install a torch build with CUDA"
        )
    return resolved


class OnDevice:
    """Tiles of unit rows that lie on a device, one task at a time.

    Products are in float32 as torch rounds them there; with TensorFloat-32 (off by default) cosines
    would have three digits.
    """

    n_threads = 1

    def __init__(self, rows: Directions, device: torch.device) -> None:
        self._device, self._n = device, rows.n
        try:
            self._units = torch.empty((rows.n, rows.dim), dtype=torch.float32, device=device)
            start = 0
            for block in rows.blocks():
                self._units[start : start + len(block)] = torch.from_numpy(np.array(block))
                start += len(block)
        except torch.OutOfMemoryError as error:
            raise GeomsupError(
                f"{rows.n:,} rows of {rows.dim:,} numbers do not fit into the memory of {device}; "
                "use device='cpu'"
            ) from error

    def tasks(self) -> list[Task]:
        """Large ones, so that the device is not kept waiting."""
        return tasks_of(self._n, _STRIP, _BLOCK)

    def look(self, task: Task, bounds: Bounds, best: tuple[Best, Best]) -> Seen:
        """All of the task in one tile."""
        tile = self._units[task.first : task.last] @ self._units[task.start : task.stop].T
        height = task.last - task.first
        # Both ends of a pair of the square on the diagonal are rows of it.
        square = tile[:, :height] if task.start == task.first else tile[:, :0]
        improved = []
        for one in best:
            square.fill_diagonal_(-2 * one.sign)
            improved.append(_furthest(tile, one.sign, task.first, task.start))
            beside = tile[:, square.shape[1] :].T
            if beside.numel():
                start = task.start + square.shape[1]
                improved.append(_furthest(beside, one.sign, start, task.first))
        low, high = bounds.cuts
        lower = torch.ones_like(square, dtype=torch.bool).tril_()
        square.masked_fill_(lower, (low + high) / 2)
        at = ((tile <= low) | (tile >= high)).flatten().nonzero().flatten()
        cosines = tile.flatten()[at].clamp_(-1, 1)
        bins = ((cosines + 1) * (N_BINS / 2)).clamp_(max=N_BINS - 1).long()
        i, j = at // tile.shape[1], at % tile.shape[1]
        parts = slice(task.first, task.last), slice(task.start, task.stop)
        above, below = (
            [torch.from_numpy(np.array(bound[part])).to(self._device) for part in parts]
            for bound in (bounds.above, bounds.below)
        )
        far = cosines >= torch.maximum(above[0][i], above[1][j])
        far |= cosines <= torch.minimum(below[0][i], below[1][j])
        return Seen(
            (i[far] + task.first).cpu().numpy(),
            (j[far] + task.start).cpu().numpy(),
            cosines[far].cpu().numpy(),
            torch.bincount(bins, minlength=N_BINS).cpu().numpy(),
            improved,
        )


def _furthest(tile: torch.Tensor, sign: int, first: int, column: int) -> Improved:
    cosines, partners = tile.max(dim=1) if sign > 0 else tile.min(dim=1)
    rows = np.arange(first, first + len(tile))
    return sign, rows, cosines.cpu().numpy(), partners.cpu().numpy() + column
