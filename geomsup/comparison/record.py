"""What two dictionaries have in common: a frozen record that prints on one screen."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.geometry.report_tables import Table
from geomsup.survey.record import Comparison, Record, comparison_lines

__all__ = ["N_BINS", "DictionaryComparison", "Split", "parents_of_several"]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Of the cosine, each .01 wide.
N_BINS = 200
# Pairs and splits at the foot, and parts of one that are named.
_N_EXAMPLES, _N_PARTS = 3, 6


@dataclass(frozen=True, kw_only=True)
class Split:
    """A feature that is nearest to several of the other dictionary.

    Attributes
    ----------
    of : str
        The dictionary it is in, "A" or "B".
    feature : int
    parts : tuple of int
        Features of the other one, the nearest first.
    cosines : tuple of float
    """

    of: str
    feature: int
    parts: tuple[int, ...]
    cosines: tuple[float, ...]

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return asdict(self)


def parents_of_several(nearest: IntArray, cosines: FloatArray, threshold: float) -> IntArray:
    """Which are nearest to two or more of the other dictionary, with such a cosine."""
    parents, counts = np.unique(nearest[cosines >= threshold], return_counts=True)
    several: IntArray = parents[counts > 1]
    return several


@dataclass(frozen=True, kw_only=True, eq=False)
class DictionaryComparison(Record):
    """What two dictionaries have in common, beside what chance gives.

    Features are meant by their number in their matrix throughout.

    Attributes
    ----------
    n_given : tuple of int
        Features of A and of B, with those that have no direction and take no part.
    dim : int
    features_a, features_b : ndarray of shape (n_a,) and (n_b,)
        Those that take part.
    nearest_a, nearest_b : ndarray of shape (n_a,) and (n_b,)
        The nearest feature of B for each of A, and of A for each of B.
    nearest_cosines_a, nearest_cosines_b : ndarray of shape (n_a,) and (n_b,)
    matched_a, matched_b, cosines : ndarray of shape (min(n_a, n_b),)
        The one-to-one matching with the greatest mean cosine, in the order of A.
    prices_a, prices_b : ndarray of shape (n_a,) and (n_b,)
        Its proof: no pair of features has a cosine above the sum of its two prices; all prices
        together are `bound` · min(n_a, n_b).
    bound : float
        No matching has a greater mean cosine.
    signed : bool
        Whether cosines have their signs; otherwise all of them are sizes.
    threshold, split_threshold : float
        Cosines from which features are shared or covered, and from which they are parts.
    null : str
    n_draws : int
    scores : tuple of Comparison
    null_counts : ndarray of shape (n_draws, 200)
        Matched pairs of each draw by cosine, in bins of .01 from −1 to 1.
    labels_a, labels_b : tuple of str or None
    settings : mapping
        Arguments, as they were understood.
    """

    n_given: tuple[int, ...]
    dim: int
    features_a: IntArray
    features_b: IntArray
    nearest_a: IntArray
    nearest_b: IntArray
    nearest_cosines_a: FloatArray
    nearest_cosines_b: FloatArray
    matched_a: IntArray
    matched_b: IntArray
    cosines: FloatArray
    prices_a: FloatArray
    prices_b: FloatArray
    bound: float
    signed: bool
    threshold: float
    split_threshold: float
    null: str
    n_draws: int
    scores: tuple[Comparison, ...]
    null_counts: IntArray
    labels_a: tuple[str, ...] | None = None
    labels_b: tuple[str, ...] | None = None
    settings: Mapping[str, Any]

    def __getitem__(self, name: str) -> Comparison:
        """One of the scores, by its name."""
        for one in self.scores:
            if one.name == name:
                return one
        names = "; ".join(one.name for one in self.scores)
        raise GeomsupError(f"expected one of {names}; got {shorten(name)}")

    @property
    def gap(self) -> float:
        """How far the matching may be from the best, relative to it: rounding, or 1e-10."""
        mean = float(self.cosines.mean())
        return max(0.0, self.bound - mean) / max(abs(mean), np.finfo(float).tiny)

    @property
    def splits(self) -> tuple[Split, ...]:
        """Features with several parts in the other dictionary, those with most parts first."""
        found = self._splits_of("A", self.features_b, self.nearest_b, self.nearest_cosines_b)
        found += self._splits_of("B", self.features_a, self.nearest_a, self.nearest_cosines_a)
        return tuple(sorted(found, key=lambda one: (-len(one.parts), one.of, one.feature)))

    def _splits_of(
        self, of: str, children: IntArray, nearest: IntArray, cosines: FloatArray
    ) -> list[Split]:
        found = []
        order = np.lexsort((-cosines, nearest))
        order = order[cosines[order] >= self.split_threshold]
        for parent in parents_of_several(nearest, cosines, self.split_threshold):
            low, high = np.searchsorted(nearest[order], [parent, parent + 1])
            own = order[low:high]
            found.append(
                Split(
                    of=of,
                    feature=int(parent),
                    parts=tuple(children[own].tolist()),
                    cosines=tuple(cosines[own].tolist()),
                )
            )
        return found

    def label(self, of: str, feature: int) -> str:
        """Name of a feature of "A" or "B"; its number where there are no labels."""
        labels = self.labels_a if of == "A" else self.labels_b
        return str(feature) if labels is None else labels[feature]

    def to_dataframe(self, rows: str = "matches") -> Any:
        """A pandas DataFrame of the "matches" or the "splits".

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return self.table(rows).to_dataframe()

    def table(self, rows: str = "matches") -> Table:
        """The same as columns and rows of plain values."""
        if rows == "matches":
            columns = ["a", "b", "cosine", "label_a", "label_b"]
            parts = (self.matched_a.tolist(), self.matched_b.tolist(), self.cosines.tolist())
            matches = [
                (a, b, cosine, self.label("A", a), self.label("B", b))
                for a, b, cosine in zip(*parts, strict=True)
            ]
            return Table(columns=columns, rows=matches)
        if rows == "splits":
            columns = ["of", "feature", "n_parts", "parts", "cosines"]
            splits = [
                (one.of, one.feature, len(one.parts), one.parts, one.cosines) for one in self.splits
            ]
            return Table(columns=columns, rows=splits)
        raise GeomsupError(f"rows must be one of matches, splits, got {shorten(rows)}")

    def _said(self) -> dict[str, Any]:
        return {**self.to_dict(), "labels_a": self.labels_a, "labels_b": self.labels_b}

    def to_dict(self) -> dict[str, Any]:
        """What is printed, with all splits, ready for JSON; `save` keeps the rest."""
        return {
            "n_given": list(self.n_given),
            "n_features": [self.features_a.size, self.features_b.size],
            "dim": self.dim,
            "signed": self.signed,
            "threshold": self.threshold,
            "split_threshold": self.split_threshold,
            "n_matched": self.cosines.size,
            "bound": self.bound,
            "gap": self.gap,
            "null": self.null,
            "n_draws": self.n_draws,
            "scores": [{**one.to_dict(), "corrected": one.corrected} for one in self.scores],
            "splits": [one.to_dict() for one in self.splits],
            "settings": dict(self.settings),
        }

    def __str__(self) -> str:
        sizes = [
            f"{name}: {taking.size:,} features"
            + (f" ({given - taking.size:,} without a direction)" if given > taking.size else "")
            for name, given, taking in zip(
                "AB", self.n_given, (self.features_a, self.features_b), strict=True
            )
        ]
        null = f"{self.null} null"
        measures = [one for one in self.scores if not one.is_count]
        counts = [one for one in self.scores if one.is_count]
        lines = [
            f"{', '.join(sizes)}, {self.dim:,} dimensions, "
            + ("cosines with their signs" if self.signed else "sizes of cosines"),
            f"{self.cosines.size:,} pairs, matched with the greatest mean cosine there is "
            f"(relative gap {self.gap:.0e})",
            "",
            *comparison_lines(measures, null, is_corrected=True),
            "",
            *comparison_lines(counts, null),
        ]
        return "\n".join([*lines, "", *self._examples()])

    __repr__ = __str__

    def _examples(self) -> list[str]:
        order = np.argsort(-self.cosines, kind="stable")[:_N_EXAMPLES]
        pairs = ", ".join(
            f"{self.label('A', int(self.matched_a[k]))} / {self.label('B', int(self.matched_b[k]))}"
            f" {self.cosines[k]:+.3f}"
            for k in order
        )
        lines = [f"closest: {pairs}"]
        for one in self.splits[:_N_EXAMPLES]:
            other = "B" if one.of == "A" else "A"
            named = ", ".join(
                f"{self.label(other, part)} {cosine:+.2f}"
                for part, cosine in zip(one.parts[:_N_PARTS], one.cosines, strict=False)
            )
            rest = len(one.parts) - _N_PARTS
            lines.append(
                f"{one.of} {self.label(one.of, one.feature)} → {other} {named}"
                + (f" and {rest} more" if rest > 0 else "")
            )
        return lines
