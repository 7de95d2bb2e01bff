"""Jumps and drops against planted ones, false alarms counted, names along the way."""

from __future__ import annotations

import json
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from numpy.typing import NDArray

from geomsup import get_shape
from geomsup.dynamics import WeightRecorder, geometry_timeline
from geomsup.dynamics.change_points import level_changes, steep_falls
from geomsup.errors import GeomsupError
from geomsup.plotting import name_color, plot_timeline

FloatArray = NDArray[np.float64]
_T = 200


def _changes(curve: FloatArray) -> list[tuple[int, int, float, float]]:
    found = level_changes(curve[:, None], resolution=0.02, least=0.08)
    return [(one.start, one.stop, one.before, one.after) for one in found]


@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03])
@pytest.mark.parametrize("width", [0, 2, 5])
def test_planted_jumps_are_found(noise: float, width: int) -> None:
    time = np.arange(_T)
    rng = np.random.default_rng(width)
    missed = 0
    for trial in range(20):
        first, second = 50 + trial, 130 - trial
        curve = np.full(_T, 0.4)
        for place, height in ((first, 0.27), (second, -0.17)):
            step = time >= place if width == 0 else 1 / (1 + np.exp(-(time - place) / width * 2))
            curve = curve + height * step
        found = _changes(curve + noise * rng.normal(size=_T))
        if len(found) != 2:
            missed += 1
            continue
        for (start, stop, before, after), place, levels in zip(
            found, (first, second), ((0.4, 0.67), (0.67, 0.5)), strict=True
        ):
            assert start - 3 * width - 2 <= place <= stop + 3 * width + 2
            assert (before, after) == pytest.approx(levels, abs=0.03 + noise)
    # The smaller of the two is less than six times the largest noise.
    assert missed <= (1 if noise == 0.03 else 0)


def _alarms(curves: FloatArray) -> float:
    """Share of curves in which a change of level is found."""
    found = level_changes(curves, resolution=0.02, least=0.08)
    return float(len({one.curve for one in found}) / curves.shape[1])


@pytest.mark.parametrize("n_points", [20, 50, 200, 400])
@pytest.mark.parametrize("noise", [0.005, 0.02, 0.06])
def test_noise_is_no_jump(n_points: int, noise: float) -> None:
    rng = np.random.default_rng(0)
    assert _alarms(0.5 + noise * rng.normal(size=(n_points, 300))) <= 0.02


@pytest.mark.parametrize("n_points", [20, 40, 100, 200, 500])
@pytest.mark.parametrize("noise", [0.0, 0.01, 0.03, 0.06])
def test_drift_is_no_jump(n_points: int, noise: float) -> None:
    # As high as a dimensionality can climb.  Constant stretches would cut this into stairs.
    time = np.arange(n_points)[:, None] / n_points
    rng = np.random.default_rng(1)
    grain = noise * rng.normal(size=(n_points, 200 if noise else 1))
    assert _alarms(time + grain) <= 0.03
    assert _alarms(0.8 - 0.3 * time + grain) <= 0.03
    assert _alarms(time**2 + grain) <= 0.05


def test_a_smooth_jump_may_take_a_fifth_of_the_curve_and_no_more() -> None:
    time = np.arange(_T) / _T
    for share, found in ((0.02, True), (0.15, True), (0.3, False), (0.6, False)):
        curve = 0.1 + 0.4 * np.clip((time - 0.5) / share + 0.5, 0.0, 1.0)
        assert bool(_changes(curve)) is found, share


def test_two_jumps_in_a_row_are_not_also_one() -> None:
    curve = np.repeat([0.2, 0.5, 0.9], [80, 20, 100])
    assert [(before, after) for _, _, before, after in _changes(curve)] == [(0.2, 0.5), (0.5, 0.9)]


@pytest.mark.parametrize(("length", "n_changes"), [(8, 0), (11, 0), (14, 2), (40, 2)])
def test_a_level_lasts_a_sixteenth_of_the_curve(length: int, n_changes: int) -> None:
    curve = np.full(_T, 0.2)
    curve[90 : 90 + length] = 0.7
    assert len(_changes(curve)) == n_changes


def _off_its_line(piece: FloatArray) -> float:
    design = np.stack([np.ones(len(piece)), np.arange(len(piece))], axis=1)
    line = design @ np.linalg.lstsq(design, piece)[0]
    return float(np.sum((piece - line) ** 2))


