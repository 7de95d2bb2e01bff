"""Activations from elsewhere: tables in memory, in files and in parts."""

from __future__ import annotations

import hashlib
import tracemalloc
from collections.abc import Callable, Iterator
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from geomsup.dictionary import (
    Autoencoder,
    AutoencoderConfig,
    GivenActivations,
    StreamedActivations,
    ToyActivations,
    train_autoencoders,
)
from geomsup.errors import GeomsupError
from geomsup.training import fit
from geomsup.training.fit import Fit
from geomsup.training.streams import Stream, stream_seed

_CONFIG = AutoencoderConfig(n_latents=(3, 5), n_steps=60, batch_size=32, resample_every=10)
_STREAM = stream_seed(0, Stream.DICTIONARY_BATCHES)


def _pentagon(n_samples: int) -> NDArray[np.float64]:
    angles = 2 * np.pi * np.arange(5) / 5
    return ToyActivations(np.array([np.cos(angles), np.sin(angles)]), 0.1).sample(n_samples)


def _trained(source: object, **settings: Any) -> tuple[Autoencoder, ...]:
    return train_autoencoders(source, _CONFIG, seed=4, progress=False, **settings)


def _same(some: tuple[Autoencoder, ...], others: tuple[Autoencoder, ...]) -> bool:
    return [one.to_dict() for one in some] == [one.to_dict() for one in others]


# ---------------------------------------------------------------------- tables


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64, ">f4"])
def test_floats_are_not_copied(dtype: Any) -> None:
    h = _pentagon(50).astype(dtype)
    assert np.shares_memory(GivenActivations(h).values, h)
    assert np.shares_memory(GivenActivations(h.T, 0).values, h)
    tensor = torch.from_numpy(_pentagon(50)).float()
    assert np.shares_memory(GivenActivations(tensor).values, tensor.numpy())  # type: ignore[arg-type]


def test_a_table_in_a_file_is_mapped_and_gives_the_same(tmp_path: Path) -> None:
    h = _pentagon(400).astype(np.float32)
    np.save(tmp_path / "h.npy", h)
    np.save(tmp_path / "turned.npy", h.T)
    expected = _trained(h)
    assert _same(_trained(tmp_path / "h.npy"), expected)
    assert _same(_trained(np.load(tmp_path / "h.npy", mmap_mode="r")), expected)
    assert _same(_trained(str(tmp_path / "turned.npy"), feature_axis=0), expected)
    assert _same(_trained(h.astype(np.float64)), expected)
    mapped: Any = GivenActivations(tmp_path / "h.npy").values  # type: ignore[arg-type]
    assert isinstance(mapped.base, np.memmap)


def test_a_large_table_takes_no_memory_of_its_own(tmp_path: Path) -> None:
    # 51 MB in the file; looked at in blocks of two, and in float64 it would be twice as much.
    shape = 400_000, 32
    path = tmp_path / "h.npy"
    written = np.lib.format.open_memmap(path, "w+", np.float32, shape)
    written[:] = np.random.default_rng(0).standard_normal(shape, dtype=np.float32)
    written.flush()
    digest = hashlib.sha256(f"{shape} <f4".encode() + written.tobytes()).hexdigest()
    tracemalloc.start()
    try:
        source = GivenActivations(path)  # type: ignore[arg-type]
        batch = next(source.batches(512, _STREAM))
        assert source.fingerprint() == digest
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 8e6
    chosen = np.random.default_rng(_STREAM).integers(shape[0], size=512)
    np.testing.assert_array_equal(batch, written[chosen].T)


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e39])
def test_what_float32_cannot_hold_is_refused_wherever_it_stands(value: float) -> None:
    h = np.zeros((600_000, 3))
    h[:, 0] = 1.0
    h[270_000, 1] = value
    with pytest.raises(GeomsupError, match=r"finite numbers .* got others in row 270000"):
        GivenActivations(h)
    h[270_000, 1] = 1e38
    GivenActivations(h)


def test_the_axis_of_a_table_is_checked() -> None:
    with pytest.raises(GeomsupError, match="feature_axis"):
        GivenActivations(np.ones((3, 2)), 2)
    with pytest.raises(GeomsupError, match=r"n_hidden\); .*expected a 2-D matrix"):
        GivenActivations(np.ones((3, 2, 2)))


# ---------------------------------------------------------------------- streams


