"""What is known of pairs: the phases along a line through the map, and the map that is shipped."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, counted
from geomsup.restoring import Plain, read_only
from geomsup.theory.feature_model import FeatureModel
from geomsup.theory.pairs.strategy import strategy_of
from geomsup.validation import one_of, positive_integer

__all__ = [
    "AXES",
    "TABLE",
    "PairBoundary",
    "PairMap",
    "PairPhases",
    "load_lines",
    "pair_map",
    "save_lines",
    "sizes_of",
]

FloatArray = NDArray[np.float64]

# What the second axis of a map is, and what it is called.
AXES: dict[str, str] = {
    "together": "probability c of coming together",
    "equal_values": "probability ρ of equal values",
}
TABLE = Path(__file__).with_name("table.npz")
# Variance, relative to all of it, that is rounding.
_NOTHING = 1e-12
_WORDS = {"feature_probability": "p", "together": "c", "equal_values": "ρ"}


def sizes_of(n_pairs: int, n_hidden: int) -> str:
    """So many pairs in so many dimensions, in words."""
    return f"{counted(n_pairs, 'pair')} in {counted(n_hidden, 'dimension')}"


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PairBoundary(Plain):
    """Where one strategy gives way to another as a parameter grows.

    Attributes
    ----------
    at : float
        The parameter, to six digits and more.
    below, above : str
        Strategies, as :func:`geomsup.theory.pair_strategy` names them.
    kind : str
        "first order": two different minima have equal loss; "continuous": one becomes the other.
    """

    at: float
    below: str
    above: str
    kind: str

    def __str__(self) -> str:
        return f"{self.at:.6f}  {self.below} → {self.above} ({self.kind})"

    __repr__ = __str__


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PairPhases(Plain):
    """The best strategy along a line: one of p, c and ρ grows, the others stay; or at one place.

    Attributes
    ----------
    n_pairs, n_hidden : int
    varied : str
        "feature_probability", "together" or "equal_values".
    feature_probability, together, equal_values : float
        What stays; the one that is varied is nan.
    values : ndarray of shape (n_points,)
        Values of what is varied, ascending; one value is a place of its own.
    strategies : tuple of str
        The best at each of them.
    loss, linear_loss : ndarray of shape (n_points,)
        Best known loss, summed over features, and that of the best linear answer (PCA).
    boundaries : tuple of PairBoundary
    W : ndarray of shape (n_points, n_hidden, 2 · n_pairs)
    b : ndarray of shape (n_points, 2 · n_pairs)
    """

    _derived = ("strategies",)
    _left_out = ("W", "b")

    n_pairs: int
    n_hidden: int
    varied: str
    feature_probability: float
    together: float
    equal_values: float
    values: FloatArray
    loss: FloatArray
    linear_loss: FloatArray
    boundaries: tuple[PairBoundary, ...]
    W: FloatArray
    b: FloatArray

    @property
    def strategies(self) -> tuple[str, ...]:
        """The best strategy at each value."""
        return tuple(strategy_of(one) for one in self.W)

    @property
    def ratio(self) -> FloatArray:
        """Best loss in units of that of PCA; nan where PCA loses nothing, as of equal values."""
        nothing = np.array(
            [_NOTHING * np.trace(self.features(at).covariance) for at in self.values]
        )
        costs = self.linear_loss > nothing
        blank = np.full(self.loss.shape, np.nan)
        found: FloatArray = np.divide(self.loss, self.linear_loss, out=blank, where=costs)
        return found

    def features(self, value: float) -> FeatureModel:
        """The pairs at one value of what is varied."""
        given = {
            name: value if name == self.varied else getattr(self, name)
            for name in ("feature_probability", "together", "equal_values")
        }
        return FeatureModel.pairs(self.n_pairs, given.pop("feature_probability"), **given)

    @property
    def where(self) -> str:
        """The sizes and what stays, "3 pairs in 2 dimensions, c = 0.7, ρ = 0"."""
        one_place = len(self.values) == 1
        stays = [
            f"{word} = {self.values[0] if name == self.varied else getattr(self, name):g}"
            for name, word in _WORDS.items()
            if name != self.varied or one_place
        ]
        return ", ".join([sizes_of(self.n_pairs, self.n_hidden), *stays])

    def __str__(self) -> str:
        if len(self.values) == 1:
            ratio = float(self.ratio[0])
            of_pca = f", {ratio:.4f} of that of PCA" if np.isfinite(ratio) else ""
            return f"{self.where}:\n  {self.strategies[0]}\nloss {self.loss[0]:.6g}{of_pca}"
        varied = _WORDS[self.varied]
        lines = [
            f"{self.where}, as {varied} grows from {self.values[0]:g} to {self.values[-1]:g}:",
            f"  {self.strategies[0]}",
        ]
        lines += [f"  {varied} = {one.at:.6f}  {one.above} ({one.kind})" for one in self.boundaries]
        if len(ratios := self.ratio[np.isfinite(self.ratio)]):
            lines.append(f"loss over that of PCA: {ratios.min():.4f} to {ratios.max():.4f}")
        return "\n".join(lines)

    __repr__ = __str__


@dataclass(frozen=True, kw_only=True, eq=False, repr=False)
class PairMap(Plain):
    """Which strategy is best at every p and c, or p and ρ: lines of growing p, side by side.

    Attributes
    ----------
    n_pairs, n_hidden : int
    axis : str
        "together" (c; values are independent) or "equal_values" (ρ; c = 1).
    lines : tuple of PairPhases
        In each p grows; the other parameter ascends from line to line.
    """

    n_pairs: int
    n_hidden: int
    axis: str
    lines: tuple[PairPhases, ...]

    @property
    def values(self) -> FloatArray:
        """The second parameter of each line."""
        return np.array([getattr(line, self.axis) for line in self.lines])

    @property
    def strategies(self) -> tuple[str, ...]:
        """All strategies that are best somewhere, in alphabetical order."""
        return tuple(sorted({name for line in self.lines for name in line.strategies}))

    @property
    def where(self) -> str:
        """The sizes, "3 pairs in 2 dimensions"."""
        return sizes_of(self.n_pairs, self.n_hidden)

    def __str__(self) -> str:
        short = {"together": "c", "equal_values": "ρ"}[self.axis]
        lines = [f"{self.where}: best strategies as p grows"]
        for value, line in zip(self.values, self.lines, strict=True):
            phases = [line.strategies[0]]
            phases += [f"{one.at:.6f} {one.above}" for one in line.boundaries]
            lines.append(f"  {short} = {value:<5g} " + " | ".join(phases))
        return "\n".join(lines)

    __repr__ = __str__


def pair_map(n_pairs: int, n_hidden: int, axis: str = "together") -> PairMap:
    """The map that comes with the package, for 2 pairs in 2, 3 in 2, 3 in 3 or 4 in 3 dimensions.

    Parameters
    ----------
    n_pairs, n_hidden : int
    axis : {"together", "equal_values"}, default "together"
        Over p and c, or over p and ρ (where pairs are always together).

    Returns
    -------
    PairMap

    Raises
    ------
    GeomsupError
        If the package has no such map; :func:`geomsup.theory.pair_phases` computes a line of one.

    Examples
    --------
    >>> from geomsup.theory import pair_map
    >>> pair_map(2, 2).lines[-1].boundaries[0].above
    '2 collapsed'
    """
    k, m = positive_integer("n_pairs", n_pairs), positive_integer("n_hidden", n_hidden)
    one_of("axis", axis, tuple(AXES))
    found = _maps().get((k, m, axis))
    if found is None:
        known = ", ".join(dict.fromkeys(f"{a} in {b}" for a, b, _ in _maps()))
        raise GeomsupError(
            f"expected a map that is shipped ({known}), got {k} pairs in {m}; pair_phases computes "
            "lines of others"
        )
    return found


@functools.cache
def _maps() -> dict[tuple[int, int, str], PairMap]:
    lines = load_lines(TABLE)
    maps = {}
    for axis, other, stays in (
        ("together", "equal_values", 0.0),
        ("equal_values", "together", 1.0),
    ):
        here = [line for line in lines if getattr(line, other) == stays]
        for key in sorted({(line.n_pairs, line.n_hidden) for line in here}):
            mine = [line for line in here if (line.n_pairs, line.n_hidden) == key]
            ordered = sorted(mine, key=lambda line: float(getattr(line, axis)))
            maps[(*key, axis)] = PairMap(
                n_pairs=key[0], n_hidden=key[1], axis=axis, lines=tuple(ordered)
            )
    return maps


_NUMBERS = ("n_pairs", "n_hidden", "feature_probability", "together", "equal_values")
_ARRAYS = ("values", "loss", "linear_loss", "W", "b")


def save_lines(path: Path, lines: Sequence[PairPhases]) -> None:
    """Write lines of growing p, of all maps, to one file."""
    arrays: dict[str, Any] = {}
    for k, line in enumerate(lines):
        arrays[f"{k} numbers"] = np.array([getattr(line, name) for name in _NUMBERS])
        for name in _ARRAYS:
            arrays[f"{k} {name}"] = getattr(line, name)
        arrays[f"{k} at"] = np.array([one.at for one in line.boundaries])
        words = [[one.below, one.above, one.kind] for one in line.boundaries]
        arrays[f"{k} words"] = np.array(words, dtype=np.str_).reshape(-1, 3)
    arrays["n_lines"] = np.array(len(lines))
    np.savez_compressed(path, **arrays)


def load_lines(path: Path) -> list[PairPhases]:
    """Read what `save_lines` wrote; GeomsupError if the file is none."""
    try:
        with np.load(path, allow_pickle=False) as file:
            return [_line(file, k) for k in range(int(file["n_lines"]))]
    except (OSError, ValueError, KeyError) as error:
        raise GeomsupError(
            f"cannot read the maps of pairs {path.name}: install geomsup again, or make them with "
            "'python -m geomsup.theory.pairs.rebuild'"
        ) from error


def _line(file: Any, k: int) -> PairPhases:
    n_pairs, n_hidden, p, c, rho = file[f"{k} numbers"].tolist()
    at = file[f"{k} at"].tolist()
    return PairPhases(
        n_pairs=int(n_pairs),
        n_hidden=int(n_hidden),
        varied="feature_probability",
        feature_probability=p,
        together=c,
        equal_values=rho,
        boundaries=tuple(
            PairBoundary(at=place, below=below, above=above, kind=kind)
            for place, (below, above, kind) in zip(at, file[f"{k} words"].tolist(), strict=True)
        ),
        **{name: read_only(file[f"{k} {name}"]) for name in _ARRAYS},
    )
