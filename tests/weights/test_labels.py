"""Names of features, from a list or a file."""

from __future__ import annotations

from pathlib import Path

import pytest

from geomsup.errors import GeomsupError
from geomsup.weights.labels import labels_of


def test_labels_from_files(tmp_path: Path) -> None:
    lines, table, numbered = tmp_path / "a.txt", tmp_path / "a.csv", tmp_path / "b.csv"
    lines.write_text("one\ntwo\n")
    table.write_text('label,more\n"a, ""b""",1\nc,2\n')
    numbered.write_text("feature,label\n1,last\n")
    assert labels_of(lines, 2) == ("one", "two")
    assert labels_of(str(table), 2) == ('a, "b"', "c")
    assert labels_of(numbered, 2) == ("", "last")
    for text, said in (("name\nx\n", "column 'label'"), ("feature,label\n7,x\n", "0 … 1")):
        table.write_text(text)
        with pytest.raises(GeomsupError, match=said):
            labels_of(table, 2)


def test_a_line_ends_where_an_editor_ends_it(tmp_path: Path) -> None:
    """Vocabularies have words such as NEXT LINE and LINE SEPARATOR."""
    words = ["a", "\x85", "b\u2028c", "\x1c", "", "last"]
    path = tmp_path / "vocabulary.txt"
    path.write_bytes("\r\n".join(words).encode())
    assert labels_of(path, 6) == tuple(words)
    path.write_text("\n".join(words) + "\n", encoding="utf-8")
    assert labels_of(path, 6) == tuple(words)
