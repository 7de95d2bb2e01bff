"""
Sparsity makes room: the first picture of the paper
===================================================

"Toy Models of Superposition" opens with five features in two dimensions.  While all features are
always present, a model keeps the two that matter most; as they become rarer it stores four of them
in two antipodal pairs, and then all five as a pentagon.
"""

# %%
# The paper's features matter less and less, with importance .9\ :sup:`i`.  Beside them the
# experiment trains features that all matter alike, several models at each setting, and keeps the
# one of least exact loss.

from dataclasses import replace

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment

experiment = get_experiment("intro")
config = replace(experiment.smoke, n_models=6, n_steps=1500)
result = experiment.run(config, 0, Trainer())
print(f"intro: {experiment.check([result])}")

# %%
# With falling importance all three pictures come out as published, and each is the best
# configuration that an exact search knows.
#
# With equal importance two of them do not, and training is not to blame: they are not the best
# there.  At sparsity 0 every pair of orthogonal directions is as good as any other until the ReLU
# clips, and what little it can gain decides; at sparsity .8 a fifth feature that matters as much as
# the others is worth a pentagon already.

get_experiment("intro").draw([result])
plt.show()
