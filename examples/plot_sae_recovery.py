"""
Do sparse autoencoders find the features?
=========================================

A toy model stores more features than it has dimensions, as directions that overlap.  A sparse
autoencoder sees the hidden activations only, and is to tell which directions they are made of
(Sharkey et al. 2022; Bricken et al. 2023, "Towards Monosemanticity").  In a toy model we can
check: the true directions are the columns of W.
"""

# %%
# A pentagon first: five features, two dimensions, feature probability .1.  The autoencoder has ten
# latents, codes are ReLU(Eᵀ(h − c) + b), and a penalty on Σz asks for few and small codes.

import dataclasses

import matplotlib.pyplot as plt

from geomsup.dictionary import (
    AutoencoderConfig,
    ToyActivations,
    loss_recovered,
    recover_features,
    train_autoencoders,
)
from geomsup.experiments import Trainer, get_experiment
from geomsup.plotting import plot_matched_cosines
from geomsup.training import ToyModelConfig, train

toy = train(ToyModelConfig(n_instances=8, n_steps=3000), seed=0, progress=False).best()
activations = ToyActivations(toy.W, 0.1)
config = AutoencoderConfig(n_latents=10, penalty=(0.01, 0.1, 0.3, 1.0), n_steps=3000)
for autoencoder in train_autoencoders(activations, config, progress=False):
    recovery = recover_features(autoencoder, toy.W)
    kept = loss_recovered(autoencoder, toy.W, toy.b, 0.1)
    print(f"{autoencoder}\n    {recovery.share:.0%} of the directions, {kept:.0%} of the loss")

# %%
# With a small penalty the reconstruction is all but perfect and the directions are wrong: in two
# dimensions any few directions that surround the origin reproduce everything.  It is the wish
# for few active latents that makes the true directions the best ones.
#
# The price: L1 makes codes short, and the toy model, fed with the reconstruction, loses what is
# missing.  Fit the lengths of the active latents anew and nearly all of it is back.

refitted = loss_recovered(autoencoder.refitted, toy.W, toy.b, 0.1)
print(f"penalty 1: {kept:.0%} of the loss recovered, {refitted:.0%} with lengths fitted anew")

# %%
# Cosines of latents and features, matched pairs on the diagonal.  Latents are not negative, so a
# latent opposite to a feature is no match of it.

plot_matched_cosines(recovery)

# %%
# The experiment trains ReLU and TopK autoencoders on this model and on one of 20 features in five
# dimensions.  Which setting is right is decided without looking at W: the one whose restarts
# agree best.  Restarts that started elsewhere and end at the same directions have found something
# that is in the data.

experiment = get_experiment("sae-recovery")
small = dataclasses.replace(
    experiment.smoke,
    n_features=(5,),
    n_hidden=(2,),
    feature_probability=(0.1,),
    size_ratios=(4,),
)
result = experiment.run(small, 0, Trainer())
outcome = experiment.check([result])
for claim in outcome.claims:
    print("holds:" if claim.holds else "does not hold:", claim.says, "–", claim.found)

# %%
# ``geomsup reproduce sae-recovery`` runs it in full.

get_experiment("sae-recovery").draw([result])
plt.show()
