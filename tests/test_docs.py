"""What the extensions of the documentation do; the pages themselves are looked at by the build."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest

_EXTENSIONS = Path(__file__).parents[1] / "docs" / "_ext"


def _extension(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(_EXTENSIONS)
    return importlib.import_module(name)


@pytest.mark.parametrize(
    ("body", "is_bare"),
    [
        (
            '<img src="../_images/sphx_glr_plot_a_001.png" class="sphx-glr"/>',
            False,
        ),
        ('<img alt="x" src="../_images/sphx_glr_plot_a_002.png"/>', True),  # no such file
        ('<img src="../_images/sphx_glr_plot_a_thumb.png"/>', True),
        ('<img src="../_static/logo.png"/>', True),
        ("<p>text alone</p>", True),
    ],
)
def test_a_page_without_a_picture_is_found(
    body: str, is_bare: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, examples = tmp_path / "html", tmp_path / "examples"
    for folder in (built / "gallery", built / "_images", examples):
        folder.mkdir(parents=True)
    (examples / "plot_a.py").touch()
    for name in ("plot_a_001", "plot_a_thumb"):
        (built / "_images" / f"sphx_glr_{name}.png").touch()
    (built / "gallery" / "plot_a.html").write_text(f"<html>{body}</html>")
    find = _extension("gallery_pictures", monkeypatch).pages_without_pictures
    assert find(built, examples) == (["plot_a"] if is_bare else [])
    (examples / "plot_b.py").touch()
    assert "plot_b" in find(built, examples)  # a page that was not built
    assert "plot_b" not in find(built, examples, r"plot_b\.py")  # and was not to be


@pytest.mark.parametrize(
    ("formula", "kinds"),
    [
        (r"\hat{W}_i", {"msub": 1, "mover": 1, "munderover": 0}),
        (r"\hat W_i \cdot W_j", {"msub": 2, "mover": 1, "munderover": 0}),
        (r"\bar{x}_{ij}^2", {"msub": 1, "mover": 1, "munderover": 0}),
        (r"\hat{W}", {"msub": 0, "mover": 1, "munderover": 0}),
        (r"\sum_{i=1}^n \hat{x}_i", {"msub": 1, "mover": 1, "munderover": 1}),
        (r"\sum_i x_i", {"munder": 1, "msub": 1, "munderover": 0}),
        (r"\hat{W}_i,\qquad a\ b\;c\,d < e~f \text{ and } \&", {"msub": 1, "mover": 1}),
    ],
)
@pytest.mark.parametrize("as_block", [False, True])
def test_a_subscript_stands_beside_its_accented_letter(
    formula: str, kinds: dict[str, int], as_block: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sphinx", reason="the documentation has requirements of its own")
    translate = pytest.importorskip("docutils.utils.math.latex2mathml").tex2mathml
    beside = _extension("offline_math", monkeypatch).beside_accents
    root = ET.fromstring(beside(str(translate(formula, as_block=as_block))))
    tags = [element.tag.partition("}")[2] for element in root.iter()]
    assert {kind: tags.count(kind) for kind in kinds} == kinds
    for sub in root.iter("{http://www.w3.org/1998/Math/MathML}msub"):
        assert len(sub) == 2
