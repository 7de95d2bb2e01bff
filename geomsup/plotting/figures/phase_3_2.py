"""The phase diagram of 3 features in 2: trained, exact, and as the paper computed it."""

from __future__ import annotations

from geomsup.plotting.figures.phase_map import draw

__all__ = ["draw"]
