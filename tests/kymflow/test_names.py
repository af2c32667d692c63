"""Hostile names through every door: refused in one clear sentence, and nothing moves outside the dataset."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import tifffile

from kymflow import IndexerRegistry, KymDataset
from kymflow.core.zarr.indexers.base import normalize_table_name
from kymflow.errors import InvalidIndexerError, UnknownIndexerError
from kymflow_zarr import SourceImage, layout
from kymflow_zarr.errors import InvalidNameError, KymflowError
from support.names import FRAME, HOSTILE, Lab, hostile_names, is_text, odd_names, stamps
from support.refreshing import TABLE, CellsIndexer, open_dataset
from support.simple_indexers import FrameIndexer, add_image, frame

# The storage


@pytest.mark.slow
@hostile_names
def test_no_kind_of_artifact_takes_a_hostile_name(refusing_lab: Lab, name: str) -> None:
    record = refusing_lab.kd.ds.record("a")
    doors: list[Callable[[str], object]] = [
        lambda n: record.save_json(n, {}),
        lambda n: record.load_json(n),
        lambda n: record.save_df_parquet(n, FRAME),
        lambda n: record.load_df_parquet(n),
        lambda n: record.load_arrow(n),
        lambda n: record.save_df_csv_gz(n, FRAME),
        lambda n: record.load_df_csv_gz(n),
        lambda n: record.save_array_artifact(n, np.ones(3)),
        lambda n: record.load_array_artifact(n),
    ]
    for door in doors:
        refusing_lab.refuses(lambda door=door: door(name))
        refusing_lab.refuses(lambda door=door: door(f"{name}/x"))
        refusing_lab.refuses(lambda door=door: door(f"radon/{name}"))


@hostile_names
def test_no_image_has_a_hostile_id(refusing_lab: Lab, name: str) -> None:
    kd, indexer = refusing_lab.kd, CellsIndexer()
    refusing_lab.refuses(lambda: kd.ds.record(name))
    refusing_lab.refuses(lambda: kd.ds.delete_image(name))
    refusing_lab.refuses(lambda: kd.update_image(indexer, name))
    refusing_lab.refuses(lambda: kd.update_images(indexer, ["a", name]))
    refusing_lab.refuses(lambda: kd.update_images(indexer, [name, "a"], on_error="skip"))
    refusing_lab.refuses(lambda: kd.rebuild(indexer, image_ids=[name]))
    assert indexer.asked == []
    kd = KymDataset(kd.ds, registry=IndexerRegistry(()))
    kd.registry.register(indexer)
    refusing_lab.refuses(lambda: kd.rebuild_all(image_ids=iter([name])))
    refusing_lab.refuses(lambda: kd.rebuild_all(image_ids=["a", name], on_error="skip"))
    assert indexer.asked == []


@hostile_names
def test_no_table_has_a_hostile_name(refusing_lab: Lab, name: str) -> None:
    kd = refusing_lab.kd

    def save_from_memory(save: Callable[[], None]) -> None:
        kd.tables.clear()
        kd.tables[name] = FRAME
        try:
            save()
        finally:
            kd.tables.clear()

    for door in (
        lambda: kd.ds.load_table(name),
        lambda: kd.ds.save_table(name, FRAME),
        lambda: kd.ds.drop_table(name),
        lambda: kd.ds.replace_rows_for_image_id(name, "a", FRAME),
        lambda: save_from_memory(lambda: kd.save_table(name)),
        lambda: save_from_memory(kd.save_all_tables),
    ):
        refusing_lab.refuses(door)
    # These find a table in any spelling; none is spelt like this.
    for door in (
        lambda: kd.get_table(name),
        lambda: kd.get_table(name, with_source=True),
        lambda: kd.load_tables([name]),
        lambda: kd.save_table(name),
    ):
        refusing_lab.refuses(door, KymflowError)


@pytest.mark.slow
def test_a_hostile_id_in_rows_is_no_key(watched_lab: Lab) -> None:
    for name in HOSTILE.values():
        rows = pd.DataFrame({"image_id": pd.Series([name], dtype=object), "x": [1.0]})

        def replace(name: str = name, rows: pd.DataFrame = rows) -> None:
            watched_lab.kd.ds.replace_rows_for_image_id("t", name, rows)

        if is_text(name):
            assert watched_lab.changes(replace) <= {"tables/t.parquet", "tables/.t.parquet.lock"}
        else:
            assert "cannot be written as UTF-8" in watched_lab.refuses(replace)
    assert set(watched_lab.kd.ds.load_table("t")["image_id"]) == set(filter(is_text, HOSTILE.values()))


def test_an_object_store_refuses_the_same_names(object_url: str) -> None:
    kd = open_dataset(object_url)
    record = add_image(kd, "a")
    before = {found.key: found.etag for found in kd.ds.store.list()}
    doors: list[Callable[[str], object]] = [
        lambda name: kd.ds.record(name),
        lambda name: kd.ds.save_table(name, FRAME),
        lambda name: kd.ds.load_table(name),
        lambda name: kd.ds.drop_table(name),
        lambda name: record.save_json(name, {}),
        lambda name: record.save_df_parquet(f"radon/{name}", FRAME),
        lambda name: record.save_array_artifact(name, np.ones(3)),
        lambda name: kd.update_image(CellsIndexer(), name),
    ]
    for name in HOSTILE.values():
        for door in doors:
            with pytest.raises(InvalidNameError, match=r"cannot be used as "):
                door(name)
    assert {found.key: found.etag for found in kd.ds.store.list()} == before


# Indexers


def table_of(name: str) -> str | None:
    """Return what a table of this name is called on disk; None if it cannot be."""
    try:
        return layout.check_name(normalize_table_name(name), "table name")
    except InvalidNameError:
        return None


@pytest.mark.parametrize("name", [name for name in HOSTILE.values() if table_of(name) is None], ids=ascii)
def test_an_indexer_whose_table_has_no_usable_name_is_refused(refusing_lab: Lab, name: str) -> None:
    indexer = FrameIndexer({}, name="lab", table_name="lab")
    indexer.table_name = name
    kd = refusing_lab.kd
    refusing_lab.refuses(lambda: kd.rebuild(indexer), InvalidIndexerError)
    refusing_lab.refuses(lambda: kd.refresh(indexer), InvalidIndexerError)
    refusing_lab.refuses(lambda: kd.plan(indexer), InvalidIndexerError)
    refusing_lab.refuses(lambda: IndexerRegistry(()).register(indexer), InvalidIndexerError)


@pytest.mark.slow
def test_an_indexer_s_table_lies_in_the_dataset_whatever_it_is_called(watched_lab: Lab) -> None:
    names = [name for name in HOSTILE.values() if table_of(name) is not None]
    assert len(names) > 10
    for name in names:
        indexer = FrameIndexer({"a": frame(x=[1])}, name="lab", table_name=name)
        changed = watched_lab.changes(lambda indexer=indexer: watched_lab.kd.rebuild(indexer))
        table = table_of(name)
        assert {key for key in changed if not key.startswith(f"index/{table}/")} <= {
            f"tables/{table}.parquet",
            f"tables/.{table}.parquet.lock",
        }
        assert watched_lab.kd.get_table(name)["x"].tolist() == [1]


@pytest.mark.parametrize("name", ["sources", "SOURCES", " Sources!", "ｓｏｕｒｃｅｓ"])
def test_no_indexer_takes_the_table_that_the_dataset_keeps(refusing_lab: Lab, name: str) -> None:
    indexer = FrameIndexer({}, name="lab", table_name=name)

    refusing_lab.refuses(lambda: refusing_lab.kd.rebuild(indexer), InvalidIndexerError)
    refusing_lab.refuses(lambda: IndexerRegistry(()).register(indexer), InvalidIndexerError)


@hostile_names
def test_no_indexer_is_found_by_a_hostile_name(refusing_lab: Lab, name: str) -> None:
    kd = refusing_lab.kd
    refusing_lab.refuses(lambda: kd.rebuild(name), UnknownIndexerError)
    refusing_lab.refuses(lambda: kd.refresh(name), UnknownIndexerError)
    refusing_lab.refuses(lambda: kd.plan(name), UnknownIndexerError)
    refusing_lab.refuses(lambda: kd.rebuild_all(indexers=[name]), UnknownIndexerError)


def test_an_indexer_s_own_name_is_no_key(watched_lab: Lab) -> None:
    for kind in ("climbing", "absolute", "NUL", "newline", "escape sequence", "far over-long", "device"):
        name = HOSTILE[kind]
        indexer = FrameIndexer({"a": frame(x=[1])}, name=name, table_name="lab")
        changed = watched_lab.changes(lambda indexer=indexer: watched_lab.kd.rebuild(indexer))
        assert {key.split("/")[0] for key in changed} == {"tables", "index"}
        assert (
            pq.read_schema(watched_lab.path / "tables" / "lab.parquet").metadata[b"kymflow.indexer"]
            == name.encode()
        )


def test_an_indexer_without_a_name_is_refused(refusing_lab: Lab) -> None:
    for name in ("", " "):
        indexer = FrameIndexer({}, name=name, table_name="lab")
        assert "name must be text" in refusing_lab.refuses(
            lambda indexer=indexer: refusing_lab.kd.rebuild(indexer), InvalidIndexerError
        )


@pytest.mark.parametrize("name", [HOSTILE["lone surrogate"], HOSTILE["byte that is no UTF-8"]], ids=ascii)
def test_an_indexer_whose_name_is_no_text_is_refused(watched_lab: Lab, name: str) -> None:
    indexer = FrameIndexer({"a": frame(x=[1])}, name=name, table_name="lab")

    watched_lab.refuses(lambda: watched_lab.kd.rebuild(indexer), InvalidIndexerError)


def test_a_cause_that_is_no_text_concerns_its_image_only(watched_lab: Lab) -> None:
    add_image(watched_lab.kd, "b")
    indexer = FrameIndexer({"a": ValueError("no \udcff"), "b": frame(x=[1])})

    assert watched_lab.kd.rebuild(indexer, on_error="skip")["x"].tolist() == [1]
    assert list(watched_lab.kd.reports["lab"].failed) == ["a"]


# Words in a dataset that somebody else made


@pytest.mark.slow
def test_hostile_words_of_a_footer_lead_nowhere(watched_lab: Lab) -> None:
    path = watched_lab.path / "tables" / f"{TABLE}.parquet"
    table = pq.read_table(path)
    for name in filter(is_text, HOSTILE.values()):
        words = {**table.schema.metadata, b"kymflow.commit": name.encode()}
        pq.write_table(table.replace_schema_metadata(words), path)
        watched_lab.before = stamps(watched_lab.root)
        assert watched_lab.changes(lambda: watched_lab.kd.plan(CellsIndexer())) == set()
        assert watched_lab.kd.plan(CellsIndexer()).whole
    changed = watched_lab.changes(lambda: watched_lab.kd.refresh(CellsIndexer()))
    assert {key.split("/")[0] for key in changed} == {"tables", "index"}
    assert watched_lab.kd.plan(CellsIndexer()).is_empty


class SmallReader:
    """Reads nothing, and gives parts by the names that it was told."""

    name = "small"

    def __init__(self, **parts: Any) -> None:
        self.parts = parts

    def matches(self, path: Path) -> bool:
        return path.suffix == ".tif"

    def files(self, primary: Path) -> list[Path]:
        return []

    def read(self, primary: Path) -> SourceImage:
        return SourceImage(np.ones((3, 4), np.uint8), **self.parts)


@pytest.fixture
def tiffs(watched_lab: Lab) -> Path:
    """A folder of one source file, inside what is watched."""
    folder = watched_lab.root / "tiffs"
    folder.mkdir()
    tifffile.imwrite(folder / "one.tif", np.ones((3, 4), np.uint8))
    watched_lab.before = stamps(watched_lab.root)
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["json", "tables", "arrays"])
def test_a_reader_of_hostile_names_fails_its_source(watched_lab: Lab, tiffs: Path, kind: str) -> None:
    for name in HOSTILE.values():
        reader = SmallReader(**{kind: {name: {"json": {}, "tables": FRAME, "arrays": np.ones(3)}[kind]}})
        changed = watched_lab.changes(
            lambda reader=reader: watched_lab.kd.ingest_folder(tiffs, reader=reader)
        )
        # The claim of the source stays, so that it has one id for good.
        assert changed <= {"tables/sources.parquet", "tables/.sources.parquet.lock"}
    report = watched_lab.kd.ingest_folder(tiffs, reader=SmallReader(**{kind: {"../../x": np.ones(3)}}))
    assert list(report.failed) == ["one.tif"]
    assert "cannot be used as a" in report.failed["one.tif"]


def test_a_hostile_id_in_the_sources_table_stops_the_ingest(watched_lab: Lab, tiffs: Path) -> None:
    watched_lab.kd.ingest_folder(tiffs, reader=SmallReader())
    path = watched_lab.path / "tables" / "sources.parquet"
    sources = pq.read_table(path)
    place = sources.column_names.index("image_id")
    for name in filter(is_text, HOSTILE.values()):
        pq.write_table(sources.set_column(place, sources.schema.field(place), [[name]]), path)
        watched_lab.before = stamps(watched_lab.root)
        watched_lab.refuses(lambda: watched_lab.kd.ingest_folder(tiffs, reader=SmallReader()), KymflowError)


def test_hostile_parts_of_an_earlier_ingest_are_not_deleted(watched_lab: Lab, tiffs: Path) -> None:
    report = watched_lab.kd.ingest_folder(tiffs, reader=SmallReader())
    (image_id,) = report.new
    path = watched_lab.path / "images" / image_id / "zarr.json"
    document = json.loads(path.read_text("utf-8"))
    for name in ("analysis/../../../../x", "analysis/../../../../x.json", "analysis_arrays/../../../.."):
        document["attributes"]["ingested"][name] = "0" * 64
        path.write_text(json.dumps(document), "utf-8")
        os.utime(tiffs / "one.tif", ns=(0, 0))
        with open(tiffs / "one.tif", "ab") as file:
            file.write(b"\0")
        watched_lab.before = stamps(watched_lab.root)
        changed = watched_lab.changes(lambda: watched_lab.kd.ingest_folder(tiffs, reader=SmallReader()))
        assert not any("x" in Path(key).parts for key in changed)
        with pytest.raises(InvalidNameError, match="is no key of a dataset"):
            watched_lab.kd.ingest_folder(tiffs, reader=SmallReader(), overwrite=True)
        assert watched_lab.changes(lambda: None) <= {"tables/sources.parquet"}
        del document["attributes"]["ingested"][name]
    # A note of what an ingest was about to write is no better than that of what it wrote.
    for unfinished in ({"analysis/../../../../x": ["0"]}, {"analysis/x.json": 5}, {"data": [["0"]]}, 5):
        document["attributes"]["ingest_unfinished"] = unfinished
        path.write_text(json.dumps(document), "utf-8")
        with open(tiffs / "one.tif", "ab") as file:
            file.write(b"\0")
        watched_lab.before = stamps(watched_lab.root)
        assert watched_lab.kd.ingest_folder(tiffs, reader=SmallReader()).changed == [image_id]
        assert not any("x" in Path(key).parts for key in watched_lab.changes(lambda: None))


# Odd, but good


@pytest.mark.slow
@odd_names
def test_an_odd_name_is_as_good_as_any(watched_lab: Lab, name: str) -> None:
    kd, indexer = watched_lab.kd, CellsIndexer()

    def everything() -> None:
        record = add_image(kd, name)
        record.save_json(name, {"n": 1})
        record.save_df_parquet(f"nested/{name}", FRAME)
        record.save_df_csv_gz(name, FRAME)
        record.save_array_artifact(name, np.ones(3))
        record.save_json(TABLE, {"n": 7})
        kd.ds.save_table(name, FRAME)
        kd.refresh(indexer)
        kd.update_image(indexer, name)
        kd.tables[name]["x"] = 2.5
        kd.save_table(name)

    changed = watched_lab.changes(everything)
    assert {key.split("/")[0] for key in changed} == {"images", "tables", "index"}
    record = kd.ds.record(name)
    assert record.load_json(name) == {"n": 1}
    assert record.load_df_parquet(f"nested/{name}").equals(FRAME)
    assert record.load_df_csv_gz(name)["x"].tolist() == [1.0]
    assert record.load_array_artifact(name).tolist() == [1, 1, 1]
    assert record.list_array_artifacts() == [name]
    assert kd.ds.list_image_ids() == sorted(["a", name])
    assert kd.ds.load_table(name)["x"].tolist() == [2.5]
    rows = kd.get_table(TABLE)
    assert rows.loc[rows["image_id"] == name, "n"].tolist() == [7]

    watched_lab.before = stamps(watched_lab.root)
    watched_lab.changes(lambda: kd.ds.delete_image(name))
    watched_lab.changes(lambda: kd.ds.drop_table(name))
    assert kd.ds.list_image_ids() == ["a"]
    assert kd.refresh(indexer)["image_id"].tolist() == ["a"]
