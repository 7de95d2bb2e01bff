"""Where published dictionaries keep their feature directions: one record for each source.

The same file name or the same key means rows in one source and columns in the next, so a record
says which axis counts the features, and which words in the configuration only that source writes.
The records describe; what a given file proves is weighed in :mod:`geomsup.weights.orientation`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from geomsup.validation import one_of

__all__ = ["LAYOUTS", "UNKNOWN", "Key", "Layout", "config_words", "layout_named", "layouts_asked"]

ROWS, COLUMNS = 0, 1


@dataclass(frozen=True, kw_only=True)
class Key:
    """A name under which a source keeps directions.

    Parameters
    ----------
    pattern : str
        A regular expression for the last part of the name; dicts around it are passed over.
    feature_axis : int or None
        0 if rows are features, 1 if columns are; None if only lengths can tell.
    role : str
        ``"decoder"``, ``"embedding"`` or ``"unembedding"``, which `open_weights` takes as a key.
    """

    pattern: str
    feature_axis: int | None
    role: str = "decoder"

    def prefix(self, name: str) -> str | None:
        """What stands before the key in a name, or None if the name is another."""
        match = re.fullmatch(rf"(|.*[.\]])(?:{self.pattern})", name, flags=re.DOTALL)
        return None if match is None else match[1]


@dataclass(frozen=True, kw_only=True)
class Layout:
    """How one source lays out its files.

    Parameters
    ----------
    name, title : str
        What ``layout=`` takes, and what people call it.
    files : tuple of str
        Patterns of file names, the best first: of a folder, the files of the first that fits.
    keys : tuple of Key
    configs : tuple of str
        Where the configuration lies, seen from the file.
    signature : tuple of str
        Entries of the configuration that tell this source from others with the same files.
    by_definition : bool
        Whether the key alone settles the axis: a table of embeddings has a row for each token.
    marks : tuple of str
        Arrays one of which must be there as well.
    biases : str
        Substituted for ``W_dec`` in the file's name, gives the file that holds the biases.
    dimension_bias : str
        The pattern of a bias with one number for each dimension, where its name is its own.
    layer_axis : int or None
        The axis of a decoder of three dimensions that counts the layers it writes to.
    note : str
        What to know before numbers are compared.
    """

    name: str
    title: str
    files: tuple[str, ...]
    keys: tuple[Key, ...]
    configs: tuple[str, ...] = ()
    signature: tuple[str, ...] = ()
    by_definition: bool = False
    marks: tuple[str, ...] = ()
    biases: str = ""
    dimension_bias: str = ""
    layer_axis: int | None = None
    note: str = ""

    def fits(self, file_name: str, *patterns: str) -> bool:
        """Whether a file may be of this layout by its name, or is of some of its patterns."""
        return any(fnmatchcase(file_name, pattern) for pattern in patterns or self.files)

    def signed_by(self, config: Mapping[str, Any]) -> str:
        """The entry of the configuration that names this source; "" without one."""
        there = {word for part in config_words(config) for word in part}
        return next((word for word in self.signature if word in there), "")


def config_words(config: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """The configuration and the dicts one level down, where trainers and metadata stand.

    Models of several senses have a configuration for each, and their tokens are text.
    """
    yield config
    for name, part in config.items():
        is_other_sense = str(name).endswith("_config") and name != "text_config"
        if isinstance(part, Mapping) and not is_other_sense:
            yield part


def _rows(*patterns: str) -> tuple[Key, ...]:
    return tuple(Key(pattern=pattern, feature_axis=ROWS) for pattern in patterns)


def _columns(*patterns: str) -> tuple[Key, ...]:
    return tuple(Key(pattern=pattern, feature_axis=COLUMNS) for pattern in patterns)


_EMBEDDINGS = (
    r"wte\.weight",
    r"embed_tokens\.weight",
    r"word_embeddings\.weight",
    r"shared\.weight",
    r"embed_in\.weight",
)
_UNEMBEDDINGS = (r"lm_head\.weight", r"embed_out\.weight")

# What comes first wins where two sources fit a file and mean the same by it.
LAYOUTS: tuple[Layout, ...] = (
    Layout(
        name="saelens",
        title="SAELens",
        files=("sae_weights.safetensors",),
        keys=_rows("W_dec"),
        configs=("cfg.json",),
        signature=("sae_lens_version", "hook_name", "hook_point"),
        note="decoder norms may not be folded, and normalize_activations changes the scale",
    ),
    Layout(
        name="llama_scope_r1",
        title="Llama Scope R1 distil",
        files=("sae_weights.safetensors",),
        keys=_columns(r"decoder\.weight"),
        configs=("config.json",),
        signature=("hook_point_in", "sae_type"),
    ),
    Layout(
        name="llama_scope",
        title="Llama Scope",
        files=("final.safetensors",),
        keys=_columns(r"decoder\.weight"),
        configs=("hyperparams.json", "../hyperparams.json"),
        signature=("hook_point_in", "sae_type"),
    ),
    Layout(
        name="gemma_scope",
        title="Gemma Scope",
        files=("params.npz", "*.npz"),
        keys=_rows("[Ww]_dec"),
        note="dictionaries of embeddings were trained on them times √d_model",
    ),
    Layout(
        name="gemma_scope_2",
        title="Gemma Scope 2",
        files=("params.safetensors",),
        keys=_rows("w_dec"),
        configs=("config.json",),
        layer_axis=1,
    ),
    Layout(
        name="qwen_scope",
        title="Qwen Scope",
        files=("layer*.sae.pt", "*.sae.pt"),
        keys=_columns("W_dec"),
    ),
    Layout(
        name="dictionary_learning",
        title="dictionary_learning",
        files=("ae.pt",),
        keys=(*_columns(r"decoder\.weight"), *_rows("W_dec")),
        configs=("config.json",),
        signature=("dict_class",),
        dimension_bias="bias",
    ),
    Layout(
        name="sparsify",
        title="sparsify",
        files=("sae.safetensors",),
        keys=_rows("W_dec"),
        configs=("cfg.json",),
        signature=("num_latents",),
    ),
    Layout(
        name="openai",
        title="OpenAI sparse_autoencoder",
        files=("*.pt",),
        keys=(*_columns(r"decoder\.weight"), *_rows(r"decoder\.linear\.weight")),
        marks=("latent_bias", "pre_bias"),
    ),
    Layout(
        name="goodfire",
        title="Goodfire and DeepSeek-R1",
        files=("*.pt", "*.pth"),
        keys=_columns(r"decoder_linear\.weight", r"decoder\.weight"),
    ),
    Layout(
        name="temporal",
        title="Temporal SAE",
        files=("latest_ckpt.safetensors",),
        keys=_rows("D"),
        dimension_bias="b",
    ),
    Layout(
        name="transcoders",
        title="transcoders of mwhanna",
        files=("layer_*.safetensors",),
        keys=_rows("W_dec"),
    ),
    Layout(
        name="cross_layer",
        title="cross-layer transcoders of mntss",
        files=("W_dec_*.safetensors",),
        keys=_rows(r"W_dec_\d+"),
        biases="W_enc",
        layer_axis=1,
    ),
    Layout(
        name="hugging_face",
        title="Hugging Face model",
        files=(
            "model.safetensors.index.json",
            "model.safetensors",
            "pytorch_model.bin.index.json",
            "pytorch_model.bin",
            "model-*.safetensors",
            "pytorch_model-*.bin",
        ),
        keys=(
            *(Key(pattern=p, feature_axis=ROWS, role="embedding") for p in _EMBEDDINGS),
            *(Key(pattern=p, feature_axis=ROWS, role="unembedding") for p in _UNEMBEDDINGS),
        ),
        configs=("config.json",),
        by_definition=True,
    ),
)

# A file of no source above: its name says nothing, but lengths inside may.
UNKNOWN = Layout(
    name="unknown",
    title="unknown source",
    files=(),
    keys=tuple(
        Key(pattern=pattern, feature_axis=None)
        for pattern in ("[Ww]_dec", r"decoder\.weight", r"decoder_linear\.weight")
    ),
    configs=("cfg.json", "config.json"),
)


def layouts_asked(name: object) -> tuple[Layout, ...]:
    """The one layout of a name, or all of them for "auto"; raises GeomsupError without one."""
    one_of("layout", name, ("auto", *(layout.name for layout in LAYOUTS)))
    return LAYOUTS if name == "auto" else (layout_named(str(name)),)


def layout_named(name: str) -> Layout:
    """The record of a name that is known to exist."""
    return next(layout for layout in (*LAYOUTS, UNKNOWN) if layout.name == name)
