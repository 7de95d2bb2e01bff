r"""How often chance alone brings two directions as close as they are, without sampling.

Two backgrounds: independent uniform directions (:class:`IsotropicNull`), and directions of a
Gaussian with the mean and the covariance of the matrix itself (:class:`MatchedNull`), which
shares the matrix's anisotropy.  :func:`benjamini_hochberg` turns the p-values of the closest
pairs among very many into a list with a bounded share of false ones.

Everything stays in logarithms, because a p-value that survives 10¹¹ comparisons is small.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import integrate, special

from geomsup.errors import GeomsupError
from geomsup.validation import brief, number_within, numbers, positive_integer, whole_number
from geomsup.weights import as_weights

__all__ = ["IsotropicNull", "MatchedNull", "benjamini_hochberg"]

FloatArray = NDArray[np.float64]
# Real on the cut and at the saddle, complex on the path through it.
_Numbers = TypeVar("_Numbers", FloatArray, NDArray[np.complex128])

# Pairs times dimensions that are worked on at once: 2 MB an array, which stays in a cache.
_BLOCK = 2**18
# Below it betainc loses digits to subnormal numbers.
_TINY = 1e-290
# Stands for s₊ where g has no root.
_FAR = 1e30
# A thresholds of 0 has its branch point at a division by 0; this one has the same tail.
_LEAST_T = 1e-15
# How closely a saddle or a peak must be met (in log s): the sums about it do not need it exact.
_CLOSE_ENOUGH = 0.02
# Of the path through the saddle, in the inverse hyperbolic sine of its height over its width.
_PATH_STEP = 0.2
# A sum has ended when its terms are this share of it.
_NEGLIGIBLE = 1e-6


class IsotropicNull:
    r"""Cosines between independent, uniformly distributed directions.

    The square of the cosine between a fixed and a uniform direction in :math:`d` dimensions has
    the law Beta(½, (d−1)/2), so

    .. math:: P(|\cos| > t) = I_{1-t^2}\left(\tfrac{d-1}{2}, \tfrac12\right),

    with the regularised incomplete beta function :math:`I`; one side has half of it.

    Parameters
    ----------
    dim : int
        Number of dimensions, at least 2.

    Examples
    --------
    >>> from geomsup.nulls import IsotropicNull
    >>> null = IsotropicNull(128)
    >>> round(null.expected_abs, 6), round(null.expected_max(1024), 5)
    (0.070662, 0.29879)
    >>> float(null.log_tail(0.99)) < -200
    True
    """

    def __init__(self, dim: int) -> None:
        self.dim = whole_number("dim", dim, 2)

    def __repr__(self) -> str:
        return f"IsotropicNull(dim={self.dim})"

    def log_tail(self, t: ArrayLike, *, sign: int | None = None) -> FloatArray:
        """Logarithm of P(\\|cos\\| > t), or with `sign` of P(sign·cos > t).

        Parameters
        ----------
        t : array_like
            Thresholds in [−1, 1], of any shape.
        sign : 1, -1 or None, default None
            One side, or (None) both.  The two sides are equal here.

        Returns
        -------
        ndarray of the shape of `t`
            Natural logarithms; −inf at t = 1.
        """
        t = _cosines("t", t)
        both = self._log_two_sided(np.abs(t))
        if sign is None:
            return np.where(t < 0, 0.0, both)
        _signs(sign)
        half = both - np.log(2)
        return np.where(t < 0, np.log1p(-np.exp(half)), half)

    @property
    def expected_abs(self) -> float:
        """E|cos| = Γ(d/2) / (√π Γ((d+1)/2))."""
        return float(1 / (np.sqrt(np.pi) * special.poch(self.dim / 2, 0.5)))

    def expected_max(self, n: int) -> float:
        """E max|cos| of one direction with `n` independent others, ∫ 1 − (1 − P(|cos| > t))ⁿ dt."""
        n = positive_integer("n", n)

        def some_beyond(t: float) -> float:
            with np.errstate(divide="ignore"):
                none = n * np.log1p(-np.exp(self._log_two_sided(np.float64(t))))
            return float(-np.expm1(none))

        # The integrand falls from 1 to 0 about the threshold that one of n exceeds.
        middle = float(np.sqrt(1 - special.betaincinv((self.dim - 1) / 2, 0.5, 1 / n)))
        edges = np.clip(middle * np.array([0, 0.5, 0.8, 1, 1.2, 1.5, 2]), 0, 1).tolist() + [1.0]
        return float(
            sum(
                integrate.quad(some_beyond, a, b, epsabs=1e-10)[0]
                for a, b in zip(edges, edges[1:], strict=False)
                if a < b
            )
        )

    def _log_two_sided(self, t: ArrayLike) -> FloatArray:
        t = np.asarray(t, dtype=np.float64)
        a = (self.dim - 1) / 2
        x = (1 - t) * (1 + t)
        tail = special.betainc(a, 0.5, x)
        with np.errstate(divide="ignore", invalid="ignore"):
            # I_x(a, b) = x^a (1−x)^b / (a B(a, b)) · ₂F₁(a+b, 1; a+1; x), DLMF 8.17.8
            far = a * np.log(x) + np.log(t) - np.log(a) - special.betaln(a, 0.5)
            far = far + np.log(special.hyp2f1(a + 0.5, 1.0, a + 1, np.where(tail > _TINY, 0, x)))
            near = np.log1p(-special.betainc(0.5, a, t * t))
            log_tail = np.where(tail > 0.5, near, np.where(tail > _TINY, np.log(tail), far))
        return np.where(x <= 0, -np.inf, log_tail)


class MatchedNull:
    r"""Cosines with the direction of a Gaussian that has the mean and covariance of a matrix.

    For a unit direction :math:`u` and :math:`v \sim N(\mu, \Sigma)`, so that :math:`v/|v|` has an
    angular Gaussian law [1]_,

    .. math:: \cos(u, v) > t \ge 0 \iff Q = v^\top (u u^\top - t^2 I) v > 0, \; x = u^\top v > 0.

    In the eigenbasis of :math:`\Sigma` (eigenvalues :math:`\lambda_k`, entries :math:`a_k` of
    :math:`u`), with :math:`d_k = 1/(1 + 2 s t^2 \lambda_k)`, the cumulant function of :math:`Q` is

    .. math::

        K(s) = -\tfrac12 \sum_k \log(1 + 2 s t^2 \lambda_k) - s t^2 \sum_k \mu_k^2 d_k
               - \tfrac12 \log g + s \, m^2 / g, \quad
        m = \sum_k a_k \mu_k d_k, \quad g = 1 - 2 s \sum_k a_k^2 \lambda_k d_k,

    analytic off the real axis, with a branch point at the only root :math:`s_+ > 0` of :math:`g`.

    Notes
    -----
    Both sides together are the inversion integral of :math:`e^{K(s)}/s` on a path through the
    saddle point of :math:`K(s) - \log s` [2]_.  With the half space, :math:`Q` has the transform
    :math:`e^{K(s)} \Phi(m / \sqrt{g \sum a^2 \lambda d})`.  Its path can be laid around the cut
    :math:`[s_+, \infty)` when :math:`m(s_+) \le 0`, where the two banks differ by a Gaussian
    integral over :math:`x \in i\mathbb{R}`, and what is left is real and positive:

    .. math:: P(\text{the side away from } m(s_+)) =
              \frac{1}{2\pi} \int_{s_+}^\infty |g|^{-1/2} e^{K(s) + \frac12 \log g} \frac{ds}{s}.

    The other side is the difference of the two integrals.  Lugannani and Rice's formula [3]_ is what
    is left of the first when it is expanded at its saddle point; near the branch point of a
    variable with one positive degree of freedom that costs 3–10 % [4]_, so both integrals are
    summed by the trapezoidal rule in variables in which that converges geometrically.  For
    :math:`\mu = 0, \Sigma = I` the second one *is* the incomplete beta integral of
    :class:`IsotropicNull`.  Memory does not depend on the number of pairs; time is O(m) for each.

    References
    ----------
    .. [1] D. E. Tyler (1987), Statistical analysis for the angular central Gaussian distribution
       on the sphere. Biometrika 74, 579–589.
    .. [2] S. O. Rice (1980), Distribution of quadratic forms in normal random variables: evaluation
       by numerical integration. SIAM J. Sci. Stat. Comput. 1, 438–448.
    .. [3] R. Lugannani, S. O. Rice (1980), Saddle point approximation for the distribution of the
       sum of independent random variables. Adv. Appl. Prob. 12, 475–490.
    .. [4] R. W. Butler (2007), Saddlepoint Approximations with Applications. Cambridge.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup.nulls import MatchedNull
    >>> W = np.random.default_rng(0).normal(size=(16, 500)) + 0.5  # columns are features
    >>> null = MatchedNull.of(W, feature_axis=-1)
    >>> u = np.ones(16)  # along the mean: large cosines are common on its side alone
    >>> np.round(null.log_tail(u, 0.5, sign=[1, -1]), 1)
    array([-0.8, -8.8])
    """

    def __init__(self, mean: ArrayLike, covariance: ArrayLike) -> None:
        mean, covariance = numbers("mean", mean), numbers("covariance", covariance)
        if mean.ndim != 1 or covariance.shape != (mean.size, mean.size):
            raise GeomsupError(
                "expected a mean of shape (m,) and a covariance of shape (m, m), "
                f"got {mean.shape} and {covariance.shape}"
            )
        if not (np.isfinite(mean).all() and np.isfinite(covariance).all()):
            raise GeomsupError("mean and covariance must be finite")
        largest = np.abs(covariance).max(initial=0.0)
        if np.abs(covariance - covariance.T).max(initial=0.0) > 1e-8 * largest:
            raise GeomsupError("covariance must be symmetric; pass (C + C.T) / 2")
        variances, basis = np.linalg.eigh((covariance + covariance.T) / 2)
        if not variances.size or variances[0] < -1e-8 * largest or variances[-1] <= 0:
            raise GeomsupError(
                "expected a covariance with a positive eigenvalue and no negative one, got "
                f"{brief(variances)}; features that are all alike have no background"
            )
        variances[variances < mean.size * np.finfo(float).eps * variances[-1]] = 0.0
        self._set(basis.T @ mean, variances, basis)

    @classmethod
    def of(cls, W: object, *, feature_axis: int) -> MatchedNull:
        """The null that is matched to the features of a matrix.

        Parameters
        ----------
        W : array_like, tensor or path
            What :func:`geomsup.classify_geometry` takes.  Features of norm 0 have no direction
            and are left out; the norms of the others count, as they do in the mean.
        feature_axis : int
            The axis that counts the features: -1 when columns are features, 0 when rows are.
        """
        features = as_weights(W, feature_axis=feature_axis)
        features = features[:, np.any(features != 0, axis=0)]
        if features.shape[1] < 2:
            raise GeomsupError(
                f"expected two or more features of norm above 0, got {features.shape[1]}"
            )
        features = features / np.abs(features).max()
        return cls(features.mean(axis=1), np.cov(features, bias=True).reshape(2 * features.shape[:1]))

    def _set(self, mean: FloatArray, variances: FloatArray, basis: FloatArray) -> None:
        # Directions have no scale: variance and squared mean together are 1.
        power = float(variances.sum() + mean @ mean)
        self._basis, self._variances, self._mean = basis, variances / power, mean / np.sqrt(power)

    @property
    def dim(self) -> int:
        """Number of dimensions m."""
        return self._mean.size

    def __repr__(self) -> str:
        share = float(self._mean @ self._mean)
        return f"MatchedNull(dim={self.dim}, share of the mean {share:.3f})"

    def log_tail(self, u: ArrayLike, t: ArrayLike, sign: ArrayLike) -> FloatArray:
        """Logarithm of P(sign·cos(u, v) > t) given `u`.

        Parameters
        ----------
        u : array_like of shape (m,) or (n_pairs, m)
            Directions; their norms do not matter.
        t : float or array_like of shape (n_pairs,)
            Thresholds in [−1, 1].
        sign : 1, -1 or array_like of those, of shape (n_pairs,)
            Which side.

        Returns
        -------
        ndarray of shape (n_pairs,), or () when all three are single
            Natural logarithms; −inf where the event has probability 0.
        """
        u, t, sign = numbers("u", u), _cosines("t", t), _signs(sign)
        if u.ndim not in (1, 2) or u.shape[-1] != self.dim:
            raise GeomsupError(
                f"u must have shape (m,) or (n_pairs, m) with m = {self.dim}, got {u.shape}"
            )
        try:
            shape = np.broadcast_shapes(u.shape[:-1], t.shape, sign.shape)
        except ValueError:
            shape = (0, 0)
        if len(shape) > 1:
            raise GeomsupError(
                "u, t and sign must agree in the number of pairs, got shapes "
                f"{u.shape}, {t.shape} and {sign.shape}"
            )
        norms = np.linalg.norm(u, axis=-1, keepdims=True)
        if not (np.isfinite(norms).all() and (norms > 0).all()):
            raise GeomsupError("every u must be a finite direction of norm above 0")
        n_pairs = shape[0] if shape else 1
        u = np.broadcast_to(u / norms, (n_pairs, self.dim))
        t, sign = np.broadcast_to(t, n_pairs), np.broadcast_to(sign, n_pairs)
        log_p = np.empty(n_pairs)
        step = max(1, _BLOCK // self.dim)
        for start in range(0, n_pairs, step):
            block = slice(start, start + step)
            log_p[block] = self._log_tail(u[block] @ self._basis, t[block], sign[block])
        return log_p.reshape(shape)

    def _log_tail(self, a: FloatArray, t: FloatArray, sign: FloatArray) -> FloatArray:
        # P(cos > t) = 1 − P(−cos > −t)
        below = t < 0
        forms = _Forms.of(self._variances, self._mean, a, np.abs(t))
        side = np.where(below, -sign, sign) * forms.mean_at_end()
        log_p = _log_away(forms)
        towards = side > 0
        if towards.any():
            both = _log_both(forms.select(towards))
            # The rest cannot vanish; where rounding says so it is lost in the sum.
            share = np.minimum(np.exp(log_p[towards] - both), 1 - 1e-12)
            log_p[towards] = np.minimum(both + np.log1p(-share), 0.0)
        log_p[np.abs(t) >= 1] = -np.inf
        log_p[below] = np.log(-np.expm1(np.minimum(log_p[below], 0.0)))
        return log_p


class _Forms(NamedTuple):
    """The quadratic forms of a block of pairs in the eigenbasis, and where their K(s) ends."""

    variances: FloatArray  # λ (m,)
    mean: FloatArray  # μ (m,)
    a_mean: FloatArray  # a·μ (p, m)
    t2: FloatArray  # (p,)
    end: FloatArray  # s₊ (p,), the root of g, or _FAR
    g_end: FloatArray  # g(s₊) (p,): 0, or above 0 where g has no root
    weights: FloatArray  # a² λ d(s₊) (p, m)

    @classmethod
    def of(cls, variances: FloatArray, mean: FloatArray, a: FloatArray, t: FloatArray) -> _Forms:
        t2, spread = np.maximum(t, _LEAST_T) ** 2, a * a * variances
        end = _end(variances, spread, t2)
        at_end = 1 / (1 + 2 * (end * t2)[:, None] * variances)
        weights = spread * at_end
        has_root = end < _FAR
        g_end = np.where(has_root, 0.0, 1 - 2 * end * weights.sum(axis=1))
        return cls(variances, mean, a * mean, t2, end, np.maximum(g_end, 0.0), weights)

    def select(self, mask: NDArray[np.bool_]) -> _Forms:
        return _Forms(self.variances, self.mean, *(part[mask] for part in self[2:]))

    def mean_at_end(self) -> FloatArray:
        shrink = 1 / (1 + 2 * (self.end * self.t2)[:, None] * self.variances)
        return _dot(self.a_mean, shrink)

    def series(self, s: _Numbers, past: _Numbers, order: int) -> list[_Numbers]:
        """Taylor coefficients of K at s = s₊ + past, of |g| where g is negative.

        `past` is given beside `s`, because their difference would lose every digit near s₊.
        """
        d = 1 / (1 + 2 * (s * self.t2)[:, None] * self.variances)
        ratio = -2 * self.t2[:, None] * self.variances * d  # of d's consecutive coefficients
        power, powers = d, [d]
        for _ in range(order):
            power = power * ratio
            powers.append(power)
        log_det = [-np.log(d).sum(axis=1)]
        log_det += [-(ratio**j).sum(axis=1) / j for j in range(1, order + 1)]
        m = [_dot(self.a_mean, power) for power in powers]
        pull = [power @ self.mean**2 for power in powers]
        weight = [_dot(self.weights, power) for power in powers]
        # g(s) = g(s₊) + 2 (s₊ − s) Σ a² λ d(s₊) d(s), without cancellation.
        g = [-2 * c for c in _times_variable(past, weight)]
        g[0] = g[0] + self.g_end
        lift = _times_variable(s, _quotient(_product(m, m), g))
        pull = _times_variable(s * self.t2, pull, self.t2)
        return [
            lift[j] - pull[j] - 0.5 * (log_det[j] + log_g)
            for j, log_g in enumerate(_logarithm(g))
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


def _log_away(forms: _Forms) -> FloatArray:
    """The cut's integral, in ζ with s = s₊ (1 + e^(2ζ)): the side away from m(s₊)."""

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

    cut = forms.end < _FAR
    log_p = np.full(cut.size, -np.inf)
    if not cut.all():
        if cut.any():
            log_p[cut] = _log_away(forms.select(cut))
        return log_p
    top = _rising_root(falling, np.full(cut.size, -0.5 * np.log(forms.mean.size)))
    peak, _, second = integrand(top, 2)
    step = np.minimum(0.5, 0.8 / np.sqrt(np.maximum(-second, 1e-6)))
    total = np.ones(cut.size)
    for direction in (-1, 1):  # at the slowest it falls like e^-|ζ|
        for j in range(1, 40):
            term = np.exp(integrand(top + direction * j * step, 0)[0] - peak)
            total += term
            if np.all(term < _NEGLIGIBLE * total):
                break
    return peak + np.log(total * step / (2 * np.pi))


