"""The loop by itself, with a kind of model that the library does not have."""

from __future__ import annotations

import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from geomsup.errors import GeomsupError
from geomsup.storage import read_tensors, write_tensors
from geomsup.training import ToyModelConfig
from geomsup.training.checkpoints import Checkpoint
from geomsup.training.environment import plain_arithmetic
from geomsup.training.fit import Fit, Learner, session
from geomsup.training.model import aligned_empty


class _Noise:
    """Normal numbers that can be put back."""

    def __init__(self, seed: int) -> None:
        self.generator = np.random.default_rng(seed)

    def state(self) -> dict[str, Any]:
        return dict(self.generator.bit_generator.state)

    def restore(self, state: dict[str, Any]) -> None:
        self.generator.bit_generator.state = state


class _Directions(Learner):
    """Principal directions: unit vectors u that maximise the mean of (u·x)², in two instances."""

    _SPREAD = np.array([[3.0], [1.0], [0.5]])

    def __init__(self, config: ToyModelConfig, seed: int = 0) -> None:
        self.schedule, self.weight_decay = config, config.weight_decay
        self.note_every, self.record_at = 10, config.record_steps()
        theta, gradient, self.x = (
            aligned_empty(2, rows, columns, dtype=torch.float32, device=torch.device("cpu"))
            for rows, columns in ((3, 1), (3, 1), (3, config.batch_size))
        )
        theta[:] = 0.5
        self.blocks = {"theta": (theta, gradient)}
        self.random = self._noise = _Noise(seed)
        self.seen = torch.zeros(2, dtype=torch.int64)
        self.steps: list[int] = []
        self.good = -1

    def draw(self, step: int) -> None:
        self.steps.append(step)
        noise = self._noise.generator.standard_normal(tuple(self.x.shape))
        self.x[:] = torch.from_numpy(self._SPREAD * noise)
        self.seen += self.x.shape[2]

    def backward(self) -> None:
        theta, gradient = self.blocks["theta"]
        size = self.x.shape[2]
        gradient[:] = -2.0 / size * self.x @ (self.x.transpose(1, 2) @ theta)
        gradient -= theta * (theta * gradient).sum(dim=1, keepdim=True)

    def losses(self) -> NDArray[np.float64]:
        along = self.x.transpose(1, 2) @ self.blocks["theta"][0]
        return -along.square().mean(dim=(1, 2)).double().numpy()

    def settle(self) -> None:
        theta = self.blocks["theta"][0]
        theta.div_(theta.norm(dim=1, keepdim=True))

    def extras(self) -> dict[str, torch.Tensor]:
        return {"seen": self.seen}

    def remember(self, step: int) -> None:
        self.good = step

    def diverged(self, step: int, number: int) -> Exception:
        return GeomsupError(f"direction {number} at step {step}, good at {self.good}")


_CONFIG = ToyModelConfig(n_steps=230, batch_size=64, n_records=3, learning_rate=0.05)


def _fit(path: Path | None = None, config: ToyModelConfig = _CONFIG, seconds: float = 1e-9) -> Fit:
    fit = Fit(_Directions(config))
    kept = None if path is None else Checkpoint(path, seconds, "Checkpoint", fit, {"seed": 0})
    with plain_arithmetic(), session(config.n_steps, "directions", False) as call:
        fit.complete(call, kept)
    return fit


def _theta(fit: Fit) -> NDArray[np.float32]:
    found: NDArray[np.float32] = fit.learner.blocks["theta"][0].numpy()
    return found


def test_a_kind_of_model_is_four_methods() -> None:
    fit = _fit()
    np.testing.assert_allclose(np.abs(_theta(fit)[:, :, 0]), [[1, 0, 0]] * 2, atol=0.1)
    assert [step for step, _ in fit.notes] == list(range(0, 230, 10))
    # The largest of the variances, 9, up to the noise of 64 samples.
    assert fit.history()[1][-5:].mean() == pytest.approx(-9.0, rel=0.15)
    steps, kept = zip(*fit.records, strict=True)
    assert steps == (0, 115, 230)
    assert (kept[0] == 0.5).all()
    np.testing.assert_array_equal(kept[-1], _theta(fit))
    learner: Any = fit.learner
    assert learner.steps == list(range(230))
    assert learner.good == 230


@pytest.mark.parametrize("at", [1, 60, 115, 229])
def test_all_of_it_goes_on_from_a_checkpoint(at: int, tmp_path: Path) -> None:
    whole, path = _fit(), tmp_path / "checkpoint.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        take = Fit.step

        def dies(self: Fit) -> None:
            if self.completed == at:
                raise ZeroDivisionError
            take(self)

        patch.setattr(Fit, "step", dies)
        with pytest.raises(ZeroDivisionError):
            _fit(path)
    again = _fit(path, seconds=1e9)
    learner: Any = again.learner
    assert learner.steps == list(range(at, 230))
    assert (learner.seen == 230 * 64).all()
    np.testing.assert_array_equal(_theta(again), _theta(whole))
    np.testing.assert_array_equal(again.history()[1], whole.history()[1])
    for one, other in zip(again.records, whole.records, strict=True):
        assert one[0] == other[0]
        np.testing.assert_array_equal(one[1], other[1])


def test_ctrl_c_ends_after_the_step_and_is_told(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    with pytest.MonkeyPatch.context() as patch:
        draw = _Directions.draw

        def interrupted(self: _Directions, step: int) -> None:
            if step == 40:
                signal.raise_signal(signal.SIGINT)
            draw(self, step)

        patch.setattr(_Directions, "draw", interrupted)
        with pytest.raises(KeyboardInterrupt, match=r"^after 41 of 230 steps$"):
            _fit()
        with pytest.raises(KeyboardInterrupt, match=r"after 41 of 230 steps; the same call goes"):
            _fit(path, seconds=1e9)
    assert read_tensors(path, None, kind="Checkpoint")[2]["completed_steps"] == 41


@pytest.mark.parametrize("at", [0, 63, 229])
def test_what_is_not_finite_ends_it(at: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        backward = _Directions.backward

        def breaks(self: _Directions) -> None:
            backward(self)
            if self.steps[-1] == at:
                self.blocks["theta"][1][1] = torch.nan

        patch.setattr(_Directions, "backward", breaks)
        # Losses are looked at every ten steps, and everything at the end.
        seen, good = min(10 * (at // 10 + 1), 230), 10 * (at // 10)
        with pytest.raises(GeomsupError, match=f"direction 1 at step {seen}, good at {good}"):
            _fit()


def test_files_of_earlier_days_are_read(tmp_path: Path) -> None:
    path = tmp_path / "checkpoint.safetensors"
    _fit(path, seconds=1e9)
    _, arrays, said = read_tensors(path, None, kind="Checkpoint")
    # They counted the steps of the optimiser, too.
    write_tensors(path, arrays, {**said, "optimiser_steps": 230}, kind="Checkpoint")
    learner: Any = _fit(path).learner
    assert not learner.steps


@pytest.mark.parametrize("progress", ["yes", 1])
def test_a_session_is_shown_or_not(progress: Any) -> None:
    with pytest.raises(GeomsupError, match="progress must be True, False or None"):
        session(3, "nothing", progress).__enter__()
