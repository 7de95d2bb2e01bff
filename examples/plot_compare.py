"""
Did two dictionaries find the same directions?
==============================================

Two sparse autoencoders are trained on the same activations, from two seeds.  Every latent of one
has some nearest latent in the other; is it near because both found the same direction, or because
64 directions in 48 dimensions are never far from each other?
"""

# %%
# The activations are those of 64 random directions, each active with probability .02, so that the
# truth is known; and each dictionary has as many latents as there are directions.

import matplotlib.pyplot as plt
import numpy as np

from geomsup import compare_dictionaries
from geomsup.dictionary import AutoencoderConfig, ToyActivations, train_autoencoders
from geomsup.plotting import plot_dictionary_comparison

rng = np.random.default_rng(0)
truth = rng.normal(size=(48, 64))
truth /= np.linalg.norm(truth, axis=0)
config = AutoencoderConfig(n_latents=64, penalty=0.1, n_restarts=2, n_steps=2000, batch_size=512)
one, other = train_autoencoders(ToyActivations(truth, 0.02), config, progress=False)


def compare(A, B):
    """Columns are latents, as in a decoder."""
    return compare_dictionaries(A, B, feature_axis=-1, progress=False)


# %%
# The latents of both are matched one to one such that the mean cosine is greatest, which the
# printed gap proves, and every score stands beside that of two random dictionaries with the same
# mean and covariance.

seeds = compare(one.decoder, other.decoder)
print(seeds)
plot_dictionary_comparison(seeds)

# %%
# All pairs but one are one direction found twice: the first seed holds a copy of a direction in the
# place of another, which "splits" names.  The second has all 64, as the truth says.  And two
# dictionaries of nothing are matched with a mean cosine of .3, which is what chance gives:

for what, found in {
    "two seeds": seeds,
    "a seed and the truth": compare(one.decoder, truth),
    "two random ones": compare(rng.normal(size=(48, 64)), rng.normal(size=(48, 64))),
}.items():
    matched = found["mean cos of the matching"]
    print(
        f"{what:21s} matched {matched.found:.3f}, by chance {matched.null_mean:.3f}, "
        f"corrected {matched.corrected:+.3f}; gap {found.gap:.0e}"
    )
plt.show()
