"""What is read in bulk, and how often: also where artifacts are damaged, or images deleted meanwhile."""

from __future__ import annotations

import threading
import weakref
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from pandas.testing import assert_frame_equal

from kymflow import ArtifactIndexer, ExtractionError, KymDataset, ZarrImageRecord
from kymflow.core.zarr.extraction import bulk, task
from kymflow.core.zarr.extraction import run as extraction
from kymflow_zarr.errors import CancelledError, StoreError
from kymflow_zarr.store import local
from support.reading_together import (
    ROWS,
    Artifact,
    Declared,
    Plain,
    assert_same,
    good,
    json,
    lab,
    parquet,
    put,
)


def given(tmp_path: Path, *artifacts: Artifact) -> KymDataset:
    """Seven records with these artifacts, in turn, and again from the first."""
    ids = [f"i{number}" for number in range(7)]
    kd = lab(tmp_path / "lab.zarr", ids)
    put(kd, {one: artifacts[number % len(artifacts)] for number, one in enumerate(ids)})
    return kd


def many(tmp_path: Path, n: int) -> KymDataset:
    ids = [f"{number:05}" for number in range(n)]
    kd = lab(tmp_path / "lab.zarr", ids)
    put(kd, {image_id: good(number) for number, image_id in enumerate(ids)})
    return kd


@pytest.mark.parametrize("chunk", [1, 7, 40, 1000])
def test_images_across_the_borders_of_chunks_are_read_together(
    tmp_path: Path, chunk: int, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "CHUNK", chunk)
    kd = many(tmp_path, 121)

    table = kd.rebuild(Declared())

    assert table["a"].tolist() == list(range(121))
    assert table["b"].tolist() == [number / 2 for number in range(121)]
    assert asked == []


@pytest.mark.slow
def test_thousands_of_images_are_read_together(tmp_path: Path, asked: list[str]) -> None:
    kd = many(tmp_path, 2003)

    assert kd.rebuild(Declared())["a"].tolist() == list(range(2003))
    assert asked == []


def test_each_artifact_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kd = many(tmp_path, 30)
    reads: list[str] = []
    # What all reading goes through.
    read = local.LocalStore._read_or_none
    monkeypatch.setattr(
        local.LocalStore, "_read_or_none", lambda store, key: (reads.append(key), read(store, key))[1]
    )

    bulk.read_artifacts(kd.ds, ROWS, kd.ds.list_image_ids())

    assert len(reads) == len(set(reads)) == 30 + 10


def test_images_that_are_asked_one_by_one_count_once(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "CHUNK", 10)
    kd = many(tmp_path, 25)
    put(kd, {"00003": (".json", b"{"), "00014": (".parquet", b"PAR1"), "00024": (".json", b"[")})
    told: list[tuple[int, int]] = []
    kd.rebuild(Declared(), on_error="skip", on_progress=lambda done, total: told.append((done, total)))
    assert asked == ["00003", "00014", "00024"]
    assert told == [(0, 25), (10, 25), (20, 25), (25, 25)]


def test_who_cancels_when_a_chunk_is_announced_reads_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "CHUNK", 10)
    kd = many(tmp_path, 25)
    read: list[str] = []
    read_artifacts = bulk.read_artifacts
    monkeypatch.setattr(bulk, "read_artifacts", lambda *a: (read.extend(a[2]), read_artifacts(*a))[1])
    cancel = threading.Event()
    with pytest.raises(CancelledError, match="was cancelled after 10 of 25 images"):
        kd.rebuild(
            Declared(), cancel=cancel, on_progress=lambda done, _: cancel.set() if done == 10 else None
        )
    assert read == [f"{number:05}" for number in range(10)]


