"""What a page is told, and what goes into its file."""

from __future__ import annotations

import dataclasses
import hashlib
import re
import shutil
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from browsing import told
from enlarging import enlarged, several

import geomsup
from geomsup import GeometryReport, classify_geometry
from geomsup.errors import GeomsupError
from geomsup.report_page import page_of, write_page
from geomsup.report_page.payload import Payload

FOLDER = Path(geomsup.__file__).parent / "report_page"
FRONT_END = FOLDER / "front_end"


def test_payload_comes_back() -> None:
    payload = Payload("geometry", {"title": "τ </script>", "labels": ["\ud800", "a"]})
    numbers = {"x": np.linspace(0, 1, 7), "n": np.arange(3), "b": np.array([True, False])}
    for name, values in numbers.items():
        payload.add(name, values)
    words, arrays = told(f'<script id="data">{payload.encoded()}</script>')
    assert words == {"kind": "geometry", "title": "τ </script>", "labels": ["?", "a"]}
    for name, values in numbers.items():
        assert np.allclose(arrays[name], values, atol=1e-7)


@pytest.fixture(scope="module")
def planted() -> tuple[np.ndarray, GeometryReport]:
    W = several(0.03)
    return W, classify_geometry(W)


def test_words_are_those_of_the_printed_report(planted: tuple[np.ndarray, GeometryReport]) -> None:
    W, report = planted
    words, arrays = told(page_of(report, weights=W))
    printed = str(report)
    assert all(line in printed for line in words["head"] + words["foot"])
    names = [column["name"] for column in words["columns"]]
    header = next(line for line in printed.split("\n") if line.startswith("name"))
    assert header.split() == " ".join(names).split()
    for one, group in zip(report.components, words["groups"], strict=True):
        assert all(cell in printed for cell in group["row"])
        assert str(one).startswith(group["head"])
        assert all(text in str(one) and name in str(one) for name, text in group["lines"])
    assert np.allclose(arrays["norm"], report.norms)
    assert np.allclose(arrays["level"], report.dimensionalities)


@pytest.mark.parametrize("with_weights", [True, False])
def test_points_have_the_angles_of_the_weights(
    planted: tuple[np.ndarray, GeometryReport], with_weights: bool
) -> None:
    """Cosines of the points are those of the features, and each lies at its ideal vertex."""
    W, report = planted
    words, arrays = told(page_of(report, weights=W if with_weights else None))
    start = place = ideal_start = 0
    ideals = []
    for n, axes in zip(arrays["ideal_size"], arrays["ideal_axes"], strict=True):
        ideals.append(arrays["ideal_points"][ideal_start : ideal_start + n * axes].reshape(n, axes))
        ideal_start += n * axes
    for k, (n, axes) in enumerate(zip(arrays["group_size"], arrays["group_axes"], strict=True)):
        members = arrays["group_member"][start : start + n]
        points = arrays["points"][place : place + n * axes].reshape(n, axes)
        units = points / np.linalg.norm(points, axis=1, keepdims=True)
        true = W[:, members] / np.linalg.norm(W[:, members], axis=0)
        assert np.abs(units @ units.T - true.T @ true).max() < 0.05
        vertices = ideals[arrays["group_ideal"][k]][arrays["group_vertex"][start : start + n]]
        angles = np.arccos(np.clip((units * vertices).sum(axis=1), -1, 1))
        match = report.components[k].match
        assert match is not None
        assert np.sqrt((angles**2).mean()) < match.rms_angle + 0.02
        start, place = start + n, place + n * axes
    assert words["whole"] is with_weights


def test_forest_is_single_linkage(planted: tuple[np.ndarray, GeometryReport]) -> None:
    """Against scipy's, of the distances 1 − |cosine|."""
    from scipy.cluster.hierarchy import linkage

    W, report = planted
    _, arrays = told(page_of(report, weights=W))
    kept = np.flatnonzero(report.represented)
    units = W[:, kept] / np.linalg.norm(W[:, kept], axis=0)
    far = 1 - np.abs(units.T @ units)[np.triu_indices(len(kept), 1)]
    heights = 1 - linkage(far, "single")[:, 2]
    assert np.allclose(np.sort(arrays["merge_height"]), np.sort(heights), atol=1e-6)
    assert set(arrays["merge"]) == set(kept)


def test_a_report_from_json_has_a_page(planted: tuple[np.ndarray, GeometryReport]) -> None:
    _, report = planted
    words, arrays = told(page_of(GeometryReport.from_json(report.to_json())))
    assert not arrays["points"].size
    assert any("weights=" in note for note in words["notes"])


@pytest.mark.parametrize("W", [np.zeros((3, 4)), [[1.0]], [[1.0, 1.0, -1.0]], np.eye(5)])
def test_small_and_empty_reports_have_pages(W: Any) -> None:
    report = classify_geometry(W)
    words, arrays = told(page_of(report, weights=W))
    assert len(words["groups"]) == len(report.components)
    assert len(arrays["norm"]) == report.n_features


