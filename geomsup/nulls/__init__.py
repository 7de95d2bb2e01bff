"""What chance gives: cosines of directions without structure, and the rate of false discoveries.

>>> from geomsup.nulls import IsotropicNull
>>> null = IsotropicNull(64)
"""

from __future__ import annotations

from geomsup.nulls.gaussian import IsotropicNull, MatchedNull, benjamini_hochberg

__all__ = ["IsotropicNull", "MatchedNull", "benjamini_hochberg"]
