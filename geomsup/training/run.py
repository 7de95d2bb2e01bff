"""What training leaves behind: weights, biases, losses, and where they came from.

A run knows its configuration, its seed and the versions that made it, and keeps them when it is
saved, so that a file found a year later still says how to make it again.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.training.config import ToyModelConfig
from geomsup.training.storage import read_tensors, write_tensors

__all__ = ["History", "TrainedModel", "TrainingRun"]

_TABLE_ROWS = 20
# Kind of number of each tensor in a file, by safetensors' own names.
_TENSORS = {
    "weights": "F64",
    "biases": "F64",
    "losses": "F64",
    "loss_errors": "F64",
    "history_steps": "I64",
    "history_losses": "F64",
}


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """Training losses at some steps, each measured on one batch before the step is taken.

    Parameters
    ----------
    steps : ndarray of shape (n_records,)
        Number of steps taken before.
    losses : ndarray of shape (n_records, n_instances)
        Loss of the batch, summed over features.
    """

    steps: NDArray[np.int64]
    losses: NDArray[np.float64]

    def __post_init__(self) -> None:
        object.__setattr__(self, "steps", _read_only(self.steps, np.int64))
        object.__setattr__(self, "losses", _read_only(self.losses, np.float64))


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainedModel:
    """One trained model of a run.

    Parameters
    ----------
    W : ndarray of shape (n_hidden, n_features)
        Weights.
    b : ndarray of shape (n_features,)
        Biases.
    loss, loss_error : float
        Loss on the evaluation sample, summed over features, and its standard error.
    instance : int
        Number of the instance in the run.
    feature_probability, importance : ndarray of shape (n_features,)
        What the model was trained on.
    """

    W: NDArray[np.float64]
    b: NDArray[np.float64]
    loss: float
    loss_error: float
    instance: int
    feature_probability: NDArray[np.float64]
    importance: NDArray[np.float64]

    def to_dict(self) -> dict[str, Any]:
        """All fields as numbers and nested lists, ready for JSON."""
        return {
            "instance": self.instance,
            "loss": self.loss,
            "loss_error": self.loss_error,
            "feature_probability": self.feature_probability.tolist(),
            "importance": self.importance.tolist(),
            "W": self.W.tolist(),
            "b": self.b.tolist(),
        }

    def __str__(self) -> str:
        m, n = self.W.shape
        return (
            f"TrainedModel {n} → {m}: instance {self.instance}, loss {self.loss:.6g} "
            f"± {self.loss_error:.1g} (sum over features)"
        )


@dataclass(frozen=True, kw_only=True, eq=False)
class TrainingRun:
    """The models that one call of `train` made.

    Parameters
    ----------
    config : ToyModelConfig
        What was trained.
    seed : int
        Seed that repeats the run.
    device : str
        Where it was trained.
    completed_steps : int
        Optimiser steps taken; fewer than ``config.n_steps`` after an interruption.
    weights : ndarray of shape (n_instances, n_hidden, n_features)
        Weights W of each instance.
    biases : ndarray of shape (n_instances, n_features)
        Biases b of each instance.
    losses, loss_errors : ndarray of shape (n_instances,)
        E Σ_i I_i (x_i − x̂_i)², the *sum* over features, on a fresh sample of up to 524,288
        non-empty inputs that all instances share; and its standard error.
    history : History
        Short trace of the training losses.
    provenance : dict
        Versions of geomsup, torch, numpy and Python.
    """

    config: ToyModelConfig
    seed: int
    device: str
    completed_steps: int
    weights: NDArray[np.float64]
    biases: NDArray[np.float64]
    losses: NDArray[np.float64]
    loss_errors: NDArray[np.float64]
    history: History
    provenance: dict[str, str]

    def __post_init__(self) -> None:
        for name in ("weights", "biases", "losses", "loss_errors"):
            object.__setattr__(self, name, _read_only(getattr(self, name), np.float64))

    def model(self, instance: int) -> TrainedModel:
        """One model of the run.

        Parameters
        ----------
        instance : int
            Its number, from 0.

        Raises
        ------
        GeomsupError
            If there is no such instance.
        """
        count = len(self.losses)
        if isinstance(instance, bool) or not isinstance(instance, int | np.integer):
            raise GeomsupError(f"instance must be an integer, got {instance!r}")
        if not 0 <= instance < count:
            raise GeomsupError(f"instance must lie in 0 … {count - 1}, got {instance}")
        k = int(instance)
        return TrainedModel(
            W=self.weights[k],
            b=self.biases[k],
            loss=float(self.losses[k]),
            loss_error=float(self.loss_errors[k]),
            instance=k,
            feature_probability=_read_only(self.config.probabilities[k], np.float64),
            importance=_read_only(self.config.importances[k], np.float64),
        )

    def best(self, among: Sequence[int] | None = None) -> TrainedModel:
        """The model of lowest loss.

        Parameters
        ----------
        among : sequence of int, optional
            Instances to choose from; all by default.

        Raises
        ------
        GeomsupError
            If the instances differ in feature probability or importance, because their losses
            then measure different tasks; or if ``among`` names none.
        """
        models = [self.model(k) for k in (range(len(self.losses)) if among is None else among)]
        if not models:
            raise GeomsupError("among must name at least one instance, got none")
        for setting in ("feature_probability", "importance"):
            if len({getattr(model, setting).tobytes() for model in models}) > 1:
                raise GeomsupError(
                    f"these instances differ in {setting}, so their losses do not compare; name "
                    "alike ones, as in run.best(among=[0, 1])"
                )
        return min(models, key=lambda model: model.loss)

    def to_dict(self) -> dict[str, Any]:
        """All fields as numbers, strings and nested lists, ready for JSON."""
        return {
            **self._metadata(),
            "weights": self.weights.tolist(),
            "biases": self.biases.tolist(),
            "losses": self.losses.tolist(),
            "loss_errors": self.loss_errors.tolist(),
            "history": {
                "steps": self.history.steps.tolist(),
                "losses": self.history.losses.tolist(),
            },
        }

    def save(self, path: str | os.PathLike[str]) -> Path:
        """Write the run to a safetensors file, all of it or nothing.

        Parameters
        ----------
        path : str or path-like
            File to write, ending in ``.safetensors``. An existing file is replaced.

        Returns
        -------
        Path
            The file.

        Raises
        ------
        GeomsupError
            If the path is a directory, its folder does not exist, or it cannot be written.

        Notes
        -----
        The tensors are ``weights``, ``biases``, ``losses``, ``loss_errors``, ``history_steps``
        and ``history_losses``. The metadata entry ``geomsup`` is JSON: config, seed, versions.
        """
        return write_tensors(path, self._tensors(), self._metadata())

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> TrainingRun:
        """Read a run that `save` wrote.

        Parameters
        ----------
        path : str or path-like
            The file.

        Raises
        ------
        GeomsupError
            If the file is missing, damaged, no safetensors file, or was not written by `save`.
        """
        source, tensors, said = read_tensors(path, _TENSORS)
        try:
            return cls._assemble(tensors, said)
        except GeomsupError as error:
            raise GeomsupError(f"{source} holds no usable training run: {error}") from error

    @classmethod
    def _assemble(cls, tensors: Mapping[str, NDArray[Any]], said: Mapping[str, Any]) -> TrainingRun:
        """Put a run together from what a file holds, trusting none of it."""
        config = ToyModelConfig.from_dict(said.get("config", {}))
        seed, completed = (_stated_integer(said, name) for name in ("seed", "completed_steps"))
        device, provenance = said.get("device"), said.get("provenance")
        if completed > config.n_steps:
            raise GeomsupError(f"it claims {completed} of {config.n_steps} steps")
        if not isinstance(device, str) or not isinstance(provenance, dict):
            raise GeomsupError("its metadata lacks the device or the provenance")
        k, m, n = config.n_instances, config.n_hidden, config.n_features
        records = tensors["history_steps"].size
        shapes = {
            "weights": (k, m, n),
            "biases": (k, n),
            "losses": (k,),
            "loss_errors": (k,),
            "history_steps": (records,),
            "history_losses": (records, k),
        }
        for name, shape in shapes.items():
            if tensors[name].shape != shape:
                raise GeomsupError(
                    f"its {name} must have shape {shape} by its config, got {tensors[name].shape}"
                )
            if not np.isfinite(tensors[name]).all():
                raise GeomsupError(f"its {name} hold NaN or infinite values")
        return cls(
            config=config,
            seed=seed,
            device=device,
            completed_steps=completed,
            weights=tensors["weights"],
            biases=tensors["biases"],
            losses=tensors["losses"],
            loss_errors=tensors["loss_errors"],
            history=History(steps=tensors["history_steps"], losses=tensors["history_losses"]),
            provenance={str(key): str(value) for key, value in provenance.items()},
        )

    def _metadata(self) -> dict[str, Any]:
        return {
            "config": self.config.to_dict(),
            "seed": self.seed,
            "device": self.device,
            "completed_steps": self.completed_steps,
            "provenance": dict(self.provenance),
        }

    def _tensors(self) -> dict[str, NDArray[Any]]:
        return {
            "weights": self.weights,
            "biases": self.biases,
            "losses": self.losses,
            "loss_errors": self.loss_errors,
            "history_steps": self.history.steps,
            "history_losses": self.history.losses,
        }

    def _title(self) -> str:
        c = self.config
        steps = f"{self.completed_steps:,} steps"
        if self.completed_steps < c.n_steps:
            steps = f"{self.completed_steps:,} of {c.n_steps:,} steps"
        return (
            f"TrainingRun: {c.n_instances} × ({c.n_features} → {c.n_hidden}), {steps}, "
            f"batch {c.batch_size}, seed {self.seed}, {self.device}"
        )

    def _rows(self) -> list[tuple[str, str, str, str]]:
        """Instance, probability, loss and error as text, lowest loss first."""
        probabilities = self.config.probabilities
        rows = []
        for k in np.argsort(self.losses, kind="stable")[:_TABLE_ROWS]:
            low, high = probabilities[k].min(), probabilities[k].max()
            p = f"{low:g}" if low == high else f"{low:g}…{high:g}"
            rows.append((str(k), p, f"{self.losses[k]:.6g}", f"{self.loss_errors[k]:.1g}"))
        return rows

    def __str__(self) -> str:
        header = ("instance", "p", "loss", "±")
        rows = self._rows()
        widths = [max(len(row[c]) for row in [header, *rows]) for c in range(len(header))]
        lines = [self._title(), "loss: summed over features, on a fresh sample; lowest first"]
        for row in [header, *rows]:
            lines.append("  ".join(cell.rjust(w) for cell, w in zip(row, widths, strict=True)))
        hidden = len(self.losses) - len(rows)
        if hidden:
            lines.append(f"… and {hidden} more")
        return "\n".join(lines)

    def _repr_html_(self) -> str:
        head = "".join(f"<th>{name}</th>" for name in ("instance", "p", "loss", "±"))
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>"
            for row in self._rows()
        )
        hidden = len(self.losses) - min(len(self.losses), _TABLE_ROWS)
        more = f"<p>… and {hidden} more</p>" if hidden else ""
        return (
            f"<p>{escape(self._title())}<br>loss: summed over features, on a fresh sample; "
            f"lowest first</p><table><tr>{head}</tr>{body}</table>{more}"
        )


def _stated_integer(said: Mapping[str, Any], name: str) -> int:
    number = said.get(name)
    if type(number) is not int or number < 0:
        raise GeomsupError(f"its {name} must be an integer of at least 0, got {number!r}")
    return number


def _read_only(array: NDArray[Any], dtype: type[np.generic]) -> NDArray[Any]:
    copy = np.array(array, dtype=dtype, order="C")
    copy.flags.writeable = False
    return copy
