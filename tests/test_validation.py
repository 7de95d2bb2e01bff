"""Arguments on both sides of every bound, and what is no number at all."""

from __future__ import annotations

import numpy as np
import pytest

from geomsup import GeomsupError
from geomsup.validation import (
    number_within,
    positive_number,
    random_generator,
    seed_number,
    whole_number,
)


@pytest.mark.parametrize("value", [3, np.int64(3), np.uint8(3)])
def test_whole_numbers_come_back_as_python_integers(value: object) -> None:
    assert type(whole_number("n", value, 3, 3)) is int


@pytest.mark.parametrize("value", [2, 2.0, "2", True, np.True_, None, float("nan"), [3], 10**30])
def test_what_is_no_whole_number_within_bounds(value: object) -> None:
    with pytest.raises(GeomsupError, match=r"n must be an integer in 3 … 9, got "):
        whole_number("n", value, 3, 9)
    with pytest.raises(GeomsupError, match=r"n must be (an integer of at least 3|at most 1e\+15)"):
        whole_number("n", value, 3)


def test_a_whole_number_without_a_bound() -> None:
    assert whole_number("n", 10**30, 1, None) == 10**30
    with pytest.raises(GeomsupError, match="of at least 1"):
        whole_number("n", 0, 1, None)


@pytest.mark.parametrize("value", [-0.1, 1.1, float("nan"), "0.5", True, None, [0.5, 0.5]])
def test_numbers_within_bounds(value: object) -> None:
    assert number_within("p", np.float32(0.5), 0.5, 1) == 0.5
    with pytest.raises(GeomsupError, match=r"p must (be a number|lie) in \[0, 1\], got"):
        number_within("p", value, 0, 1)


def test_a_tensor_is_a_number_with_or_without_a_gradient() -> None:
    torch = pytest.importorskip("torch")
    assert number_within("p", torch.tensor(0.5, requires_grad=True), 0, 1) == 0.5
    assert number_within("p", np.array(0.25), 0, 1) == 0.25


@pytest.mark.parametrize("value", [0, -1.0, 1e31, "1", True, [1.0]])
def test_positive_numbers(value: object) -> None:
    assert positive_number("scale", np.int64(2)) == 2.0
    with pytest.raises(GeomsupError, match="scale must be a number"):
        positive_number("scale", value)


def test_seeds() -> None:
    generator = np.random.default_rng(0)
    assert random_generator(generator) is generator
    assert random_generator(3).random() == np.random.default_rng(3).random()
    assert random_generator(None).random() != random_generator(None).random()
    assert seed_number(np.int64(3)) == 3
    assert seed_number(np.random.default_rng(1)) == seed_number(np.random.default_rng(1))


@pytest.mark.parametrize("seed", [-1, 1.0, "1", True, [1]])
def test_what_is_no_seed(seed: object) -> None:
    for use in (random_generator, seed_number):
        with pytest.raises(GeomsupError, match="seed must be an integer of at least 0, a numpy"):
            use(seed)
