"""Pages in a real browser, for the tests of what they show."""

from __future__ import annotations

import base64
import json
import re
import shutil
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser")
WIDE, PHONE = {"width": 1280, "height": 800}, {"width": 390, "height": 844}
# Each size and each ground once; the slow tests have the other pairs.
GROUNDS = [
    pytest.param(WIDE, "light", id="wide-light"),
    pytest.param(PHONE, "dark", id="phone-dark"),
    pytest.param(WIDE, "dark", id="wide-dark", marks=pytest.mark.slow),
    pytest.param(PHONE, "light", id="phone-light", marks=pytest.mark.slow),
]

# Where the middle of each text of a page's pictures is, from the SVG that it saves.
OUTSIDE = """(text) => {
  const svg = new DOMParser().parseFromString(text, "image/svg+xml");
  if (svg.querySelector("parsererror")) return ["no SVG"];
  document.body.append(document.importNode(svg.documentElement, true));
  const drawn = document.body.lastElementChild, frame = drawn.getBoundingClientRect();
  const out = [...drawn.querySelectorAll("text")].filter((one) => {
    const box = one.getBoundingClientRect();
    return box.left < frame.left - 2 || box.right > frame.right + 2 || box.top < frame.top - 3
      || box.bottom > frame.bottom + 3;
  }).map((one) => one.textContent);
  drawn.remove();
  return out;
}"""
_SEEN = """(one) => new Promise((said) => {
  const seen = new IntersectionObserver(() => { seen.disconnect(); said(); });
  seen.observe(one);
})"""
SMALL_TEXT = """() => {
  const sizes = [...document.querySelectorAll("body *")].filter((one) => one.checkVisibility()
    && [...one.childNodes].some((child) => child.nodeType === 3 && child.textContent.trim()));
  return Math.min(...sizes.map((one) => parseFloat(getComputedStyle(one).fontSize)));
}"""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser without a screen and without a GPU; a skip where there is none."""
    sync_api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    with sync_api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"]
        )
        yield browser
        browser.close()


@contextmanager
def opened(browser: Any, path: Path, size: dict[str, int] | None = None, **how: Any) -> Any:
    """A page from the disk, which must not complain, nor ask for anything but itself."""
    context = browser.new_context(viewport=size or WIDE, **how)
    page = context.new_page()
    page.set_default_timeout(15_000)
    said: list[str] = []
    asked: list[str] = []
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("request", lambda request: asked.append(request.url))
    page.goto(path.as_uri())
    page.wait_for_selector("html[data-ready]")
    settled(page)
    yield page
    settled(page)
    context.close()
    assert said == []
    assert [url for url in asked if not url.startswith(("blob:", "data:"))] == [path.as_uri()]


def settled(page: Any) -> None:
    """Wait until what was asked for is drawn: two frames, as a view may ask for one more."""
    page.evaluate(
        "() => new Promise((r) => requestAnimationFrame(() => requestAnimationFrame(() => "
        "setTimeout(r, 0))))"
    )


def card(page: Any, name: str) -> Any:
    """The frame of a picture, by the beginning of its name."""
    return page.locator(f'section[aria-label^="{name}"]')


def picture(page: Any, name: str) -> NDArray[np.float64]:
    """What a canvas shows, as numbers of shape (height, width, 3)."""
    from PIL import Image

    canvas = card(page, name).locator("canvas")
    canvas.scroll_into_view_if_needed()
    # What is out of view is drawn once the browser says that it comes into view; the page asked
    # to be told before this, and so is told before.
    canvas.evaluate(_SEEN)
    settled(page)
    # Not a screenshot: the bar at the top of the page covers what is below it.
    drawn = canvas.evaluate("canvas => canvas.toDataURL()").split(",")[1]
    image = Image.open(BytesIO(base64.b64decode(drawn))).convert("RGB")
    return np.asarray(image, dtype=np.float64)


def inked(pixels: NDArray[np.float64]) -> float:
    """Share of a picture that is not its ground."""
    ground = np.median(pixels.reshape(-1, 3), axis=0)
    return float((np.abs(pixels - ground).max(axis=2) > 24).mean())


def saved(page: Any, name: str, what: str) -> bytes:
    """A picture, or its numbers, as the menu of its frame saves it."""
    with page.expect_download() as download:
        card(page, name).locator("select").select_option(what)
    return Path(download.value.path()).read_bytes()


def told(page: str) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    """The words and arrays of a page, read by what the format says."""
    packed = re.search(r'id="data">([A-Za-z0-9+/=]*)</script>', page)
    assert packed is not None
    whole = zlib.decompress(base64.b64decode(packed[1]))
    length = int.from_bytes(whole[:4], "little")
    words = json.loads(whole[4 : 4 + length])
    start = 4 + length
    assert start % 8 == 0
    arrays = {
        name: np.frombuffer(whole, np.dtype(f"<{kind}"), count, start + place)
        for name, (kind, place, count) in words.pop("arrays").items()
    }
    return words, arrays
