"""The page of a report, in a browser."""

from __future__ import annotations

import csv
import io
import sys
import time
from itertools import product
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from browsing import (
    GROUNDS,
    OUTSIDE,
    PHONE,
    SMALL_TEXT,
    WIDE,
    card,
    inked,
    opened,
    picture,
    saved,
    settled,
)
from enlarging import enlarged, several

from geomsup import GeometryReport, classify_geometry

# A finger that moves 80 pixels to the right.
DRAG = """([x, y]) => ["pointerdown", "pointermove", "pointerup"].forEach((type, k) =>
  document.elementFromPoint(x, y).dispatchEvent(new PointerEvent(type, {
    pointerId: 1, pointerType: "touch", clientX: x + 40 * k, clientY: y, bubbles: true,
  })))"""
PICTURES = ("In its own span", "Merge forest", "Interference graph", "Dimensionality", "Cosines")
HOSTILE = [
    "</script><script>document.title='broken'</script>",
    "<img src=x onerror=\"document.title='broken'\">",
    "\"quotes\" and 'others'",
    "long " * 400,
    "שלום עולם",
    "\u202eturned\u202c",
    "emoji 👩‍🔬🎉",
    "line\nbreak\ttab\x00nul",
    "&amp; &lt;b&gt;",
    "=1+1",
]


@pytest.fixture(scope="module")
def report() -> GeometryReport:
    return classify_geometry(several(0.03))


@pytest.fixture(scope="module")
def path(report: GeometryReport, tmp_path_factory: pytest.TempPathFactory) -> Path:
    labels = [*HOSTILE, *(f"word {k}" for k in range(len(HOSTILE), report.n_features))]
    target = tmp_path_factory.mktemp("page") / "report.html"
    return report.to_html(target, weights=several(0.03), labels=labels)


def column(page: Any, number: int) -> list[str]:
    """The texts of one column of the table that is seen."""
    cells = f"[role=tabpanel]:not([hidden]) tr[data-row] td:nth-child({number})"
    return [text.strip() for text in page.locator(cells).all_inner_texts()]


def readout(page: Any) -> str:
    settled(page)
    return str(page.locator(".readout").inner_text())


def slide(page: Any, value: int) -> None:
    page.locator(".slide input").fill(str(value))
    settled(page)


def choose(page: Any, name: str) -> None:
    page.locator("tr[data-row]", has_text=name).first.click()
    settled(page)


def test_table_has_the_words_of_the_report(
    browser: Any, path: Path, report: GeometryReport
) -> None:
    with opened(browser, path) as page:
        assert column(page, 1) == [one.label for one in report.components]
        assert column(page, 2) == [str(len(one.features)) for one in report.components]
        assert page.locator("h1").inner_text() == report.summary(most=4)
        assert page.title() == f"{report.summary(most=4)} · geomsup"


def test_sorting_and_filtering(browser: Any, path: Path, report: GeometryReport) -> None:
    with opened(browser, path) as page:
        rank = page.get_by_role("columnheader", name="rank")
        rank.get_by_role("button").click()
        ranks = [int(text) for text in column(page, 3)]
        assert ranks == sorted(ranks, reverse=True)
        assert rank.get_attribute("aria-sort") == "descending"
        rank.get_by_role("button").click()
        assert [int(text) for text in column(page, 3)] == sorted(ranks)
        page.get_by_role("columnheader", name="name").get_by_role("button").click()
        assert column(page, 1) == sorted(one.label for one in report.components)
        page.get_by_label("Filter Components").fill("tri")
        assert column(page, 1) == ["triangle"]
        assert "1 of 6 rows" in page.locator(".listing:not([hidden]) [role=status]").inner_text()
        # It is the runner-up of most, and the name of none.
        page.get_by_label("Filter Components").fill("")
        assert any("irregular" in cell for cell in column(page, 12))
        page.get_by_label("Filter Components").fill("irregular")
        assert column(page, 1) == []
        page.get_by_label("Filter Components").fill("nothing like it")
        assert column(page, 1) == []