@given(st.integers(3, 60), st.integers(0, 2**32 - 1))
def test_the_partition_is_the_cheapest(n_points: int, seed: int) -> None:
    # Optimal partitioning is exact (Jackson et al. 2005): no partition with one cut, or none, has a
    # lower cost.
    from geomsup.dynamics.change_points import _cuts

    rng = np.random.default_rng(seed)
    curve = rng.normal(size=n_points) * 0.1 + (np.arange(n_points) > n_points // 2) * rng.normal()
    noise = 1.4826 * np.median(np.abs(np.diff(curve))) / np.sqrt(2)
    price = 3 * np.log(n_points) * max(noise, 0.02) ** 2

    def cost(ends: list[int]) -> float:
        pieces = [curve[a:b] for a, b in pairwise(ends)]
        residuals = sum(_off_its_line(piece) for piece in pieces)
        return float(residuals + price * (len(pieces) - 1))

    (found,) = _cuts(curve[:, None], 0.02)
    assert (found[0], found[-1]) == (0, n_points)
    others = [[0, n_points], *([0, k, n_points] for k in range(1, n_points))]
    assert cost(found) <= min(map(cost, others)) + 1e-9


def test_planted_drops_are_found_and_noise_has_none() -> None:
    time = np.arange(_T)
    rng = np.random.default_rng(1)
    for trial in range(20):
        places = (60 + trial, 140 - trial)
        steps = sum(1 / (1 + np.exp(-(time - place) / 2.0)) for place in places)
        curve = np.exp(-0.4 * steps - 0.001 * time) * (1 + 0.002 * rng.normal(size=_T))
        found = steep_falls(curve, least=0.02)
        assert len(found) == 2
        for (start, stop), place in zip(found, places, strict=True):
            assert start <= place <= stop + 1
            assert stop - start <= 14
    flat = [np.exp(-0.002 * time + 0.01 * rng.normal(size=_T)) for _ in range(300)]
    assert sum(bool(steep_falls(curve, least=0.02)) for curve in flat) <= 15


@pytest.mark.parametrize("noise", [0.0, 0.001, 0.005])
def test_a_steady_decay_is_no_drop(noise: float) -> None:
    rng = np.random.default_rng(2)
    for _ in range(50):
        assert (
            steep_falls(np.exp(-np.arange(_T) / _T + noise * rng.normal(size=_T)), least=0.02) == []
        )


def test_a_spike_is_no_drop_and_hides_none() -> None:
    rng = np.random.default_rng(3)
    for trial in range(50):
        curve = np.exp(-0.3 * np.arange(_T) / _T + 0.005 * rng.normal(size=_T))
        curve[40 + trial] *= 1.5
        assert steep_falls(curve, least=0.02) == []
        curve[140:] *= 0.8
        assert steep_falls(curve, least=0.02) == [(139, 140)]


@pytest.mark.parametrize(("width", "n_falls"), [(1, 0), (4, 0), (30, 1)])
def test_the_way_back_from_what_is_short_is_no_drop(width: int, n_falls: int) -> None:
    # What the curve was is the median of a twentieth of it.
    curve = np.exp(-0.1 * np.arange(_T) / _T)
    curve[100 : 100 + width] *= 1.5
    found = steep_falls(curve, least=0.02)
    assert found == [(99 + width, 100 + width)] * n_falls


def test_a_single_jump_has_the_share_of_the_drops_for_its_chance() -> None:
    # Of all ways to turn the records round, those in which the jump still lies in the drop.
    weights = np.zeros((_T, 1, 2))
    weights[:, 0, 0] = 1.0
    weights[100:, 0, 1] = -1.0
    loss = np.where(np.arange(_T) < 100, 0.3, 0.1)
    both = geometry_timeline(np.arange(_T), weights, loss, name_every=0).coincidence
    assert both.share == 1.0
    assert both.p_value == both.expected == pytest.approx(2 / _T)


def _learned_in_turn() -> tuple[FloatArray, FloatArray]:
    """Two digons become a pentagon at record 90; the loss falls then, and at the beginning."""
    square = np.zeros((2, 5))
    square[:, :4] = np.array([[1.0, -1, 0, 0], [0, 0, 1, -1]])
    pentagon = get_shape("pentagon").vertices.T
    order = [0, 2, 1, 3, 4]
    share = 1 / (1 + np.exp(-(np.arange(_T) - 90) / 1.5))[:, None, None]
    weights = (1 - share) * square + share * pentagon[:, np.argsort(order)]
    loss = 0.05 * np.exp(-0.5 * share[:, 0, 0]) * np.exp(-np.minimum(np.arange(_T), 10) / 10)
    return weights, loss


def test_a_timeline_names_jumps_and_compares() -> None:
    weights, loss = _learned_in_turn()
    steps = np.arange(_T) * 10
    timeline = geometry_timeline(steps, weights, loss, name_every=50)
    names = [name for name, _, _ in timeline.spans()]
    assert names[0] == "2 × digon = square, 1 dropped"
    assert names[-1] == "1 × pentagon"
    assert all(850 <= jump.start < jump.stop <= 950 for jump in timeline.jumps)
    assert {feature for jump in timeline.jumps for feature in jump.features} == set(range(5))
    jump = next(jump for jump in timeline.jumps if 4 in jump.features)
    at = jump.features.index(4)
    assert (jump.before[at], jump.after[at]) == pytest.approx((0.0, 0.4), abs=0.02)
    assert [drop.start <= 900 <= drop.stop for drop in timeline.loss_drops] == [False, True]
    both = timeline.coincidence
    assert both.share == 1.0
    assert both.expected < 0.3
    assert both.p_value <= both.expected
    assert "jumps" in str(timeline)
    json.dumps(timeline.to_dict(), allow_nan=False)
    assert not timeline.levels.flags.writeable


def test_rotating_the_hidden_space_changes_no_jump() -> None:
    # D_i and |W_i| depend on the Gram matrix alone.
    weights, loss = _learned_in_turn()
    angle = 0.7
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    one = geometry_timeline(np.arange(_T), weights, loss, name_every=0)
    other = geometry_timeline(np.arange(_T), turn @ weights, loss, name_every=0)
    np.testing.assert_allclose(one.levels, other.levels, atol=1e-12)
    assert [jump.features for jump in one.jumps] == [jump.features for jump in other.jumps]
    assert set(one.names) == {""}
    assert one.spans() == ()


def test_a_level_counts_the_square_of_a_short_norm() -> None:
    # Orthogonal features have D = 1; what is shorter than the median at the end counts less.
    weights = np.tile(np.diag([1.0, 1.0, 0.5]), (5, 1, 1))
    weights[0, 0, 0] = 2.0
    timeline = geometry_timeline(np.arange(5), weights, name_every=0)
    np.testing.assert_allclose(timeline.dimensionalities, 1.0)
    np.testing.assert_allclose(timeline.levels, np.tile([1.0, 1.0, 0.25], (5, 1)))


@pytest.mark.parametrize(("apart", "n_jumps"), [(0, 1), (2, 1), (4, 2), (12, 2)])
def test_features_jump_together_within_a_hundredth_of_the_records(apart: int, n_jumps: int) -> None:
    weights = np.tile(np.diag([1.0, 1.0, 0.0, 0.0])[:2], (_T, 1, 1))
    # Two digons are completed one after the other.
    weights[80:, 0, 2] = -1.0
    weights[80 + apart :, 1, 3] = -1.0
    timeline = geometry_timeline(np.arange(_T), weights, name_every=0)
    assert len(timeline.jumps) == n_jumps
    assert sorted(i for jump in timeline.jumps for i in jump.features) == [0, 1, 2, 3]


def test_without_losses_there_are_no_drops() -> None:
    weights, _ = _learned_in_turn()
    timeline = geometry_timeline(np.arange(_T), weights, name_every=0)
    assert timeline.loss_drops == ()
    assert np.isnan(timeline.coincidence.share)
    assert json.loads(json.dumps(timeline.to_dict()))["losses"][0] is None
    assert len(plot_timeline(timeline, fig=Figure()).axes) == 2


def test_pictures_are_drawn(tmp_path: Any) -> None:
    weights, loss = _learned_in_turn()
    timeline = geometry_timeline(np.arange(_T), weights, loss, name_every=50)
    for log_steps in (False, True):
        figure = plot_timeline(timeline, log_steps=log_steps, fig=Figure(layout="constrained"))
        assert figure.axes[0].get_ylabel() == "loss"
        figure.savefig(tmp_path / "timeline.png")
    texts = [text.get_text() for text in figure.axes[1].texts]
    assert "1 × pentagon" in texts
    with pytest.raises(GeomsupError, match="expected a GeometryTimeline, got list"):
        plot_timeline([])  # type: ignore[arg-type]
    with pytest.raises(GeomsupError, match="fig must be a matplotlib Figure, got str"):
        plot_timeline(timeline, fig="page")  # type: ignore[arg-type]


def test_names_of_narrow_bands_stand_beside_them() -> None:
    angles = 2 * np.pi * np.arange(5) / 5
    pentagon = np.array([np.cos(angles), np.sin(angles)])
    digons = np.array([[1.0, -1.0, 0, 0, 0], [0, 0, 1.0, -1.0, 0]])
    weights = np.array([pentagon] * 39 + [digons])
    timeline = geometry_timeline(np.arange(40), weights, name_every=1)
    texts = plot_timeline(timeline, fig=Figure()).axes[0].texts
    inside, beside = (text.get_text() for text in texts)
    assert inside == timeline.names[0] == "1 × pentagon"
    assert beside == timeline.names[-1]
    assert "digon" in beside or "square" in beside
    assert texts[1].get_color() == name_color(beside)


def test_a_logarithmic_axis_begins_at_the_first_record_after_step_0() -> None:
    weights, loss = _learned_in_turn()
    for first, shown in ((0, 1), (100, 100)):
        timeline = geometry_timeline(np.arange(_T) + first, weights, loss, name_every=0)
        figure = plot_timeline(timeline, log_steps=True, fig=Figure())
        assert figure.axes[-1].get_xlim()[0] == shown


def test_tensors_are_read_as_training_leaves_them() -> None:
    torch = pytest.importorskip("torch")
    weights, loss = _learned_in_turn()
    steps = np.arange(_T)
    plain = geometry_timeline(steps, weights.astype(np.float32), loss, name_every=0)
    tensor = torch.tensor(weights, dtype=torch.float32, requires_grad=True)
    kept = geometry_timeline(torch.arange(_T), tensor, torch.tensor(loss), name_every=np.int64(0))
    np.testing.assert_array_equal(kept.levels, plain.levels)
    half = geometry_timeline(steps, tensor.bfloat16(), loss, name_every=0)
    np.testing.assert_allclose(half.levels, plain.levels, atol=0.02)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"weights": np.ones((5, 2))}, "n_records, n_hidden, n_features"),
        ({"weights": np.ones((5, 3, 2, 4))}, "pick one model"),
        ({"weights": np.ones((2, 2, 4)), "steps": [0, 1]}, "at least three records, got 2"),
        ({"steps": [0, 1, 2, 2, 3]}, "must ascend"),
        ({"steps": [0, 1]}, "one for each record"),
        ({"losses": [1.0, 2.0]}, "one for each of 5 records"),
        ({"losses": [1.0, 2.0, np.nan, 1.0, 1.0]}, "finite"),
        ({"losses": [1.0, 2.0, -1.0, 1.0, 1.0]}, "not be negative"),
        ({"weights": np.full((5, 2, 3), np.inf)}, "finite"),
        ({"name_every": -1}, "name_every must be an integer"),
        ({"name_every": True}, "name_every must be an integer"),
        ({"steps": [0, 1, 2, 3, np.nan]}, "whole numbers"),
        ({"steps": [0.5, 1, 2, 3, 4]}, "whole numbers"),
        ({"steps": [-1, 0, 1, 2, 3]}, "whole numbers from 0"),
        ({"steps": [0, 1, 2, 3, 2**53]}, "whole numbers from 0"),
        ({"steps": [0, 1, 3, 2, 4]}, "must ascend, got 3 before 2"),
        ({"steps": [0, 1, 2, 3]}, "one for each record, got shape"),
        ({"steps": list("abcde")}, "steps must be real numbers"),
        ({"weights": [[[1]], [[1, 2]], [[3]]]}, "numpy cannot read"),
        ({"weights": np.ones((5, 2, 3)) * 1j}, "real numbers, got an array of complex128"),
        ({"losses": list("abcde")}, "losses must be real numbers"),
        ({"least_jump": np.nan}, "least_jump must lie in"),
        ({"least_drop": 1.0}, "least_drop must lie in"),
    ],
)
def test_refuses(change: dict[str, Any], words: str) -> None:
    given_: dict[str, Any] = {"steps": np.arange(5), "weights": np.ones((5, 2, 3)), **change}
    with pytest.raises(GeomsupError, match=words):
        geometry_timeline(**given_)


