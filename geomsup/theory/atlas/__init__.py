"""The atlas of optima: the best configuration known for up to 12 features in up to 4 dimensions.

For independent features of equal importance, at every feature probability.

>>> from geomsup.theory import atlas_cell, best_known
>>> print(atlas_cell(5, 2).at(0.1))
<5 features in 2 dimensions, 0 < p < 0.224875: pentagon>
>>> best_known(6, 2, 0.2).name
'pentagon, 1 dropped'
"""

from geomsup.theory.atlas.known import KnownOptimum, best_known
from geomsup.theory.atlas.table import Atlas, AtlasCell, AtlasEntry, atlas_cell, atlas_cells

__all__ = [
    "Atlas",
    "AtlasCell",
    "AtlasEntry",
    "KnownOptimum",
    "atlas_cell",
    "atlas_cells",
    "best_known",
]
