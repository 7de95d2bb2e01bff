"""Results to plain data and back."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from geomsup import GeomsupError, get_shape, match_shape
from geomsup.matching import ShapeMatch
from geomsup.restoring import Plain, plain, read_only, restored
from geomsup.sphere import OptimaComparison, compare_to_optima


@dataclass(frozen=True)
class _Point(Plain):
    _left_out = ("cache",)
    _derived = ("length",)

    x: float
    cache: Any = None

    @property
    def length(self) -> float:
        return abs(self.x)


@dataclass(frozen=True)
class _Set(Plain):
    points: tuple[_Point, ...]
    table: NDArray[np.float64]
    places: Mapping[str, float] = field(default_factory=dict)


def test_a_result_becomes_plain_and_comes_back() -> None:
    one = _Set(points=(_Point(-2.0, cache=object()),), table=np.eye(2), places={"a": 1.0})
    data = one.to_dict()
    assert data == {
        "points": [{"x": -2.0, "length": 2.0}],
        "table": [[1.0, 0.0], [0.0, 1.0]],
        "places": {"a": 1.0},
    }
    again = restored(_Set, json.loads(json.dumps(data, allow_nan=False)))
    assert again.points == (_Point(-2.0),)
    assert again.table.tolist() == one.table.tolist()
    assert not again.table.flags.writeable


@pytest.mark.parametrize(
    ("value", "data"),
    [
        (float("inf"), None),
        ([1, float("nan"), True, "nan"], [1, None, True, "nan"]),
        (np.array([[1.0, np.inf], [np.nan, 0.0]]), [[1.0, None], [None, 0.0]]),
        (np.array([1, 2]), [1, 2]),
        (np.array([True]), [True]),
        ((1, (2, 3)), [1, [2, 3]]),
    ],
)
def test_what_is_no_finite_number_becomes_none(value: object, data: object) -> None:
    assert plain(value) == data


def test_read_only_is_the_array_itself() -> None:
    array = np.zeros(2)
    assert read_only(array) is array
    with pytest.raises(ValueError, match="read-only"):
        array[0] = 1.0


def test_a_match_and_a_comparison_come_back_or_say_what_is_wrong() -> None:
    cube = get_shape("cube").vertices
    match, comparison = match_shape(cube, "square antiprism"), compare_to_optima(cube)
    assert ShapeMatch.from_dict(match.to_dict()).to_dict() == match.to_dict()
    assert OptimaComparison.from_dict(comparison.to_dict()).to_dict() == comparison.to_dict()
    with pytest.raises(GeomsupError, match="rms_angle of the match must be a finite number"):
        ShapeMatch.from_dict({**match.to_dict(), "rms_angle": "small"})
    with pytest.raises(GeomsupError, match="the comparison lacks 'energy'"):
        OptimaComparison.from_dict({k: v for k, v in comparison.to_dict().items() if k != "energy"})
