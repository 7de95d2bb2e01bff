"""One loop for whatever learns by gradient steps, and what it asks of it.

A kind of model is a `Learner`: parameters with their gradients, a batch, the gradient on it.  A
`Fit` moves the parameters by Adam, notes losses, keeps weights on the way, looks for what is no
longer finite, and holds all that changes, so that what goes on from a checkpoint is, bit for bit,
what would have gone on without.  A `session` has the bar and Ctrl-C.

>>> import torch
>>> from geomsup.theory import FeatureModel
>>> from geomsup.training import ToyModelConfig
>>> from geomsup.training.data import make_sampler
>>> from geomsup.training.environment import plain_arithmetic
>>> from geomsup.training.fit import Fit, Learner, session
>>> from geomsup.training.model import aligned_empty
>>> from geomsup.training.streams import Stream, stream_seed
>>> class Means(Learner):  # learns E x of one feature
...     def __init__(self):
...         self.schedule = ToyModelConfig(n_steps=400, learning_rate=0.02, lr_schedule="linear")
...         theta, gradient, self.x = (
...             aligned_empty(1, 1, n, dtype=torch.float32, device=torch.device("cpu"))
...             for n in (1, 1, 64)
...         )
...         self.blocks = {"theta": (theta, gradient)}
...         seeds = [stream_seed(0, Stream.SAMPLES, 0)]
...         self.sampler = make_sampler([FeatureModel.independent(1, 0.8)], seeds, 64)
...         self.random = self.sampler.source
...     def draw(self, step):
...         self.sampler.draw(self.x)
...     def backward(self):
...         theta, gradient = self.blocks["theta"]
...         torch.sub(theta, self.x.mean(), out=gradient)
...     def diverged(self, step, number):
...         return ValueError(f"not finite at step {step}")
>>> fit = Fit(Means())
>>> with plain_arithmetic(), session(fit.learner.schedule.n_steps, "means", progress=False) as call:
...     fit.complete(call)
>>> round(fit.learner.blocks["theta"][0].item(), 1)
0.4
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm.auto import tqdm

from geomsup.errors import GeomsupError
from geomsup.storage import stated_integer
from geomsup.training.checkpoints import Checkpoint
from geomsup.training.data import Random
from geomsup.training.environment import is_interactive, stop_requests
from geomsup.training.optim import Adam
from geomsup.validation import brief

__all__ = ["Fit", "Learner", "Schedule", "Session", "session"]

Arrays = dict[str, NDArray[Any]]

# Steps between two looks at whether the parameters are still finite.
_CHECK_EVERY = 100


class Schedule(Protocol):
    """How many steps are taken, and how long they are."""

    @property
    def n_steps(self) -> int:
        """Number of optimiser steps."""

    def learning_rate_at(self, step: int) -> float:
        """Learning rate of a step (0-based)."""


class Learner(ABC):
    """Models that learn side by side: a subclass for each kind.

    Attributes
    ----------
    schedule : Schedule
        How many steps, and how long; a configuration.
    blocks : dict of str to (Tensor, Tensor)
        Parameters and their gradients by name, of shape (n_instances, …) and made by
        `aligned_empty`; what is kept on the way is the first.
    random : Random
        Where batches come from.
    weight_decay : float, default 0
        Of AdamW.
    note_every : int, default 0
        Steps between two notes of the losses; 0 for none, and then nothing is kept on the way.
    record_at : collection of int
        Numbers of steps after which the parameters are kept.
    """

    schedule: Schedule
    blocks: Mapping[str, tuple[Tensor, Tensor]]
    random: Random
    weight_decay: float = 0.0
    note_every: int = 0
    record_at: tuple[int, ...] = ()

    @abstractmethod
    def draw(self, step: int) -> None:
        """Take the batch of a step."""

    @abstractmethod
    def backward(self) -> None:
        """Compute the gradient of the loss on the batch."""

    @abstractmethod
    def diverged(self, step: int, number: int) -> Exception:
        """What to raise when the instance of this number is no longer finite."""

    def losses(self) -> NDArray[np.float64]:
        """Losses on the batch, of shape (n_instances,); for whoever sets `note_every`."""
        raise NotImplementedError

    def settle(self) -> None:  # noqa: B027  # most models have nothing to do
        """Put the parameters back where they belong, after a step has moved them."""

    def remember(self, step: int) -> None:  # noqa: B027  # nor to remember
        """Take notice that all parameters are finite after so many steps."""

    def extras(self) -> dict[str, Tensor]:
        """What else changes and belongs into a checkpoint; restored in place."""
        return {}


class Session:
    """One call of a trainer: how far it is, and whether it is to stop."""

    def __init__(self, bar: tqdm[Any], must_stop: Callable[[], bool]) -> None:
        self._bar, self.must_stop, self.done, self.total = bar, must_stop, 0, bar.total

    def advance(self, n_steps: int = 1) -> None:
        """So many steps are done."""
        self.done += n_steps
        self._bar.update(n_steps)


@contextmanager
def session(total: int, doing: str, progress: bool | None) -> Iterator[Session]:
    """Show a bar for so many steps, and turn Ctrl-C into a question."""
    if progress is not None and not isinstance(progress, bool):
        raise GeomsupError(f"progress must be True, False or None, got {brief(progress)}")
    show = is_interactive() if progress is None else progress
    with (
        tqdm(total=total, disable=not show, unit="step", desc=doing) as bar,
        stop_requests() as must_stop,
    ):
        yield Session(bar, must_stop)


class Fit:
    """A training under way: a learner, its optimisers, and the notes taken so far.

    Attributes
    ----------
    completed : int
        Steps taken.
    notes : list of (int, ndarray of shape (n_instances,))
        Steps, and the losses before them.
    records : list of (int, Tensor)
        Steps, and copies of the first block of parameters.
    """

    def __init__(self, learner: Learner) -> None:
        self.learner, self.completed = learner, 0
        self._optimisers = [
            Adam(theta, gradient, weight_decay=learner.weight_decay)
            for theta, gradient in learner.blocks.values()
        ]
        self._theta = next(iter(learner.blocks.values()))[0]
        self._record_at = frozenset(learner.record_at)
        self.notes: list[tuple[int, NDArray[np.float64]]] = []
        self.records: list[tuple[int, Tensor]] = []

    def run(self, call: Session, checkpoint: Checkpoint | None = None) -> bool:
        """Take all steps that are left; False if Ctrl-C came first."""
        learner = self.learner
        call.advance(self.completed)
        while self.completed < learner.schedule.n_steps and not call.must_stop():
            if checkpoint is not None and checkpoint.is_due:
                self._keep(checkpoint)
            self._record()
            learner.draw(self.completed)
            self._look()
            self.step()
            call.advance()
        done = self.completed == learner.schedule.n_steps
        if done:
            self._record()
        if checkpoint is not None:
            self._keep(checkpoint)
        return done

    def complete(self, call: Session, checkpoint: Checkpoint | None = None) -> None:
        """Run, for whom half a training is no use: raises KeyboardInterrupt after Ctrl-C."""
        if not self.run(call, checkpoint):
            follows = None if checkpoint is None else checkpoint.follows
            far = f"after {call.done} of {call.total} steps"
            raise KeyboardInterrupt(f"{far}; {follows}" if follows else far)
        self.check()

    def step(self) -> None:
        """Take one step on the batch that the learner holds."""
        self.learner.backward()
        rate = self.learner.schedule.learning_rate_at(self.completed)
        for optimiser in self._optimisers:
            optimiser.step(rate)
        self.learner.settle()
        self.completed += 1

    def check(self, losses: NDArray[np.float64] | None = None) -> None:
        """Stop if anything is not finite."""
        finite = np.isfinite(0.0 if losses is None else losses)
        for optimiser in self._optimisers:
            finite = finite & optimiser.is_finite().cpu().numpy()
        if not finite.all():
            raise self.learner.diverged(self.completed, int(np.argmin(finite)))
        self.learner.remember(self.completed)

    def parts(self) -> tuple[Arrays, dict[str, Any]]:
        """Arrays and notes that `take` needs to go on from here; between two steps only."""
        arrays = {name: part.cpu().contiguous().numpy() for name, part in self._changing().items()}
        said = {"completed_steps": self.completed, "random_state": self.learner.random.state()}
        if not self.learner.note_every:
            return arrays, said
        noted, losses = self.history()
        kept = np.array([theta.numpy() for _, theta in self.records], dtype=np.float32)
        arrays |= {
            "history_steps": noted,
            "history_losses": losses,
            "record_steps": np.array([step for step, _ in self.records], dtype=np.int64),
            "record_theta": kept.reshape(-1, *self._theta.shape),
        }
        return arrays, said

    def take(self, arrays: Mapping[str, NDArray[Any]], said: Mapping[str, Any]) -> None:
        """Go on from what `parts` returned.

        Raises
        ------
        KeyError, TypeError, ValueError, RuntimeError, OverflowError, GeomsupError
            If it is not of this training.
        """
        learner, completed = self.learner, stated_integer(said, "completed_steps")
        if completed > learner.schedule.n_steps:
            raise ValueError(f"it claims {completed} of {learner.schedule.n_steps} steps")
        self._check_parts(arrays, completed)
        learner.random.restore(said["random_state"])
        for name, part in self._changing().items():
            part.copy_(torch.from_numpy(arrays[name]))
        for optimiser in self._optimisers:
            optimiser.count = completed
        self.completed = completed
        learner.remember(completed)
        if learner.note_every:
            steps, losses = arrays["history_steps"].tolist(), arrays["history_losses"]
            self.notes = list(zip(steps, losses.copy(), strict=True))
            steps, kept = arrays["record_steps"].tolist(), arrays["record_theta"]
            self.records = list(zip(steps, torch.from_numpy(kept.copy()), strict=True))

    def history(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Steps and losses noted so far, of shapes (n_notes,) and (n_notes, n_instances)."""
        steps = np.array([step for step, _ in self.notes], dtype=np.int64)
        losses = np.array([losses for _, losses in self.notes])
        return steps, losses.reshape(len(steps), len(self._theta))

    def _look(self) -> None:
        """Note losses where they are due, and see from time to time that all is finite."""
        step, every = self.completed, self.learner.note_every
        if every and step % every == 0:
            losses = self.learner.losses()
            self.check(losses)
            self.notes.append((step, losses))
        elif step % _CHECK_EVERY == 0:
            self.check()

    def _record(self) -> None:
        """Keep the present parameters where that is due, and once only."""
        due = self.completed in self._record_at
        if due and (not self.records or self.records[-1][0] < self.completed):
            self.records.append((self.completed, self._theta.cpu().clone()))

    def _keep(self, checkpoint: Checkpoint) -> None:
        self.check()
        checkpoint.write()

    def _changing(self) -> dict[str, Tensor]:
        """All that a step changes, by the names that it has in files."""
        blocks = {name: theta for name, (theta, _) in self.learner.blocks.items()}
        moments: dict[str, Tensor] = {}
        for number, optimiser in enumerate(self._optimisers):
            end = f"_{number}" if len(blocks) > 1 else ""
            moments |= {f"mean{end}": optimiser.mean, f"square{end}": optimiser.square}
        return {**blocks, **moments, **self.learner.extras()}

    def _check_parts(self, arrays: Mapping[str, NDArray[Any]], completed: int) -> None:
        """Refuse what this training cannot have held after so many steps."""
        mine, steps = self.parts()[0], {}
        if every := self.learner.note_every:
            # A step is recorded when it begins, and the end when nothing follows.
            last = completed + (completed == self.learner.schedule.n_steps)
            steps["history"] = np.arange(0, completed, every)
            steps["record"] = np.array([at for at in self.learner.record_at if at < last])
        for name, array in mine.items():
            shape, given = array.shape, arrays[name]
            if (noted := steps.get(name.partition("_")[0])) is not None:
                shape = (len(noted), *shape[1:])
            fits = given.shape == shape and given.dtype == array.dtype
            if not fits or not np.isfinite(given).all():
                raise ValueError(f"its {name} is not what this training holds")
            if name.startswith("square") and (given < 0).any():
                raise ValueError(f"its {name} holds negative numbers")
        for name, noted in steps.items():
            if not np.array_equal(arrays[f"{name}_steps"], noted):
                raise ValueError(f"its {name}_steps are not those of {completed} completed steps")
