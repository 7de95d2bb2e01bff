"""
Shapes that nobody has named
============================

A component that no shape of the catalogue explains is called "irregular", and in one model that is
all there is to say.  If the same irregular component comes again, in another model, it is
something.  ``discover`` looks at the unnamed components of many, and says which are copies of one
another, up to rotation, reflection and order, and how often chance does the same.
"""

# %%
# Points that repel each other on a sphere, from eight random starts: fourteen in five dimensions, a
# figure that the catalogue does not have.  Every start is a "run", as a trained model would be, and
# random directions without repulsion stand among them.

import matplotlib.pyplot as plt
import numpy as np

from geomsup import classify_geometry, discover
from geomsup.plotting import plot_discovery
from geomsup.sphere import minimize_energy
from geomsup.training import ToyModelConfig, train

rng = np.random.default_rng(0)
runs = [minimize_energy(14, 5, n_starts=1, seed=seed).points.T for seed in range(8)]
runs += [rng.normal(size=(5, 14)) for _ in range(4)]
found = discover(runs, n_frames=40, progress=False)
print(found)
print(f"\n{found.shapes[0]}")

# %%
# The cosines of what recurs.  Minima are exact, so that copies agree to many digits: symmetries can
# be counted, lines part what they exchange, and cosines may be read.  The other five starts ended
# in what has a name.  The mean can be given one too, and is recognised from then on.

plot_discovery(found)
mine = [found.shapes[0].shape("my fourteen")]
print(classify_geometry(runs[0], shapes=mine).counts())

# %%
# Trained models are the reason to ask.  Here are 20 of 12 features in 3 dimensions: nothing recurs,
# nor did it in a thousand small ones.  The page on :doc:`discover </discover>` has these, and
# larger models, in which something does.

models = train(
    ToyModelConfig(
        n_features=12, n_hidden=3, feature_probability=0.2, n_instances=20, n_steps=800,
        learning_rate=3e-3, lr_schedule="cosine", batch_size=256,
    ),
    seed=0, progress=False,
)  # fmt: skip
print(discover(models, n_frames=40, progress=False))
plt.show()
