"""A line of data: how features are at each value of one parameter.

Boundaries and maps have an axis.  It is p of independent features, or whatever a caller's function
makes of a number: p of features in sets, how often they come together, how often values are equal.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from geomsup.errors import GeomsupError
from geomsup.theory.feature_model import FeatureModel
from geomsup.validation import brief

__all__ = ["FeatureLine", "Features"]

Features: TypeAlias = Callable[[float], FeatureModel]


@dataclass(frozen=True, kw_only=True)
class FeatureLine:
    """Feature models along a parameter; without a function, independent features with one p.

    Attributes
    ----------
    n_features : int
    features : callable or None
    along : str
        What the parameter is called: as the argument of the function, and "p" without one.
    """

    n_features: int
    features: Features | None
    along: str

    @classmethod
    def of(cls, n_features: int, features: Features | None) -> FeatureLine:
        """Check what a caller handed in."""
        if features is None:
            return cls(n_features=n_features, features=None, along="p")
        wanted = (
            "features must be a function of one number that returns a FeatureModel, such as "
            "lambda p: FeatureModel.pairs(2, p)"
        )
        if not callable(features):
            raise GeomsupError(f"{wanted}, got {brief(features)}")
        try:
            names = list(inspect.signature(features).bind(0.5).arguments)
        except ValueError:  # some functions that are not written in Python do not say
            names = []
        except TypeError as error:
            raise GeomsupError(f"{wanted}; with one number: {error}") from error
        along = names[0] if names else "x"
        if along == "feature_probability":
            along = "p"
        return cls(n_features=n_features, features=features, along=along)

    @property
    def axis(self) -> str:
        """What messages call the values."""
        return "feature_probability" if self.along == "p" else self.along

    def at(self, value: float) -> float | FeatureModel:
        """What a public function takes for `feature_probability`, at one value."""
        if self.features is None:
            return value
        try:
            model: object = self.features(value)
        except GeomsupError as error:
            raise GeomsupError(f"no feature model at {self.along} = {value:g}: {error}") from error
        if not isinstance(model, FeatureModel):
            raise GeomsupError(
                f"features must return a FeatureModel, got {brief(model)} at "
                f"{self.along} = {value:g}"
            )
        if model.n_features != self.n_features:
            raise GeomsupError(
                f"features must return models of {self.n_features} features, got one of "
                f"{model.n_features} at {self.along} = {value:g}"
            )
        return model

    def models(self, values: list[float]) -> tuple[FeatureModel, ...] | None:
        """The feature models at some values; None for independent features with one p."""
        models = [self.at(value) for value in values]
        found = tuple(model for model in models if isinstance(model, FeatureModel))
        return found or None
