"""``geomsup neurons``, on models of the trainer and on planted layers in files."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from geomsup.cli import main
from geomsup.neurons import neuron_report
from geomsup.training import ToyModelConfig, TrainingRun, train

Capture = pytest.CaptureFixture[str]

# |x| of two features: a neuron for +0, one for -1, and one that -0 and +1 share.
_W = np.array([[1.0, 0.0], [-1.0, 1.0], [0.0, -1.0]])
_V = np.array([[1.0, 0.0], [1.0, 1.0], [0.0, 1.0]])


def _trained(path: Path, **settings: Any) -> Path:
    config = ToyModelConfig(
        **{
            "n_features": 2,
            "n_hidden": 4,
            "hidden_activation": "relu",
            "n_instances": 3,
            "n_steps": 60,
            "batch_size": 64,
            "learning_rate": 0.01,
            **settings,
        }
    )
    return train(config, seed=1).save(path / "run.safetensors")


@pytest.fixture
def layer(tmp_path: Path) -> Path:
    path = tmp_path / "layer.npz"
    np.savez(path, W=_W, V=_V, V_rows=_V.T)
    return path


def _json(capsys: Capture, *words: str) -> Any:
    assert main(["neurons", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


def _refused(capsys: Capture, status: int, *words: str) -> str:
    """The one line that a refusal ends with."""
    assert main(["neurons", *words]) == status
    printed = capsys.readouterr()
    assert "Traceback" not in printed.err
    return printed.err.strip().splitlines()[-1]


def test_a_planted_layer_of_absolute_values(layer: Path, capsys: Capture) -> None:
    words = [str(layer), "--key", "W", "--out-key", "V", "--signed"]
    assert main(["neurons", *words]) == 0
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "2 of 2 features computed by 3 neurons: 2 monosemantic, 1 polysemantic",
        "2-in-1 on neuron 1: +1 [+], -0 [+]",
        "monosemantic on neuron 0: +0 [+]",
        "monosemantic on neuron 2: -1 [+]",
    ]
    assert printed.err == ""
    record = _json(capsys, *words)
    assert record["kinds"] == ["monosemantic", "polysemantic", "monosemantic"]
    assert record["gains"] == neuron_report(_W, _V, signed=True).gains.tolist()
    # The same matrix the other way round, said to be so.
    turned = [str(layer), "--key", "W", "--out-key", "V_rows", "--out-feature-axis", "0"]
    assert _json(capsys, *turned, "--signed")["gains"] == record["gains"]


def test_without_a_second_matrix_the_layer_is_tied(tmp_path: Path, capsys: Capture) -> None:
    np.save(tmp_path / "W.npy", [[1.0, 0.7, 0.0], [0.0, 0.7, 1.0]])
    record = _json(capsys, str(tmp_path / "W.npy"))
    assert [code["name"] for code in record["codes"]] == ["3-in-2"]


def test_a_run_has_a_table_and_the_report_on_the_best(tmp_path: Path, capsys: Capture) -> None:
    path = _trained(tmp_path, tied=False, target="absolute", signed=True)
    best = TrainingRun.load(path).best()
    record = _json(capsys, str(path))
    assert record["instance"] == best.instance
    losses = [row["loss"] for row in record["instances"]]
    assert losses == sorted(losses)
    assert len(losses) == 3
    expected = neuron_report(best.W, best.V, signed=True)
    assert record["kinds"] == list(expected.kinds)
    assert record["gains"] == expected.gains.tolist()
    assert main(["neurons", str(path)]) == 0
    text = capsys.readouterr().out
    assert f"lowest loss: instance {best.instance}" in text
    assert str(expected).splitlines()[0] in text
    other = next(k for k in range(3) if k != best.instance)
    assert _json(capsys, str(path), "--instance", str(other))["instance"] == other


def test_a_run_of_ands_is_read_in_pairs(tmp_path: Path, capsys: Capture) -> None:
    path = _trained(tmp_path, n_features=4, tied=False, target="minimum")
    assert len(_json(capsys, str(path))["gains"][0][0]) == 2
    assert main(["neurons", str(path)]) == 0
    assert "pair 0 is the AND of inputs 0 and 1" in capsys.readouterr().out
    assert "drop it" in _refused(capsys, 2, str(path), "--motifs")


def test_different_tasks_have_no_best(tmp_path: Path, capsys: Capture) -> None:
    path = _trained(tmp_path, feature_probability=[[0.5], [0.1]], n_instances=2)
    assert main(["neurons", str(path)]) == 0
    assert "different tasks" in capsys.readouterr().out
    record = _json(capsys, str(path))
    assert record["instance"] is None
    assert len(record["instances"]) == 2
    picture = tmp_path / "picture.png"
    assert "--instance K" in _refused(capsys, 2, str(path), "--plot", str(picture))
    assert not picture.exists()


def test_motifs_are_looked_for_when_asked(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "motif.npz"
    W, V = [[2, -0.5], [1, 0], [-1, 0], [0, 1]], [[0.5, 2], [0, -5], [1, 0], [0, 1]]
    np.savez(path, W=np.array(W), V=np.array(V, dtype=float))
    words = [str(path), "--key", "W", "--out-key", "V", "--signed"]
    assert _json(capsys, *words)["motifs"] is None
    found = _json(capsys, *words, "--motifs")["motifs"]
    assert [motif["neuron"] for motif in found["motifs"]] == [0]
    assert main(["neurons", *words, "--motifs"]) == 0
    assert "1 of 1 asymmetric pair is inhibited" in capsys.readouterr().out


@pytest.mark.parametrize("name", ["neurons.png", "neurons.svg"])
def test_the_picture(layer: Path, tmp_path: Path, capsys: Capture, name: str) -> None:
    picture = tmp_path / name
    words = ["--key", "W", "--out-key", "V", "--signed", "--plot", str(picture)]
    assert main(["neurons", str(layer), *words]) == 0
    assert picture.stat().st_size > 1000
    assert f"picture: {picture}" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("settings", "says"),
    [
        ({"hidden_activation": "linear", "n_hidden": 1}, "is linear"),
        ({"signed": True, "output_activation": "linear"}, "copy features of both signs"),
    ],
)
def test_models_without_such_neurons(
    tmp_path: Path, capsys: Capture, settings: dict[str, Any], says: str
) -> None:
    assert says in _refused(capsys, 1, str(_trained(tmp_path, **settings)))


@pytest.mark.parametrize(
    "words",
    [
        ["--key", "weights"],
        ["--out-key", "V"],
        ["--out-file", "V.npy"],
        ["--feature-axis", "0"],
        ["--out-feature-axis", "0"],
        ["--signed"],
        ["--motifs"],  # the models are tied
    ],
)
def test_a_run_knows_its_own_task(tmp_path: Path, capsys: Capture, words: list[str]) -> None:
    path = _trained(tmp_path)
    assert words[0] in _refused(capsys, 2, str(path), *words)


@pytest.mark.parametrize(
    ("words", "status", "says"),
    [
        ([], 2, "holds 3 matrices; name the one into the neurons with --key"),
        (["--key", "W", "--out-key", "V_rows"], 2, "rows are features"),
        (["--key", "W", "--out-feature-axis", "0"], 2, "--out-key"),
        (["--key", "W", "--instance", "0"], 2, "this is one matrix"),
        (["--key", "W", "--motifs"], 2, "the same here"),
        (["--key", "W", "--out-key", "none"], 2, "'none'"),
        (["--key", "W", "--plot", "picture.bmpp"], 2, "*.png"),
    ],
)
def test_options_that_do_not_fit(
    layer: Path, capsys: Capture, words: list[str], status: int, says: str
) -> None:
    assert says in _refused(capsys, status, str(layer), *words)


def test_a_stack_is_asked_for_one(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "stack.npz"
    np.savez(path, W=np.stack([_W, _W[::-1]]), V=np.stack([_V, _V[::-1]]))
    words = [str(path), "--key", "W", "--out-key", "V", "--signed"]
    assert "choose with --instance" in _refused(capsys, 2, *words)
    record = _json(capsys, *words, "--instance", "1")
    assert record["instance"] == 1
    assert record["kinds"] == ["monosemantic", "polysemantic", "monosemantic"]
    assert "must lie in 0 … 1" in _refused(capsys, 2, *words, "--instance", "7")


def test_train_points_at_the_neurons(tmp_path: Path, capsys: Capture) -> None:
    out = tmp_path / "run.safetensors"
    words = "--n-features 2 --n-hidden 2 --n-instances 1 --n-steps 5 --hidden-activation relu"
    assert main(["train", *words.split(), "--out", str(out)]) == 0
    assert capsys.readouterr().out.endswith(f"next: geomsup neurons {out}\n")


def test_what_is_left_out_or_taken_for_granted_is_said(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "mlp.npz"
    np.savez(path, W=_W, b=np.zeros(3))
    assert main(["neurons", str(path)]) == 0
    printed = capsys.readouterr()
    assert "tied: the weights out of the neurons are those into them" in printed.out
    (warning,) = printed.err.splitlines()
    assert "biases are left out" in warning
    assert "'b'" in warning


def test_how_far_a_layer_is_from_computing_anything(tmp_path: Path, capsys: Capture) -> None:
    np.save(tmp_path / "W.npy", 0.5 * np.eye(2))
    assert main(["neurons", str(tmp_path / "W.npy")]) == 0
    assert "largest sum of gains: 0.25" in capsys.readouterr().out


def test_a_layer_that_no_picture_can_show(tmp_path: Path, capsys: Capture) -> None:
    np.save(tmp_path / "W.npy", np.eye(150))
    picture = tmp_path / "W.png"
    words = [str(tmp_path / "W.npy"), "--plot", str(picture)]
    assert "at most 10,000 weights" in _refused(capsys, 2, *words)
    assert not picture.exists()


def _gelu_layer(targets: Callable[[Tensor], Tensor], seed: int = 0) -> tuple[Tensor, Tensor]:
    """Weights of an MLP of 12 inputs and 24 GELU neurons, trained on targets of 12 outputs."""
    torch.manual_seed(seed)
    into, out_of = torch.nn.Linear(12, 24), torch.nn.Linear(24, 12)
    layer = torch.nn.Sequential(into, torch.nn.GELU(), out_of)
    optimizer = torch.optim.Adam(layer.parameters(), lr=0.02)
    for _ in range(400):
        x = (torch.rand(256, 12) * 2 - 1) * (torch.rand(256, 12) < 0.2)
        loss = ((layer(x) - targets(x)) ** 2).mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return into.weight.detach(), out_of.weight.detach()


def test_a_gelu_layer_is_read_if_it_answers_its_inputs(tmp_path: Path, capsys: Capture) -> None:
    mixing = torch.randn(12, 12, generator=torch.Generator().manual_seed(1))
    for name, targets in (("own", torch.abs), ("mixed", lambda x: torch.abs(x) @ mixing)):
        into, out_of = _gelu_layer(targets)
        torch.save({"fc1": into, "fc2": out_of}, tmp_path / f"{name}.pt")
    words = ["--key", "fc1", "--out-key", "fc2", "--out-feature-axis", "0", "--signed"]
    own = _json(capsys, str(tmp_path / "own.pt"), *words)
    assert own["own_outputs"]["n_own"] == 12
    assert own["counts"]["unused"] < 12
    mixed = _json(capsys, str(tmp_path / "mixed.pt"), *words)
    assert mixed["own_outputs"]["is_chance"]
    assert "kinds" not in mixed


def test_a_layer_without_own_outputs_is_read_as_directions(tmp_path: Path, capsys: Capture) -> None:
    rng = np.random.default_rng(0)
    W, V = rng.normal(size=(2, 100, 64))
    W[50:57], V[50:57] = -W[:7], -V[:7]  # seven pairs of neurons, opposite in both
    np.save(tmp_path / "W.npy", W)
    np.save(tmp_path / "V.npy", V.T)
    words = [str(tmp_path / "W.npy"), "--out-file", str(tmp_path / "V.npy")]
    words += ["--out-feature-axis", "0"]
    assert main(["neurons", *words]) == 0
    text = capsys.readouterr().out
    assert "computed" not in text
    assert "monosemantic" not in text
    assert "no layer that answers each input" in text
    assert "7  antipodal in both" in text
    # The command that it ends with is one that works.
    command = text.strip().splitlines()[-1].partition("geomsup ")[2]
    assert main([*shlex.split(command), "--draws", "1"]) == 0
    assert "antipodal in both" in capsys.readouterr().out
    record = _json(capsys, *words)
    found = {one["name"]: one["found"] for one in record["pairs_in_both"]}
    assert found["antipodal in both (cos ≤ −.3)"] == 7
    picture = tmp_path / "W.png"
    for extra in (["--motifs"], ["--plot", str(picture)]):
        assert "nothing for --" in _refused(capsys, 1, *words, *extra)
    assert not picture.exists()


def test_too_many_pairs_to_count_are_left_out(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("geomsup.survey.partners._MAX_PAIRS", 10)
    np.savez(tmp_path / "layer.npz", **dict(zip("WV", _random_pair(), strict=True)))
    words = [str(tmp_path / "layer.npz"), "--key", "W", "--out-key", "V"]
    assert _json(capsys, *words)["pairs_in_both"] == []
    assert main(["neurons", *words]) == 0
    assert "if one side is permuted" not in capsys.readouterr().out


def _random_pair() -> NDArray[np.float64]:
    return np.random.default_rng(1).normal(size=(2, 90, 20))


def test_a_code_of_hundreds_is_set_beside_a_random_basis(tmp_path: Path, capsys: Capture) -> None:
    np.save(tmp_path / "W.npy", _random_pair()[0])
    assert main(["neurons", str(tmp_path / "W.npy")]) == 0
    printed = capsys.readouterr()
    assert re.search(r"20-in-\d+: neurons( \d+){12} and \d+ more, features", printed.out)
    assert "if the neurons are turned at random" in " ".join(printed.out.split())
    assert "geomsup census" in printed.out
    assert max(map(len, printed.out.splitlines())) < 500
