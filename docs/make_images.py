"""Make the pictures of the README: run examples of the gallery, and keep a figure of each.

The first picture is that of ``geomsup demo``.

``python docs/make_images.py [NAME …]`` writes them to docs/images.  They are kept in the repository
because its front page is read where nothing is built.
"""

from __future__ import annotations

import runpy
import shutil
import sys
import tempfile
from pathlib import Path

import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from PIL import Image

from geomsup import cli

_HERE = Path(__file__).parent
# Example, and which of its figures, counted from zero in the order in which they were opened.
IMAGES = {
    "interference_graph": 3,
    "uniform": 1,
    "two_directions": 0,
    "correlations": 0,
    "thomson": 1,
    "geometric_transforms": 0,
    "adversarial": 0,
    "computation": 0,
    "relu_hidden": 0,
    "mixture_of_experts": 0,
    "sae_recovery": 1,
    "sae_splitting": 1,
}
_DEMO = "demo"
# In pixels: more than twice what the README shows them in, for screens with small pixels.
_WIDTH = 1250


def main(names: list[str]) -> None:
    """Make the pictures of these names, or of all."""
    known = [_DEMO, *IMAGES]
    if not set(names) <= set(known):
        sys.exit(f"usage: python docs/make_images.py [NAME …], with names among {', '.join(known)}")
    for name in names or known:
        target = _HERE / "images" / f"{name}.png"
        if name == _DEMO:
            _from_demo(target)
        else:
            _from_example(name, target)
        _shrink(target)


def _from_example(name: str, target: Path) -> None:
    plt.close("all")
    runpy.run_path(str(_HERE.parent / "examples" / f"plot_{name}.py"))
    figure = plt.figure(plt.get_fignums()[IMAGES[name]])
    figure.canvas.draw()  # a layout engine moves things, and with them the edge of the picture
    inches = figure.get_tightbbox().width
    figure.savefig(target, dpi=_WIDTH / inches, bbox_inches="tight")


def _from_demo(target: Path) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if cli.main(["demo", "--out", folder]):
            sys.exit("geomsup demo failed")
        shutil.copy(Path(folder) / "directions.png", target)


def _shrink(target: Path) -> None:
    """Take a tenth off the file.  A palette would take more, and the colours of small text too."""
    with Image.open(target) as picture:
        opaque = picture.convert("RGB")
    opaque.save(target, optimize=True)


if __name__ == "__main__":
    main(sys.argv[1:])
