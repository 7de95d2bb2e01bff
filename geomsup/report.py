"""What ``classify_geometry`` found, as plain data that prints itself.

Reports only hold and show results; nothing is computed here beyond sums.  Every number needed to
doubt a name stands beside it: probability, residual, runner-up, leakage, and the cut that
separated the components.
"""

from __future__ import annotations

import html
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import networkx as nx
import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.interference import build_graph
from geomsup.matching import ShapeMatch
from geomsup.sphere.compare import OptimaComparison

__all__ = ["ComponentReport", "GeometryReport", "Unstructured"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# A printed table stops here; the rest is counted, and `report.components` has them all.
_MAX_ROWS = 40


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class ComponentReport:
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
    def label(self) -> str:
        """The name as tables show it.

        "(×2)" stands for shared vertices, "(one ray)" for a shared ray, and "(loose 65 %)" for a
        shape that lies more than 20° off and has that share of the squared norm.
        """
        multiple = max(self.multiplicities)
        text = self.name
        if multiple > 1:
            text += " (one ray)" if self.n_vertices == 1 else f" (×{multiple})"
        if self.match is not None and self.match.loose:
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

    def to_dict(self) -> dict[str, Any]:
        """Return the component as a JSON-ready dictionary."""
        return {
            "features": list(self.features),
            "name": self.name,
            "rank": self.rank,
            "norms": self.norms.tolist(),
            "dimensionalities": self.dimensionalities.tolist(),
            "leakage": self.leakage,
            "cohesion": self.cohesion,
            "log_evidence": self.log_evidence,
            "tightness": self.tightness,
            "coherence": self.coherence,
            "welch_bound": self.welch_bound,
            "vertices": [list(vertex) for vertex in self.vertices],
            "multiplicities": list(self.multiplicities),
            "match": None if self.match is None else self.match.to_dict(),
            "candidates": [match.to_dict() for match in self.candidates],
            "irregular_probability": self.irregular_probability,
            "near_tie": list(self.near_tie),
            "thomson": None if self.thomson is None else self.thomson.to_dict(),
        }

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> ComponentReport:
        """Rebuild a component from :meth:`to_dict`."""
        match, thomson = data["match"], data.get("thomson")
        return cls(
            features=tuple(data["features"]),
            name=data["name"],
            rank=data["rank"],
            norms=_frozen(data["norms"]),
            dimensionalities=_frozen(data["dimensionalities"]),
            leakage=data["leakage"],
            cohesion=data["cohesion"],
            log_evidence=data["log_evidence"],
            tightness=data["tightness"],
            coherence=data["coherence"],
            welch_bound=data["welch_bound"],
            vertices=tuple(tuple(vertex) for vertex in data["vertices"]),
            match=None if match is None else ShapeMatch.from_dict(match),
            candidates=tuple(ShapeMatch.from_dict(item) for item in data["candidates"]),
            irregular_probability=data["irregular_probability"],
            thomson=None if thomson is None else OptimaComparison.from_dict(thomson),
        )

    def __str__(self) -> str:
        lines = [
            f"{self.name}: {_counted(len(self.features), 'feature', 'features')} on "
            f"{_counted(self.n_vertices, 'vertex', 'vertices')}, "
            f"rank {self.rank}",
            f"  features        {_shortened(self.features, 60)}",
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
        return f"<ComponentReport: {self.name}, features {_shortened(self.features, 40)}>"


@dataclass(frozen=True, kw_only=True)
class Unstructured:
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

    def to_dict(self) -> dict[str, Any]:
        """Return the fields as a JSON-ready dictionary."""
        return {**self.__dict__, "features": list(self.features)}

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> Unstructured:
        """Rebuild it from :meth:`to_dict`."""
        return cls(**{**data, "features": tuple(data["features"])})

    def __str__(self) -> str:
        return (
            f"{_counted(len(self.features), 'feature', 'features')} of rank {self.rank} in no "
            f"structure: mean cos² {self.mean_square_cosine:.3g} (independent directions "
            f"{self.chance_square_cosine:.3g}), largest |cosine| {self.coherence:.3f}, "
            f"participation ratio {self.participation_ratio:.1f}, "
            f"{100 * self.mean_direction_share:.1f} % in their mean direction"
        )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class GeometryReport:
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

    def to_dict(self) -> dict[str, Any]:
        """Return the report as a JSON-ready dictionary."""
        result: dict[str, Any] = {}
        for item in fields(self):
            value = getattr(self, item.name)
            result[item.name] = value.tolist() if isinstance(value, np.ndarray) else value
        result["components"] = [component.to_dict() for component in self.components]
        result["unstructured"] = None if self.unstructured is None else self.unstructured.to_dict()
        result["counts"] = self.counts()
        return result

    def to_json(self, *, indent: int | None = None) -> str:
        """Return the report as JSON text; :meth:`from_json` reads it back."""
        return json.dumps(self.to_dict(), indent=indent, ensure_ascii=False, allow_nan=False)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> GeometryReport:
        """Rebuild a report from :meth:`to_dict`."""
        try:
            values = {item.name: data[item.name] for item in fields(cls)}
            values["components"] = tuple(
                ComponentReport.from_dict(item) for item in values["components"]
            )
            if values["unstructured"] is not None:
                values["unstructured"] = Unstructured.from_dict(values["unstructured"])
            for name in ("norms", "dimensionalities", "cosines"):
                values[name] = _frozen(values[name])
            values["represented"] = np.array(values["represented"], dtype=bool)
            values["edges"] = np.array(values["edges"], dtype=np.intp).reshape(-1, 2)
        except (KeyError, TypeError, ValueError) as error:
            raise GeomsupError(
                f"this is not a geometry report ({type(error).__name__}: {error}); "
                "pass what GeometryReport.to_dict() or to_json() returned"
            ) from error
        values["represented"].setflags(write=False)
        values["edges"].setflags(write=False)
        return cls(**values)

    @classmethod
    def from_json(cls, text: str) -> GeometryReport:
        """Rebuild a report from :meth:`to_json`."""
        try:
            data = json.loads(text)
        except (TypeError, ValueError, RecursionError) as error:
            raise GeomsupError(
                f"this is not JSON ({error}); pass the text that to_json() returned"
            ) from error
        return cls.from_dict(data)

    def _summary(self) -> str:
        return (
            f"{int(self.represented.sum())} of {self.n_features} features represented in "
            f"{self.n_hidden} dimensions, rank {self.rank}, tightness {self.tightness:.4f}"
        )

    def _found(self) -> str:
        found = ", ".join(f"{count} × {name}" for name, count in self.counts().items())
        return found + (f" = {self.composite}" if self.composite else "")

    def __repr__(self) -> str:
        return f"<GeometryReport: {self._found() or 'no represented features'}>"

    def __str__(self) -> str:
        lines = [self._summary()]
        if self.components:
            lines += [f"found: {self._found()}", "", *_table(_HEADER, self._rows())]
        if len(self.components) > _MAX_ROWS:
            left_out = len(self.components) - _MAX_ROWS
            lines.append(f"… and {_counted(left_out, 'more component', 'more components')}")
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
        head = "".join(f"<th>{html.escape(text)}</th>" for text in _HEADER)
        body = "".join(
            "<tr>" + "".join(f"<td>{html.escape(text)}</td>" for text in row) + "</tr>"
            for row in self._rows()
        )
        title = html.escape(self._summary())
        if self.components:
            title += f"<br>found: {html.escape(self._found())}"
        notes = (
            f"represented: norm &gt; {self.norm_threshold:.4g} ({html.escape(self.norm_reason)})"
            f"<br>components: |cosine| ≥ {self.interference_threshold:.4f} "
            f"({html.escape(self.interference_reason)})"
        )
        return (
            f"<p>{title}</p><table><thead><tr>{head}</tr></thead>"
            f"<tbody>{body}</tbody></table><p><small>{notes}</small></p>"
        )

    def _rows(self) -> list[list[str]]:
        return [_row(component) for component in self.components[:_MAX_ROWS]]


_HEADER = [
    "name",
    "n",
    "rank",
    "P",
    "rms angle",
    "D",
    "norm",
    "leak",
    "Thomson",
    "runner-up",
    "features",
]


def _row(component: ComponentReport) -> list[str]:
    match = component.match
    others = [m for m in component.candidates if match is None or m.shape != match.shape]
    runner_up = f"{others[0].shape} {others[0].probability:.2f}" if others else "–"
    irregular = component.irregular_probability
    if (
        match is not None
        and component.n_vertices > 1
        and (not others or irregular > others[0].probability)
    ):
        runner_up = f"irregular {irregular:.2f}"
    probability = irregular if match is None else match.probability
    angle = "–" if match is None else f"{np.degrees(match.rms_angle):.2f}°"
    return [
        component.label,
        str(len(component.features)),
        str(component.rank),
        "–" if component.n_vertices == 1 else f"{probability:.3f}",
        "–" if component.n_vertices == 1 else angle,
        _spread(component.dimensionalities),
        _spread(component.norms),
        f"{100 * component.leakage:.1f}%",
        _above(component.thomson),
        runner_up if component.n_vertices > 1 else "–",
        _shortened(component.features, 24),
    ]


def _above(thomson: OptimaComparison | None) -> str:
    """Energy above the best known, in per cent."""
    if thomson is None:
        return "–"
    return "optimum" if thomson.verdict == "optimum" else f"{100 * thomson.excess:+.2f}%"


def _counted(n: int, one: str, many: str) -> str:
    return f"{n} {one if n == 1 else many}"


def _spread(values: Array) -> str:
    low, high = f"{values.min():.3f}", f"{values.max():.3f}"
    return low if low == high else f"{low}–{high}"


def _shortened(features: tuple[int, ...], width: int) -> str:
    text = " ".join(str(i) for i in features)
    if len(text) <= width:
        return text
    kept = text[: width - 2].rsplit(" ", 1)[0]
    return f"{kept} …"


def _table(header: list[str], rows: list[list[str]]) -> list[str]:
    """Lay out columns: numbers flush right, the first and the last column flush left."""
    widths = [max(len(row[k]) for row in [header, *rows]) for k in range(len(header))]
    flush_left = {0, len(header) - 2, len(header) - 1}

    def line(row: list[str]) -> str:
        cells = [
            text.ljust(width) if k in flush_left else text.rjust(width)
            for k, (text, width) in enumerate(zip(row, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return [line(header), "  ".join("─" * width for width in widths), *map(line, rows)]


def _frozen(values: object) -> Array:
    array = np.array(values, dtype=np.float64)
    array.setflags(write=False)
    return array
