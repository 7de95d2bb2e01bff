"""The interactive page of a result: one file that opens from the disk, offline.

Python packs what a result holds (:mod:`geomsup.report_page.payload`), a module for each kind of
result, and puts it into a template that is built once from the sources in ``front_end`` (``make
page``) and shipped as ``page.html``.

>>> import tempfile
>>> from pathlib import Path
>>> from geomsup import classify_geometry
>>> report = classify_geometry([[1, -1, 0], [0, 0, 1]])
>>> with tempfile.TemporaryDirectory() as folder:
...     report.to_html(Path(folder) / "report.html").name
'report.html'
"""

from __future__ import annotations

from geomsup.report_page.page import open_page, page_of, write_page

__all__ = ["open_page", "page_of", "write_page"]
