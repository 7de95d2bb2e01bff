"""The compiled kernels as one function that is found on disk by the next process."""

from __future__ import annotations

import hashlib
import logging
import sys
import threading
import time
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import numba

from geomsup.compiling import compiled
from geomsup.progress import is_interactive
from geomsup.theory.compiled.jit import OPTIONS
from geomsup.theory.compiled.models import all_models
from geomsup.theory.few_features import MOST_FEATURES
from geomsup.theory.series_plan import BEYOND_SIGN, BEYOND_SQUARE, GRADIENT_SLACK

__all__ = ["entry"]

_Entry = Callable[..., None]

# Compiling takes ten seconds or more; what takes less was found on disk.
_SILENT_SECONDS = 2.0
_VECTOR, _MATRIX, _STACK = (numba.types.Array(numba.float64, k, "C") for k in (1, 2, 3))
_SIGNATURE = numba.void(
    *(_STACK, _MATRIX, _VECTOR, numba.intp[::1], _MATRIX, _VECTOR),
    *(numba.float64, numba.boolean, _MATRIX, _MATRIX, _STACK, _MATRIX),
)
# Numbers that the kernels take from the NumPy route.
_SHARED = (MOST_FEATURES, GRADIENT_SLACK, BEYOND_SIGN, BEYOND_SQUARE)


@cache
def entry() -> _Entry:
    """`all_models`, compiled now or found on disk; if it takes time, that is said."""
    function = _closed_over(_state_of_the_sources())
    started = time.perf_counter()
    waiting = threading.Timer(_SILENT_SECONDS, _announce)
    waiting.daemon = True
    waiting.start()
    try:
        found = _compiled(function)
    finally:
        waiting.cancel()
    seconds = time.perf_counter() - started
    if seconds > _SILENT_SECONDS:
        _say(f"the exact losses were compiled in {seconds:.0f} s")
    return found


def _closed_over(sources: str) -> _Entry:
    """A function of its own for each state of the sources.

    numba looks at the file of the outermost function only when it decides whether what lies on
    disk is still good; but what a function is closed over belongs to its name there.
    """

    def models(
        W: Any,
        a: Any,
        b: Any,
        own: Any,
        p: Any,
        importance: Any,
        tol: Any,
        bounds: Any,
        grad_a: Any,
        results: Any,
        grad_W: Any,
        errors: Any,
    ) -> None:
        sources  # noqa: B018
        all_models(W, a, b, own, p, importance, tol, bounds, grad_a, results, grad_W, errors)

    return models


def _state_of_the_sources() -> str:
    """A digest of the kernels and of the numbers that they share with the NumPy route."""
    digest = hashlib.sha256(repr(_SHARED).encode())
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()


def _compiled(function: _Entry) -> _Entry:
    found: _Entry = compiled(function, _SIGNATURE, **OPTIONS)
    return found


def _announce() -> None:
    _say("compiling the exact losses, for this and later starts; this takes about half a minute")


def _say(text: str) -> None:
    logging.getLogger("geomsup").info(text)
    if is_interactive():
        print(f"geomsup: {text}", file=sys.stderr)
