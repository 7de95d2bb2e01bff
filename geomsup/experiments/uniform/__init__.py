"""Features that are all alike: triangles, pentagons, and the sticky dimensionalities."""