def test_weights_and_labels_that_do_not_belong_are_refused(
    planted: tuple[np.ndarray, GeometryReport],
) -> None:
    W, report = planted
    for wrong, said in (
        ({"weights": W.T}, "shape"),
        ({"weights": 2 * W}, "norms are others"),
        ({"labels": ["a"]}, "expected 24 labels"),
        ({"labels": "no/such/file"}, "cannot be read"),
        ({"labels": [1] * 24}, "list of str"),
        ({"title": 3}, "title must be"),
    ):
        with pytest.raises(GeomsupError, match=said):
            page_of(report, **wrong)
    with pytest.raises(GeomsupError, match="none of int"):
        page_of(3)
    assert told(page_of(report, weights=W.T, feature_axis=0))[0]["whole"]


def test_a_page_that_cannot_be_written_is_an_error(tmp_path: Path) -> None:
    report = classify_geometry([[1, -1]])
    with pytest.raises(GeomsupError, match="cannot be written"):
        write_page(report, tmp_path / "missing" / "page.html")
    assert report.to_html(tmp_path / "page.html").read_text().startswith("<!doctype html>")


def test_a_hostile_title_stays_text() -> None:
    report = classify_geometry([[1, -1]])
    page = page_of(report, title="</title><script>alert(1)</script>", labels=["</script>", "<!--"])
    assert "<script>alert" not in page
    assert page.count("<script") == 2
    assert told(page)[0]["labels"] == ["</script>", "<!--"]


def test_light_in_notebooks_and_a_frame_on_demand(monkeypatch: pytest.MonkeyPatch) -> None:
    report = classify_geometry([[1, -1]])
    assert len(report._repr_html_()) < 4000
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    frame = report.show(title="mine")._repr_html_()
    assert frame.startswith("<iframe srcdoc=")
    assert 'sandbox="allow-scripts allow-downloads allow-modals"' in frame
    assert "<script" not in frame


def test_show_asks_a_browser(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    monkeypatch.setattr("webbrowser.open", asked.append)
    path = classify_geometry([[1, -1]]).show()
    assert asked == [path.as_uri()]
    shutil.rmtree(path.parent)


def test_sizes(tmp_path: Path, planted: tuple[np.ndarray, GeometryReport]) -> None:
    """The limits that the pages were built for: 700 kB, 2 MB."""
    W, report = planted
    assert report.to_html(tmp_path / "few.html", weights=W).stat().st_size < 700_000
    many = enlarged(report, 1000 // len(report.components) + 1)
    assert len(many.components) >= 1000
    page = many.to_html(
        tmp_path / "many.html", labels=[f"feature {i}" for i in range(many.n_features)]
    )
    assert page.stat().st_size < 2_000_000


def test_what_is_cut_is_said(planted: tuple[np.ndarray, GeometryReport]) -> None:
    _, report = planted
    n = 210_000
    more = dataclasses.replace(
        report, edges=np.tile(report.edges[:1], (n, 1)), cosines=np.full(n, report.cosines[0])
    )
    words, arrays = told(page_of(more))
    assert len(arrays["edge_cosine"]) == 200_000
    assert any("200,000 of largest" in note for note in words["notes"])


def test_the_page_is_built_from_its_sources() -> None:
    """The digest in the page is that of the sources, so that nobody forgets ``make page``."""
    sources = ["build.mjs", "package.json"]
    sources += [p.relative_to(FRONT_END).as_posix() for p in (FRONT_END / "src").rglob("*.*")]
    digest = hashlib.sha256()
    for name in sorted(sources):
        digest.update(f"{name}\n".encode() + (FRONT_END / name).read_bytes())
    page = (FOLDER / "page.html").read_text(encoding="utf-8")
    assert f'name="sources" content="{digest.hexdigest()}"' in page


def test_the_page_knows_no_host() -> None:
    page = (FOLDER / "page.html").read_text(encoding="utf-8")
    assert set(re.findall(r"https?://[^\"'\s`)]+", page)) == {"http://www.w3.org/2000/svg"}
    assert '"resolved"' not in (FRONT_END / "package-lock.json").read_text()
    assert "MIT licence" in page


@pytest.mark.skipif(
    shutil.which("node") is None or not (FRONT_END / "node_modules").exists(),
    reason="Node or the bundler is not installed: make page brings it",
)
def test_the_build_gives_the_same_bytes_again(tmp_path: Path) -> None:
    target = tmp_path / "page.html"
    subprocess.run(["node", "build.mjs", str(target)], cwd=FRONT_END, check=True, timeout=120)
    assert target.read_bytes() == (FOLDER / "page.html").read_bytes()
