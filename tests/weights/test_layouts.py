"""open_weights: every published layout is read the right way round, or refused with a cure.

Each fixture is a file as its source writes it, with a pentagon among monosemantic features in
known places. The transpose of the planted matrix holds no pentagon.
"""

from __future__ import annotations

import functools
import itertools
import json
import pickle
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import safetensors.torch
import torch
from scipy.stats import ortho_group

import geomsup
from geomsup import classify_geometry, open_weights
from geomsup.cli import main
from geomsup.errors import GeomsupError, WeightsError
from geomsup.weights.layouts import LAYOUTS
from geomsup.weights.opened import OpenedWeights, UnknownLayoutError

Array = npt.NDArray[Any]

M, N = 12, 15
PENTAGON = (2, 5, 7, 9, 11)


def planted(n: int = N, m: int = M, seed: int = 0) -> Array:
    """A pentagon and n - 5 orthogonal features, as columns in m dimensions, turned at random."""
    W = np.zeros((m, n))
    turns = 2 * np.pi * np.arange(5) / 5
    W[0, PENTAGON], W[1, PENTAGON] = np.cos(turns), np.sin(turns)
    others = [k for k in range(n) if k not in PENTAGON]
    for place, k in enumerate(others[: m - 2]):
        W[2 + place, k] = 1
    return (ortho_group.rvs(m, random_state=seed) @ W).astype(np.float32)


W = planted()
# Without the pentagon: what stands in the other layers of a stack.
OTHER = np.random.default_rng(1).standard_normal((M, N)).astype(np.float32)


@functools.cache
def _classified(shape: tuple[int, ...], numbers: bytes) -> bool:
    report = classify_geometry(np.frombuffer(numbers).reshape(shape))
    named = [tuple(part.features) for part in report.components if part.name == "pentagon"]
    return named == [PENTAGON]


def has_pentagon(weights: Any) -> bool:
    """Whether the classifier names the planted pentagon, asked once for each matrix."""
    matrix = np.array(weights, dtype=np.float64, order="C")
    return _classified(matrix.shape, matrix.tobytes())


def t(array: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(array, dtype=np.float32))


def biases(n: int = N, m: int = M) -> dict[str, torch.Tensor]:
    return {"b_enc": torch.zeros(n), "b_dec": torch.zeros(m)}


