"""The figure of the demonstration, whatever its size."""

from __future__ import annotations

from geomsup.plotting.figures.stack import draw

__all__ = ["draw"]
