"""The census of a matrix: what its features hold beyond chance, a null beside every number.

:func:`census` reads the matrix in blocks, scans all pairs, believes some of them
(:mod:`geomsup.survey.significant`), and does the same to draws of the background.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, partial
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import warn_caller
from geomsup.geometry.gram import welch_bound
from geomsup.progress import bar
from geomsup.survey.background import Background, background_of
from geomsup.survey.density import AngularGaussian
from geomsup.survey.forest import BLOCK, DENSE
from geomsup.survey.pairs import Scan, checked_device, scan
from geomsup.survey.partners import partners_of
from geomsup.survey.record import Census, Comparison, compared
from geomsup.survey.resuming import Parts, parts_in
from geomsup.survey.significant import LOOSEST, Significant, significant_pairs
from geomsup.survey.source import Directions, Rows, axis_of, mask_of, matrix_of
from geomsup.survey.spectrum import filling_of
from geomsup.survey.structures import (
    Named,
    counts_by_name,
    least_gain,
    names_and_gains,
    renumbered,
    structures_of,
)
from geomsup.survey.tiles import N_BINS
from geomsup.validation import (
    number_within,
    positive_integer,
    seed_number,
    whole_number,
    yes_or_no,
)
from geomsup.weights.labels import labels_of

__all__ = ["census"]

FloatArray = NDArray[np.float64]

_NEARLY_ONE, _FAR_OUT = 0.95, 0.3
# Draws whose structures are looked for: chance has few, but each may take as long as the matrix.
_STRUCTURED = 5
# Stands for a p-value of 0, which files cannot hold.
_LEAST_LOG_P = -1e6


def census(
    W: object,
    *,
    feature_axis: int | None = None,
    null: object = "matched",
    n_draws: int = 20,
    q: float = 0.05,
    centre: bool = False,
    remove_components: int = 0,
    fold_norms: bool = False,
    labels: Sequence[str] | str | os.PathLike[str] | None = None,
    mask: object = None,
    components: bool = True,
    partner: object = None,
    partner_axis: int | None = None,
    max_pairs: int = 2_000_000,
    folder: str | os.PathLike[str] | None = None,
    device: str = "cpu",
    progress: bool | None = None,
    seed: int | np.random.Generator | None = 0,
) -> Census:
    """Count what the features of a large matrix hold beyond chance.

    Parameters
    ----------
    W : array_like, torch.Tensor, path, OpenedWeights or object with a decoder
        Anything that holds a matrix of feature directions; a mapped file is read in blocks.
    feature_axis : int, optional
        0 when rows are features, -1 when columns are.  What :func:`geomsup.open_weights` has
        opened knows it.
    null : {"matched", "isotropic", "shuffled"}, MatchedNull or a matrix, default "matched"
        The background: directions of a Gaussian with the mean and covariance of these (or a
        :class:`geomsup.nulls.MatchedNull` with moments of your own), uniform
        ones, these with the entries on each principal axis permuted (before norms are divided by,
        unless `fold_norms`), or the rows of a matrix with the same `feature_axis` (an untrained
        dictionary, a second seed).  The pairs of one matrix of the same size can speak only for 2/q
        pairs or more that are farther out than all of them.
    n_draws : int, default 20
        Matrices of that background that go through the same counts.  Each costs as much time as
        the matrix; 0 leaves the counts without comparison.
    q : float, default .05
        Bound on the expected share of false ones among the pairs that are believed.
    centre, remove_components, fold_norms
        What is done to the features first: subtract their mean; subtract the projection on so many
        principal components; divide each by its norm, before the other two.
    labels : sequence of str or path, optional
        A name for each feature: in a list, in a text file with one on each line, or in a CSV
        file with a column "label" (and perhaps "feature", counted from 0).
    mask : array of bool or str, optional
        True for each feature that takes part, or a regular expression that finds the labels of
        those that do not.
    components : bool, default True
        Whether to look for the structures that the pairs form, in the matrix and in the first
        five draws.
    partner : optional
        A second matrix of the same features, as the weights out of neurons whose weights in are W:
        pairs that are far out in both are counted against permuted features.
    partner_axis : int, optional
        Its `feature_axis`; by default that of W, unless `open_weights` has opened it.
    max_pairs : int, default 2,000,000
        How many pairs to keep, the most improbable ones; all are counted.
    folder : path, optional
        Where the scan of the matrix and of each draw is kept as soon as it is done, so that the
        same call goes on where an earlier one was interrupted.
    device : str, default "cpu"
        Where the cosines are computed: "cpu", "cuda" or "cuda:1", where torch has them.  The unit
        rows must fit into its memory.  Cosines differ in their last digits.
    progress : bool, optional
        Whether to show bars; None shows them in a terminal or a notebook.
    seed : int, Generator or None, default 0

    Returns
    -------
    Census

    Raises
    ------
    GeomsupError
        If the matrix cannot be read, its orientation is open, or an argument makes no sense.

    Notes
    -----
    A pair is tested on both sides, against the background given either of its two directions, of
    which the less surprising one counts; Benjamini and Hochberg's rule then runs over all n(n−1)
    tests.  The draws are held to the p-value that it arrives at.  So among the pairs of a draw at
    most `q` times as many are expected beyond it, and where the two ends of a pair disagree, fewer.
    Structures are believed from the gain on from which draws have at most `q` times as many.

    O(n² m) time.  Memory for the unit rows in float32 (up to 3 GiB; they are made again from the
    matrix beyond), for the tails of each row (128 bytes), and for the pairs (32 bytes each).

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup import census
    >>> W = np.random.default_rng(0).normal(size=(400, 32))
    >>> W[1::2][:5] = -W[::2][:5]  # the first ten are five antipodal pairs
    >>> found = census(W, feature_axis=0, null="isotropic", n_draws=2, progress=False)
    >>> found.n_above, found.n_below
    (0, 5)
    >>> found["digon"].found, found["digon"].null_mean
    (5.0, 0.0)
    >>> found.components[0].features
    (0, 1)
    """
    seed = seed_number(seed)
    checked_device(device)
    q = number_within("q", q, 0.0, 1.0)
    n_draws = whole_number("n_draws", n_draws, 0)
    max_pairs = positive_integer("max_pairs", max_pairs)
    n_given = len(matrix_of(W, feature_axis))
    names = labels_of(labels, n_given)
    preparation: dict[str, Any] = {
        "centre": centre,
        "remove_components": remove_components,
        "fold_norms": fold_norms,
    }
    rows = Rows(W, feature_axis=feature_axis, mask=mask_of(mask, n_given, names), **preparation)
    background = background_of(
        null, rows, feature_axis=feature_axis, n_draws=n_draws, seed=seed, device=device
    )
    components = yes_or_no("components", components)
    settings = {**preparation, "seed": seed, "max_pairs": max_pairs, "components": components}
    parts = parts_in(folder, rows, {**settings, "null": background.signature, "q": q})
    law = background.law(rows) if components else None
    scans = _Scans(rows, background, parts, max_pairs, seed, device, progress)
    found = scans.of_matrix()
    significant = significant_pairs(found, rows, background, q=q)
    _warn_of_none_kept(significant, max_pairs)
    n_structured = _STRUCTURED if components else 0
    draws, by_chance = scans.of_draws(n_draws, _threshold(significant, q), n_structured, law)
    structures = _structures(rows, significant, law, by_chance, q, seed) if components else {}
    both, partner_pairs = partners_of(
        rows,
        partner,
        axis_of(partner, partner_axis, feature_axis),
        n_draws=n_draws,
        seed=seed,
        device=device,
        preparation=preparation,
    )
    return Census(
        **_of_rows(rows),
        **_of_pairs(rows, found, significant),
        **_of_draws(draws, found, significant),
        null=background.name,
        q=q,
        **structures,
        partner=both,
        partner_pairs=partner_pairs,
        labels=names,
        settings=settings,
    )


@dataclass(frozen=True)
class _Scans:
    """The scan of the matrix, and of the draws of its background."""

    rows: Rows
    background: Background
    parts: Parts
    max_pairs: int
    seed: int
    device: str
    progress: bool | None

    def of_matrix(self) -> Scan:
        def scanned() -> dict[str, NDArray[Any]]:
            tails = self.background.tails(self.rows)
            found = scan(
                self.rows,
                tails,
                log_p=LOOSEST,
                max_pairs=self.max_pairs,
                seed=self.seed,
                device=self.device,
                progress=self.progress,
            )
            return found.to_tensors()

        return Scan.of_tensors(self.parts.get("matrix", scanned, Scan.TENSORS))

    def of_draws(
        self, n_draws: int, log_p: float, n_structured: int, law: AngularGaussian | None
    ) -> tuple[list[Scan], list[list[Named]]]:
        """With the pairs that have this probability, and with the structures of the first few."""
        n_draws = min(n_draws, self.background.n_draws)
        scans, structures = [], []
        with bar(n_draws, f"{self.background.name} null", "draw", self.progress) as advance:
            for number in range(n_draws):
                # A draw is made once, if anything of it is not in the folder.
                draw = cache(partial(self.background.draw, number))
                make = partial(self._scanned, draw, number, log_p)
                tensors = self.parts.get(f"draw-{number}", make, Scan.TENSORS)
                scans.append(Scan.of_tensors(tensors))
                if number < n_structured:
                    make = partial(self._structured, draw, number, scans[-1], law)
                    tensors = self.parts.get(f"structures-{number}", make, ["found"])
                    structures.append(json.loads(tensors["found"].tobytes()))
                advance(number + 1)
        return scans, structures

    def _scanned(
        self, draw: Callable[[], Directions], number: int, log_p: float
    ) -> dict[str, NDArray[Any]]:
        tails = self.background.tails_at(draw(), log_p)
        found = scan(
            draw(),
            tails,
            log_p=log_p,
            max_pairs=self.max_pairs,
            seed=number,
            device=self.device,
        )
        return found.to_tensors()

    def _structured(
        self, draw: Callable[[], Directions], number: int, found: Scan, law: AngularGaussian | None
    ) -> dict[str, NDArray[Any]]:
        named = names_and_gains(structures_of(draw(), found.pairs, law, seed=number))
        return {"found": np.frombuffer(json.dumps(named).encode(), dtype=np.uint8)}


def _structures(
    rows: Rows,
    significant: Significant,
    law: AngularGaussian | None,
    by_chance: list[list[Named]],
    q: float,
    seed: int,
) -> dict[str, Any]:
    """The fields of a census about structures."""
    found = structures_of(rows, significant.pairs, law, seed=seed)
    chance = [np.array([gain for _, gain in draw]) for draw in by_chance]
    least = least_gain(np.array([one.gain for one in found]), chance, q)
    counts = [counts_by_name(named, least) for named in (names_and_gains(found), *by_chance)]
    return {
        "components": renumbered((one for one in found if one.gain >= least), rows.features),
        "structures": _by_name(counts[0], counts[1:]),
        "unsearched": _unsearched(rows.n, significant),
    }


def _unsearched(n: int, significant: Significant) -> tuple[str, ...]:
    """What was not searched for structures."""
    said = []
    if n > DENSE:
        said.append(
            f"shapes: among believed pairs only, and in groups of up to {BLOCK} features, as there "
            f"are more than {DENSE:,}"
        )
    n_kept, n_believed = significant.pairs.i.size, significant.n_above + significant.n_below
    if n_kept < n_believed:
        said.append(f"structures: among the {n_kept:,} most improbable of {n_believed:,} pairs")
    return tuple(said)


def _threshold(significant: Significant, q: float) -> float:
    """What the draws are held to; without a discovery, what a single one would have needed."""
    if np.isfinite(significant.log_p):
        return significant.log_p
    return float(np.log(max(q, 1e-300) / significant.n_tests))


def _warn_of_none_kept(significant: Significant, max_pairs: int) -> None:
    """Pairs that are all as improbable are kept or dropped together."""
    n_believed = significant.n_above + significant.n_below
    if n_believed and not significant.pairs.i.size:
        warn_caller(
            f"none of {n_believed:,} pairs beyond chance is kept, because more than "
            f"max_pairs={max_pairs} are the most improbable ones; mask copies of one feature, or "
            "raise max_pairs"
        )


def _of_rows(rows: Rows) -> dict[str, Any]:
    """The fields of a census that need no pairs."""
    filling, dimensionalities = filling_of(rows)
    return {
        "n_given": rows.n_given,
        "n_masked": rows.n_masked,
        "n_without": rows.n_without,
        "dim": rows.dim,
        "features": rows.features,
        "norms": rows.norms,
        "dimensionalities": dimensionalities,
        "filling": filling,
        "welch_bound": welch_bound(rows.n, filling.rank),
    }


def _of_pairs(rows: Rows, found: Scan, significant: Significant) -> dict[str, Any]:
    """The fields of a census about pairs, with features by their number in the matrix."""
    pairs = significant.pairs
    return {
        "largest": found.largest,
        "nearest": rows.features[found.nearest],
        "least": found.least,
        "opposite": rows.features[found.opposite],
        "histogram": found.histogram,
        "cuts": found.cuts,
        "log_p": significant.log_p if np.isfinite(significant.log_p) else None,
        "n_above": significant.n_above,
        "n_below": significant.n_below,
        "i": rows.features[pairs.i],
        "j": rows.features[pairs.j],
        "cosines": pairs.cosines,
        "log_p_values": np.maximum(pairs.log_p, _LEAST_LOG_P),
        "q_values": significant.q_values,
        "is_exact": significant.is_exact,
    }


def _of_draws(draws: list[Scan], found: Scan, significant: Significant) -> dict[str, Any]:
    """The fields of a census that compare it with draws."""
    histograms = [draw.histogram for draw in draws] or [np.zeros(N_BINS)]
    return {
        "n_draws": len(draws),
        "null_histogram": np.mean(histograms, axis=0),
        "comparisons": compared(
            _measures(found, significant.n_above, significant.n_below),
            [_measures(draw, *draw.levels.sum(axis=1).tolist()) for draw in draws],
        ),
    }


def _by_name(found: dict[str, int], draws: list[dict[str, int]]) -> tuple[Comparison, ...]:
    """Counts of structures beside those of draws, the most numerous first."""
    names = sorted(
        {*found, *chain.from_iterable(draws)}, key=lambda name: (-found.get(name, 0), name)
    )
    of_all = [{name: counts.get(name, 0) for name in names} for counts in (found, *draws)]
    return compared(of_all[0], of_all[1:])


def _measures(found: Scan, n_above: int, n_below: int) -> dict[str, float]:
    """Counts (whole numbers) and means of a matrix, by the name that is printed."""
    largest = np.maximum(found.largest, -found.least)
    return {
        "pairs beyond chance, cos > 0": n_above,
        "pairs beyond chance, cos < 0": n_below,
        "near-duplicates (cos ≥ .95)": found.n_beyond(_NEARLY_ONE),
        "antipodes (cos ≤ −.95)": found.n_beyond(-_NEARLY_ONE),
        "cos ≥ .3": found.n_beyond(_FAR_OUT),
        "cos ≤ −.3": found.n_beyond(-_FAR_OUT),
        "mean of max cos": float(found.largest.mean()),
        "mean of max |cos|": float(largest.mean()),
        "coherence": float(largest.max()),
    }
