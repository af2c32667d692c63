"""What is extracted on an executor is the same as without, and can be followed and stopped."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pandas.testing import assert_frame_equal

from kymflow import IndexerRegistry, KymDataset
from kymflow.core.zarr.extraction import on_executor
from kymflow.core.zarr.extraction import run as extraction
from kymflow.errors import ExtractionError
from kymflow.testing import simulate_folder
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer
from kymflow_zarr import ArtifactError, CancelledError
from support.executor_indexers import Custom, Slow, Waiting, double
from support.executors import IDS, TABLE, of_distributed, small_lab, table_bytes
from support.reading_together import Declared, json, lab, outcome, parquet, put

pytestmark = [of_distributed, pytest.mark.slow]


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
    monkeypatch.setattr(on_executor, "CHUNK", chunk)
    monkeypatch.setattr(on_executor, "_PIECES", 1)
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
        kd = KymDataset(tmp_path / f"lab{len(found)}.zarr", mode="a", registry=registry)
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


def test_the_cause_of_a_failure_comes_back_from_wherever_it_ran(tmp_path: Path, executor: Executor) -> None:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=IndexerRegistry(()))
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
