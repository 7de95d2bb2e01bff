"""What every experiment is: a configuration, a run, a check, and the statement it checks.

Each experiment is a file with these parts and one `EXPERIMENT` that names them.  The run trains
through a `Trainer`, which knows what the experiment need not: the device, the progress bar, and
where to keep checkpoints, so that interrupted work goes on where it stopped.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeAlias, TypeVar

from geomsup.errors import GeomsupWarning
from geomsup.experiments.frame.outcome import Outcome
from geomsup.experiments.frame.results import make_folder
from geomsup.training import ToyModelConfig, TrainingRun, train

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["SCALES", "Experiment", "Scale", "Trainer", "model_config"]

C = TypeVar("C")
R = TypeVar("R")
Scale: TypeAlias = Literal["smoke", "paper"]
SCALES: tuple[Scale, ...] = ("smoke", "paper")


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """Trains the models of an experiment.

    Parameters
    ----------
    folder : Path, optional
        Where checkpoints are kept while a training lasts; none are kept by default.
    device : str, default "cpu"
    progress : bool, default False
        Whether to show a bar for each training.
    """

    folder: Path | None = None
    device: str = "cpu"
    progress: bool = False

    def train(self, name: str, config: ToyModelConfig, seed: int, **options: Any) -> TrainingRun:
        """Train, or go on with the training of this name.

        Parameters
        ----------
        name : str
            Tells the trainings of one experiment apart, as in "p=0.1"; part of a file name.
        config : ToyModelConfig
        seed : int
        **options
            Further options of :func:`geomsup.training.train`, such as ``objective="exact"``.

        Raises
        ------
        GeomsupError
            If the folder cannot be made, or the training cannot be done.
        KeyboardInterrupt
            After Ctrl-C; a checkpoint is kept if there is a folder.
        """
        if self.folder is not None:
            make_folder(self.folder)
            options["checkpoint"] = self.folder / f"{name}.safetensors"
        with warnings.catch_warnings():
            # After Ctrl-C the trainer returns a shorter run and says so; here it is no result.
            warnings.filterwarnings("ignore", "training was interrupted", GeomsupWarning)
            run = train(config, seed=seed, device=self.device, progress=self.progress, **options)
        stopped = run.completed_steps < config.n_steps
        if stopped and options.get("objective", "sampled") == "sampled":
            raise KeyboardInterrupt
        return run


def model_config(config: Any, **settings: Any) -> ToyModelConfig:
    """What to train: the settings of an experiment that a toy model has too, and some more.

    Parameters
    ----------
    config : dataclass
        Of an experiment; every field that bears the name of one of `ToyModelConfig` is taken over.
    **settings
        The others, and those that are to differ.

    Examples
    --------
    >>> from geomsup.experiments.uniform.notes_pentagon import Config
    >>> model_config(Config(), n_instances=2).batch_size
    64
    """
    known = {field.name for field in fields(ToyModelConfig)}
    shared = {
        field.name: getattr(config, field.name) for field in fields(config) if field.name in known
    }
    return ToyModelConfig(**{**shared, **settings})


@dataclass(frozen=True, kw_only=True)
class Experiment(Generic[C, R]):
    """A published outcome and how to see whether it comes out again.

    Parameters
    ----------
    id : str
        Its name on the command line.
    title : str
        What it is about, in a few words.
    says : str
        What the paper, or the note, says comes out.
    source : str
        Where it says so.
    paper : dataclass
        Configuration at the scale of the source.
    smoke : dataclass
        A smaller one of the same class, that takes seconds.
    run : callable
        ``run(config, seed, trainer) -> result``: one independent repetition.  The result is a
        frozen dataclass of arrays, strings, numbers, further such dataclasses, and tuples of any.
    check : callable
        ``check(results) -> Outcome`` of one result or several, one for each seed.
    draw : callable
        ``draw(results) -> Figure`` such that a reader of the source recognises it.  It imports
        pictures when it is called, so that runs and checks need no matplotlib.
    result : type
        Class of the results.
    results_of : str, default ""
        The experiment whose results this one reads; its own when empty.  Two experiments that look
        at the same models train them once.
    paper_seeds : int, default 3
        Repetitions at the paper's scale.  At smoke scale there is one.
    """

    id: str
    title: str
    says: str
    source: str
    paper: C
    smoke: C
    run: Callable[[C, int, Trainer], R]
    check: Callable[[Sequence[R]], Outcome]
    draw: Callable[[Sequence[R]], Figure]
    result: type[R]
    results_of: str = ""
    paper_seeds: int = 3

    @property
    def trained_as(self) -> str:
        """The id under which its results are kept."""
        return self.results_of or self.id

    def config(self, scale: Scale) -> C:
        """The configuration at a scale."""
        return self.paper if scale == "paper" else self.smoke

    def n_seeds(self, scale: Scale) -> int:
        """How many repetitions are made at a scale when nobody asks for another number."""
        return self.paper_seeds if scale == "paper" else 1
