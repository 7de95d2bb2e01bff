"""Small real matrices, of which something is known that a census is not told."""

from __future__ import annotations

from pathlib import Path

import pytest

from geomsup import Census, census

_DATA = Path(__file__).parents[1] / "data" / "real"
# Numbers of phonemes in g2p-en: <pad>, <unk>, <s>, and UW without a stress, the four shortest
# columns by far; presumably training never asks for them.
_NEVER_WRITTEN = (0, 1, 2, 65)


def _census(name: str, null: str, seed: int = 0) -> Census:
    path = _DATA / f"{name}.npy"
    return census(path, feature_axis=0, null=null, n_draws=1, seed=seed, progress=False)


def test_phonemes_that_are_never_written_are_a_bundle() -> None:
    found = _census("g2p_fc_w", "matched")
    (bundle,) = (one for one in found.components if one.name == "bundle")
    assert bundle.features == _NEVER_WRITTEN
    assert found.n_below == 0


def test_an_isotropic_null_finds_more_in_the_same_phonemes() -> None:
    isotropic = _census("g2p_fc_w", "isotropic")
    assert isotropic.n_above > 100 > _census("g2p_fc_w", "shuffled").n_above
    assert isotropic.n_below > 50


@pytest.mark.parametrize("null", ["isotropic", "matched", "shuffled"])
def test_phonemes_as_they_are_read_hold_nothing(null: str) -> None:
    """As the decoder reads phonemes, no two of them are nearer than by chance."""
    found = _census("g2p_dec_emb", null)
    assert (found.n_above, found.n_below) == (0, 0)
    assert found.components == ()
