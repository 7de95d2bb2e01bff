"""
Features that split
===================

"Towards Monosemanticity" trained dictionaries of several sizes on the same activations and saw
that a feature of a small one becomes several similar features in a larger.  Is that a fact about
the model, or about dictionaries?  Here the truth is planted, once with clusters and once
without, so that one can tell.
"""

# %%
# 32 directions in 24 dimensions: eight clusters of two pairs of two.  Features of a pair have a
# cosine of about .75, those of a cluster about .5.

import dataclasses

import matplotlib.pyplot as plt
import numpy as np

from geomsup.dictionary import planted_clusters
from geomsup.experiments import Trainer, get_experiment
from geomsup.plotting import plot_cosines, plot_splitting_tree

truth = planted_clusters((8, 2, 2), n_hidden=24, shares=(0.5, 0.25, 0.25), seed=0)
plot_cosines(truth.W)

# %%
# Autoencoders with 8, 16 and 32 latents, some restarts of each, of which the one with the lowest
# loss is kept.  Each latent is traced to the nearest one in the next smaller dictionary.

experiment = get_experiment("sae-splitting")
small = dataclasses.replace(experiment.smoke, size_ratios=(1, 2, 4), n_restarts_small=6)
result = experiment.run(small, 0, Trainer())
tree = result.clustered.tree
print(tree)

# %%
# A latent with two children has not split for that alone: where there is no room, one latent
# stands for two unrelated features, and a larger dictionary replaces it by both.  It counts as
# split only when its children differ from each other (cosine below .9) and are more alike than
# random directions are, once in a hundred cases.  The dark rims show which latents split.

plot_splitting_tree(tree)

# %%
# Without clusters some may split as well: a dictionary without room for all features has reason to
# merge those that happen to be alike.  How many would is known, from random directions of which
# the most similar are merged.

plain = result.unclustered.tree
for name, one in (("clusters", tree), ("no clusters", plain)):
    for level in range(2):
        number, by_chance = one.split(level).sum(), one.by_chance(level, n_draws=200)
        print(
            f"{name}, {one.sizes[level]} latents: {number} split; by chance {by_chance.mean():.1f} "
            f"would, and {np.quantile(by_chance, 0.99):.0f} or more once in a hundred times"
        )
for claim in experiment.check([result]).claims:
    print("holds:" if claim.holds else "does not hold:", claim.says, "–", claim.found)

# %%
# Both trees side by side, and the shares.  ``geomsup reproduce sae-splitting`` goes on to four
# latents for each feature: what is added there are copies, rare combinations and dead latents.

get_experiment("sae-splitting").draw([result])
plt.show()
