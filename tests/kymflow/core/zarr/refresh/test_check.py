"""A check trusts nothing: what is wrong is named, what is only stale is not, and a repair is a rebuild."""

from __future__ import annotations

import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow.parquet as pq
import pytest

from kymflow import CancelledError, IndexerRegistry, KymDataset, Problem, ZarrImageRecord
from kymflow.core.zarr.refresh import check
from kymflow.core.zarr.tables.ledger_file import commit_of
from kymflow_zarr import ReadOnlyError
from support.refreshing import (
    TABLE,
    CellsIndexer,
    age,
    assert_like_rebuild,
    cells,
    kinds,
    ledgers,
    settle,
    snapshot,
    table_path,
)
from support.simple_indexers import add_image


class LyingIndexer(CellsIndexer):
    """Gives other rows than it should, under the same schema version."""

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        rows = super().extract_rows(rec)
        return rows.assign(n=rows["n"] + 1) if rec.image_id == "b" else rows


class WiderIndexer(CellsIndexer):
    """Gives a column more than it should, under the same schema version."""

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return super().extract_rows(rec).assign(more=1.5)


@pytest.fixture
def lab(lab: KymDataset, indexer: CellsIndexer) -> KymDataset:
    """Three images with cells, their table, and its indexer, which is registered."""
    lab.registry.register(indexer)
    return lab


def assert_repairable(kd: KymDataset, indexer: CellsIndexer, kind: str, image_id: str = "") -> Problem:
    """The problem is found, found again, then repaired; the table is then what a rebuild makes."""
    (found,) = kd.check().problems
    assert (found.kind, found.image_id, found.table_name, found.repaired) == (kind, image_id, TABLE, False)
    assert kinds(kd.check(repair=True)) == [(kind, image_id, True)]
    assert kd.check().problems == []
    assert_like_rebuild(kd, indexer)
    return found


def test_a_good_dataset_has_no_problem(lab: KymDataset) -> None:
    report = lab.check()
    assert (report.images, report.artifacts, report.tables) == (3, 6, [TABLE])
    assert (report.problems, report.stale, report.is_clean) == ([], {}, True)


def test_a_check_of_an_object_store_is_the_same(indexer: CellsIndexer, object_url: str) -> None:
    registry = IndexerRegistry(())
    registry.register(indexer)
    kd = KymDataset(object_url, mode="a", registry=registry)
    add_image(kd, "a").save_df_parquet(TABLE, cells(1))
    kd.refresh(TABLE)
    assert kd.check().is_clean
    kd.ds.save_table(TABLE, cells(1))
    assert kinds(kd.check(repair=True)) == [("no ledger", "", True)]
    assert kd.check().is_clean


# Tables


