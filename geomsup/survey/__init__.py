"""What a matrix of thousands to a million features holds beyond chance.

>>> import numpy as np
>>> from geomsup import census
>>> W = np.random.default_rng(0).normal(size=(300, 16))
>>> W[1] = W[0]
>>> found = census(W, feature_axis=0, n_draws=3, progress=False)
>>> found.to_dict()["n_above"], (found.i[0], found.j[0])
(1, (np.int64(0), np.int64(1)))
"""
