"""Make the pictures of the README: run examples of the gallery, and keep a figure of each.

``python docs/make_images.py [NAME …]`` writes them to docs/images.  They are kept in the repository
because its front page is read where nothing is built.
"""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt

_HERE = Path(__file__).parent
# Example, and which of its figures, counted from zero in the order in which they were opened.
IMAGES = {
    "interference_graph": 3,
    "uniform": 1,
    "two_directions": 0,
    "thomson": 1,
    "geometric_transforms": 0,
    "adversarial": 0,
    "computation": 0,
    "relu_hidden": 0,
    "mixture_of_experts": 0,
    "sae_recovery": 1,
    "sae_splitting": 1,
}
# Twice the width that the README shows them in, for screens with small pixels.
_DPI = 120


def main(names: list[str]) -> None:
    """Make the pictures of these names, or of all."""
    for name in names or IMAGES:
        plt.close("all")
        runpy.run_path(str(_HERE.parent / "examples" / f"plot_{name}.py"))
        figure = plt.figure(plt.get_fignums()[IMAGES[name]])
        figure.savefig(_HERE / "images" / f"{name}.png", dpi=_DPI, bbox_inches="tight")


if __name__ == "__main__":
    main(sys.argv[1:])
