"""Energies of points on the sphere, each with its gradient: what is compared with an optimum.

All of them are sums or extremes over unordered pairs of a function of the cosine t = x_i·x_j, so
one routine prepares the cosines and another turns slopes into gradients.  The same few array
operations exist in numpy and in torch: a numpy array gives numpy back, a tensor stays on its
device and the value can be differentiated further by autograd.

Gradients are those along the sphere: the component that would lengthen a point is taken out.
"""

from __future__ import annotations

import sys
from typing import Any, Literal

import numpy as np

from geomsup.errors import GeomsupError, first_line, shorten
from geomsup.sphere.kernels import checked_power

__all__ = [
    "coherence",
    "coherence_and_gradient",
    "energy",
    "energy_and_gradient",
    "frame_potential",
    "frame_potential_and_gradient",
    "overlap_energy",
    "overlap_energy_and_gradient",
    "smallest_angle",
    "smallest_angle_and_gradient",
]

# Arrays of either library; numpy's and torch's types have no common base to name.
Points = Any
Value = Any

MAX_POINTS = 5000
# Float32 directions are off by 1e-7; what is further off was never normalised.
_UNIT_TOLERANCE = 1e-6
# Unit vectors differ by 1e-16 through rounding alone.
_COINCIDENT = 1e-14
# Below this squared distance 2 − 2t has lost digits that the difference of the points still has.
_CLOSE = 1e-2


def energy(points: Points, s: float | Literal["log"] = 1) -> Value:
    """Riesz energy Σ_{i<j} |x_i − x_j|^(−s), or −Σ_{i<j} log |x_i − x_j|.

    Parameters
    ----------
    points : array_like or torch.Tensor of shape (..., n_points, dim)
        Unit rows; leading axes are a batch.  Rows off by at most 1e-6 are normalised.
    s : float or "log", default 1
        Exponent; 1 is Coulomb's energy, that of the Thomson problem.

    Returns
    -------
    float, or ndarray or torch.Tensor of shape (...)
        0 for a single point.

    Raises
    ------
    GeomsupError
        If s is not positive, the points do not lie on the sphere, two of them coincide (their
        energy is infinite), or there are more than 5000.

    References
    ----------
    Hardin and Saff 2004, "Discretizing manifolds via minimum energy points".

    Examples
    --------
    >>> energy([[1, 0], [-1, 0]])
    0.5
    >>> energy([[1.0, 0, 0], [0, 1, 0], [0, 0, 1]], s=2)
    1.5
    """
    return _riesz(points, s, gradient=False)[0]


def energy_and_gradient(points: Points, s: float | Literal["log"] = 1) -> tuple[Value, Points]:
    """The Riesz energy and its gradient along the sphere.

    Parameters
    ----------
    points, s
        As in :func:`energy`.

    Returns
    -------
    energy : float, or ndarray or torch.Tensor of shape (...)
    gradient : ndarray or torch.Tensor of shape (..., n_points, dim)
        Each row orthogonal to its point.

    Raises
    ------
    GeomsupError
        As :func:`energy`.

    Examples
    --------
    >>> value, gradient = energy_and_gradient([[1, 0], [0, 1]])
    >>> gradient.round(4).tolist()
    [[0.0, 0.3536], [0.3536, 0.0]]
    """
    return _riesz(points, s, gradient=True)


def frame_potential(points: Points) -> Value:
    """Frame potential Σ_{i,j} (x_i·x_j)² over all ordered pairs, i = j included.

    At least n_points² / dim, with equality exactly for tight frames (when n_points ≥ dim).

    Parameters
    ----------
    points
        As in :func:`energy`; points may coincide.

    Returns
    -------
    float, or ndarray or torch.Tensor of shape (...)

    Raises
    ------
    GeomsupError
        If the points do not lie on the sphere.

    References
    ----------
    Benedetto and Fickus 2003, "Finite normalized tight frames".

    Examples
    --------
    >>> frame_potential([[1, 0], [-1, 0], [0, 1]])
    5.0
    """
    return frame_potential_and_gradient(points)[0]


def frame_potential_and_gradient(points: Points) -> tuple[Value, Points]:
    """The frame potential and its gradient along the sphere; see :func:`frame_potential`."""
    # Its dim × dim matrix leaves room for any number of points.
    x, xp = _checked_points(points, sys.maxsize)
    moment = xp.einsum("...nd,...ne->...de", x, x)
    value = (moment * moment).sum(-1).sum(-1)
    return _value(value, points), _along_sphere(4.0 * (x @ moment), x, xp)


def overlap_energy(points: Points) -> Value:
    """Σ_{i<j} max(0, x_i·x_j)²: what a sparse toy model pays for, positive overlaps alone.

    Parameters
    ----------
    points
        As in :func:`energy`; points may coincide.

    Returns
    -------
    float, or ndarray or torch.Tensor of shape (...)
        0 for every set of directions that is nowhere acute.

    Raises
    ------
    GeomsupError
        If the points do not lie on the sphere, or there are more than 5000.

    Examples
    --------
    >>> overlap_energy([[1, 0], [-1, 0], [0.6, 0.8]])
    0.36
    """
    return overlap_energy_and_gradient(points)[0]


