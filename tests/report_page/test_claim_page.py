"""The page of a claim: what it is told, and what a browser shows of it."""

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

from geomsup import Claim, weigh_claim
from geomsup.report_page import page_of

PICTURES = ("The group", "Beside the controls", "The claim against")
LABELS = ["Mon", "Tue <b>", "</script>", "Thu", "Fri", "Sat", "Sun"]


def _table() -> np.ndarray:
    """Rows are features: seven on a ring, away from the origin, and noise."""
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((300, 24))
    angles = 2 * np.pi * np.arange(7) / 7
    plane = np.linalg.qr(rng.normal(size=(24, 2)))[0]
    rows[:7] = 5 * np.column_stack([np.cos(angles), np.sin(angles)]) @ plane.T
    rows[:7] += 2 * rng.standard_normal(24) + 0.2 * rng.standard_normal((7, 24))
    return rows


@pytest.fixture(scope="module")
def claim() -> Claim:
    labels = [*LABELS, *(f"other {k}" for k in range(293))]
    return weigh_claim(_table(), range(7), "ring", feature_axis=0, n_controls=200, labels=labels)


@pytest.fixture(scope="module")
def path(claim: Claim, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return claim.to_html(tmp_path_factory.mktemp("page") / "claim.html")


def test_the_span_has_the_distances_of_the_features(claim: Claim) -> None:
    """In all dimensions there are, on the scale of the plane, which comes first."""
    rows = _table()[:7] - _table()[:7].mean(axis=0)
    rows /= np.sqrt((rows**2).sum(axis=1).mean())
    far = np.linalg.norm(rows[:, None] - rows[None], axis=2)
    own = np.linalg.norm(claim.span[:, None] - claim.span[None], axis=2)
    assert np.allclose(own, far, atol=1e-5)
    assert np.array_equal(claim.span[:, :2], claim.coordinates)
    assert "span" not in claim.to_dict()


def test_words_are_those_of_the_printed_claim(claim: Claim) -> None:
    words, arrays = told(page_of(claim))
    printed = str(claim)
    assert words["title"] in printed
    assert all(name in printed and f"{p:.4f}" in printed for name, p in words["tests"])
    assert dict(words["evidence"]) == pytest.approx(dict(claim.evidence))
    assert arrays["number"].tolist() == list(claim.order)
    assert words["labels"] == [claim.label(feature) for feature in claim.order]
    assert np.array_equal(arrays["control_statistic"], claim.control_statistics)


def test_the_verdict_and_its_reasons(browser: Any, path: Path, claim: Claim) -> None:
    with opened(browser, path) as page:
        text = card(page, "Verdict").inner_text()
        assert f"✓ {claim.verdict}" in text
        assert claim.why in text
        assert f"p {claim.p_value:.4f}" in text
        rows = saved(page, "The claim against", "CSV").decode().splitlines()[1:]
        assert [row.split(",")[0] for row in rows] == list(claim.evidence)
        label = card(page, "Beside the controls").locator("canvas").get_attribute("aria-label")
        as_small = int((claim.control_statistics <= claim.statistic).sum())
        assert f"{as_small} of 200 control groups are as small" in label


def test_members_are_found_and_controls_stand_beside_them(browser: Any, path: Path) -> None:
    with opened(browser, path) as page:
        before = picture(page, "The group")
        box = page.get_by_label("Find a feature")
        box.fill("Thu")
        box.press("Enter")
        settled(page)
        assert "feature 3 " in page.locator(".readout").inner_text()
        assert page.locator("tr[aria-selected=true] td").nth(1).inner_text() == "3"
        chosen = picture(page, "The group")
        assert np.abs(chosen - before).max() > 40
        page.locator(".slide input").fill("5")
        settled(page)
        assert page.locator(".slide output").inner_text() == "5 of 60"
        beside = picture(page, "The group")
        assert np.abs(beside - chosen).max() > 40
        card(page, "The group").locator("canvas").press("ArrowUp")
        assert np.abs(picture(page, "The group") - beside).max() > 40


@pytest.mark.parametrize(("size", "scheme"), GROUNDS)
def test_both_grounds_and_two_sizes(
    browser: Any, path: Path, size: dict[str, int], scheme: str
) -> None:
    with opened(browser, path, size, color_scheme=scheme) as page:
        for name in PICTURES:
            assert inked(picture(page, name)) > 0.002, name
            svg = saved(page, name, "SVG").decode()
            assert page.evaluate(OUTSIDE, svg) == [], name
            assert "<b>" not in svg
        assert page.evaluate("document.documentElement.scrollWidth") <= size["width"]
        assert page.evaluate(SMALL_TEXT) >= 11
        assert page.locator("b").count() == 0
        assert page.locator("script").count() == 1


@pytest.mark.parametrize(
    ("shape", "n"), [("antipodes", 2), ("simplex", 4), ("bundle", 5), ("line", 5)]
)
def test_claims_without_a_ring(browser: Any, tmp_path: Path, shape: str, n: int) -> None:
    claim = weigh_claim(_table(), range(20, 20 + n), shape, feature_axis=0, n_controls=100)
    with opened(browser, claim.to_html(tmp_path / "page.html")) as page:
        assert claim.verdict in card(page, "Verdict").inner_text()
        assert page.locator("[role=tabpanel]:not([hidden]) tr[data-row]").count() == n
        for name in PICTURES:
            assert inked(picture(page, name)) > 0.001, name
