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
# Which Thomson optima appear?
# ----------------------------
#
# A phase that keeps all its features spreads them over the sphere.  Where are its directions those
# of the least Coulomb energy, exactly or nearly?  What is compared is the phase where its features
# are rarest: there they are most at odds.

verdicts: dict[str, list[str]] = {}
for cell in cells:
    entry = cell.entries[0]
    if entry.n_dropped or cell.n_hidden == 1:
        continue
    row = compare_to_optima(entry.W[0].T)
    print(
        f"{cell.n_features:>3} in {cell.n_hidden}: {entry.name:<40}{row.verdict:<18}"
        f"{100 * row.excess:>9.4f} % above {row.optimum}"
    )
    verdicts.setdefault(row.verdict, []).append(f"{cell.n_features} in {cell.n_hidden}")
for verdict, sizes in verdicts.items():
    print(f"{verdict}: {', '.join(sizes)}")

# %%
# Where digons rule
# -----------------
#
# The share of each strip, p from .001 to 1, in which the best known is made of digons alone, with
# or without features that are dropped or share a direction.


def width(entry):
    """Decades of p that a phase spans, above .001."""
    return np.log10(max(entry.high, 1e-3)) - np.log10(max(entry.low, 1e-3))


def parts(entry):
    """Names of its components, without what is dropped or shared."""
    return [part.split(" (")[0] for part in entry.name.split(", ")[0].split(" + ")]


for m in (1, 2, 3, 4):
    shares = []
    for cell in cells:
        if cell.n_hidden == m:
            digons = [entry for entry in cell.entries if set(parts(entry)) == {"digon"}]
            shares.append(f"{cell.n_features}: {sum(map(width, digons)) / 3:.0%}")
    print(f"{m} dimensions:", ", ".join(shares))

# %%
# Does a shape return?
# --------------------
#
# As p grows a phase may give way to another and come back, by its name.

for cell in cells:
    names = [entry.name for entry in cell.entries]
    for name in dict.fromkeys(names):
        at = [k for k, other in enumerate(names) if other == name]
        if at[-1] - at[0] >= len(at) and "irregular" not in name:
            spans = ", ".join(
                f"{cell.entries[k].low:.4g} to {cell.entries[k].high:.4g}" for k in at
            )
            print(f"{cell.n_features} in {cell.n_hidden}: {name} at p = {spans}")
