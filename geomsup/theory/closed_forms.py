"""Losses and optima that can be written down.

Three cases, each an independent check on the exact losses of :mod:`geomsup.theory.loss`: the digon
at any feature probability, any shape with equivalent vertices in the sparse limit, and the
arrangements of unit vectors without bias that the paper's theoretical phase diagrams compare.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize_scalar

from geomsup.errors import GeomsupError, shorten
from geomsup.restoring import Plain
from geomsup.shapes import get_shape
from geomsup.validation import number_within

__all__ = ["SparseLimit", "digon_loss", "digon_optimum", "dropped_loss", "sparse_limit"]

FloatArray = NDArray[np.float64]

# Expected loss of a digon for 0 ≤ b ≤ g: coefficient, powers of p, b and g.  Each output is
# relu(g x − g y + b); the integrals over one and over two active features are polynomials in b.
_DIGON = np.array(
    [
        (2.0, 0, 2, 0),
        (2 / 3, 1, 3, -1),
        (-2.0, 1, 2, 0),
        (2.0, 1, 1, 1),
        (-2.0, 1, 1, 0),
        (2 / 3, 1, 0, 0),
        (-4 / 3, 1, 0, 1),
        (2 / 3, 1, 0, 2),
        (-1 / 6, 2, 4, -2),
        (-1 / 6, 2, 4, -3),
        (2 / 3, 2, 3, -2),
        (1.0, 2, 2, 0),
        (-1.0, 2, 2, -1),
        (-4 / 3, 2, 1, 1),
        (2 / 3, 2, 1, 0),
        (-1 / 2, 2, 0, 2),
        (5 / 6, 2, 0, 1),
    ]
)
# Starts of Newton's method, its steps, and a norm² beyond all optima.
_NEWTON_NORMS = (0.5, 0.75, 1.0)
_MOST_NEWTON = 30
_MOST_NORM2 = 2.0
_N_GRID = 400  # points on which the sparse limit is looked at before it is refined
_N_MEMBERS = 33  # members of a family among which the best is looked for before it is refined
_OBTUSE = 1e-12  # cosines up to here count as not positive


def dropped_loss(p: Any) -> Any:
    """Loss p/3 − p²/4 of a feature with W_i = 0 and its best bias p/2, at importance one."""
    return p / 3.0 - p**2 / 4.0


def _digon_derivative(
    g: float, b: float, p: float, of_b: int, of_g: int, both: float | None = None
) -> float:
    chances = np.array([1.0, p, p**2 if both is None else both])
    coefficient, in_p, in_b, in_g = _DIGON.T.copy()
    for _ in range(of_b):
        coefficient, in_b = coefficient * in_b, in_b - 1.0
    for _ in range(of_g):
        coefficient, in_g = coefficient * in_g, in_g - 1.0
    of_p = in_p.astype(np.intp)
    # A power that was differentiated away has the coefficient zero.
    powers_of_b = np.where(in_b >= 0.0, b ** np.maximum(in_b, 0.0), 0.0)
    return float(np.sum(coefficient * chances[of_p] * powers_of_b * g**in_g))


def digon_loss(
    norm2: float, bias: float, feature_probability: float, both: float | None = None
) -> float:
    """Expected loss of a digon, in closed form.

    Parameters
    ----------
    norm2 : float
        |W_i|², the same for both features.
    bias : float
        b of both outputs, between 0 and `norm2`.
    feature_probability : float
        p in [0, 1].
    both : float, optional
        Probability that both features are present; p² by default, as for independent ones.  Given
        who is present nothing else depends on it, so the loss is linear in it.

    Returns
    -------
    float
        Sum over the two features, at importance one.

    Raises
    ------
    GeomsupError
        If the bias lies outside [0, `norm2`], where the formula does not hold; use
        :func:`expected_loss` there.

    Examples
    --------
    >>> from geomsup.theory import digon_loss, expected_loss
    >>> f"{digon_loss(1.0, 0.0, 0.1):.10f}"                     # p²/3
    '0.0033333333'
    >>> f"{expected_loss([[1, -1]], 0.0, 0.1).loss:.10f}"
    '0.0033333333'
    """
    p = number_within("feature_probability", feature_probability, 0, 1)
    g = number_within("norm2", norm2, 1e-100, 1e100)
    b = number_within("bias", bias, -1e100, 1e100)
    if not 0.0 <= b <= g:
        raise GeomsupError(
            f"expected 0 ≤ bias ≤ norm2, got bias = {shorten(bias)} and norm2 = "
            f"{shorten(norm2)}; use expected_loss, which has no such limit"
        )
    q = None if both is None else number_within("both", both, max(0.0, 2.0 * p - 1.0), p)
    return _digon_derivative(g, b, p, 0, 0, q)


def digon_optimum(p: float, both: float | None = None) -> tuple[float, float] | None:
    """norm² and bias of the best digon, by Newton's method on the closed form.

    `both` as in :func:`digon_loss`.  None where the formula does not hold at the optimum, as
    at p = 1.
    """
    ends = [_newton(g, b, p, both) for g in _NEWTON_NORMS for b in (0.0, 0.3 * g, 0.8 * g)]
    if not any(ends):
        # Near p = 1 the minimum is close to the linear answer, where no other start leads.
        ends = [_newton(0.5, 0.5 * p, p, both)]
    minima = [point for point in ends if point is not None]
    losses = [_digon_derivative(g, b, p, 0, 0, both) for g, b in minima]
    return minima[int(np.argmin(losses))] if minima else None


def _newton(g: float, b: float, p: float, both: float | None) -> tuple[float, float] | None:
    """The local minimum near (g, b), if Newton's steps end in one within 0 ≤ b ≤ g."""

    def derivative(of_b: int, of_g: int) -> float:
        return _digon_derivative(g, b, p, of_b, of_g, both)

    for _ in range(_MOST_NEWTON):
        gradient = [derivative(0, 1), derivative(1, 0)]
        mixed = derivative(1, 1)
        along_g, along_b = derivative(0, 2), derivative(2, 0)
        determinant = along_g * along_b - mixed**2
        if determinant == 0.0:
            return None
        dg = (along_b * gradient[0] - mixed * gradient[1]) / determinant
        db = (along_g * gradient[1] - mixed * gradient[0]) / determinant
        g, b = g - dg, b - db
        if not 0.0 <= b <= g <= _MOST_NORM2:
            return None
        if abs(dg) + abs(db) < 1e-14:
            return (g, b) if along_g > 0.0 and determinant > 0.0 else None
    return None


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class SparseLimit(Plain):
    """The best loss of a shape as the feature probability goes to zero: coefficient · p^order.

    Attributes
    ----------
    shape : str
    order : int
        1 if features disturb each other one at a time, 2 if only pairs do (no positive cosine).
    coefficient : float
        Of the sum over the features of the shape.
    norm2, bias : float
        |W_i|² and b_i in the limit.
    parameter : float or None
        The best free parameter, to be given to the ``family`` of the shape; None where the shape
        has none.
    """

    shape: str
    order: int
    coefficient: float
    norm2: float
    bias: float
    parameter: float | None = None

    def __str__(self) -> str:
        power = "p" if self.order == 1 else f"p^{self.order}"
        family = get_shape(self.shape).family
        free = f", {family.parameter} {self.parameter:.6g}" if family else ""
        return (
            f"{self.shape} as p → 0: loss {self.coefficient:.12g} {power}, "
            f"|W|² {self.norm2:.12g}, b {self.bias:.12g}{free}"
        )

    __repr__ = __str__


