"""``python -m geomsup`` is ``geomsup``, also where the console script is not on the path."""

from __future__ import annotations

import sys

from geomsup.cli import main

if __name__ == "__main__":
    sys.exit(main())
