"""Verdicts without the search for something better, which takes ten times as long."""

from __future__ import annotations

from functools import cache
from typing import Any

import pytest

from geomsup.theory import (
    BestConfiguration,
    OptimumVerdict,
    best_configuration,
    verify,
    verify_optimum,
)

__all__ = ["judged"]


@cache
def _found() -> BestConfiguration:
    return best_configuration(2, 1, 0.1, n_starts=1)


def judged(
    W: object, b: object, p: object, importance: object = 1.0, **options: Any
) -> OptimumVerdict:
    """A verdict whose ``best`` is of another problem: nothing else depends on it.

    ``test_theory_search`` is about searches, and ``test_theory`` about verdicts with them.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(verify, "best_configuration", lambda *_, **__: _found())
        return verify_optimum(W, b, p, importance, **options)
