"""One row by its Fourier series; the twin of :mod:`geomsup.theory.series`.

Terms go through in blocks of LANES.  A block's waves e^{iz} are its first one, turned on by a
pattern that is computed once; the first one comes from the block before and every few blocks from a
sine and a cosine, so that rounding does not grow along the series.
"""

from __future__ import annotations

from math import factorial

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.compiled.counting import STATE, many_present, many_without_each
from geomsup.theory.compiled.jit import LANES, inlined, kernel, part, size_of
from geomsup.theory.compiled.moments import moments_of_many

__all__ = ["series_row"]

FloatArray = NDArray[np.float64]

_EPS = float(np.finfo(np.float64).eps)
_TWO, _MORE = 2 * LANES, 4 * LANES
# Where |z| is smaller, the closed forms of σ, κ and κ₂ cancel and their power series serve.
_SMALL = 0.5
_ORDER = 7
# ∫₀¹ u^power e^{izu} du = Σ_m (iz)^m / (m! (m + power + 1)): the even m, and the odd ones.
_EVEN = np.array(
    [[(-1.0) ** m / factorial(2 * m) / (2 * m + k) for m in range(_ORDER)] for k in (1, 2, 3)]
)
_ODD = np.array(
    [
        [(-1.0) ** m / factorial(2 * m + 1) / (2 * m + 1 + k) for m in range(_ORDER)]
        for k in (1, 2, 3)
    ]
)
# After so many blocks the first wave of a block is taken from a sine and a cosine again.
_RENEWED = 8
# Sums over the terms, each with a place for every lane.
_RHO2, _RHO1, _OWN_RHO0, _OWN_RHO1, _OWN_OPEN, _N_SUMS = range(6)


@kernel
def series_row(
    a: FloatArray,
    b: float,
    own: int,
    p: FloatArray,
    H: float,
    n_terms: int,
    n_gradient_terms: int,
    grad_a: FloatArray,
) -> tuple[float, float, float, float]:
    """Loss, gradient in b, and the bounds on the rounding of both, of many active features.

    `n_terms` odd terms of the series, at least the first `n_gradient_terms` of them for the
    gradient too.  Adds to `grad_a`.
    """
    n = len(a)
    lanes, each = np.zeros((_N_SUMS, LANES)), np.zeros((n, 2 * LANES))
    _add_terms(a, b, own, p, H, n_terms, n_gradient_terms, lanes, each)
    sums = np.zeros(_N_SUMS)
    for i in range(_N_SUMS):
        for lane in lanes[i]:
            sums[i] += lane
    scale2, scale1, scale0 = -8.0 * H * H / np.pi**3, -4.0 * H / np.pi**2, 4.0 / np.pi
    x, xz, own_x = np.empty(n), np.empty(n), np.empty(n)
    chance, z, z2, size = moments_of_many(a, b, own, p, x, xz, own_x)
    own_x_relu = 0.0
    # relu² = (s² + Hs + ρ₂)/2, relu = (s + H/2 + ρ₁)/2 and 1(s>0) = (1 + ρ₀)/2.
    for j in range(n):
        of_x = of_both = 0.0
        for i in range(LANES):
            of_x += each[j, i]
            of_both += each[j, LANES + i]
        x_rho1 = scale1 * p[j] * of_x
        own_x_rho0 = scale0 * p[own] * p[j] * of_both
        if j == own:
            x_rho1 = scale1 * sums[_OWN_RHO1]
            own_x_rho0 = scale0 * sums[_OWN_OPEN]
            own_x_relu = 0.5 * (xz[j] + 0.5 * H * x[j] + x_rho1)
        grad_a[j] += xz[j] + 0.5 * H * x[j] + x_rho1 - own_x[j] - own_x_rho0
    relu2 = 0.5 * (z2 + H * z + scale2 * sums[_RHO2])
    relu = 0.5 * (z + 0.5 * H * chance + scale1 * sums[_RHO1])
    grad_b = 2.0 * relu - x[own] - scale0 * sums[_OWN_RHO0]
    # Each phase takes n + log K products; Σ k⁻³ and Σ k⁻² are below 1.1 and 1.3, and Σ k⁻¹ over
    # fewer than 2¹⁵ terms below 7.
    of_loss = 0.3 * H * H * chance + 2.0 * H * x[own] + 0.5 * size + own_x[own]
    of_slope = 4.0 * (H + abs(b) + size_of(a)) * chance + 16.0 * x[own]
    error = (n + 24.0) * _EPS
    return own_x[own] - 2.0 * own_x_relu + relu2, grad_b, error * of_loss, error * of_slope


