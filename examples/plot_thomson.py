"""
Which learned shapes are Thomson optima?
========================================

Features that repel each other spread over the sphere like electrons, and the shapes of the Thomson
problem turn up in toy models: triangles, tetrahedra, square antiprisms.  How far does that go?
Here are the shapes that toy models learn, each beside the best known arrangement of as many
charges in as many dimensions.
"""

# %%
# The exact optimum of the toy model gives the directions; what is compared are unit vectors.

import matplotlib.pyplot as plt
import numpy as np

from geomsup import get_shape
from geomsup.plotting import plot_comparison, plot_excess_energy
from geomsup.sphere import compare_to_optima
from geomsup.theory import best_configuration, symmetric_optimum

learned = ["digon", "triangle", "pentagon", "tetrahedron", "triangular bipyramid", "octahedron"]
learned += ["pentagonal bipyramid", "cube", "square antiprism"]
rows = []
print(f"{'shape':<22}{'n':>3}{'dim':>5}  {'verdict':<17}{'excess':>10}")
for name in learned:
    W = symmetric_optimum(name, get_shape(name).n_vertices, 0.05).W
    row = compare_to_optima(W.T)
    rows.append(row)
    print(f"{name:<22}{row.n_points:>3}{row.dim:>5}  {row.verdict:<17}{100 * row.excess:>9.5f}%")

plot_excess_energy(rows)
plt.show()

# %%
# All but two are.  The cube is not, and neither is the toy model's square antiprism: it has the
# right name and the wrong elevation.  Eight features in three dimensions show best that four
# questions have four answers: which antiprism is the tight frame, which has the least energy, which
# keeps its points farthest apart, and which has the least loss?

family = get_shape("square antiprism").family
members = {name: family.build(angle) for name, angle in family.landmarks.items()}
loss_optimum = symmetric_optimum("square antiprism", 8, 0.1).W.T
members["least loss at p = 0.1"] = loss_optimum / np.linalg.norm(loss_optimum, axis=1)[:, None]
print(f"{'eight points in R^3':<22}{'energy':>12}{'angle':>9}{'Σcos²':>11}{'overlap':>9}")
for name, points in members.items():
    row = compare_to_optima(points)
    print(
        f"{name:<22}{row.energy:>12.6f}{np.degrees(row.smallest_angle):>8.3f}°"
        f"{row.frame_potential:>11.6f}{row.overlap:>9.5f}"
    )

# %%
# With few features the toy model is indifferent: it pays for positive overlaps only, and up to six
# features fit into three dimensions without any.  So what it learns there need not be a Thomson
# optimum at all.  Five features in three dimensions:

best = best_configuration(5, 3, 0.05, n_starts=40)
for minimum in best.minima[:3]:
    kept = minimum.W[:, minimum.report.represented].T
    row = compare_to_optima(kept)
    print(f"loss {minimum.loss:.8f}  {minimum.name:<28} {row.verdict}, {100 * row.excess:+.3f}%")

# %%
# And a cube beside the Thomson optimum of eight points, turned onto each other as well as they go:

cube = compare_to_optima(get_shape("cube").vertices)
print(cube)
plot_comparison(cube)
plt.show()
