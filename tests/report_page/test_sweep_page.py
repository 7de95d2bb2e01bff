"""The page of a sweep: what it is told, and what a browser shows of it."""

from __future__ import annotations

import csv
import io
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
from geomsup.report_page import sweep as sweep_page
from geomsup.sweeps import Result, Store, Task

HOSTILE = "<img src=x onerror=\"document.title='broken'\">"


def _results() -> list[Result]:
    """Loss grows with the square of p, by method, with three seeds; one task failed."""
    results = []
    for p in (0.1, 0.2, 0.4):
        for method in ("plain", HOSTILE):
            for seed in range(3):
                task = Task("math:hypot", {"p": p, "method": method, "steps": 100, "seed": seed})
                loss = p**2 * (1.0 if method == "plain" else 50.0) + 0.001 * seed + 1e-9 / 3
                values = {"loss": loss, "name": f"run {seed}", "W": np.eye(2)}
                results.append(Result.of(task, values))
    failed = Task("math:hypot", {"p": 0.8, "method": "plain", "steps": 100, "seed": 0})
    error = {"type": "ValueError", "message": "no <b>luck</b>\nat all", "traceback": ""}
    return [*results, Result(task=failed, error=error)]


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    found = Store(tmp_path_factory.mktemp("store"))
    found.add(_results())
    return found


@pytest.fixture(scope="module")
def path(store: Store, tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("page") / "sweep.html"
    return store.to_html(target, x="p", y="loss", by="method")


def test_numbers_are_exact_and_what_does_not_vary_is_said_once(store: Store) -> None:
    words, arrays = told(page_of(store))
    rows = store.table()
    names = [column["name"] for column in words["columns"]]
    assert ["steps", "100"] in words["same"]
    assert "steps" not in names
    assert (words["x"], words["y"], words["by"]) == ("p", "loss", "")
    given = [row.get("loss", np.nan) for row in rows]
    assert np.array_equal(arrays[f"column_{names.index('loss')}"], given, equal_nan=True)
    assert words["texts"]["method"] == [row["method"] for row in rows]
    assert words["head"] == ["1 failed, the first with: no <b>luck</b>"]
    settings = [column["name"] for column in words["columns"] if column["setting"]]
    assert settings == ["p", "method", "seed"]


def test_columns_that_are_not_there_or_hold_no_numbers(store: Store, tmp_path: Path) -> None:
    for wrong, said in (
        ({"x": "q"}, "have no 'q'; they have"),
        ({"by": "q"}, "have no 'q'; they have"),
        ({"y": "method"}, "nowhere a finite number"),
    ):
        with pytest.raises(GeomsupError, match=said):
            page_of(store, **wrong)
    with pytest.raises(GeomsupError, match="at least one"):
        page_of(Store(tmp_path / "empty"))


def column(page: Any, number: int) -> list[str]:
    cells = f"[role=tabpanel]:not([hidden]) tr[data-row] td:nth-child({number})"
    return [text.strip() for text in page.locator(cells).all_inner_texts()]


def test_the_plot_has_the_medians_of_every_group(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        assert card(page, "Plot").locator("h2").inner_text() == "loss against p"
        rows = list(csv.reader(io.StringIO(saved(page, "Plot", "CSV").decode())))[1:]
        plain = [row for row in rows if row[0] == "method = plain"]
        assert [row[1] for row in plain] == ["0.1", "0.2", "0.4"]
        assert [row[2] for row in plain] == ["3", "3", "3"]
        assert [row[3] for row in plain] == ["0.011", "0.041", "0.161"]
        # All together: six tasks at each p, and a warning that methods are pooled.
        page.get_by_label("A line for each").select_option("")
        settled(page)
        rows = list(csv.reader(io.StringIO(saved(page, "Plot", "CSV").decode())))[1:]
        assert [row[1] for row in rows] == ["6", "6", "6"]
        assert "Pooled over method, seed" in card(page, "Plot").inner_text()
        page.get_by_label("A line for each").select_option("seed")
        settled(page)
        assert "Pooled over method:" in card(page, "Plot").inner_text()


def test_axes_are_chosen_and_dots_lead_to_rows(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        before = picture(page, "Plot")
        page.get_by_label("Horizontal axis").select_option("seed")
        settled(page)
        assert card(page, "Plot").locator("h2").inner_text() == "loss against seed"
        assert np.abs(picture(page, "Plot") - before).max() > 40
        canvas = card(page, "Plot").locator("canvas")
        canvas.press("ArrowRight")
        settled(page)
        chosen = page.locator("tr[aria-selected=true]")
        assert chosen.count() == 1
        names = [one["name"] for one in told(path.read_text(encoding="utf-8"))[0]["columns"]]
        assert chosen.locator("td").nth(names.index("seed")).inner_text().strip() == "0"
        assert "seed 0" in page.locator(".readout").inner_text()
        page.get_by_label("Filter Tasks").fill("luck and more")
        assert len(column(page, 1)) == 0
        page.get_by_label("Filter Tasks").fill("luck")
        assert len(column(page, 1)) == 1


def test_the_table_is_saved_as_it_was(browser: Any, path: Path, store: Store) -> None:
    with opened(browser, path) as page:
        with page.expect_download() as download:
            page.locator(".listing").get_by_role("button", name="CSV").click()
        text = Path(download.value.path()).read_text(encoding="utf-8")
        rows = list(csv.DictReader(io.StringIO(text, newline="")))
        wanted = {row["id"]: row for row in store.table()}
        assert {row["id"] for row in rows} == set(wanted)
        for row in rows:
            if row["loss"]:
                assert float(row["loss"]) == pytest.approx(wanted[row["id"]]["loss"], rel=1e-14)
            assert row["method"] == wanted[row["id"]]["method"]


@pytest.mark.parametrize(("size", "scheme"), GROUNDS)
def test_both_grounds_and_two_sizes(
    browser: Any, path: Path, size: dict[str, int], scheme: str
) -> None:
    """What a task is called is text, wherever it stands."""
    with opened(browser, path, size, color_scheme=scheme) as page:
        assert inked(picture(page, "Plot")) > 0.002
        svg = saved(page, "Plot", "SVG").decode()
        assert page.evaluate(OUTSIDE, svg) == []
        assert "<img" not in svg
        assert page.locator("img").count() == 0
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.evaluate(SMALL_TEXT) >= 11


@pytest.mark.parametrize("n", [2_500, pytest.param(25_000, marks=pytest.mark.slow)])
def test_many_tasks(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, n: int) -> None:
    """Rows are elements only while they are seen, and ids of many are left out."""
    if n <= sweep_page._MOST_IDS:
        monkeypatch.setattr(sweep_page, "_MOST_IDS", n - 1)
    rng = np.random.default_rng(0)
    results = [
        Result(task=Task("math:hypot", {"p": float(p), "k": k}), values={"loss": float(p) ** 2})
        for k, p in enumerate(rng.uniform(0.01, 1, n))
    ]
    found = Store(tmp_path / "store")
    found.add(results)
    target = found.to_html(tmp_path / "page.html", x="p", y="loss")
    assert target.stat().st_size < 2_000_000
    names = [one["name"] for one in told(target.read_text(encoding="utf-8"))[0]["columns"]]
    assert names == ["p", "k", "loss"]
    with opened(browser, target) as page:
        assert f"the ids of {n:,} tasks" in page.locator("footer").inner_text()
        assert page.evaluate("document.getElementsByTagName('*').length") < 1500
        assert inked(picture(page, "Plot")) > 0.002
