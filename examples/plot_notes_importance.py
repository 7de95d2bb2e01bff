"""
Who keeps a dimension when importance falls
===========================================

Twenty features, ten dimensions, and each feature matters .7 times as much as the one before.  The
first ones should keep a dimension to themselves, the last ones be dropped; what about those in
between?
"""

# %%
# Models are trained at several feature probabilities.  An exact bar stands beside them: the best
# way to give each dimension to one feature or to an antipodal pair, found by integer programming
# over the exact losses of all pairs.

from dataclasses import replace

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment

experiment = get_experiment("notes-importance")
config = replace(experiment.smoke, feature_probabilities=(1.0, 0.3, 0.1), n_models=3, n_steps=1500)
result = experiment.run(config, 0, Trainer())
print(f"notes-importance: {experiment.check([result])}")

# %%
# In WᵀW a feature alone is a red square on the diagonal, an antipodal pair two more in blue.  Below
# are the dimensionalities: one for a feature alone, about one half for each of a pair (joined by an
# arc), zero for a dropped one.  The rarer the features, the more of them are paired.

get_experiment("notes-importance").draw([result])

# %%
# The best matching pairs the most important of the shared features with the least important; a
# trained model pairs whom it meets first, and pays a few per cent for it.
for p, ours, best in zip(
    result.feature_probabilities, result.pairs, result.matching_pairs, strict=True
):
    print(f"p = {p:g}: trained {sorted(ours)}, best matching {sorted(best)}")
plt.show()
