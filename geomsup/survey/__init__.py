"""What a matrix of thousands to a million features holds beyond chance.

The components: structures that the significant pairs of features join, each at its own scale.

>>> import numpy as np
>>> from geomsup.survey.forest import components_of
>>> units = np.eye(8)
>>> units[1] = -units[0]
>>> edges = (np.array([0]), np.array([1]), np.array([-1.0]))
>>> [c.name for c in components_of(lambda which: units[which], edges, n_features=8)]
['digon']
"""
