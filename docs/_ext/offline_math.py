"""Render formulas as MathML, which browsers draw themselves.

The usual way is a script from another host, which a page read offline does not get.  docutils
brings a translator from LaTeX to MathML; it only has to be handed to Sphinx as a renderer.

The translator takes an accent for a limit: the subscript of W with a hat would stand under the W,
as the index of a sum does.  What it makes of accents is put right here.
"""

from __future__ import annotations

import html
import re
from typing import TYPE_CHECKING, Any
from xml.etree import ElementTree as ET

from docutils import nodes
from docutils.utils.math import MathError
from docutils.utils.math.latex2mathml import tex2mathml
from sphinx.util import logging

if TYPE_CHECKING:
    from sphinx.application import Sphinx
    from sphinx.writers.html5 import HTML5Translator

_LOGGER = logging.getLogger(__name__)

# HTML's names of characters, which are not XML's; "&lt;" and the like stay.
_ENTITY = re.compile(r"&(?!(?:lt|gt|amp|quot|apos);)\w+;")
_NAMESPACE = "http://www.w3.org/1998/Math/MathML"


def _inline(translator: HTML5Translator, node: nodes.math) -> None:
    translator.body.append(_mathml(node, as_block=False))
    raise nodes.SkipNode


def _block(translator: HTML5Translator, node: nodes.math_block) -> None:
    translator.body.append(f"<div>{_mathml(node, as_block=True)}</div>")
    raise nodes.SkipNode


def _mathml(node: nodes.Element, *, as_block: bool) -> str:
    try:
        return beside_accents(str(tex2mathml(node.astext(), as_block=as_block)))
    except MathError as error:
        _LOGGER.warning("cannot translate %r: %s", node.astext(), error, location=node)
        return f"<code>{node.astext()}</code>"


def beside_accents(mathml: str) -> str:
    """Put subscripts of accented letters beside them: ``munderover`` becomes ``msub``."""
    ET.register_namespace("", _NAMESPACE)
    root = ET.fromstring(_ENTITY.sub(lambda match: html.unescape(match[0]), mathml))
    for element in list(root.iter(f"{{{_NAMESPACE}}}munderover")):
        base, below, above = element
        # The index of a sum has its place under it.
        if base.tag.endswith("}mo") or not above.tag.endswith("}mo"):
            continue
        accented = ET.Element(f"{{{_NAMESPACE}}}mover", accent="true")
        accented.extend([base, above])
        element[:] = [accented, below]
        element.tag = f"{{{_NAMESPACE}}}msub"
    return ET.tostring(root, encoding="unicode")


def setup(app: Sphinx) -> dict[str, Any]:
    """Register the renderer under the name "mathml"."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"version": "1", "parallel_read_safe": True, "parallel_write_safe": True}