def _log_both(forms: _Forms) -> FloatArray:
    """log P(Q > 0), on a path through the saddle point of K(s) − log s that bends as it descends."""

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
    value, first, second, third = forms.series(s, past, 3)
    value, second, third = value - np.log(s), second + 0.5 / s**2, third - 1 / (3 * s**3)
    width, bend = 1 / np.sqrt(2 * second), third / second  # twice the curvature of the descent
    total = np.zeros_like(s)
    for j in range(80):  # half of the path; the other half is its mirror image
        x = (j + 0.5) * _PATH_STEP
        y = width * np.sinh(x)
        root = np.sqrt(1 + (bend * y) ** 2)
        offset = bend * y**2 / (1 + root) + 1j * y
        speed = (bend * y / root + 1j) * width * np.cosh(x)
        exponent = forms.series(s + offset, past + offset, 0)[0] - np.log(s + offset) - value
        term = np.exp(exponent) * speed
        total += term.imag
        if np.all(np.abs(term) < _NEGLIGIBLE * np.abs(total)):
            break
    with np.errstate(divide="ignore"):
        log_p = value + np.log(np.maximum(total, 0.0) * _PATH_STEP / np.pi)
    # Still falling at the far end: Q is bounded below 0.
    return np.where(s > 0.5 * _FAR, -np.inf, log_p)


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
        # One step moves no further than a factor e⁴ in s, and a quarter into the bracket.
        new = np.where((slope > 0) & (new > low) & (new < high), new, (low + high) / 2)
        new = np.clip(new, x - 4, x + 4)
        done = np.abs(new - x).max() < _CLOSE_ENOUGH
        x = new
        if done:
            break
    return x


