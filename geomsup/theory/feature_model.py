"""What the features of a toy model are: who is present together, and with what values.

One object says it for the exact losses, for the search, for the maps of which strategy is best
where, and for the trainer that samples from it.  Features come in consecutive sets; sets are
independent of each other, and inside a set both presence and values may be correlated.

Everything here is exact: means and covariances in closed form, and the few *patterns* of the data.
Given its pattern a feature is certainly there, certainly absent, or there by itself, and its value
is independent of all others or shared with some, so that the exact losses of independent features
apply to every pattern (:mod:`geomsup.theory.pattern_rows`).

>>> from geomsup.theory import FeatureModel
>>> model = FeatureModel.pairs(3, 0.1, together=0.5)
>>> print(model)
3 sets of 2 features, p = 0.1, together with probability 0.5
>>> model.covariance[0].round(4) + 0.0
array([0.0308, 0.0113, 0.    , 0.    , 0.    , 0.    ])
>>> len(model.patterns().weights)  # each pair is there, or is two features by themselves
8
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import lru_cache
from itertools import groupby, pairwise, product
from math import prod
from typing import Any, Literal, TypeAlias, get_args

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.restoring import Plain, read_only, restored
from geomsup.validation import (
    brief,
    number_within,
    numbers,
    one_of,
    positive_number,
    whole_number,
)

__all__ = ["FeatureModel", "FeatureSet", "Patterns", "Presence", "Values"]

FloatArray = NDArray[np.float64]
IndexArray = NDArray[np.intp]

Presence: TypeAlias = Literal["independent", "together", "exclusive"]
Values: TypeAlias = Literal["uniform", "fixed"]
# Probability, p of each member, and with whose value each member comes (a place in the set).
_Case: TypeAlias = tuple[float, tuple[float, ...], tuple[int, ...]]

# A pattern of uniform values costs rows of a loss; one of fixed values, a few products.
_MOST_PATTERNS: dict[str, int] = {"uniform": 1 << 12, "fixed": 1 << 16}
# Far beyond what is trained or solved anywhere; every member is written out.
_MOST_FEATURES = 10**6
# Up to so many members the cases of a set are written out to be counted.
_SMALL_SET = 8
# Probabilities of members that exclude each other may add up to one, and to its rounding.
_ROUNDED = 1e-12


@dataclass(frozen=True, kw_only=True)
class FeatureSet(Plain):
    """Consecutive features whose presence and values may depend on each other.

    Parameters
    ----------
    size : int
        Number of members.
    probability : float or sequence of float
        p_i in [0, 1] with which each member is present, whatever the others do; a number stands for
        all.  Members that come together have one p; of members that exclude each other the p_i add
        up to at most one.
    presence : {"together", "independent", "exclusive"}, default "together"
        "together": with probability `together` one gate, open with probability p, decides for the
        whole set; otherwise each member is present by itself.  "independent": always by itself.
        "exclusive": at most one member is present.
    together : float, default 1.0
        c in [0, 1], of presence "together".  Two members are both present with probability
        p (c + (1 − c) p), and the correlation between the presence of two members is c.
    equal_values : float, default 0.0
        ρ in [0, 1]: with this probability, drawn for the whole set and not depending on who is
        present, the members that are present have the *same* value; otherwise independent ones.
        It is the correlation between the values of two members that are both present.  Zero where
        members exclude each other.

    Raises
    ------
    GeomsupError
        If a number is out of range, or an option is given that means nothing for this presence.

    Examples
    --------
    >>> from geomsup.theory import FeatureSet
    >>> pair = FeatureSet(size=2, probability=0.1, together=0.5)
    >>> FeatureSet(size=2, probability=[0.1, 0.1], together=0.5) == pair
    True
    >>> FeatureSet(size=3, probability=0.4, presence="exclusive")
    Traceback (most recent call last):
    ...
    geomsup.errors.GeomsupError: members that exclude each other have probabilities that add up to \
