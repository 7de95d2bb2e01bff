"""Is this group of features what it is said to be?

:func:`weigh_claim` holds a group against control groups of the same matrix, against clouds with its
own spectrum, against other orders of itself, and weighs the claim beside what else may explain it.
Controls come first and names second: a group may be nearest to a figure and be chance all the same.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.claims.case import SAME, Case, Source, Tests, case_of, dim_of_controls, pool_of, tested
from geomsup.claims.evidence import angles_about_circle
from geomsup.claims.groups import members_of, order_of
from geomsup.claims.record import Claim
from geomsup.claims.statistics import (
    mean_cosines,
    orders_in_plane,
    orders_on_line,
    plane_of,
    steps_of,
)
from geomsup.claims.verdict import verdict_of
from geomsup.claims.words import words_for
from geomsup.errors import GeomsupError
from geomsup.restoring import read_only
from geomsup.survey.source import mask_of, matrix_of
from geomsup.validation import positive_integer, random_generator, whole_number, yes_or_no
from geomsup.weights.labels import labels_of

__all__ = ["weigh_claim"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# Axes of the group that are kept for a picture.
_N_AXES = 8
_RISING = ("contradicted", "undecided", "supported")
# Larger groups are what a census looks for.
_MOST_MEMBERS = 512
# Cosines of all controls, which are held at once; three times as many are tried.
_MOST_COSINES = 1 << 26


def weigh_claim(
    W: object,
    features: Sequence[int | str],
    shape: str,
    *,
    order: Sequence[int | str] | None = None,
    about: str | None = None,
    background: object = "same matrix",
    n_controls: int = 2000,
    feature_axis: int | None = None,
    remove_components: int = 0,
    fold_norms: bool = False,
    metric: object = None,
    mask: object = None,
    labels: Sequence[str] | str | os.PathLike[str] | None = None,
    seed: int | np.random.Generator | None = 0,
) -> Claim:
    """Weigh the claim that a group of features forms a shape.

    Parameters
    ----------
    W : array_like, torch.Tensor, path, OpenedWeights or object with a decoder
        The matrix that the features are of, read as :func:`geomsup.census` reads it.
    features : sequence of int or str
        The group: indices, or labels.
    shape : str
        "ring" (closed, any steps), "arc" (open, in a plane), "line", "simplex", "antipodes"
        (pairs), "bundle", or a name of the catalogue: "heptagon" is a ring of even steps,
        "tetrahedron" a simplex of four.
    order : sequence of int or str, optional
        The same features in the order in which they are said to follow each other; antipodes two
        by two.
    about : {"centroid", "origin", "mean"}, optional
        Centre of the shape: the centroid of the group (what is meant unless something else is
        said), the origin (so for antipodes, bundles, and figures of which the vertices are not
        balanced, as pyramids), or the mean of the whole matrix.  The name of a simplex, as
        "tetrahedron", is weighed about the origin and about the centroid unless one is said, each
        at half the level.
    background : "same matrix", "isotropic" or a matrix, default "same matrix"
        Where control groups come from: the other features; uniform directions; the features of
        another matrix in as many dimensions, with the same `feature_axis`.
    n_controls : int, default 2000
    feature_axis : int, optional
        0 when rows are features, -1 when columns are.
    remove_components : int, default 0
        Subtract the projection on so many principal components of the matrix first.
    fold_norms : bool, default False
        Divide each feature by its norm first.
    metric : "causal" or array of shape (n_hidden, n_hidden), optional
        Matrix M of the inner product x'My; "causal" is the inverse covariance of the features.
    mask : array of bool or str, optional
        True for each feature that may be drawn, or a pattern of labels that may not.
    labels : sequence of str or path, optional
    seed : int, Generator or None, default 0

    Returns
    -------
    Claim

    Raises
    ------
    GeomsupError
        If a feature does not exist, is named twice or has no length, there are too few for the
        claim, an order is none, the word is unknown, or the matrix cannot be read.

    Notes
    -----
    Controls are groups of as many features with the mean cosine of the group, drawn among the
    neighbours of random anchors, with the norms of the group; those of an ordered claim are in
    random order.  For a bundle or antipodes, which claim the cosine itself, they are random groups.

    A claim is *supported* if at most 1 % of the controls, of the clouds with its spectrum and of
    its own orders do as well, and it explains the group 20 times better than each rival.  It is
    *contradicted* if a rival is 20 times better, or 90 % of the controls do as well.  A ring must
    close too: no step from last to first above 2.5 mean ones.  Where a name is weighed about two
    centres, both levels are halved, and it is contradicted only if it is about either.

    The group must not have been found by looking for the shape in this matrix: for that, the census
    has the count that chance gives.

    O(n_controls · n_features · n_hidden) time for the neighbours.

    Examples
    --------
    >>> import numpy as np
    >>> from geomsup import weigh_claim
    >>> rng = np.random.default_rng(0)
    >>> W = rng.standard_normal((500, 32))  # rows are features
    >>> angles = 2 * np.pi * np.arange(7) / 7
    >>> W[:7] = 5 * (np.cos(angles)[:, None] * W[10] + np.sin(angles)[:, None] * W[11])
    >>> W[:7] += 30 * rng.standard_normal(32) / np.sqrt(32) + rng.standard_normal((7, 32))
    >>> claim = weigh_claim(W, range(7), "ring", feature_axis=0)
    >>> claim.verdict, claim.order
    ('supported', (0, 1, 2, 3, 4, 5, 6))
    >>> weigh_claim(W, range(20, 27), "ring", feature_axis=0).verdict
    'contradicted'
    """
    rng = random_generator(seed)
    n_controls = positive_integer("n_controls", n_controls)
    n_features = len(matrix_of(W, feature_axis))
    names = labels_of(labels, n_features)
    members = members_of(features, n_features, names)
    words = words_for(shape, len(members), about)
    word = words[0][0]
    if len(members) > _MOST_MEMBERS:
        raise GeomsupError(f"expected at most {_MOST_MEMBERS} features, got {len(members)}")
    most_controls = _MOST_COSINES // len(members) ** 2
    if n_controls > most_controls:
        raise GeomsupError(
            f"expected at most {most_controls} controls for {len(members)} features, whose cosines "
            f"are held in memory; got n_controls={n_controls}"
        )
    places = order_of(order, members, names, n_features)
    if places is not None and not word.takes_order:
        raise GeomsupError(f"shape {word.name!r} has no order; leave order out")
    settings = {
        "background": background if isinstance(background, str) else "given matrix",
        "n_controls": n_controls,
        "remove_components": whole_number("remove_components", remove_components, 0),
        "fold_norms": yes_or_no("fold_norms", fold_norms),
        "metric": metric if metric is None or isinstance(metric, str) else "given matrix",
    }
    source = Source(W, feature_axis, mask_of(mask, n_features, names), metric, settings)
    looks = []
    for one, centre in words:
        case = case_of(source, members, places, one, centre, len(words), rng)
        tests = tested(case, pool_of(case, background, feature_axis, rng), n_controls, rng)
        looks.append(_claim(case, tests, names, settings))
    return _better(looks)


def _better(looks: list[Claim]) -> Claim:
    """The claim about the centre that speaks most for it, with what the others say."""
    best = max(looks, key=lambda one: (_RISING.index(one.verdict), min(one.evidence.values())))
    others = {one.about: f"{one.verdict}: {one.why}" for one in looks if one is not best}
    return replace(best, elsewhere=others)


def _claim(
    case: Case, tests: Tests, names: tuple[str, ...] | None, settings: Mapping[str, Any]
) -> Claim:
    group = case.group
    if case.word.apart:
        group = replace(group, dim=dim_of_controls(case, tests))
    weighed = dict(case.word.weigh(group))
    own = weighed.pop("")
    evidence = {name: own - value for name, value in weighed.items()}
    shares, planes = plane_of(case.group.gram[None])
    along = _along(case, planes)
    steps = np.sqrt(steps_of(case.group.gram[None], along[None])[0])
    closure = float(steps[-1] / max(float(steps.mean()), np.finfo(float).tiny))
    verdict, why = verdict_of(case, tests, evidence, closure, float(shares[0, 0]))
    along = _canonical(case, along)
    size = math.sqrt(len(case.members))
    places = np.argsort(case.arranged)
    span = plane_of(case.group.gram[None], min(_N_AXES, case.group.rank))[1][0]
    angles = None
    if case.word.curve in ("closed", "open"):
        angles = read_only(_from_first(angles_about_circle(planes[0])[0][along]))
    return Claim(
        shape=case.word.name,
        features=case.members,
        labels=None if names is None else tuple(names[k] for k in case.members),
        about=case.centre,
        elsewhere={},
        curve=case.word.curve,
        is_ordered=case.is_ordered,
        verdict=verdict,
        why=why,
        evidence=evidence,
        statistic=tests.statistic,
        statistic_name=case.word.statistic,
        p_value=tests.p_value,
        p_cloud=tests.p_cloud,
        p_order=tests.p_order,
        p_together=tests.p_together,
        order=tuple(case.members[k] for k in case.arranged[along]),
        angles=angles,
        share=float(shares[0, :2].sum()),
        closure=closure,
        noise_dim=group.dim,
        mean_cosine=-float(mean_cosines(case.whole[None])[0]),
        control_mean_cosine=tests.control_mean_cosine,
        coordinates=read_only(planes[0][places] * size),
        span=read_only(span[places] * size),
        control_statistics=read_only(tests.controls),
        control_coordinates=read_only(tests.coordinates),
        settings=settings,
    )


def _along(case: Case, planes: Array) -> IntArray:
    """The members as they follow each other, the largest step of a tour from last to first."""
    if case.is_ordered or case.word.curve is None:
        return np.arange(len(case.members))
    if case.word.curve == "closed":
        return np.asarray(orders_in_plane(planes)[0])
    if case.word.curve == "open":
        return np.asarray(orders_on_line(case.group.gram[None], planes)[0])
    return np.argsort(planes[0, :, 0], kind="stable")


def _canonical(case: Case, along: IntArray) -> IntArray:
    """One of the equal orders of a curve: from the lowest feature, or from the lower end."""
    if case.is_ordered or case.word.curve is None:
        return along
    features = np.array(case.members)[along]
    if case.word.curve == "closed":
        along = np.roll(along, -int(np.argmin(features)))
        features = np.array(case.members)[along]
        return along if features[1] < features[-1] else np.roll(along[::-1], 1)
    return along if features[0] < features[-1] else along[::-1]


def _from_first(angles: Array) -> Array:
    """Angles from the first, in the direction in which most of them follow each other."""
    steps = np.angle(np.exp(1j * np.diff(angles, append=angles[:1])))
    direction = 1.0 if steps[:-1].sum() >= 0 else -1.0
    return np.asarray(np.mod(direction * (angles - angles[0]) + SAME, 2 * np.pi) - SAME)
