"""Columns of any types, in any order of edits: a refresh and a rebuild give the same, failures included."""

from __future__ import annotations

import tempfile
from decimal import Decimal
from pathlib import Path
from random import Random

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pandas.testing import assert_frame_equal

from kymflow import ArtifactIndexer, KymDataset
from support.refreshing import open_dataset

VALUES = [
    *(pa.array([1, None], kind) for kind in (pa.int8(), pa.uint8(), pa.uint64(), pa.int64(), pa.float32())),
    *(pa.array([2**53 + 1]), pa.array([2**63], pa.uint64()), pa.array([True]), pa.nulls(2)),
    *(pa.array(["x"], kind) for kind in (pa.string(), pa.string_view())),
    *(pa.array([Decimal(5)], pa.decimal128(38, scale)) for scale in (0, 2)),
    *(pa.array([1], pa.timestamp("ns")), pa.array([-15 * 10**15], pa.timestamp("us"))),
    *(pa.array([[1]]), pa.array([[1.5], []]), pa.array([["x"]]), pa.array([b"ab"], pa.binary(2))),
    *(pa.array([{"a": 1}]), pa.array([{"a": 1.5, "b": [{"c": 1}]}]), pa.array([{"b": [{"c": 2**53 + 1}]}])),
    *(pa.array([{"b": [{"c": 0.5}], "a": None}]), pa.array([{"b": ["t"]}])),
    pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int8())),
]


class Probe(ArtifactIndexer):
    name = "probe"


def write(kd: KymDataset, image_id: str, pool: list[pa.Array], chance: Random) -> None:
    record = kd.ds.record(image_id)
    if not record.exists():
        record.save_array(np.zeros((2, 2), np.uint16))
    path = Path(kd.ds.path) / "images" / image_id / "analysis" / "probe.parquet"
    path.parent.mkdir(exist_ok=True)
    found = {name: chance.choice(pool) for name in "vw" if chance.random() < 0.8}
    longest = max([len(values) for values in found.values()], default=1)
    columns = {
        name: pa.concat_arrays([values, pa.nulls(longest - len(values), values.type)])
        for name, values in found.items()
    }
    pq.write_table(pa.table({"k": list(range(longest)), **columns}), path)


@pytest.mark.long
@settings(max_examples=60)
@given(chance=st.randoms(use_true_random=True))
def test_whoever_is_at_fault_is_so_for_a_refresh_and_for_a_rebuild(chance: Random) -> None:
    pool = chance.sample(VALUES, chance.randint(2, 6))
    with tempfile.TemporaryDirectory() as folder:
        kd = open_dataset(Path(folder) / "lab.zarr")
        for image_id in chance.sample("abcdef", 3):
            write(kd, image_id, pool, chance)
        for _ in range(chance.randint(2, 5)):
            if chance.random() < 0.8:
                write(kd, chance.choice("abcdef"), pool, chance)
            else:
                kd.ds.delete_image(chance.choice(kd.ds.list_image_ids()))
            refreshed = kd.refresh(Probe(), on_error="skip")
            failed = set(kd.reports["probe"].failed)

            assert_frame_equal(kd.refresh(Probe(), on_error="skip"), refreshed)
            assert set(kd.reports["probe"].failed) == failed
            if not kd.ds.list_image_ids():
                return
        assert_frame_equal(kd.rebuild(Probe(), on_error="skip"), refreshed)
        assert set(kd.reports["probe"].failed) == failed
