"""Whether loops over numbers are compiled by numba, which is an extra."""

from __future__ import annotations

import os
from functools import cache
from importlib.util import find_spec

__all__ = ["can_compile"]


def can_compile() -> bool:
    """Whether numba is there, and the environment variable ``GEOMSUP_COMPILED`` is not 0."""
    return os.environ.get("GEOMSUP_COMPILED", "1") != "0" and _has_numba()


@cache
def _has_numba() -> bool:
    return find_spec("numba") is not None