def overlap_energy_and_gradient(points: Points) -> tuple[Value, Points]:
    """Σ relu(cos)² and its gradient along the sphere; see :func:`overlap_energy`."""
    x, xp = _checked_points(points)
    cosines = _without_diagonal(_cosines(x), 0.0, xp)
    overlap = xp.clip(cosines, 0.0, None)
    value = 0.5 * (overlap * overlap).sum(-1).sum(-1)
    return _value(value, points), _along_sphere(2.0 * (overlap @ x), x, xp)


def coherence(points: Points) -> Value:
    """Largest |x_i·x_j| over the pairs.

    At least √((n − d) / (d (n − 1))), Welch's bound, when n_points > dim.

    Parameters
    ----------
    points
        As in :func:`energy`; points may coincide.

    Returns
    -------
    float, or ndarray or torch.Tensor of shape (...)
        In [0, 1]; 0 for a single point.

    Raises
    ------
    GeomsupError
        If the points do not lie on the sphere, or there are more than 5000.

    References
    ----------
    Welch 1974, "Lower bounds on the maximum cross correlation of signals".

    Examples
    --------
    >>> coherence([[1, 0], [0.6, 0.8]])
    0.6
    """
    return coherence_and_gradient(points)[0]


def coherence_and_gradient(points: Points) -> tuple[Value, Points]:
    """The coherence and a gradient along the sphere; see :func:`coherence`.

    A maximum over pairs has a kink where several attain it; the gradient is that of the first.
    """
    x, xp = _checked_points(points)
    cosines = _cosines(x)
    value, chosen = _largest(abs(cosines), xp)
    signs = chosen * xp.sign(cosines)
    return _value(xp.clip(value, 0.0, 1.0), points), _along_sphere(signs @ x, x, xp)


def smallest_angle(points: Points) -> Value:
    """Smallest angle between two of the points, what a packing makes as large as it can.

    Parameters
    ----------
    points
        As in :func:`energy`; points may coincide.

    Returns
    -------
    float, or ndarray or torch.Tensor of shape (...)
        In radians, [0, π]; π for a single point, which nothing is near.

    Raises
    ------
    GeomsupError
        If the points do not lie on the sphere, or there are more than 5000.

    Examples
    --------
    >>> round(smallest_angle([[1, 0], [0, 1], [-1, 0]]), 6)
    1.570796
    """
    return smallest_angle_and_gradient(points)[0]


def smallest_angle_and_gradient(points: Points) -> tuple[Value, Points]:
    """The smallest angle and a gradient along the sphere; see :func:`smallest_angle`.

    The gradient is that of the first pair at this angle, and zero where the angle is 0 or π.
    """
    x, xp = _checked_points(points)
    chosen = _largest(_cosines(x), xp)[1]
    # The chord keeps the digits of a small angle, which the cosine has lost.
    half = 0.5 * xp.sqrt((chosen * _squared_distances(x, xp)).sum(-1).sum(-1) / 2.0)
    if x.shape[-2] == 1:
        half = half + 1.0
    half = xp.clip(half, None, 1.0)
    sine = 2.0 * half * xp.sqrt(1.0 - half * half)
    slope = xp.where(sine > 0.0, -1.0 / xp.where(sine > 0.0, sine, 1.0), 0.0)
    return (
        _value(2.0 * xp.arcsin(half), points),
        _along_sphere(slope[..., None, None] * (chosen @ x), x, xp),
    )


def _riesz(points: Points, s: object, *, gradient: bool) -> tuple[Value, Points]:
    power = checked_power(s)
    x, xp = _checked_points(points)
    squared = _squared_distances(x, xp)
    _check_distinct(squared, xp)
    squared = _without_diagonal(squared, 1.0, xp)
    with np.errstate(over="ignore"):  # an infinite sum is reported below
        pair = -0.5 * xp.log(squared) if power == 0.0 else squared ** (-0.5 * power)
    pair = _without_diagonal(pair, 0.0, xp)
    value = _value(0.5 * pair.sum(-1).sum(-1), points)
    if not np.all(np.isfinite(_to_numpy(value))):
        raise GeomsupError(
            f"the energy with s = {power:g} is beyond the range of float64 for points this close; "
            "use a smaller s"
        )
    if not gradient:
        return value, None
    # d/dt of (2 − 2t)^(−s/2) is s (2 − 2t)^(−s/2 − 1), and of −½ log(2 − 2t) is 1/(2 − 2t).
    slope = 1.0 / squared if power == 0.0 else power * pair / squared
    return value, _along_sphere(_without_diagonal(slope, 0.0, xp) @ x, x, xp)


