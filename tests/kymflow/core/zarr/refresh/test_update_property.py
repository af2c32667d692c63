"""Whatever happens in whatever order: after a refresh the table is what a rebuild from nothing makes."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow import IndexerRegistry, KymDataset, ZarrImageRecord
from support.refreshing import TABLE, CellsIndexer, assert_like_rebuild
from support.simple_indexers import add_image


class MixedIndexer(CellsIndexer):
    """Asks for nearly everything there is."""

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        rows = super().extract_rows(rec)
        if any(key.endswith("/note.json") for key in rec.list_analysis_keys()):
            rows = rows.assign(note=str(rec.load_json("note"))) if len(rows) else rows
        if len(rows) and "mask" in rec.list_array_artifacts():
            rows = rows.assign(mask=int(rec.load_array_artifact("mask").sum()))
        if len(rows):
            try:
                rows = rows.assign(light=int(rec.load_array().sum()))
            except KeyError:
                return rows
        return rows


VALUES = st.sampled_from([0, 1, 2, 3, 0.5, 1.5, None])
COLUMNS = st.sampled_from(["n", "x", "y"])
PARQUET = st.dictionaries(COLUMNS, st.lists(VALUES, min_size=2, max_size=2), min_size=1)
IMAGE = st.sampled_from("abcd")
SMALL = st.integers(0, 9)

STEPS = st.one_of(
    st.tuples(st.just("save table"), IMAGE, PARQUET),
    st.tuples(st.just("save table"), IMAGE, PARQUET),
    st.tuples(st.just("save json"), IMAGE, SMALL),
    st.tuples(st.just("save json in the same tick"), IMAGE, SMALL),
    st.tuples(st.just("save note"), IMAGE, SMALL),
    st.tuples(st.just("save mask"), IMAGE, SMALL),
    st.tuples(st.just("save pixels"), IMAGE, SMALL),
    st.tuples(st.just("delete artifacts"), IMAGE, st.none()),
    st.tuples(st.just("delete image"), IMAGE, st.none()),
    st.tuples(st.just("version"), IMAGE, st.sampled_from(["1", "2", "3"])),
    st.tuples(st.just("update image"), IMAGE, st.none()),
    st.tuples(st.just("update images"), IMAGE, st.lists(IMAGE, unique=True)),
    st.tuples(st.just("rebuild some"), IMAGE, st.lists(IMAGE, unique=True)),
    st.tuples(st.just("refresh"), IMAGE, st.none()),
    st.tuples(st.just("refresh"), IMAGE, st.none()),
    st.tuples(st.just("failing refresh"), IMAGE, st.none()),
    st.tuples(st.just("failing update"), IMAGE, st.none()),
    st.tuples(st.just("reopen"), IMAGE, st.none()),
    st.tuples(st.just("time passes"), IMAGE, st.none()),
    st.tuples(st.just("lose ledger"), IMAGE, st.none()),
    st.tuples(st.just("edit by hand"), IMAGE, st.none()),
)


class Lab:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.indexer = MixedIndexer()
        self.kd = KymDataset(path, mode="a", registry=IndexerRegistry(()))

    def record(self, image_id: str) -> ZarrImageRecord:
        record = self.kd.ds.record(image_id)
        return record if record.exists() else add_image(self.kd, image_id)

    def known(self, image_ids: Any) -> list[str]:
        there = set(self.kd.ds.list_image_ids())
        return [image_id for image_id in image_ids if image_id in there]

    def do(self, step: str, image_id: str, what: Any) -> None:
        kd = self.kd
        if step == "save table":
            self.record(image_id).save_df_parquet(TABLE, pd.DataFrame(what))
        elif step == "save json":
            self.record(image_id).delete_analysis(suffixes=[f"/{TABLE}.parquet"])
            kd.ds.record(image_id).save_json(TABLE, {"n": what})
        elif step == "save json in the same tick":
            path = self.path / self.record(image_id).save_json(TABLE, {"n": 0})
            before = path.stat()
            # However slow the machine is.
            with mock.patch("time.time_ns", return_value=before.st_mtime_ns):
                kd.refresh(self.indexer, on_error="skip")
            kd.ds.record(image_id).save_json(TABLE, {"n": what})
            os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        elif step == "save note":
            self.record(image_id).save_json("note", what)
        elif step == "save mask":
            self.record(image_id).save_array_artifact("mask", np.full((2, 2), what))
        elif step == "save pixels":
            self.record(image_id).save_array(np.full((3, 2), what, np.uint8))
        elif step == "delete artifacts":
            self.record(image_id).delete_analysis()
        elif step == "delete image" and self.known(image_id):
            kd.ds.delete_image(image_id)
        elif step == "version":
            self.indexer.schema_version = what
        elif step == "update image" and self.known(image_id):
            kd.update_image(self.indexer, image_id)
        elif step == "update images":
            kd.update_images(self.indexer, self.known(what), on_error="skip")
        elif step == "rebuild some":
            kd.rebuild(self.indexer, image_ids=self.known(what))
        elif step == "refresh":
            self.refresh()
        elif step in ("failing refresh", "failing update"):
            self.indexer.broken = {image_id}
            if step == "failing refresh":
                kd.refresh(self.indexer, on_error="skip")
            else:
                kd.update_images(self.indexer, self.known("abcd"), on_error="skip")
            self.indexer.broken = set()
        elif step == "reopen":
            self.kd = KymDataset(self.path, registry=IndexerRegistry(()))
        elif step == "time passes":
            # Not of tables and ledgers: nobody looks at their times.
            for path in (self.path / "images").rglob("*"):
                if path.is_file():
                    info = path.stat()
                    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns - 3_000_000_000))
        elif step == "lose ledger":
            kd.ds.store.delete_tree(f"index/{TABLE}")
        elif step == "edit by hand" and kd.ds.list_table_names():
            kd.tables[TABLE]["by_hand"] = 1.5
            kd.save_table(TABLE)

    def refresh(self) -> None:
        self.kd.refresh(self.indexer)
        assert self.kd.reports[TABLE].failed == {}
        assert self.kd.plan(self.indexer).is_empty
        assert_like_rebuild(self.kd, self.indexer)


def run(steps: list[tuple[str, str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder) / "lab.zarr")
        for step in steps:
            lab.do(*step)
        lab.refresh()


@settings(max_examples=50)
@given(steps=st.lists(STEPS, min_size=1, max_size=14))
def test_after_a_refresh_the_table_is_what_a_rebuild_makes(steps: list[tuple[str, str, Any]]) -> None:
    run(steps)


@pytest.mark.long
@settings(max_examples=1500)
@given(steps=st.lists(STEPS, min_size=1, max_size=30))
def test_after_a_refresh_the_table_is_what_a_rebuild_makes_long(steps: list[tuple[str, str, Any]]) -> None:
    run(steps)
