"""The command line: one module for each verb, and one door.

Whatever takes time to import is imported inside the function that needs it, so that ``--help``
and a mistyped option answer at once.
"""

from __future__ import annotations

from geomsup.cli.app import main

__all__ = ["main"]
