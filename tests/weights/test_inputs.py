"""Whatever holds a matrix: every public function that takes one takes it in every form."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from numpy.typing import NDArray

import geomsup
from geomsup.attacks import attack_bound, changed, linear_attack
from geomsup.dictionary import ToyActivations, recover_features
from geomsup.dynamics import geometry_timeline
from geomsup.neurons import neuron_report
from geomsup.theory import expected_loss
from geomsup.weights import as_weights

# Eighths, which eight bits hold exactly.
W = np.round(4 * np.random.default_rng(0).standard_normal((3, 7))) / 8
B = np.full(7, -0.125)


def _saved(suffix: str) -> Callable[[Path], Any]:
    def save(folder: Path) -> Any:
        path, tensor = folder / f"w{suffix}", torch.from_numpy(W)
        match suffix:
            case ".npy":
                np.save(path, W)
            case ".npz":
                np.savez_compressed(path, W=W)
            case ".safetensors":
                safetensors.torch.save_file({"W": tensor.bfloat16()}, path)
            case _:
                torch.save({"W": tensor}, path)
        return str(path) if suffix == ".pt" else path

    return save


FORMS: dict[str, Callable[[Path], Any]] = {
    "list": lambda _: W.tolist(),
    "gradient": lambda _: torch.from_numpy(W).requires_grad_(),
    "parameter": lambda _: torch.nn.Parameter(torch.from_numpy(W)),
    "bfloat16": lambda _: torch.from_numpy(W).bfloat16(),
    "float8": lambda _: torch.from_numpy(W).to(torch.float8_e4m3fn),
    **{suffix: _saved(suffix) for suffix in (".npy", ".npz", ".pt", ".ckpt", ".safetensors")},
}
FUNCTIONS: dict[str, Callable[[Any], Any]] = {
    "as_weights": as_weights,
    "classify_geometry": lambda W: geomsup.classify_geometry(W).to_json(),
    "gram_matrix": geomsup.gram_matrix,
    "gram_summary": lambda W: str(geomsup.gram_summary(W)),
    "feature_dimensionality": geomsup.feature_dimensionality,
    "leverage_scores": geomsup.leverage_scores,
    "interference_matrix": geomsup.interference_matrix,
    "expected_loss": lambda W: expected_loss(W, B, 0.1).loss,
    "neuron_report": lambda W: neuron_report(W).gains,
    "linear_attack": lambda W: linear_attack(W, B, np.ones((2, 7)), 0.1).losses,
    "attack_bound": lambda W: attack_bound(W, B, np.ones((2, 7)), 0.1),
    "ToyActivations": lambda W: ToyActivations(W, 0.1).sample(5),
    "recover_features": lambda W: recover_features(np.eye(3), W).cosines,
    "a bare dictionary": lambda W: recover_features(W, np.eye(3)).cosines,
}


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_form_gives_the_same(name: str, form: str, tmp_path: Path) -> None:
    given = FORMS[form](tmp_path)
    found, expected = FUNCTIONS[name](given), FUNCTIONS[name](W)
    assert found == expected if isinstance(found, str) else np.array_equal(found, expected)


def _tensors(array: NDArray[np.float64]) -> list[Any]:
    tensor = torch.from_numpy(array)
    return [tensor.clone().requires_grad_(), tensor.bfloat16(), tensor.half(), array.tolist()]


def test_biases_probabilities_and_inputs_may_be_tensors() -> None:
    p, importance, x = np.full(7, 0.125), np.linspace(1, 0.25, 7), np.full((2, 7), 0.5)
    importance = np.round(16 * importance) / 16
    loss = expected_loss(W, B, p, importance).loss
    attack = changed(W, B, x, 0.25 * x[0], importance)
    drawn = ToyActivations(W, p).sample(5)
    forms = zip(*map(_tensors, (B, p, importance, x, 0.25 * x[0])), strict=True)
    for b_form, p_form, importance_form, x_form, change in forms:
        assert expected_loss(W, b_form, p_form, importance_form).loss == loss
        again = changed(W, b_form, x_form, change, importance_form)
        assert np.array_equal(again.losses, attack.losses)
        assert np.array_equal(ToyActivations(W, p_form).sample(5), drawn)


def test_records_may_be_tensors_or_a_file(tmp_path: Path) -> None:
    records = np.stack([W * k / 4 for k in range(1, 5)])
    np.save(tmp_path / "records.npy", records)
    expected = geometry_timeline(range(4), records, name_every=0).levels
    for given in [*_tensors(records)[:1], records.tolist(), tmp_path / "records.npy"]:
        assert np.array_equal(geometry_timeline(range(4), given, name_every=0).levels, expected)
    np.savez(tmp_path / "two.npz", a=records, b=records)
    with pytest.raises(geomsup.GeomsupError, match="a file with one array, got 2"):
        geometry_timeline(range(4), tmp_path / "two.npz")
