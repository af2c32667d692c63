"""Jobs: one at a time, told of as they go on, cancelled, failing, and what they leave."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from kymflow import IndexerRegistry, KymDataset, UnknownIndexerError, ZarrImageRecord
from kymflow_view.server import jobs
from kymflow_view.server.jobs import BusyError, Jobs
from support.simple_indexers import FrameIndexer, add_image, frame
from support.table_indexers import FromTables, raising


class Waiting(FrameIndexer):
    """Extracts an image only once it is let go on."""

    def __init__(self, **how: Any) -> None:
        super().__init__({}, **how)
        self.began = threading.Event()
        self.go_on = threading.Event()

    def extract_rows(self, rec: ZarrImageRecord) -> Any:
        self.began.set()
        assert self.go_on.wait(60)
        return super().extract_rows(rec)


@pytest.fixture
def told() -> list[Any]:
    return []


@pytest.fixture
def make_jobs(tmp_path: Path, told: list[Any]) -> Any:
    """Make jobs over a dataset of three images, with these indexers; what they tell goes to `told`."""
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    for image_id in ("cell-1", "cell-2", "cell-3"):
        add_image(kd, image_id)

    def make(*indexers: FrameIndexer) -> Jobs:
        registry = IndexerRegistry(())
        for indexer in indexers:
            registry.register(indexer)
        return Jobs(lambda: KymDataset(tmp_path / "lab.zarr", "r+", registry=registry), told.append)

    return make


def end_of(made: Jobs) -> dict[str, Any]:
    """Wait for the end of a job, and return it."""
    assert made._thread is not None
    made._thread.join(60)
    job = made.current()
    assert job is not None
    return job


def test_a_job_makes_tables_and_tells_of_each(make_jobs: Any, told: list[Any]) -> None:
    rows = {"cell-1": frame(n=[1, 2]), "cell-2": frame(n=[3])}
    made = make_jobs(FrameIndexer(rows, name="counts"), FrameIndexer({}, name="stalls"))
    assert made.current() is None

    begun = made.start("refresh", None)
    job = end_of(made)

    assert (begun["what"], begun["state"]) == ("refresh", "running")
    assert (job["id"], job["state"], job["table"], job["error"]) == (begun["id"], "done", None, None)
    counts = job["reports"]["counts"]
    assert {name: counts[name] for name in ("rows", "images", "updated", "unchanged", "more")} == {
        "rows": 3,
        "images": 3,
        "updated": 3,
        "unchanged": 0,
        "more": 0,
    }
    assert [one["table"] for one in told if one["state"] == "running"][:2] == [None, "counts"]
    assert "stalls" in [one["table"] for one in told]
    assert told[-1] == job


def test_images_that_fail_are_named_with_their_causes(
    make_jobs: Any, told: list[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(jobs, "MAX_FAILED", 1)
    rows = {"cell-2": ValueError("no trace"), "cell-3": ValueError("no ROI")}
    made = make_jobs(FrameIndexer(rows, name="counts"))
    made.start("rebuild", ["counts"])

    report = end_of(made)["reports"]["counts"]
    (failed,) = report["failed"]
    assert (failed["image_id"], failed["name"], report["more"]) == ("cell-2", "cell-2", 1)
    assert "no trace" in failed["error"]
    assert told[-1]["state"] == "done"


def test_a_job_ends_also_where_the_names_of_images_cannot_be_read(
    make_jobs: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*args: object, **options: object) -> None:
        raise OSError("the disk is gone")

    monkeypatch.setattr(KymDataset, "load_arrow", gone)
    made = make_jobs(FrameIndexer({"cell-2": ValueError("no trace")}, name="counts"))
    made.start("rebuild", ["counts"])
    job = end_of(made)
    assert job["state"] == "done"
    assert job["reports"]["counts"]["failed"][0]["name"] == "cell-2"


def test_there_is_one_job_at_a_time(make_jobs: Any) -> None:
    waiting = Waiting(name="slow")
    made = make_jobs(waiting)
    made.start("rebuild", None)
    assert waiting.began.wait(60)

    with pytest.raises(BusyError, match="a rebuild is running: wait for its end, or cancel it"):
        made.start("refresh", None)
    waiting.go_on.set()
    assert end_of(made)["state"] == "done"
    made.start("refresh", None)
    assert end_of(made)["reports"]["slow"]["unchanged"] == 3


def test_what_is_told_of_a_job_comes_after_the_end_of_the_last_one_and_before_its_start_is_answered(
    make_jobs: Any,
) -> None:
    made = make_jobs(FrameIndexer({}, name="counts"))
    told: list[tuple[str, bool]] = []
    made._publish = lambda job: told.append((job["state"], made._lock.locked()))
    made.start("refresh", None)
    assert end_of(made)["state"] == "done"
    assert told[0] == ("running", True)
    assert told[-1] == ("done", True)


def test_a_job_that_is_cancelled_leaves_what_it_has_finished(make_jobs: Any) -> None:
    waiting = Waiting(name="slow")
    made = make_jobs(FrameIndexer({}, name="counts"), waiting)
    made.start("rebuild", None)
    assert waiting.began.wait(60)

    made.cancel()
    waiting.go_on.set()
    job = end_of(made)
    assert job["state"] == "cancelled"
    assert job["error"] == "cancelled; tables that were not finished are as they were"
    assert list(job["reports"]) == ["counts"]


def test_a_job_that_does_not_end_is_not_waited_for_for_ever(make_jobs: Any) -> None:
    waiting = Waiting(name="slow")
    made = make_jobs(waiting)
    made.start("rebuild", None)
    assert waiting.began.wait(60)

    made.close(0)
    assert made.current()["state"] == "running"
    waiting.go_on.set()
    assert end_of(made)["state"] == "cancelled"


def test_why_a_job_failed_is_told(make_jobs: Any, told: list[Any]) -> None:
    made = make_jobs()
    made.start("refresh", ["nothing"])
    job = end_of(made)

    assert (job["state"], job["error"]) == ("failed", str(UnknownIndexerError(job["error"])))
    assert "no indexer is named 'nothing'" in job["error"]
    assert told[-1] == job


def test_a_fault_of_the_program_is_told_too(caplog: pytest.LogCaptureFixture) -> None:
    def fail() -> KymDataset:
        raise ZeroDivisionError("by zero")

    made = Jobs(fail, lambda job: None)
    made.start("refresh", None)

    assert end_of(made)["error"] == "ZeroDivisionError: by zero"
    assert "refresh failed" in caplog.text


def test_a_table_of_tables_that_could_not_be_derived_says_why(make_jobs: Any) -> None:
    derived = FromTables("means", "counts", derive=raising(ValueError("no groups")))
    made = make_jobs(FrameIndexer({"cell-1": frame(n=[1])}, name="counts"), derived)
    made.start("refresh", None)

    job = end_of(made)

    assert (job["state"], job["reports"]["counts"]["problem"]) == ("done", "")
    assert "no groups" in job["reports"]["means"]["problem"]