def write(path: Path, tensors: dict[str, Any], **configs: Any) -> Path:
    """A file, and configurations beside it or above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".npz":
        np.savez_compressed(path, **{name: value.numpy() for name, value in tensors.items()})
    elif path.suffix == ".safetensors":
        safetensors.torch.save_file({n: x.contiguous() for n, x in tensors.items()}, path)
    else:
        torch.save(tensors, path)
    for name, config in configs.items():
        (path.parent / f"{name}.json").write_text(json.dumps(config))
    return path


# --- one fixture for each source; each returns what a user would pass, and further arguments -----


def saelens(root: Path) -> Any:
    cfg = {"d_in": M, "d_sae": N, "architecture": "standard", "metadata": {"hook_name": "h"}}
    tensors = {"W_enc": t(W), "W_dec": t(W.T), **biases()}
    return write(root / "sae_weights.safetensors", tensors, cfg=cfg).parent


def llama_scope_r1(root: Path) -> Any:
    tensors = {"encoder.weight": t(W.T), "decoder.weight": t(W), "encoder.bias": torch.zeros(N)}
    config = {"sae_type": "sae", "d_model": M, "expansion_factor": N / M}
    return write(root / "sae_weights.safetensors", tensors, config=config).parent


def llama_scope(root: Path) -> Any:
    tensors = {"encoder.weight": t(W.T), "decoder.weight": t(W), "decoder.bias": torch.zeros(M)}
    write(root / "checkpoints" / "final.safetensors", tensors)
    (root / "hyperparams.json").write_text(json.dumps({"d_model": M, "d_sae": N}))
    return root


def gemma_scope(root: Path) -> Any:
    tensors = {"W_enc": t(W), "W_dec": t(W.T), "threshold": torch.zeros(N), **biases()}
    return write(root / "params.npz", tensors)


def gemma_scope_2(root: Path) -> Any:
    tensors = {"w_enc": t(W), "w_dec": t(W.T), **biases()}
    return write(root / "params.safetensors", tensors, config={"width": N}).parent


def gemma_scope_2_layers(root: Path) -> Any:
    stack = np.stack([OTHER.T, W.T, OTHER.T], axis=1)
    write(root / "params.safetensors", {"w_dec": t(stack), **biases()}, config={})
    return root / "params.safetensors", {"layer": 1}


def qwen_scope(root: Path) -> Any:
    for k, matrix in enumerate([OTHER, W]):
        tensors = {"W_enc": t(matrix.T), "W_dec": t(matrix), **biases()}
        write(root / f"layer{k}.sae.pt", tensors)
    return root, {"layer": 1}


def dictionary_learning(root: Path) -> Any:
    tensors = {"encoder.weight": t(W.T), "decoder.weight": t(W), "bias": torch.zeros(M)}
    trainer = {"dict_class": "AutoEncoder", "activation_dim": M, "dict_size": N}
    return write(root / "ae.pt", tensors, config={"trainer": trainer}).parent


def dictionary_learning_rows(root: Path) -> Any:
    tensors = {"W_enc": t(W), "W_dec": t(W.T), **biases()}
    trainer = {"dict_class": "JumpReluAutoEncoder", "activation_dim": M, "dict_size": N}
    return write(root / "ae.pt", tensors, config={"trainer": trainer})


def sparsify(root: Path) -> Any:
    # num_latents = 0 stands for d_in × expansion_factor.
    cfg = {"d_in": M, "num_latents": 0, "expansion_factor": N / M, "k": 4}
    for k, matrix in enumerate([OTHER, W]):
        tensors = {"encoder.weight": t(matrix.T), "W_dec": t(matrix.T)}
        write(root / f"layers.{k}" / "sae.safetensors", tensors, cfg=cfg)
    return root, {"layer": 1}


def openai(root: Path) -> Any:
    tensors = {
        "pre_bias": torch.zeros(M),
        "latent_bias": torch.zeros(N),
        "encoder.weight": t(W.T),
        "decoder.weight": t(W),
        "activation": "TopK",
        "activation_state_dict": {"k": 32},
    }
    return write(root / "7.pt", tensors)


def openai_tied(root: Path) -> Any:
    tensors = {
        "pre_bias": torch.zeros(M),
        "latent_bias": torch.zeros(N),
        "encoder.weight": t(W.T),
        "decoder.linear.weight": t(W.T),
    }
    return write(root / "7.pt", tensors)


def goodfire(root: Path) -> Any:
    tensors = {
        "encoder_linear.weight": t(W.T),
        "encoder_linear.bias": torch.zeros(N),
        "decoder_linear.weight": t(W),
        "decoder_linear.bias": torch.zeros(M),
    }
    return write(root / "llama-l19.pth", tensors)


def deepseek(root: Path) -> Any:
    tensors = {"encoder.weight": t(W.T), "decoder.weight": t(W), "decoder.bias": torch.zeros(M)}
    return write(root / "math-l37.pt", {"state_dict": tensors})


def temporal(root: Path) -> Any:
    tensors = {"D": t(W.T), "E": t(W), "b": torch.zeros(1, M)}
    return write(root / "latest_ckpt.safetensors", tensors).parent


def transcoders(root: Path) -> Any:
    # W_enc has the shape of W_dec here, so it tells nothing.
    for k, matrix in enumerate([OTHER, W]):
        tensors = {"W_enc": t(matrix.T), "W_dec": t(matrix.T), **biases()}
        write(root / f"layer_{k}.safetensors", tensors)
    return root, {"layer": 1}


def cross_layer(root: Path) -> Any:
    stack = np.stack([OTHER.T, OTHER.T, W.T], axis=1)
    write(root / "W_enc_3.safetensors", {"W_enc_3": t(W.T), "b_enc_3": torch.zeros(N)})
    return write(root / "W_dec_3.safetensors", {"W_dec_3": t(stack)}), {"layer": 2}


def hugging_face(root: Path) -> Any:
    tensors = {"wte.weight": t(W.T), "wpe.weight": t(OTHER), "h.0.mlp.c_fc.weight": t(OTHER)}
    config = {"vocab_size": N, "n_embd": M}
    write(root / "optimizer.pt", {"state": t(OTHER)})
    return write(root / "model.safetensors", tensors, config=config).parent


def hugging_face_bert(root: Path) -> Any:
    tensors = {
        "embeddings.word_embeddings.weight": t(W.T),
        "embeddings.position_embeddings.weight": t(OTHER),
        "embeddings.position_ids": torch.arange(12).reshape(1, 12),
    }
    return write(root / "pytorch_model.bin", tensors)


def hugging_face_sharded(root: Path) -> Any:
    shards = {
        "model-00001-of-00002.safetensors": {"model.embed_tokens.weight": t(OTHER.T)},
        "model-00002-of-00002.safetensors": {"lm_head.weight": t(W.T)},
    }
    for name, tensors in shards.items():
        write(root / name, tensors, config={"text_config": {"vocab_size": N, "hidden_size": M}})
    places = {key: name for name, tensors in shards.items() for key in tensors}
    index = {"metadata": {"total_size": 1}, "weight_map": places}
    (root / "model.safetensors.index.json").write_text(json.dumps(index))
    return root, {"key": "unembedding"}


FIXTURES: dict[Callable[[Path], Any], tuple[str, int]] = {
    saelens: ("saelens", 0),
    llama_scope_r1: ("llama_scope_r1", 1),
    llama_scope: ("llama_scope", 1),
    gemma_scope: ("gemma_scope", 0),
    gemma_scope_2: ("gemma_scope_2", 0),
    gemma_scope_2_layers: ("gemma_scope_2", 0),
    qwen_scope: ("qwen_scope", 1),
    dictionary_learning: ("dictionary_learning", 1),
    dictionary_learning_rows: ("dictionary_learning", 0),
    sparsify: ("sparsify", 0),
    openai: ("openai", 1),
    openai_tied: ("openai", 0),
    goodfire: ("goodfire", 1),
    deepseek: ("goodfire", 1),
    temporal: ("temporal", 0),
    transcoders: ("transcoders", 0),
    cross_layer: ("cross_layer", 0),
    hugging_face: ("hugging_face", 0),
    hugging_face_bert: ("hugging_face", 0),
    hugging_face_sharded: ("hugging_face", 0),
}


def opened_fixture(make: Callable[[Path], Any], root: Path) -> OpenedWeights:
    made = make(root)
    path, options = made if isinstance(made, tuple) else (made, {})
    return open_weights(path, **options)


def test_the_planted_matrix_tells_its_transpose() -> None:
    assert has_pentagon(W)
    assert not has_pentagon(W.T)
    assert not has_pentagon(OTHER)


def test_every_layout_has_a_fixture() -> None:
    assert {name for name, _ in FIXTURES.values()} == {layout.name for layout in LAYOUTS}


@pytest.mark.parametrize("make", FIXTURES, ids=lambda make: make.__name__)
def test_each_layout_is_read_the_right_way_round(
    make: Callable[[Path], Any], tmp_path: Path
) -> None:
    opened = opened_fixture(make, tmp_path)
    assert (opened.layout, opened.feature_axis) == FIXTURES[make]
    assert (opened.n_hidden, opened.n_features) == (M, N)
    assert opened.proof
    assert np.array_equal(opened.weights, W)
    assert np.array_equal(np.hstack(list(opened.blocks(4))), W)
    assert np.array_equal(opened.features(3, 6), W[:, 3:6])
    assert has_pentagon(opened.weights)
    assert "are features" in str(opened)


def test_what_is_opened_goes_wherever_a_matrix_goes(tmp_path: Path) -> None:
    opened = open_weights(saelens(tmp_path))
    assert classify_geometry(opened) == classify_geometry(W)
    assert np.array_equal(geomsup.gram_matrix(opened), geomsup.gram_matrix(W))
    assert opened.as_weights().dtype == np.float64
    assert np.array_equal(opened.as_weights(), W)


@pytest.mark.parametrize("suffix", [".safetensors", ".pt"])
@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16, torch.float64])
@pytest.mark.parametrize("columns", [False, True])
def test_every_float_type_is_read(
    tmp_path: Path, suffix: str, dtype: torch.dtype, columns: bool
) -> None:
    stored = (t(W) if columns else t(W.T)).to(dtype)
    opened = open_weights(write(tmp_path / f"mine{suffix}", {"W_dec": stored, **biases()}))
    assert opened.layout == "unknown"
    expected = stored.double().numpy() if columns else stored.double().numpy().T
    assert np.array_equal(opened.weights.astype(np.float64), expected)
    assert np.array_equal(np.hstack(list(opened.blocks(4))).astype(np.float64), expected)
    assert has_pentagon(opened)


def test_a_vector_file_of_one_array_asks_for_its_axis(tmp_path: Path) -> None:
    np.save(tmp_path / "vectors.npy", W.T)
    with pytest.raises(WeightsError, match="pass feature_axis=0 if rows"):
        open_weights(tmp_path / "vectors.npy", key="W")
    assert has_pentagon(open_weights(tmp_path / "vectors.npy", key="W", feature_axis=0))
    assert has_pentagon(open_weights(tmp_path / "vectors.npy", feature_axis=0))
    np.savez(tmp_path / "two.npz", a=W, b=W)
    with pytest.raises(UnknownLayoutError, match="pass key= and feature_axis="):
        open_weights(tmp_path / "two.npz", feature_axis=0)


# --- the same name with the opposite meaning ----------------------------------------------------


@pytest.mark.parametrize("columns", [False, True])
def test_w_dec_of_an_unknown_file_is_decided_by_lengths(tmp_path: Path, columns: bool) -> None:
    decoder = t(W) if columns else t(W.T)
    for name, proof in {"b_enc": torch.zeros(N), "b_dec": torch.zeros(M)}.items():
        opened = open_weights(write(tmp_path / "mine.pt", {"W_dec": decoder, name: proof}))
        assert opened.feature_axis == int(columns)
        assert name in opened.proof
        assert has_pentagon(opened)


@pytest.mark.parametrize("name", ["mine.safetensors", "layer0.sae.pt", "params.npz"])
def test_w_dec_without_any_length_is_refused(tmp_path: Path, name: str) -> None:
    # W_enc is stored either way by one source or the other, so it proves nothing.
    path = write(tmp_path / name, {"W_dec": t(W.T), "W_enc": t(W)})
    with pytest.raises(WeightsError, match="feature_axis=0 if rows are the features, -1"):
        open_weights(path)
    assert has_pentagon(open_weights(path, feature_axis=0))
    assert has_pentagon(open_weights(path, layout="saelens"))
    assert not has_pentagon(open_weights(path, layout="qwen_scope"))


SQUARE = planted(n=12, m=12)


def test_a_square_decoder_needs_a_source_that_signs(tmp_path: Path) -> None:
    lengths = biases(12, 12)
    signed = {"d_in": 12, "d_sae": 12, "metadata": {"sae_lens_version": "6.1.0"}}
    path = tmp_path / "sae_weights.safetensors"
    opened = open_weights(write(path, {"W_dec": t(SQUARE.T), **lengths}, cfg=signed))
    assert opened.feature_axis == 0
    assert "sae_lens_version" in opened.proof
    assert np.array_equal(opened.weights, SQUARE)

    write(path, {"W_dec": t(SQUARE.T), **lengths}, cfg={"d_in": 12, "d_sae": 12})
    with pytest.raises(WeightsError, match=r"fit both axes.*feature_axis=0.*layout='saelens'"):
        open_weights(path)
    assert open_weights(path, layout="saelens").feature_axis == 0
    assert open_weights(path, feature_axis=-1).feature_axis == 1


@pytest.mark.parametrize(
    ("name", "key", "axis", "config"),
    [
        ("ae.pt", "decoder.weight", 1, {"trainer": {"dict_class": "BatchTopKSAE"}}),
        ("ae.pt", "W_dec", 0, {"trainer": {"dict_class": "JumpReluAutoEncoder"}}),
        ("sae_weights.safetensors", "decoder.weight", 1, {"sae_type": "sae"}),
        ("sae_weights.safetensors", "W_dec", 0, {"hook_name": "blocks.0.hook_resid_pre"}),
        ("final.safetensors", "decoder.weight", 1, {"hook_point_in": "blocks.0.hook_in"}),
        ("sae.safetensors", "W_dec", 0, {"num_latents": 12, "d_in": 12}),
    ],
)
def test_square_decoders_of_sources_that_sign(
    tmp_path: Path, name: str, key: str, axis: int, config: dict[str, Any]
) -> None:
    stored = t(SQUARE) if axis else t(SQUARE.T)
    path = write(tmp_path / name, {key: stored}, cfg=config, config=config, hyperparams=config)
    opened = open_weights(path)
    assert opened.feature_axis == axis
    assert np.array_equal(opened.weights, SQUARE)
    write(path, {key: stored}, cfg={}, config={}, hyperparams={})
    with pytest.raises(WeightsError, match="feature_axis"):
        open_weights(path)


@pytest.mark.parametrize(("factor", "is_proof"), [(1.25, True), (1.3, False), (None, False)])
def test_an_expansion_factor_states_the_number_of_features(
    tmp_path: Path, factor: float | None, is_proof: bool
) -> None:
    cfg = {"d_in": M, "num_latents": 0, "expansion_factor": factor}
    opened = open_weights(write(tmp_path / "sae.safetensors", {"W_dec": t(W.T)}, cfg=cfg))
    assert ("d_in × expansion_factor = 15" in opened.proof) == is_proof
    assert has_pentagon(opened)


def test_no_two_layouts_disagree_over_a_key_of_one_file() -> None:
    # Where they did, the order of the registry would decide.
    files = [pattern.replace("*", "7") for layout in LAYOUTS for pattern in layout.files]
    keys = ("W_dec", "w_dec", "decoder.weight", "decoder.linear.weight", "decoder_linear.weight")
    for file, key in itertools.product(files, (*keys, "D", "W_dec_7", "wte.weight")):
        fitting = [one for layout in LAYOUTS if layout.fits(file) for one in layout.keys]
        axes = {one.feature_axis for one in fitting if one.prefix(key) is not None}
        assert len(axes) <= 1, (file, key)


def test_a_square_embedding_has_a_row_for_each_token(tmp_path: Path) -> None:
    opened = open_weights(write(tmp_path / "model.safetensors", {"wte.weight": t(SQUARE.T)}))
    assert opened.feature_axis == 0
    assert "by definition" in opened.proof


@pytest.mark.parametrize("n_square", [N, 12])
def test_lengths_that_contradict_the_decoder_are_refused(tmp_path: Path, n_square: int) -> None:
    decoder = t(planted(n=n_square).T)
    path = write(tmp_path / "sae_weights.safetensors", {"W_dec": decoder}, cfg={"d_sae": 99})
    for layout in ("auto", "saelens"):
        with pytest.raises(WeightsError, match=r"d_sae 99 in cfg\.json.*feature_axis"):
            open_weights(path, layout)
    assert open_weights(path, feature_axis=0).n_features == n_square


def test_lengths_that_contradict_the_layout_are_refused(tmp_path: Path) -> None:
    # Columns of W_dec under the file name of a source that keeps rows.
    cfg = {"d_in": M, "d_sae": N, "hook_name": "h"}
    path = write(tmp_path / "sae_weights.safetensors", {"W_dec": t(W)}, cfg=cfg)
    for layout in ("auto", "saelens"):
        with pytest.raises(WeightsError, match=r"saelens keeps .* rows, but .* make them columns"):
            open_weights(path, layout)
    assert has_pentagon(open_weights(path, feature_axis=1))


def test_biases_that_contradict_each_other_are_refused(tmp_path: Path) -> None:
    tensors = {"W_dec": t(W), "b_enc": torch.zeros(N), "b_dec": torch.zeros(N)}
    with pytest.raises(WeightsError, match=r"b_enc \(15\), b_dec \(15\).*feature_axis"):
        open_weights(write(tmp_path / "mine.pt", tensors))


# --- which matrix -------------------------------------------------------------------------------


def test_two_decoders_need_a_key(tmp_path: Path) -> None:
    tensors = {"a.W_dec": t(W.T), "a.b_enc": torch.zeros(N), "b.W_dec": t(OTHER.T)}
    path = write(tmp_path / "mine.pt", tensors)
    with pytest.raises(WeightsError, match=r"key= one of 'a\.W_dec'.*'b\.W_dec'"):
        open_weights(path)
    assert has_pentagon(open_weights(path, key="a.W_dec"))
    # The bias of the one proves nothing for the other.
    with pytest.raises(WeightsError, match="feature_axis"):
        open_weights(path, key="b.W_dec")


def test_embedding_and_unembedding(tmp_path: Path) -> None:
    tensors = {"transformer.wte.weight": t(W.T), "lm_head.weight": t(OTHER.T)}
    path = write(tmp_path / "model.safetensors", tensors)
    with pytest.raises(WeightsError, match=r"key= one of .*\(or 'embedding' or 'unembedding'\)"):
        open_weights(path)
    assert has_pentagon(open_weights(path, key="embedding"))
    assert np.array_equal(open_weights(path, key="unembedding").weights, OTHER)
    assert np.array_equal(open_weights(path, key="lm_head.weight").weights, OTHER)


def test_lengths_of_other_senses_prove_nothing(tmp_path: Path) -> None:
    config = {
        "audio_config": {"hidden_size": 99, "vocab_size": 98},
        "text_config": {"hidden_size": M, "vocab_size": N, "tie_word_embeddings": False},
    }
    tensors = {"language_model.model.embed_tokens.weight": t(W.T)}
    opened = open_weights(write(tmp_path / "model.safetensors", tensors, config=config))
    assert "vocab_size 15" in opened.proof
    assert has_pentagon(opened)
    with pytest.raises(UnknownLayoutError):
        open_weights(tmp_path, key="unembedding")


def test_the_layer_is_the_number_behind_its_name(tmp_path: Path) -> None:
    for name, matrix in {"2b.layers.10": OTHER, "2b.layers.1.mlp": W}.items():
        write(tmp_path / name / "sae.safetensors", {"W_dec": t(matrix.T), **biases()})
    assert has_pentagon(open_weights(tmp_path, layer=1))


def test_a_tied_unembedding_is_the_embedding(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write(path, {"model.embed_tokens.weight": t(W.T)}, config={"tie_word_embeddings": True})
    opened = open_weights(tmp_path, key="unembedding")
    assert has_pentagon(opened)
    assert "tied" in opened.note
    write(path, {"model.embed_tokens.weight": t(W.T)}, config={"tie_word_embeddings": False})
    with pytest.raises(UnknownLayoutError, match="expected 'unembedding'"):
        open_weights(tmp_path, key="unembedding")
    assert open_weights(tmp_path).note == ""


@pytest.mark.parametrize("layer", [None, 3])
def test_a_cross_layer_decoder_needs_a_layer(tmp_path: Path, layer: int | None) -> None:
    path, _ = cross_layer(tmp_path)
    with pytest.raises(WeightsError, match=r"layer= one of 0 … 2 .* a sum has no meaning"):
        open_weights(path, layer=layer)


def test_a_layer_of_a_plain_matrix_is_refused(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="leave layer out"):
        open_weights(gemma_scope(tmp_path), layer=0)


@pytest.mark.parametrize("make", [qwen_scope, sparsify, transcoders])
def test_a_folder_of_many_layers_needs_one(make: Callable[[Path], Any], tmp_path: Path) -> None:
    root, _ = make(tmp_path)
    with pytest.raises(WeightsError, match=r"expected one dictionary, got 2: .*pass layer="):
        open_weights(root)
    with pytest.raises(WeightsError, match="expected one file of layer 7, got 0"):
        open_weights(root, layer=7)
    assert np.array_equal(open_weights(root, layer=0).weights, OTHER)


def test_a_layer_that_two_files_have_is_refused(tmp_path: Path) -> None:
    for name in ("layer_1.safetensors", "layer_1_copy.safetensors"):
        write(tmp_path / name, {"W_dec": t(W.T), **biases()})
    with pytest.raises(WeightsError, match="expected one file of layer 1, got 2"):
        open_weights(tmp_path, layer=1)


def test_a_layout_that_is_asked_for_must_be_there(tmp_path: Path) -> None:
    """A W_dec of nobody in particular is no decoder of the Temporal SAE, which has a D."""
    path = write(tmp_path / "mine.safetensors", {"W_dec": t(W.T), **biases()})
    assert open_weights(path).layout == "unknown"
    with pytest.raises(UnknownLayoutError, match="expected a decoder or an embedding"):
        open_weights(path, "temporal")


@pytest.mark.parametrize(
    ("suffix", "mapped"), [(".npy", True), (".safetensors", True), (".pt", False)]
)
def test_what_has_no_checksum_is_mapped(tmp_path: Path, suffix: str, mapped: bool) -> None:
    path = tmp_path / f"mine{suffix}"
    if suffix == ".npy":
        np.save(path, W)
    else:
        write(path, {"W": t(W)})
    weights = open_weights(path, feature_axis=1).weights
    assert isinstance(weights, np.memmap) == mapped
    np.testing.assert_array_equal(weights, W)


def test_a_stack_of_another_kind_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "mine.pt", {"W_dec": t(np.stack([W, OTHER])), **biases()})
    with pytest.raises(WeightsError, match=r"as_weights\(path, key='W_dec\[0\]'"):
        open_weights(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layout": "sealens"}, "layout must be one of auto, saelens"),
        ({"layer": -1}, "layer must be an integer"),
        ({"feature_axis": 2}, r"expected feature_axis -1 \(columns are features\) or 0"),
        ({"key": "nothing"}, "expected 'nothing', got 'W_dec'"),
        ({"layout": "hugging_face"}, "expected a folder of a known layout"),
    ],
)
def test_wrong_arguments_are_refused(tmp_path: Path, options: dict[str, Any], message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        open_weights(saelens(tmp_path), **options)


def test_wrong_paths_are_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(UnknownLayoutError, match=r"sae_weights\.safetensors.*pass the path"):
        open_weights(tmp_path / "empty")
    for path in (tmp_path / "no", "\0", "a" * 5000):
        with pytest.raises(WeightsError):
            open_weights(path)
    np.savez(tmp_path / "run.npz", weights=W)
    with pytest.raises(UnknownLayoutError, match="pass key= and feature_axis="):
        open_weights(tmp_path / "run.npz")


# --- objects ------------------------------------------------------------------------------------


@pytest.mark.parametrize("wrap", [np.asarray, t, np.ndarray.tolist])
@pytest.mark.parametrize("columns", [False, True])
def test_an_object_with_a_decoder(wrap: Callable[[Any], Any], columns: bool) -> None:
    decoder = wrap(W if columns else np.ascontiguousarray(W.T))
    for beside in ({"b_dec": np.zeros(M)}, {"cfg": {"d_sae": N}}, {"cfg": SimpleNamespace(d_in=M)}):
        opened = open_weights(SimpleNamespace(W_dec=decoder, **beside))
        assert opened.feature_axis == int(columns)
        assert has_pentagon(opened)


def test_an_object_without_proof_is_refused() -> None:
    with pytest.raises(WeightsError, match="feature_axis=0 if rows"):
        open_weights(SimpleNamespace(W_dec=W.T))
    assert has_pentagon(open_weights(SimpleNamespace(W_dec=W.T), feature_axis=0))
    assert has_pentagon(open_weights(SimpleNamespace(W_dec=W.T), "saelens"))
    with pytest.raises(GeomsupError, match="an object with a matrix W_dec, got a ndarray"):
        open_weights(W)
    with pytest.raises(GeomsupError, match="leave them out"):
        open_weights(SimpleNamespace(W_dec=W.T), key="W_dec")


# --- hostile files ------------------------------------------------------------------------------


class _Bomb:
    """Unpickling it creates the file of its name."""

    def __init__(self, canary: Path) -> None:
        self.canary = canary

    def __reduce__(self) -> tuple[Callable[..., object], tuple[object, ...]]:
        return (Path.touch, (self.canary,))


@pytest.mark.parametrize("name", ["ae.pt", "layer0.sae.pt", "pytorch_model.bin", "7.pt"])
def test_a_pickle_that_would_run_code_does_nothing(tmp_path: Path, name: str) -> None:
    canary = tmp_path / "canary"
    path = write(tmp_path / name, {"W_dec": t(W), "decoder.weight": t(W), "x": _Bomb(canary)})
    for given in (path, tmp_path):
        with pytest.raises(WeightsError):
            open_weights(given)
    assert not canary.exists()
    # The bomb is a live one.
    torch.load(path, weights_only=False)
    assert canary.exists()


def test_a_bare_pickle_does_nothing(tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    (tmp_path / "ae.pt").write_bytes(pickle.dumps({"decoder.weight": _Bomb(canary)}))
    with pytest.raises(WeightsError, match="never opens"):
        open_weights(tmp_path)
    assert not canary.exists()


@pytest.mark.parametrize("shard", ["../secret.safetensors", "/etc/passwd", "missing.safetensors"])
def test_an_index_names_files_of_its_folder_only(tmp_path: Path, shard: str) -> None:
    write(tmp_path / "secret.safetensors", {"wte.weight": t(W.T)})
    root = tmp_path / "model"
    root.mkdir()
    index = root / "model.safetensors.index.json"
    index.write_text(json.dumps({"weight_map": {"wte.weight": shard}}))
    with pytest.raises(WeightsError, match="expected shards beside the index"):
        open_weights(root)


@pytest.mark.parametrize("text", ["{", "[1]", "[" * 100_000, '{"d_in": 1e999, "d_sae": NaN}'])
def test_a_damaged_configuration_is_refused_or_says_nothing(tmp_path: Path, text: str) -> None:
    root = saelens(tmp_path)
    (root / "cfg.json").write_text(text)
    if "d_in" in text:
        assert has_pentagon(open_weights(root))
    else:
        with pytest.raises(WeightsError, match=r"cfg\.json"):
            open_weights(root)


@pytest.mark.parametrize("make", FIXTURES, ids=lambda make: make.__name__)
def test_files_that_were_cut_are_refused(make: Callable[[Path], Any], tmp_path: Path) -> None:
    made = make(tmp_path)
    path, options = made if isinstance(made, tuple) else (made, {})
    chosen = open_weights(path, **options).path
    assert chosen is not None
    whole = chosen.read_bytes()
    for length in (0, 7, 100, len(whole) // 2, len(whole) - 1):
        chosen.write_bytes(whole[:length])
        with pytest.raises(WeightsError):
            open_weights(path, **options)


# --- memory -------------------------------------------------------------------------------------

# ru_maxrss would start from the peak of the process that forks this one; VmHWM starts anew.
_PEAK = """
import re, sys
from pathlib import Path
import numpy as np
import safetensors
from geomsup import open_weights
status = Path("/proc/self/status")
peak = lambda: 1024 * int(re.search("VmHWM:[^0-9]*([0-9]+)", status.read_text())[1])
before = peak()
opened = open_weights(sys.argv[1])
blocks = [opened.weights] if sys.argv[2] == "whole" else opened.blocks(256)
total = sum(float(block.sum(dtype=np.float64)) for block in blocks)
print(peak() - before, total)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="reads the peak from /proc")
@pytest.mark.parametrize(
    ("name", "dtype", "columns", "how", "most"),
    [
        ("mine.safetensors", torch.float32, False, "blocks", 1.3),
        ("mine.safetensors", torch.float32, True, "blocks", 1.3),
        ("mine.safetensors", torch.float32, True, "whole", 1.3),
        ("mine.pt", torch.float32, True, "blocks", 1.3),
        ("mine.safetensors", torch.bfloat16, False, "blocks", 1.3),
        # All of it as float32, beside the pages of the file.
        ("mine.safetensors", torch.bfloat16, False, "whole", 3.3),
    ],
)
def test_reading_takes_little_more_memory_than_the_decoder(
    tmp_path: Path, name: str, dtype: torch.dtype, columns: bool, how: str, most: float
) -> None:
    # 64 MB, and an encoder of the same size that is never read.
    n, m = 2**26 // 1024 // dtype.itemsize, 1024
    decoder = torch.ones((m, n) if columns else (n, m), dtype=dtype)
    path = write(tmp_path / name, {"W_dec": decoder, "W_enc": decoder + 1, **biases(n, m)})
    command = [sys.executable, "-c", _PEAK, str(path), how]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    peak, total = done.stdout.split()
    assert float(total) == n * m
    # Less than the decoder would mean that the peak is not seen at all.
    assert decoder.nbytes <= int(peak) <= most * decoder.nbytes
    path.unlink()


