"""A kind of file and a layout are one record each: toys of both, added as CONTRIBUTING says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from geomsup import classify_geometry, open_weights
from geomsup.cli import main
from geomsup.cli.app import verb_parser
from geomsup.errors import GeomsupError, WeightsError
from geomsup.weights import Key, Layout, as_weights, formats, layouts, list_arrays
from geomsup.weights.entries import ArrayInfo, Entry
from geomsup.weights.formats import FORMATS, Format, begins_like, format_of

_ROOT = Path(__file__).parents[2]
_DIGONS = np.array([[1.0, -1.0, 0.0, 0.0], [0.0, 0.0, 1.0, -1.0]])


def _read_text(path: Path) -> dict[str, Entry]:
    rows = [line.split() for line in path.read_text().splitlines()[1:]]
    info = ArrayInfo(name="W", shape=(len(rows), len(rows[0])), dtype="float64")
    return {"W": Entry(info=info, load=lambda: np.array(rows, dtype=np.float64))}


_TEXT = Format(suffixes=(".txt",), signatures={b"#W": "a table in text"}, read=_read_text)


@pytest.fixture
def text_file(tmp_path: Path) -> Path:
    path = tmp_path / "digons.txt"
    np.savetxt(path, _DIGONS, header="W", comments="#")
    return path


def test_a_file_of_no_format_is_refused_by_its_ending(text_file: Path) -> None:
    with pytest.raises(WeightsError, match=r"ending in \.npy, .*\.safetensors, got '\.txt'"):
        as_weights(text_file)


def test_a_record_is_all_that_a_format_takes(
    text_file: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(formats, "FORMATS", (*FORMATS, _TEXT))
    assert [info.to_dict() for info in list_arrays(text_file)] == [
        {"name": "W", "shape": [2, 4], "dtype": "float64"}
    ]
    np.testing.assert_array_equal(as_weights(text_file), _DIGONS)
    assert classify_geometry(text_file).composite == "square"
    opened = open_weights(text_file, feature_axis=1)
    np.testing.assert_array_equal(opened.features(1, 3), _DIGONS[:, 1:3])
    for verb in ("inspect", "classify"):
        assert main([verb, str(text_file)]) == 0
    printed = capsys.readouterr().out
    assert "4 features in 2 dimensions" in printed
    assert "2 × digon" in printed
    assert ".txt" in verb_parser("classify").format_help()
    # What the record calls its files is said where one is mislabelled, and the other way round.
    with pytest.raises(WeightsError, match="one that begins like a table in text"):
        as_weights(text_file.rename(text_file.with_suffix(".npy")))
    np.savez(text_file.with_suffix(".npz"), W=_DIGONS)
    with pytest.raises(WeightsError, match=r"expected a \.txt file, .* like a zip archive"):
        as_weights(text_file.with_suffix(".npz").rename(text_file))
    with pytest.raises(WeightsError, match=r"ending in \.npy, .*\.safetensors, \.txt, got"):
        as_weights(_ROOT / "README.md")


def test_the_records_do_not_contradict_each_other() -> None:
    endings = formats.suffixes()
    assert len(endings) == len(set(endings))
    for known in FORMATS:
        for suffix in known.suffixes:
            assert format_of(Path(f"weights{suffix.upper()}")) is known
        for start, words in known.signatures.items():
            head = b"\0" * known.start + start
            assert known.fits(head)
            assert not known.fits(b"\0" * 16)
            assert begins_like(head) == words
    # A pickle of torch's old format is told from a bare one, although it begins like it.
    assert begins_like(b"\x80\x04hello").startswith("a bare pickle")
    assert begins_like(b"nothing") == ""


@pytest.mark.parametrize("page", ["docs/your_matrix.md", "geomsup/weights/matrix.py"])
def test_the_pages_for_users_list_every_ending(page: str) -> None:
    text = (_ROOT / page).read_text(encoding="utf-8")
    assert [suffix for suffix in formats.suffixes() if suffix not in text] == []


def test_a_record_is_all_that_a_layout_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = np.random.default_rng(0).standard_normal((4, 4)).astype(np.float32)
    save_file({"dictionary.atoms": rows}, tmp_path / "toy_atoms.safetensors")
    (tmp_path / "toy.json").write_text('{"toy_version": 1}')
    with pytest.raises(GeomsupError, match="expected a folder of a known layout"):
        open_weights(tmp_path)
    toy = Layout(
        name="toy",
        title="Toy SAE",
        files=("toy_atoms.safetensors",),
        keys=(Key(pattern="atoms", feature_axis=0),),
        configs=("toy.json",),
        signature=("toy_version",),
        note="atoms are not of unit length",
    )
    monkeypatch.setattr(layouts, "LAYOUTS", (*layouts.LAYOUTS, toy))
    for opened in (open_weights(tmp_path), open_weights(tmp_path, "toy")):
        assert (opened.layout, opened.feature_axis) == ("toy", 0)
        np.testing.assert_array_equal(opened.weights, rows.T)
    assert open_weights(tmp_path).proof == "toy_version in toy.json is of Toy SAE"
    assert main(["inspect", str(tmp_path)]) == 0
    printed = capsys.readouterr().out
    assert "layout  Toy SAE" in printed
    assert "note    atoms are not of unit length" in printed
    assert "--feature-axis 0" in printed
    with pytest.raises(GeomsupError, match=r"layout must be one of auto, saelens, .*, toy, got"):
        open_weights(tmp_path, "toys")