def _parts(h: NDArray[Any], *lengths: int) -> list[NDArray[Any]]:
    return np.split(h, np.cumsum(lengths))


def test_a_stream_is_cut_into_batches_in_order() -> None:
    h = np.arange(46.0, dtype=np.float32).reshape(23, 2)
    batches = StreamedActivations(_parts(h, 1, 9, 2)).batches(5, _STREAM)
    drawn = np.concatenate([next(batches).T for _ in range(12)])
    np.testing.assert_array_equal(drawn, np.tile(h, (3, 1))[:60])
    again = StreamedActivations(lambda: iter(_parts(h, 20))).batches(5, _STREAM)
    again.restore({"drawn": 7})
    np.testing.assert_array_equal(next(again).T, drawn[35:40])


def _as_list(h: NDArray[Any]) -> object:
    return _parts(h, 7, 100)


def _as_generator(h: NDArray[Any]) -> object:
    def made() -> Iterator[NDArray[Any]]:
        yield from _parts(h, 7, 100)

    return made


def _as_tensors(h: NDArray[Any]) -> object:
    return [torch.from_numpy(part) for part in _parts(h, 7, 100)]


@pytest.mark.parametrize("give", [_as_list, _as_generator, _as_tensors])
def test_every_kind_of_stream_trains_the_same(give: Callable[[NDArray[Any]], object]) -> None:
    h = _pentagon(300)
    whole = _trained(StreamedActivations([h]))
    assert _same(_trained(StreamedActivations(give(h))), whole)  # type: ignore[arg-type]
    assert [one.n_latents for one in whole] == [3, 5]


def test_a_stream_is_learnt_from() -> None:
    config = AutoencoderConfig(n_latents=5, penalty=0.1, n_steps=1000, batch_size=64)
    parts = StreamedActivations(_parts(_pentagon(4000), *[90] * 40))
    (found,) = train_autoencoders(parts, config, progress=False)
    assert found.unexplained < 0.05


def test_a_stream_goes_on_from_a_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = StreamedActivations(_parts(_pentagon(130), 50))
    whole, path = _trained(source), tmp_path / "checkpoint.safetensors"
    take, left = Fit.step, 77

    def dies(self: Fit) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            raise ZeroDivisionError
        take(self)

    with monkeypatch.context() as patch:
        patch.setattr(Fit, "step", dies)
        with pytest.raises(ZeroDivisionError):
            _trained(source, checkpoint=path, checkpoint_seconds=1e-9)
    with monkeypatch.context() as patch:
        patch.setattr(fit, "stop_requests", lambda: nullcontext(lambda: True))
        with pytest.raises(KeyboardInterrupt, match="after 77 of 120 steps; the same call goes"):
            _trained(source, checkpoint=path)
    assert _same(_trained(source, checkpoint=path), whole)
    other = StreamedActivations(_parts(_pentagon(130), 49))
    with pytest.raises(GeomsupError, match="belongs to another training: its activations is"):
        _trained(other, checkpoint=path)


@pytest.mark.parametrize(
    ("parts", "message"),
    [
        (iter([np.ones((3, 2))]), "an iterator serves once only"),
        (3, "parts must be a function .* got 3"),
        ([], "parts must hold activations, got none"),
        (lambda: [np.ones((3, 2)), np.ones((3, 4))], "must have 2 columns like the first, got 4"),
        ([np.ones((3, 2)), np.full((3, 2), np.nan)], "finite numbers .* in row 0"),
        ([[1.0, 2.0]], "expected a 2-D matrix"),
    ],
)
def test_streams_are_checked(parts: Any, message: str) -> None:
    with pytest.raises(GeomsupError, match=message):
        _trained(StreamedActivations(parts))


class _Cubes:
    """Activations of somebody's own."""

    n_hidden = 3

    def batches(self, size: int, seed: np.random.SeedSequence) -> Any:
        corners = np.array(np.meshgrid(*[[0.0, 1.0]] * 3)).reshape(3, -1).T
        return GivenActivations(corners).batches(size, seed)

    def fingerprint(self) -> str:
        return "corners"


def test_whatever_gives_batches_is_trained_on() -> None:
    found = train_autoencoders(_Cubes(), _CONFIG, progress=False)
    assert [one.decoder.shape for one in found] == [(3, 3), (3, 5)]
    with pytest.raises(GeomsupError, match="feature_axis is about arrays, got it with _Cubes"):
        train_autoencoders(_Cubes(), _CONFIG, feature_axis=0)
