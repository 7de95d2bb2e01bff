"""The result of ``classify_geometry``, as plain data that prints itself.

Reports only hold and show results; nothing is computed here beyond sums.  Every number needed to
doubt a name stands beside it: probability, residual, runner-up, leakage, and the cut that
separated the components.
"""

from __future__ import annotations

import html
import json
import os
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, first_line
from geomsup.geometry.interference import build_graph
from geomsup.geometry.report_checks import check_report
from geomsup.geometry.report_tables import table_of
from geomsup.geometry.report_text import HEADER, aligned_table, counted, row_of, shortened
from geomsup.matching import ShapeMatch
from geomsup.restoring import ByContent, Plain, restored
from geomsup.showing import Shown
from geomsup.sphere.compare import OptimaComparison

__all__ = ["ComponentReport", "GeometryReport", "Unstructured"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# A printed table stops here; the rest is counted, and `report.components` has them all.
_MAX_ROWS = 40


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ComponentReport(ByContent):
    """A set of features that interfere with each other and hardly with any other.

    Attributes
    ----------
    features : tuple of int
        Indices into the columns of W, ascending.
    name : str
        Canonical name of the shape, "monosemantic" for a feature by itself, or "irregular"
        (several features on a single ray, for one).
    rank : int
        Dimensions that the component spans, up to noise.
    norms, dimensionalities : ndarray of shape (len(features),)
        |W_i|, and D_i taken over the whole of W.
    leakage : float
        Share of the interference that leaves the component: Σ(Ŵ_i·W_j)² over i inside, j outside,
        divided by the same sum over all represented j (the feature itself included).
    cohesion : float
        Least |cosine| at which its vertices hang together; 1 for a single vertex.
    log_evidence : float
        Natural logarithm of the evidence for a structure (a shape of the catalogue or a low rank)
        over independent directions; 0 for a single vertex.
    tightness : float
        ΣD_i / rank, with D_i taken within the component; 1 for a tight frame of equal norms.
    coherence, welch_bound : float
        Largest |cosine| between two of its vertices, and the least that is possible.
    vertices : tuple of tuple of int
        The features on each vertex: parallel features share one.
    match : ShapeMatch or None
        The match that carries the name; None for an irregular component.
    candidates : tuple of ShapeMatch
        All matches, most probable first.  Their permutations run over ``vertices``.
    irregular_probability : float
        Posterior probability that no shape of the catalogue is there.
    thomson : OptimaComparison or None
        The vertices beside the least Coulomb energy known for as many points in as many
        dimensions; None for a single vertex and for sizes that no table holds.
    directions : ndarray of shape (n_vertices, rank) or None
        The vertices as unit rows in the span of the component; JSON leaves them out.
    """

    _left_out = ("directions",)
    _derived = ("multiplicities", "near_tie")

    features: tuple[int, ...]
    name: str
    rank: int
    norms: Array
    dimensionalities: Array
    leakage: float
    cohesion: float
    log_evidence: float
    tightness: float
    coherence: float
    welch_bound: float
    vertices: tuple[tuple[int, ...], ...]
    match: ShapeMatch | None
    candidates: tuple[ShapeMatch, ...]
    irregular_probability: float
    thomson: OptimaComparison | None = None
    directions: Array | None = None

    @property
    def n_vertices(self) -> int:
        """Number of distinct directions."""
        return len(self.vertices)

    @property
    def multiplicities(self) -> tuple[int, ...]:
        """How many parallel features share each vertex."""
        return tuple(len(vertex) for vertex in self.vertices)

    @property
    def loose(self) -> bool:
        """Whether its directions lie more than 20° from the vertices of the shape that it bears."""
        return self.match is not None and self.match.loose

    @property
    def label(self) -> str:
        """The name as tables show it.

        "(×2)" stands for shared vertices, "(one ray)" for a shared ray, and "(loose 65 %)" for a
        shape that lies more than 20° off and has that share of the squared norm.
        """
        multiple = max(self.multiplicities)
        text = self.name
        if multiple > 1:
            text += " (one ray)" if self.n_vertices == 1 else f" (×{multiple})"
        if self.match is not None and self.loose:
            text += f" (loose {100 * self.match.share:.0f} %)"
        return text

    @property
    def near_tie(self) -> tuple[str, ...]:
        """Names that the evidence hardly tells apart: within a factor of 3 of the best."""
        if not self.candidates or self.n_vertices == 1:
            return ()
        best = self.candidates[0].probability
        close = [m.shape for m in self.candidates if m.probability > best / 3 and best > 0.05]
        return tuple(close) if len(close) > 1 else ()

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ComponentReport:
        """Rebuild a component from :meth:`to_dict`; raises `GeomsupError` if it is none."""
        return restored(cls, data, "the component")

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {counted(len(self.features), 'feature', 'features')} on "
            f"{counted(self.n_vertices, 'vertex', 'vertices')}, "
            f"rank {self.rank}",
            f"  features        {shortened(self.features, 60)}",
            f"  norms           {self.norms.min():.4f} – {self.norms.max():.4f}",
            f"  dimensionality  {self.dimensionalities.min():.4f} – "
            f"{self.dimensionalities.max():.4f}",
            f"  leakage         {100 * self.leakage:.2f} %",
            f"  holds together  at |cosine| {self.cohesion:.4f}, log evidence over independent "
            f"directions {self.log_evidence:.1f}",
            f"  tightness       {self.tightness:.4f}",
            f"  coherence       {self.coherence:.4f}  (Welch bound {self.welch_bound:.4f})",
        ]
        if self.thomson is not None:
            excess = f"energy {100 * self.thomson.excess:+.3f} % above the best known"
            lines.append(
                f"  Thomson         {self.thomson.verdict}, {excess} ({self.thomson.optimum})"
            )
        lines += [f"  candidate       {match}" for match in self.candidates]
        if self.near_tie:
            lines.append(f"  near tie        {', '.join(self.near_tie)}")
        if self.n_vertices > 1:
            lines.append(f"  irregular       probability {self.irregular_probability:.3f}")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(str(self))}</pre>"

    def __repr__(self) -> str:
        return f"<ComponentReport: {self.name}, features {shortened(self.features, 40)}>"


