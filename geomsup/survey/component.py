"""One structure of a census, as its reader sees it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from geomsup.matching import ShapeMatch
from geomsup.restoring import Plain

__all__ = ["About", "Component", "Kind"]

Kind = Literal["shape", "bundle", "ring", "irregular"]
About = Literal["origin", "centroid"]


@dataclass(frozen=True, kw_only=True, eq=False)
class Component(Plain):
    """Features that form one structure beyond chance.

    Attributes
    ----------
    features : tuple of int
        Ascending.
    name : str
        A shape of the catalogue, "bundle", "ring", "arc" or "irregular".
    kind : {"shape", "bundle", "ring", "irregular"}
    about : {"origin", "centroid"}
        What a shape or a ring is centred on; "origin" for all others.
    log_evidence : float
        For these directions as one structure over those of the background, in nats, before what
        the choice of just these features among all costs.
    gain : float
        What is left of that after the cost of the choice.
    height : float
        Least |cosine| at which they hang together.
    leakage : float
        Share of their interference with features outside, among the pairs that are significant:
        Σcos² over those pairs, over Σcos² of all pairs that start inside, the diagonal included.
    rank : int
        Dimensions that the structure takes up; 1 for a bundle.
    spread : float
        Root mean square angle to the common direction, in radians.
    multiplicities : tuple of int
        How many features share each vertex, where the name is that of fewer vertices: (3, 2) for a
        digon with three features at one end and two at the other.  Otherwise all 1.
    match : ShapeMatch or None
        The shape laid over the features.
    p_value : float or None
        Of a ring about its centroid, against permutations.
    why : str
        What an irregular component has, and why it is no shape.
    """

    features: tuple[int, ...]
    name: str
    kind: Kind
    about: About
    log_evidence: float
    gain: float
    height: float
    leakage: float
    rank: int
    spread: float
    multiplicities: tuple[int, ...]
    match: ShapeMatch | None = None
    p_value: float | None = None
    why: str = ""
