"""The shapes that features can form, by name and by size.

>>> from geomsup.shapes import get_shape, list_shapes
>>> shape = get_shape("square antiprism")
>>> shape.n_vertices, shape.dim, round(shape.dimensionality, 6), shape.symmetry_order
(8, 3, 0.375, 16)
>>> [shape.name for shape in list_shapes(n_vertices=12, dim=3)][:3]
['anticuboctahedron', 'cuboctahedron', 'hexagonal antiprism']
>>> get_shape("pentagon ⊕ digon").name
'pentagonal bipyramid'
>>> get_shape("vacant icosahedron").vacant_of          # eleven vertices of twelve
'icosahedron'

A shape of one's own takes part where it is asked for, ``classify_geometry(W, shapes=[fan])``:

>>> from geomsup.shapes import own_shape
>>> fan = own_shape("fan", [[1, 0], [3, 4], [3, -4]], source="seen in layer 3")
"""

from geomsup.shapes.catalogue import composite_name, get_shape, list_shapes
from geomsup.shapes.own import add_to_catalogue, load_catalogue, own_shape, save_catalogue
from geomsup.shapes.polytopes import Shape, ShapeFamily

__all__ = [
    "Shape",
    "ShapeFamily",
    "add_to_catalogue",
    "composite_name",
    "get_shape",
    "list_shapes",
    "load_catalogue",
    "own_shape",
    "save_catalogue",
]
