"""How the kernels are compiled.

numba compiles a function when it is first called.  Division by zero gives inf or nan, as in NumPy;
nothing is reassociated, so a bound on rounding holds as it is written, and a product and the sum
that it enters may be rounded once instead of twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

__all__ = [
    "GRAD_B",
    "LANES",
    "LOSS",
    "N_RESULTS",
    "OPTIONS",
    "ROUNDING",
    "SLOPE",
    "TRUNCATION",
    "inlined",
    "kernel",
    "part",
    "size_of",
]

_Function = TypeVar("_Function", bound=Callable[..., Any])

# So many terms of a series go through each step side by side, for the processor's wide registers.
# A complex number of every lane stands as LANES real parts and then LANES imaginary ones.
LANES = 64

# What a row is left with: its loss, the derivative in b, and bounds on the rounding of the loss, on
# all errors of the gradient, and on the truncation of the loss.
LOSS, GRAD_B, ROUNDING, SLOPE, TRUNCATION, N_RESULTS = range(6)

OPTIONS: dict[str, Any] = {"error_model": "numpy", "fastmath": {"contract"}}
# Only kernels call kernels: nothing need be compiled for Python to call them.
_INSIDE = {**OPTIONS, "no_cpython_wrapper": True, "no_cfunc_wrapper": True}


def kernel(function: _Function) -> _Function:
    """Compile a function for the kernels that call it."""
    compiled: _Function = numba.njit(**_INSIDE)(function)
    return compiled


def inlined(function: _Function) -> _Function:
    """As :func:`kernel`, for a loop so short that a call would cost as much."""
    compiled: _Function = numba.njit(forceinline=True, **_INSIDE)(function)
    return compiled


def part(function: _Function) -> _Function:
    """As :func:`kernel`, for a part of one caller, compiled as if it were written there.

    numba optimises everything below each kernel anew: fewer storeys take less time to compile.
    """
    compiled: _Function = numba.njit(inline="always", **_INSIDE)(function)
    return compiled


@kernel
def size_of(values: NDArray[np.float64]) -> float:
    """Σ |values|; a loop of our own takes a tenth of the time to compile."""
    size = 0.0
    for value in values:
        size += abs(value)
    return size