def _dot(left: FloatArray, right: _Numbers) -> _Numbers:
    return np.einsum("pm,pm->p", left, right)


def _product(left: list[_Numbers], right: list[_Numbers]) -> list[_Numbers]:
    return [sum(left[i] * right[j - i] for i in range(j + 1)) for j in range(len(left))]


def _times_variable(
    value: _Numbers, series: list[_Numbers], slope: _Numbers | float = 1.0
) -> list[_Numbers]:
    """(value + slope·ε) times a series in ε."""
    shifted = [0.0, *(slope * c for c in series)]
    return [value * c + before for c, before in zip(series, shifted, strict=False)]


def _quotient(top: list[_Numbers], bottom: list[_Numbers]) -> list[_Numbers]:
    result: list[_Numbers] = []
    for j, c in enumerate(top):
        known = sum(bottom[i] * result[j - i] for i in range(1, j + 1))
        result.append((c - known) / bottom[0])
    return result


def _logarithm(series: list[_Numbers]) -> list[_Numbers]:
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


def benjamini_hochberg(
    log_p: ArrayLike, n_tests: int, q: float = 0.05
) -> tuple[float, NDArray[np.bool_]]:
    r"""Which of many tests to believe so that at most a share `q` of them is expected false.

    With p-values in rising order, the largest :math:`k` with :math:`p_{(k)} \le q k / N` gives the
    threshold, and all p-values up to it are believed (Benjamini & Hochberg 1995, J. R. Statist.
    Soc. B 57, 289–300).  Only the smallest p-values need be known: all those up to `q`.

    Parameters
    ----------
    log_p : array_like
        Natural logarithms of the known p-values, of any shape; every other p-value must be larger
        than all of them.
    n_tests : int
        Number N of tests in all, known and unknown.
    q : float, default 0.05
        Bound on the expected share of false discoveries.

    Returns
    -------
    threshold : float
        Logarithm of the largest p-value believed; −inf when none is.
    mask : ndarray of bool, of the shape of `log_p`
        Which are believed.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup.nulls import benjamini_hochberg
    >>> threshold, mask = benjamini_hochberg(np.log([0.03, 1e-4, 0.004]), n_tests=10)
    >>> round(float(np.exp(threshold)), 4), mask
    (0.004, array([False,  True,  True]))
    """
    log_p = numbers("log_p", log_p)
    if np.isnan(log_p).any() or (log_p > 1e-9).any():
        raise GeomsupError("log_p must be logarithms of probabilities, at most 0")
    n_tests = whole_number("n_tests", n_tests, max(1, log_p.size))
    q = number_within("q", q, 0.0, 1.0)
    ordered = np.sort(log_p, axis=None)
    with np.errstate(divide="ignore"):
        bounds = np.log(q * np.arange(1, ordered.size + 1) / n_tests)
    passed = np.flatnonzero(ordered <= bounds)
    if not passed.size:
        return -np.inf, np.zeros(log_p.shape, dtype=np.bool_)
    threshold = float(ordered[passed[-1]])
    return threshold, log_p <= threshold


def _cosines(name: str, value: object) -> FloatArray:
    array = numbers(name, value)
    if not np.all(np.abs(array) <= 1):  # NaN fails too
        raise GeomsupError(f"{name} must be cosines in [-1, 1], got {brief(value)}")
    return array


def _signs(value: object) -> FloatArray:
    array = numbers("sign", value)
    if not np.all(np.abs(array) == 1):
        raise GeomsupError(f"sign must be 1 or -1, got {brief(value)}")
    return array
