"""The page of the atlas: what it is told, and what a browser shows of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import (
    GROUNDS,
    OUTSIDE,
    SMALL_TEXT,
    card,
    inked,
    opened,
    picture,
    saved,
    settled,
    told,
)

from geomsup.errors import GeomsupError
from geomsup.report_page import page_of
from geomsup.sphere import compare_to_optima
from geomsup.theory import atlas_cell, atlas_cells, best_known
from geomsup.theory.atlas import Atlas

PICTURES = ("Periodic table", "The optimum", "Norms", "Dimensionality", "Loss")


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return atlas_cells().to_html(tmp_path_factory.mktemp("page") / "atlas.html")


def test_every_node_is_the_configuration_of_the_atlas() -> None:
    """Scalar products, norms and losses; rotations and orders of features are free."""
    cells = Atlas(cell for cell in atlas_cells() if cell.n_hidden == 3)
    words, arrays = told(page_of(cells))
    place = row = start = 0
    for cell in cells:
        for entry in cell.entries:
            for W, b in zip(entry.W, entry.b, strict=True):
                n, m = cell.key
                points = arrays["points"][place : place + n * m].reshape(n, m)
                found = np.linalg.eigvalsh(points @ points.T)
                assert np.allclose(found, np.linalg.eigvalsh(W.T @ W), atol=1e-5)
                # Each feature keeps its own bias.
                biases = arrays["bias"][start : start + n]
                pairs = np.column_stack([np.linalg.norm(points, axis=1), biases])
                own = np.column_stack([np.linalg.norm(W, axis=0), b])
                stored, known = (rows[np.lexsort(np.round(rows, 4).T)] for rows in (pairs, own))
                assert np.allclose(stored, known, atol=2e-4)
                place, start, row = place + n * m, start + n, row + 1
    assert row == len(arrays["p"]) == len(words["next"])
    losses = np.concatenate([entry.loss for cell in cells for entry in cell.entries])
    assert np.array_equal(arrays["loss"], losses)


def test_features_of_one_phase_stay_where_they_are() -> None:
    """Between neighbouring nodes of a phase nothing jumps: the curves do not cross for nothing."""
    cell = atlas_cell(8, 3)
    assert cell is not None
    _, arrays = told(page_of(cell))
    points = arrays["points"].reshape(-1, 8, 3)
    first = 0
    for entry in cell.entries:
        own = points[first : first + len(entry.p)]
        close = np.diff(np.log(entry.p)) < 0.5
        moved = np.linalg.norm(np.diff(own, axis=0), axis=2).max(axis=1)
        assert (moved[close] < 0.5).all(), entry
        first += len(entry.p)


def test_thomson_optima_are_those_of_the_sphere(path: Path) -> None:
    words, _ = told(path.read_text(encoding="utf-8"))
    marked = {
        (words["cells"][one["cell"]]["n"], words["cells"][one["cell"]]["m"], one["thomson"])
        for one in words["phases"]
        if one["exact"]
    }
    assert {(5, 2, "pentagon"), (6, 3, "octahedron"), (8, 4, "16-cell")} <= marked
    # An optimum without a name of its own is called by its size.
    near = {one["thomson"] for one in words["phases"]} - {name for *_, name in marked}
    assert "Thomson 12 in R^4" in near
    # Eight features in three dimensions are a square antiprism, of another height than charges.
    assert all(name != "square antiprism" for _, _, name in marked)
    assert compare_to_optima(best_known(8, 3, 0.1).W.T).verdict != "optimum"
    assert compare_to_optima(best_known(6, 3, 0.1).W.T).verdict == "optimum"


def test_no_cells_have_no_page() -> None:
    with pytest.raises(GeomsupError, match="at least one cell"):
        page_of(Atlas())


def cells_of(page: Any, number: int) -> list[str]:
    rows = f"[role=tabpanel]:not([hidden]) tr[data-row] td:nth-child({number})"
    return [text.strip() for text in page.locator(rows).all_inner_texts()]


def test_a_cell_leads_to_its_optimum(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        shown = card(page, "The optimum").locator("h2")
        assert shown.inner_text() == "8 features in 3, p = 0.1: square antiprism"
        before = picture(page, "The optimum")
        page.get_by_label("Size of model").select_option(label="5 features in 2")
        settled(page)
        assert "5 features in 2: pentagon" in card(page, "Phase").locator("h2").inner_text()
        assert "are the Thomson optimum: pentagon" in card(page, "Phase").inner_text()
        assert np.abs(picture(page, "The optimum") - before).max() > 40
        # By keyboard, to the cell on the right.
        card(page, "Periodic table").locator("canvas").press("ArrowRight")
        settled(page)
        assert "6 features in 2: " in card(page, "Phase").locator("h2").inner_text()
        # By a click into the table, where 2 dimensions are the second row.
        box = card(page, "Periodic table").locator("canvas").bounding_box()
        page.mouse.click(box["x"] + 0.3 * box["width"], box["y"] + 22 + 62 + 30)
        settled(page)
        assert " in 2: " in card(page, "Phase").locator("h2").inner_text()
        # And turned.
        first = picture(page, "The optimum")
        card(page, "The optimum").locator("canvas").press("ArrowLeft")
        assert np.abs(picture(page, "The optimum") - first).max() > 40


def test_the_slider_goes_through_the_phases(browser: Any, path: Path) -> None:
    cell = atlas_cell(8, 3)
    assert cell is not None
    with opened(browser, path) as page:
        slider = page.locator(".slide input")
        last = int(slider.get_attribute("max"))
        for value, name in ((0, cell.entries[0].name), (last, cell.entries[-1].name)):
            slider.fill(str(value))
            settled(page)
            assert page.locator(".bar .name").inner_text().removesuffix(" ★") == name
        assert slider.get_attribute("aria-valuetext").startswith("p 1: ")
        card(page, "Phase").get_by_role("button", name="phase of smaller p").click()
        settled(page)
        assert cell.entries[-2].name in page.locator(".bar .name").inner_text()


def test_which_cells_hold_a_thomson_optimum(browser: Any, path: Path) -> None:
    """The fifth task: by the head of the page, by a column of a table, and by a filter."""
    with opened(browser, path) as page:
        page.get_by_role("tab", name="Sizes").click()
        page.get_by_label("Filter Sizes").fill("thomson")
        said = page.locator("[role=tabpanel]:not([hidden]) [role=status]").inner_text()
        hold = f"{said.split()[0]} of {len(atlas_cells())} sizes hold a Thomson optimum"
        assert hold in page.locator("header.top").inner_text()
        assert "–" not in cells_of(page, 3)
        page.get_by_role("tab", name="Phases").click()
        page.get_by_label("Filter Phases").fill("octahedron thomson")
        assert cells_of(page, 7)
        assert set(cells_of(page, 7)) == {"octahedron"}
        page.locator("[role=tabpanel]:not([hidden]) tr[data-row]").first.click()
        settled(page)
        # The name is that of its parts, as in the atlas.
        assert page.locator(".bar .name").inner_text() == "digon + digon + digon ★"
        assert "Thomson optimum: octahedron" in card(page, "Phase").inner_text()


@pytest.mark.parametrize(("size", "scheme"), GROUNDS)
def test_both_grounds_and_two_sizes(
    browser: Any, path: Path, size: dict[str, int], scheme: str
) -> None:
    with opened(browser, path, size, color_scheme=scheme) as page:
        for name in PICTURES:
            assert 0.003 < inked(picture(page, name)) < 0.8, name
            assert page.evaluate(OUTSIDE, saved(page, name, "SVG").decode()) == [], name
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.evaluate(SMALL_TEXT) >= 11


def test_one_cell_has_a_page_too(browser: Any, tmp_path: Path) -> None:
    cell = atlas_cell(5, 2)
    assert cell is not None
    target = cell.to_html(tmp_path / "page.html", title="<b>mine</b>")
    assert target.stat().st_size < 700_000
    with opened(browser, target) as page:
        assert page.locator("h1").inner_text() == "<b>mine</b>"
        assert page.get_by_label("Size of model").count() == 0
        assert len(cells_of(page, 1)) == len(cell.entries)
