"""What is compiled once for all processes of a machine."""

from __future__ import annotations

import sys
import threading
import time
from pathlib import Path

import pytest

from geomsup import compiling
from geomsup.compiling import compiled_once


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A source file beside which nothing is on disk."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    return tmp_path / "kernels.py"


def _most_at_once(source: Path, n_threads: int = 3) -> int:
    """How many were compiling at the same time; locks part threads as they part processes."""
    inside, most, count = 0, 0, threading.Lock()

    def compile_it() -> None:
        nonlocal inside, most
        with compiled_once(str(source)):
            with count:
                inside += 1
                most = max(most, inside)
            time.sleep(0.2)
            with count:
                inside -= 1

    threads = [threading.Thread(target=compile_it) for _ in range(n_threads)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return most


@pytest.mark.skipif(sys.platform == "win32", reason="nobody waits there")
def test_one_compiles_while_others_wait(source: Path) -> None:
    assert _most_at_once(source) == 1


def test_nobody_waits_for_what_is_on_disk(source: Path) -> None:
    kept = source.parent / "__pycache__"
    kept.mkdir()
    (kept / "kernels.models-63.py311.nbi").touch()
    assert _most_at_once(source) == 3


def test_nobody_waits_where_numba_keeps_nothing_beside_the_source(
    source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(source.parent))
    assert _most_at_once(source) == 3


def test_patience_ends(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(compiling, "_PATIENCE_SECONDS", 0.01)
    assert _most_at_once(source) == 3


def test_a_folder_that_is_not_there_is_no_reason_to_wait(source: Path) -> None:
    with compiled_once(str(source.parent / "none" / "kernels.py")):
        pass


def test_an_error_lets_the_next_one_in(source: Path) -> None:
    with pytest.raises(ValueError, match="no compiler"), compiled_once(str(source)):
        raise ValueError("no compiler")
    started = time.monotonic()
    with compiled_once(str(source)):
        assert time.monotonic() - started < compiling._PATIENCE_SECONDS / 2