def test_records_at_equal_ratios_make_no_drops_of_their_own() -> None:
    # The loss is a power of the step: its rate over log time never changes.
    steps = np.unique(np.rint(np.geomspace(1, 5000, 160)).astype(int))
    weights = np.tile(np.array([[1.0, -1.0]]), (len(steps), 1, 1))
    timeline = geometry_timeline(steps, weights, (steps + 1.0) ** -0.3, name_every=0)
    assert len(timeline.loss_drops) <= 1
    assert all(drop.stop - drop.start > 1000 for drop in timeline.loss_drops)


# ---------------------------------------------------------------------- a loop of one's own


class _Model(torch.nn.Module):
    """The ReLU-output model, with features in rows, as ``nn.Linear`` has them."""

    def __init__(self) -> None:
        super().__init__()
        self.encoder = torch.nn.Linear(2, 5, bias=False)
        self.bias = torch.nn.Parameter(torch.zeros(5))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        W = self.encoder.weight
        return torch.relu(x @ W @ W.T + self.bias)


def test_a_loop_of_ones_own_is_recorded() -> None:
    torch.manual_seed(1)
    model = _Model()
    optimiser = torch.optim.Adam(model.parameters(), lr=0.01)
    recorders = [
        WeightRecorder(model.encoder.weight, every=10, feature_axis=0),
        WeightRecorder(model, every=10, feature_axis=0, key="encoder.weight"),
        WeightRecorder(lambda: model.encoder.weight.T, every=10),
    ]
    silent = WeightRecorder(model.encoder.weight, every=7, feature_axis=0)
    kept, losses = [], []
    for step in range(1001):
        x = torch.rand(256, 5) * (torch.rand(256, 5) < 0.1)
        loss = ((x - model(x)) ** 2).sum(1).mean()
        for record in recorders:
            record(step, loss)
        silent(step)
        if step % 10 == 0:
            kept.append(model.encoder.weight.detach().double().numpy().T.copy())
            losses.append(loss.item())
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    for record in recorders:
        assert np.array_equal(record.weights, kept)
        assert record.losses is not None
        assert record.losses.tolist() == losses
        assert record.steps.tolist() == list(range(0, 1001, 10))
    assert len(silent) == 143
    assert silent.losses is None
    record = recorders[0]
    timeline = geometry_timeline(record.steps, record.weights, record.losses, name_every=50)
    assert timeline.names[-1] == "1 × pentagon"
    assert len(timeline.steps) == len(record) == 101
    assert geometry_timeline(silent.steps, silent.weights, name_every=0).loss_drops == ()


