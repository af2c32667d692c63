from __future__ import annotations

import multiprocessing
import os
import shutil
import subprocess
import sys
import threading
import uuid
import warnings
from collections.abc import Callable, Iterator
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from executor_indexers import Custom, Killer, Slow, Unknown, double
from pandas.testing import assert_frame_equal
from reading_together import Declared, json, lab, outcome, parquet, put
from typer.testing import CliRunner

from kymflow import IndexerRegistry, KymDataset, ZarrImageRecord
from kymflow.cli import workers
from kymflow.cli.main import app
from kymflow.core.zarr import elsewhere, extraction
from kymflow.errors import ExtractionError, InvalidIndexerError, WorkerError
from kymflow.testing import simulate_folder
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer
from kymflow_zarr import ArtifactError, CancelledError, ZarrDataset
from kymflow_zarr.errors import DatasetError

HERE = Path(__file__).parent
IDS = [f"i{number:02}" for number in range(40)]
TABLE = "rows"

linux = pytest.mark.skipif(not sys.platform.startswith("linux"), reason="kills processes, and forks them")


# Executors, each started once


def _pool(method: str) -> Iterator[Executor]:
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as pool:
        yield pool


@pytest.fixture(scope="module")
def threads() -> Iterator[Executor]:
    with ThreadPoolExecutor(3) as pool:
        yield pool


@pytest.fixture(scope="module")
def forkserver() -> Iterator[Executor]:
    yield from _pool("forkserver")


@pytest.fixture(scope="module")
def spawn() -> Iterator[Executor]:
    yield from _pool("spawn")


@pytest.fixture(scope="module")
def fork() -> Iterator[Executor]:
    # Object stores were used here: their threads are not in a forked child.
    ZarrDataset(f"memory://{uuid.uuid4().hex}").add_image([[1, 2], [3, 4]])
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "This process .* is multi-threaded", DeprecationWarning)
        yield from _pool("fork")


@contextmanager
def local_cluster(**config: Any) -> Iterator[Any]:
    """Start a Dask cluster of two processes on loopback, over TCP."""
    with warnings.catch_warnings():
        # Its own, of how it starts its event loop and closes its sockets; none is about us.
        warnings.simplefilter("ignore")
        import dask
        from distributed import Client, LocalCluster

        with (
            dask.config.set(config),
            LocalCluster(
                n_workers=2,
                threads_per_worker=1,
                processes=True,
                host="127.0.0.1",
                protocol="tcp://",
                dashboard_address=None,
            ) as cluster,
            Client(cluster) as client,
        ):
            assert client.scheduler.address.startswith("tcp://127.0.0.1:")
            yield client


@pytest.fixture(scope="module")
def cluster() -> Iterator[Any]:
    with local_cluster() as client:
        yield client


@pytest.fixture(scope="module")
def dask(cluster: Any) -> Executor:
    executor: Executor = cluster.get_executor()
    return executor


EXECUTORS = [
    "threads",
    "forkserver",
    pytest.param("fork", marks=linux),
    pytest.param("spawn", marks=pytest.mark.long),
    "dask",
]
pytestmark = [
    # Of distributed's own sockets and loops, whenever the garbage collector meets them.
    pytest.mark.filterwarnings("ignore:.*(asyncio|socket|loop|transport|coroutine).*:ResourceWarning"),
]


@pytest.fixture(params=EXECUTORS)
def executor(request: pytest.FixtureRequest) -> Executor:
    found: Executor = request.getfixturevalue(request.param)
    return found


# A dataset with everything in it