def sparse_limit(shape: str) -> SparseLimit:
    """Best norm, bias and loss of a shape in the limit of one active feature at a time.

    Parameters
    ----------
    shape : str
        A name of the catalogue whose vertices are all equivalent, such as ``"pentagon"``.  The free
        parameter of a family is optimised too.

    Returns
    -------
    SparseLimit

    Raises
    ------
    GeomsupError
        If the shape is unknown, or its vertices see different sets of cosines.

    Notes
    -----
    With positive cosines c_j, y = −b/|W|² and κ(y) = Σ_{c_j>y} (c_j − y)³ / (c_j (1 − y)²), the
    loss per feature is p·h(y), h(y) = ⅓[y² + κ − (2κ − y(1−y))² / (4(1 − y + κ))], after the norm
    was eliminated by A = (2κ − y(1−y)) / (2(1 − y + κ)), |W|² = (1 − A)/(1 − y).  h is minimised
    over 0 ≤ y < 1.  Without positive cosines the limit is |W|² = 1, b = 0, and two features that
    are active together cost p² Σ_{i≠j} (d²/3 − d³/6), d = −c_ij.

    Examples
    --------
    >>> from geomsup.theory import sparse_limit
    >>> print(sparse_limit("pentagon"))
    pentagon as p → 0: loss 0.0791281353725 p, |W|² 1.36997576676, b -0.282297283127
    >>> print(sparse_limit("triangle"))
    triangle as p → 0: loss 0.375 p^2, |W|² 1, b 0
    """
    figure = get_shape(shape)
    profiles = np.sort(figure.gram, axis=1)
    if np.abs(profiles - profiles[0]).max() > 1e-9:
        raise GeomsupError(
            f"expected a shape whose vertices are all equivalent, got {shorten(figure.name)}; use "
            "symmetric_optimum at a small feature_probability"
        )
    family = figure.family
    if family is None:
        return _limit_of(figure.name, figure.gram)

    # The free parameter of a family is part of what is best.
    def member(value: float) -> SparseLimit:
        vertices = family.build(value)
        return replace(_limit_of(figure.name, vertices @ vertices.T), parameter=value)

    def cost(value: float) -> tuple[int, float]:
        limit = member(value)
        return -limit.order, limit.coefficient

    low, high = family.bounds
    grid = np.linspace(low, high, _N_MEMBERS)
    at = min(range(len(grid)), key=lambda index: cost(float(grid[index])))
    order = member(float(grid[at])).order
    polished = minimize_scalar(
        lambda value: member(value).coefficient if member(value).order == order else np.inf,
        bounds=(float(grid[max(at - 1, 0)]), float(grid[min(at + 1, len(grid) - 1)])),
        method="bounded",
        options={"xatol": 1e-10},
    )
    return min(member(float(polished.x)), member(float(grid[at])), key=lambda x: x.coefficient)


