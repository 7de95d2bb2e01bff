"""What a run takes from its surroundings: seed, device, threads, terminal, versions.

Everything that the caller or the machine decides passes through here once, before training
starts, and is an ordinary value afterwards.
"""

from __future__ import annotations

import importlib.metadata
import platform
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from threadpoolctl import threadpool_limits

from geomsup.errors import GeomsupError, shorten
from geomsup.progress import is_interactive

__all__ = [
    "is_interactive",
    "plain_arithmetic",
    "resolve_device",
    "stop_requests",
    "versions",
]


@contextmanager
def plain_arithmetic() -> Iterator[None]:
    """One thread and no autograd; then put the caller's settings back.

    NumPy need not warn of an overflow: whoever trains looks for what is not finite, and says where.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1, user_api="blas"), torch.no_grad(), np.errstate(all="ignore"):
            yield
    finally:
        torch.set_num_threads(before)


@contextmanager
def stop_requests() -> Iterator[Callable[[], bool]]:
    """Turn Ctrl-C into a question that can be asked where stopping does no harm.

    A second Ctrl-C interrupts at once.  Where somebody else handles the signal, or this is not the
    main thread, nothing is changed and the answer is always no.
    """
    asked = False

    def handler(_number: int, _frame: Any) -> None:
        nonlocal asked
        if asked:
            raise KeyboardInterrupt
        asked = True

    is_default = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if not is_default or threading.current_thread() is not threading.main_thread():
        yield lambda: False
        return
    signal.signal(signal.SIGINT, handler)
    try:
        yield lambda: asked
    finally:
        signal.signal(signal.SIGINT, signal.default_int_handler)


def resolve_device(device: str | torch.device) -> torch.device:
    """The device of this name, if it is present."""
    try:
        resolved = torch.device(device)
    except (RuntimeError, TypeError, ValueError):  # ValueError: a number beyond 64 bits
        raise GeomsupError(
            f"device must be 'cpu', 'cuda' or 'cuda:<number>', got {shorten(device)}"
        ) from None
    if resolved.type == "cpu":
        return torch.device("cpu")
    if resolved.type != "cuda":
        raise GeomsupError(f"training runs on 'cpu' or 'cuda', got device {device!r}")
    present = torch.cuda.device_count() if torch.cuda.is_available() else 0
    if (resolved.index or 0) >= present:
        raise GeomsupError(
            f"device {device!r} is not present ({present} CUDA devices found); use device='cpu' "
            "or install a torch build with CUDA"
        )
    return resolved


def versions() -> dict[str, str]:
    """What made a run: the versions of the packages that can change its numbers."""
    try:
        geomsup = importlib.metadata.version("geomsup")
    except importlib.metadata.PackageNotFoundError:  # run from a source tree, not installed
        geomsup = "unknown"
    return {
        "geomsup": geomsup,
        "torch": torch.__version__,
        "numpy": np.__version__,
        "python": platform.python_version(),
    }
