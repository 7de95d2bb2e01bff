"""What a matrix of thousands to a million features holds beyond chance.

>>> import numpy as np
>>> from geomsup import census
>>> W = np.random.default_rng(0).normal(size=(300, 16))
>>> W[1] = W[0]
>>> counted = census(W, feature_axis=0, n_draws=3, progress=False)
>>> counted.to_dict()["n_above"], (int(counted.i[0]), int(counted.j[0]))
(1, (0, 1))

`source` hands out unit rows in blocks, `pairs` counts all cosines in tiles, `significant` says
which are beyond the background, and `forest` which structures the significant ones form, each at
its own scale.
"""
