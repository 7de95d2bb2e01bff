"""A verdict on a configuration that somebody derived by hand.

Four questions, in this order: does the gradient vanish, does the Hessian have a negative
direction, does any small push lead lower, and are there flat directions besides those that every
optimum has?  The loss is continuously differentiable but not twice so (an output with b_i = 0 has
a kink where no feature is active), and there a central-difference Hessian lies.  So curvatures
are taken from both sides, and a point is called a minimum only after descents from pushed copies
of it have found nothing lower.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.theory.descent import descend
from geomsup.theory.loss import Problem, checked_bias, expected_loss, matrix_of
from geomsup.theory.search import (
    BestConfiguration,
    best_configuration,
    checked_rng,
    configuration_name,
    geometry_of,
    packed_loss,
)
from geomsup.weights import per_feature

__all__ = ["Escape", "OptimumVerdict", "verify_optimum"]

FloatArray = NDArray[np.float64]

_STEP = 1e-5  # of the differences that make the Hessian
_KINK = 1e-2  # relative difference between one-sided Hessians that no smooth loss shows
_FLAT = 1e-6  # relative to the largest eigenvalue, or absolute where all are small
_SHORT = 0.01  # a step that does not leave the neighbourhood, relative to the largest parameter
_SMALLEST_GAIN = 1e-10  # relative to the loss; what is less may be rounding
_PUSHES = (1e-3, 1e-2)
_N_PUSHED = 24
_LOWER = 1e-8  # relative to the loss; descents agree far more closely


@dataclass(frozen=True, kw_only=True, eq=False)
class Escape:
    """A way down from a point that is no minimum.

    Attributes
    ----------
    direction_W, direction_b : ndarray
        A unit vector in the space of (W, b), cut into its two parts.
    step : float
        Length of the step along it.
    loss : float
        Exact loss after that step.
    descended_loss : float
        Loss of the minimum that a descent from there reaches …
    descended_name : str
        … and its name.
    """

    direction_W: FloatArray
    direction_b: FloatArray
    step: float
    loss: float
    descended_loss: float
    descended_name: str


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class OptimumVerdict:
    """What is known about a configuration.

    Attributes
    ----------
    verdict : str
        "not critical", "saddle", "local minimum" or "degenerate minimum".
    name : str
        The configuration, named by ``classify_geometry``.
    loss, error_bound : float
    gradient_norm, gradient_tol : float
        Norm of the gradient, and the norm below which the point counts as critical.
    eigenvalues : ndarray
        Of the Hessian in (W, b), ascending; where the loss has a kink, of the average of the
        two one-sided Hessians.
    zero_modes : int
        Eigenvalues that vanish.
    expected_zero_modes : int
        Rotations of W that change it, and biases of dead outputs (nothing depends on them).
    kinked : bool
        Whether one-sided Hessians differ.
    escape : Escape or None
        A way down, unless the point is a minimum.
    best : BestConfiguration
        The multi-start search that `best_known` comes from.
    """

    verdict: str
    name: str
    loss: float
    error_bound: float
    gradient_norm: float
    gradient_tol: float
    eigenvalues: FloatArray
    zero_modes: int
    expected_zero_modes: int
    kinked: bool
    escape: Escape | None
    best: BestConfiguration

    def _best(self) -> tuple[float, str]:
        known = [(self.loss, self.name), (self.best.loss, self.best.name)]
        if self.escape is not None:
            known.append((self.escape.descended_loss, self.escape.descended_name))
        return min(known, key=lambda pair: pair[0])

    @property
    def best_known(self) -> float:
        """Lowest loss known: of the search, of the way down, or the configuration's own."""
        return self._best()[0]

    @property
    def best_name(self) -> str:
        """Name of the configuration that has the lowest loss known."""
        return self._best()[1]

    @property
    def gap(self) -> float:
        """How far the configuration lies above the best known loss."""
        return self.loss - self.best_known

    def to_dict(self) -> dict[str, Any]:
        """Plain Python values, ready for JSON."""
        escape = None
        if self.escape is not None:
            escape = {
                key: value.tolist() if isinstance(value, np.ndarray) else value
                for key, value in vars(self.escape).items()
            }
        return {
            "verdict": self.verdict,
            "name": self.name,
            "loss": self.loss,
            "error_bound": self.error_bound,
            "gradient_norm": self.gradient_norm,
            "gradient_tol": self.gradient_tol,
            "eigenvalues": self.eigenvalues.tolist(),
            "zero_modes": self.zero_modes,
            "expected_zero_modes": self.expected_zero_modes,
            "kinked": self.kinked,
            "escape": escape,
            "best_known": self.best_known,
            "best_name": self.best_name,
            "gap": self.gap,
        }

    def __str__(self) -> str:
        lines = [
            f"{self.verdict}: {self.name}",
            f"loss       {self.loss:.12g} ± {self.error_bound:.1g}",
            f"gradient   {self.gradient_norm:.2e} (critical below {self.gradient_tol:.0e})",
            f"curvature  {self.eigenvalues[0]:.4g} … {self.eigenvalues[-1]:.4g}, "
            f"{self.zero_modes} zero modes ({self.expected_zero_modes} from rotations and dead "
            f"outputs){', kinked' if self.kinked else ''}",
        ]
        if self.escape is not None:
            lines.append(
                f"escape     a step of {self.escape.step:.2g} gives {self.escape.loss:.12g}, "
                f"descent {self.escape.descended_loss:.12g}"
            )
        if self.gap > _LOWER * max(self.loss, 1e-300):
            lines.append(
                f"best known {self.best_known:.12g} ({self.best_name}), {self.gap:.3g} lower"
            )
        else:
            lines.append(f"best known {self.best_known:.12g}: nothing lower was found")
        return "\n".join(lines)

    __repr__ = __str__


