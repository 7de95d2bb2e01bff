"""A shape, and the one-parameter family that may run through it.

A shape is a set of unit vectors seen from the origin, because that is all a weight matrix can
show: directions with a common foot point.  Faces and edges play no part; everything a match or
a report needs (Gram matrix, dimensionality, coherence) follows from the rows of one array.
"""

from __future__ import annotations

import html
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from functools import cached_property

import numpy as np

from geomsup.errors import GeomsupError
from geomsup.restoring import Plain, read_only
from geomsup.shapes.constructors import FloatArray

__all__ = ["Shape", "ShapeFamily"]

_UNIT_TOLERANCE = 1e-12
# Far below any eigenvalue of VᵀV of a proper shape, far above rounding.
_RANK_TOLERANCE = 1e-9


@dataclass(frozen=True, kw_only=True, eq=False)
class ShapeFamily(Plain):
    """The one-parameter family that runs through a shape.

    Parameters
    ----------
    parameter : str
        What varies, for example ``"elevation"``.
    unit : str
        Unit of the parameter, ``"rad"``.
    bounds : tuple of float
        Interval in which a match looks for the parameter; it keeps clear of degenerate members.
    default : float
        Parameter of the catalogue's own vertices.
    landmarks : mapping of str to float
        Parameter values with a meaning of their own: "tight frame" (ΣD = dim), "Thomson" (least
        Coulomb energy within the family), "equal edge" (the prism or antiprism is uniform),
        "packing" (largest minimal angle), "least Σrelu(cos)²".  Values are computed when first
        asked for; a landmark the family does not have is absent.  Those of a vacant figure's
        family are the whole figure's.
    build : callable
        Parameter to unit rows, ndarray of shape (n_vertices, dim).  The order of the vertices is
        the same for every parameter and the map is smooth, also a little beyond the bounds.
    """

    _left_out = ("build",)

    parameter: str
    unit: str
    bounds: tuple[float, float]
    default: float
    landmarks: Mapping[str, float]
    build: Callable[[float], FloatArray]

    def __post_init__(self) -> None:
        low, high = self.bounds
        if not low < self.default < high:
            raise GeomsupError(
                f"expected low < default < high for the family's {self.parameter}, got "
                f"{low}, {self.default}, {high}; widen the bounds"
            )


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class Shape(Plain):
    """A named set of unit vectors that spans its space.

    Parameters
    ----------
    name : str
        Canonical name.
    vertices : ndarray of shape (n_vertices, dim)
        Unit rows of full column rank; a read-only copy is kept.
    symmetry_order : int
        Number of orthogonal maps of R^dim, reflections included, that permute the vertices.
    synonyms : tuple of str
        Other names under which the catalogue finds the shape.
    source : str
        Where the shape, or its construction, is described.
    factors : tuple of str
        Names of mutually orthogonal factors; empty when the shape is not an orthogonal sum.
    chiral : bool
        Whether the mirror image cannot be rotated onto the shape.
    family : ShapeFamily or None
        The one-parameter family through the shape, if it has one.
    vacant_of : str or None
        Name of the figure that the shape is, but for one missing vertex.
    rare : bool
        Whether the shape is expected far less than others: a vacant one, or one that only a list
        of polyhedra knows.
    forms : mapping of str to ndarray of shape (n_vertices, dim)
        Other arrangements of the same name and the same symmetry, as unit rows: that of regular
        faces, seen from its mean, where the shape's own lies on one sphere.
    notes : str
        What somebody had to say of a shape of their own.

    Raises
    ------
    GeomsupError
        If the vertices are not finite unit rows that span R^dim.

    Examples
    --------
    >>> from geomsup.shapes import get_shape
    >>> shape = get_shape("triangular bipyramid")
    >>> shape.n_vertices, shape.dim, shape.symmetry_order, shape.factors
    (5, 3, 12, ('triangle', 'digon'))
    >>> print(shape.dimensionalities.round(3))
    [0.667 0.667 0.667 0.5   0.5  ]
    """

    _derived = (
        "n_vertices",
        "dim",
        "dimensionality",
        "dimensionalities",
        "coherence",
        "min_angle",
        "is_tight",
    )

    name: str
    vertices: FloatArray
    symmetry_order: int
    synonyms: tuple[str, ...] = ()
    source: str
    factors: tuple[str, ...] = ()
    chiral: bool = False
    family: ShapeFamily | None = None
    vacant_of: str | None = None
    rare: bool = False
    forms: Mapping[str, FloatArray] = field(default_factory=dict)
    notes: str = ""

    def __post_init__(self) -> None:
        vertices = np.array(self.vertices, dtype=np.float64)
        if vertices.ndim != 2 or vertices.size == 0:
            raise GeomsupError(
                f"expected vertices of shape (n_vertices, dim), got {vertices.shape}; "
                "give one row for each vertex"
            )
        squares = np.einsum("ij,ij->i", vertices, vertices)
        # The negated comparison also catches NaN.
        if not np.all(np.abs(squares - 1.0) <= _UNIT_TOLERANCE):
            raise GeomsupError(
                f"expected unit rows in {self.name!r}, got squared lengths from {squares.min():g} "
                f"to {squares.max():g}; divide each row by its length"
            )
        try:
            # Succeeds exactly when every eigenvalue of VᵀV is above the tolerance.
            frame = vertices.T @ vertices
            np.linalg.cholesky(frame - _RANK_TOLERANCE * np.eye(frame.shape[0]))
        except np.linalg.LinAlgError:
            raise GeomsupError(
                f"expected the vertices of {self.name!r} to span R^{vertices.shape[1]}, got a "
                "smaller rank; give coordinates in the span of the vertices"
            ) from None
        object.__setattr__(self, "vertices", read_only(vertices))
        forms = {name: read_only(np.array(f, dtype=np.float64)) for name, f in self.forms.items()}
        object.__setattr__(self, "forms", forms)

    @property
    def n_vertices(self) -> int:
        """Number of vertices."""
        return int(self.vertices.shape[0])

    @property
    def dim(self) -> int:
        """Dimension of the space that the vertices span."""
        return int(self.vertices.shape[1])

    @cached_property
    def gram(self) -> FloatArray:
        """Cosines between vertices, read-only ndarray of shape (n_vertices, n_vertices)."""
        return read_only(self.vertices @ self.vertices.T)

    @cached_property
    def dimensionalities(self) -> FloatArray:
        """D_i = 1 / Σ_j cos²(i, j), read-only ndarray of shape (n_vertices,) (Elhage 2022)."""
        # (G²)_ii = v_i (VᵀV) v_i needs no n×n matrix.
        frame = self.vertices.T @ self.vertices
        sums = np.einsum("ij,jk,ik->i", self.vertices, frame, self.vertices)
        return read_only(np.asarray(1.0 / sums))

    @property
    def dimensionality(self) -> float:
        """Mean of the vertices' dimensionalities D_i."""
        return float(self.dimensionalities.mean())

    @cached_property
    def coherence(self) -> float:
        """Largest |cos| between two different vertices; 0 for a single vertex."""
        cosines = self._pair_cosines()
        return float(np.abs(cosines).max()) if cosines.size else 0.0

    @cached_property
    def min_angle(self) -> float:
        """Smallest angle between two vertices in rad; π, the widest there is, for one vertex."""
        cosines = self._pair_cosines()
        return math.acos(max(-1.0, float(cosines.max()))) if cosines.size else math.pi

    @cached_property
    def is_tight(self) -> bool:
        """Whether the vertices form a tight frame, VᵀV = (n_vertices / dim) · 1."""
        frame = self.vertices.T @ self.vertices
        target = self.n_vertices / self.dim * np.eye(self.dim)
        return bool(np.abs(frame - target).max() <= 1e-9)

    def _pair_cosines(self) -> FloatArray:
        return np.asarray(self.gram[np.triu_indices(self.n_vertices, k=1)])

    def in_each_form(self) -> tuple[Shape, ...]:
        """The shape itself, and a rare one of the same name for each of its other forms."""
        others = (
            replace(self, vertices=rows, family=None, vacant_of=None, forms={}, rare=True)
            for rows in self.forms.values()
        )
        return (self, *others)

    def _card(self) -> list[tuple[str, str]]:
        rows = [
            ("vertices", f"{self.n_vertices} in R^{self.dim}"),
            ("dimensionality", _levels(self.dimensionalities)),
            ("coherence", f"{self.coherence:.4f}"),
            ("smallest angle", f"{math.degrees(self.min_angle):.2f}°"),
            ("tight frame", "yes" if self.is_tight else "no"),
            ("symmetry order", _order_text(self.symmetry_order)),
        ]
        if self.chiral:
            rows.append(("chiral", "yes, left and right form"))
        if self.factors:
            rows.append(("factors", " ⊕ ".join(self.factors)))
        if self.family is not None:
            low, high = self.family.bounds
            unit = self.family.unit
            rows.append(
                (
                    self.family.parameter,
                    f"{self.family.default:.4f} {unit}, free within [{low:g}, {high:g}]",
                )
            )
            rows += [
                (f"  {name}", f"{value:.4f} {unit}")
                for name, value in self.family.landmarks.items()
            ]
        if self.forms:
            rows.append(("other forms", ", ".join(self.forms)))
        if self.synonyms:
            rows.append(("also called", ", ".join(self.synonyms)))
        rows.append(("source", self.source))
        if self.notes:
            rows.append(("notes", self.notes))
        return rows

    def __str__(self) -> str:
        rows = self._card()
        width = max(len(label) for label, _ in rows)
        return "\n".join([self.name, *(f"  {label:<{width}}  {text}" for label, text in rows)])

    def __repr__(self) -> str:
        return f"Shape({self.name!r}, n_vertices={self.n_vertices}, dim={self.dim})"

    def _repr_html_(self) -> str:
        rows = "".join(
            f"<tr><th style='text-align:left'>{html.escape(label)}</th>"
            f"<td style='text-align:left'>{html.escape(text)}</td></tr>"
            for label, text in self._card()
        )
        return f"<table><caption>{html.escape(self.name)}</caption>{rows}</table>"


def _levels(values: FloatArray) -> str:
    levels, counts = np.unique(values.round(9), return_counts=True)
    shown = []
    for level, count in zip(levels[::-1], counts[::-1], strict=True):
        exact = float(values[np.argmin(np.abs(values - level))])
        fraction = Fraction(exact).limit_denominator(1000)
        # Shape arithmetic is good to about 1e-15, so a fraction within 1e-12 is the value meant.
        text = f"{exact:.4f}" if abs(float(fraction) - exact) > 1e-12 else str(fraction)
        shown.append(text if len(levels) == 1 else f"{text} (×{count})")
    return ", ".join(shown)


def _order_text(order: int) -> str:
    return str(order) if order < 10**12 else f"about 10^{math.log10(order):.1f}"
