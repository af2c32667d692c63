"""Columns of every kind, at every depth: what is made of them can be stored, and read back by pandas."""

from __future__ import annotations

import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow import ArtifactIndexer
from kymflow.core.zarr.extraction.plain_types import own_columns
from kymflow_zarr.errors import ColumnError
from kymflow_zarr.formats import frames
from support.refreshing import open_dataset
from support.simple_indexers import add_image

UUID = pa.ExtensionArray.from_storage(pa.uuid(), pa.array([bytes(16)] * 2, pa.binary(16)))
YES_OR_NO = pa.ExtensionArray.from_storage(pa.bool8(), pa.array([1, 0], pa.int8()))
TENSOR = pa.ExtensionArray.from_storage(
    pa.fixed_shape_tensor(pa.float32(), [1]), pa.array([[1], [float("nan")]], pa.list_(pa.float32(), 1))
)
OPAQUE = pa.ExtensionArray.from_storage(pa.opaque(pa.int8(), "a", "b"), pa.array([1, 2], pa.int8()))
KINDS = [
    *(pa.array([1, 2], kind) for kind in (pa.int8(), pa.uint64(), pa.date32(), pa.time32("s"))),
    *(pa.array([1, 2], kind) for kind in (pa.timestamp("s"), pa.timestamp("ns", "UTC"), pa.duration("us"))),
    *(pa.array([86_400_000, None], pa.date64()), pa.array([True, None]), pa.nulls(2)),
    *(pa.array([np.float16(1), np.float16("nan")], pa.float16()), pa.array([1.5, float("nan")])),
    *(pa.array(["x", None], kind) for kind in (pa.string(), pa.large_string(), pa.string_view())),
    *(pa.array([b"ab", None], kind) for kind in (pa.binary(2), pa.large_binary(), pa.binary_view())),
    *(pa.array([Decimal("1.2"), None], pa.decimal256(digits, 1)) for digits in (2, 76)),
    *(pa.array([Decimal("1.2"), None], kind) for kind in (pa.decimal32(4, 1), pa.decimal64(10, 1))),
    *(pa.array(["x", "y"]).dictionary_encode(), pa.array([1.5, float("nan")]).dictionary_encode()),
    pa.ExtensionArray.from_storage(pa.json_(pa.string()), pa.array(["{}", "1"])),
    *(UUID, YES_OR_NO, TENSOR, OPAQUE),
]


def listed(values: pa.Array) -> pa.Array:
    return pa.ListArray.from_arrays([0, len(values)], values)


def boxed(values: pa.Array) -> pa.Array:
    return pa.StructArray.from_arrays([values], ["a"])


def mapped(values: pa.Array) -> pa.Array:
    return pa.MapArray.from_arrays([0, len(values)], pa.array([str(i) for i in range(len(values))]), values)


NESTINGS: list[Callable[[pa.Array], pa.Array]] = [
    lambda values: values,
    *(listed, boxed, mapped),
    *(lambda values: listed(boxed(values)), lambda values: boxed(listed(values))),
    *(lambda values: listed(listed(values)), lambda values: listed(mapped(values))),
]


@pytest.mark.parametrize("values", KINDS, ids=lambda values: str(values.type))
def test_what_is_made_of_a_column_comes_back(values: pa.Array) -> None:
    for nest in NESTINGS:
        found = own_columns(pa.table({"v": nest(values)}))
        frames.check_writable("v", found["v"].type)
        data = frames.arrow_to_parquet(found)

        again = frames.parquet_to_arrow(data)
        assert again["v"].type == found["v"].type
        assert again["v"].to_pylist() == found["v"].to_pylist()
        assert "nan" not in str(again["v"].to_pylist())
        assert len(frames.table_to_frame(again)) == len(pd.read_parquet(io.BytesIO(data))) == len(found)
        assert found.schema.empty_table().num_rows == 0


@pytest.mark.parametrize(
    ("values", "kind"),
    [(UUID, pa.binary()), (YES_OR_NO, pa.bool_()), (OPAQUE, pa.int8()), (TENSOR, pa.list_(pa.float32()))],
)
def test_extension_types_are_what_they_are_stored_as(values: pa.Array, kind: pa.DataType) -> None:
    assert own_columns(pa.table({"v": values}))["v"].type == kind


OUT_OF_RANGE = pa.array(
    [{"d": 10**7, "a": float("nan")}], pa.struct([("d", pa.date32()), ("a", pa.float64())])
)
TWICE = pa.StructArray.from_arrays([pa.array([1]), pa.array(["x"])], ["a", "a"])
TWICE_AND_NAN = pa.StructArray.from_arrays([pa.array([1]), pa.array([float("nan")])], ["a", "a"])


@pytest.mark.parametrize(
    "values", [OUT_OF_RANGE, TWICE_AND_NAN, pa.array([[10**7]], pa.list_view(pa.date32()))]
)
def test_what_python_cannot_hold_is_a_fault_of_its_column(values: pa.Array) -> None:
    with pytest.raises(ColumnError, match="column 'v' holds .* that Python cannot: .*Give it as text"):
        own_columns(pa.table({"u": pa.array([1]), "v": values}))


class Probe(ArtifactIndexer):
    name = "probe"


@pytest.mark.parametrize("values", [OUT_OF_RANGE, TWICE, TWICE_AND_NAN, boxed(TWICE), listed(TWICE)])
def test_such_a_column_fails_its_image_and_no_other(tmp_path: Path, values: pa.Array) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    for image_id in "ab":
        add_image(kd, image_id)
        folder = Path(kd.ds.path) / "images" / image_id / "analysis"
        folder.mkdir()
        column = values if image_id == "a" else pa.array([1])
        pq.write_table(pa.table({"v": column}), folder / "probe.parquet")

    assert kd.rebuild(Probe(), on_error="skip")["image_id"].tolist() == ["b"]
    assert list(kd.reports["probe"].failed) == ["a"]
    assert "column 'v' holds" in kd.reports["probe"].failed["a"]
