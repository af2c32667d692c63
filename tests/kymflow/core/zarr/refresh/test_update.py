"""Refreshing one table and all, plans and status, in Python and on the command line."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal
from typer.testing import CliRunner, Result

from kymflow import ExtractionError, IndexerRegistry, KymDataset, SchemaError
from kymflow.cli.main import app
from kymflow.core.plugins.registry import get_registry
from kymflow.testing import simulate_folder
from kymflow_zarr import CancelledError
from kymflow_zarr.errors import ReadOnlyError
from support.refreshing import (
    TABLE,
    CellsIndexer,
    assert_like_rebuild,
    cells,
    ledgers,
    open_dataset,
    snapshot,
    table_path,
)
from support.simple_indexers import FrameIndexer, add_image, frame, write_distribution


@pytest.fixture
def indexer() -> CellsIndexer:
    return CellsIndexer()


@pytest.fixture
def lab(tmp_path: Path, indexer: CellsIndexer) -> KymDataset:
    kd = open_dataset(tmp_path / "lab.zarr")
    for number, image_id in enumerate("abc"):
        add_image(kd, image_id).save_df_parquet(TABLE, cells(number))
    kd.refresh(indexer)
    indexer.asked = []
    return kd


# Python


def test_the_first_refresh_makes_the_table(tmp_path: Path, indexer: CellsIndexer) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    add_image(kd, "a").save_df_parquet(TABLE, cells(1))

    assert kd.refresh(indexer)["n"].tolist() == [1, 1, 1]
    assert kd.reports[TABLE].updated == ["a"]
    assert_like_rebuild(kd, indexer)


def test_a_dataset_without_images_gets_an_empty_table(tmp_path: Path, indexer: CellsIndexer) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")

    assert list(kd.refresh(indexer).columns) == ["image_id"]
    assert kd.plan(indexer).is_empty


def test_a_refresh_extracts_only_what_is_stale(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.ds.record("b").save_df_parquet(TABLE, cells(9))

    lab.refresh(indexer)
    assert indexer.asked == ["b"]
    report = lab.reports[TABLE]
    assert (report.updated, report.removed, report.unchanged, report.failed) == (["b"], [], 2, {})
    assert (report.rows, report.images) == (9, 3)
    assert_like_rebuild(lab, indexer)


def test_a_refresh_that_finds_nothing_leaves_the_table_as_it_is(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    before, notes = table_path(lab).stat(), ledgers(lab)

    lab.refresh(indexer)
    report = lab.reports[TABLE]
    assert (report.updated, report.removed, report.unchanged, report.failed) == ([], [], 3, {})
    assert (report.rows, report.images) == (9, 3)
    assert table_path(lab).stat().st_mtime_ns == before.st_mtime_ns
    assert table_path(lab).stat().st_ino == before.st_ino
    assert ledgers(lab) == notes
    assert indexer.asked == []


def test_a_table_keeps_its_file_where_an_edit_changes_no_row(lab: KymDataset, indexer: CellsIndexer) -> None:
    before = table_path(lab).stat()
    lab.ds.record("b").save_df_parquet(TABLE, cells(1), compression="none")

    assert list(lab.plan(indexer).stale) == ["b"]
    lab.refresh(indexer)
    assert lab.reports[TABLE].updated == ["b"]
    assert table_path(lab).stat().st_ino == before.st_ino
    assert lab.plan(indexer).is_empty


def test_an_object_store_is_refreshed_like_a_disk(indexer: CellsIndexer, object_url: str) -> None:
    kd = open_dataset(object_url)
    add_image(kd, "a").save_df_parquet(TABLE, cells(1))
    kd.refresh(indexer)
    kd.ds.record("a").save_df_parquet(TABLE, cells(2))
    add_image(kd, "b").save_json(TABLE, {"n": 5})
    indexer.asked = []

    kd.refresh(indexer)
    assert sorted(indexer.asked) == ["a", "b"]
    assert_like_rebuild(kd, indexer)
    kd.ds.delete_image("a")
    assert kd.refresh(indexer)["n"].tolist() == [5]


def test_a_failing_image_stops_everything_unless_told_otherwise(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    before = table_path(lab).read_bytes()
    for image_id in "ab":
        lab.ds.record(image_id).save_df_parquet(TABLE, cells(8))
    indexer.broken = {"b"}

    with pytest.raises(ExtractionError, match="image 'b'.*broken on demand"):
        lab.refresh(indexer)
    assert table_path(lab).read_bytes() == before
    assert lab.refresh(indexer, on_error="skip")["n"].tolist() == [8, 8, 8, 1, 1, 1, 2, 2, 2]


def test_a_clash_of_types_is_a_failure_of_the_changed_image(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.ds.record("c").save_df_parquet(TABLE, frame(n=["text"], k=[0]))

    with pytest.raises(SchemaError, match="column 'n'"):
        lab.refresh(indexer)
    table = lab.refresh(indexer, on_error="skip")
    assert table["n"].tolist() == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert list(lab.reports[TABLE].failed) == ["c"]
    assert lab.plan(indexer).failed == ["c"]


def test_a_wrong_word_for_on_error_is_refused_even_if_nothing_is_stale(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    with pytest.raises(ValueError, match="on_error must be 'raise' or 'skip', got 'ignore'"):
        lab.refresh(indexer, on_error="ignore")  # type: ignore[arg-type]


def test_progress_and_cancel(lab: KymDataset, indexer: CellsIndexer) -> None:
    before = table_path(lab).read_bytes()
    for image_id in "ab":
        lab.ds.record(image_id).save_df_parquet(TABLE, cells(8))
    steps: list[tuple[int, int]] = []
    cancel = threading.Event()

    def step(done: int, total: int) -> None:
        steps.append((done, total))
        if done == 1:
            cancel.set()

    with pytest.raises(CancelledError, match="after 1 of 2 images"):
        lab.refresh(indexer, on_progress=step, cancel=cancel)
    assert table_path(lab).read_bytes() == before
    cancel.clear()
    steps.clear()
    lab.refresh(indexer, on_progress=lambda done, total: steps.append((done, total)))
    assert steps == [(0, 2), (1, 2), (2, 2)]


def test_what_a_refresh_returns_is_the_table_on_disk(lab: KymDataset, indexer: CellsIndexer) -> None:
    # Edits by hand last until the next refresh, whether or not it finds something to do.
    lab.get_table(TABLE)["n"] = 77

    assert_frame_equal(lab.refresh(indexer), lab.ds.load_table(TABLE))


def test_read_only_plans_and_status_write_nothing_and_refresh_is_refused(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    lab.ds.record("a").save_df_parquet(TABLE, cells(8))
    registry = IndexerRegistry(())
    registry.register(indexer)
    reader = KymDataset(lab.ds.path, "r", registry=registry)
    before = snapshot(Path(lab.ds.path))

    assert list(reader.plan(indexer).stale) == ["a"]
    (status,) = reader.status().tables
    assert (status.fresh, status.stale) == (2, 1)
    with pytest.raises(ReadOnlyError, match="mode='r'"):
        reader.refresh(indexer)
    assert snapshot(Path(lab.ds.path)) == before


def test_plan_says_it_in_plain_values(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.ds.record("a").save_df_parquet(TABLE, cells(8))
    lab.ds.delete_image("c")

    plan = lab.plan(indexer).to_dict()
    assert json.loads(json.dumps(plan)) == {
        "indexer": TABLE,
        "stale": [{"image_id": "a", "reasons": [f"artifact '{TABLE}.parquet' changed"]}],
        "removed": ["c"],
        "fresh": 1,
        "rewrite": False,
    }


def test_refresh_all_refreshes_each_registered_table_and_fills_no_cache(lab: KymDataset) -> None:
    first, second = CellsIndexer(), CellsIndexer(name="second")
    for one in (first, second):
        lab.registry.register(one)
    lab.refresh_all()
    lab.ds.record("a").save_df_parquet(TABLE, cells(8))
    first.asked, second.asked = [], []
    tables: list[str] = []

    reports = lab.refresh_all(on_table=tables.append)
    assert list(reports) == tables == [TABLE, "second"]
    assert first.asked == second.asked == ["a"]
    assert [report.updated for report in reports.values()] == [["a"], ["a"]]
    assert "second" not in lab.tables
    lab.refresh_all(indexers=["second"])
    assert second.asked == ["a"]
    lab.registry.unregister(TABLE)
    lab.registry.unregister("second")


# Status


def test_status_counts_fresh_stale_failed_missing_and_removed(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.registry.register(indexer)
    lab.ds.record("a").save_df_parquet(TABLE, cells(8))
    indexer.broken = {"a"}
    lab.refresh(indexer, on_error="skip")
    add_image(lab, "d")
    lab.ds.record("b").save_df_parquet(TABLE, cells(8))
    add_image(lab, "e")
    lab.ds.delete_image("c")

    status = lab.status()
    assert status.to_dict() == {
        "images": 4,
        "tables": [
            {
                "table_name": TABLE,
                "indexer": TABLE,
                "rows": 9,
                "fresh": 0,
                "stale": 1,
                "failed": 1,
                "missing": 2,
                "removed": 1,
                "rewrite": False,
                "problem": "",
            }
        ],
        "missing_sources": [],
        "problem": "",
    }
    assert not status.tables[0].is_fresh
    indexer.broken = set()
    lab.refresh(indexer)
    assert lab.status().tables[0].is_fresh


def test_status_of_a_table_that_is_not_there_yet_or_damaged(lab: KymDataset) -> None:
    lab.registry.register(CellsIndexer(name="other"))
    table_path(lab).write_bytes(b"nothing")
    lab.registry.register(CellsIndexer())

    damaged, missing = lab.status().tables
    assert (damaged.table_name, damaged.missing, damaged.rows) == (TABLE, 3, 0)
    assert "cannot be read" in damaged.problem
    assert (missing.table_name, missing.missing, missing.problem) == ("other", 3, "")


def test_a_table_is_fresh_just_when_a_refresh_would_find_nothing_to_do(tmp_path: Path) -> None:
    class RequiringIndexer(CellsIndexer):
        required: ClassVar[list[str]] = []

        def required_columns(self) -> list[str]:
            return self.required

    indexer = RequiringIndexer()
    registry = IndexerRegistry(())
    registry.register(indexer)
    lab = KymDataset(tmp_path / "lab.zarr", registry=registry)

    def found() -> tuple[bool, bool]:
        return lab.status().tables[0].is_fresh, lab.plan(indexer).is_empty

    assert found() == (False, False)
    lab.refresh(indexer)
    assert found() == (True, True)
    add_image(lab, "a").save_df_parquet(TABLE, cells(1))
    assert found() == (False, False)
    lab.refresh(indexer)
    assert found() == (True, True)
    table_path(lab).write_bytes(b"nothing")
    assert found() == (False, False)


def test_a_table_without_its_plugin_stays_and_status_says_so(lab: KymDataset) -> None:
    lab.ds.save_table("by_hand", frame(image_id=["a"], note=["x"]))

    by_hand, cells_table = lab.status().tables
    assert by_hand.problem == "made by hand or another program"
    assert "'cells' is not installed any more; the table stays as it is" in cells_table.problem
    assert (cells_table.fresh, cells_table.stale, cells_table.rows) == (0, 0, 9)
    assert by_hand.is_fresh
    assert cells_table.is_fresh
    assert len(lab.get_table(TABLE)) == 9


def test_a_damaged_sources_table_does_not_hide_how_the_tables_stand(lab: KymDataset) -> None:
    rows = {"a": frame(x=[1]), "b": frame(x=[2])}
    lab.registry.register(CellsIndexer())
    lab.registry.register(FrameIndexer(rows))
    lab.refresh_all()
    (Path(lab.ds.path) / "tables" / "sources.parquet").write_bytes(b"damaged")

    assert [table.fresh for table in lab.status().tables] == [3, 3]


# Command line

Run = Callable[..., Result]


@pytest.fixture
def run(site: Path) -> Run:
    def run(*arguments: object, code: int = 0) -> Result:
        result = CliRunner().invoke(app, [str(argument) for argument in arguments])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == code, result.output
        return result

    return run


@pytest.fixture
def shell_lab(run: Run, tmp_path: Path) -> Path:
    """A folder of three kymographs, ingested; tables of the built-in indexers."""
    simulate_folder(tmp_path / "in", 3, n_lines=60, n_pixels=8)
    run("ingest", tmp_path / "lab.zarr", tmp_path / "in")
    return tmp_path / "lab.zarr"


def ids_of(path: Path) -> list[str]:
    return open_dataset(path, "r").ds.list_image_ids()


def read_json(result: Result) -> Any:
    return json.loads(result.stdout)


def nothing_done(rows: int) -> dict[str, Any]:
    return {
        "rows": rows,
        "images": 3,
        "updated": [],
        "unchanged": 3,
        "removed": [],
        "failed": [],
        "stale": [],
    }


def test_refresh_reports_in_json(run: Run, shell_lab: Path) -> None:
    kd = open_dataset(shell_lab)
    rows = {name: len(kd.ds.load_table(name)) for name in kd.ds.list_table_names()}

    first = read_json(run("refresh", shell_lab, "--json"))
    assert first == {
        "tables": {name: nothing_done(rows[name]) for name in ("radon_report", "velocity_events")}
    }

    image_id = ids_of(shell_lab)[0]
    kd.ds.record(image_id).save_json("velocity_events", [])
    kd.ds.record(image_id).delete_analysis(suffixes=["/velocity_events.parquet"])
    before = len(kd.ds.load_table("velocity_events"))
    own = (kd.ds.load_table("velocity_events")["image_id"] == image_id).sum()
    second = read_json(run("refresh", shell_lab, "--json"))["tables"]
    assert second["radon_report"] == nothing_done(rows["radon_report"])
    assert second["velocity_events"] == {
        "rows": before - own,
        "images": 3,
        "updated": [image_id],
        "unchanged": 2,
        "removed": [],
        "failed": [],
        "stale": [],
    }


def test_a_failing_image_ends_a_refresh_with_1(run: Run, shell_lab: Path) -> None:
    image_id = ids_of(shell_lab)[1]
    (shell_lab / "images" / image_id / "analysis" / "velocity_events.parquet").write_bytes(b"bad")

    found = read_json(run("refresh", shell_lab, "--json", "--indexer", "velocity_events", code=1))
    (failed,) = found["tables"]["velocity_events"]["failed"]
    assert failed["image_id"] == image_id
    assert "velocity_events.parquet" in failed["error"]
    assert list(found["tables"]) == ["velocity_events"]
    # Asked again, it is tried again; a dry run only tells.
    run("refresh", shell_lab, "--json", code=1)
    plan = read_json(run("refresh", shell_lab, "--dry-run", "--json"))["tables"]["velocity_events"]
    assert [stale["image_id"] for stale in plan["stale"]] == [image_id]
    assert plan["stale"][0]["reasons"][0].startswith("failed last time: ")


def test_a_dry_run_says_what_and_why_and_writes_nothing(run: Run, shell_lab: Path) -> None:
    first, second, third = ids_of(shell_lab)
    kd = open_dataset(shell_lab)
    kd.ds.record(first).save_json("radon_report", {"mean_velocity": 1.0})
    kd.ds.delete_image(third)
    before = snapshot(shell_lab)

    found = read_json(run("refresh", shell_lab, "--dry-run", "--json"))["tables"]
    assert sorted(found) == ["radon_report", "velocity_events"]
    for plan in found.values():
        assert sorted(plan) == ["fresh", "indexer", "removed", "rewrite", "stale"]
        assert plan["removed"] == [third]
        assert plan["rewrite"] is False
    assert found["radon_report"]["indexer"] == "radon_report"
    assert second not in [stale["image_id"] for stale in found["radon_report"]["stale"]]
    words = run("refresh", shell_lab, "--dry-run").stdout
    assert f"  {third}: gone from the dataset\n" in words
    assert snapshot(shell_lab) == before


def test_status_in_json(run: Run, shell_lab: Path, tmp_path: Path) -> None:
    kd = open_dataset(shell_lab)
    before = snapshot(shell_lab)
    (tmp_path / "in").rename(tmp_path / "moved")

    found = read_json(run("status", shell_lab, "--json"))
    assert sorted(found) == ["dataset", "images", "missing_sources", "problem", "tables"]
    assert (found["dataset"], found["images"]) == (str(shell_lab), 3)
    assert found["tables"] == [
        {
            "table_name": name,
            "indexer": name,
            "rows": len(kd.ds.load_table(name)),
            "fresh": 3,
            "stale": 0,
            "failed": 0,
            "missing": 0,
            "removed": 0,
            "rewrite": False,
            "problem": "",
        }
        for name in ("radon_report", "velocity_events")
    ]
    assert sorted(one["image_id"] for one in found["missing_sources"]) == kd.ds.list_image_ids()
    assert all(one["source"].startswith(str(tmp_path / "in")) for one in found["missing_sources"])
    result = run("status", shell_lab)
    assert "velocity_events" in result.stdout
    assert "the source files of 3 images are not where they were" in result.stderr
    assert snapshot(shell_lab) == before


def test_status_tells_when_the_version_of_the_plugin_has_moved_on(
    run: Run, shell_lab: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for info in (tmp_path / "site").glob("*.dist-info"):
        for file in info.iterdir():
            file.unlink()
        info.rmdir()
    write_distribution(
        tmp_path / "site", "kymflow-indexers-builtin", "1.1.0", "builtin = kymflow_indexers_builtin"
    )
    get_registry.cache_clear()

    for table in read_json(run("status", shell_lab, "--json"))["tables"]:
        assert "1.0.0, installed is 1.1.0 with the same schema version" in table["problem"]
        assert table["fresh"] == 3
    assert [table.is_fresh for table in KymDataset(shell_lab).status().tables] == [True, True]
    run("rebuild", shell_lab)
    assert [table["problem"] for table in read_json(run("status", shell_lab, "--json"))["tables"]] == ["", ""]


@pytest.mark.parametrize("command", [["refresh"], ["refresh", "--dry-run"], ["status"]])
def test_what_is_no_dataset_ends_with_1_and_one_line(run: Run, tmp_path: Path, command: list[str]) -> None:
    result = run(*command, tmp_path / "no.zarr", code=1)
    assert result.stdout == ""
    assert result.stderr.startswith("kymflow: there is no dataset at ")
    assert result.stderr.count("\n") == 1
    assert not (tmp_path / "no.zarr").exists()


@pytest.mark.parametrize("command", [["refresh"], ["refresh", "--dry-run"]])
def test_an_unknown_indexer_ends_with_1(run: Run, shell_lab: Path, command: list[str]) -> None:
    result = run(*command, shell_lab, "--indexer", "nonesuch", code=1)
    assert "no indexer is named 'nonesuch'" in result.stderr


def test_wrong_usage_ends_with_2(run: Run) -> None:
    assert "dataset" in run("refresh", code=2).stderr.lower()
    assert "dataset" in run("status", code=2).stderr.lower()


def test_an_ingest_ends_with_a_refresh(run: Run, shell_lab: Path, tmp_path: Path) -> None:
    found = read_json(run("ingest", shell_lab, tmp_path / "in", "--json"))
    assert found["new"] == found["changed"] == []
    for report in found["tables"].values():
        assert report["updated"] == []
        assert report["unchanged"] == 3
    table = pd.read_parquet(shell_lab / "tables" / "radon_report.parquet")
    assert set(table["image_id"]) <= set(ids_of(shell_lab))
