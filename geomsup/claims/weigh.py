"""Is this group of features what it is said to be?

:func:`weigh_claim` holds a group against control groups of the same matrix, against clouds with its
own spectrum, against other orders of itself, and weighs the claim beside what else may explain it.
Controls come first and names second: a group may be nearest to a figure and be chance all the same.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.claims.controls import noise_dim, random_groups, similar_groups
from geomsup.claims.evidence import LARGEST_STEP, Group, angles_about_circle
from geomsup.claims.groups import members_of, order_of, positions_in, with_metric
from geomsup.claims.record import Claim, Verdict
from geomsup.claims.statistics import (
    centred,
    haar_groups,
    mean_cosines,
    orders_in_plane,
    orders_on_line,
    plane_of,
    steps_of,
    together,
)
from geomsup.claims.words import Word, word_for
from geomsup.errors import GeomsupError
from geomsup.restoring import read_only
from geomsup.survey.census import labels_of
from geomsup.survey.source import Rows, mask_of, matrix_of
from geomsup.survey.source import about as about_matrix
from geomsup.validation import (
    positive_integer,
    random_generator,
    whole_number,
    yes_or_no,
)

__all__ = ["weigh_claim"]

Array = NDArray[np.float64]
IntArray = NDArray[np.intp]

# A claim is beyond chance if so few groups do as well …
_LEVEL = 0.01
# … and above its rivals, or below one, if it is so many nats from it: twenty to one.
_CLEARLY = 3.0
_HOPELESS = 1e5
_ARTICLE = {"ring": "a ", "arc": "an ", "line": "a ", "blob": "a ", "simplex": "a ", "bundle": "a "}
# It does worse than most controls if so many do as well.
_MOST = 0.9
# Without an order, a line is what one axis has nearly all of: a few members always have a longest.
_LEAST_LINE = 0.9
# Fewer groups than this cannot show a share of 1 %.
_FEWEST_GROUPS = 100
# Larger groups are what a census looks for.
_MOST_MEMBERS = 512
# Rows of the isotropic background, and controls that are kept for the picture.
_N_ISOTROPIC, _N_SHOWN = 4096, 60
# Seven members have 360 orders around a ring, so that one in 360 is the best by chance.
_N_ORDERS = 2000
# Rounding must not hide a control that is the group itself, turned.
_SAME = 1e-9


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
        said), the origin (so for antipodes and bundles), or the mean of the whole matrix.
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
    close too: no step from last to first above 2.5 mean ones.

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
    word = word_for(shape, len(members), about)
    if len(members) > _MOST_MEMBERS:
        raise GeomsupError(f"expected at most {_MOST_MEMBERS} features, got {len(members)}")
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
    case = _case(
        _Source(W, feature_axis, mask_of(mask, n_features, names), metric, settings),
        members,
        places,
        word,
        about or word.centres[0],
        rng,
    )
    tests = _tested(case, _pool(case, background, feature_axis, rng), n_controls, rng)
    return _claim(case, tests, names, settings)


@dataclass(frozen=True)
class _Source:
    """A matrix, and what is done to its features first."""

    W: object
    feature_axis: int | None
    mask: NDArray[np.bool_] | None
    metric: object
    settings: Mapping[str, Any]

    def rows(self, centre: str) -> Rows:
        W, axis = self.W, self.feature_axis
        if self.metric is not None:
            W, axis = with_metric(W, axis, self.metric), 0
        return Rows(
            W,
            feature_axis=axis,
            mask=self.mask,
            centre=centre != "origin",
            remove_components=self.settings["remove_components"],
            fold_norms=self.settings["fold_norms"],
        )


@dataclass(frozen=True, kw_only=True)
class _Case:
    """A group and what is claimed of it; its members stand in the order that is claimed."""

    source: _Source
    rows: Rows
    word: Word
    centre: str
    members: tuple[int, ...]
    arranged: IntArray
    places: IntArray
    is_ordered: bool
    norms: Array
    whole: Array  # Gram matrix about the origin, or the mean of the matrix
    group: Group

    def about_centre(self, grams: Array) -> Array:
        return centred(grams) if self.centre == "centroid" else grams

    def measure(self, grams: Array) -> Array:
        """The statistic of groups given by their Gram matrices about the origin or the mean."""
        return self.word.measure(self.about_centre(grams), self.is_ordered)


@dataclass(frozen=True, kw_only=True)
class _Tests:
    """What a group and others measure."""

    statistic: float
    controls: Array
    coordinates: Array
    control_mean_cosine: float
    p_value: float
    p_cloud: float | None
    p_order: float | None
    p_together: float | None


def _case(
    source: _Source,
    members: tuple[int, ...],
    order: IntArray | None,
    word: Word,
    centre: str,
    rng: np.random.Generator,
) -> _Case:
    rows = source.rows(centre)
    n = len(members)
    arranged = np.arange(n) if order is None else order
    places = positions_in(rows, members)[arranged]
    norms = rows.norms[places]
    units = rows.exact(places)
    whole = (units @ units.T) * np.outer(norms, norms)
    gram = centred(whole[None])[0] if centre == "centroid" else whole
    total = float(np.trace(gram))
    if total <= _SAME**2 * float((norms**2).sum()):
        raise GeomsupError("the features are all at one point: there is no shape to weigh")
    group = Group(
        gram=gram / total,
        rank=min(n - (centre == "centroid"), n),
        dim=noise_dim(rows, rng),
        order=None if order is None else np.arange(n),
    )
    return _Case(
        source=source,
        rows=rows,
        word=word,
        centre=centre,
        members=members,
        arranged=arranged,
        places=places,
        is_ordered=order is not None,
        norms=norms,
        whole=whole,
        group=group,
    )


def _pool(
    case: _Case, background: object, feature_axis: int | None, rng: np.random.Generator
) -> tuple[Rows, IntArray]:
    """Rows from which controls are drawn, and which of them may be."""
    dim, n = case.rows.dim, len(case.members)
    if isinstance(background, str) and background == "isotropic":
        rows = Rows(rng.standard_normal((_N_ISOTROPIC, dim)), feature_axis=0)
    elif isinstance(background, str) and background == "same matrix":
        rows = case.rows
    else:
        with about_matrix("background"):
            other = _Source(
                background, feature_axis, None, case.source.metric, case.source.settings
            )
            rows = other.rows(case.centre)
    if rows.dim != dim:
        raise GeomsupError(f"background has {rows.dim} dimensions, the group has {dim}")
    taken = case.places if rows is case.rows else np.zeros(0, dtype=np.intp)
    pool = np.setdiff1d(np.arange(rows.n), taken)
    if math.comb(len(pool), n) < _FEWEST_GROUPS:
        raise GeomsupError(
            f"{len(pool)} features beside the group are too few for control groups of {n}; pass "
            "background='isotropic', or a matrix with more features"
        )
    return rows, pool


def _tested(
    case: _Case, pool: tuple[Rows, IntArray], n_controls: int, rng: np.random.Generator
) -> _Tests:
    n, mean = len(case.members), -float(mean_cosines(case.whole[None])[0])
    if case.word.similar:
        controls = similar_groups(*pool, n, mean, n_controls, rng)
    else:
        controls = random_groups(*pool, n, n_controls, rng)
    grams = controls.grams(case.norms, rng)
    measured = case.measure(grams)
    statistic = float(case.measure(case.whole[None])[0])
    shown = case.about_centre(grams[:_N_SHOWN])
    sizes = np.sqrt(np.trace(shown, axis1=1, axis2=2) / n)
    p_together = None
    if case.word.apart:
        others = random_groups(*pool, n, n_controls, rng).grams(case.norms, rng)
        p_together = _share(together(others), float(together(case.whole[None])[0]))
    return _Tests(
        statistic=statistic,
        controls=measured,
        coordinates=plane_of(shown)[1] / np.maximum(sizes, np.finfo(float).tiny)[:, None, None],
        control_mean_cosine=-float(mean_cosines(controls.cosines).mean()),
        p_value=_share(measured, statistic),
        p_cloud=_p_cloud(case, statistic, n_controls, rng),
        p_order=_p_order(case, statistic, rng),
        p_together=p_together,
    )


def _p_cloud(
    case: _Case, statistic: float, n_clouds: int, rng: np.random.Generator
) -> float | None:
    fewest = case.word.clouds_from
    # A line in no order *is* a cloud with one long axis.
    is_cloud = case.word.curve == "straight" and not case.is_ordered
    if fewest is None or len(case.members) < fewest or is_cloud:
        return None
    clouds = haar_groups(case.group.gram, n_clouds, case.group.rank, rng)
    found = _share(case.word.measure(clouds, case.is_ordered), statistic)
    if case.word.shape_alone is None:
        return found
    own = float(case.word.shape_alone(case.group.gram[None])[0])
    # The better of two tests counts twice (Bonferroni).
    return min(1.0, 2 * min(found, _share(case.word.shape_alone(clouds), own)))


def _p_order(case: _Case, statistic: float, rng: np.random.Generator) -> float | None:
    if not case.is_ordered:
        return None
    n = len(case.members)
    orders = rng.permuted(np.tile(np.arange(n), (_N_ORDERS, 1)), axis=1)
    grams = case.whole[orders[:, :, None], orders[:, None, :]]
    return _share(case.measure(grams), statistic)


def _share(others: Array, statistic: float) -> float:
    """Share of others that are as small, the group itself among them."""
    as_small = int((others <= statistic + _SAME * max(abs(statistic), _SAME)).sum())
    return (1 + as_small) / (1 + len(others))


def _claim(
    case: _Case, tests: _Tests, names: tuple[str, ...] | None, settings: Mapping[str, Any]
) -> Claim:
    group = case.group
    if case.word.apart:
        group = replace(group, dim=_dim_of_controls(case, tests))
    weighed = dict(case.word.weigh(group))
    own = weighed.pop("")
    evidence = {name: own - value for name, value in weighed.items()}
    shares, planes = plane_of(case.group.gram[None])
    along = _along(case, planes)
    steps = np.sqrt(steps_of(case.group.gram[None], along[None])[0])
    closure = float(steps[-1] / max(float(steps.mean()), np.finfo(float).tiny))
    verdict, why = _verdict(case, tests, evidence, closure, float(shares[0, 0]))
    along = _canonical(case, along)
    size = math.sqrt(len(case.members))
    angles = None
    if case.word.curve in ("closed", "open"):
        angles = read_only(_from_first(angles_about_circle(planes[0])[0][along]))
    return Claim(
        shape=case.word.name,
        features=case.members,
        labels=None if names is None else tuple(names[k] for k in case.members),
        about=case.centre,
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
        coordinates=read_only(planes[0][np.argsort(case.arranged)] * size),
        control_statistics=read_only(tests.controls),
        control_coordinates=read_only(tests.coordinates),
        settings=settings,
    )


def _dim_of_controls(case: _Case, tests: _Tests) -> float:
    """Dimensions in which independent rows are as far from equidistant as controls mostly are.

    The mean of d Σλ²/(Σλ)² - 1 is (d² + d - 2)/md over Gram matrices of rank d from m dimensions.
    """
    d, middle = case.group.rank, float(np.median(tests.controls))
    return float(np.clip((d + 1 - 2 / d) / max(middle, 1e-12), 1.0, case.rows.dim))


def _along(case: _Case, planes: Array) -> IntArray:
    """The members as they follow each other, the largest step of a tour from last to first."""
    if case.is_ordered or case.word.curve is None:
        return np.arange(len(case.members))
    if case.word.curve == "closed":
        return orders_in_plane(planes)[0]
    if case.word.curve == "open":
        return orders_on_line(case.group.gram[None], planes)[0]
    return np.argsort(planes[0, :, 0], kind="stable")


def _canonical(case: _Case, along: IntArray) -> IntArray:
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
    return np.asarray(np.mod(direction * (angles - angles[0]) + _SAME, 2 * np.pi) - _SAME)


def _verdict(
    case: _Case, tests: _Tests, evidence: Mapping[str, float], closure: float, longest: float
) -> tuple[Verdict, str]:
    rival = min(evidence, key=lambda name: evidence[name])
    margin = evidence[rival]
    against = _against(tests, rival, margin)
    if against:
        return "contradicted", "; ".join(against)
    doubts = _doubts(case, tests, closure, longest)
    if margin < _CLEARLY:
        doubts.append(
            f"as well explained by {_ARTICLE.get(rival, '')}{rival} (the claim is {margin:+.1f} nats "
            "from it)"
        )
    if doubts:
        return "undecided", "; ".join(doubts)
    said = f"{tests.p_value:.2g} of the controls do as well"
    if tests.p_cloud is not None:
        said += f", {tests.p_cloud:.2g} of clouds with its spectrum"
    if tests.p_order is not None:
        said += f", {tests.p_order:.2g} of its orders"
    return "supported", f"{said}; the best rival, {rival}, is {margin:.0f} nats behind"


def _against(tests: _Tests, rival: str, margin: float) -> list[str]:
    """What speaks clearly against the claim."""
    found = []
    if margin <= -_CLEARLY:
        by = f"by {-margin:.1f} nats" if margin > -_HOPELESS else "and the claim not at all"
        found.append(f"better explained by {_ARTICLE.get(rival, '')}{rival}, {by}")
    if tests.p_value >= _MOST:
        found.append(f"{100 * tests.p_value:.0f} % of the control groups do as well")
    return found


def _doubts(case: _Case, tests: _Tests, closure: float, longest: float) -> list[str]:
    """What keeps the claim from being supported, but for rivals."""
    found = []
    if tests.p_value > _LEVEL:
        found.append(f"control groups do as well (p {tests.p_value:.2g})")
    if tests.p_cloud is not None and tests.p_cloud > _LEVEL:
        found.append(f"clouds with its spectrum do as well (p {tests.p_cloud:.2g})")
    if tests.p_order is not None and tests.p_order > max(_LEVEL, 1.5 / _n_orders(case)):
        found.append(f"other orders do as well (p {tests.p_order:.2g})")
    if tests.p_together is not None and tests.p_together > _LEVEL:
        found.append(
            f"random groups are as far from the mean for their spread (p {tests.p_together:.2g})"
        )
    if case.word.curve == "closed" and closure > LARGEST_STEP:
        found.append(f"it does not close (last to first: {closure:.1f} mean steps)")
    if case.word.curve == "straight" and longest < _LEAST_LINE:
        found.append(f"one axis has {100 * longest:.0f} % of the squared distances")
    return found


def _n_orders(case: _Case) -> float:
    """Orders of so many members that are not the same to the claim."""
    n = len(case.members)
    same = {"closed": 2 * n, "open": 2, "straight": 2}.get(
        case.word.curve or "", 2 ** (n // 2) * math.factorial(n // 2)
    )
    return math.factorial(n) / same
