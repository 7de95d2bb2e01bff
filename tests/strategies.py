"""Hypothesis strategies shared by the tests."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

Array = NDArray[np.float64]

# Entries are zero or of a size that float64 squares without loss.
entries = st.one_of(
    st.just(0.0),
    st.floats(1e-3, 1e3),
    st.floats(-1e3, -1e-3),
)


@st.composite
def weight_matrices(draw: st.DrawFn, max_hidden: int = 5, max_features: int = 8) -> Array:
    """Matrices of shape (n_hidden, n_features) with some zero entries and zero columns."""
    n_hidden = draw(st.integers(1, max_hidden))
    n_features = draw(st.integers(1, max_features))
    W: Array = draw(hnp.arrays(np.float64, (n_hidden, n_features), elements=entries))
    return W


seeds = st.integers(0, 2**32 - 1)
