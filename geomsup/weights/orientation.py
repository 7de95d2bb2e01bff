"""Which axis of a decoder counts the features, and what proves it.

Lengths prove: a bias of the encoder has one number for each feature, a bias of the decoder one
for each dimension, and a configuration states both. The shape of the decoder itself proves
nothing, and neither does ``W_enc``, which two sources store in opposite ways; a ``weight`` of
``torch.nn.Linear`` does, because it is (out, in) by definition.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from geomsup.errors import WeightsError
from geomsup.weights.entries import ArrayInfo
from geomsup.weights.layouts import Layout, config_words

__all__ = ["AXES", "Fact", "decide", "facts_of_arrays", "facts_of_config"]

AXES = ("rows", "columns")

# One number for each feature.
_OF_FEATURES = re.compile(
    r"b_enc(_\d+)?|encoder(_linear|\.linear)?\.bias|latent_bias|b_gate|b_mag|r_mag|gate_bias"
    r"|mag_bias|(log_|jumprelu_|activation_function\.)?threshold(_\d+)?"
)
# One number for each dimension.
_OF_DIMENSIONS = re.compile(r"b_dec(_\d+)?|decoder(_linear|\.linear)?\.bias|decoder_bias|pre_bias")
_LINEAR_ENCODER = re.compile(r"encoder(_linear|\.linear)?\.weight")

# The first that is there counts.
_CONFIG_FEATURES = {
    "decoder": ("d_sae", "dict_size", "num_latents", "n_latents", "d_transcoder"),
    "embedding": ("vocab_size",),
}
_CONFIG_DIMENSIONS = {
    "decoder": ("d_out", "d_in", "d_model", "activation_dim"),
    "embedding": (
        "embedding_size",
        "word_embed_proj_dim",
        "n_embd",
        "d_model",
        "hidden_size",
        "dim",
    ),
}


@dataclass(frozen=True, kw_only=True)
class Fact:
    """A length that something beside the decoder states."""

    source: str
    features: int | None = None
    dimensions: int | None = None

    def allows(self, n_features: int, n_dimensions: int) -> bool:
        """Whether the lengths of a decoder may be these."""
        return self.features in (None, n_features) and self.dimensions in (None, n_dimensions)


def facts_of_arrays(
    infos: Iterable[ArrayInfo], prefix: str = "", dimension_bias: str = ""
) -> list[Fact]:
    """What biases and linear encoders beside a decoder state; they share its prefix."""
    facts = []
    for info in infos:
        name = info.name.removeprefix(prefix)
        if not info.name.startswith(prefix) or not info.is_fractional:
            continue
        if len(info.shape) == 2 and _LINEAR_ENCODER.fullmatch(name):
            # Its inputs may be another space than the one that is decoded to.
            facts.append(Fact(source=f"{name} {info.shape}", features=info.shape[0]))
        elif len(info.shape) == 1 or (len(info.shape) == 2 and info.shape[0] == 1):
            length = info.shape[-1]
            source = f"{name} ({length})"
            if _OF_FEATURES.fullmatch(name):
                facts.append(Fact(source=source, features=length))
            elif _OF_DIMENSIONS.fullmatch(name) or re.fullmatch(dimension_bias or "$^", name):
                facts.append(Fact(source=source, dimensions=length))
    return facts


def facts_of_config(config: Mapping[str, Any], name: str, role: str) -> list[Fact]:
    """What a configuration states, at its top or one level down."""
    kind = "decoder" if role == "decoder" else "embedding"
    facts = []
    word, dimensions = _first(config, _CONFIG_DIMENSIONS[kind])
    if dimensions:
        facts.append(Fact(source=f"{word} {dimensions} in {name}", dimensions=dimensions))
    word, features = _first(config, _CONFIG_FEATURES[kind])
    if not features and kind == "decoder":
        # sparsify writes num_latents = 0 for "the dimension times this factor".
        of, width = _first(config, ("d_in", "d_model", "activation_dim"))
        word, features = _first(config, ("expansion_factor",), width)
        word = f"{of} × {word} ="
    if features:
        facts.append(Fact(source=f"{word} {features} in {name}", features=features))
    return facts


def _first(config: Mapping[str, Any], words: Iterable[str], times: int = 1) -> tuple[str, int]:
    """The first of some words that gives a whole number above 0, and the number; or 0."""
    for word in words:
        for part in config_words(config):
            value = part.get(word)
            if isinstance(value, bool) or not isinstance(value, (int, float)):
                continue
            length = value * times
            if 0 < length < 2**53 and length == int(length):
                return word, int(length)
    return "", 0


def decide(
    name: str,
    shape: tuple[int, int],
    facts: list[Fact],
    candidates: list[tuple[Layout, int | None, str]],
) -> tuple[Layout, int, str]:
    """The layout, the axis of the features and what proves it.

    Parameters
    ----------
    name : str
        What messages call the decoder.
    shape : tuple of int
        Its two lengths.
    facts : list of Fact
    candidates : list of tuple
        Layouts that fit the file, with the axis that each gives the decoder, and what vouches for
        the layout if lengths cannot tell ("" if nothing does).

    Raises
    ------
    WeightsError
        If lengths contradict each other or every layout, or there is no proof.
    """
    lengths = ", ".join(fact.source for fact in facts)
    fitting = [
        axis for axis in (0, 1) if all(fact.allows(shape[axis], shape[1 - axis]) for fact in facts)
    ]
    cure = "pass feature_axis=0 if rows are the features, -1 if columns are"
    if not fitting:
        raise WeightsError(
            f"{name}: expected lengths that agree with the decoder's shape {shape}, got {lengths}; "
            f"{cure}"
        )
    agreeing = [one for one in candidates if one[1] is None or one[1] in fitting]
    if not agreeing:
        layout, axis, _ = candidates[0]
        raise WeightsError(
            f"{name}: layout {layout.name} keeps features as {AXES[axis or 0]}, but {lengths} "
            f"make them {AXES[fitting[0]]} of {shape}; {cure}"
        )
    layout, stated, voucher = agreeing[0]
    if len(fitting) == 1:
        return layout, fitting[0], lengths
    if stated is not None and voucher:
        return layout, stated, voucher
    raise WeightsError(
        f"{name}: expected a proof of which axis of {shape} counts the features, got none "
        f"({_open_question(lengths)}); {cure}{_by_layout(layout, stated)}"
    )


def _open_question(lengths: str) -> str:
    return (
        f"{lengths} fit both axes" if lengths else "no bias, linear encoder or configuration tells"
    )


def _by_layout(layout: Layout, stated: int | None) -> str:
    """The other cure, where the layout would settle it."""
    return "" if stated is None else f", or layout={layout.name!r} if it is from {layout.title}"