@part
def _add_terms(
    a: FloatArray,
    b: float,
    own: int,
    p: FloatArray,
    H: float,
    n_terms: int,
    n_gradient_terms: int,
    sums: FloatArray,
    each: FloatArray,
) -> None:
    """All blocks of terms."""
    n = len(a)
    step = np.empty(n + 1)  # of every feature, and of the constant
    for j in range(n):
        step[j] = a[j] * (np.pi / H)
    step[n] = b * (np.pi / H)
    turns, anchors = np.empty((n + 1, 2 * LANES)), np.empty((n + 1, 4))
    for j in range(n + 1):
        _fill_turns(step[j], turns, j)
    k, inverse = np.empty((2, LANES))
    waves, sigma = np.empty((n + 1, 2 * LANES)), np.empty((n, 2 * LANES))
    kappa = np.empty((n, 2 * LANES))
    own_kappa2, state, others = np.empty((1, 2 * LANES)), np.empty(STATE), np.empty((n, 4 * LANES))
    for start in range(0, n_terms, LANES):
        width = min(LANES, n_terms - start)
        for i in range(width):
            k[i] = 2.0 * (start + i) + 1.0
            inverse[i] = 1.0 / k[i]
        with_gradient = start < n_gradient_terms
        for j in range(n + 1):
            _turn(step[j], k[0], start % (_RENEWED * LANES) == 0, anchors, j)
            _times(turns, anchors[j, 0], anchors[j, 1], j, 0, width, waves)
        for j in range(n):
            _fill_factors(step[j], k, inverse, waves, j, width, sigma, kappa)
        if with_gradient:
            _fill_kappa2(step[own], k, inverse, waves, own, width, kappa, own_kappa2)
            many_without_each(p, sigma, n, own, width, state, others)
        else:
            for i in range(2 * LANES):
                own_kappa2[0, i] = 0.0
            many_present(p, sigma, n, own, width, state)
        shift, own_sigma, own_kappa = waves[n], sigma[own], kappa[own]
        _add_row(inverse, shift, p[own], own_sigma, own_kappa, own_kappa2[0], state, width, sums)
        if with_gradient:
            for j in range(n):
                if j != own:
                    _add_feature(
                        inverse, shift, p[own], own_sigma, own_kappa, kappa, others, j, width, each
                    )


@kernel
def _fill_turns(step: float, turns: FloatArray, j: int) -> None:
    """e^{2i step l} for every lane l, by doubling: a product is cheaper than a sine.

    Squares of squares would double each other's rounding, so every fourth power is taken anew.
    """
    turns[j, 0], turns[j, LANES] = 1.0, 0.0
    re = im = 0.0
    done, doublings = 1, 0
    while done < LANES:
        if doublings % 3 == 0:
            re, im = np.cos(2.0 * step * done), np.sin(2.0 * step * done)
        else:
            re, im = (re - im) * (re + im), 2.0 * re * im
        _times(turns, re, im, j, done, done, turns)
        done *= 2
        doublings += 1


@inlined
def _turn(step: float, first: float, anew: bool, anchors: FloatArray, j: int) -> None:
    """e^{i step k} of a block's first k, from that of the block before where it is not `anew`."""
    if anew:
        anchors[j, 0], anchors[j, 1] = np.cos(step * first), np.sin(step * first)
        anchors[j, 2], anchors[j, 3] = np.cos(2.0 * LANES * step), np.sin(2.0 * LANES * step)
    else:
        re, im = anchors[j, 0], anchors[j, 1]
        anchors[j, 0] = re * anchors[j, 2] - im * anchors[j, 3]
        anchors[j, 1] = re * anchors[j, 3] + im * anchors[j, 2]


@inlined
def _times(
    waves: FloatArray, re: float, im: float, j: int, at: int, width: int, out: FloatArray
) -> None:
    """The first lanes of `waves`, turned by re + i im, into those of `out` from `at` on."""
    for i in range(width):
        out[j, at + i] = waves[j, i] * re - waves[j, LANES + i] * im
        out[j, LANES + at + i] = waves[j, i] * im + waves[j, LANES + i] * re


@inlined
def _fill_factors(
    step: float,
    k: FloatArray,
    inverse_k: FloatArray,
    waves: FloatArray,
    j: int,
    width: int,
    sigma: FloatArray,
    kappa: FloatArray,
) -> None:
    """σ = (e^{iz} − 1)/(iz), the mean of e^{izu}, and κ = (e^{iz} − σ)/(iz), that of u e^{izu}."""
    inverse_step = 1.0 / step
    for i in range(width):
        inverse = inverse_step * inverse_k[i]
        re, im = waves[j, LANES + i] * inverse, (1.0 - waves[j, i]) * inverse
        sigma[j, i], sigma[j, LANES + i] = re, im
        kappa[j, i] = (waves[j, LANES + i] - im) * inverse
        kappa[j, LANES + i] = (re - waves[j, i]) * inverse
    _fill_small(step, k, width, 0, sigma, j)
    _fill_small(step, k, width, 1, kappa, j)