def verify_optimum(
    W: object,
    b: object,
    feature_probability: object,
    importance: object = 1.0,
    *,
    gradient_tol: float = 1e-6,
    n_starts: int = 100,
    seed: int | np.random.Generator | None = 0,
    progress: bool | None = None,
) -> OptimumVerdict:
    """Decide whether a configuration is a local minimum of the exact expected loss.

    Parameters
    ----------
    W : array_like of shape (n_hidden, n_features), torch.Tensor or path
    b : float or array_like of shape (n_features,)
    feature_probability, importance : float or array_like of shape (n_features,)
    gradient_tol : float, default 1e-6
        Norm of the gradient below which a point counts as critical, relative to Σ I_i p_i / 3, the
        loss of the zero output.  Numbers copied with few digits do not pass; the escape then says
        which optimum is near.
    n_starts : int, default 100
        Starts of the search for the best known loss.
    seed : int, numpy Generator or None, default 0
    progress : bool, optional
        Whether to show a progress bar.  None shows it in a terminal or a notebook.

    Returns
    -------
    OptimumVerdict

    Raises
    ------
    GeomsupError
        If the input is not usable; see :func:`expected_loss`.

    Notes
    -----
    "local minimum" means strict up to rotations of W and the biases of dead outputs, on both
    sides of a kink where there is one, on the evidence of the Hessian (differences of the exact
    gradient, from both sides) and of descents from pushed copies.  It is numerical evidence at
    double precision, not a proof.

    Examples
    --------
    >>> from geomsup.theory import verify_optimum
    >>> verdict = verify_optimum([[1, -1]], 0.0, 0.1, n_starts=5)
    >>> verdict.verdict, verdict.best.name
    ('not critical', 'digon')
    """
    weights = matrix_of(W)
    m, n = weights.shape
    bias = checked_bias(b, n)
    problem = Problem.of(n, feature_probability, importance)
    tolerance = float(per_feature(gradient_tol, "gradient_tol", 1, low=1e-13, high=1.0)[0])
    exact = expected_loss(weights, bias, problem.p, problem.importance)
    rng = checked_rng(seed)
    best = best_configuration(
        n,
        m,
        problem.p,
        problem.importance,
        n_starts=n_starts,
        seed=rng.spawn(1)[0],
        progress=progress,
    )

    x = np.concatenate([weights.ravel(), bias])
    probe = _Probe(x, m, problem)
    forward, backward = probe.one_sided_hessians()
    spectra = [np.linalg.eigvalsh(h) for h in (0.5 * (forward + backward), forward, backward)]
    size = max(1.0, *(float(np.abs(values).max()) for values in spectra))
    flat = [int(np.sum(np.abs(values) <= _FLAT * size)) for values in spectra]
    kinked = bool(np.abs(forward - backward).max() > _KINK * size)
    expected = _rotation_modes(weights) + _dead_outputs(weights, bias)
    gradient = np.concatenate([exact.grad_W.ravel(), exact.grad_b])
    norm = float(np.linalg.norm(gradient))

    if norm > tolerance * probe.size:
        verdict = "not critical"
        escape = probe.way_down([-gradient], allowance=0.0) or probe.rolled()
    else:
        directions = probe.candidates(forward, backward)
        escape = probe.way_down(directions, allowance=2.0 * norm / probe.size) or probe.pushed(rng)
        if escape is not None:
            verdict = "saddle"
        else:
            verdict = "local minimum" if max(flat) <= expected else "degenerate minimum"
    eigenvalues = np.asarray(probe.size * spectra[0], dtype=np.float64)
    eigenvalues.setflags(write=False)
    return OptimumVerdict(
        verdict=verdict,
        name=configuration_name(geometry_of(weights)),
        loss=exact.loss,
        error_bound=exact.error_bound,
        gradient_norm=norm,
        gradient_tol=tolerance * probe.size,
        eigenvalues=eigenvalues,
        zero_modes=flat[0],
        expected_zero_modes=expected,
        kinked=kinked,
        escape=escape,
        best=best,
    )


def _rotation_modes(W: FloatArray) -> int:
    """Dimension of the orbit of W under rotations: m(m−1)/2 less those that fix its span."""
    m = W.shape[0]
    free = m - int(np.linalg.matrix_rank(W))
    moving: int = m * (m - 1) // 2 - free * (free - 1) // 2
    return moving


