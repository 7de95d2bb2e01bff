"""Two dictionaries beside each other: who matches whom, and what of it is chance."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.comparison.chance import drawn_like, null_name
from geomsup.comparison.matching import Matched, match_directions
from geomsup.comparison.record import N_BINS, DictionaryComparison, parents_of_several
from geomsup.errors import GeomsupError
from geomsup.progress import bar
from geomsup.survey.record import compared
from geomsup.survey.source import Rows, about, axis_of
from geomsup.validation import number_within, seed_number, whole_number, yes_or_no
from geomsup.weights.labels import labels_of

__all__ = ["compare_dictionaries"]

# How far the mean cosine of a draw may be from the best: a hundredth of what draws differ by.
_DRAWN = 1e-6


def compare_dictionaries(
    A: object,
    B: object,
    *,
    feature_axis: int | None = None,
    other_axis: int | None = None,
    null: object = "matched",
    n_draws: int = 5,
    signed: bool = True,
    threshold: float = 0.7,
    split_threshold: float = 0.5,
    labels: Sequence[str] | str | os.PathLike[str] | None = None,
    other_labels: Sequence[str] | str | os.PathLike[str] | None = None,
    progress: bool | None = None,
    seed: int | np.random.Generator | None = 0,
) -> DictionaryComparison:
    """Match the directions of two dictionaries, and hold every score against chance.

    Parameters
    ----------
    A, B : array_like, torch.Tensor, path, OpenedWeights or object with a decoder
        Anything that holds a matrix of feature directions, as for :func:`geomsup.census`.
    feature_axis : int, optional
        0 when rows are features, -1 when columns are; for A, and for B without `other_axis`.  What
        :func:`geomsup.open_weights` has opened knows it.
    other_axis : int, optional
        The `feature_axis` of B, if it is another and not known.
    null : {"matched", "isotropic", "shuffled"} or MatchedNull, default "matched"
        What takes the place of both dictionaries in the draws, each with as many directions as it
        had: directions of a Gaussian with the mean and covariance of its own ones; uniform ones;
        its own with the entries on each principal axis permuted; or a Gaussian of your own.
    n_draws : int, default 5
        Each costs as much time as the dictionaries; 0 leaves the scores without comparison.
    signed : bool, default True
        Whether opposite directions are far from each other, as for latents that are not negative;
        False takes the sizes of all cosines.
    threshold : float, default .7
        Cosine from which a matched pair is shared, and a feature covered by the other dictionary.
    split_threshold : float, default .5
        Cosine from which a feature is a part of the nearest one in the other dictionary.
    labels, other_labels : sequence of str or path, optional
        A name for each feature of A, and of B.
    progress : bool, optional
        Whether to show a bar; None shows it in a terminal or a notebook.
    seed : int, Generator or None, default 0

    Returns
    -------
    DictionaryComparison

    Raises
    ------
    GeomsupError
        If a matrix cannot be read, its orientation is open, the two have different numbers of
        dimensions or fewer than two directions, or an argument makes no sense.

    Notes
    -----
    The scores, with every cosine replaced by its size unless `signed`:

    * mean max cos: mean over the features of one of the greatest cosine with the other (Sharkey et
      al. 2022);
    * mean cos of the matching: the greatest mean cosine of a one-to-one matching of all of the
      smaller dictionary (the Hungarian one);
    * shared: matched pairs with a cosine of at least `threshold`, over all (Paulo and Belrose 2025,
      .7);
    * covered: features with such a cosine anywhere in the other, matched or not;
    * distinct nearest: different features that are the nearest of some, over those there can be;
    * mutually nearest: pairs that are the nearest of each other, over those there can be;
    * how many features of one are the nearest of two or more of the other, with cosines of at
      least `split_threshold`.

    A score is *corrected* as (found − null) / (1 − null): two random dictionaries have 0, a
    permuted copy has 1.

    The matching is the best of all, not only along candidates: see
    :mod:`geomsup.comparison.matching` for the proof.  Its loop is compiled with the extra
    ``fast``; without it, it takes thirty times longer.  A direction can be matched with one that
    is not near at all, as all must be.  Copies of one direction within a dictionary are matched in
    any order.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup import compare_dictionaries
    >>> rng = np.random.default_rng(0)
    >>> A = rng.normal(size=(200, 64))
    >>> B = np.concatenate([A[::-1][:120], rng.normal(size=(80, 64))])
    >>> found = compare_dictionaries(A, B, feature_axis=0, n_draws=2, progress=False)
    >>> shared = found["shared (matched, cos ≥ 0.7)"]
    >>> shared.found, shared.null_mean
    (0.6, 0.0)
    >>> int(found.matched_b[199]), found.gap < 1e-9
    (0, True)
    """
    seed = seed_number(seed)
    n_draws = whole_number("n_draws", n_draws, 0)
    threshold = number_within("threshold", threshold, -1.0, 1.0)
    split_threshold = number_within("split_threshold", split_threshold, -1.0, 1.0)
    signed = yes_or_no("signed", signed)
    a, b = _both(A, B, feature_axis, axis_of(B, other_axis, feature_axis))
    with about("A"):
        names_a = labels_of(labels, a.n_given)
    with about("B"):
        names_b = labels_of(other_labels, b.n_given)
    word = null_name(null, a.dim)
    scoring = _Scoring(signed, threshold, split_threshold)
    with bar(n_draws + 1, "matching", "dictionary", progress) as advance:
        found = match_directions(a, b, signed=signed)
        advance(1)
        drawn, counts = [], np.zeros((n_draws, N_BINS), dtype=np.intp)
        for number, chance in enumerate(_by_chance(a, b, null, n_draws, signed, seed)):
            drawn.append(scoring.of(chance))
            counts[number] = np.histogram(chance.cosines, N_BINS, (-1.0, 1.0))[0]
            advance(number + 2)
    return DictionaryComparison(
        n_given=(a.n_given, b.n_given),
        dim=a.dim,
        **_of_matched(found, a.features, b.features),
        signed=signed,
        threshold=threshold,
        split_threshold=split_threshold,
        null=word,
        n_draws=n_draws,
        scores=compared(scoring.of(found), drawn),
        null_counts=counts,
        labels_a=names_a,
        labels_b=names_b,
        settings={"seed": seed},
    )


def _both(A: object, B: object, axis: int | None, other_axis: int | None) -> tuple[Rows, Rows]:
    with about("A"):
        a = Rows(A, feature_axis=axis)
    with about("B"):
        b = Rows(B, feature_axis=other_axis)
    if a.dim != b.dim:
        raise GeomsupError(
            f"expected dictionaries in one space, got A with {a.n_given:,} features in {a.dim:,} "
            f"dimensions and B with {b.n_given:,} in {b.dim:,}; is feature_axis, or other_axis, "
            "the right one?"
        )
    return a, b


def _by_chance(
    a: Rows, b: Rows, null: object, n_draws: int, signed: bool, seed: int
) -> Iterator[Matched]:
    """What draws that are like the two dictionaries have in common."""
    if not n_draws:
        return
    like_a, like_b = drawn_like(a, null, "A", seed=seed), drawn_like(b, null, "B", seed=seed)
    for number in range(n_draws):
        yield match_directions(like_a(number), like_b(number), signed=signed, tolerance=_DRAWN)


class _Scoring:
    """The scores of a matching, by the names that are printed."""

    def __init__(self, signed: bool, threshold: float, split_threshold: float) -> None:
        self._cos = "cos" if signed else "|cos|"
        self._threshold, self._split_threshold = threshold, split_threshold

    def of(self, found: Matched) -> dict[str, float]:
        cos, threshold = self._cos, self._threshold
        (in_b, in_a), (cos_a, cos_b) = found.nearest, found.nearest_cosines
        n_least = min(in_b.size, in_a.size)
        mutual = np.count_nonzero(in_a[in_b] == np.arange(in_b.size))
        splits = [
            int(parents_of_several(nearest, cosines, self._split_threshold).size)
            for nearest, cosines in ((in_a, cos_b), (in_b, cos_a))
        ]
        return {
            f"mean max {cos}, A in B": float(cos_a.mean()),
            f"mean max {cos}, B in A": float(cos_b.mean()),
            f"mean {cos} of the matching": float(found.cosines.mean()),
            f"shared (matched, {cos} ≥ {threshold:g})": _share(found.cosines >= threshold),
            f"covered, A by B ({cos} ≥ {threshold:g})": _share(cos_a >= threshold),
            f"covered, B by A ({cos} ≥ {threshold:g})": _share(cos_b >= threshold),
            "distinct nearest, A in B": np.unique(in_b).size / n_least,
            "distinct nearest, B in A": np.unique(in_a).size / n_least,
            "mutually nearest": mutual / n_least,
            "features of A that split in B": splits[0],
            "features of B that split in A": splits[1],
        }


def _share(which: NDArray[np.bool_]) -> float:
    return float(which.mean())


def _of_matched(
    found: Matched, features_a: NDArray[np.intp], features_b: NDArray[np.intp]
) -> dict[str, Any]:
    """The fields of a comparison about pairs, with features by their number in the matrix."""
    return {
        "features_a": features_a,
        "features_b": features_b,
        "nearest_a": features_b[found.nearest[0]],
        "nearest_b": features_a[found.nearest[1]],
        "nearest_cosines_a": found.nearest_cosines[0],
        "nearest_cosines_b": found.nearest_cosines[1],
        "matched_a": features_a[found.pairs[:, 0]],
        "matched_b": features_b[found.pairs[:, 1]],
        "cosines": found.cosines,
        "prices_a": found.prices[0],
        "prices_b": found.prices[1],
        "bound": found.bound,
    }
