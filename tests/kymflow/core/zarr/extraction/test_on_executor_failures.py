"""What cannot be sent to an executor, and workers that end."""

from __future__ import annotations

import subprocess
import sys
import uuid
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from kymflow import IndexerRegistry, KymDataset
from kymflow.core.zarr.extraction import on_executor
from kymflow.errors import ExtractionError, InvalidIndexerError, WorkerError
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import DatasetError
from support.executor_indexers import Crasher, Custom, Killer, Slow, Unknown, Waiting, double
from support.executors import IDS, linux, local_cluster, of_distributed, small_lab, table_bytes
from support.reading_together import Declared, json, put

pytestmark = [of_distributed, pytest.mark.slow]


# What cannot be sent


def test_a_dataset_in_memory_needs_threads(threads: Executor, forkserver: Executor) -> None:
    kd = KymDataset(f"memory://{uuid.uuid4().hex}", mode="a", registry=IndexerRegistry(()))
    for number in range(3):
        record = kd.ds.record(f"m{number}")
        record.save_array([[1, 2], [3, 4]])
        record.save_json("rows", {"a": number})

    with pytest.raises(DatasetError, match=r"memory://.* is in the memory of this process.*Use threads"):
        kd.rebuild(Custom(), executor=forkserver)
    for indexer in (Declared(), Custom()):
        assert len(kd.rebuild(indexer, executor=threads)["image_id"].unique()) == 3


def test_an_indexer_that_cannot_be_sent_needs_threads(
    tmp_path: Path, threads: Executor, forkserver: Executor
) -> None:
    class Local(Custom):
        pass

    kd = small_lab(tmp_path)

    with pytest.raises(InvalidIndexerError, match="'rows' cannot be sent to another .*or use threads"):
        kd.rebuild(Local(), executor=forkserver)
    with pytest.raises(InvalidIndexerError, match="'rows' cannot be sent to another process: .*lock"):
        kd.rebuild(Waiting(), executor=forkserver)
    assert kd.ds.list_table_names() == []
    assert len(kd.rebuild(Local(), executor=threads)) == 120
    assert forkserver.submit(double, 1).result(60) == 2


@pytest.mark.parametrize("where", ["forkserver", "dask"])
def test_an_indexer_that_cannot_be_read_there_is_told_and_breaks_nothing(
    tmp_path: Path, where: str, request: pytest.FixtureRequest
) -> None:
    executor: Executor = request.getfixturevalue(where)
    kd = small_lab(tmp_path)

    with pytest.raises(
        WorkerError, match="'rows'.*No module named 'lab_plugin'.*lab.zarr is as it was"
    ) as caught:
        kd.rebuild(Unknown(), executor=executor)

    assert (caught.value.dataset, caught.value.table_name) == (kd.ds.path, "rows")
    assert executor.submit(double, 1).result(60) == 2
    assert len(kd.rebuild(Custom(), executor=executor)) == 120


NOTEBOOK = """
import sys
import pandas as pd
from kymflow import KymDataset

class Own:
    name = table_name = "own"
    def extract_rows(self, rec):
        return pd.DataFrame({"a": [rec.load_json("rows")["a"]]})

if __name__ == "__main__":
    from distributed import Client
    with Client(sys.argv[2]) as client:
        print(KymDataset(sys.argv[1]).rebuild(Own(), executor=client.get_executor())["a"].sum())
"""


def test_an_indexer_of_a_notebook_is_sent_to_a_cluster(tmp_path: Path, cluster: Any) -> None:
    path = tmp_path / "notebook.py"
    path.write_text(NOTEBOOK, "utf-8")
    arguments = [small_lab(tmp_path).ds.path, cluster.scheduler.address]

    command = [sys.executable, path, *arguments]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)

    assert (done.stdout, done.returncode) == ("780\n", 0), done.stderr