def test_recorders_refuse_what_cannot_be_followed() -> None:
    W = torch.ones(2, 3)
    for every in (0, -1, 2.5, True, "x"):
        with pytest.raises(GeomsupError, match="every must be an integer of at least 1"):
            WeightRecorder(W, every=every)  # type: ignore[arg-type]  # on purpose
    record = WeightRecorder(W, every=2)
    assert record.weights.shape == (0, 0, 0)
    record(0, 1.0)
    with pytest.raises(GeomsupError, match="steps must ascend, got 0 after 0"):
        record(0, 1.0)
    with pytest.raises(GeomsupError, match="the loss with each record or with none"):
        record(2)
    for loss in (float("nan"), "x", torch.ones(2)):
        with pytest.raises(GeomsupError, match="loss must be a finite number"):
            record(2, loss)
    W[0, 0] = torch.nan
    with pytest.raises(GeomsupError, match="expected finite numbers"):
        record(2, 1.0)
    # Between records nothing is looked at, and what was refused left nothing behind.
    record(3)
    assert len(record) == 1
    W[0, 0] = 1.0
    record(2, torch.tensor(0.5, requires_grad=True))
    assert record.losses is not None
    assert record.losses.tolist() == [1.0, 0.5]
    shapes = iter([torch.ones(2, 3), torch.ones(2, 4)])
    growing = WeightRecorder(lambda: next(shapes), every=1)
    growing(0)
    with pytest.raises(GeomsupError, match=r"keep their shape, \(2, 3\), got \(2, 4\)"):
        growing(1)


def test_the_text_says_when_a_named_shape_has_its_full_length() -> None:
    pentagon = get_shape("pentagon").vertices.T
    growth = np.concatenate([np.linspace(0.3, 1.0, 8), np.ones(4)])
    W = np.array([pentagon * np.array([1, 1, 1, 1, g]) for g in growth])
    steps = 100 * np.arange(len(growth))
    timeline = geometry_timeline(steps, W, np.ones(len(growth)))
    full = timeline.full_from(0, 1100)
    assert full == 700  # 0.9² < 0.9, 1² is not
    assert "steps 0–1,100: 1 × pentagon (all at full length from 700)" in str(timeline)
    assert timeline.full_from(800, 1100) == 800
