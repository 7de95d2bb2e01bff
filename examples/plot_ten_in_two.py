"""
Ten features in two dimensions: digons, then polygons
=====================================================

Two dimensions and ten features that matter alike.  How many are kept, and as what, when features
become rarer, from always present to one time in a thousand?
"""

# %%
# Several models are trained at each probability.  Beside them stand the exact losses of families of
# equal features, each at its best norm and bias, the features that it does not use dropped.

from dataclasses import replace

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment

experiment = get_experiment("ten-in-two")
config = replace(experiment.smoke, n_points=5, rarest=0.01, n_models=4, n_steps=1500)
result = experiment.run(config, 0, Trainer())
print(f"ten-in-two: {experiment.check([result])}")

# %%
# Digons and polygons come in the order that one expects, and the change from one to the other lies
# where the exact losses cross.  The first phase is missing: two orthogonal features are the best
# nowhere.  At p = 1 they cost as much as any other projection to two dimensions, a little more than
# what clipping can gain; and for rarer features two digons always cost less.  A finer grid than
# this one has a polygon before the digons, too: a triangle is the best above p = .644.

print("p where a family gives way to the next, exactly:", result.boundaries.round(4))
get_experiment("ten-in-two").draw([result])

# %%
# Dotted lines are the exact boundaries.  D* is the number of dimensions for each feature,
# m / ‖W‖²; it changes in steps, because a polygon has a whole number of corners.
plt.show()
