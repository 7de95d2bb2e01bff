"""Results that can be looked at: as a page in a file, in a browser, or in a notebook.

The one place below :mod:`geomsup.report_page` that knows of it, and only when it is asked for a
page: results hold numbers, and none of them loads a front end.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["Shown", "ShownAlone", "ShownTable"]


class ShownAlone:
    """A result with an interactive page of its own, which needs nothing beside the result."""

    def to_html(self, path: str | os.PathLike[str], *, title: str | None = None) -> Path:
        """Write one self-contained page that opens from the disk, offline, in a current browser.

        Parameters
        ----------
        path : path
            Where the page goes; a file that is there is replaced.
        title : str, optional
            The heading of the page.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        GeomsupError
            If the file cannot be written.
        """
        from geomsup.report_page import write_page

        return write_page(self, path, title=title)

    def show(self, **options: Any) -> Any:
        """Open the page: in a notebook inside the notebook, otherwise in a browser.

        Parameters
        ----------
        **options
            As for :meth:`to_html`.

        Returns
        -------
        object or pathlib.Path
            What a notebook shows as a frame, or the file that a browser was asked to open.
        """
        from geomsup.report_page import open_page

        return open_page(self, **options)


class Shown(ShownAlone):
    """A result with a page that can show more with the matrix that it was made from."""

    def to_html(
        self,
        path: str | os.PathLike[str],
        *,
        weights: object = None,
        feature_axis: int = -1,
        labels: Sequence[str] | str | os.PathLike[str] | None = None,
        title: str | None = None,
    ) -> Path:
        """Write one self-contained page that opens from the disk, offline, in a current browser.

        Parameters
        ----------
        path : path
            Where the page goes; a file that is there is replaced.
        weights : array_like, torch.Tensor or path, optional
            The matrix that the result was made from (for a timeline, an array of those of all
            records, of shape (n_records, n_hidden, n_features)).  With it the page shows every
            feature where it is, and how structures merge below the threshold; without it, what the
            result holds.
        feature_axis : int, default -1
            The axis of `weights` that counts features.
        labels : sequence of str or path, optional
            A name for each feature: in a list, in a text file with one on each line, or in a CSV
            file with a column "label" (and perhaps "feature", counted from 0).  They are shown as
            text, whatever is in them.
        title : str, optional
            The heading of the page.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        GeomsupError
            If weights or labels do not belong to the result, or the file cannot be written.
        """
        from geomsup.report_page import write_page

        return write_page(
            self, path, weights=weights, feature_axis=feature_axis, labels=labels, title=title
        )


class ShownTable(ShownAlone):
    """A result of many rows with a page that draws any of their columns against any other."""

    def to_html(
        self,
        path: str | os.PathLike[str],
        *,
        x: str | None = None,
        y: str | None = None,
        by: str | None = None,
        title: str | None = None,
    ) -> Path:
        """Write one self-contained page that opens from the disk, offline, in a current browser.

        Parameters
        ----------
        path : path
            Where the page goes; a file that is there is replaced.
        x, y : str, optional
            Columns of ``table()`` that the plot begins with; whoever reads the page can choose
            others.  By default a setting that varies, and a quantity that does.
        by : str, optional
            The column whose every value has points and a median of its own at first.
        title : str, optional
            The heading of the page.

        Returns
        -------
        pathlib.Path
            The file.

        Raises
        ------
        GeomsupError
            If there are no rows or no such columns, or the file cannot be written.
        """
        from geomsup.report_page import write_page

        return write_page(self, path, x=x, y=y, by=by, title=title)
