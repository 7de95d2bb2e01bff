"""
The periodic table of superposition
===================================

How do n features fit into m dimensions when each is there with probability p?  The atlas holds the
best configuration that is known, for up to 12 features in up to 4 dimensions and for every p.
"""

# %%
# Dimensions go down, features to the right.  Each cell is a strip along the logarithm of p, rare
# features at its left end and ever-present ones at its right; its colours and letters are shapes.

import matplotlib.pyplot as plt
import numpy as np

from geomsup.plotting import plot_atlas
from geomsup.sphere import compare_to_optima
from geomsup.theory import atlas_cell, atlas_cells, best_known

cells = atlas_cells()
entries = [entry for cell in cells for entry in cell.entries]
print(f"{len(cells)} sizes of model, {len(entries)} phases")
kinds = [entry.ends for entry in entries]
for kind in ("first order", "continuous"):
    print(f"{kinds.count(kind)} boundaries are {kind}")

plot_atlas(cells)
plt.show()

# %%
# One size by itself: eight features in three dimensions.

print(atlas_cell(8, 3))
print(best_known(8, 3, 0.1))

# %%
# Almost every boundary is of first order: the best configuration does not change into the next one,
# it is overtaken.  Where three-fold shapes give way this must be so, because turning a small
# distortion round is not the same distortion; and it is so where a feature is dropped, which the
# others notice at once.
#
# Which Thomson optima appear?
# ----------------------------
#
# The rarer features are, the more they are at odds.  Are their directions, as p goes to zero, those
# of as many charges on the sphere?

verdicts: dict[str, list[str]] = {}
for cell in cells:
    entry = cell.entries[0]
    size = f"{cell.n_features} in {cell.n_hidden}"
    if entry.n_dropped:
        verdicts.setdefault("does not keep all features", []).append(size)
    elif cell.n_hidden > 1:
        row = compare_to_optima(entry.W[0].T)
        excess = f"{100 * row.excess:>9.4f} % above {row.optimum}"
        print(f"{size:>7}: {row.verdict:<17}{excess}: {entry.name}")
        verdicts.setdefault(row.verdict, []).append(size)
for verdict, sizes in verdicts.items():
    print(f"{verdict}: {', '.join(sizes)}")

# %%
# And at any p?  Features that are dropped have no direction, so a size may hold the optima of fewer
# charges.  A tilde stands for the shape alone, with other angles.

for cell in cells:
    if cell.n_hidden > 1:
        held = ", ".join(cell.thomson) or "none"
        print(f"{cell.n_features} in {cell.n_hidden} holds the optima of {held} charges")

# %%
# Square, pentagon, hexagon, heptagon, octahedron, icosahedron and 16-cell appear.  The octagon
# never does: to drop one of eight features in two dimensions is cheaper than to give it a place,
# however rare they are.
# With fewer features than two for each dimension nothing is at stake: digons and single features
# do not disturb each other, so charges that would spread evenly do not.  Seven features in three
# dimensions are a capped octahedron, not the pentagonal bipyramid; eight are a square antiprism,
# at another height than that of eight charges, and nine a tricapped triangular prism, in the same
# way.  Ten are a sphenocorona, but for the rarest, and eleven an icosahedron without a corner;
# charges take neither.  In four dimensions ten features are a rectified 5-cell, the middles of the
# edges of a simplex, below p = .175, and two pentagons, as charges are, above it; twelve are shaped
# as charges are from p = .026 to .195, at other angles.
#
# Where digons rule
# -----------------
#
# The share of each strip, p from .001 to 1, in which the best known is made of digons alone, with
# or without features that are dropped or share a direction.


def decades(entry):
    """Decades of p that a phase spans, above .001."""
    return np.log10(max(entry.high, 1e-3)) - np.log10(max(entry.low, 1e-3))


def is_digons(entry):
    """Whether all its components are digons."""
    parts = entry.name.split(", ")[0].split(" + ")
    return {part.split(" (")[0] for part in parts} == {"digon"}


for m in (1, 2, 3, 4):
    shares = {
        cell.n_features: sum(decades(entry) for entry in cell.entries if is_digons(entry)) / 3
        for cell in cells
        if cell.n_hidden == m
    }
    print(f"digons in {m}:", ", ".join(f"{n}: {share:.0%}" for n, share in shares.items()))

# %%
# In one dimension there is nothing else.  In two and three, digons rule from p = .2249 to .64 or
# so, whatever the number of features: what does not fit is dropped.
#
# Does a shape return?
# --------------------
#
# As p grows, a phase may give way to another and come back, with the same name and symmetry and as
# many features dropped.

for cell in cells:
    kinds = [(entry.name, entry.symmetry, entry.n_dropped) for entry in cell.entries]
    for kind in dict.fromkeys(kinds):
        at = [k for k, other in enumerate(kinds) if other == kind]
        if at[-1] - at[0] >= len(at) and "irregular" not in kind[0]:
            spans = " and ".join(
                f"{cell.entries[k].low:.4g} to {cell.entries[k].high:.4g}" for k in at
            )
            print(f"{cell.n_features} in {cell.n_hidden}: {kind[0]} at p = {spans}")

# %%
# None does.  Seven in four dimensions come close: they begin as three digons and a feature by
# itself, all orthogonal, and at p = .64 six equal features are three pairs again.  But those are an
# octahedron, flattened along the axis on which the seventh feature stands, and no orthogonal sum.
