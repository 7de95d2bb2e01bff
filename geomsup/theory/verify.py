"""A verdict on a configuration that somebody derived by hand.

Four questions, in this order: does the gradient vanish, does the Hessian have a negative
direction, does any small push lead lower, and are there flat directions besides those that every
optimum has?  The loss is continuously differentiable but not twice so (an output with b_i = 0 has
a kink where no feature is active), and there a central-difference Hessian lies.  So curvatures
are taken from both sides, and a point is called a minimum only after descents from pushed copies
of it have found nothing lower.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import ToleranceError
from geomsup.geometry.classify import geometry_of
from geomsup.restoring import read_only
from geomsup.theory.curvature import Neighbourhood
from geomsup.theory.descent import descend_in_units
from geomsup.theory.loss import ExpectedLoss, Problem, checked_bias, expected_loss
from geomsup.theory.packing import packed, packed_loss, unpacked
from geomsup.theory.search import best_configuration, configuration_name
from geomsup.theory.verdict import Escape, OptimumVerdict
from geomsup.validation import number_within, random_generator
from geomsup.weights import matrix_of

__all__ = ["Escape", "OptimumVerdict", "verify_optimum"]

FloatArray = NDArray[np.float64]

_SHORT = 0.01  # a step that does not leave the neighbourhood, relative to the largest parameter
# A gain beyond so much of the loss, and of the loss of the zero output, is no rounding.
_GAIN, _ROUNDING = 1e-11, 64.0 * float(np.finfo(np.float64).eps)
# Along a flat direction the way down may begin with a high power of the step.  Where there is none,
# a kink may hide one, but a basin may be as narrow as a bias is small: the push must stay in it.
_PUSHES, _SMALL_PUSHES = (1e-3, 1e-2), (1e-7, 1e-6)
_N_PUSHED = 24
_ROUGHEST = 1e-3  # error of a gradient that allows no verdict, relative to the zero output's loss


def verify_optimum(
    W: object,
    b: object,
    feature_probability: object,
    importance: object = 1.0,
    *,
    weight_decay: float = 0.0,
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
    feature_probability : float, array_like of shape (n_features,) or FeatureModel
    importance : float or array_like of shape (n_features,), default 1.0
    weight_decay : float, default 0.0
        λ of λ‖W‖² in the loss; see :func:`expected_loss`.
    gradient_tol : float, default 1e-6
        Below which a point counts as critical.  What is compared with it is about the error of W
        and b: the gradient in each W_i and b_i, divided by the curvature that this feature can have
        (I_i p_i for its own output, and what it and others interfere), so that a slope counts as
        much in an unimportant or rare feature as in any other; or the share of the loss that a
        Newton step would gain, if that is more.  Numbers copied with few digits do not pass; the
        escape then says which optimum is near.
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
    ToleranceError
        If the loss, or the gradient, cannot be computed well enough for a verdict.

    Notes
    -----
    "local minimum" means strict up to rotations of W and the biases of dead outputs, on both
    sides of a kink where there is one, on the evidence of the Hessian (differences of the exact
    gradient, from both sides) and of descents from pushed copies.  It is numerical evidence at
    double precision, not a proof.  A feature that is never there (p_i = 0) or does not matter
    (I_i = 0) has no minimum of its own to be in: it counts where it disturbs others, in the
    gradient and in the descents, but flat directions are looked for among the others.

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
    problem = Problem.of(n, feature_probability, importance, weight_decay)
    tolerance = number_within("gradient_tol", gradient_tol, 1e-13, 1.0)
    exact = _well_known_loss(weights, bias, problem)
    rng = random_generator(seed)
    best = best_configuration(
        n,
        m,
        problem.data,
        problem.importance,
        weight_decay=problem.weight_decay,
        n_starts=n_starts,
        seed=rng.spawn(1)[0],
        progress=progress,
    )

    probe = _Probe(weights, bias, problem)
    near = probe.near
    if probe.slope > tolerance:
        verdict = "not critical"
        escape = probe.way_down(-near.gradient[None]) or probe.rolled()
    else:
        escape = probe.way_down(probe.candidates()) or probe.pushed(rng)
        if escape is not None:
            verdict = "saddle"
        else:
            verdict = "degenerate minimum" if near.n_flat else "local minimum"
    return OptimumVerdict(
        verdict=verdict,
        name=configuration_name(geometry_of(weights)),
        W=weights,
        b=bias,
        loss=exact.loss,
        error_bound=exact.error_bound,
        gradient_norm=probe.slope,
        gradient_tol=tolerance,
        eigenvalues=read_only(near.mean.values),
        zero_modes=near.n_flat + near.mean.n_symmetric,
        expected_zero_modes=len(near.symmetries),
        kinked=near.kinked,
        escape=escape,
        best=best,
    )


def _well_known_loss(W: FloatArray, b: FloatArray, problem: Problem) -> ExpectedLoss:
    """The loss at a point whose gradient is known well enough for a verdict."""
    exact = expected_loss(W, b, problem.data, problem.importance, weight_decay=problem.weight_decay)
    if exact.gradient_bound > _ROUGHEST * float(problem.zero_output_loss):
        raise ToleranceError(
            f"expected a gradient known to {_ROUGHEST:g} of the loss of the zero output "
            f"({problem.zero_output_loss:.3g}), got one within {exact.gradient_bound:.1e}; many "
            "weights of very different size make its series converge slowly: leave out features of "
            "tiny weight"
        )
    return exact


class _Probe:
    """The neighbourhood of one point, seen through batched exact losses.

    Everything in here is for the normalised problem, in which the zero output has loss one; `size`
    is its loss in the problem as given.  Descents run in units of features, x + M^(−1/2) y: in W
    and b themselves the slope of an unimportant feature would end below every tolerance.
    """

    def __init__(self, W: FloatArray, b: FloatArray, problem: Problem) -> None:
        self.problem, size = problem.normalised()
        self.size = float(size)
        self.n_hidden = len(W)
        self.x = packed(W, b)
        self.near = Neighbourhood(W, b, self.problem)
        self.function = packed_loss(self.n_hidden, self.problem, 1e-12)
        self.value = float(self.function(self.x[None])[0][0])
        self.scale = max(float(np.abs(self.x).max()), 0.1)
        self.rounding = _GAIN * self.value + _ROUNDING
        # Where the loss itself is small, so are the slopes that matter.
        promised = max(self.near.left_over - self.rounding, 0.0) / max(self.value, self.rounding)
        self.slope = max(self.near.slope, promised)

    def candidates(self) -> FloatArray:
        """Directions of least curvature, of each side and of their mean, both ways."""
        count = max(4, len(self.x) // 4)
        spectra = (self.near.mean, *self.near.sides)
        directions = np.concatenate([spectrum.directions[:count] for spectrum in spectra])
        return np.concatenate([directions, -directions])

    def way_down(self, directions: FloatArray) -> Escape | None:
        """The direction, among those given, along which a short straight step gains most.

        At a critical point a gain counts beyond twice what the gradient promises: what rounding
        has left over is no way out.
        """
        if not len(directions):
            return None
        units = directions / np.maximum(np.linalg.norm(directions, axis=1), 1e-300)[:, None]
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
        gains = np.where(falling, self.value - values, 0.0)
        at, which = np.unravel_index(int(np.argmax(gains)), gains.shape)
        if gains[at, which] <= self.rounding:
            return None
        return self._escape(units[which], float(steps[at]), float(values[at, which]))

    def rolled(self) -> Escape | None:
        """Descend from the point itself."""
        x, value = self._descended(self.x[None], max_steps=300)
        return self._reached(x[0], float(value[0])) if value[0] < self.value else None

    def pushed(self, rng: np.random.Generator) -> Escape | None:
        """Push the point a little in random directions and descend."""
        least = self.rounding + 2.0 * self.near.left_over
        narrowest = np.abs(self.near.b[self.near.b != 0.0]).min(initial=np.inf)
        small = [push for push in _SMALL_PUSHES if push * self.scale < 0.1 * narrowest]
        for push in _PUSHES if self.near.n_flat else small:
            noise = self.near.pushes(rng.normal(size=(_N_PUSHED, len(self.x))))
            noise *= push * self.scale / np.linalg.norm(noise, axis=1, keepdims=True)
            x, value = self._descended(self.x + noise, max_steps=300)
            lowest = int(np.argmin(value))
            if value[lowest] < self.value - least:
                return self._reached(x[lowest], float(value[lowest]))
        return None

    def _descended(self, x: FloatArray, max_steps: int) -> tuple[FloatArray, FloatArray]:
        metric = self.near.metric
        ends = descend_in_units(
            self.function,
            x,
            metric.divided,
            metric.multiplied,
            gradient_tol=1e-11,
            max_steps=max_steps,
        )
        return ends.x, ends.value

    def _reached(self, x: FloatArray, value: float) -> Escape:
        way = x - self.x
        length = max(float(np.linalg.norm(way)), 1e-300)
        return self._escape(way / length, length, value)

    def _escape(self, direction: FloatArray, step: float, value: float) -> Escape:
        x, lowest = self._descended((self.x + step * direction)[None], max_steps=1000)
        W, b = unpacked(x[0], self.n_hidden)
        direction_W, direction_b = unpacked(direction, self.n_hidden)
        return Escape(
            direction_W=direction_W,
            direction_b=direction_b,
            step=step,
            loss=self.size * value,
            descended_loss=self.size * float(lowest[0]),
            descended_name=configuration_name(geometry_of(W)),
            descended_W=W,
            descended_b=b,
        )
