r"""The tail of a cosine with a Gaussian vector as the tail of a quadratic form.

:class:`geomsup.nulls.gaussian.MatchedNull` has the formulas: the form Q, its cumulant function K(s)
with the branch point s₊, and two integrals of it.  Here they are computed, for many pairs at once.

The cumulant function is kept as a short Taylor series, because Newton's method wants two
derivatives of it and the path of descent a third; sums, products and quotients of series need no
formula of their own for each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from scipy import special

__all__ = ["Forms", "Spectrum", "log_away", "log_both"]

FloatArray: TypeAlias = NDArray[np.float64]
# Real on the cut and at the saddle, complex on the path through it.
Numbers: TypeAlias = NDArray[Any]
_Series: TypeAlias = list[Numbers]

# Stands for s₊ where g has no root.
_FAR = 1e30
# A thresholds of 0 has its branch point at a division by 0; this one has the same tail.
_LEAST_T = 1e-15
# How closely a saddle or a peak must be met (in log s): the sums about it do not need it exact.
_CLOSE_ENOUGH = 0.02
# Of the path through the saddle, in the inverse hyperbolic sine of its height over its width;
# against steps of .1 in 6,000 tails of random nulls, two log p are off by over 2e-4: one by 5e-3
# at p = .74, one by 4e-7 of itself at log p = -48,160.  The nodes are more than ever needed.
_PATH_STEP = 0.4
_PATH_NODES = 160
# The nodes reach half of this factor of e beyond the eigenvalues, which may all be equal.
_SPARE = 0.1
# By how much log|e^K / s| may rise from node to node of a path that bends well.
_CLIMB = 0.01
# A sum has ended when its terms are this share of it.
_NEGLIGIBLE = 1e-6
# Where a Gaussian hardly leaves a line, log p is -1e20 and rounded by more than e can be raised to.
_MOST_RISE = 700.0


class Spectrum(NamedTuple):
    """Eigenvalues, or few nodes that stand for many in every sum over them.

    All sums are Σ w_k f(τ λ_k) with f(x) = 1/(1+x) or log(1+x), whose nearest singularity in log λ
    is π − |arg τ| away.  So f is its own Chebyshev interpolant in log λ to 7 digits on 5.5 nodes
    for every factor e between the eigenvalues, and the weights are handed to the nodes.
    """

    values: FloatArray  # λ at the nodes (k,)
    shares: FloatArray | None  # (m, k), of the eigenvalues in the nodes; None: one each
    counts: FloatArray  # (k,)
    mean_squared: FloatArray  # μ² (k,)

    @classmethod
    def of(cls, variances: FloatArray, mean: FloatArray) -> Spectrum:
        positive = variances > 0
        logs = np.log(variances[positive])
        low, high = logs.min(), logs.max()
        n_nodes = int(10 + 5.5 * (high - low))
        n_zero = int(not positive.all())
        if n_nodes + n_zero >= variances.size:
            return cls(variances, None, np.ones_like(variances), mean**2)
        angles = np.pi * np.arange(n_nodes) / (n_nodes - 1)
        nodes = (low + high) / 2 - (high - low + _SPARE) / 2 * np.cos(angles)
        factors = np.where(np.arange(n_nodes) % 2, -1.0, 1.0)
        factors[[0, -1]] /= 2
        gaps = logs[:, None] - nodes
        exact = gaps == 0
        parts = factors / np.where(exact, 1.0, gaps)
        parts = np.where(exact.any(axis=1, keepdims=True), exact, parts)
        shares = np.zeros((variances.size, n_nodes + n_zero))
        shares[positive, n_zero:] = parts / parts.sum(axis=1, keepdims=True)
        shares[~positive, :n_zero] = 1.0
        values = np.concatenate([np.zeros(n_zero), np.exp(nodes)])
        return cls(values, shares, shares.sum(axis=0), mean**2 @ shares)

    def gather(self, weights: FloatArray) -> FloatArray:
        """Weights (p, m) of eigenvalues as weights (p, k) of nodes."""
        return weights if self.shares is None else weights @ self.shares


class Forms(NamedTuple):
    """The quadratic forms of a block of pairs, and where their K(s) ends."""

    spectrum: Spectrum
    a_mean: FloatArray  # a·μ (p, k)
    t2: FloatArray  # (p,)
    end: FloatArray  # s₊ (p,), the root of g, or _FAR
    g_end: FloatArray  # g(s₊) (p,): 0, or above 0 where g has no root
    weights: FloatArray  # a² λ d(s₊) (p, k)

    @classmethod
    def of(
        cls, spectrum: Spectrum, a_squared: FloatArray, a_mean: FloatArray, t: FloatArray
    ) -> Forms:
        t2 = np.maximum(t, _LEAST_T) ** 2
        spread = spectrum.gather(a_squared) * spectrum.values
        end = _end(spectrum.values, spread, t2)
        weights = spread / (1 + 2 * (end * t2)[:, None] * spectrum.values)
        g_end = np.where(end < _FAR, 0.0, 1 - 2 * end * weights.sum(axis=1))
        return cls(spectrum, spectrum.gather(a_mean), t2, end, np.maximum(g_end, 0.0), weights)

    def select(self, mask: NDArray[np.bool_]) -> Forms:
        return Forms(
            self.spectrum,
            self.a_mean[mask],
            self.t2[mask],
            self.end[mask],
            self.g_end[mask],
            self.weights[mask],
        )

    def mean_at_end(self) -> FloatArray:
        """m(s₊)."""
        shrink = 1 / (1 + 2 * (self.end * self.t2)[:, None] * self.spectrum.values)
        return _dot(self.a_mean, shrink)

    def series(self, s: Numbers, past: Numbers, order: int) -> _Series:
        """Taylor coefficients of K at s = s₊ + past, of |g| where g is negative.

        `past` is given beside `s`, because their difference would lose every digit near s₊.
        """
        _, _, counts, mean_squared = self.spectrum
        pole = 2 * self.t2[:, None] * self.spectrum.values
        d = _reciprocal(1 + s[:, None] * pole)
        ratio = -pole * d  # of d's consecutive coefficients
        power, powers = d, [d]
        for _ in range(order):
            power = power * ratio
            powers.append(power)
        log_det = [-(_log(d) @ counts)]
        log_det += [-(ratio**j @ counts) / j for j in range(1, order + 1)]
        m = [_dot(self.a_mean, power) for power in powers]
        pull = [power @ mean_squared for power in powers]
        weight = [_dot(self.weights, power) for power in powers]
        # g(s) = g(s₊) + 2 (s₊ − s) Σ a² λ d(s₊) d(s), without cancellation.
        g = [-2 * c for c in _times_variable(past, weight)]
        g[0] = g[0] + self.g_end
        lift = _times_variable(s, _quotient(_product(m, m), g))
        pull = _times_variable(s * self.t2, pull, self.t2)
        return [
            lift[j] - pull[j] - 0.5 * (log_det[j] + log_g) for j, log_g in enumerate(_logarithm(g))
        ]


def _end(variances: FloatArray, spread: FloatArray, t2: FloatArray) -> FloatArray:
    """The root s₊ of g, or _FAR: with r = 1/s, 1 = Σ 2a²λ/(r + 2t²λ).

    The reciprocal of the sum is concave in r and nearly straight, so that Newton's method climbs to
    the root from r = 0 in few steps.
    """
    r = np.zeros_like(t2)
    positive = variances > 0
    spread, variances = 2 * spread[:, positive], 2 * variances[positive]
    for _ in range(100):
        inverse = 1 / (r[:, None] + t2[:, None] * variances)
        total, slope = _dot(spread, inverse), _dot(spread, inverse**2)
        with np.errstate(divide="ignore", invalid="ignore"):
            step = total * (total - 1) / slope  # (1 − 1/total) / (slope / total²)
        step = np.where(total > 1, step, 0.0)
        r = r + step
        if np.all(step <= 1e-15 * r):
            break
    with np.errstate(divide="ignore"):
        return np.minimum(1 / r, _FAR)


def log_away(forms: Forms) -> FloatArray:
    """The logarithm of the tail on the side away from m(s₊); −inf where there is no cut."""
    log_p = np.full(forms.end.size, -np.inf)
    cut = forms.end < _FAR
    if cut.any():
        log_p[cut] = _log_cut_integral(forms.select(cut))
    return log_p


def _log_cut_integral(forms: Forms) -> FloatArray:
    """log of ∫ e^K ds/(2πs) beyond s₊, in ζ with s = s₊ (1 + e^(2ζ))."""

    def integrand(zeta: FloatArray, order: int) -> list[FloatArray]:
        past = forms.end * np.exp(2 * zeta)
        s = forms.end + past
        value, *slopes = forms.series(s, past, order)
        value = value + np.log(2 * past / s)
        if not order:
            return [value]
        first = 2 * past * (slopes[0] - 1 / s)
        return [value, 2 + first, 2 * first + 4 * past**2 * (2 * slopes[1] + 1 / s**2)]

    def falling(zeta: FloatArray) -> tuple[FloatArray, FloatArray]:
        _, first, second = integrand(zeta, 2)
        return -first, -second

    # Where it is for a round Gaussian without mean.
    start = np.full_like(forms.end, -0.5 * np.log(forms.spectrum.counts.sum()))
    top = _rising_root(falling, start)
    peak, _, second = integrand(top, 2)
    # In steps of .5 the integral of the round case is off by 1.4e-4.
    step = np.minimum(0.5, 0.8 / np.sqrt(np.maximum(-second, 1e-6)))
    total = np.ones_like(peak)
    for direction in (-1, 1):  # at the slowest it falls like e^-|ζ|
        for j in range(1, 40):
            rise = integrand(top + direction * j * step, 0)[0] - peak
            term = np.exp(np.minimum(rise, _MOST_RISE))
            total += term
            if np.all(term < _NEGLIGIBLE * total):
                break
    return peak + np.log(total * step / (2 * np.pi))


def log_both(forms: Forms) -> FloatArray:
    """log P(Q > 0), on a path down from the saddle point of K(s) − log s that bends with it."""

    def place(logit: FloatArray) -> tuple[FloatArray, FloatArray]:
        return forms.end * special.expit(logit), -forms.end * special.expit(-logit)

    def rising(logit: FloatArray) -> tuple[FloatArray, FloatArray]:
        s, past = place(logit)
        left = -past / forms.end
        _, first, second = forms.series(s, past, 2)
        slope = s * left * (first - 1 / s)
        return slope, (2 * left - 1) * slope + (s * left) ** 2 * (2 * second + 1 / s**2)

    _, first, second = forms.series(np.zeros_like(forms.end), -forms.end, 2)
    start = np.minimum(1 / np.sqrt(2 * second + first**2), forms.end / 2)
    s, past = place(_rising_root(rising, np.log(start / (forms.end - start))))
    # Where it falls to the far end Q is bounded, and below 0.
    log_p = np.full_like(s, -np.inf)
    exists = s < 0.5 * _FAR
    if exists.any():
        log_p[exists] = _log_path_integral(forms.select(exists), s[exists], past[exists])
    return log_p


def _log_path_integral(forms: Forms, s: FloatArray, past: FloatArray) -> FloatArray:
    """log of ∫ e^K ds/(2πis) through the saddle points s."""
    value, _, second, third = forms.series(s, past, 3)
    value, second, third = value - np.log(s), second + 0.5 / s**2, third - 1 / (3 * s**3)
    width = 1 / np.sqrt(2 * second)
    # The path of steepest descent is s + (third / 2 second) y² + iy, to second order in y.
    # Where the pole at 0 shapes the saddle, p is no small number and e^K turns on the way down.
    step = np.where(width > 0.5 * s, _PATH_STEP / 2, _PATH_STEP)
    total, climbs = _path_sum(forms, s, past, value, width, third / second, step)
    if climbs.any():
        # On a straight path |e^K| never exceeds its value at the saddle, but it may turn often.
        parts = (part[climbs] for part in (s, past, value, width, np.zeros_like(s), step / 2))
        total[climbs] = _path_sum(forms.select(climbs), *parts)[0]
    with np.errstate(divide="ignore"):
        log_p: FloatArray = value + np.log(np.maximum(total, 0.0))
    return log_p


def _path_sum(
    forms: Forms,
    s: FloatArray,
    past: FloatArray,
    value: FloatArray,
    width: FloatArray,
    bend: FloatArray,
    step: FloatArray,
) -> tuple[FloatArray, NDArray[np.bool_]]:
    """The integral over e^value, and where the integrand climbs on its way."""
    total, lowest, climbs = np.zeros_like(s), np.zeros_like(s), np.zeros(s.shape, dtype=np.bool_)
    for j in range(_PATH_NODES):  # on half of it; the other half is the mirror image
        x = (j + 0.5) * step
        y = width * np.sinh(x)
        root = np.sqrt(1 + (bend * y) ** 2)
        offset = bend * y**2 / (1 + root) + 1j * y
        speed = (bend * y / root + 1j) * width * np.cosh(x)
        exponent = forms.series(s + offset, past + offset, 0)[0] - np.log(s + offset) - value
        climbs |= exponent.real > lowest + _CLIMB
        lowest = exponent.real
        term = np.where(climbs, 0, np.exp(np.where(climbs, 0, exponent)) * speed)
        total += term.imag
        if np.all(np.abs(term) <= _NEGLIGIBLE * np.abs(total)):
            break
    return total * step / np.pi, climbs


def _rising_root(
    function: Callable[[FloatArray], tuple[FloatArray, FloatArray]], start: FloatArray
) -> FloatArray:
    """Where functions change sign from − to +: Newton's method inside a shrinking bracket."""
    low, high, x = np.full_like(start, -80.0), np.full_like(start, 80.0), start
    for _ in range(60):
        value, slope = function(x)
        low, high = np.where(value < 0, x, low), np.where(value < 0, high, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            new = x - value / slope
        # The middle of the first brackets is far from anything, so no step is long.
        new = np.where((slope > 0) & (new > low) & (new < high), new, (low + high) / 2)
        new = np.clip(new, x - 4, x + 4)
        done = np.abs(new - x).max() < _CLOSE_ENOUGH
        x = new
        if done:
            break
    return x


def _reciprocal(z: Numbers) -> Numbers:
    """1/z; z lies near the real axis or right of the imaginary one, so that |z|² is no extreme."""
    return z.conj() / (z.real**2 + z.imag**2) if np.iscomplexobj(z) else 1 / z


def _log(z: Numbers) -> Numbers:
    """log z from real functions, which are vectorised where the complex one is not: 20 × faster."""
    if not np.iscomplexobj(z):
        return np.log(z)
    log = np.empty_like(z)
    log.real = np.log(z.real**2 + z.imag**2) / 2
    log.imag = np.arctan2(z.imag, z.real)
    return log


def _dot(left: FloatArray, right: Numbers) -> Numbers:
    sums: Numbers = np.einsum("pm,pm->p", left, right)
    return sums


def _product(left: _Series, right: _Series) -> _Series:
    return [
        np.sum([left[i] * right[j - i] for i in range(j + 1)], axis=0) for j in range(len(left))
    ]


def _times_variable(value: Numbers, series: _Series, slope: Numbers | float = 1.0) -> _Series:
    """(value + slope·ε) times a series in ε."""
    shifted = [0.0, *(slope * c for c in series)]
    return [value * c + before for c, before in zip(series, shifted, strict=False)]


def _quotient(top: _Series, bottom: _Series) -> _Series:
    result: _Series = []
    for j, c in enumerate(top):
        known = sum(bottom[i] * result[j - i] for i in range(1, j + 1))
        result.append((c - known) / bottom[0])
    return result


def _logarithm(series: _Series) -> _Series:
    """log|series| of a real series, to third order; the principal value of a complex one."""
    first = series[0]
    r = [c / first for c in series[1:]]
    log = [np.log(first) if np.iscomplexobj(first) else np.log(np.abs(first))]
    if len(r) > 0:
        log.append(r[0])
    if len(r) > 1:
        log.append(r[1] - r[0] ** 2 / 2)
    if len(r) > 2:
        log.append(r[2] - r[0] * r[1] + r[0] ** 3 / 3)
    return log