at most 1, got 1.2; pass smaller ones
    """

    size: int
    probability: float | tuple[float, ...]
    presence: Presence = "together"
    together: float = 1.0
    equal_values: float = 0.0

    def __post_init__(self) -> None:
        object.__setattr__(self, "size", whole_number("size", self.size, 1, _MOST_FEATURES))
        one_of("presence", self.presence, get_args(Presence))
        for name in ("together", "equal_values"):
            object.__setattr__(self, name, number_within(name, getattr(self, name), 0, 1))
        object.__setattr__(self, "probability", self._checked_probability())
        if self.presence != "together" and self.together != 1.0:
            raise GeomsupError(
                f"together says how often one gate decides for a set of presence='together', got "
                f"together={self.together:g} with presence={self.presence!r}; leave it out"
            )
        if self.presence == "exclusive":
            total = sum(self.probabilities)
            if total > 1.0 + _ROUNDED:
                raise GeomsupError(
                    "members that exclude each other have probabilities that add up to at most 1, "
                    f"got {total:g}; pass smaller ones"
                )
            if self.equal_values:
                raise GeomsupError(
                    "members that exclude each other are never both present, so they have no "
                    f"values to be equal; leave out equal_values={self.equal_values:g}"
                )

    def _checked_probability(self) -> float | tuple[float, ...]:
        """One number where all are the same, so that equal sets are equal objects."""
        values = numbers("probability", self.probability)
        if values.ndim > 1 or (values.ndim and len(values) != self.size):
            raise GeomsupError(
                f"probability must be a number or one for each of {self.size} members, got "
                f"{brief(self.probability)}"
            )
        if not np.all((values >= 0.0) & (values <= 1.0)):
            raise GeomsupError(
                f"probability must lie in [0, 1], got {brief(self.probability)}: it is 1 minus the "
                "sparsity"
            )
        listed = [float(value) for value in np.atleast_1d(values)]
        if len(set(listed)) == 1:
            return listed[0]
        if self.presence == "together":
            raise GeomsupError(
                "members that come together have one probability, got "
                f"{brief(self.probability)}; pass a number, or presence='independent'"
            )
        return tuple(listed)

    @property
    def probabilities(self) -> tuple[float, ...]:
        """p_i of each member."""
        if isinstance(self.probability, tuple):
            return self.probability
        return (self.probability,) * self.size

    def restricted(self, members: Sequence[int]) -> FeatureSet:
        """The joint distribution of some of the members, whatever the others do."""
        listed = [self.probabilities[k] for k in members]
        if len(listed) == 1:
            return FeatureSet(size=1, probability=listed[0])
        return replace(self, size=len(listed), probability=tuple(listed))

    @property
    def is_independent(self) -> bool:
        """Whether the members are independent of each other, in presence and value."""
        often = [p for p in self.probabilities if p > 0.0]
        if self.size == 1 or len(often) < 2:
            return True
        if self.presence == "exclusive":
            return False
        gated = self.presence == "together" and self.together > 0.0 and often[0] < 1.0
        return not gated and self.equal_values == 0.0

    @property
    def gate(self) -> float:
        """c: how often one gate decides for the whole set."""
        return self.together if self.presence == "together" else 0.0

    @property
    def character(self) -> tuple[object, ...]:
        """What sets that are alike but for the order of their members have in common."""
        exclusive = self.presence == "exclusive"
        return tuple(sorted(self.probabilities)), exclusive, self.gate, self.equal_values

    def both_present(self) -> FloatArray:
        """Probability that members i and j are both present, (size, size); p_i for i = j."""
        p = np.array(self.probabilities)
        if self.presence == "exclusive":
            return np.diag(p)
        # All members of a set with a gate have the same p.
        both = self.gate * p[:, None] + (1.0 - self.gate) * np.outer(p, p)
        np.fill_diagonal(both, p)
        return both

    def __str__(self) -> str:
        if self.size == 1:
            return f"1 feature, p = {_listed(self.probabilities)}"
        words = [f"{self.size} features", f"p = {_listed(self.probabilities)}"]
        if self.presence == "exclusive":
            words.append("one at a time")
        elif self.gate == 1.0:
            words.append("present together")
        elif self.gate > 0.0:
            words.append(f"together with probability {self.gate:g}")
        else:
            words.append("independent")
        if self.equal_values == 1.0:
            words.append("equal values")
        elif self.equal_values > 0.0:
            words.append(f"equal values with probability {self.equal_values:g}")
        return ", ".join(words)


@dataclass(frozen=True, kw_only=True, eq=False)
class Patterns:
    """The cases to condition on; within one of them the exact losses of independent features apply.

    Attributes
    ----------
    weights : ndarray of shape (n_patterns,)
        Probabilities of the patterns; they add up to one.
    p : ndarray of shape (n_patterns, n_features)
        Probability that a feature is present, given the pattern: 0, 1, or a number between where it
        is there by itself.
    same_as : ndarray of int of shape (n_patterns, n_features)
        The feature whose value a feature has: itself, or the first of those with one value in
        common, all of which are certainly present.
    """

    weights: FloatArray
    p: FloatArray
    same_as: IndexArray


@dataclass(frozen=True)
class FeatureModel(Plain):
    """The joint distribution of the features of a toy model.

    Parameters
    ----------
    sets : sequence of FeatureSet
        Features in order: the first set holds the first features.  Sets may be of any size, and of
        one feature; they are independent of each other.
    values : {"uniform", "fixed"}, default "uniform"
        What a present feature is: uniform on (0, 1), or always `magnitude`.
    magnitude : float, default 1.0
        Of "fixed" values; 1 makes features binary.

    Attributes
    ----------
    n_features : int
    feature_probability : ndarray of shape (n_features,)
        p_i = P(x_i ≠ 0).
    mean : ndarray of shape (n_features,)
    covariance, second_moments : ndarray of shape (n_features, n_features)
        Cov(x) and E x xᵀ, in closed form.
    is_independent : bool
        Whether all features are independent and uniform: what a plain `feature_probability` says.

    Raises
    ------
    GeomsupError
        If there is no set, or an option means nothing for these values.

    Notes
    -----
    The same object, or an equal one, is a key: it can be hashed, pickled, and written to JSON
    (`to_dict`, `from_dict`).

    Examples
    --------
    A pair that comes together beside two features of their own:

    >>> from geomsup.theory import FeatureModel, FeatureSet
    >>> model = FeatureModel(
    ...     [
    ...         FeatureSet(size=2, probability=0.1),
    ...         FeatureSet(size=2, probability=(0.2, 0.3), presence="independent"),
    ...     ]
    ... )
    >>> print(model)
    1 set of 2 features, p = 0.1, present together; 1 set of 2 features, p = 0.2, 0.3, independent
    >>> model.feature_probability
    array([0.1, 0.1, 0.2, 0.3])
    >>> FeatureModel.from_dict(model.to_dict()) == model
    True
    """

    sets: tuple[FeatureSet, ...]
    values: Values = "uniform"
    magnitude: float = 1.0

    def __post_init__(self) -> None:
        sets: object = self.sets
        given = tuple(sets) if isinstance(sets, Iterable) else (sets,)
        wrong = [each for each in given if not isinstance(each, FeatureSet)]
        if wrong or not given:
            got = brief(wrong[0]) if wrong else "none"
            raise GeomsupError(f"sets must be one FeatureSet or more, got {got}")
        object.__setattr__(self, "sets", given)
        if self.n_features > _MOST_FEATURES:
            raise GeomsupError(
                f"expected at most {_MOST_FEATURES} features, got {self.n_features}; take fewer or "
                "smaller sets"
            )
        one_of("values", self.values, get_args(Values))
        object.__setattr__(self, "magnitude", positive_number("magnitude", self.magnitude))
        if self.values == "uniform" and self.magnitude != 1.0:
            raise GeomsupError(
                f"magnitude is that of values='fixed', got {self.magnitude:g} with "
                "values='uniform', which are on (0, 1)"
            )
        if self.values == "fixed" and any(each.equal_values for each in given):
            raise GeomsupError(
                "fixed values are equal anyway; leave out equal_values with values='fixed'"
            )

    @classmethod
    def independent(
        cls,
        n_features: int,
        feature_probability: object,
        *,
        values: Values = "uniform",
        magnitude: float = 1.0,
    ) -> FeatureModel:
        """Independent features, with one p for all or one for each.

        Examples
        --------
        >>> from geomsup.theory import FeatureModel
        >>> FeatureModel.independent(3, 0.1).is_independent
        True
        """
        one = FeatureSet(
            size=n_features,
            probability=feature_probability,  # type: ignore[arg-type]  # checked there
            presence="independent",
        )
        return cls((one,), values=values, magnitude=magnitude)

    @classmethod
    def pairs(cls, n_pairs: int, feature_probability: float, **options: Any) -> FeatureModel:
        """`n_pairs` pairs alike; options as in :meth:`equal_sets`.

        Examples
        --------
        >>> from geomsup.theory import FeatureModel
        >>> print(FeatureModel.pairs(2, 0.05, presence="exclusive"))
        2 sets of 2 features, p = 0.05, one at a time
        """
        return cls.equal_sets(n_pairs, 2, feature_probability, **options)

    @classmethod
    def equal_sets(
        cls,
        n_sets: int,
        set_size: int,
        feature_probability: float,
        *,
        presence: Presence = "together",
        together: float = 1.0,
        equal_values: float = 0.0,
        values: Values = "uniform",
        magnitude: float = 1.0,
    ) -> FeatureModel:
        """`n_sets` sets alike, of `set_size` features that are present with `feature_probability`.

        The other options are those of :class:`FeatureSet` and :class:`FeatureModel`.

        Examples
        --------
        >>> from geomsup.theory import FeatureModel
        >>> print(FeatureModel.equal_sets(2, 3, 0.1, equal_values=1.0))
        2 sets of 3 features, p = 0.1, present together, equal values
        """
        one = FeatureSet(
            size=set_size,
            probability=feature_probability,
            presence=presence,
            together=together,
            equal_values=equal_values,
        )
        count = whole_number("n_sets", n_sets, 1, _MOST_FEATURES)
        return cls((one,) * count, values=values, magnitude=magnitude)

    @classmethod
    def from_dict(cls, data: object) -> FeatureModel:
        """The model from what `to_dict` returned.

        Raises
        ------
        GeomsupError
            If an entry is missing or unknown, or is no such value as it must be.

        Examples
        --------
        >>> from geomsup.theory import FeatureModel
        >>> FeatureModel.from_dict({"sets": [{"size": 2, "probability": 0.1, "togehter": 0.5}]})
        Traceback (most recent call last):
        ...
        geomsup.errors.GeomsupError: a set of the feature model has an unknown entry 'togehter'; \