@dataclass(frozen=True, kw_only=True)
class Unstructured(Plain):
    """Represented features that neither stand alone nor belong to any structure.

    Attributes
    ----------
    features : tuple of int
        Indices into the columns of W, ascending.
    rank : int
        Rank of their columns.
    participation_ratio : float
        (tr G)² / ‖G‖_F², the number of dimensions that they use evenly.
    coherence : float
        Largest |cosine| between two of them.
    mean_square_cosine, chance_square_cosine : float
        Mean cos² of two of them, and 1/m, that of independent directions in as many dimensions as
        all features fill.
    mean_direction_share : float
        Squared length of the mean of their directions: 1 when all are one direction.
    """

    features: tuple[int, ...]
    rank: int
    participation_ratio: float
    coherence: float
    mean_square_cosine: float
    chance_square_cosine: float
    mean_direction_share: float

    def __str__(self) -> str:
        return (
            f"{counted(len(self.features), 'feature', 'features')} of rank {self.rank} in no "
            f"structure: mean cos² {self.mean_square_cosine:.3g} (independent directions "
            f"{self.chance_square_cosine:.3g}), largest |cosine| {self.coherence:.3f}, "
            f"participation ratio {self.participation_ratio:.1f}, "
            f"{100 * self.mean_direction_share:.1f} % in their mean direction"
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GeometryReport(ByContent, Shown):
    """The named geometry of a weight matrix.

    Attributes
    ----------
    components : tuple of ComponentReport
        Largest first, ties by their first feature.
    unstructured : Unstructured or None
        The represented features that are in no component; None if all are.
    composite : str or None
        Name of the whole when its orthogonal components make up a classical figure
        (triangle and digon: triangular bipyramid).
    norms, dimensionalities : ndarray of shape (n_features,)
        |W_i| and D_i of every column.
    represented : ndarray of bool of shape (n_features,)
        Which features have a direction of their own.
    n_hidden, n_features, rank : int
        Shape of W, and rank of its represented columns.
    tightness : float
        ΣD_i / rank over the represented features; 1 for an orthogonal sum of tight frames.
    edges : ndarray of shape (n_edges, 2)
        Pairs of features whose |cosine| reaches the interference threshold.
    cosines : ndarray of shape (n_edges,)
        Their cosines.
    norm_threshold, interference_threshold : float
        The thresholds that produced the report.
    norm_reason, interference_reason : str
        Where they come from.
    noise : float or None
        The noise per tangent axis that was given, in radians; None when marginalised over.
    """

    components: tuple[ComponentReport, ...]
    unstructured: Unstructured | None
    composite: str | None
    norms: Array
    dimensionalities: Array
    represented: NDArray[np.bool_]
    n_hidden: int
    n_features: int
    rank: int
    tightness: float
    edges: IntArray
    cosines: Array
    norm_threshold: float
    norm_reason: str
    interference_threshold: float
    interference_reason: str
    noise: float | None

    @cached_property
    def graph(self) -> nx.Graph[int]:
        """The interference graph of the represented features (built when first asked for).

        Nodes carry ``norm`` and ``dimensionality``; edges carry ``cosine`` and
        ``weight`` = (Ŵ_i·W_j)² for i < j.
        """
        nodes = np.flatnonzero(self.represented)
        return build_graph(nodes, self.norms, self.dimensionalities, self.edges, self.cosines)

    def counts(self) -> dict[str, int]:
        """Return how often each name occurs, most frequent first."""
        return dict(Counter(component.name for component in self.components).most_common())

    @property
    def n_dropped(self) -> int:
        """Number of features that are not represented."""
        return self.n_features - int(self.represented.sum())

    def summary(self, *, most: int | None = None) -> str:
        """Return what the features form in one line, such as "2 × digon = square, 1 dropped".

        Reports, timelines, recoveries, mixtures and pictures share this wording; "(loose)" follows
        a name whose vertices are more than 20° from the directions.

        Parameters
        ----------
        most : int, optional
            The most names that are listed; "…" stands for the others.

        Examples
        --------
        >>> from geomsup import classify_geometry
        >>> report = classify_geometry([[1, -1, 0, 0, 0], [0, 0, 1, -1, 0]])
        >>> report.summary()
        '2 × digon = square, 1 dropped'
        """
        found = Counter(part.name + " (loose)" * part.loose for part in self.components)
        names = [f"{count} × {name}" for name, count in found.most_common()]
        if most is not None and len(names) > most:
            names[most:] = ["…"]
        text = ", ".join(names) or "nothing"
        text += f" = {self.composite}" if self.composite else ""
        return f"{text}, {self.n_dropped} dropped" if self.n_dropped else text

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a JSON-ready dictionary."""
        return {**super().to_dict(), "counts": self.counts()}

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the report as JSON text; :meth:`from_json` reads it back."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GeometryReport:
        """Rebuild a report from :meth:`to_dict`; raises `GeomsupError` if it is none."""
        try:
            report = restored(cls, data, "the report")
            check_report(report)
        except GeomsupError as error:
            raise GeomsupError(
                f"this is not a geometry report: {error}; pass what GeometryReport.to_dict() or "
                "to_json() returned"
            ) from error
        return report

    @classmethod
    def from_json(cls, text: str) -> GeometryReport:
        """Rebuild a report from :meth:`to_json`."""
        try:
            data = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise GeomsupError(
                f"this is not JSON ({first_line(error)}); pass the text that to_json() returned"
            ) from error
        return cls.from_dict(data)

    def to_dataframe(self, rows: str = "components") -> Any:
        """Return the report as a pandas DataFrame.

        Parameters
        ----------
        rows : {"components", "features"}, default "components"
            What a row stands for.  Angles are in radians; ``component`` counts from 0 in the
            order of the report, and is empty for a feature in none.

        Raises
        ------
        MissingExtraError
            If pandas is not installed (``pip install 'geomsup[pandas]'``).
        """
        return table_of(self, rows).to_dataframe()

    def to_csv(self, path: str | os.PathLike[str] | None = None, rows: str = "components") -> str:
        """Return the table of :meth:`to_dataframe` as CSV text, and write it to `path` if given.

        Examples
        --------
        >>> from geomsup import classify_geometry
        >>> report = classify_geometry([[1, 0, 0], [0, 2, 0]])
        >>> print(report.to_csv(rows="features").strip())
        feature,norm,dimensionality,represented,component,name
        0,1.0,1.0,True,0,monosemantic
        1,2.0,1.0,True,1,monosemantic
        2,0.0,0.0,False,,
        """
        return table_of(self, rows).to_csv(path)

    def _sizes(self) -> str:
        return (
            f"{int(self.represented.sum())} of {self.n_features} features represented in "
            f"{self.n_hidden} dimensions, rank {self.rank}, tightness {self.tightness:.4f}"
        )

    def __repr__(self) -> str:
        return f"<GeometryReport: {self.summary()}>"

    def __str__(self) -> str:
        lines = [self._sizes()]
        if self.components:
            lines += [f"found: {self.summary()}", "", *aligned_table(HEADER, self._rows())]
        if len(self.components) > _MAX_ROWS:
            left_out = len(self.components) - _MAX_ROWS
            lines.append(f"… and {counted(left_out, 'more component', 'more components')}")
        if self.unstructured is not None:
            lines += ["", f"unstructured: {self.unstructured}"]
        lines += [
            "",
            f"represented: norm > {self.norm_threshold:.4g} ({self.norm_reason})",
            f"components:  |cosine| ≥ {self.interference_threshold:.4f} "
            f"({self.interference_reason})",
        ]
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        # A page outside a notebook has no style for tables of its own.
        cell = 'style="border:1px solid #8888; padding:.2em .6em; text-align:left"'
        head = "".join(f"<th {cell}>{html.escape(text)}</th>" for text in HEADER)
        body = "".join(
            "<tr>" + "".join(f"<td {cell}>{html.escape(text)}</td>" for text in row) + "</tr>"
            for row in self._rows()
        )
        title = html.escape(self._sizes())
        if self.components:
            title += f"<br>found: {html.escape(self.summary())}"
        notes = (
            "" if self.unstructured is None else html.escape(f"unstructured: {self.unstructured}")
        )
        notes += "<br>" if notes else ""
        notes += (
            f"represented: norm &gt; {self.norm_threshold:.4g} ({html.escape(self.norm_reason)})"
            f"<br>components: |cosine| ≥ {self.interference_threshold:.4f} "
            f"({html.escape(self.interference_reason)})"
        )
        return (
            f'<p>{title}</p><table style="border-collapse:collapse"><thead><tr>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table><p><small>{notes}</small></p>"
        )

    def _rows(self) -> list[list[str]]:
        return [row_of(component) for component in self.components[:_MAX_ROWS]]