def _limit_of(name: str, gram: FloatArray) -> SparseLimit:
    """The limit for one arrangement of equivalent vertices, by its cosines."""
    k, others = len(gram), np.sort(gram[0])[:-1]
    positive = others[others > _OBTUSE]
    if not positive.size:
        d = -others
        pairs = float(np.sum(d**2 / 3.0 - d**3 / 6.0))
        return SparseLimit(shape=name, order=2, coefficient=k * pairs, norm2=1.0, bias=0.0)

    def parts(y: float) -> tuple[float, float, float]:
        """q = 1 − y + κ, r = 2κ − y(1 − y) and h."""
        kappa = float(np.sum(np.maximum(positive - y, 0.0) ** 3 / positive)) / (1.0 - y) ** 2
        q, r = 1.0 - y + kappa, 2.0 * kappa - y * (1.0 - y)
        return q, r, (y**2 + kappa - r**2 / (4.0 * q)) / 3.0

    def slope(y: float) -> float:
        """3 dh/dy."""
        over = np.maximum(positive - y, 0.0)
        dk = float(np.sum((2.0 * over / (1.0 - y) - 3.0) * over**2 / positive)) / (1.0 - y) ** 2
        q, r, _ = parts(y)
        dq, dr = dk - 1.0, 2.0 * dk - 1.0 + 2.0 * y
        return 2.0 * y + dk - r * (2.0 * dr * q - r * dq) / (4.0 * q**2)

    grid = np.linspace(0.0, 1.0, _N_GRID, endpoint=False)
    at = int(np.argmin([parts(float(y))[2] for y in grid]))
    low, high = float(grid[max(at - 1, 0)]), float(grid[min(at + 1, _N_GRID - 1)])
    y = float(brentq(slope, low, high, xtol=1e-15)) if slope(low) < 0.0 < slope(high) else low
    q, r, loss = parts(y)
    norm2 = (1.0 - r / (2.0 * q)) / (1.0 - y)
    return SparseLimit(shape=name, order=1, coefficient=k * loss, norm2=norm2, bias=-norm2 * y)
