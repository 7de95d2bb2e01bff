"""The page of a training: what it is told, and what a browser shows of it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browsing import OUTSIDE, card, inked, opened, picture, saved, settled

from geomsup import get_shape
from geomsup.dynamics import GeometryTimeline, geometry_timeline
from geomsup.errors import GeomsupError
from geomsup.report_page import page_of


def _weights() -> np.ndarray:
    """Two digons for twenty records, and a pentagon for twenty more."""
    square = np.column_stack([get_shape("square").vertices.T, [0.0, 0.0]])
    square = square[:, [0, 2, 1, 3, 4]]
    pentagon = get_shape("pentagon").vertices.T
    return np.array([square] * 20 + [pentagon] * 20)


@pytest.fixture(scope="module")
def line() -> GeometryTimeline:
    losses = np.where(np.arange(40) < 20, 0.3, 0.1)
    return geometry_timeline(100 * np.arange(40), _weights(), losses)


@pytest.fixture(scope="module")
def path(line: GeometryTimeline, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("page") / "timeline.html"
    return line.to_html(target, weights=_weights(), labels=list("abcde"))


def test_weights_of_another_training_are_refused(line: GeometryTimeline) -> None:
    W = _weights()
    for wrong, said in ((W[:3], "shape"), (2 * W, "norms are others"), (W[0], "shape")):
        with pytest.raises(GeomsupError, match=said):
            page_of(line, weights=wrong)
    assert page_of(line, weights=W.transpose(0, 2, 1), feature_axis=0) == page_of(line, weights=W)


def test_the_slider_changes_the_name_and_the_shape(
    browser: Any, path: Path, line: GeometryTimeline
) -> None:
    with opened(browser, path) as page:
        slider, name = page.locator(".slide input"), page.locator(".bar .name")
        assert name.inner_text() == line.names[-1] == "1 × pentagon"
        last = picture(page, "The features")
        slider.fill("5")
        settled(page)
        assert name.inner_text() == line.names[5]
        assert page.locator(".slide output").inner_text() == "500"
        assert np.abs(picture(page, "The features") - last).max() > 40
        slider.press("ArrowRight")
        settled(page)
        assert "step 600" in slider.get_attribute("aria-valuetext")


def test_when_the_pentagon_formed(browser: Any, path: Path, line: GeometryTimeline) -> None:
    start = next(first for name, first, _ in line.spans() if name == "1 × pentagon")
    with opened(browser, path) as page:
        page.get_by_label("Filter Shapes").fill("pentagon")
        row = page.locator("tr[data-row]:visible").first
        assert row.locator("td").nth(1).inner_text() == f"{start:,}"
        page.locator(".slide input").fill("0")
        row.click()
        settled(page)
        assert page.locator(".slide output").inner_text() == f"{start:,}"
        page.get_by_role("tab", name="Events").click()
        texts = page.locator("[role=tabpanel]:not([hidden]) td:last-child").all_inner_texts()
        assert texts == [str(one) for one in sorted([*line.jumps, *line.loss_drops], key=_start)]


def _start(event: Any) -> int:
    return int(event.start)


def test_angles_and_lengths_have_steps_of_their_own(browser: Any, tmp_path: Path) -> None:
    """A pentagon whose features grow: named at once, there in full when they have their length."""
    size = np.clip(np.linspace(0.2, 1.4, 40), None, 1.0)
    W = size[:, None, None] * get_shape("pentagon").vertices.T
    line = geometry_timeline(10 * np.arange(40), W)
    full = 10 * int(np.flatnonzero(size**2 >= 0.9)[0])
    with opened(browser, line.to_html(tmp_path / "page.html", weights=W)) as page:
        cells = page.locator("tr[data-row] td").all_inner_texts()
        assert [cell.strip() for cell in cells] == ["1 × pentagon", "0", str(full), "390"]
        assert "statement about angles" in page.locator("[role=tabpanel]").first.inner_text()


def test_play_runs_to_the_end(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        page.locator(".slide input").fill("36")
        page.get_by_role("button", name="Play").click()
        page.locator(".slide output", has_text="3,900").wait_for()
        page.locator("button[aria-pressed=false]", has_text="Play").wait_for()


def test_curves_follow_the_feature_that_is_looked_for(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        before = picture(page, "Norms")
        box = page.get_by_label("Find a feature")
        box.fill("c")
        box.press("Enter")
        settled(page)
        assert "feature 2" in page.locator(".readout").inner_text()
        assert np.abs(picture(page, "Norms") - before).max() > 40
        for name in ("The features", "Levels", "Loss", "Norms"):
            assert page.evaluate(OUTSIDE, saved(page, name, "SVG").decode()) == [], name
            assert inked(picture(page, name)) > 0.002, name


def test_without_weights_the_curves_alone(
    browser: Any, tmp_path: Path, line: GeometryTimeline
) -> None:
    with opened(browser, line.to_html(tmp_path / "page.html"), color_scheme="dark") as page:
        assert card(page, "The features").count() == 0
        assert "weights= tells it" in page.locator("footer").inner_text()