def test_rows_that_no_extraction_gives_are_wrong(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.rebuild(LyingIndexer())
    assert lab.plan(indexer).is_empty

    found = assert_repairable(lab, indexer, "wrong rows", "b")

    assert "has 3 rows of image 'b', which are not the 3 that it gives" in found.message


def test_lost_rows_are_wrong(lab: KymDataset, indexer: CellsIndexer) -> None:
    class ForgetfulIndexer(CellsIndexer):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            rows = super().extract_rows(rec)
            return rows.head(1) if rec.image_id == "c" else rows

    lab.rebuild(ForgetfulIndexer())
    found = assert_repairable(lab, indexer, "wrong rows", "c")
    assert "has 1 rows of image 'c', which are not the 3 that it gives" in found.message


def test_columns_that_no_extraction_gives_are_wrong(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.rebuild(WiderIndexer())
    found = assert_repairable(lab, indexer, "wrong columns")
    assert "'k (int64)', 'more (double)'], expected ['image_id (string)', 'n (int64)', 'k (" in found.message


def test_an_artifact_changed_under_its_old_time_is_found(lab: KymDataset, indexer: CellsIndexer) -> None:
    settle(Path(lab.ds.path))
    lab.refresh(TABLE)
    path = Path(lab.ds.path) / "images" / "b" / "analysis" / f"{TABLE}.parquet"
    before = path.stat()
    lab.ds.record("b").save_df_parquet(TABLE, cells(7))
    assert path.stat().st_size == before.st_size
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert lab.plan(indexer).is_empty

    found = assert_repairable(lab, indexer, "wrong rows", "b")

    assert "an artifact was changed under its old time" in found.message


def settled_artifact(lab: KymDataset) -> tuple[Path, Callable[[], None]]:
    """Return the artifact of an image that is fresh, and what puts it back as it is."""
    settle(Path(lab.ds.path))
    lab.refresh(TABLE)
    path = Path(lab.ds.path) / "images" / "b" / "analysis" / f"{TABLE}.parquet"
    before, content = path.stat(), path.read_bytes()

    def put_back() -> None:
        path.write_bytes(content)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    return path, put_back


def test_an_artifact_that_was_away_for_a_moment_is_no_problem(
    lab: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, put_back = settled_artifact(lab)
    extract_images = check.extract_images

    def away_meanwhile(*arguments: Any, **options: Any) -> Any:
        path.unlink()
        found = extract_images(*arguments, **options)
        put_back()
        return found

    monkeypatch.setattr(check, "extract_images", away_meanwhile)
    report = lab.check()
    assert (report.problems, report.stale) == ([], {TABLE: ["b"]})


def test_an_artifact_that_comes_and_goes_all_the_while_is_no_problem(
    lab: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, put_back = settled_artifact(lab)
    compare = check.compare

    def coming_and_going(*arguments: Any) -> Any:
        # There for a look at what the table says, away for the next one, at what was extracted.
        if path.exists():
            path.unlink()
        else:
            put_back()
        return compare(*arguments)

    path.unlink()
    monkeypatch.setattr(check, "compare", coming_and_going)
    report = lab.check()
    assert (report.problems, report.stale) == ([], {TABLE: ["b"]})


def test_an_indexer_that_reads_other_things_under_its_old_version_is_found(lab: KymDataset) -> None:
    class Wider(CellsIndexer):
        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            rec.has_artifact("more")
            return super().extract_rows(rec)

    registry = IndexerRegistry(())
    registry.register(Wider())
    report = KymDataset(lab.ds.path, registry=registry).check()
    assert kinds(report) == [("wrong rows", image_id, False) for image_id in "abc"]
    assert "its indexer reads other things than it did" in report.problems[0].message


def test_what_has_changed_since_is_stale_and_no_problem(lab: KymDataset) -> None:
    lab.ds.record("a").save_df_parquet(TABLE, cells(9))
    add_image(lab, "d")
    report = lab.check(repair=True)
    assert (report.problems, report.stale) == ([], {TABLE: ["a", "d"]})
    lab.refresh(TABLE)
    assert lab.check().stale == {}


def test_another_schema_version_is_stale_and_no_problem(lab: KymDataset, indexer: CellsIndexer) -> None:
    indexer.schema_version = "2"
    report = lab.check()
    assert (report.problems, report.stale) == ([], {TABLE: ["a", "b", "c"]})


def test_a_table_that_somebody_else_wrote_is_told(lab: KymDataset, indexer: CellsIndexer) -> None:
    path = table_path(lab)
    pd.read_parquet(path).iloc[1:].to_parquet(path)
    assert_repairable(lab, indexer, "no ledger")


def test_a_damaged_table_is_told(lab: KymDataset, indexer: CellsIndexer) -> None:
    table_path(lab).write_bytes(b"PAR1 no more")
    assert_repairable(lab, indexer, "unreadable table")


def test_a_missing_table_is_told(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.ds.drop_table(TABLE)
    assert_repairable(lab, indexer, "missing table")


def test_an_image_that_was_deleted_since_is_stale_and_no_problem(lab: KymDataset) -> None:
    lab.ds.delete_image("b")
    report = lab.check(repair=True)
    assert (report.problems, report.stale) == ([], {TABLE: ["b"]})
    lab.refresh(TABLE)
    assert lab.check().stale == {}


def test_rows_of_an_image_that_nothing_tells_of_are_told(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.ds.save_table(TABLE, lab.get_table(TABLE).replace({"image_id": {"b": "gone"}}))
    kinds_found = [("unknown image", "gone"), ("no ledger", "")]
    assert kinds(lab.check()) == [(*found, False) for found in kinds_found]
    assert kinds(lab.check(repair=True)) == [(*found, True) for found in kinds_found]
    assert_like_rebuild(lab, indexer)


def test_what_a_rebuild_does_not_mend_is_not_called_repaired(lab: KymDataset) -> None:
    class UnsteadyIndexer(CellsIndexer):
        calls = 0

        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            self.calls += 1
            rows = super().extract_rows(rec)
            return rows.assign(n=self.calls) if rec.image_id == "b" else rows

    unsteady = UnsteadyIndexer()
    lab.registry.unregister(TABLE)
    lab.registry.register(unsteady)
    report = lab.check(repair=True)
    assert kinds(report) == [("wrong rows", "b", False)]
    assert not report.is_clean


def test_what_is_wrong_only_after_a_repair_is_told_too(lab: KymDataset, indexer: CellsIndexer) -> None:
    lab.ds.save_table(TABLE, lab.get_table(TABLE))

    class LiesOnceIndexer(LyingIndexer):
        calls = 0

        def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
            self.calls += rec.image_id == "b"
            return super().extract_rows(rec) if self.calls == 2 else CellsIndexer().extract_rows(rec)

    lab.registry.unregister(TABLE)
    lab.registry.register(LiesOnceIndexer())
    assert kinds(lab.check(repair=True)) == [("no ledger", "", True), ("wrong rows", "b", False)]


def test_rows_that_a_failing_image_keeps_of_somebody_elses_table_are_not_repaired(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    lab.ds.save_table(TABLE, lab.get_table(TABLE).assign(n=99))
    indexer.broken = {"a"}
    assert kinds(lab.check(repair=True)) == [("failed", "a", False), ("no ledger", "", False)]
    assert set(lab.get_table(TABLE).query("image_id == 'a'")["n"]) == {99}


def test_a_repair_leaves_nothing_stale(lab: KymDataset) -> None:
    lab.rebuild(LyingIndexer())
    lab.ds.record("a").save_df_parquet(TABLE, cells(9))
    report = lab.check(repair=True)
    assert (kinds(report), report.stale) == ([("wrong rows", "b", True)], {})


def test_an_image_that_fails_is_named_and_the_others_are_repaired(
    lab: KymDataset, indexer: CellsIndexer
) -> None:
    lab.rebuild(LyingIndexer())
    indexer.broken = {"a"}
    report = lab.check(repair=True)
    assert kinds(report) == [("failed", "a", False), ("wrong rows", "b", True)]
    assert "broken on demand" in report.problems[0].message
    assert not report.is_clean
    indexer.broken = set()
    lab.refresh(TABLE)
    assert_like_rebuild(lab, indexer)
    assert lab.check().is_clean


def test_a_table_without_indexer_is_read_and_never_repaired(lab: KymDataset) -> None:
    lab.ds.save_table("by_hand", pd.DataFrame({"image_id": ["a", "gone"]}))
    before = (table_path(lab, "by_hand")).read_bytes()
    report = lab.check(repair=True)
    assert kinds(report) == [("unknown image", "gone", False)]
    assert table_path(lab, "by_hand").read_bytes() == before
    table_path(lab, "by_hand").write_bytes(before[:-9])
    assert kinds(lab.check(repair=True)) == [("unreadable table", "", False)]


def test_a_stray_ledger_is_swept_when_it_is_old(lab: KymDataset) -> None:
    (ledger,) = ledgers(lab)
    stray = ledger.with_name("0123abcd.parquet")
    shutil.copy(ledger, stray)
    assert lab.check(repair=True).problems == []
    age(stray)
    age(ledger)
    assert kinds(lab.check()) == [("stray ledger", "", False)]
    assert kinds(lab.check(repair=True)) == [("stray ledger", "", True)]
    assert ledgers(lab) == [ledger]
    assert commit_of(pq.read_schema(table_path(lab))) == ledger.stem


@pytest.mark.parametrize(
    "key",
    [
        "index/.hidden/x.parquet",
        "index/con/x.parquet",
        "index/a:b/x.parquet",
        "index/.DS_Store",
        "index/Thumbs.db",
        "index/cells/.DS_Store",
        "index/cells/Thumbs.db",
        "tables/con.parquet",
        "tables/a:b.parquet",
        "images/b/analysis/what:ever.json",
    ],
)
@pytest.mark.skipif(os.name == "nt", reason="Windows has no such names")
def test_a_file_that_is_none_of_ours_is_left_alone(lab: KymDataset, key: str) -> None:
    path = Path(lab.ds.path) / key
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x")
    age(path)
    report = lab.check(repair=True)
    assert (report.problems, report.tables) == ([], [TABLE])
    assert [table.table_name for table in lab.status().tables] == [TABLE]
    lab.load_tables()
    assert sorted(lab.tables) == [TABLE]
    assert path.read_bytes() == b"x"


# How it is run


def test_a_check_writes_nothing(lab: KymDataset) -> None:
    lab.rebuild(LyingIndexer())
    before = snapshot(Path(lab.ds.path))
    reader = KymDataset(lab.ds.path, "r", registry=lab.registry)
    assert not reader.check().is_clean
    with pytest.raises(ReadOnlyError, match="mode='r'"):
        reader.check(repair=True)
    assert snapshot(Path(lab.ds.path)) == before


def test_progress_and_cancel(lab: KymDataset) -> None:
    seen: list[tuple[int, int]] = []
    names: list[str] = []
    lab.check(on_progress=lambda done, total: seen.append((done, total)), on_table=names.append)
    assert seen == [(0, 3), (1, 3), (2, 3), (3, 3)] * 2
    assert names == [TABLE]
    cancel = threading.Event()
    cancel.set()
    with pytest.raises(CancelledError, match="the check of .* was cancelled after 0 of 3 images"):
        lab.check(cancel=cancel)
    cancel.clear()
    with pytest.raises(CancelledError, match="'cells' was cancelled after 0 of 3 images"):
        lab.check(cancel=cancel, on_table=lambda name: cancel.set())