def test_a_dataset_that_is_gone_breaks_no_pool(
    tmp_path: Path, forkserver: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = small_lab(tmp_path)
    submit = forkserver.submit

    def gone_by_then(*what: Any) -> Any:
        if Path(kd.ds.path).exists():
            Path(kd.ds.path).rename(tmp_path / "kept")
        return submit(*what)

    monkeypatch.setattr(forkserver, "submit", gone_by_then)
    with pytest.raises((DatasetError, WorkerError, FileNotFoundError)):
        kd.rebuild(Custom(), executor=forkserver)
    assert forkserver.submit(double, 1).result(60) == 2


def test_an_executor_that_is_shut_down_is_told(tmp_path: Path) -> None:
    pool = ThreadPoolExecutor(1)
    pool.shutdown()

    with pytest.raises(WorkerError, match="RuntimeError: cannot schedule new futures after shutdown"):
        small_lab(tmp_path).rebuild(Custom(), executor=pool)


# Workers that end


@linux
def test_a_cluster_does_what_a_killed_worker_did_again(tmp_path: Path, dask: Executor) -> None:
    kd = small_lab(tmp_path)
    flag = tmp_path / "flag"
    flag.touch()

    table = kd.rebuild(Killer(victim="i17", flag=str(flag)), executor=dask)

    assert not flag.exists()
    assert_frame_equal(table, kd.rebuild(Custom()))


@linux
@pytest.mark.long
def test_an_image_on_which_workers_of_a_cluster_die_again_and_again_is_named(tmp_path: Path) -> None:
    kd = small_lab(tmp_path)
    expected = kd.rebuild(Custom())
    put(kd, {image_id: json('{"a": 5, "end": -9}') for image_id in ("i17", "i30")})
    told = r"image 'i17': its indexer ended several workers' processes \(KilledWorker.* on this image"

    with (
        local_cluster(**{"distributed.scheduler.allowed-failures": 1}) as client,
        pytest.MonkeyPatch.context() as patch,
    ):
        patch.setattr(on_executor, "_PIECES", 8)
        executor = client.get_executor()
        with pytest.raises(ExtractionError, match=told):
            kd.rebuild(Crasher(), executor=executor)
        table = kd.rebuild(Crasher(), executor=executor, on_error="skip")
    failed = kd.reports["rows"].failed
    assert list(failed) == ["i17", "i30"]
    # They keep their old rows.
    assert_frame_equal(table, expected)


@linux
@pytest.mark.long
def test_a_cluster_that_goes_away_is_told(tmp_path: Path) -> None:
    kd = small_lab(tmp_path)
    kd.rebuild(Custom())
    before = table_bytes(kd)

    with local_cluster() as client:

        def then_leave(done: int, total: int) -> None:
            if done == 2:
                client.close()

        executor = client.get_executor()
        with pytest.raises(WorkerError, match="table 'rows' of .*lab.zarr is as it was"):
            kd.rebuild(Slow(seconds=0.5), executor=executor, on_progress=then_leave)
    assert table_bytes(kd) == before


class _Keeping(Executor):
    """Keeps what it submitted, so that a cluster remembers it."""

    def __init__(self, inner: Executor) -> None:
        self.inner = inner
        self.kept: list[Future[Any]] = []

    def submit(self, *args: Any, **kwargs: Any) -> Any:
        self.kept.append(self.inner.submit(*args, **kwargs))
        return self.kept[-1]


def test_a_cluster_does_not_give_an_answer_again(tmp_path: Path, dask: Executor) -> None:
    kd = small_lab(tmp_path)
    keeping = _Keeping(dask)
    kd.rebuild(Custom(), executor=keeping)
    put(kd, {image_id: json('{"a": 5}') for image_id in IDS})

    assert kd.rebuild(Custom(), executor=keeping)["n"].unique().tolist() == [5]


# Forked processes and object stores


@linux
def test_a_forked_process_refuses_urls_instead_of_waiting_for_ever(fork: Executor) -> None:
    with pytest.raises(DatasetError, match="forked.*'forkserver' or 'spawn'"):
        fork.submit(ZarrDataset, f"memory://{uuid.uuid4().hex}").result(60)
