"""
A pentagon bends, then breaks
=============================

Five equally sparse features form a pentagon.  What happens to it when one of them becomes sparser
than the others, or matters less?  The paper saw it bend at first and then give way to two digons,
at once, because the loss curves of the two arrangements cross.
"""

# %%
# A local minimum of the exact loss can be followed: change the feature a little, descend, and go on
# from there.  So both arrangements have a curve, also where they are not the best.  Grey dots are
# trained models, black ones the best of each place.

from dataclasses import replace

import matplotlib.pyplot as plt

from geomsup.experiments import Trainer, get_experiment

experiment = get_experiment("nonuniform")
config = replace(experiment.smoke, n_down=7, n_up=2, n_models=5, n_steps=1000, batch_size=512)
result = experiment.run(config, 0, Trainer())
print(f"nonuniform: {experiment.check([result])}")

# %%
# All of it comes out but the number.  The paper says about 2.5 times sparser; at a density of .05
# the exact losses cross at 3.7, and the best of several trained models changes there too.  The
# factor depends on the density: at .1 the losses cross at 2.35.

get_experiment("nonuniform").draw([result])

# %%
# The same with importance in place of density is the experiment ``nonuniform-importance``: there
# the pentagon breaks at .37 of the others' importance.  If one feature matters *more* it breaks
# too, at 14 times: then the important feature shares a line with one feature alone.
plt.show()