# --- the command line ---------------------------------------------------------------------------


def test_inspect_shows_the_layout(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    root = saelens(tmp_path)
    for given in (root, root / "sae_weights.safetensors"):
        assert main(["inspect", str(given)]) == 0
        out = capsys.readouterr().out
        assert "layout  SAELens" in out
        assert re.search(r"rows are features: b_dec \(12\), b_enc \(15\), d_in 12 in cfg", out)
        assert "--key W_dec --feature-axis 0" in out
        assert main(["inspect", str(given), "--json"]) == 0
        found = json.loads(capsys.readouterr().out)["layout"]
        assert (found["layout"], found["feature_axis"]) == ("saelens", 0)


def test_inspect_lists_a_model_that_leaves_a_choice(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    root, _ = hugging_face_sharded(tmp_path)
    assert main(["inspect", str(root)]) == 0
    out = capsys.readouterr().out
    assert "'embedding' or 'unembedding'" in " ".join(out.split())
    shard = root / "model-00002-of-00002.safetensors"
    assert f"geomsup classify {shard} --key lm_head.weight" in out


def test_inspect_says_nothing_of_layouts_where_there_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    np.savez(tmp_path / "run.npz", weights=W)
    assert main(["inspect", str(tmp_path / "run.npz")]) == 0
    assert "layout" not in capsys.readouterr().out
    (tmp_path / "empty").mkdir()
    assert main(["inspect", str(tmp_path / "empty")]) == 1
    assert "expected a folder of a known layout" in capsys.readouterr().err
