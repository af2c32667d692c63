"""Workers of a pool that end: the image at fault is named, and all others get their rows."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from pandas.testing import assert_frame_equal

from kymflow import KymDataset
from kymflow.core.zarr.extraction import alone, on_executor
from kymflow.core.zarr.extraction.alone import in_words
from kymflow.errors import ExtractionError, WorkerError
from kymflow_zarr import CancelledError
from support.executor_indexers import Crasher, Custom, Hanging, Killer, Prepared, prepare
from support.executors import IDS, linux, small_lab, table_bytes
from support.reading_together import json, put

pytestmark = [
    linux,
    pytest.mark.slow,
    pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning"),
]


@contextmanager
def pool(method: str = "fork", **how: Any) -> Iterator[ProcessPoolExecutor]:
    """Give a pool of two processes; forked ones need not import everything anew."""
    with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method), **how) as executor:
        yield executor


def damaged(kd: KymDataset, ends: dict[str, object]) -> None:
    """Let the indexer end its process on some images, in some way."""
    put(
        kd,
        {image_id: json(f'{{"a": 1, "end": {end!r}}}'.replace("'", '"')) for image_id, end in ends.items()},
    )


def failures(kd: KymDataset) -> dict[str, str]:
    """Return why images failed in the last run."""
    return {image_id: str(error) for image_id, error in kd.reports["rows"].failed.items()}


def ended(image_id: str, how: str) -> str:
    return f"indexer 'rows', image {image_id!r}: its indexer ended the process {how} on this image"


def test_images_that_end_their_process_are_named_and_the_others_get_their_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = small_lab(tmp_path)
    whole = kd.rebuild(Custom())
    kd.ds.drop_table("rows")
    ends = {"i00": 0, "i03": 3, "i04": -signal.SIGSEGV, "i17": -signal.SIGKILL, "i39": -signal.SIGABRT}
    damaged(kd, {**ends, "i20": "exit"})
    # Chunks of several images.
    monkeypatch.setattr(on_executor, "_PIECES", 8)

    with pool() as executor:
        table = kd.rebuild(Crasher(), executor=executor, on_error="skip")

    assert failures(kd) == {
        "i00": ended("i00", "with exit code 0"),
        "i03": ended("i03", "with exit code 3"),
        "i04": ended("i04", "by signal SIGSEGV"),
        "i17": ended("i17", "by signal SIGKILL") + "; memory may have been short",
        "i20": "indexer 'rows', image 'i20': extract_rows raised SystemExit: 3",
        "i39": ended("i39", "by signal SIGABRT"),
    }
    assert_frame_equal(table, whole[~whole["image_id"].isin(failures(kd))].reset_index(drop=True))
    assert not [child for child in multiprocessing.active_children() if "alone" in child.name]


@pytest.mark.parametrize("method", ["forkserver", pytest.param("spawn", marks=pytest.mark.long)])
def test_it_is_the_same_however_processes_are_started(tmp_path: Path, method: str) -> None:
    kd = small_lab(tmp_path)
    damaged(kd, {"i17": -signal.SIGSEGV})

    with pool(method) as executor:
        table = kd.rebuild(Crasher(), executor=executor, on_error="skip")

    assert failures(kd) == {"i17": ended("i17", "by signal SIGSEGV")}
    assert table["image_id"].nunique() == len(IDS) - 1


def test_the_image_is_named_where_a_run_stops_at_failures(tmp_path: Path) -> None:
    kd = small_lab(tmp_path)
    kd.rebuild(Custom())
    before = table_bytes(kd)
    damaged(kd, {"i17": 7, "i30": 7})

    with pool() as executor, pytest.raises(ExtractionError, match="'i17': its indexer ended") as caught:
        kd.rebuild(Crasher(), executor=executor)

    assert (caught.value.image_id, caught.value.table_name) == ("i17", "rows")
    assert table_bytes(kd) == before


def test_a_pool_that_is_broken_already_is_made_anew_as_it_was(tmp_path: Path) -> None:
    kd = small_lab(tmp_path)

    with pool(initializer=prepare, initargs=("yes",)) as executor:
        with pytest.raises(BrokenProcessPool):
            executor.submit(os._exit, 1).result(60)
        damaged(kd, {"i01": 1})
        # Whatever it does in the new pool, and alone, it finds what the user has prepared.
        rows = kd.rebuild(Prepared(), executor=executor, on_error="skip")

    assert failures(kd) == {"i01": ended("i01", "with exit code 1")}
    assert rows["word"].unique().tolist() == ["yes"]


def test_a_worker_that_is_killed_from_outside_costs_no_image(tmp_path: Path) -> None:
    kd = small_lab(tmp_path)
    expected = kd.rebuild(Custom())
    folder = tmp_path / "processes"
    folder.mkdir()
    put(kd, {"i17": json('{"a": 17, "end": 0}')})
    killed: list[int] = []

    def kill(done: int, total: int) -> None:
        if not killed and (folder / "i17.1").exists():
            killed.append(int((folder / "i17.1").read_text("utf-8")))
            os.kill(killed[0], signal.SIGKILL)

    with pool("forkserver") as executor:
        table = kd.rebuild(Hanging(folder=str(folder)), executor=executor, on_progress=kill)

    assert killed
    assert_frame_equal(table, expected)
    assert (folder / "i17.2").exists()


def test_an_image_that_ends_a_process_once_is_not_at_fault(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = small_lab(tmp_path)
    expected = kd.rebuild(Custom())
    flag = tmp_path / "flag"
    flag.touch()
    monkeypatch.setattr(on_executor, "_PIECES", 1)

    with pool() as executor:
        assert_frame_equal(kd.rebuild(Killer(victim="i17", flag=str(flag)), executor=executor), expected)
    # Nor one that ends the next one, too, after others were done in it.
    put(kd, {"i17": json('{"a": 17, "end": 1}')})
    with pool() as executor:
        table = kd.rebuild(Crasher(folder=str(tmp_path), times=2), executor=executor)

    assert_frame_equal(table, expected)
    assert (tmp_path / "i17.3").exists()


def test_a_process_is_ended_when_the_run_is_cancelled(tmp_path: Path) -> None:
    kd = small_lab(tmp_path)
    folder = tmp_path / "processes"
    folder.mkdir()
    damaged(kd, {"i17": 1})
    cancel = threading.Event()

    def then_cancel(done: int, total: int) -> None:
        if (folder / "i17.2").exists():
            cancel.set()

    indexer = Hanging(folder=str(folder), ends=1, times=9)
    with pool() as executor, pytest.raises(CancelledError, match="table 'rows' is as it was"):
        kd.rebuild(indexer, executor=executor, on_progress=then_cancel, cancel=cancel)

    assert not [child for child in multiprocessing.active_children() if "alone" in child.name]


def test_it_gives_up_where_every_image_ends_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = small_lab(tmp_path)
    damaged(kd, dict.fromkeys(IDS, 5))
    monkeypatch.setattr(alone, "GIVE_UP", 3)

    told = r"each of 3 images ended its process, the last one with exit code 5\); table 'rows' .* as it was"
    with pool() as executor, pytest.raises(WorkerError, match=told):
        kd.rebuild(Crasher(), executor=executor, on_error="skip")
    assert kd.ds.list_table_names() == []


@pytest.mark.parametrize(
    ("initializer", "told"), [(int, "ValueError: invalid literal"), (os._exit, "with exit code 9 before it")]
)
def test_workers_that_cannot_begin_are_no_fault_of_an_image(
    tmp_path: Path, initializer: Any, told: str, capfd: pytest.CaptureFixture[str]
) -> None:
    argument: object = "nine" if initializer is int else 9
    with (
        pool(initializer=initializer, initargs=(argument,)) as executor,
        pytest.raises(WorkerError, match=told),
    ):
        small_lab(tmp_path).rebuild(Custom(), executor=executor, on_error="skip")


def test_ends_are_told_by_the_names_of_signals() -> None:
    assert in_words(-signal.SIGBUS) == "by signal SIGBUS"
    assert in_words(-999) == "by signal 999"
    assert in_words(0xC0000005) == "with exit code 3221225477"
