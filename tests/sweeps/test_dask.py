"""On a real dask cluster of two processes, one of which is killed in the middle."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from geomsup.sweeps import Store, Sweep, Task, grid, sweep


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    # Not above: a worker that only collects this file need not load it.
    distributed = pytest.importorskip("distributed", reason="dask is an extra")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sockets and deprecations, all of them dask's own
        cluster = distributed.LocalCluster(
            n_workers=2,
            threads_per_worker=1,
            processes=True,
            dashboard_address=None,
            local_directory=str(tmp_path_factory.mktemp("dask")),
            silence_logs=50,
        )
        with cluster, distributed.Client(cluster) as client:
            yield client


def _bits(done: Sweep) -> bytes:
    target = done.store.compact()
    assert target is not None
    return target.read_bytes()


@pytest.mark.filterwarnings("ignore")  # as above
def test_dask_gives_the_same_bits(client: Any, tmp_path: Path) -> None:
    tasks = grid("sweep_functions:square", seeds=4, x=[1, 2, 3])
    tasks += grid("train", {"n_steps": 20, "batch_size": 64}, seeds=3, sparsity=[0.5, 0.9])
    done = sweep(tasks, store=tmp_path / "dask", executor=client.get_executor())
    in_process = sweep(tasks, store=tmp_path / "here")
    assert _bits(done) == _bits(in_process)


@pytest.mark.filterwarnings("ignore")
def test_a_killed_worker_loses_nothing(client: Any, tmp_path: Path) -> None:
    others = grid("sweep_functions:slowly", {"seconds": 0.1}, seeds=10, x=[1, 2])
    mark = tmp_path / "mark"
    killed = Task("sweep_functions:die_once", {"x": 3, "mark": str(mark)})
    tasks = [*others[:10], killed, *others[10:]]
    before = set(client.scheduler_info()["workers"])
    done = sweep(tasks, store=tmp_path / "dask", executor=client.get_executor())
    assert mark.exists()
    assert before - set(client.scheduler_info()["workers"])  # one of them is no more
    assert not done.failures
    assert len(done.results) == 21
    assert _bits(done) == _bits(sweep(tasks, store=tmp_path / "here"))
    assert Store(tmp_path / "dask").status()["missing"] == 0
