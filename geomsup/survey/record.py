"""What a census found: a frozen record that prints on one screen, with tables of everything."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError, shorten
from geomsup.geometry.report_tables import Table
from geomsup.restoring import restored
from geomsup.showing import Shown
from geomsup.storage import read_tensors, write_tensors
from geomsup.survey.component import Component
from geomsup.survey.source import Rows, matrix_of
from geomsup.survey.spectrum import Filling

__all__ = [
    "Census",
    "Comparison",
    "Record",
    "compared",
    "comparison_lines",
]

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Pairs of each sign at the foot of a printed census.
_N_EXAMPLES = 3
# Kinds of structures that are printed, and features of one that are named.
_N_KINDS, _N_MEMBERS = 12, 6
# Where chance is so near to 1 the way from there to 1 is rounding.
_NO_ROOM = 1.0 - 1e-9


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One number of the matrix beside the same number of draws of the background.

    Attributes
    ----------
    name : str
    found : float
    null_mean, null_sd : float or None
        Mean and standard deviation over the draws; no deviation of a single one, and neither
        without draws.
    is_count : bool
        Whether it counts something.
    """

    name: str
    found: float
    null_mean: float | None
    null_sd: float | None
    is_count: bool

    @property
    def share_by_chance(self) -> float | None:
        """How much of a count chance explains: the rate of false ones among all of its kind."""
        if not self.is_count or self.null_mean is None or not self.found:
            return None
        return min(1.0, self.null_mean / self.found)

    @property
    def corrected(self) -> float | None:
        """How much of the way from chance to 1 a cosine or a share has come: 0 is chance."""
        if self.is_count or self.null_mean is None or self.null_mean > _NO_ROOM:
            return None
        return (self.found - self.null_mean) / (1.0 - self.null_mean)

    def to_dict(self) -> dict[str, Any]:
        """The fields, ready for JSON."""
        return asdict(self)


def compared(
    found: Mapping[str, float], draws: Sequence[Mapping[str, float]]
) -> tuple[Comparison, ...]:
    """Each number of the matrix with mean and spread of its namesakes."""
    result = []
    for name, value in found.items():
        others = [float(draw[name]) for draw in draws]
        result.append(
            Comparison(
                name=name,
                found=float(value),
                null_mean=float(np.mean(others)) if others else None,
                null_sd=float(np.std(others, ddof=1)) if len(others) > 1 else None,
                is_count=isinstance(value, int),
            )
        )
    return tuple(result)