def _dead_outputs(W: FloatArray, b: FloatArray) -> int:
    """Outputs that are zero for every input, strictly so."""
    highest = b + np.maximum(W.T @ W, 0.0).sum(1)
    return int(np.count_nonzero(highest < 0.0))


class _Probe:
    """The neighbourhood of one point, seen through batched exact losses.

    Everything in here is for the normalised problem, in which the zero output has loss one; `size`
    is its loss in the problem as given.
    """

    def __init__(self, x: FloatArray, n_hidden: int, problem: Problem) -> None:
        self.x, self.n_hidden = x, n_hidden
        self.problem, size = problem.normalised()
        self.size = float(size)
        self.function = packed_loss(n_hidden, self.problem, 1e-12)
        value, gradient = self.function(x[None])
        self.value, self.gradient = float(value[0]), gradient[0]
        self.scale = max(float(np.abs(x).max()), 0.1)

    def one_sided_hessians(self) -> tuple[FloatArray, FloatArray]:
        """Forward and backward differences of the gradient, symmetrised."""
        steps = _STEP * self.scale * np.eye(len(self.x))
        sides = []
        for sign in (1.0, -1.0):
            _, gradients = self.function(self.x + sign * steps)
            rows = (gradients - self.gradient) / (sign * _STEP * self.scale)
            sides.append(0.5 * (rows + rows.T))
        return sides[0], sides[1]

    def candidates(self, forward: FloatArray, backward: FloatArray) -> list[FloatArray]:
        """Directions of least curvature, of each side and of their mean, both ways."""
        found = []
        for hessian in (0.5 * (forward + backward), forward, backward):
            _, vectors = np.linalg.eigh(hessian)
            for column in vectors.T[: max(4, len(self.x) // 4)]:
                found += [column, -column]
        return found

    def way_down(self, directions: list[FloatArray], *, allowance: float) -> Escape | None:
        """The direction, among those given, along which a short straight step gains most.

        A gain counts beyond `allowance` times the step: what a gradient left over by rounding
        gains is no way out of a critical point.
        """
        units = np.array([d / max(float(np.linalg.norm(d)), 1e-300) for d in directions])
        steps = self.scale * np.logspace(-6, 0, 25)
        points = self.x + steps[:, None, None] * units
        values, _ = self.function(points.reshape(-1, len(self.x)))
        values = values.reshape(len(steps), len(units))
        # The way must lead down, and visibly so while it is short: a far lower basin, perhaps
        # beyond a plain, is not an escape.
        noise = 1e-15 * abs(self.value)
        rising = np.diff(values, axis=0, prepend=self.value) > noise
        short = int(np.searchsorted(steps, _SHORT * self.scale))
        falling = ~np.logical_or.accumulate(rising, axis=0)
        falling &= values[short] < self.value - noise
        gains = np.where(falling, self.value - values - allowance * steps[:, None], 0.0)
        at, which = np.unravel_index(int(np.argmax(gains)), gains.shape)
        if gains[at, which] <= _SMALLEST_GAIN * max(self.value, 1e-3):
            return None
        return self._escape(units[which], float(steps[at]), float(values[at, which]))

    def rolled(self) -> Escape | None:
        """Descend from the point itself."""
        ends = descend(self.function, self.x[None], gradient_tol=1e-11, max_steps=300)
        return (
            self._reached(ends.x[0], float(ends.value[0])) if ends.value[0] < self.value else None
        )

    def pushed(self, rng: np.random.Generator) -> Escape | None:
        """Push the point a little in random directions and descend."""
        for push in _PUSHES:
            noise = rng.normal(size=(_N_PUSHED, len(self.x)))
            noise *= push * self.scale / np.linalg.norm(noise, axis=1, keepdims=True)
            ends = descend(self.function, self.x + noise, gradient_tol=1e-9, max_steps=300)
            lowest = int(np.argmin(ends.value))
            if ends.value[lowest] < self.value - _LOWER * max(self.value, 1e-3):
                return self._reached(ends.x[lowest], float(ends.value[lowest]))
        return None

    def _reached(self, x: FloatArray, value: float) -> Escape:
        way = x - self.x
        length = max(float(np.linalg.norm(way)), 1e-300)
        return self._escape(way / length, length, value)

    def _escape(self, direction: FloatArray, step: float, value: float) -> Escape:
        start = (self.x + step * direction)[None]
        descended = descend(self.function, start, gradient_tol=1e-11, max_steps=1000)
        cut = self.n_hidden * self.problem.n_features
        W = descended.x[0, :cut].reshape(self.n_hidden, -1)
        return Escape(
            direction_W=direction[:cut].reshape(self.n_hidden, -1),
            direction_b=direction[cut:],
            step=step,
            loss=self.size * value,
            descended_loss=self.size * float(descended.value[0]),
            descended_name=configuration_name(geometry_of(W)),
        )
