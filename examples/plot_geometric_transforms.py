"""
Two triangles that turn into an octahedron
==========================================

Six features in three dimensions, in two sets of three that come together.  Each set wants three
orthogonal directions: two triads, that is two parallel triangles.  They begin almost above each
other, as a prism, and turn until they are an octahedron, with antipodes in different sets.
"""

# %%
# The geometry is named along the way, and the drops of the loss are found by themselves.

from dataclasses import replace

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment

experiment = get_experiment("geometric-transforms")
result = experiment.run(replace(experiment.smoke, n_models=4), 0, Trainer())
print(f"geometric-transforms: {experiment.check([result])}")
get_experiment("geometric-transforms").draw([result])
plt.show()
