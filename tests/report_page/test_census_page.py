"""The page of a census: what it is told, and what a browser shows of it."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import OUTSIDE, PHONE, card, inked, opened, picture, saved, settled

from geomsup import Census, census, get_shape
from geomsup.errors import GeomsupError
from geomsup.report_page import page_of

N = 240


@pytest.fixture(scope="module")
def table() -> np.ndarray:
    """Rows are features: noise, six antipodal pairs and a triangle."""
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(N, 24))
    rows[100:106] = -rows[:6] + 0.1 * rng.normal(size=(6, 24))
    plane = np.linalg.qr(rng.normal(size=(24, 2)))[0]
    rows[200:203] = 5 * get_shape("triangle").vertices @ plane.T
    return rows


@pytest.fixture(scope="module")
def found(table: np.ndarray) -> Census:
    labels = [f"token <i>{k}</i>" for k in range(N)]
    return census(table, feature_axis=0, n_draws=2, progress=False, labels=labels)


@pytest.fixture(scope="module")
def path(found: Census, table: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("page") / "census.html"
    return found.to_html(target, weights=table, feature_axis=0)


def test_without_weights_the_census_alone(found: Census) -> None:
    assert len(page_of(found)) > 10_000
    with pytest.raises(GeomsupError, match=r"shape \(24, 240\)"):
        page_of(found, weights=np.zeros((N, 24)))


def test_features_that_are_left_out_keep_the_numbers_of_the_others(
    browser: Any, table: np.ndarray, tmp_path: Path
) -> None:
    mask = np.ones(N, dtype=bool)
    mask[50:90] = False
    found = census(table, feature_axis=0, mask=mask, null="isotropic", n_draws=0, progress=False)
    target = found.to_html(tmp_path / "page.html", labels=[f"word {k}" for k in range(N)])
    with opened(browser, target) as page:
        page.get_by_role("tab", name="Features").click()
        page.get_by_label("Filter Features").fill("word 105")
        row = page.locator("[role=tabpanel]:not([hidden]) tr[data-row]")
        assert row.count() == 1
        cells = [text.strip() for text in row.locator("td").all_inner_texts()]
        assert cells[0] == "105"
        (place,) = np.flatnonzero(found.features == 105)
        assert cells[7] == f"word {found.opposite[place]}"
        page.get_by_role("columnheader", name="opposite").get_by_role("button").click()


def test_tables_and_links(browser: Any, path: Path, found: Census) -> None:
    with opened(browser, path) as page:
        cells = "[role=tabpanel]:not([hidden]) tr[data-row] td:first-child"
        names = page.locator(cells).all_inner_texts()
        assert [name.strip() for name in names] == [one.name for one in found.components][
            : len(names)
        ]
        page.get_by_role("tab", name="Pairs").click()
        first = page.locator("[role=tabpanel]:not([hidden]) tr[data-row]").first
        assert first.locator("td").nth(2).inner_text() == f"{found.cosines[0]:.4f}".replace(
            "-", "−"
        )
        first.click()
        settled(page)
        assert f"token <i>{found.i[0]}</i>" in page.locator(".readout").inner_text()
        page.get_by_role("tab", name="Features").click()
        page.get_by_label("Filter Features").fill("<i>201<")
        assert page.locator(cells).all_inner_texts() == ["201"]
        assert page.locator("i").count() == 0


def test_the_null_is_behind_every_histogram(browser: Any, path: Path, found: Census) -> None:
    """Its band is there, and the numbers beside it are those of the census."""
    with opened(browser, path) as page:
        rows = saved(page, "All pairs", "CSV").decode().splitlines()
        assert rows[0].startswith('cosine from,"matched null, mean of 2 draws",pairs')
        assert 'fill-opacity="0.55"' in saved(page, "All pairs", "SVG").decode()
        counts = saved(page, "Counts", "CSV").decode().splitlines()
        printed = {one.name: one for one in found.comparisons}
        assert counts[0] == ",found,matched null,± sd,explained by chance"
        assert "100 % is what chance explains" in card(page, "Counts").inner_text()
        assert len(counts) > len(printed)
        for name in ("All pairs", "Counts", "In its own span", "Merge forest", "Dimensionality"):
            svg = saved(page, name, "SVG").decode() if name != "All pairs" else ""
            assert not svg or page.evaluate(OUTSIDE, svg) == [], name
            assert inked(picture(page, name)) > 0.002, name


def test_no_number_stands_on_the_mark_of_the_null(browser: Any, path: Path) -> None:
    """Boxes of the null and texts beside them, from the picture that is saved."""
    with opened(browser, path) as page:
        svg = saved(page, "Counts", "SVG").decode()
    number = r'="([\d.]+)"'
    box = rf"<rect x{number} y{number} width{number} height=\"12\""
    boxes = [tuple(map(float, found)) for found in re.findall(box, svg)]
    text = rf'<text x{number} y{number} font-size="12"[^>]*font-weight'
    texts = [tuple(map(float, found)) for found in re.findall(text, svg)]
    assert len(texts) > 3
    beside = [(x, box) for x, y in texts for box in boxes if box[1] < y < box[1] + 12]
    assert beside
    assert all(x > left + width for x, (left, _, width) in beside)


def test_everything_fits_on_a_phone(browser: Any, path: Path) -> None:
    with opened(browser, path, PHONE) as page:
        assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
        for name in ("All pairs", "Counts", "Dimensionality"):
            assert page.evaluate(OUTSIDE, saved(page, name, "SVG").decode()) == [], name


def test_the_slider_moves_the_line_in_the_histogram(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        before = {name: picture(page, name) for name in ("All pairs", "Merge forest")}
        page.locator(".slide input").fill("300")
        settled(page)
        for name, pixels in before.items():
            assert np.abs(picture(page, name) - pixels).max() > 40, name


def test_structures_are_drawn_over_their_shape(browser: Any, path: Path, found: Census) -> None:
    with opened(browser, path) as page:
        page.locator("tr[data-row]", has_text="triangle").first.click()
        settled(page)
        assert "triangle: 3 features" in card(page, "Component").inner_text()
        text = saved(page, "In its own span", "SVG").decode()
        # Three features, the origin, and nothing at the wrong end.
        assert text.count("<circle") >= 4
        assert all(f"token &lt;i&gt;{k}&lt;/i&gt;" in text for k in (200, 201, 202))