def test_what_was_read_of_a_chunk_goes_before_the_next_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "CHUNK", 10)
    kd = many(tmp_path, 40)
    read: list[weakref.ref[Any]] = []
    alive = []
    read_artifacts = bulk.read_artifacts

    def noting(*args: Any) -> Any:
        alive.append(sum(one() is not None for one in read))
        found = read_artifacts(*args)
        read.append(weakref.ref(found))
        return found

    monkeypatch.setattr(bulk, "read_artifacts", noting)
    kd.rebuild(Declared())
    assert alive == [0, 0, 0, 0]


@pytest.mark.slow
def test_damaged_artifacts_are_found_and_the_others_not_redone(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = many(tmp_path, 400)
    bad = {
        "00004": (".parquet", b"PAR1 and no more"),
        "00123": (".json", b'{"a": '),
        "00124": parquet({"a": [1], "b": [0.5], "c": pa.array([b"\xff"]).view(pa.string())}),
        "00200": parquet({"a": [1.5], "b": [0.5], "c": ["x"]}),
        "00301": json('{"a": 1, "b": "late", "c": "y"}'),
    }
    put(kd, bad)
    shaped: list[int] = []
    shape = ArtifactIndexer.shape

    def noting(self: ArtifactIndexer, table: pa.Table) -> pa.Table:
        shaped.append(table.num_rows)
        return shape(self, table)

    monkeypatch.setattr(ArtifactIndexer, "shape", noting)
    table = kd.rebuild(Declared(), on_error="skip")

    assert len(table) == 395
    failed = kd.reports["rows"].failed
    assert sorted(failed) == sorted(bad) == asked
    assert all(f"'{image_id}'" in cause for image_id, cause in failed.items())
    # One odd kind each, and no halving of those that are alike.
    assert len(shaped) < 20
    monkeypatch.undo()
    put(kd, {image_id: good(int(image_id)) for image_id in bad})
    assert kd.refresh(Declared())["a"].tolist() == list(range(400))


def test_misfits_among_files_of_one_kind_are_looked_for_in_halves(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"{number:05}" for number in range(256)]
    kd = lab(tmp_path / "lab.zarr", ids)
    put(kd, {image_id: parquet({"a": [1.0]}) for image_id in ids})
    put(kd, {"00077": parquet({"a": [1.5]})})
    calls: list[int] = []
    shape = ArtifactIndexer.shape
    monkeypatch.setattr(
        ArtifactIndexer, "shape", lambda self, table: (calls.append(table.num_rows), shape(self, table))[1]
    )

    kd.rebuild(Declared(), on_error="skip")

    assert sorted(kd.reports["rows"].failed) == ["00077"] == asked
    # Two for each halving of 256, the first, and the one by itself.
    assert len(calls) <= 2 * 8 + 3


def test_an_artifact_that_the_medium_refuses_concerns_its_image_only(tmp_path: Path) -> None:
    kd = many(tmp_path, 12)
    path = Path(kd.ds.path) / "images" / "00004" / "analysis" / "rows.parquet"
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(StoreError, match="rows.parquet"):
        kd.ds.store.read("images/00004/analysis/rows.parquet")

    _, failed = assert_same(kd, Declared())

    assert list(failed) == ["00004"]


@pytest.mark.parametrize("name", ["../rows", "a//b", "con", ""])
def test_an_artifact_name_that_cannot_be_a_key_is_told_by_image(tmp_path: Path, name: str) -> None:
    class Climber(ArtifactIndexer):
        pass_on = True
        name = "rows"
        artifact = "rows"

    Climber.artifact = name
    kd = many(tmp_path, 3)

    _, failed = assert_same(kd, Climber())

    assert list(failed) == kd.ds.list_image_ids()
    assert all("InvalidNameError" in cause for cause in failed.values())


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_damaged_image_that_is_deleted_meanwhile_is_no_failure(
    tmp_path: Path, on_error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = many(tmp_path, 9)
    put(kd, {"00002": (".json", b"{"), "00005": (".parquet", b"x"), "00007": json('[{"a": 1}, {"b": 1}]')})
    ask = task.extract_image

    def deleting(ds: Any, indexer: Any, contract: Any, image_id: str, reader: Any = None) -> Any:
        try:
            return ask(ds, indexer, contract, image_id, reader)
        except ExtractionError:
            kd.ds.delete_image(image_id)
            raise

    monkeypatch.setattr(task, "extract_image", deleting)
    table = kd.rebuild(Plain(), on_error=on_error)

    # Those after it are asked all the same.
    assert sorted(set(table["image_id"])) == [f"0000{number}" for number in (0, 1, 3, 4, 6, 7, 8)]
    assert kd.reports["rows"].failed == {}


def test_images_deleted_while_they_are_read_are_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = many(tmp_path, 9)
    read = bulk._read
    calls: list[str] = []

    def deleting(ds: Any, name: str, *rest: Any) -> Any:
        if not calls:
            kd.ds.delete_image("00004")
        calls.append(name)
        return read(ds, name, *rest)

    monkeypatch.setattr(bulk, "_read", deleting)

    assert kd.rebuild(Declared())["a"].tolist() == [0, 1, 2, 3, 5, 6, 7, 8]


def test_the_first_failing_image_is_the_one_that_is_raised(tmp_path: Path) -> None:
    kd = many(tmp_path, 9)
    put(kd, {"00001": (".json", b"{"), "00002": (".parquet", b"x"), "00003": (".csv.gz", b"x")})

    with pytest.raises(ExtractionError, match="image '00001'"):
        kd.rebuild(Declared())
    put(kd, {"00001": json('{"a": "misfit"}')})
    with pytest.raises(ExtractionError, match="image '00001'"):
        kd.rebuild(Declared())
    put(kd, {"00000": json('{"image_id": "foreign", "a": 1}')})
    with pytest.raises(ValueError, match="image '00000'.*claim"):
        kd.rebuild(Declared())


# Indexers of another kind


class Stranger:
    """No ArtifactIndexer: rows of one artifact all the same, and it says so."""

    name = table_name = ROWS
    bulk_artifact = ROWS

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return self.shape(pa.table(rec.load_df_parquet(ROWS))).to_pandas()

    def shape(self, table: pa.Table) -> pa.Table:
        if "a" not in table.column_names:
            return pa.table({})
        return pa.table({"twice": pc.multiply(table["a"], 2)})


def test_an_indexer_of_another_kind_is_read_together_where_it_declares_it(
    tmp_path: Path, asked: list[str]
) -> None:
    kd = given(tmp_path, parquet({"a": [1, 2]}), parquet({"a": [3]}), parquet({"b": [3]}))
    together = kd.rebuild(Stranger())

    assert asked == []
    stranger = Stranger()
    stranger.bulk_artifact = None  # type: ignore[assignment]
    assert_frame_equal(kd.rebuild(stranger), together)
    assert asked == kd.ds.list_image_ids()
    assert together["twice"].tolist()[:3] == [2, 4, 6]


def test_an_indexer_that_breaks_its_promise_for_many_is_asked_one_by_one(
    tmp_path: Path, asked: list[str]
) -> None:
    class Filtering(Stranger):
        def shape(self, table: pa.Table) -> pa.Table:
            return super().shape(table).filter(pc.greater(super().shape(table)["twice"], 2))

    kd = given(tmp_path, parquet({"a": [1, 2]}), parquet({"a": [3]}))
    assert kd.rebuild(Filtering())["twice"].tolist()[:2] == [4, 6]

    class Failing(Stranger):
        def shape(self, table: pa.Table) -> pa.Table:
            if 3 in table["a"].to_pylist():
                raise RuntimeError("three")
            return super().shape(table)

    asked.clear()
    kd.rebuild(Failing(), on_error="skip")
    assert sorted(kd.reports[ROWS].failed) == asked == ["i1", "i3", "i5"]
    assert "RuntimeError: three" in kd.reports[ROWS].failed["i1"]
