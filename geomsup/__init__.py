"""geomsup names the shapes that a network's features form in superposition.

Weights go in, named geometry with evidence comes out:

>>> import numpy as np
>>> from geomsup import classify_geometry
>>> W = [[1, -1, 0, 0], [0, 0, 1, -1]]          # (n_hidden, n_features)
>>> report = classify_geometry(W)
>>> report.counts(), report.composite
({'digon': 2}, 'square')

Public names are loaded when they are first used, so that ``geomsup --help`` answers at once.
"""

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from geomsup.claims.record import Claim
    from geomsup.claims.weigh import weigh_claim
    from geomsup.comparison.compare import compare_dictionaries
    from geomsup.comparison.record import DictionaryComparison
    from geomsup.discovery.discover import discover
    from geomsup.errors import GeomsupError, GeomsupWarning
    from geomsup.geometry.classify import classify_geometry
    from geomsup.geometry.gram import (
        feature_dimensionality,
        gram_matrix,
        gram_summary,
        interference_matrix,
        leverage_scores,
    )
    from geomsup.geometry.interference import interference_graph
    from geomsup.geometry.report import ComponentReport, GeometryReport
    from geomsup.matching import ShapeMatch, match_shape
    from geomsup.shapes import Shape, get_shape, list_shapes
    from geomsup.survey.census import census
    from geomsup.survey.record import Census
    from geomsup.sweeps import sweep
    from geomsup.weights.opened import open_weights

__all__ = [
    "Census",
    "Claim",
    "ComponentReport",
    "DictionaryComparison",
    "GeometryReport",
    "GeomsupError",
    "GeomsupWarning",
    "Shape",
    "ShapeMatch",
    "__version__",
    "census",
    "classify_geometry",
    "compare_dictionaries",
    "discover",
    "feature_dimensionality",
    "get_shape",
    "gram_matrix",
    "gram_summary",
    "interference_graph",
    "interference_matrix",
    "leverage_scores",
    "list_shapes",
    "match_shape",
    "open_weights",
    "sweep",
    "weigh_claim",
]

__version__ = "0.1.0"

_HOMES = {
    "claims.record": ["Claim"],
    "claims.weigh": ["weigh_claim"],
    "comparison.compare": ["compare_dictionaries"],
    "comparison.record": ["DictionaryComparison"],
    "geometry.classify": ["classify_geometry"],
    "discovery.discover": ["discover"],
    "errors": ["GeomsupError", "GeomsupWarning"],
    "geometry.gram": [
        "feature_dimensionality",
        "gram_matrix",
        "gram_summary",
        "interference_matrix",
        "leverage_scores",
    ],
    "geometry.interference": ["interference_graph"],
    "matching": ["ShapeMatch", "match_shape"],
    "weights.opened": ["open_weights"],
    "geometry.report": ["ComponentReport", "GeometryReport"],
    "shapes": ["Shape", "get_shape", "list_shapes"],
    "survey.census": ["census"],
    "survey.record": ["Census"],
    "sweeps": ["sweep"],
}
_HOME_OF = {name: home for home, names in _HOMES.items() for name in names}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'geomsup' has no attribute {name!r}")
    value = getattr(import_module(f"geomsup.{_HOME_OF[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
