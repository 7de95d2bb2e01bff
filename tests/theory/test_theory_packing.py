"""Models as rows, and descents in units in which all directions are about as steep."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from geomsup.theory.descent import descend, descend_in_units
from geomsup.theory.loss import Problem, batch_losses
from geomsup.theory.packing import packed, packed_loss, unpacked
from geomsup.theory.starts import random_starts

FloatArray = NDArray[np.float64]


@pytest.mark.parametrize("shape", [(2, 3), (4, 2, 3), (0, 2, 3), (5, 1, 1)])
def test_rows_are_unpacked_as_they_were_packed(shape: tuple[int, ...]) -> None:
    rng = np.random.default_rng(0)
    W, b = rng.normal(size=shape), rng.normal(size=(*shape[:-2], shape[-1]))
    rows = packed(W, b)
    assert rows.shape == (*shape[:-2], shape[-1] * (shape[-2] + 1))
    for got, wanted in zip(unpacked(rows, shape[-2]), (W, b), strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_a_packed_loss_is_the_loss_with_its_gradients_in_the_same_places() -> None:
    problem = Problem.of(3, 0.2, [1.0, 0.7, 0.2])
    rows = random_starts(4, 2, 3, np.random.default_rng(1))
    value, gradient = packed_loss(2, problem)(rows)
    expected = batch_losses(*unpacked(rows, 2), problem)
    np.testing.assert_array_equal(value, expected[0])
    for got, wanted in zip(unpacked(gradient, 2), expected[1:], strict=True):
        np.testing.assert_array_equal(got, wanted)


def test_units_make_a_stiff_descent_short_and_leave_its_end_where_it_is() -> None:
    # ½ Σ c (x − m)², with curvatures over twelve orders of magnitude: the minimum is m.
    curvature, minimum = np.logspace(-6, 6, 5), np.arange(1.0, 6.0)
    calls = 0

    def function(x: FloatArray) -> tuple[FloatArray, FloatArray]:
        nonlocal calls
        calls += 1
        return 0.5 * (curvature * (x - minimum) ** 2).sum(1), curvature * (x - minimum)

    root = np.sqrt(curvature)
    starts = np.zeros((2, 5))
    starts[1] = 2.0
    ends = descend_in_units(
        function, starts, lambda y: y / root, lambda x: x * root, gradient_tol=1e-10
    )
    np.testing.assert_allclose(ends.x, np.tile(minimum, (2, 1)), rtol=1e-6)
    in_units = calls
    plain = descend(function, starts, gradient_tol=1e-10, max_steps=in_units)
    assert np.abs(plain.x - minimum).max() > 0.1
    # Stopped on the way, value and gradient are those of the function where it stopped.
    early = descend_in_units(
        function, starts, lambda y: y / root, lambda x: x * root, gradient_tol=1e-10, max_steps=1
    )
    value, gradient = function(early.x)
    assert np.abs(gradient).max() > 1.0
    np.testing.assert_allclose(early.value, value, rtol=1e-9)
    np.testing.assert_allclose(early.gradient, gradient, rtol=1e-9, atol=1e-6)