its entries are size, probability, presence, together, equal_values
        """
        _refuse_unknown(cls, data, "the feature model")
        return restored(cls, data, "the feature model")

    @property
    def n_features(self) -> int:
        """Number of features."""
        return sum(each.size for each in self.sets)

    @property
    def slices(self) -> tuple[slice, ...]:
        """Where the features of each set stand."""
        ends = np.cumsum([each.size for each in self.sets]).tolist()
        starts = [0, *ends[:-1]]
        return tuple(slice(start, end) for start, end in zip(starts, ends, strict=True))

    @property
    def feature_probability(self) -> FloatArray:
        """p_i of every feature, (n_features,)."""
        return np.array([p for each in self.sets for p in each.probabilities])

    @property
    def is_independent(self) -> bool:
        """Whether all features are independent, with uniform values."""
        return self.values == "uniform" and all(each.is_independent for each in self.sets)

    @property
    def mean(self) -> FloatArray:
        """E x, (n_features,)."""
        return self._mean_value * self.feature_probability

    @property
    def second_moments(self) -> FloatArray:
        """E x xᵀ, (n_features, n_features)."""
        mean = self.mean
        moments = np.outer(mean, mean)
        for each, at in zip(self.sets, self.slices, strict=True):
            # Two present members: E v_i v_j = (E v)² + ρ Var v, which is E v² for ρ = 1.
            shared = self._mean_value**2 + each.equal_values * self._value_variance
            moments[at, at] = shared * each.both_present()
        np.fill_diagonal(
            moments, (self._mean_value**2 + self._value_variance) * self.feature_probability
        )
        return moments

    @property
    def covariance(self) -> FloatArray:
        """Cov(x), (n_features, n_features)."""
        mean = self.mean
        covariance = self.second_moments - np.outer(mean, mean)
        # Different sets are independent, whatever rounding says.
        within = np.zeros(covariance.shape, dtype=bool)
        for each, at in zip(self.sets, self.slices, strict=True):
            within[at, at] = np.eye(each.size) > 0 if each.is_independent else True
        return np.where(within, covariance, 0.0)

    @property
    def _mean_value(self) -> float:
        return 0.5 if self.values == "uniform" else self.magnitude

    @property
    def _value_variance(self) -> float:
        return 1.0 / 12.0 if self.values == "uniform" else 0.0

    def restricted(self, features: Iterable[int]) -> FeatureModel:
        """The joint distribution of some of the features, whatever the others do.

        Parameters
        ----------
        features : iterable of int
            Ascending numbers of features, counted from zero.

        Returns
        -------
        FeatureModel
            Of these features in this order.  What is left of a set is a set of the same kind: its
            gate, its values and its probabilities do not depend on who is looked at.

        Raises
        ------
        GeomsupError
            If there is no feature, or the numbers do not ascend or are no features.

        Examples
        --------
        >>> from geomsup.theory import FeatureModel
        >>> pairs = FeatureModel.pairs(2, 0.1, together=0.5)
        >>> print(pairs.restricted([0, 1]))
        1 set of 2 features, p = 0.1, together with probability 0.5
        >>> pairs.restricted([0, 2]).is_independent
        True
        """
        given: object = features
        listed = (
            [whole_number("features", k, 0) for k in given] if isinstance(given, Iterable) else []
        )
        ascend = all(low < high for low, high in pairwise(listed))
        if not listed or not ascend or listed[-1] >= self.n_features:
            raise GeomsupError(
                f"features must be ascending numbers below {self.n_features}, got {brief(features)}"
            )
        left = [
            one.restricted(members)
            for one, at in zip(self.sets, self.slices, strict=True)
            if (members := [k - at.start for k in listed if at.start <= k < at.stop])
        ]
        return replace(self, sets=tuple(left))

    def relations(self) -> IndexArray:
        """Who is alike, and who depends on whom, as numbers in an (n_features, n_features) matrix.

        The diagonal numbers the kinds of features: those of one kind have the same p and stand in
        sets alike.  Beside it is 1 where two features depend on each other, and 0 elsewhere.  A
        permutation of the features that leaves the matrix as it is leaves the distribution as it
        is.

        Examples
        --------
        >>> from geomsup.theory import FeatureModel, FeatureSet
        >>> pair, alone = FeatureSet(size=2, probability=0.1), FeatureSet(size=1, probability=0.1)
        >>> FeatureModel([pair, alone]).relations()
        array([[0, 1, 0],
               [1, 0, 0],
               [0, 0, 1]])
        """
        relations = np.zeros((self.n_features, self.n_features), dtype=np.intp)
        kinds: dict[object, int] = {}
        for one, at in zip(self.sets, self.slices, strict=True):
            if not one.is_independent:
                relations[at, at] = 1
            for k, p in enumerate(one.probabilities, at.start):
                kind = p if one.is_independent else (p, one.character)
                relations[k, k] = kinds.setdefault(kind, len(kinds))
        return relations

    def patterns(self) -> Patterns:
        """The cases to condition on, each once and none of probability zero; read-only.

        Raises
        ------
        GeomsupError
            If there are more than 4096 of them (65536 for fixed values, where every feature that
            may be there doubles them).
        """
        return _patterns_of(self)

    def __str__(self) -> str:
        parts = []
        for one, alike in groupby(self.sets):
            count = len(list(alike))
            start = f"{count} set{'' if count == 1 else 's'} of "
            parts.append(f"{start}{one}")
        if self.values == "fixed":
            parts.append(f"values {self.magnitude:g}")
        return "; ".join(parts)


def _refuse_unknown(cls: type, data: object, name: str) -> None:
    """People write feature models too: an entry that was misspelt must not be passed over."""
    if not isinstance(data, Mapping):
        return
    known = [field.name for field in fields(cls)]
    if unknown := [entry for entry in data if entry not in known]:
        raise GeomsupError(
            f"{name} has an unknown entry {brief(unknown[0])}; its entries are {', '.join(known)}"
        )
    sets = data.get("sets")
    for each in sets if isinstance(sets, list | tuple) else ():
        _refuse_unknown(FeatureSet, each, "a set of the feature model")


def _listed(probabilities: tuple[float, ...]) -> str:
    """One number where all are the same, and the range of many."""
    if len(set(probabilities)) == 1:
        return f"{probabilities[0]:g}"
    if len(probabilities) > 6:
        return f"{min(probabilities):g} … {max(probabilities):g}"
    return ", ".join(f"{p:g}" for p in probabilities)


@lru_cache(maxsize=64)
def _patterns_of(model: FeatureModel) -> Patterns:
    most = _MOST_PATTERNS[model.values]
    # A few sets are enough to see that there are too many, and 2 ** size is never written out.
    total = 1
    for each in model.sets:
        total *= _n_cases(each, model.values)
        if total > most:
            raise _too_many(model, most)
    cases = [list(_cases(each, model.values)) for each in model.sets]
    chosen = list(product(*cases))
    starts = [at.start for at in model.slices]
    return Patterns(
        weights=read_only(np.array([prod(weight for weight, _, _ in case) for case in chosen])),
        p=read_only(np.array([[p for _, of_set, _ in case for p in of_set] for case in chosen])),
        same_as=read_only(
            np.array(
                [
                    [
                        start + k
                        for start, (_, _, same) in zip(starts, case, strict=True)
                        for k in same
                    ]
                    for case in chosen
                ],
                dtype=np.intp,
            )
        ),
    )


def _too_many(model: FeatureModel, most: int) -> GeomsupError:
    cure = "take fewer or smaller sets"
    if model.values == "fixed":
        cure += "; the exact loss of fixed values goes through every combination of features"
    return GeomsupError(
        f"expected at most {most} patterns of who is present, got more for {brief(str(model))}; "
        f"{cure}"
    )


def _n_cases(one: FeatureSet, values: str) -> int:
    """How many cases a set has, at most, without writing out those of a large one."""
    if one.size <= _SMALL_SET:
        return sum(1 for _ in _cases(one, values))
    certain = sum(p in (0.0, 1.0) for p in one.probabilities)
    n_subsets = 1 << min(one.size - certain, 40)
    if one.presence == "exclusive":
        return sum(p > 0.0 for p in one.probabilities) + (sum(one.probabilities) < 1.0)
    if values == "fixed":
        return n_subsets if one.gate < 1.0 else min(n_subsets, 2)
    if one.is_independent:
        return 1
    by_gate, by_itself = one.gate > 0.0, one.gate < 1.0
    apart, equal = one.equal_values < 1.0, one.equal_values > 0.0
    if by_itself and equal:
        return n_subsets + (by_gate + 1) * apart
    return by_itself + by_gate * (1 + apart + equal)


def _merged(one: FeatureSet) -> tuple[float, float, float]:
    """A pair with a gate as two cases: (chance, q) of two features by themselves, chance of both.

    Two features are absent, or one is there, as often as by themselves with q = (1 − c) p, in a
    share (1 − p)/(1 − q) of all cases; in what is left, c p/(1 − q), both are there.
    """
    p = one.probabilities[0]
    gated = one.gate * p
    rest = (1.0 - p) + gated  # 1 − q, of which nothing cancels where p is near one
    return (1.0 - p) / rest, (1.0 - one.gate) * p, gated / rest


def _merges(one: FeatureSet) -> bool:
    """Whether a pair is a mixture of two features by themselves and of both, equal or not."""
    if one.gate in (0.0, 1.0):
        return one.gate == 1.0
    return one.equal_values * float(one.both_present()[0, 1]) <= _merged(one)[2]


def _cases(one: FeatureSet, values: str) -> Iterator[_Case]:
    """What can happen to a set, each different case once."""
    found: dict[tuple[tuple[float, ...], tuple[int, ...]], float] = {}
    for weight, p, same in _raw_cases(one, values):
        if weight > 0.0:
            found[p, same] = found.get((p, same), 0.0) + weight
    for (p, same), weight in found.items():
        yield weight, p, same


def _raw_cases(one: FeatureSet, values: str) -> Iterator[_Case]:
    size, p = one.size, one.probabilities
    each, nobody = tuple(range(size)), (0.0,) * size
    if values == "uniform" and one.is_independent:
        yield 1.0, p, each
        return
    if one.presence == "exclusive":
        yield max(1.0 - sum(p), 0.0), nobody, each
        for k in each:
            yield p[k], tuple(float(j == k) for j in each), each
        return
    gate, equal = one.gate, one.equal_values
    if values == "uniform" and size == 2 and _merges(one):
        often, q, both = _merged(one)
        yield often, (q, q), each
        yield both - equal * one.both_present()[0, 1], (1.0, 1.0), each
        yield equal * one.both_present()[0, 1], (1.0, 1.0), (0, 0)
        return
    # Of a pair nothing is gained by leaving p in the row beside values that are equal.
    if size == 2 and equal:
        both = one.both_present()[0, 1]
        yield (1.0 - p[0]) * (gate + (1.0 - gate) * (1.0 - p[1])), nobody, each
        yield (1.0 - gate) * p[0] * (1.0 - p[1]), (1.0, 0.0), each
        yield (1.0 - gate) * p[1] * (1.0 - p[0]), (0.0, 1.0), each
        yield (1.0 - equal) * both, (1.0, 1.0), each
        yield equal * both, (1.0, 1.0), (0, 0)
        return
    yield gate * (1.0 - p[0]), nobody, each
    yield gate * p[0] * (1.0 - equal), (1.0,) * size, each
    yield gate * p[0] * equal, (1.0,) * size, (0,) * size
    if gate == 1.0:
        return
    # By themselves: independent values leave p in the row, where values are not fixed.
    listed = 1.0 if values == "fixed" else equal
    yield (1.0 - gate) * (1.0 - listed), p, each
    if listed:
        for there in product((False, True), repeat=size):
            chance = prod(q if here else 1.0 - q for q, here in zip(p, there, strict=True))
            first = there.index(True) if any(there) else 0
            same = tuple(
                first if here and values == "uniform" else k for k, here in enumerate(there)
            )
            yield (1.0 - gate) * listed * chance, tuple(map(float, there)), same
