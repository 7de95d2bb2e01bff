"""What to train: one frozen dataclass, checked when it is built.

Every mistake a configuration can hold is found here, before any time is spent on training, so
the training loop trusts what it is given. Values are normalised to plain Python numbers and
tuples: a configuration compares, hashes and goes to JSON and back without loss.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from geomsup.errors import GeomsupError, shorten
from geomsup.restoring import plain
from geomsup.theory.feature_model import FeatureModel, FeatureSet
from geomsup.training.functions import ACTIVATIONS, TARGETS
from geomsup.training.settings import FloatArray, PerFeature, refuse, table_of, to_tuples
from geomsup.validation import (
    LARGEST,
    brief,
    number_from_zero,
    one_of,
    positive_integer,
    positive_number,
    whole_number,
    yes_or_no,
)

__all__ = ["ToyModelConfig"]

# Entries of the largest buffer: some 16 GB in float32.  Beyond, torch fails in words of its own.
_MOST_ENTRIES = 4e9
# Numbers kept along the way, in float64: 1.6 GB.
_MOST_RECORDED = 2e8
# Probabilities of a set may add up to one and a little rounding.
_ROUNDING = 1e-12

_CORRELATIONS = ("independent", "correlated", "anticorrelated")
_LR_SCHEDULES = ("constant", "cosine", "linear")
_OPTIMIZERS = ("adam", "adamw")
_RECORD_SCHEDULES = ("linear", "log")
# What says in a few words which features there are; `feature_model` says it in full.
_FEW_WORDS = ("feature_probability", "correlation", "set_size")
# Settings that came later are left out of a dictionary where they have their defaults, so that a
# configuration is the same text, and has the same hash, as before.
_LATER = {"later": True}
# In which the plain model of the paper has the defaults.
_PLAIN = ("hidden_activation", "output_activation", "tied", "target", "signed")


@dataclass(frozen=True)
class ToyModelConfig:
    """A batch of toy models and how to train them.

    The model is h = f(Wx), x̂ = g(Vᵀh + b): by default the ReLU-output model x̂ = ReLU(WᵀWx + b).
    By default the data are x_i = B_i·U_i, B_i ~ Bernoulli(p_i) and U_i ~ U(0, 1), all independent,
    and fresh in every step.
    The loss is E Σ_i I_i (y_i − x̂_i)², the *sum* over the features (many notebooks print the mean,
    which is n_features times smaller).

    Parameters
    ----------
    n_features : int, default 5
        Number of input features n.
    n_hidden : int, default 2
        Number of hidden dimensions m.
    feature_probability : float or array-like, default 0.1
        Probability p = 1 − sparsity that a feature is not zero, in [0, 1]. See Notes for shapes.
    importance : float or array-like, default 1.0
        Weight I_i ≥ 0 of each feature in the loss. See Notes for shapes.
    hidden_activation : {"linear", "relu"}, default "linear"
        f.
    output_activation : {"relu", "linear"}, default "relu"
        g.
    tied : bool, default True
        Whether the decoder V is the encoder W; otherwise it has weights of its own.
    target : {"identity", "absolute", "minimum"}, default "identity"
        What the output is compared with: y = x, y = |x|, or the AND of pairs of features, the
        smaller value of features 0 and 1 for outputs 0 and 1, that of 2 and 3 for 2 and 3, ….
    signed : bool, default False
        Draw values from (−1, 1) instead of (0, 1).
    correlation : {"independent", "correlated", "anticorrelated"}, default "independent"
        "correlated": the features of a set are present together, with independent values;
        "anticorrelated": at most one feature of a set is present.
    set_size : int, optional
        Features in a set, where there are sets: the first so many, the next so many, ….
    feature_model : FeatureModel or sequence of FeatureModel, optional
        What the features are, in full: sets of any sizes beside features of their own, members that
        come together now and then, equal values, binary ones. One for all, or one for each instance
        (or each setting, with n_restarts). It stands in place of ``feature_probability``, which is
        None then, ``correlation`` and ``set_size``, and says n_features.
    dataset_size : int, optional
        Train on so many samples, drawn once, instead of fresh ones. Instances have samples of their
        own, restarts of one setting the same. A step takes ``batch_size`` of them, in an order that
        is shuffled anew each time all had their turn; all of them, if there are no more.
    unit_norm : bool, default False
        Scale every sample to Euclidean length one; the empty one stays empty.
    n_instances : int, default 16
        Number of models trained side by side. They share nothing but the settings.
    n_restarts : int, default 1
        So many consecutive instances have the same settings, and differ in their random numbers
        only. A table of settings may then leave out the repetitions.
    n_steps : int, default 10_000
        Number of optimiser steps, each on a fresh batch.
    batch_size : int, default 1024
        Samples in a batch, for each instance.
    optimizer : {"adam", "adamw"}, default "adam"
        Adam, or Adam with decoupled weight decay (β = 0.9, 0.999; ε = 1e-8).
    learning_rate : float, default 1e-3
        Step size before the schedule.
    lr_schedule : {"constant", "cosine", "linear"}, default "constant"
        "cosine" and "linear" take the learning rate down to zero at the last step.
    n_warmup : int, default 0
        Steps at the beginning in which the learning rate grows in proportion to their number; the
        schedule begins behind them.
    weight_decay : float, default 0.0
        λ. With "adamw", the share of each parameter that a step takes away, per unit of learning
        rate. With "adam", and in the exact objective, a term λ ‖W‖² of what is minimised (and
        λ ‖V‖², where V is not W); losses are reported without it.
    init_scale : float, default 1.0
        W starts normal with standard deviation ``init_scale * sqrt(2 / (n_hidden + n_features))``
        (Glorot & Bengio 2010, for the matrix of *one* instance, so that more instances change
        nothing), and so does an untied V; b starts at zero.
    n_records : int, default 0
        How often the weights are kept on the way, as ``run.trajectory``.
    record_schedule : {"linear", "log"}, default "linear"
        Records at equal numbers of steps, or at equal ratios of them.

    Raises
    ------
    GeomsupError
        If a value cannot be meant: p outside [0, 1], a negative importance, a wrong length, sets
        that do not divide the features, …

    Notes
    -----
    ``feature_probability`` and ``importance`` take

    * a scalar: the same for all;
    * shape (n_features,): one value for each feature. A 1-D sequence is *always* per feature,
      also when n_instances happens to equal n_features;
    * shape (n_instances, 1): one value for each instance, as in ``[[0.1], [0.03]]``;
    * shape (n_instances, n_features), or (1, n_features): the whole table.

    ``feature_probability`` is the probability that the *feature* is not zero, whatever the sets.
    The paper's anticorrelated sets are not empty with probability 1 − S, and then one feature of
    the set is chosen at random: that is p_i = (1 − S) / set_size here. In a correlated set all
    features have the same p; in an anticorrelated one they add up to at most one.

    References
    ----------
    Elhage et al. 2022, "Toy Models of Superposition".

    Examples
    --------
    >>> config = ToyModelConfig(n_instances=2, feature_probability=[[0.1], [0.05]])
    >>> config.probabilities.shape
    (2, 5)
    >>> ToyModelConfig(feature_probability=1.5)
    Traceback (most recent call last):
        ...
    geomsup.errors.GeomsupError: feature_probability must lie in [0, 1], got 1.5: it is a \
