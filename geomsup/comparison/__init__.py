"""Two dictionaries beside each other: the best one-to-one matching, and scores beside chance.

>>> import numpy as np
>>> from geomsup import compare_dictionaries
>>> rng = np.random.default_rng(0)
>>> A = rng.normal(size=(300, 16))
>>> found = compare_dictionaries(A, A[rng.permutation(300)], feature_axis=0, n_draws=2)
>>> float(found.cosines.min().round(9)), found["mean cos of the matching"].corrected > 0.99
(1.0, True)

`neighbours` looks at all cosines in tiles, `assignment` matches along candidates, `matching` adds
candidates until their prices prove the matching best, and `chance` draws what takes the place of
the dictionaries.
"""
