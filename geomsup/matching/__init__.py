"""From directions to a named shape, with evidence.

Read ``match`` first: it is the whole argument.  ``candidates`` says which shapes compete and in
which order, ``alignment`` and ``fitting`` bring one of them to the data, ``evidence`` weighs it
against the ``background``.  Four words, from the least to the most:

align
    Find the rotation (or reflection) and the permutation that bring given vertices closest to
    directions, quickly: orthogonal Procrustes and linear assignment in turn.  An ``Alignment`` has
    them and the residual; it knows nothing of noise.
place
    Align one configuration with more effort, where a missed permutation would be a wrong answer:
    the comparison of learned directions with an optimum.  An ``Alignment`` too.
fit
    Align a shape of the catalogue, its free parameter included, and weigh it: a ``Fit`` has the
    evidence of the shape at each noise, over that of the background.
match
    Fit all shapes that have as many vertices, and "irregular" beside them: a ``MatchResult`` has
    one ``ShapeMatch`` for each that is likely, with its posterior probability.
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
