"""
What should the bias be when every feature is present?
======================================================

At p = 1 all features are always there, and superposition has nothing to gain from sparsity.  An
affine model would then do principal components, and for uniform features all directions are alike:
every projection G of rank m, with the bias b = ½(1 − G·1), has the same loss (n − m)/12.  Is that
the answer for the ReLU model too?
"""

# %%
# Without clipping it would be.  But some outputs of a projection are negative for some inputs, the
# right answer is never negative, and the ReLU clips them.  Two random projections of three
# features into two dimensions:

import matplotlib.pyplot as plt
import numpy as np

from geomsup.plotting import name_color
from geomsup.theory import best_configuration, expected_loss, symmetric_optimum

rng = np.random.default_rng(0)
for _ in range(2):
    W = np.linalg.qr(rng.normal(size=(3, 2)))[0].T
    b = 0.5 * (1.0 - (W.T @ W).sum(axis=1))
    print(f"projection with b = ½(1 − G·1): loss {expected_loss(W, b, 1.0).loss:.7f}")
print(f"the affine model:               loss {1 / 12:.7f}")

# %%
# The clipping gains a little, and a little more if norms and biases are chosen for it:

triangle = symmetric_optimum("triangle", 3, 1.0)
print(triangle)
print(best_configuration(3, 2, 1.0, n_starts=40))

# %%
# The search finds the same loss under another name.  At p = 1 a feature x and its complement 1 − x
# have the same distribution, so the sign of any column may be flipped if the biases make up for
# it: a triangle, and the same three lines with one arrow reversed, are equally good.  Reversing
# one by hand:

signs = np.array([1.0, 1.0, -1.0])
gram = triangle.W.T @ triangle.W
b = triangle.b + 0.5 * (gram - gram * np.outer(signs, signs)).sum(axis=1)
print(f"one arrow reversed: loss {expected_loss(triangle.W * signs, b, 1.0).loss:.10f}, bias {b}")

# %%
# So the answer for the triangle is a bias just below ½, and it depends on the signs.  From rare to
# constant features the best bias of a shape rises from zero, or from far below it where features
# have to be told apart.

p = np.linspace(0.01, 1.0, 34)
fig, ax = plt.subplots(figsize=(7, 4.2), layout="constrained")
for size, shape in ((2, "digon"), (3, "triangle"), (5, "pentagon")):
    bias = [symmetric_optimum(shape, size, x).bias for x in p]
    ax.plot(p, bias, label=shape, color=name_color(shape))
ax.plot(p, p / 2, color="0.6", linestyle=":", label="dropped feature, p/2")
ax.axhline(0.0, color="0.6", linewidth=0.8)
ax.set(xlabel="feature probability $p = 1 - S$", ylabel="best bias $b_i$", xlim=(0, 1))
ax.spines[["top", "right"]].set_visible(False)
ax.legend(frameon=False)
plt.show()