def test_features_are_found_by_label(browser: Any, path: Path, report: GeometryReport) -> None:
    with opened(browser, path) as page:
        box = page.get_by_label("Find a feature")
        box.fill("word 1")
        assert page.locator("#found li").count() > 1
        box.press("ArrowDown")
        box.press("Enter")
        assert "feature 11 " in readout(page)
        box.fill("12")
        box.press("Enter")
        assert "feature 12 " in readout(page)
        box.fill("no such")
        assert page.locator("#found").inner_text() == "no such feature"
        page.get_by_role("tab", name="Features").click()
        page.get_by_label("Filter Features").fill("word 13")
        assert column(page, 1) == ["13"]
        assert column(page, 4) == [f"{report.dimensionalities[13]:.3f}"]


def test_the_slider_recolours_every_picture(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        choose(page, "pentagon")
        before = {name: picture(page, name) for name in PICTURES[:4]}
        slide(page, 990)
        assert "0.990" in page.locator(".slide output").inner_text()
        for name, pixels in before.items():
            assert np.abs(picture(page, name) - pixels).max() > 40, name
        page.get_by_role("button", name="as reported").click()
        settled(page)
        for name, pixels in before.items():
            assert np.abs(picture(page, name) - pixels).max() < 3, name


def test_sets_at_a_threshold_are_those_of_the_cosines(
    browser: Any, path: Path, report: GeometryReport
) -> None:
    """Counted by hand from the Gram matrix, at five thresholds."""
    from scipy.sparse.csgraph import connected_components

    W = several(0.03)[:, report.represented]
    cosines = np.abs(W.T @ W) / np.outer(*2 * [np.linalg.norm(W, axis=0)])
    with opened(browser, path) as page:
        for cut in (0, 100, 400, 700, 850):
            slide(page, cut)
            labels = connected_components(cosines >= cut / 1000)[1]
            n = int((np.bincount(labels) > 1).sum())
            said = page.locator(".slide output").inner_text()
            assert said == f"{cut / 1000:.3f}: {n} {'set' if n == 1 else 'sets'}"


def test_where_a_component_splits(browser: Any, path: Path, report: GeometryReport) -> None:
    pentagon = next(one for one in report.components if one.name == "pentagon")
    with opened(browser, path) as page:
        choose(page, "pentagon")
        said = page.locator(".falls").inner_text()
        assert f"splits above |cosine| {pentagon.cohesion:.4f} into" in said
        page.locator(".falls button").click()
        settled(page)
        assert page.locator(".slide output").inner_text().startswith(f"{pentagon.cohesion:.3f}"[:4])
        assert "at this threshold" in readout(page)


def test_a_feature_is_seen_everywhere(browser: Any, path: Path) -> None:
    with opened(browser, path, {"width": 1280, "height": 2600}) as page:
        choose(page, "square antiprism")
        before = {name: picture(page, name) for name in PICTURES}
        chip = page.locator(".chip").nth(3)
        chip.hover()
        number = chip.inner_text().split(" ")[0].strip("\u2068\u2069")
        assert f"feature {number}" in readout(page)
        # The pointer rests on the chip, so the pictures are taken from one of the whole page.
        for name, pixels in before.items():
            after = picture(page, name)
            assert np.abs(after - pixels).max() > 40, name
        assert page.locator("tr.near").count() == 1
        page.mouse.move(2, 2)
        assert f"feature {number}" not in readout(page)


def test_pointing_into_pictures_names_features(browser: Any, path: Path) -> None:
    with opened(browser, path, {"width": 1280, "height": 2600}) as page:
        for name in PICTURES:
            box = card(page, name).locator("canvas").bounding_box()
            found = set()
            for x, y in product(np.linspace(0.05, 0.95, 16), np.linspace(0.15, 0.9, 10)):
                page.mouse.move(box["x"] + x * box["width"], box["y"] + y * box["height"])
                if (text := readout(page)).startswith("feature"):
                    found.add(text.split(" ")[1])
                if len(found) > 1:
                    break
            assert len(found) > 1, name


def test_a_split_says_which_features_go_where(
    browser: Any, path: Path, report: GeometryReport
) -> None:
    """Before anything is moved, and after "show", in the component and in the table of sets."""
    from scipy.sparse.csgraph import connected_components

    (pentagon,) = (one for one in report.components if one.name == "pentagon")
    members = np.array(pentagon.features)
    W = several(0.03)[:, members]
    cosines = np.abs(W.T @ W) / np.outer(*2 * [np.linalg.norm(W, axis=0)])
    with opened(browser, path) as page:
        choose(page, "pentagon")
        before = parts(page)
        card(page, "Component").get_by_role("button", name="show").click()
        settled(page)
        cut = float(page.locator(".slide output").inner_text().split(":")[0])
        labels = connected_components(cosines >= cut)[1]
        wanted = {frozenset(members[labels == k].tolist()) for k in set(labels)}
        assert len(wanted) > 1
        assert set(parts(page)) == set(before) == wanted
        assert "Sets" in page.locator("[role=tab][aria-selected=true]").inner_text()
        sizes = [int(text) for text in column(page, 1)]
        number = int(page.locator(".slide output").inner_text().split(": ")[1].split()[0])
        assert len(sizes) == number
        assert sizes == sorted(sizes, reverse=True)
        with page.expect_download() as download:
            page.locator(".listing:not([hidden])").get_by_role("button", name="CSV").click()
        rows = csv.DictReader(io.StringIO(Path(download.value.path()).read_text(encoding="utf-8")))
        listed = {frozenset(map(int, row["which"].split())) for row in rows}
        assert {part for part in wanted if len(part) > 1} <= listed
        # No two sets look alike.
        colors = page.locator("[role=tabpanel]:not([hidden]) .patch").evaluate_all(
            "patches => patches.map((patch) => patch.style.background)"
        )
        assert len(set(colors)) == len(colors)
        page.get_by_role("button", name="as reported").click()
        settled(page)
        assert column(page, 1) == [one.label for one in report.components]


def parts(page: Any) -> list[frozenset[int]]:
    """The features of each part that a component falls into."""
    chips = "chips => chips.map((chip) => Number(chip.dataset.feature))"
    listed = card(page, "Component").locator(".part").all()
    return [frozenset(part.locator(".chip").evaluate_all(chips)) for part in listed]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_components_of_one_name_have_colours_that_are_told_apart(
    browser: Any, tmp_path: Path, scheme: str
) -> None:
    rng = np.random.default_rng(1)
    W = np.zeros((20, 36))
    for k in range(4):  # four irregular ones, and four digons
        loose = rng.normal(size=(4, 7))
        W[4 * k : 4 * k + 4, 7 * k : 7 * k + 7] = loose / np.linalg.norm(loose, axis=0)
        W[16 + k, 28 + 2 * k : 30 + 2 * k] = (1, -1)
    report = classify_geometry(W)
    assert report.counts()["irregular"] > 1
    target = report.to_html(tmp_path / "page.html", weights=W)
    with opened(browser, target, color_scheme=scheme) as page:
        shades = page.locator("[role=tabpanel]:not([hidden]) .patch").evaluate_all(
            "patches => patches.map((one) => getComputedStyle(one).backgroundColor)"
        )
        rgb = [[int(x) for x in shade[4:-1].split(", ")] for shade in shades]
        assert len(rgb) == len(report.components)
        apart = [np.abs(np.subtract(a, b)).max() for k, a in enumerate(rgb) for b in rgb[:k]]
        assert min(apart) >= 14


def test_a_phone_says_that_there_are_more_columns(browser: Any, path: Path) -> None:
    with opened(browser, path, PHONE) as page:
        hint = page.locator("[role=tabpanel]:not([hidden]) .aside")
        assert "scroll sideways" in hint.inner_text()
        box = page.locator("[role=tabpanel]:not([hidden]) .scroll")
        box.evaluate("box => { box.scrollLeft = 300; }")
        settled(page)
        # The name stays in view, and of the bar the slider alone.
        assert page.locator("[role=tabpanel]:not([hidden]) td").first.bounding_box()["x"] >= 0
        page.evaluate("scrollTo(0, 1500)")
        settled(page)
        slide_box = page.locator(".slide").bounding_box()
        assert slide_box["y"] == pytest.approx(0, abs=1)
        assert slide_box["height"] < 60
        for name in (".search", ".readout"):
            assert page.locator(name).bounding_box()["y"] < -100
    with opened(browser, path) as page:
        assert page.locator("[role=tabpanel]:not([hidden]) .aside").is_hidden()


def test_what_nobody_has_scrolled_to_is_drawn_all_the_same(browser: Any, path: Path) -> None:
    with opened(browser, path, PHONE) as page:
        page.wait_for_timeout(1500)
        for name in PICTURES:
            tones = card(page, name).locator("canvas").evaluate(
                "one => new Set(one.getContext('2d').getImageData(0, 0, one.width, one.height)"
                ".data).size"
            )  # fmt: skip
            assert tones > 8, name
        assert page.evaluate("scrollY") == 0


def test_names_of_columns_in_the_heat_map(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        choose(page, "tetrahedron")
        assert saved(page, "Cosines", "SVG").decode().count("rotate(-90") == 4


def test_rotation_by_mouse_touch_and_keyboard(browser: Any, path: Path) -> None:
    for touch in (False, True):
        with opened(browser, path, PHONE if touch else WIDE, has_touch=touch) as page:
            choose(page, "tetrahedron")
            canvas = card(page, "In its own span").locator("canvas")
            first = picture(page, "In its own span")
            for key in ("ArrowLeft", "ArrowUp", "+"):
                canvas.press(key)
                turned = picture(page, "In its own span")
                assert np.abs(turned - first).max() > 40, key
            canvas.press("0")
            assert np.abs(picture(page, "In its own span") - first).max() < 3
            box = canvas.bounding_box()
            x, y = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
            if touch:
                page.evaluate("HTMLCanvasElement.prototype.setPointerCapture = () => {}")
                page.evaluate(DRAG, [x, y])
            else:
                page.mouse.move(x, y)
                page.mouse.down()
                page.mouse.move(x + 60, y + 20, steps=4)
                page.mouse.up()
            page.mouse.move(2, 2)
            assert np.abs(picture(page, "In its own span") - first).max() > 40


def test_four_dimensions_turn_into_view(browser: Any, tmp_path: Path) -> None:
    from geomsup import get_shape

    report = classify_geometry(get_shape("4-simplex").vertices.T)
    with opened(browser, report.to_html(tmp_path / "page.html")) as page:
        first = picture(page, "In its own span")
        card(page, "In its own span").locator("canvas").press("]")
        assert np.abs(picture(page, "In its own span") - first).max() > 40
        assert "4 dimensions" in card(page, "In its own span").inner_text()


def test_all_by_keyboard(browser: Any, path: Path, report: GeometryReport) -> None:
    """Tab reaches everything, arrows move in the table, and each stop can be seen."""
    with opened(browser, path) as page:
        stops = []
        for _ in range(60):
            page.keyboard.press("Tab")
            stops.append(
                page.evaluate(
                    "() => { const a = document.activeElement; return [a.tagName, a.getAttribute("
                    "'aria-label') || a.innerText, getComputedStyle(a).outlineStyle]; }"
                )
            )
        assert {"INPUT", "BUTTON", "SELECT", "CANVAS", "TABLE"} <= {tag for tag, _, _ in stops}
        assert all(outline != "none" for tag, _, outline in stops if tag != "BODY")
        assert sum(tag == "CANVAS" for tag, _, _ in stops) == len(PICTURES)
        page.locator("table.list").first.focus()
        for _ in range(2):
            page.keyboard.press("ArrowDown")
            settled(page)
        chosen = page.locator("tr[aria-selected=true]:visible td").first.inner_text().strip()
        assert chosen == report.components[2].label
        assert card(page, "Component").locator("h2").inner_text().startswith(chosen)


@pytest.mark.parametrize(("size", "scheme"), GROUNDS)
def test_both_grounds_and_two_sizes(
    browser: Any, path: Path, size: dict[str, int], scheme: str
) -> None:
    """Pictures are drawn, on the right ground, and nothing sticks out or is too small."""
    with opened(browser, path, size, color_scheme=scheme) as page:
        for name in PICTURES:
            pixels = picture(page, name)
            assert 0.003 < inked(pixels) < 0.8, name
            ground = np.median(pixels.reshape(-1, 3), axis=0).mean()
            assert ground < 60 if scheme == "dark" else ground > 220, name
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.evaluate(SMALL_TEXT) >= 11
        page.get_by_role("button", name="Light / dark").click()
        settled(page)
        pixels = picture(page, "Merge forest")
        assert (np.median(pixels) > 220) == (scheme == "dark")


@pytest.mark.parametrize("size", [WIDE, PHONE], ids=["wide", "phone"])
def test_pictures_are_saved_with_every_label_inside(
    browser: Any, path: Path, size: dict[str, int]
) -> None:
    with opened(browser, path, size) as page:
        for name in PICTURES:
            svg = saved(page, name, "SVG").decode()
            assert "<text" in svg, name
            assert page.evaluate(OUTSIDE, svg) == [], name
            assert min(float(part.split('"')[0]) for part in svg.split('font-size="')[1:]) >= 11


def test_pictures_are_saved_as_pixels_and_numbers(browser: Any, path: Path) -> None:
    # Chromium refuses an eleventh file for which nobody has clicked.
    with opened(browser, path) as page:
        for name in PICTURES:
            assert saved(page, name, "PNG").startswith(b"\x89PNG"), name
            assert saved(page, name, "CSV").count(b"\n") > 1, name


def test_tables_beside_pictures(browser: Any, path: Path, report: GeometryReport) -> None:
    with opened(browser, path) as page:
        for name in PICTURES:
            button = card(page, name).get_by_role("button", name="Table")
            button.click()
            rows = card(page, name).locator(".alternative tbody tr").count()
            assert rows > 1, name
            assert card(page, name).locator("canvas").is_hidden()
            button.click()
            assert card(page, name).locator("canvas").is_visible()
            label = card(page, name).locator("canvas").get_attribute("aria-label")
            assert name.split(",")[0] in label


def test_the_table_is_saved_as_csv(browser: Any, path: Path, report: GeometryReport) -> None:
    with opened(browser, path) as page:
        page.get_by_label("Filter Components").fill("pent")
        with page.expect_download() as download:
            page.get_by_role("button", name="CSV", exact=True).first.click()
        text = Path(download.value.path()).read_text(encoding="utf-8")
        (row,) = csv.DictReader(io.StringIO(text))
        assert row["name"] == "pentagon"
        pentagon = next(one for one in report.components if one.name == "pentagon")
        assert row["features"].split() == [str(i) for i in pentagon.features]
        page.get_by_role("tab", name="Features").click()
        with page.expect_download() as download:
            page.locator(".listing:not([hidden])").get_by_role("button", name="CSV").click()
        text = Path(download.value.path()).read_text(encoding="utf-8")
        labels = [row["label"] for row in csv.DictReader(io.StringIO(text, newline=""))]
        assert labels[:3] == HOSTILE[:3]


def test_hostile_labels_are_text(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        title = page.title()
        page.get_by_role("tab", name="Features").click()
        shown = column(page, 2)
        assert HOSTILE[1][:30] in shown[1]
        assert max(map(len, shown)) < 60
        assert "\u202e" not in "".join(shown)
        for row in range(len(HOSTILE)):
            page.locator(".listing:not([hidden]) tr[data-row]").nth(row).click()
            settled(page)
        for name in PICTURES:
            assert "<img" not in saved(page, name, "SVG").decode()
        assert page.locator("img").count() == 0
        assert page.locator("script").count() == 1
        assert page.title() == title


def test_features_that_share_a_vertex(browser: Any, tmp_path: Path) -> None:
    from geomsup import get_shape

    W = np.concatenate([get_shape("pentagon").vertices, get_shape("pentagon").vertices[:1]]).T
    report = classify_geometry(W)
    with opened(browser, report.to_html(tmp_path / "page.html", weights=W)) as page:
        assert "share a vertex (1 vertex)" in card(page, "Component").inner_text()
        texts = page.locator(".vertex .chip").all_inner_texts()
        assert [text.strip() for text in texts] == ["0", "5"]


def test_what_is_printed(browser: Any, path: Path) -> None:
    with opened(browser, path, color_scheme="dark") as page:
        forms = (
            "() => [...document.querySelectorAll('.frame')]"
            ".map((one) => one.clientWidth / one.clientHeight)"
        )
        screen = page.evaluate(forms)
        page.evaluate("window.dispatchEvent(new Event('beforeprint'))")
        page.emulate_media(media="print")
        page.set_viewport_size({"width": 700, "height": 1000})
        # On paper a picture has the form that it had on the screen, on white.
        assert page.evaluate(forms) == pytest.approx(screen, rel=0.02)
        corner = card(page, "Merge forest").locator("canvas").evaluate(
            "canvas => [...canvas.getContext('2d').getImageData(3, 3, 1, 1).data]"
        )  # fmt: skip
        assert min(corner) > 240
        page.emulate_media(media="screen")
        page.evaluate("window.dispatchEvent(new Event('afterprint'))")
        document = page.pdf()
        assert document.startswith(b"%PDF")
        assert len(document) > 20_000
        settled(page)
        assert page.evaluate("document.documentElement.dataset.theme") is None


def test_without_javascript_the_printed_report(
    browser: Any, path: Path, report: GeometryReport
) -> None:
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.locator("noscript pre").inner_text().strip() == str(report).strip()
    context.close()


def test_a_frame_in_a_notebook(
    browser: Any, report: GeometryReport, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without an origin, as notebooks get it."""
    monkeypatch.setitem(sys.modules, "ipykernel", ModuleType("ipykernel"))
    page = browser.new_page()
    page.set_content(report.show()._repr_html_())
    inside = page.frame_locator("iframe")
    inside.locator("html[data-ready]").wait_for()
    assert inside.locator("[role=tabpanel]:not([hidden]) tr[data-row]").count() == len(
        report.components
    )
    page.close()


def test_nothing_to_show_is_a_page_too(browser: Any, tmp_path: Path) -> None:
    report = classify_geometry(np.zeros((2, 3)))
    with opened(browser, report.to_html(tmp_path / "page.html")) as page:
        assert page.locator("h1").inner_text() == "no structures"
        assert "there are none" in page.locator("main").inner_text()
        assert card(page, "In its own span").count() == 0


def test_a_thousand_components(browser: Any, tmp_path: Path, report: GeometryReport) -> None:
    """No more elements than for a few; figures of time are in docs/report_page.md."""
    many = enlarged(report, 1000 // len(report.components) + 1)
    target = many.to_html(tmp_path / "page.html")
    with opened(browser, target) as page:
        assert page.evaluate("document.getElementsByTagName('*').length") < 1500
        page.locator(".scroll:visible").evaluate("box => { box.scrollTop = box.scrollHeight; }")
        settled(page)
        assert column(page, 1)[-1] == many.components[-1].label
        for name in PICTURES[:4]:
            assert inked(picture(page, name)) > 0.003, name
        slide(page, 600)
        page.get_by_role("tab", name="Components").click()
        page.get_by_label("Filter Components").fill("antiprism")
        assert set(column(page, 1)) == {"square antiprism"}


@pytest.mark.slow
def test_a_hundred_thousand_features(browser: Any, tmp_path: Path, report: GeometryReport) -> None:
    many = enlarged(report, 100_000 // report.n_features + 1)
    target = many.to_html(
        tmp_path / "page.html", labels=[f"word {i}" for i in range(many.n_features)]
    )
    assert target.stat().st_size < 12_000_000
    start = time.perf_counter()
    with opened(browser, target) as page:
        # The limit is 5 s on a machine of its own.
        assert time.perf_counter() - start < 20
        page.get_by_role("tab", name="Features").click()
        page.get_by_label("Filter Features").fill("word 99999")
        assert column(page, 1) == ["99999"]
        assert page.evaluate("document.getElementsByTagName('*').length") < 1500