@kernel
def _fill_kappa2(
    step: float,
    k: FloatArray,
    inverse_k: FloatArray,
    waves: FloatArray,
    j: int,
    width: int,
    kappa: FloatArray,
    out: FloatArray,
) -> None:
    """κ₂ = (e^{iz} − 2κ)/(iz), the mean of u² e^{izu}."""
    inverse_step = 1.0 / step
    for i in range(width):
        inverse = inverse_step * inverse_k[i]
        out[0, i] = (waves[j, LANES + i] - 2.0 * kappa[j, LANES + i]) * inverse
        out[0, LANES + i] = (2.0 * kappa[j, i] - waves[j, i]) * inverse
    _fill_small(step, k, width, 2, out, 0)


@kernel
def _fill_small(
    step: float, k: FloatArray, width: int, power: int, out: FloatArray, j: int
) -> None:
    """The mean of u^power e^{izu} by its power series, in the first lanes, where z is small."""
    n_small = 0
    while n_small < width and abs(step * k[n_small]) < _SMALL:
        n_small += 1
    for i in range(n_small):
        z = step * k[i]
        even, odd = 0.0, 0.0
        for m in range(_ORDER - 1, -1, -1):
            even = _EVEN[power, m] + z * z * even
            odd = _ODD[power, m] + z * z * odd
        out[j, i], out[j, LANES + i] = even, z * odd


@kernel
def _add_row(
    inverse_k: FloatArray,
    shift: FloatArray,
    own_p: float,
    sigma: FloatArray,
    kappa: FloatArray,
    kappa2: FloatArray,
    state: FloatArray,
    width: int,
    sums: FloatArray,
) -> None:
    """φ, and φ with x_own and with x_own² in front."""
    rho2, rho1, own_rho0 = sums[_RHO2], sums[_RHO1], sums[_OWN_RHO0]
    own_rho1, own_open = sums[_OWN_RHO1], sums[_OWN_OPEN]
    for i in range(width):
        more_re, more_im = state[_MORE + i], state[_MORE + LANES + i]
        # One active feature fewer is enough where the own one is active too.
        with_re = own_p * (more_re + state[_TWO + i])
        with_im = own_p * (more_im + state[_TWO + LANES + i])
        re = (1.0 - own_p) * more_re + sigma[i] * with_re - sigma[LANES + i] * with_im
        im = (1.0 - own_p) * more_im + sigma[i] * with_im + sigma[LANES + i] * with_re
        inverse = inverse_k[i]
        turned = shift[i] * re - shift[LANES + i] * im
        rho2[i] += (shift[i] * im + shift[LANES + i] * re) * inverse * inverse * inverse
        rho1[i] += turned * inverse * inverse
        own_re = shift[i] * with_re - shift[LANES + i] * with_im
        own_im = shift[i] * with_im + shift[LANES + i] * with_re
        own_rho1[i] += (kappa[i] * own_re - kappa[LANES + i] * own_im) * inverse * inverse
        own_rho0[i] += (kappa[i] * own_im + kappa[LANES + i] * own_re) * inverse
        own_open[i] += (kappa2[i] * own_im + kappa2[LANES + i] * own_re) * inverse


@inlined
def _add_feature(
    inverse_k: FloatArray,
    shift: FloatArray,
    own_p: float,
    own_sigma: FloatArray,
    own_kappa: FloatArray,
    kappa: FloatArray,
    others: FloatArray,
    j: int,
    width: int,
    each: FloatArray,
) -> None:
    """φ with x_j in front, and with x_j x_own, without the factors p_j and p_own."""
    for i in range(width):
        more_re, more_im = others[j, i], others[j, LANES + i]
        some_re, some_im = more_re + others[j, _TWO + i], more_im + others[j, _TWO + LANES + i]
        inverse = inverse_k[i]
        turned_re = shift[i] * kappa[j, i] - shift[LANES + i] * kappa[j, LANES + i]
        turned_im = shift[i] * kappa[j, LANES + i] + shift[LANES + i] * kappa[j, i]
        both_re = turned_re * some_re - turned_im * some_im
        both_im = turned_re * some_im + turned_im * some_re
        alone = turned_re * more_re - turned_im * more_im
        with_own = own_sigma[i] * both_re - own_sigma[LANES + i] * both_im
        each[j, i] += ((1.0 - own_p) * alone + own_p * with_own) * inverse * inverse
        each[j, LANES + i] += (own_kappa[i] * both_im + own_kappa[LANES + i] * both_re) * inverse
