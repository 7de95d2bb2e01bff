"""The phase diagram of 2 features in 1: trained, exact, and as the paper computed it."""

from __future__ import annotations

from geomsup.plotting.figures.phase_map import draw

__all__ = ["draw"]
