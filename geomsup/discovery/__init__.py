"""Shapes that nobody has named: what recurs among the irregular components of many models.

Read ``discover`` first.  ``collecting`` finds the components, ``grouping`` says which are copies,
``chance`` how often random tight frames would be, ``representative`` averages copies and looks for
symmetry, ``algebra`` reads cosines as far as their digits go.
"""

from geomsup.discovery.discover import discover
from geomsup.discovery.record import Discovery, FoundShape, Size
from geomsup.discovery.representative import Cosine

__all__ = ["Cosine", "Discovery", "FoundShape", "Size", "discover"]
