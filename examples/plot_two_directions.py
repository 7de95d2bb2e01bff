"""
Would two directions be lower?
==============================

Five features share two dimensions, and training got stuck with four or five directions.  Would it
have been better to keep only two?  The expected loss of each family can be computed exactly, so
there is no need to train anything to find out.
"""

# %%
# Each family is optimised in its norm and its bias at every feature probability p; the features
# that it does not use are dropped.  The boundaries are roots, not points of a grid.

import matplotlib.pyplot as plt

from geomsup.plotting import plot_family_losses
from geomsup.theory import best_configuration, family_losses

families = ["monosemantic + monosemantic", "digon + digon", "triangle", "pentagon"]
losses = family_losses(families, n_features=5)
print(losses)

plot_family_losses(losses)
plt.show()

# %%
# Two features kept are never the lowest.  As features become more frequent the pentagon gives way
# to two digons, and these to a triangle.
#
# Being stuck is real, though: beside the pentagon the exact loss has other local minima, and
# training that falls into one of them stays there.

print(best_configuration(5, 2, 0.1, n_starts=60))
