"""Fail the build when a page of the gallery shows no picture.

An example whose figures pyplot does not know runs without a complaint, and its page is text alone.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sphinx.application import Sphinx

# Pictures of an example, not the thumbnails of others beside it.
_PICTURE = re.compile(r'<img[^>]+src="([^"]*sphx_glr_(?!\w+_thumb)\w+\.\w+)"')


def pages_without_pictures(built: Path, examples: Path, ignored: str = "") -> list[str]:
    """The examples, but those that were ignored, whose page has no picture or a missing one."""
    bare = []
    for example in sorted(examples.glob("plot_*.py")):
        if ignored and re.search(ignored, example.name):
            continue
        page = built / "gallery" / f"{example.stem}.html"
        text = page.read_text(encoding="utf-8") if page.exists() else ""
        pictures = _PICTURE.findall(text)
        if not pictures or not all((page.parent / picture).is_file() for picture in pictures):
            bare.append(example.stem)
    return bare


def _check(app: Sphinx, error: Exception | None) -> None:
    conf = app.config.sphinx_gallery_conf
    executed = conf["plot_gallery"]
    if error is not None or app.builder.format != "html" or executed in (False, "False", 0, "0"):
        return
    examples = (Path(app.srcdir) / conf["examples_dirs"][0]).resolve()
    bare = pages_without_pictures(Path(app.outdir), examples, conf["ignore_pattern"])
    if bare:
        from sphinx.errors import ExtensionError

        raise ExtensionError(f"these pages of the gallery show no picture: {', '.join(bare)}")


def setup(app: Sphinx) -> dict[str, Any]:
    """Look at the pages when all of them are written."""
    app.connect("build-finished", _check)
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