def _checked_points(points: Points, most: int = MAX_POINTS) -> tuple[Points, Any]:
    """Unit rows in float64 and the library that they belong to; or one clear error."""
    torch = sys.modules.get("torch")
    xp: Any
    if torch is not None and isinstance(points, torch.Tensor):
        xp, x = torch, points
        if x.is_complex() or x.layout != torch.strided or x.device.type == "meta":
            raise GeomsupError(
                f"expected points as a dense real tensor, got {x.dtype} with layout {x.layout} "
                f"on {x.device}; pass a dense tensor of real numbers"
            )
        x = x.to(torch.float64)
    else:
        xp, x = np, _as_float64(points)
    if x.ndim < 2:
        raise GeomsupError(
            f"expected points of shape (..., n_points, dim), got {x.ndim}-D of shape "
            f"{tuple(x.shape)}; give one row for each point"
        )
    n_points, dim = x.shape[-2:]
    if n_points == 0 or dim == 0:
        raise GeomsupError(
            f"expected at least one point and one dimension, got shape {tuple(x.shape)}"
        )
    if n_points > most:
        raise GeomsupError(
            f"expected at most {most} points, got {n_points}; all pairs of more do not fit into "
            "memory, so pass a subset"
        )
    lengths = xp.sqrt((x * x).sum(-1))
    off = _to_numpy(abs(lengths - 1.0))
    # The negated comparison also catches NaN.
    if off.size and not np.all(off <= _UNIT_TOLERANCE):
        at = tuple(int(k) for k in np.argwhere(~(off <= _UNIT_TOLERANCE))[0])
        where = f"point {at[-1]}" + (f" of configuration {at[:-1]}" if at[:-1] else "")
        raise GeomsupError(
            f"expected points on the unit sphere, got {where} of length "
            f"{float(lengths[at]):.6g}; divide each row by its length"
        )
    return x / lengths[..., None], xp


def _as_float64(points: object) -> np.ndarray[Any, Any]:
    try:
        x = np.asarray(points)
    # A foreign __array__ may raise anything, and numpy itself raises several kinds of error.
    except Exception as error:
        raise GeomsupError(
            f"expected points as an array of shape (..., n_points, dim), got a "
            f"{type(points).__name__} that numpy cannot read ({first_line(error)})"
        ) from error
    if x.dtype.kind not in "iuf":
        raise GeomsupError(
            f"expected points as real numbers, got {shorten(points)} of type {x.dtype.name}"
        )
    return x.astype(np.float64)


def _check_distinct(squared: Points, xp: Any) -> None:
    n = squared.shape[-1]
    near = _to_numpy(squared <= _COINCIDENT**2) & ~np.eye(n, dtype=bool)
    if near.any():
        *batch, i, j = (int(k) for k in np.argwhere(near)[0])
        count = int(near.sum()) // 2
        where = f" of configuration {tuple(batch)}" if batch else ""
        raise GeomsupError(
            f"points {i} and {j}{where} coincide"
            + (f" (and {count - 1} more pairs)" if count > 1 else "")
            + ", so the energy is infinite; drop one of the two or move them apart"
        )


def _cosines(x: Points) -> Points:
    return x @ x.swapaxes(-1, -2)


def _squared_distances(x: Points, xp: Any) -> Points:
    """|x_i − x_j|² of shape (..., n, n), to full relative precision also for close points."""
    squared = 2.0 - 2.0 * _cosines(x)
    close = xp.where(squared < _CLOSE)
    if len(close[0]) == 0:
        return squared
    *batch, i, j = close
    apart = x[(*batch, i)] - x[(*batch, j)]
    squared[close] = (apart * apart).sum(-1)
    return squared


def _without_diagonal(square: Points, filler: float, xp: Any) -> Points:
    n = square.shape[-1]
    eye = np.eye(n, dtype=bool)
    if xp is not np:
        eye = xp.as_tensor(eye, device=square.device)
    return xp.where(eye, filler, square)


def _largest(square: Points, xp: Any) -> tuple[Value, Points]:
    """Largest entry off the diagonal, and a symmetric matrix with ones at its first place.

    A single point has no such entry, and zeros; the value is then below −1.
    """
    n = square.shape[-1]
    square = _without_diagonal(square, -2.0, xp)
    flat = square.reshape(*square.shape[:-2], n * n)
    value = xp.amax(flat, -1)
    if n == 1:
        return value, xp.zeros_like(square)
    first = xp.argmax(flat, -1)
    places = xp.arange(n * n) if xp is np else xp.arange(n * n, device=square.device)
    chosen = (places == first[..., None]).reshape(square.shape)
    return value, xp.where(chosen | chosen.swapaxes(-1, -2), xp.ones_like(square), 0.0)


def _along_sphere(gradient: Points, x: Points, xp: Any) -> Points:
    return gradient - (gradient * x).sum(-1)[..., None] * x


def _to_numpy(values: Any) -> np.ndarray[Any, Any]:
    return np.asarray(values.detach().cpu() if hasattr(values, "detach") else values)


def _value(value: Any, points: object) -> Value:
    """A float for one configuration of numpy's, else the array or tensor itself."""
    if hasattr(value, "detach"):
        return value
    return float(value) if np.ndim(value) == 0 else value