class Record:
    """A frozen dataclass of arrays and plain values that goes into one file and comes back."""

    def __post_init__(self) -> None:
        for value in vars(self).values():
            if isinstance(value, np.ndarray):
                value.setflags(write=False)

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write all of it to one .safetensors file, replacing the file in one move."""
        tensors = {
            name: value.astype(np.int64) if value.dtype == np.intp else value
            for name, value in vars(self).items()
            if isinstance(value, np.ndarray)
        }
        return write_tensors(path, tensors, self._said(), kind=type(self).__name__)

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> Self:
        """Read what `save` wrote.

        Raises
        ------
        GeomsupError
            If the file is missing, damaged, or holds something else.
        """
        source, tensors, said = read_tensors(path, None, kind=cls.__name__)
        try:
            return restored(cls, {**said, **tensors}, f"the {cls.__name__}")
        except GeomsupError as error:
            raise GeomsupError(f"{source} holds no usable {cls.__name__}: {error}") from error

    def _said(self) -> dict[str, Any]:
        """All fields that are no arrays, ready for JSON."""
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True, eq=False)
class Census(Record, Shown):
    """What the features of a matrix hold beyond chance.

    Features are meant by their number in the matrix throughout.

    Attributes
    ----------
    n_given, n_masked, n_without : int
        Features of the matrix, those left out on demand, and those without a direction.
    dim : int
    features : ndarray of shape (n,)
        Those that were looked at.
    norms, dimensionalities : ndarray of shape (n,)
    filling : Filling
        Mean direction, effective rank and participation ratio of the unit rows.
    welch_bound : float
        The least coherence that so many directions can have.
    largest, least : ndarray of shape (n,)
        Largest and least cosine of each feature with another.
    nearest, opposite : ndarray of shape (n,)
        Which that is.
    histogram, null_histogram : ndarray of shape (2000,)
        Pairs by cosine in bins of .001 from −1 to 1, of the matrix and of a mean draw (zero without
        draws).
    cuts : tuple of float
        Beyond them each pair of the histogram is counted; between them it is an estimate from the
        pairs of 2048 features, where there are more.
    null : str
        The background.
    n_draws : int
    q : float
        The rate of false discoveries that was asked for.
    log_p : float or None
        Natural logarithm of the largest p-value that is believed, if one is.
    n_above, n_below : int
        Pairs that are closer, or more opposite, than chance has it.
    i, j : ndarray of shape (n_pairs,)
        The most improbable of them, sorted by p-value.
    cosines, log_p_values, q_values : ndarray of shape (n_pairs,)
        Logarithms end at -10⁶, which stands for 0.
    is_exact : bool
        Whether cosines and p-values are computed pair by pair (up to 50,000 pairs), or in float32
        and by interpolation.
    comparisons : tuple of Comparison
        Every count and mean beside the background's.
    components : tuple of Component
        Structures that the pairs form, greatest evidence first.
    structures : tuple of Comparison
        How many there are of each name, beside those of up to five draws of the background, which
        are held to the same gain.
    unsearched : tuple of str
        What was not searched for structures, in words.
    partner : tuple of Comparison
        Pairs that are far out in two matrices at once, against permuted features.
    partner_pairs : ndarray of shape (n, 4)
        Two features and their cosines in both matrices.
    labels : tuple of str or None
        Names of all features of the matrix.
    settings : mapping
        Arguments, as they were understood.
    """

    n_given: int
    n_masked: int
    n_without: int
    dim: int
    features: IntArray
    norms: FloatArray
    dimensionalities: FloatArray
    filling: Filling
    welch_bound: float
    largest: FloatArray
    nearest: IntArray
    least: FloatArray
    opposite: IntArray
    histogram: FloatArray
    null_histogram: FloatArray
    cuts: tuple[float, float]
    null: str
    n_draws: int
    q: float
    log_p: float | None
    n_above: int
    n_below: int
    i: IntArray
    j: IntArray
    cosines: FloatArray
    log_p_values: FloatArray
    q_values: FloatArray
    is_exact: bool
    comparisons: tuple[Comparison, ...]
    components: tuple[Component, ...] = ()
    structures: tuple[Comparison, ...] = ()
    unsearched: tuple[str, ...] = ()
    partner: tuple[Comparison, ...] = ()
    partner_pairs: FloatArray
    labels: tuple[str, ...] | None = None
    settings: Mapping[str, Any]

    def __getitem__(self, name: str) -> Comparison:
        """One of the comparisons, by its name."""
        everything = (*self.comparisons, *self.structures, *self.partner)
        for one in everything:
            if one.name == name:
                return one
        names = ", ".join(one.name for one in everything)
        raise GeomsupError(f"expected one of {names}; got {shorten(name)}")

    def label(self, feature: int) -> str:
        """Name of a feature; its number where there are no labels."""
        return str(feature) if self.labels is None else self.labels[feature]

    def directions(
        self, W: object, features: Sequence[int], *, feature_axis: int | None = None
    ) -> FloatArray:
        """Unit directions of some features, prepared as they were for the census.

        Parameters
        ----------
        W : object
            The matrix that it was taken of, in whatever form.
        features : sequence of int
            Their numbers in the matrix.
        feature_axis : int, optional
            As for :func:`geomsup.census`.

        Returns
        -------
        ndarray of shape (n_chosen, dim)

        Raises
        ------
        GeomsupError
            If it is another matrix, or a feature has no part in the census.
        """
        mask = np.zeros(self.n_given, dtype=np.bool_)
        mask[self.features] = True
        preparation = {
            name: self.settings[name] for name in ("centre", "remove_components", "fold_norms")
        }
        shape = matrix_of(W, feature_axis).shape
        if shape != (self.n_given, self.dim):
            raise GeomsupError(
                f"the census is of {self.n_given} features in {self.dim} dimensions, got a matrix "
                f"of {shape[0]} in {shape[1]}; pass the matrix that it was taken of"
            )
        chosen = np.asarray(features, dtype=np.intp)
        if not np.isin(chosen, self.features).all():
            raise GeomsupError("features must have a part in the census: some have none")
        rows = Rows(W, feature_axis=feature_axis, mask=mask, **preparation)
        if rows.n != self.features.size or not np.allclose(rows.norms, self.norms, rtol=1e-4):
            raise GeomsupError("the norms of this matrix are others; pass that of the census")
        return rows.exact(np.searchsorted(self.features, chosen))

    def to_dataframe(self, rows: str = "pairs") -> Any:
        """A pandas DataFrame of the "pairs", the "features" or the "components".

        Raises
        ------
        MissingExtraError
            If pandas is not installed.
        """
        return self.table(rows).to_dataframe()

    def table(self, rows: str = "pairs") -> Table:
        """The same as columns and rows of plain values."""
        tables = {"pairs": self._pairs, "features": self._features, "components": self._components}
        if rows not in tables:
            raise GeomsupError(f"rows must be one of {', '.join(tables)}, got {shorten(rows)}")
        return tables[rows]()

    def _pairs(self) -> Table:
        columns = ["feature", "other", "cosine", "p", "q"]
        parts = [self.i, self.j, self.cosines, np.exp(self.log_p_values), self.q_values]
        return self._labelled(columns, parts, ("label", "other_label"))

    def _features(self) -> Table:
        columns = ["feature", "norm", "dimensionality"]
        columns += ["largest_cosine", "nearest", "least_cosine", "opposite"]
        parts = [self.features, self.norms, self.dimensionalities]
        parts += [self.largest, self.nearest, self.least, self.opposite]
        return self._labelled(columns, parts, ("label",))

    def _components(self) -> Table:
        columns = ["name", "kind", "about", "n_features", "log_evidence", "leakage", "features"]
        rows = [
            (c.name, c.kind, c.about, len(c.features), c.log_evidence, c.leakage, c.features)
            for c in self.components
        ]
        return Table(columns=columns, rows=rows)

    def _labelled(
        self, columns: list[str], parts: Sequence[NDArray[Any]], named: tuple[str, ...]
    ) -> Table:
        """A table of arrays with the labels of the features in its first columns."""
        rows = list(zip(*(part.tolist() for part in parts), strict=True))
        if self.labels is not None:
            columns = [*columns, *named]
            rows = [(*row, *(self.label(k) for k in row[: len(named)])) for row in rows]
        return Table(columns=columns, rows=rows)

    def _said(self) -> dict[str, Any]:
        return {**self.to_dict(), "labels": self.labels, "cuts": self.cuts}

    def to_dict(self) -> dict[str, Any]:
        """What is printed, with all components, ready for JSON; `save` keeps the rest."""
        return {
            "n_given": self.n_given,
            "n_masked": self.n_masked,
            "n_without": self.n_without,
            "n_features": int(self.features.size),
            "dim": self.dim,
            "filling": self.filling.to_dict(),
            "welch_bound": self.welch_bound,
            "null": self.null,
            "n_draws": self.n_draws,
            "q": self.q,
            "log_p": self.log_p,
            "n_above": self.n_above,
            "n_below": self.n_below,
            "is_exact": self.is_exact,
            "comparisons": [one.to_dict() for one in self.comparisons],
            "partner": [one.to_dict() for one in self.partner],
            "structures": [one.to_dict() for one in self.structures],
            "unsearched": list(self.unsearched),
            "components": [one.to_dict() for one in self.components],
            "settings": dict(self.settings),
        }

    def __str__(self) -> str:
        lines = [*_headline(self), "", *comparison_lines(self.comparisons, f"{self.null} null")]
        if self.structures:
            lines += ["", *comparison_lines(self.structures[:_N_KINDS], f"{self.null} null")]
            rest = self.structures[_N_KINDS:]
            lines += [f"and {len(rest)} kinds that are rarer"] if rest else []
        lines += [f"({text})" for text in self.unsearched]
        if self.partner:
            lines += ["", *comparison_lines(self.partner, "permuted")]
        return "\n".join([*lines, *_examples(self)])

    __repr__ = __str__


def _headline(found: Census) -> list[str]:
    n, filling = found.features.size, found.filling
    left_out = [
        f"{number:,} {why}"
        for number, why in ((found.n_masked, "masked"), (found.n_without, "without a direction"))
        if number
    ]
    which = f"{n:,} of {found.n_given:,}" if left_out else f"{n:,}"
    done = [text for text in (_prepared(found.settings), ", ".join(left_out)) if text]
    return [
        f"{which} features in {found.dim:,} dimensions" + (f" ({'; '.join(done)})" if done else ""),
        f"mean direction {100 * filling.mean_share:.1f} % of the squared norm, rank {filling.rank},"
        f" effective rank {filling.effective_rank:.1f}, participation ratio "
        f"{filling.participation_ratio:.1f}",
        f"norm {_spread(found.norms)}, D {_spread(found.dimensionalities)} (median, 5 to 95 %)",
    ]


def _prepared(settings: Mapping[str, Any]) -> str:
    words = []
    if settings["fold_norms"]:
        words.append("norms folded")
    if settings["centre"]:
        words.append("centred")
    if settings["remove_components"]:
        words.append(f"{settings['remove_components']} components removed")
    return ", ".join(words)


def _spread(values: FloatArray) -> str:
    low, middle, high = np.quantile(values, [0.05, 0.5, 0.95])
    return f"{middle:.3g} ({low:.3g} to {high:.3g})"


def comparison_lines(
    listed: Sequence[Comparison], null: str, *, is_corrected: bool = False
) -> list[str]:
    """A table of numbers beside those of the background, and what chance explains of counts.

    The last column can have the `corrected` numbers instead.
    """
    rows = [["", "found", null, "corrected" if is_corrected else "by chance"]]
    for one in listed:
        mean = "–" if one.null_mean is None else _number(one.null_mean, one.is_count)
        spread = "" if one.null_sd is None else f" ± {_number(one.null_sd, one.is_count)}"
        rows.append(
            [
                one.name,
                _number(one.found, one.is_count),
                mean + spread,
                _signed(one.corrected) if is_corrected else _percent(one.share_by_chance),
            ]
        )
    widths = [max(len(row[k]) for row in rows) for k in range(4)]
    return [
        "  ".join(
            cell.ljust(width) if k == 0 else cell.rjust(width)
            for k, (cell, width) in enumerate(zip(row, widths, strict=True))
        ).rstrip()
        for row in rows
    ]


def _signed(value: float | None) -> str:
    return "" if value is None else f"{value:+.4f}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{100 * share:.{0 if share > 0.1 else 1}f} %"


def _number(value: float, is_count: bool) -> str:
    if not is_count:
        return f"{value:.4f}"
    return f"{value:,.0f}" if value >= 10 or value == int(value) else f"{value:.1f}"


def _examples(found: Census) -> list[str]:
    lines = []
    for title, one_side in (("closest", found.cosines > 0), ("most opposite", found.cosines < 0)):
        order = np.flatnonzero(one_side)
        order = order[np.argsort(-np.abs(found.cosines[order]), kind="stable")][:_N_EXAMPLES]
        if order.size:
            pairs = ", ".join(
                f"{found.label(int(found.i[k]))} / {found.label(int(found.j[k]))} "
                f"{found.cosines[k]:+.3f}"
                for k in order
            )
            lines.append(f"{title}: {pairs}")
    lines += [_described(found, one) for one in found.components[:_N_EXAMPLES]]
    return ["", *lines] if lines else []


def _described(found: Census, one: Component) -> str:
    inside = [found.label(feature) for feature in one.features[:_N_MEMBERS]]
    rest = len(one.features) - len(inside)
    return (
        f"{one.name} of {len(one.features)}: {', '.join(inside)}"
        + (f" and {rest} more" if rest else "")
        + f" ({one.log_evidence:.0f} nats)"
    )