def artifact(number: int) -> Any:
    if number % 7 == 3:
        return None
    return json(f'{{"a": {number}, "b": {number / 2}, "c": "é"}}')


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset with tables that lag behind: images changed, damaged, deleted, new; tables kept aside."""
    path = tmp_path_factory.mktemp("executors") / "lab.zarr"
    kd = lab(path, IDS)
    put(kd, {image_id: artifact(number) for number, image_id in enumerate(IDS)})
    for name, indexer in (("declared", Declared()), ("custom", Custom())):
        kd.rebuild(indexer)
        for folder in ("tables", "index"):
            shutil.copytree(path / folder, path.parent / name / folder)
        kd.ds.drop_table(TABLE)
    put(kd, {"i05": json('{"a": 500, "b": 1}'), "i06": None, "i20": json('{"fail": 1, "a": 0.5}')})
    put(kd, {"i31": (".json", b"{"), "i10": json('{"a": 7, "b": null, "c": null}')})
    put(kd, {"i33": parquet({"a": [1, 2], "n": [1, 2]})})
    kd.ds.delete_image("i02")
    lab(path, ["i99"])
    put(kd, {"i99": artifact(99)})
    return path


INDEXERS: dict[str, Any] = {"declared": Declared(), "custom": Custom()}
ACTIONS: dict[str, Callable[..., object]] = {
    "rebuild": lambda kd, indexer, **how: kd.rebuild(indexer, **how),
    "rebuild some": lambda kd, indexer, **how: kd.rebuild(indexer, image_ids=IDS[3:35], **how),
    "update": lambda kd, indexer, **how: kd.update_images(indexer, ["i05", "i02", "i20", "i99"], **how),
    "refresh": lambda kd, indexer, **how: kd.refresh(indexer, **how),
}


def run(kept: Path, action: str, name: str, **how: Any) -> object:
    """Run an action on the tables that lag behind."""
    for folder in ("tables", "index"):
        shutil.rmtree(kept / folder, ignore_errors=True)
        shutil.copytree(kept.parent / name / folder, kept / folder)
    kd = KymDataset(str(kept), registry=IndexerRegistry(()))
    return outcome(kd, lambda: ACTIONS[action](kd, INDEXERS[name], **how))


@pytest.fixture(scope="module")
def expected(kept: Path) -> dict[tuple[str, str, str], object]:
    """What comes of each action without an executor."""
    found = {
        (action, name, on_error): run(kept, action, name, on_error=on_error)
        for action in ACTIONS
        for name in INDEXERS
        for on_error in ("raise", "skip")
    }
    # Errors of one image with "raise", and with "skip" a table and its report.
    assert all(len(result) == (2 if key[2] == "raise" else 3) for key, result in found.items())  # type: ignore[arg-type]
    return found


@pytest.mark.parametrize(
    "action",
    [
        "rebuild",
        "refresh",
        pytest.param("rebuild some", marks=pytest.mark.long),
        pytest.param("update", marks=pytest.mark.long),
    ],
)
def test_what_comes_of_it_is_the_same_wherever_it_runs(
    kept: Path, expected: dict[tuple[str, str, str], object], executor: Executor, action: str
) -> None:
    for name in INDEXERS:
        for on_error in ("raise", "skip"):
            found = run(kept, action, name, on_error=on_error, executor=executor)
            assert found == expected[action, name, on_error], (name, on_error)
    assert executor.submit(double, 21).result(60) == 42


@pytest.mark.parametrize("chunk", [pytest.param(1, marks=pytest.mark.long), 7, 1000])
def test_what_comes_of_it_is_the_same_in_any_chunks(
    kept: Path,
    expected: dict[tuple[str, str, str], object],
    threads: Executor,
    chunk: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(elsewhere, "CHUNK", chunk)
    monkeypatch.setattr(elsewhere, "_PIECES", 1)
    monkeypatch.setattr(extraction, "CHUNK", chunk)
    for how in ({}, {"executor": threads}):
        for key, wanted in expected.items():
            action, name, on_error = key
            assert run(kept, action, name, on_error=on_error, **how) == wanted, key


def test_a_folder_is_ingested_the_same_wherever_it_runs(tmp_path: Path, executor: Executor) -> None:
    simulate_folder(tmp_path / "in", 4, n_lines=100, n_pixels=8)
    found = []
    for how in ({}, {"executor": executor}):
        registry = IndexerRegistry(())
        registry.register(VelocityEventsIndexer())
        registry.register(RadonReportIndexer())
        kd = KymDataset(tmp_path / f"lab{len(found)}.zarr", registry=registry)
        report = kd.ingest_folder(tmp_path / "in", **how)
        assert {name: one.images for name, one in report.tables.items()} == dict.fromkeys(report.tables, 4)
        # Image ids are others each time.
        tables = {name: kd.get_table(name, with_source=True) for name in kd.ds.list_table_names()}
        found.append(
            {
                name: table.drop(columns="image_id").sort_values(
                    ["rel_path", *table.columns[3:5]], ignore_index=True
                )
                for name, table in tables.items()
            }
        )
    assert list(found[0]) == list(found[1])
    for name, table in found[0].items():
        assert len(table) > 0
        assert_frame_equal(table.reset_index(drop=True), found[1][name].reset_index(drop=True))


# How far it is, and stopping


def small_lab(tmp_path: Path) -> KymDataset:
    kd = lab(tmp_path / "lab.zarr", IDS)
    put(kd, {image_id: json(f'{{"a": {number}}}') for number, image_id in enumerate(IDS)})
    return kd


def table_bytes(kd: KymDataset) -> bytes:
    return (Path(kd.ds.path) / "tables" / f"{TABLE}.parquet").read_bytes()


def test_the_cause_of_a_failure_comes_back_from_wherever_it_ran(tmp_path: Path, executor: Executor) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", registry=IndexerRegistry(()))
    kd.ds.record("a").save_array(np.zeros((2, 2), np.uint8))
    kd.ds.store.put("images/a/analysis/radon_report.json", b"{broken")
    with pytest.raises(ExtractionError, match="radon_report") as caught:
        kd.rebuild(RadonReportIndexer(), executor=executor)
    assert isinstance(caught.value.__cause__, ArtifactError)


def test_progress_is_told_from_none_to_all(tmp_path: Path, executor: Executor) -> None:
    told: list[tuple[int, int]] = []

    small_lab(tmp_path).rebuild(
        Custom(), executor=executor, on_progress=lambda done, total: told.append((done, total))
    )

    assert told == sorted(told)
    assert (told[0], told[-1]) == ((0, 40), (40, 40))
    assert len(set(told)) > 3


def test_cancel_leaves_the_table_and_the_executor(
    tmp_path: Path, executor: Executor, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = small_lab(tmp_path)
    kd.rebuild(Custom())
    before = table_bytes(kd)
    put(kd, {image_id: json('{"a": 0}') for image_id in IDS})
    cancel = threading.Event()

    def after_some(done: int, total: int) -> None:
        if done > 4:
            cancel.set()

    kept: list[Future[Any]] = []
    submit = executor.submit

    def keeping(*what: Any) -> Any:
        kept.append(submit(*what))
        return kept[-1]

    with monkeypatch.context() as patch:
        patch.setattr(executor, "submit", keeping)
        with pytest.raises(CancelledError, match="cancelled after 5 of 40 images; table 'rows' is as it was"):
            kd.rebuild(Slow(seconds=0.1), executor=executor, on_progress=after_some, cancel=cancel)

    # Nothing waits to be begun any more.
    assert len(kept) == len(IDS)
    assert all(future.running() or future.done() for future in kept)
    assert table_bytes(kd) == before
    assert executor.submit(double, 4).result(60) == 8
    assert kd.refresh(Custom(), executor=executor)["n"].unique().tolist() == [0]


class Waiting:
    """Waits at every image but the first until it is told to go on."""

    name = table_name = TABLE

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.waits, self.go_on = threading.Event(), threading.Event()

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        self.asked.append(rec.image_id)
        if rec.image_id != IDS[0]:
            self.waits.set()
            assert self.go_on.wait(60), "nobody said so"
        return Custom().extract_rows(rec)


def test_cancel_is_heard_while_a_worker_is_waited_for(tmp_path: Path, threads: Executor) -> None:
    kd = small_lab(tmp_path)
    indexer = Waiting()
    try:
        with pytest.raises(CancelledError, match="table 'rows' is as it was"):
            kd.rebuild(indexer, executor=threads, cancel=indexer.waits)
    finally:
        indexer.go_on.set()


def test_what_the_callback_raises_comes_out_as_it_is(tmp_path: Path, threads: Executor) -> None:
    def burst(done: int, total: int) -> None:
        raise LookupError("no window any more")

    with pytest.raises(LookupError, match="no window any more"):
        small_lab(tmp_path).rebuild(Custom(), executor=threads, on_progress=burst)


def test_after_the_first_failure_nothing_more_is_begun(tmp_path: Path) -> None:
    kd = small_lab(tmp_path)
    put(kd, {"i00": json('{"fail": "this"}')})
    indexer = Waiting()

    with ThreadPoolExecutor(1) as pool:
        with pytest.raises(ExtractionError, match="image 'i00'.*cannot take 'this'") as caught:
            kd.rebuild(indexer, executor=pool)
        indexer.go_on.set()

    assert set(indexer.asked) <= {"i00", "i01"}
    # The error is still alive here, and with it all that it passed through.
    assert caught.value.image_id == "i00"


# What cannot be sent


def test_a_dataset_in_memory_needs_threads(threads: Executor, forkserver: Executor) -> None:
    kd = KymDataset(f"memory://{uuid.uuid4().hex}", registry=IndexerRegistry(()))
    for number in range(3):
        record = kd.ds.record(f"m{number}")
        record.save_array([[1, 2], [3, 4]])
        record.save_json("rows", {"a": number})

    with pytest.raises(DatasetError, match=r"memory://.* is in the memory of this process.*Use threads"):
        kd.rebuild(Custom(), executor=forkserver)
    for indexer in INDEXERS.values():
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
def test_a_killed_worker_leaves_the_table_as_it_was(tmp_path: Path) -> None:
    kd = small_lab(tmp_path)
    kd.rebuild(Custom())
    before = table_bytes(kd)
    put(kd, {image_id: json('{"a": 5}') for image_id in IDS})
    flag = tmp_path / "flag"
    flag.touch()
    indexer = Killer(victim="i17", flag=str(flag))

    told = r"'rows' ended without an answer \(BrokenProcessPool.*table 'rows' of .*lab.zarr is as it was"
    with (
        ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as pool,
        pytest.raises(WorkerError, match=told) as caught,
    ):
        kd.rebuild(indexer, executor=pool)

    assert not flag.exists()
    assert (caught.value.dataset, caught.value.table_name, caught.value.indexer) == (
        kd.ds.path,
        "rows",
        "rows",
    )
    assert table_bytes(kd) == before
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context("forkserver")) as pool:
        assert kd.rebuild(indexer, executor=pool)["n"].tolist() == [5] * 120


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
def test_a_cluster_whose_workers_die_again_and_again_is_told(tmp_path: Path) -> None:
    kd = small_lab(tmp_path)
    kd.rebuild(Custom())
    before = table_bytes(kd)
    flag = tmp_path / "flag"
    flag.touch()
    indexer = Killer(victim="i17", flag=str(flag), once=False)

    with local_cluster(**{"distributed.scheduler.allowed-failures": 1}) as client:
        with pytest.raises(WorkerError, match=r"\(KilledWorker: .*table 'rows' of .*lab.zarr is as it was"):
            kd.rebuild(indexer, executor=client.get_executor())
        assert table_bytes(kd) == before
        flag.unlink()
        assert len(kd.rebuild(indexer, executor=client.get_executor())) == 120


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


# The command line


def kymflow(*arguments: object, code: int = 0) -> Any:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == code, result.output
    return result


def line(result: Any) -> str:
    assert result.stdout == ""
    assert result.stderr.count("\n") == 1, result.stderr
    return str(result.stderr)


@pytest.fixture
def ingested(site: Path, tmp_path: Path) -> Path:
    simulate_folder(tmp_path / "in", 4, n_lines=100, n_pixels=8)
    kymflow("ingest", tmp_path / "lab.zarr", tmp_path / "in")
    return tmp_path / "lab.zarr"


def table_files(path: Path) -> dict[str, pd.DataFrame]:
    return {file.name: pd.read_parquet(file) for file in sorted((path / "tables").glob("*.parquet"))}


@pytest.mark.parametrize("where", ["workers", "dask"])
def test_commands_give_the_same_with_workers(
    ingested: Path, where: str, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    # However busy the machine is.
    monkeypatch.setattr(workers, "ANSWER_TIMEOUT_S", 300)
    if where == "workers":
        how: list[object] = ["--workers", 2]
    else:
        how = ["--dask", request.getfixturevalue("cluster").scheduler.address]
    before = table_files(ingested)
    assert len(before) == 3
    shutil.rmtree(ingested / "index")
    (ingested / "tables" / "velocity_events.parquet").unlink()
    (ingested / "tables" / "radon_report.parquet").unlink()

    kymflow("rebuild", ingested, *how)

    after = table_files(ingested)
    assert list(after) == list(before)
    for name, table in before.items():
        assert_frame_equal(after[name], table)
    image_id = before["radon_report.parquet"]["image_id"][0]
    assert "radon_report" in kymflow("update", ingested, image_id, *how).stdout
    assert "radon_report" in kymflow("refresh", ingested, *how).stdout


@pytest.mark.parametrize("command", ["ingest", "rebuild", "update", "refresh"])
def test_workers_and_a_cluster_exclude_each_other(tmp_path: Path, command: str) -> None:
    rest = {"ingest": ["in"], "update": ["a"]}.get(command, [])

    result = kymflow(command, tmp_path, *rest, "--workers", 2, "--dask", "tcp://127.0.0.1:1", code=2)

    assert line(result) == "kymflow: give --workers or --dask, not both\n"


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "127.0.0.1:1", "nonsense://x", "not an address"])
def test_a_scheduler_that_does_not_answer_is_one_line(
    ingested: Path, address: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "ANSWER_TIMEOUT_S", 0.5)
    before = table_files(ingested)

    result = kymflow("rebuild", ingested, "--dask", address, code=1)

    assert line(result).startswith(f"kymflow: no Dask scheduler answers at {address}: ")
    assert list(table_files(ingested)) == list(before)


def test_a_cluster_needs_distributed(ingested: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)

    result = kymflow("rebuild", ingested, "--dask", "tcp://127.0.0.1:1", code=1)

    assert line(result) == "kymflow: --dask needs the distribution distributed: pip install distributed\n"


@linux
@pytest.mark.long
def test_a_killed_worker_of_a_command_is_one_line(ingested: Path, tmp_path: Path) -> None:
    (tmp_path / "flag").touch()
    code = (
        "import sys; sys.path.insert(0, sys.argv[1])\n"
        "from executor_indexers import Killer\n"
        "from kymflow.plugins.registry import get_registry\n"
        "from kymflow.cli.main import main\n"
        "if __name__ == '__main__':\n"
        "    get_registry().register(Killer(victim=sys.argv[3], flag=sys.argv[4]))\n"
        "    sys.argv = ['kymflow', 'rebuild', sys.argv[2], '--indexer', 'rows', '--workers', '2']\n"
        "    main()\n"
    )
    script = tmp_path / "command.py"
    script.write_text(code, "utf-8")
    victim = ZarrDataset(ingested).list_image_ids()[0]

    done = subprocess.run(
        [sys.executable, script, str(HERE), str(ingested), victim, str(tmp_path / "flag")],
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "COLUMNS": "200"},
        check=False,
    )

    assert done.returncode == 1, done.stderr
    assert "kymflow: a worker that extracted images with 'rows' ended without an answer" in done.stderr
    assert "Traceback" not in done.stderr
