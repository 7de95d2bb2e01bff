"""
Would two directions be lower?
==============================

Five features share two dimensions, and training got stuck with four or five directions.  Would it
have been better to keep only two?  The expected loss of each family can be computed exactly, so
there is no need to train anything to find out.
"""

# %%
# Each family is optimised in its norm and its bias at every feature probability p; the features
# that it does not use are dropped.

import matplotlib.pyplot as plt
import numpy as np

from geomsup.theory import phase_boundary, symmetric_optimum

families = {
    "two features kept": "monosemantic + monosemantic",
    "two digons": "digon + digon",
    "triangle": "triangle",
    "pentagon": "pentagon",
}
p = np.linspace(0.02, 0.98, 17)
losses = {
    label: np.array([symmetric_optimum(shape, 5, x).loss for x in p])
    for label, shape in families.items()
}
lowest = [min(losses, key=lambda label: losses[label][k]) for k in range(len(p))]
for x, label in zip(p, lowest, strict=True):
    print(f"p = {x:.2f}  {label}")

# %%
# Two features kept are never the lowest of these four.  As features become more frequent the
# pentagon gives way to two digons, and these to a triangle; the crossings are exact.

boundaries = [
    phase_boundary("pentagon", "digon + digon", n_features=5, between=(0.1, 0.4)),
    phase_boundary("digon + digon", "triangle", n_features=5, between=(0.5, 0.8)),
]
print("boundaries", [round(boundary, 5) for boundary in boundaries])

fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
reference = losses["two features kept"]
for label, values in losses.items():
    ax.plot(p, values / reference, marker="o", markersize=3, label=label)
for boundary in boundaries:
    ax.axvline(boundary, color="0.6", linewidth=0.8, linestyle="--")
    ax.annotate(f"{boundary:.4f}", (boundary, 0.03), rotation=90, ha="right", fontsize=8)
ax.set(
    xlabel="feature probability p",
    ylabel="expected loss / loss of two features kept",
    ylim=(0, 1.25),
)
ax.legend(loc="lower right", frameon=False)
plt.show()
