"""
Dimensions per feature, and the levels they stick to
====================================================

Four hundred features in thirty dimensions, all of equal importance.  As they get sparser the model
stores more of them, but not smoothly: the dimensions per feature, D* = m/‖W‖², linger at 1 and at
1/2, and single features take the dimensionalities of the shapes they stand in.
"""

# %%
# Here a smaller model, with few sparsities: sixty features in six dimensions.

from dataclasses import replace

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment

experiment = get_experiment("uniform")
config = replace(
    experiment.smoke,
    sizes=((60, 6),),
    inverse_densities=(1.0, 1.5, 2.15, 2.78, 3.59, 4.64, 5.99, 10.0),
    n_steps=1200,
    batch_size=512,
)
result = experiment.run(config, 0, Trainer())
print(f"uniform: {experiment.check([result])}")
get_experiment("uniform").draw([result])

# %%
# On the plateau at 1/2 every dimension holds an antipodal pair.  Beyond it come pentagons, in
# larger models square antiprisms too, and then structures most of which have no name.  Each line is
# the dimensionality of the features of a shape.

print(f"dimensionality: {get_experiment('dimensionality').check([result])}")
get_experiment("dimensionality").draw([result])
plt.show()

# %%
# At the size of the paper this takes an hour: see :doc:`the scorecard </reproduction>`.
