"""From directions to a named shape, with evidence.

Read ``match`` first: it is the whole argument.  ``candidates`` says which shapes compete and in
which order, ``fitting`` and ``alignment`` lay one of them over the data, ``evidence`` weighs it
against the ``background``.
"""

from geomsup.matching.alignment import Cloud
from geomsup.matching.background import Background, background_of
from geomsup.matching.match import (
    MatchResult,
    ShapeMatch,
    match_cloud,
    match_directions,
    match_shape,
)
from geomsup.matching.posterior import Question, structure_log_evidence

__all__ = [
    "Background",
    "Cloud",
    "MatchResult",
    "Question",
    "ShapeMatch",
    "background_of",
    "match_cloud",
    "match_directions",
    "match_shape",
    "structure_log_evidence",
]
