"""What the pairs of a census are held against: four kinds of background behind one interface."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.nulls import IsotropicNull, MatchedNull
from geomsup.nulls.directions import fit_directions
from geomsup.nulls.shuffled import ShuffledNull
from geomsup.survey.density import AngularGaussian, law_of
from geomsup.survey.pairs import Pairs, scan
from geomsup.survey.source import Directions, Rows, about, axis_of
from geomsup.survey.tails import (
    LAST_T,
    FixedTails,
    PooledTails,
    Tails,
    isotropic_tails,
    matched_tails,
)
from geomsup.survey.tiles import N_BINS

__all__ = ["KINDS", "Background", "background_of", "needs_a_plane", "spans_a_plane"]

FloatArray = NDArray[np.float64]

KINDS = ("matched", "isotropic", "shuffled")
# sin² of the angle between two directions that float32 takes for one line.
_ON_A_LINE = 1e-13
# Features that choose between laws of directions.
_ASKED = 1000
# A table for one threshold of each row: nodes about where a few rows have theirs.  With the null of
# an MLP layer in 384 dimensions log p is off by 7e-4 at most with four nodes, by .04 with three.
_PILOT_ROWS, _NARROW_NODES, _MARGIN = 128, 4, 0.25


class Background(Protocol):
    """Directions without structure."""

    name: str
    n_draws: int
    signature: str  # what it is, for files

    def tails(self, rows: Directions) -> Tails:
        """How improbable the pairs of some rows are."""

    def draw(self, number: int) -> Directions:
        """As many directions as the matrix has, the same for the same number."""

    def tails_at(self, drawn: Directions, log_p: float) -> Tails:
        """Tails of drawn rows that need be right about one probability only."""

    def exact(self, rows: Directions, pairs: Pairs) -> FloatArray:
        """log p of pairs without interpolation, if the null has it."""

    def law(self, rows: Directions) -> AngularGaussian | None:
        """The density of directions without structure; None for uniform ones."""


class _Isotropic:
    name = signature = "isotropic"

    def __init__(self, rows: Directions, n_draws: int, seed: int) -> None:
        self._null, self._n, self._seed = IsotropicNull(rows.dim), rows.n, seed
        self._tails = isotropic_tails(rows.dim)
        self.n_draws = n_draws

    def tails(self, rows: Directions) -> Tails:
        return self._tails

    def draw(self, number: int) -> Directions:
        return Directions(self._null.draw(self._n, np.random.default_rng([self._seed, number])))

    def tails_at(self, drawn: Directions, log_p: float) -> Tails:
        return self._tails

    def exact(self, rows: Directions, pairs: Pairs) -> FloatArray:
        return self._null.log_tail(np.minimum(np.abs(pairs.cosines), 1.0), sign=1)

    def law(self, rows: Directions) -> AngularGaussian | None:
        return None


class _Matched:
    name = "matched"

    def __init__(
        self, null: MatchedNull, rows: Directions, n_draws: int, seed: int, *, is_fitted: bool
    ) -> None:
        needs_a_plane(null.rank)
        self._null, self._n, self._seed = null, rows.n, seed
        self.n_draws, self._is_fitted = n_draws, is_fitted
        self.signature = hashlib.sha256(
            np.concatenate(null.moments, axis=None).tobytes()
        ).hexdigest()

    def tails(self, rows: Directions) -> Tails:
        return matched_tails(self._null, rows)

    def draw(self, number: int) -> Directions:
        return Directions(self._null.draw(self._n, np.random.default_rng([self._seed, number])))

    def tails_at(self, drawn: Directions, log_p: float) -> Tails:
        pilot = Directions(drawn.units(0, min(_PILOT_ROWS, drawn.n)))
        found = np.abs(matched_tails(self._null, pilot).thresholds(log_p))
        low, high = np.arctanh(found.min()), np.arctanh(found.max())
        margin = _MARGIN * (high - low) + 0.01
        # In few dimensions rows may reach their threshold only where the cosine is rounded to 1.
        high = min(float(np.tanh(high + margin)), LAST_T)
        between = min(float(np.tanh(max(low - margin, 0.0))), 0.9 * high), high
        return matched_tails(self._null, drawn, between=between, n_nodes=_NARROW_NODES)

    def exact(self, rows: Directions, pairs: Pairs) -> FloatArray:
        t, below = np.minimum(np.abs(pairs.cosines), 1.0), pairs.cosines < 0
        ends = [
            np.where(below, *self._null.log_tails(rows.exact(which), t)[::-1])
            for which in (pairs.i, pairs.j)
        ]
        return np.maximum(*ends)

    def law(self, rows: Directions) -> AngularGaussian | None:
        return law_of(_some(rows), *self._null.moments, n=self._n if self._is_fitted else None)


class _Pooled:
    """The pairs of matrices without structure, all alike."""

    def __init__(
        self, name: str, drawn: Callable[[int], Directions], n_draws: int, device: str = "cpu"
    ) -> None:
        self.name, self.n_draws, self.draw = name, n_draws, drawn
        nothing = FixedTails(np.inf)
        counts = np.zeros(N_BINS)
        for number in range(n_draws):
            found = scan(
                drawn(number), nothing, log_p=-np.inf, max_pairs=0, seed=number, device=device
            )
            counts += found.histogram
        self._tails = PooledTails(counts)
        self.signature = f"{name} {hashlib.sha256(counts.tobytes()).hexdigest()}"

    def tails(self, rows: Directions) -> Tails:
        return self._tails

    def tails_at(self, drawn: Directions, log_p: float) -> Tails:
        return self._tails

    def exact(self, rows: Directions, pairs: Pairs) -> FloatArray:
        return self._tails.log_p(pairs.i, pairs.j, pairs.cosines)

    def law(self, rows: Directions) -> AngularGaussian | None:
        """Of a Gaussian, or Student's t, with the moments of the features: draws have no density.

        So what a few long axes bring about is no structure.
        """
        return law_of(_some(rows), *fit_directions(rows.blocks, rows.dim), n=rows.n)


def _some(rows: Directions) -> FloatArray:
    """Up to 1,000 unit rows from all over the matrix, to choose a law by."""
    return rows.exact(np.linspace(0, rows.n - 1, min(rows.n, _ASKED)).astype(np.intp))


def needs_a_plane(n_dimensions: int) -> None:
    """Refuse directions in one dimension, where an angle has no law."""
    if n_dimensions < 2:
        raise GeomsupError(
            "directions along one line are equal or opposite, whatever their law: a background "
            "needs two dimensions, in what centring and removing components leave too; or is "
            "feature_axis the other one?"
        )


def spans_a_plane(rows: Directions) -> None:
    """Refuse directions that all lie on one line, where they are as they are in any draw."""
    axis = rows.units(0, 1)[0].astype(np.float64)
    axis /= np.linalg.norm(axis)
    away = 0.0
    for units in rows.blocks():
        outside = units - np.outer(units @ axis, axis)
        away = max(away, float(np.einsum("ij,ij->i", outside, outside).max()))
    needs_a_plane(1 if away <= _ON_A_LINE else 2)


def background_of(
    null: object,
    rows: Rows,
    *,
    feature_axis: int | None,
    n_draws: int,
    seed: int,
    device: str = "cpu",
) -> Background:
    """The background that a word, or a matrix, stands for."""
    needs_a_plane(rows.dim)
    if not (isinstance(null, str) and null == "isotropic"):
        spans_a_plane(rows)
    if isinstance(null, str):
        if null == "matched":
            fitted = MatchedNull(*fit_directions(rows.blocks, rows.dim))
            return _Matched(fitted, rows, n_draws, seed, is_fitted=True)
        if null == "isotropic":
            return _Isotropic(rows, n_draws, seed)
        if null == "shuffled":
            shuffled = ShuffledNull(rows.prepared, rows.dim)
            return _Pooled(
                "shuffled",
                lambda number: Directions(shuffled.draw(np.random.default_rng([seed, number]))),
                max(n_draws, 1),
                device,
            )
    with about(f"null must be one of {', '.join(KINDS)}, a MatchedNull or a matrix"):
        given = (
            null
            if isinstance(null, MatchedNull)
            else Rows(null, feature_axis=axis_of(null, None, feature_axis))
        )
    if given.dim != rows.dim:
        raise GeomsupError(
            f"a null that is a matrix needs the {rows.dim} dimensions of W, got {given.dim}; or "
            f"null= one of {', '.join(KINDS)}"
        )
    if isinstance(given, MatchedNull):
        return _Matched(given, rows, n_draws, seed, is_fitted=False)
    return _Pooled("given matrix", lambda number: given, 1, device)
