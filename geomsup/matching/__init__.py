"""From directions to a named shape, with evidence.

Read ``match`` first: it is the whole argument.  ``candidates`` says which shapes compete and in
which order, ``fitting`` and ``alignment`` lay one of them over the data, ``evidence`` weighs it.
"""

from geomsup.matching.match import (
    MatchResult,
    ShapeMatch,
    match_directions,
    match_log_evidence,
    match_shape,
)

__all__ = [
    "MatchResult",
    "ShapeMatch",
    "match_directions",
    "match_log_evidence",
    "match_shape",
]
