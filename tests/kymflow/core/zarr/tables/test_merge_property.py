"""Whatever happens to images and artifacts: updating what was touched equals rebuilding from scratch."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from kymflow import ArtifactIndexer, Column, IndexerRegistry, KymDataset, ZarrImageRecord
from support.simple_indexers import add_image

ARTIFACT = "cells"


class DeclaringIndexer(ArtifactIndexer):
    """Types of two columns declared; the others as they come."""

    name = ARTIFACT
    columns = (
        Column("roi_id", "int", description="ROI"),
        Column("t1_s", "float", "s", "End"),
        Column("label", "str", required=False),
    )


class PlainIndexer:
    """Nothing declared: types come from the rows alone."""

    name = table_name = ARTIFACT

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        if f"images/{rec.image_id}/analysis/{ARTIFACT}.parquet" in rec.list_analysis_keys():
            return rec.load_df_parquet(ARTIFACT)
        return pd.DataFrame()


VALUES: dict[str, st.SearchStrategy[object]] = {
    "int": st.integers(-3, 3),
    "float": st.sampled_from([0.5, -1.25, 3.0, float("nan")]),
    "missing": st.none(),
    "text": st.sampled_from(["x", "é", ""]),
    "bool": st.booleans(),
    "time": st.sampled_from([pd.Timestamp("2024-01-02 03:04:05"), pd.NaT]),
}
# Only kinds that go together in one column: everything else is an error, and tested as one.
KINDS = {
    "roi_id": ["int", "missing"],
    "t1_s": ["int", "float", "missing"],
    "label": ["text", "missing"],
    "area": ["int", "float", "missing"],
    "depth": ["int", "float", "missing"],
    "good": ["bool", "missing"],
    "when": ["time", "missing"],
}


@st.composite
def artifacts(draw: st.DrawFn) -> pd.DataFrame | None:
    """Rows of one image: some columns in some order, some types, also none; or no artifact at all."""
    if draw(st.integers(0, 5)) == 0:
        return None
    n_rows = draw(st.integers(0, 3))
    names = draw(st.lists(st.sampled_from(sorted(KINDS)), unique=True, min_size=1))
    columns = {}
    for name in names:
        kind = draw(st.sampled_from(KINDS[name]))
        values = draw(st.lists(VALUES[kind], min_size=n_rows, max_size=n_rows))
        dtype = {"int": "int64", "float": "float64", "time": "datetime64[us]"}.get(kind, object)
        columns[name] = pd.Series(values, dtype=dtype)
    return pd.DataFrame(columns)


IMAGE = st.integers(0, 3)
STEPS = st.one_of(
    st.tuples(st.just("write"), IMAGE, artifacts()),
    st.tuples(st.just("write"), IMAGE, artifacts()),
    st.tuples(st.just("delete"), IMAGE, st.none()),
    st.tuples(st.just("update"), IMAGE, st.none()),
    st.tuples(st.just("update"), IMAGE, st.none()),
    st.tuples(st.just("rebuild subset"), IMAGE, st.none()),
    st.tuples(st.just("lose ledger"), IMAGE, st.none()),
    st.tuples(st.just("edit table by hand"), IMAGE, st.none()),
)


class Lab:
    """A dataset, and which images were touched since their rows were last extracted."""

    def __init__(
        self,
        folder: Path,
        indexer: DeclaringIndexer | PlainIndexer,
        first: list[pd.DataFrame | None],
    ) -> None:
        self.folder = folder
        self.indexer = indexer
        self.kd = KymDataset(folder / "lab.zarr", mode="a", registry=IndexerRegistry(()))
        self.touched: set[str] = set()
        for number, artifact in enumerate(first):
            self.write(f"image-{number}", artifact, new=True)
        self.kd.rebuild(indexer)
        self.touched.clear()

    def do(self, step: str, number: int, artifact: pd.DataFrame | None) -> None:
        image_id = f"image-{number}"
        there = self.kd.ds.list_image_ids()
        if step == "write":
            self.write(image_id, artifact, new=image_id not in there)
        elif step == "delete" and image_id in there:
            self.kd.ds.delete_image(image_id)
            self.touched.add(image_id)
        elif step == "update":
            self.update()
        elif step == "rebuild subset" and image_id in there:
            self.kd.rebuild(self.indexer, image_ids=[image_id])
            self.touched.discard(image_id)
        elif step == "lose ledger":
            shutil.rmtree(Path(self.kd.ds.path) / "index", ignore_errors=True)
        elif step == "edit table by hand":
            table = self.kd.get_table(ARTIFACT)
            table["by_hand"] = 1.5
            self.kd.save_table(ARTIFACT)

    def write(self, image_id: str, artifact: pd.DataFrame | None, *, new: bool) -> None:
        record = add_image(self.kd, image_id) if new else self.kd.ds.record(image_id)
        if artifact is None:
            record.delete_analysis()
        else:
            record.save_df_parquet(ARTIFACT, artifact)
        self.touched.add(image_id)

    def update(self) -> None:
        """Update what was touched; an image that came and went unseen is nobody's business."""
        in_table = set(self.kd.ds.load_table(ARTIFACT)["image_id"])
        there = set(self.kd.ds.list_image_ids())
        self.kd.update_images(self.indexer, self.touched & (there | in_table))
        self.touched.clear()

    def check(self) -> None:
        self.update()
        path = Path(self.kd.ds.path) / "tables" / f"{ARTIFACT}.parquet"
        shutil.copytree(self.kd.ds.path, self.folder / "copy.zarr")
        copy = KymDataset(self.folder / "copy.zarr", registry=IndexerRegistry(()))
        copy.ds.drop_table(ARTIFACT)
        expected = copy.rebuild(self.indexer)
        assert_frame_equal(self.kd.get_table(ARTIFACT), expected)
        assert_frame_equal(self.kd.ds.load_table(ARTIFACT), expected)
        assert pq.read_schema(path).equals(
            pq.read_schema(Path(copy.ds.path) / "tables" / path.name).with_metadata(
                pq.read_schema(path).metadata
            ),
            check_metadata=True,
        )


@pytest.mark.parametrize("indexer", [DeclaringIndexer(), PlainIndexer()], ids=["declaring", "plain"])
@settings(max_examples=40)
@given(first=st.lists(artifacts(), min_size=2, max_size=4), steps=st.lists(STEPS, min_size=1, max_size=12))
def test_updating_what_was_touched_equals_rebuilding_from_scratch(
    indexer: DeclaringIndexer | PlainIndexer,
    first: list[pd.DataFrame | None],
    steps: list[tuple[str, int, pd.DataFrame | None]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder), indexer, first)
        for step in steps:
            lab.do(*step)
        lab.check()
