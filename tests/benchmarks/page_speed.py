"""How large and how fast the pages of reports are, in a browser without a GPU.

    python tests/benchmarks/page_speed.py

Frames are measured on the clock, and by the processor time of the process that draws: the clock
says what this machine did beside all else that ran on it, the processor what a core could do.
"""

from __future__ import annotations

import os
import sys
import tempfile
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

from browsing import chromium, opened
from enlarging import enlarged, several

from geomsup import classify_geometry

_STEPS = 60
# Moves the slider once for each frame; returns milliseconds for each.
_SLIDE = """async (steps) => {
  const slider = document.querySelector(".slide input"), start = performance.now();
  for (let k = 0; k < steps; k++) {
    slider.value = String(300 + Math.round(600 * k / steps));
    slider.dispatchEvent(new Event("input", { bubbles: true }));
    await new Promise((done) => requestAnimationFrame(() => setTimeout(done, 0)));
  }
  return (performance.now() - start) / steps;
}"""
_PAINTED = """() => performance.getEntriesByName("first-contentful-paint")[0].startTime"""
_READY = "() => performance.now()"


def drawing_seconds() -> float:
    """Processor time of all processes that draw pages, as Linux counts it."""
    total = 0.0
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if "type=renderer" in (entry / "cmdline").read_text():
                fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
                total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
        except OSError:
            continue
    return total


def measured(browser: Any, path: Path) -> str:
    """One line of figures for a page."""
    before = drawing_seconds()
    with opened(browser, path) as page:
        ready, painted = page.evaluate(_READY), page.evaluate(_PAINTED)
        loading = drawing_seconds() - before
        frames = []
        for place in (0, 700, 1300):
            page.evaluate(f"scrollTo(0, {place})")
            page.wait_for_timeout(500)
            before = drawing_seconds()
            clock = page.evaluate(_SLIDE, _STEPS)
            frames.append((clock, 1000 * (drawing_seconds() - before) / _STEPS))
    shown = ", ".join(f"{clock:.0f} ({drawn:.0f})" for clock, drawn in frames)
    return (
        f"{path.stat().st_size / 1000:,.0f} kB; first paint {painted:.0f} ms, ready {ready:.0f} ms,"
        f" processor {1000 * loading:.0f} ms; slider, ms a frame on the clock (processor), at three"
        f" places: {shown}"
    )


def main() -> None:
    """Print the figures of docs/report_page.md."""
    report = classify_geometry(several(0.03))
    print("load", *(f"{load:.1f}" for load in os.getloadavg()), "on", os.cpu_count(), "cores")
    with tempfile.TemporaryDirectory() as folder, chromium() as browser:
        for copies in (1, 167, 4167):
            many = enlarged(report, copies)
            labels = [f"feature {i}" for i in range(many.n_features)]
            path = many.to_html(Path(folder) / f"{copies}.html", labels=labels)
            said = f"{many.n_features:,} features, {len(many.components):,} components"
            print(f"{said}: {measured(browser, path)}", flush=True)


if __name__ == "__main__":
    main()
