"""What a row's loss is made of, and the two cases in which it is a polynomial.

Row i of the model computes relu(s), s = a·x + b_i with a = row i of G.  Its loss and gradient are

    L_i      = p_i/3 − 2 E[x_i relu(s)] + E[relu(s)²],
    ∂L_i/∂a_j = −2 E[x_i x_j 1(s>0)] + 2 E[x_j relu(s)],
    ∂L_i/∂b   = −2 E[x_i 1(s>0)]     + 2 E[relu(s)],

because relu² is continuously differentiable.  Every engine returns these six expectations; the
rest of the theory room never asks how they were computed.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["RowTerms", "open_terms"]

FloatArray = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)


@dataclass(frozen=True, kw_only=True, eq=False)
class RowTerms:
    """Expectations of a batch of rows; `own` is the feature that a row reconstructs.

    Shapes: (n_rows,), and (n_rows, n_features) for `x_relu` and `own_x_open`.
    """

    relu2: FloatArray  # E relu(s)²
    relu: FloatArray  # E relu(s)
    own_relu: FloatArray  # E x_own relu(s)
    own_open: FloatArray  # E x_own 1(s>0)
    x_relu: FloatArray  # E x_j relu(s)
    own_x_open: FloatArray  # E x_own x_j 1(s>0)
    truncation: FloatArray  # bounds on the error of relu2 − 2 own_relu: of the method …
    rounding: FloatArray  # … and of the arithmetic

    def loss(self, own_probability: FloatArray) -> FloatArray:
        """L_i of each row, at importance one."""
        return own_probability / 3.0 - 2.0 * self.own_relu + self.relu2

    def gradient(self) -> tuple[FloatArray, FloatArray]:
        """∂L_i/∂a of shape (n_rows, n_features) and ∂L_i/∂b of shape (n_rows,)."""
        return 2.0 * (self.x_relu - self.own_x_open), 2.0 * (self.relu - self.own_open)


def open_terms(a: FloatArray, b: FloatArray, own: NDArray[np.intp], p: FloatArray) -> RowTerms:
    """Rows with s ≥ 0 throughout: relu(s) = s, and moments of the data are all there is.

    E x = p/2 and E x² = p/3, so E s² = (E s)² + Σ a² (p/3 − p²/4).
    """
    rows = np.arange(len(b))
    mean = p / 2.0
    spread = p / 3.0 - mean**2
    s = b + np.sum(a * mean, axis=1)
    x_relu = mean * s[:, None] + a * spread
    relu2 = s**2 + np.sum(a**2 * spread, axis=1)
    own_mean = mean[rows, own]
    own_x_open = mean * own_mean[:, None]
    own_x_open[rows, own] = p[rows, own] / 3.0
    # s itself may be a difference of large numbers: bound with absolute values.
    size = np.abs(b) + np.sum(np.abs(a) * mean, axis=1)
    terms = a.shape[1] + 8.0
    error = _EPS * terms * (size**2 + relu2 + size * own_mean + np.abs(x_relu[rows, own]))
    return RowTerms(
        relu2=relu2,
        relu=s,
        own_relu=x_relu[rows, own],
        own_open=own_mean,
        x_relu=x_relu,
        own_x_open=own_x_open,
        truncation=np.zeros_like(s),
        rounding=2.0 * error,
    )
