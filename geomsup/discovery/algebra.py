"""Is a measured number algebraic?  Only as far as its digits can tell.

With height H (the largest coefficient) there are about (2H + 1)^(n + 1) integer polynomials of
degree n; where that is more than 1/error, one of them has a root within the error of any number.
So the height is bounded by the error, and a degree for which no height is left is not tried:
three digits carry small fractions, quadratic irrationals need six.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

__all__ = ["Algebraic", "algebraic", "greatest_height"]

# Chance that some polynomial of a degree fits a number that has nothing to do with it.
_BY_CHANCE = 0.01
_DEGREES = (1, 2)
_HIGHEST = 200


@dataclass(frozen=True, kw_only=True)
class Algebraic:
    """An integer polynomial with a root at a number.

    Attributes
    ----------
    coefficients : tuple of int
        From the highest power to the constant.
    value : float
        The root.
    """

    coefficients: tuple[int, ...]
    value: float

    def __str__(self) -> str:
        if len(self.coefficients) == 2:
            a, b = self.coefficients
            return str(-b) if a == 1 else f"{-b}/{a}"
        a, b, c = self.coefficients
        inside, outside = b * b - 4 * a * c, 1
        for factor in range(2, math.isqrt(inside) + 1):
            while inside % factor**2 == 0:
                inside, outside = inside // factor**2, outside * factor
        common = math.gcd(b, 2 * a, outside)
        sign = "+" if self.value * 2 * a > -b else "-"
        root = f"√{inside}" if outside == common else f"{outside // common}√{inside}"
        total = f"{-b // common} {sign} {root}" if b else f"{sign}{root}".lstrip("+")
        return f"({total})/{2 * a // common}"


def greatest_height(error: float, degree: int) -> int:
    """The largest coefficient that an error leaves room for.

    Examples
    --------
    >>> [greatest_height(error, 1) for error in (1e-3, 1e-5, 1e-8)]
    [1, 15, 200]
    >>> [greatest_height(error, 2) for error in (1e-3, 1e-5, 1e-8)]
    [0, 4, 49]
    """
    room = (_BY_CHANCE / max(error, 1e-15)) ** (1 / (degree + 1))
    return min(_HIGHEST, int((room - 1) / 2))


def algebraic(value: float, error: float) -> Algebraic | None:
    """The lowest polynomial that has a root within two errors of a number, if the error allows.

    Parameters
    ----------
    value : float
    error : float
        Its standard error.

    Returns
    -------
    Algebraic or None

    Examples
    --------
    >>> print(algebraic(0.333333334, 1e-8), algebraic((5**0.5 - 1) / 4, 1e-9))
    1/3 (-1 + √5)/4
    >>> algebraic(0.3334, 1e-3) is None         # three digits say little
    True
    """
    for degree in _DEGREES:
        height = greatest_height(error, degree)
        found = [] if height < 1 else _roots_near(value, 2 * error, degree, height)
        if found:
            return min(found, key=lambda one: (max(map(abs, one.coefficients)), one.coefficients))
    return None


def _roots_near(value: float, reach: float, degree: int, height: int) -> list[Algebraic]:
    """All polynomials of a degree and height with a root close to a value."""
    leading = np.arange(1, height + 1)
    if degree == 1:
        constants = -np.rint(leading * value).astype(int)
        roots = -constants / leading
        near = (np.abs(roots - value) <= reach) & (np.gcd(leading, constants) == 1)
        near &= np.abs(constants) <= height
        pairs = zip(leading[near].tolist(), constants[near].tolist(), strict=True)
        return [Algebraic(coefficients=(a, b), value=-b / a) for a, b in pairs]
    a, b = (grid.ravel() for grid in np.meshgrid(leading, np.arange(-height, height + 1)))
    c = -np.rint(a * value**2 + b * value).astype(int)
    square = b * b - 4 * a * c
    # A square has rational roots, which the lower degree has looked for.
    real = (square > 0) & (np.sqrt(np.maximum(square, 0)) % 1 != 0) & (np.abs(c) <= height)
    a, b, c, square = a[real], b[real], c[real], square[real]
    found = []
    for sign in (1, -1):
        roots = (-b + sign * np.sqrt(square)) / (2 * a)
        near = np.abs(roots - value) <= reach
        rows = zip(a[near].tolist(), b[near].tolist(), c[near].tolist(), roots[near], strict=True)
        found += [Algebraic(coefficients=row[:3], value=float(row[3])) for row in rows]
    return found