probability, 1 minus the sparsity
    """

    n_features: int = field(default=5, metadata={"help": "number of features"})
    n_hidden: int = field(default=2, metadata={"help": "number of hidden dimensions"})
    feature_probability: PerFeature | None = field(
        default=0.1, metadata={"help": "probability that a feature is not zero (1 - sparsity)"}
    )
    importance: PerFeature = field(
        default=1.0, metadata={"help": "weight of each feature in the loss"}
    )
    hidden_activation: str = field(
        default="linear", metadata={"help": "of the hidden layer", "choices": ACTIVATIONS}
    )
    output_activation: str = field(
        default="relu", metadata={"help": "of the output", "choices": ACTIVATIONS}
    )
    tied: bool = field(default=True, metadata={"help": "decode with the transposed encoder"})
    target: str = field(
        default="identity",
        metadata={"help": "answer x, |x|, or the minimum of each pair", "choices": TARGETS},
    )
    signed: bool = field(default=False, metadata={"help": "draw values from (-1, 1)"})
    correlation: str = field(
        default="independent",
        metadata={"help": "of the features within a set", "choices": _CORRELATIONS},
    )
    set_size: int | None = field(default=None, metadata={"help": "features in a set"})
    feature_model: FeatureModel | tuple[FeatureModel, ...] | None = field(
        default=None, metadata={"help": "JSON file of a FeatureModel, or the JSON itself"} | _LATER
    )
    dataset_size: int | None = field(
        default=None, metadata={"help": "train on so many samples, not on fresh ones"} | _LATER
    )
    unit_norm: bool = field(
        default=False, metadata={"help": "scale samples to length one"} | _LATER
    )
    n_instances: int = field(default=16, metadata={"help": "models trained side by side"})
    n_restarts: int = field(
        default=1, metadata={"help": "consecutive models with the same settings"}
    )
    n_steps: int = field(default=10_000, metadata={"help": "optimiser steps"})
    batch_size: int = field(default=1024, metadata={"help": "samples in a batch"})
    optimizer: str = field(default="adam", metadata={"help": "optimiser", "choices": _OPTIMIZERS})
    learning_rate: float = field(default=1e-3, metadata={"help": "step size of Adam"})
    lr_schedule: str = field(
        default="constant", metadata={"help": "learning-rate schedule", "choices": _LR_SCHEDULES}
    )
    n_warmup: int = field(
        default=0, metadata={"help": "steps in which the learning rate grows"} | _LATER
    )
    weight_decay: float = field(
        default=0.0, metadata={"help": "of AdamW; or of the loss, times the squared norm"}
    )
    init_scale: float = field(default=1.0, metadata={"help": "factor on the Xavier-normal scale"})
    n_records: int = field(default=0, metadata={"help": "how often to keep the weights"})
    record_schedule: str = field(
        default="linear",
        metadata={"help": "steps at which they are kept", "choices": _RECORD_SCHEDULES},
    )

    def __post_init__(self) -> None:
        for name in ("n_instances", "n_restarts"):
            self._normalise(name, positive_integer(name, getattr(self, name)))
        if self.n_instances % self.n_restarts:
            raise GeomsupError(
                f"n_restarts must divide n_instances, the number of all models, got "
                f"{self.n_restarts} restarts and {self.n_instances} instances; for every setting "
                "n_restarts times, set n_instances to the product"
            )
        if self.feature_model is not None:
            self._take_feature_model()
        for name in ("n_features", "n_hidden", "n_steps", "batch_size"):
            self._normalise(name, positive_integer(name, getattr(self, name)))
        if self.dataset_size is not None:
            self._normalise("dataset_size", positive_integer("dataset_size", self.dataset_size))
        self._normalise("n_records", whole_number("n_records", self.n_records, 0))
        self._normalise("n_warmup", whole_number("n_warmup", self.n_warmup, 0, self.n_steps))
        self._check_memory()
        for name in ("learning_rate", "init_scale"):
            self._normalise(name, positive_number(name, getattr(self, name)))
        self._normalise("weight_decay", number_from_zero("weight_decay", self.weight_decay))
        for field_ in dataclasses.fields(self):
            if "choices" in field_.metadata:
                value = getattr(self, field_.name)
                one_of(field_.name, value, field_.metadata["choices"])
        for name in ("tied", "signed", "unit_norm"):
            self._normalise(name, yes_or_no(name, getattr(self, name)))
        if self.n_features % (group := TARGETS[self.target].group):
            raise GeomsupError(
                f"target={self.target!r} takes {group} features for an answer, got n_features = "
                f"{self.n_features}; take a multiple of {group}"
            )
        if self.feature_model is None:
            table = self._table("feature_probability")
            refuse(
                table,
                (table < 0) | (table > 1),
                "feature_probability must lie in [0, 1], got {}: it is a probability, 1 minus the "
                "sparsity",
            )
            self._check_sets()
        table = self._table("importance")
        refuse(
            table,
            (table < 0) | (table > LARGEST),
            f"importance must lie in [0, {LARGEST:g}], got {{}}: 0 ignores a feature",
        )

    def _take_feature_model(self) -> None:
        """Normalise `feature_model`, and let them say what else says it."""
        given: Any = self.feature_model
        several = isinstance(given, list | tuple)
        models = tuple(_feature_model(one) for one in (given if several else [given]))
        if len(models) not in (1, self.n_settings, self.n_instances):
            raise GeomsupError(
                "feature_model must be one FeatureModel, or one for each of "
                f"{self.n_settings} settings or {self.n_instances} instances, got {len(models)}"
            )
        counts = sorted({model.n_features for model in models})
        usual = type(self).n_features
        if len(counts) > 1 or self.n_features not in (usual, counts[0]):
            raise GeomsupError(
                f"feature_model has {' and '.join(map(str, counts))} features, got n_features = "
                f"{brief(self.n_features)}; leave n_features out, and give models of one size"
            )
        for name in _FEW_WORDS:
            value, default = getattr(self, name), getattr(type(self), name)
            if not (value is None or (type(value) is type(default) and value == default)):
                raise GeomsupError(
                    f"feature_model says it in full, so {name} is left out, got {brief(value)}"
                )
        self._normalise("feature_model", models if several and len(models) > 1 else models[0])
        self._normalise("n_features", counts[0])
        self._normalise("feature_probability", None)

    def _check_memory(self) -> None:
        k, n, m = self.n_instances, self.n_features, self.n_hidden
        n_entries = k * n * max(m, self.batch_size, self.dataset_size or 0)
        if n_entries > _MOST_ENTRIES:
            raise GeomsupError(
                f"n_instances × n_features × max(n_hidden, batch_size, dataset_size) must stay "
                f"below {_MOST_ENTRIES:.0e} to fit into memory, got {n_entries:.1e}; train fewer "
                "instances, smaller models or smaller batches at a time"
            )
        n_recorded = self.n_records * k * n * (2 * m + 1)
        if n_recorded > _MOST_RECORDED:
            raise GeomsupError(
                f"n_records × n_instances × n_features × (2 n_hidden + 1) must stay below "
                f"{_MOST_RECORDED:.0e} to fit into memory, got {n_recorded:.1e}; keep fewer records"
            )

    def _check_sets(self) -> None:
        if self.correlation == "independent":
            if self.set_size is not None:
                raise GeomsupError(
                    "set_size needs sets: independent features have none, got "
                    f"{brief(self.set_size)}; choose correlation='correlated' or 'anticorrelated', "
                    "or leave it out"
                )
            return
        if self.set_size is None:
            raise GeomsupError(
                f"{self.correlation} features come in sets; give their set_size, a divisor of "
                f"n_features = {self.n_features}"
            )
        size = positive_integer("set_size", self.set_size)
        self._normalise("set_size", size)
        if self.n_features % size:
            raise GeomsupError(
                f"set_size must divide n_features = {self.n_features}, got {size}; all sets are "
                "of one size"
            )
        in_sets = self.probabilities.reshape(self.n_instances, -1, size)
        if self.correlation == "correlated":
            refuse(
                in_sets,
                in_sets != in_sets[:, :, :1],
                "features of a correlated set are present together, so their feature_probability "
                "must be the same, got {} beside another in one set",
            )
            return
        sums = in_sets.sum(axis=2)
        refuse(
            sums,
            sums > 1.0 + _ROUNDING,
            "at most one feature of an anticorrelated set is present, so their probabilities must "
            f"add up to at most 1, got {{}}; a set that is present with probability q has "
            f"feature_probability q / {size}",
        )

    @property
    def n_settings(self) -> int:
        """Number of settings, each trained ``n_restarts`` times."""
        return self.n_instances // self.n_restarts

    @property
    def probabilities(self) -> FloatArray:
        """Feature probability of every instance, ndarray of shape (n_instances, n_features)."""
        if self.feature_probability is None:
            return np.array([model.feature_probability for model in self.feature_models])
        return self._expand(self.feature_probability)

    @property
    def feature_models(self) -> tuple[FeatureModel, ...]:
        """What the features of every instance are: the one description that samples follow.

        Examples
        --------
        >>> pairs = ToyModelConfig(
        ...     n_features=4, correlation="correlated", set_size=2, n_instances=1
        ... )
        >>> print(pairs.feature_models[0])
        2 sets of 2 features, p = 0.1, present together
        """
        if self.feature_model is not None:
            given = (
                self.feature_model
                if isinstance(self.feature_model, tuple)
                else (self.feature_model,)
            )
            return tuple(np.repeat(np.array(given, object), self.n_instances // len(given)))
        made: dict[bytes, FeatureModel] = {}
        rows = self.probabilities
        for row in rows:
            if row.tobytes() not in made:
                made[row.tobytes()] = self._model_of(row)
        return tuple(made[row.tobytes()] for row in rows)

    def _model_of(self, row: FloatArray) -> FeatureModel:
        """The features of one instance, from the few words that say it."""
        if self.correlation == "independent":
            return FeatureModel.independent(self.n_features, row)
        presence: Any = {"correlated": "together", "anticorrelated": "exclusive"}[self.correlation]
        size = int(self.set_size or 1)
        return FeatureModel(
            tuple(
                FeatureSet(size=size, probability=tuple(in_set.tolist()), presence=presence)
                for in_set in row.reshape(-1, size)
            )
        )

    @property
    def decoupled_decay(self) -> float:
        """The share that AdamW takes away; zero where the decay is a term of the loss."""
        return self.weight_decay if self.optimizer == "adamw" else 0.0

    @property
    def batch(self) -> int:
        """Samples of a step: all there are, if that is no more than ``batch_size``."""
        return min(self.batch_size, self.dataset_size or self.batch_size)

    @property
    def importances(self) -> FloatArray:
        """Importance in every instance, ndarray of shape (n_instances, n_features)."""
        return self._expand(self.importance)

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step (0-based) under the schedule."""
        if step < self.n_warmup:
            return self.learning_rate * (step + 1) / self.n_warmup
        if self.lr_schedule == "constant":
            return self.learning_rate
        done = (step - self.n_warmup) / (self.n_steps - self.n_warmup)
        if self.lr_schedule == "linear":
            return self.learning_rate * (1.0 - done)
        return self.learning_rate * 0.5 * (1.0 + math.cos(math.pi * done))

    def record_steps(self) -> tuple[int, ...]:
        """Numbers of steps after which the weights are kept, from the start to the end."""
        last, count = self.n_steps, self.n_records
        if count < 2:
            return (last,) * count
        if self.record_schedule == "linear":
            steps = np.linspace(0, last, count)
        else:
            steps = np.append(0.0, np.geomspace(1, last, count - 1))
        return tuple(int(step) for step in np.unique(np.rint(steps).astype(np.int64)))

    def to_dict(self) -> dict[str, Any]:
        """All settings as numbers, strings and nested lists, ready for JSON."""
        said = {}
        for field_ in dataclasses.fields(self):
            value = getattr(self, field_.name)
            if not (field_.metadata.get("later") and value == field_.default):
                said[field_.name] = plain(value)
        return said

    def model_options(self) -> dict[str, Any]:
        """What kind of model it is, for `geomsup.training.model.ToyModel`."""
        return {
            name: getattr(self, name)
            for name in ("hidden_activation", "output_activation", "tied", "target")
        }

    def data_options(self) -> dict[str, Any]:
        """What is done to samples of the features, for `geomsup.training.data.make_sampler`."""
        return {"signed": self.signed, "unit_norm": self.unit_norm}

    def unlike_plain(self, *others: str) -> tuple[str, Any, Any] | None:
        """The first setting in which this is not the paper's plain model; None if it is that model.

        The plain model is x̂ = ReLU(WᵀWx + b), and copies features ≥ 0.

        Parameters
        ----------
        *others : str
            Names of settings which must have their defaults as well.

        Returns
        -------
        (str, object, object) or None
            Name, default and own value.

        Examples
        --------
        >>> ToyModelConfig(n_features=20, signed=True).unlike_plain()
        ('signed', False, True)
        """
        for name in (*_PLAIN, *others):
            usual, own = getattr(ToyModelConfig, name), getattr(self, name)
            if own != usual:
                return name, usual, own
        return None

    @classmethod
    def from_dict(cls, settings: Mapping[str, Any]) -> ToyModelConfig:
        """Build a configuration from what `to_dict` returned; what is left out takes its default.

        Raises
        ------
        GeomsupError
            If ``settings`` is no mapping, names an unknown setting or holds a bad value.
        """
        if not isinstance(settings, Mapping):
            raise GeomsupError(
                f"settings must be a mapping of names to values, got {type(settings).__name__}"
            )
        known = [f.name for f in dataclasses.fields(cls)]
        unknown = [brief(name) for name in settings if name not in known]
        if unknown:
            raise GeomsupError(
                f"unknown setting {', '.join(unknown[:3])}; the settings are {', '.join(known)}"
            )
        return cls(**settings)

    def _normalise(self, name: str, value: object) -> None:
        # The one way to store a converted value in a frozen dataclass.
        object.__setattr__(self, name, value)

    def _table(self, name: str) -> FloatArray:
        """Check the shape of a per-feature setting and store it as a float or nested tuples."""
        table = table_of(
            name,
            getattr(self, name),
            n_features=self.n_features,
            n_instances=self.n_instances,
            n_settings=self.n_settings,
        )
        self._normalise(name, to_tuples(table.tolist()))
        return table

    def _expand(self, value: PerFeature) -> FloatArray:
        table = np.atleast_2d(np.asarray(value, dtype=np.float64))
        if len(table) not in (1, self.n_instances):
            table = np.repeat(table, self.n_restarts, axis=0)
        # Copy, because a broadcast view would share one memory cell among many entries.
        return np.broadcast_to(table, (self.n_instances, self.n_features)).copy()


def _feature_model(given: object) -> FeatureModel:
    """A feature model, also from what its `to_dict` returned."""
    if isinstance(given, FeatureModel):
        return given
    if isinstance(given, Mapping):
        return FeatureModel.from_dict(given)
    raise GeomsupError(f"feature_model must be a FeatureModel, or several, got {shorten(given)}")
