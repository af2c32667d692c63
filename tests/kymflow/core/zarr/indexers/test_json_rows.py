"""Rows of plain Python values, and values inside nested JSON."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from kymflow import ArtifactIndexer, Column, IndexerRegistry, KymDataset, SchemaError
from kymflow.core.zarr.indexers.json_rows import NoRows, rows_of_json, rows_to_arrow, unnest
from kymflow_zarr import InvalidNameError
from support.simple_indexers import add_image


class Conditions(ArtifactIndexer):
    """Values at several depths of the metadata."""

    name = "conditions"
    artifact = "metadata"
    columns = (
        Column("condition", "str", path="experiment_metadata.condition"),
        Column("s_per_line", "float", "s", path="header.scan.s_per_line", required=False),
        Column("accepted", "bool"),
    )


class All(ArtifactIndexer):
    """The whole metadata."""

    name = "metadata_table"
    artifact = "metadata"


@pytest.fixture
def kd(tmp_path: Path) -> KymDataset:
    kd = KymDataset(tmp_path / "lab.zarr", "a", registry=IndexerRegistry(()))
    for image_id in "abc":
        add_image(kd, image_id)
    return kd


def values(column: pd.Series[Any]) -> list[object]:
    """Return a column's values; None where one is missing."""
    return [None if pd.isna(value) else value for value in column]


def metadata(condition: Any = "AngII", **more: Any) -> dict[str, Any]:
    return {"experiment_metadata": {"condition": condition}, "accepted": True, **more}


@pytest.mark.parametrize("payload", ["text", 3, None, [1], [{}, 2]])
def test_other_documents_give_no_rows(payload: object) -> None:
    with pytest.raises(NoRows, match="expected an object or a list of objects"):
        rows_of_json(payload)


def test_nesting_beyond_reason_gives_no_rows() -> None:
    payload: Any = {}
    for _ in range(40):
        payload = {"a": payload}

    with pytest.raises(NoRows, match="nested more than 32 deep"):
        rows_of_json(payload)


def test_empty_objects_are_missing_at_any_depth() -> None:
    assert rows_of_json({"a": {}, "b": {"c": {}}, "d": [{}, {"e": {}}], "f": {"g": 1, "h": {}}}) == [
        {"a": None, "b": {"c": None}, "d": [None, {"e": None}], "f": {"g": 1, "h": None}}
    ]


@pytest.mark.parametrize(
    ("row", "value"),
    [
        ({"a": {"b": 1}}, 1),
        ({"a": {"b": None}}, None),
        ({"a": {"b": {}}}, None),
        ({"a": {}}, None),
        ({"a": 5}, None),
        ({}, None),
    ],
)
def test_a_path_that_leads_nowhere_is_missing(row: dict[str, Any], value: object) -> None:
    assert unnest({**row, "other": 2}, [("x", ["a", "b"])]) == {"x": value, "other": 2}


def test_a_plain_value_under_the_columns_own_name_counts_where_no_path_begins() -> None:
    assert unnest({"x": 5}, [("x", ["a", "b"])]) == {"x": 5}
    assert unnest({"x": 5, "a": {}}, [("x", ["a", "b"])]) == {"x": None}


NESTED = [
    ((Column("condition", "str", path="condition.name"),), {"condition": {"name": "k"}}),
    ((Column("a", "int", path="b.x"), Column("b", "int", path="b.y")), {"b": {"x": 1, "y": 2}}),
    ((Column("b", "int", path="a.x"),), {"b": 5}),
    ((Column("b", "int", path="a.x.y"),), {"a": {"x": 1}, "b": 5}),
]


@pytest.mark.parametrize(("declared", "row"), NESTED)
def test_json_and_parquet_give_the_same_values_by_path(
    kd: KymDataset, declared: tuple[Column, ...], row: dict[str, Any]
) -> None:
    class ByPath(ArtifactIndexer):
        name = "by_path"
        columns = declared

    kd.ds.record("a").save_json("by_path", row)
    kd.ds.record("b").save_df_parquet("by_path", pd.DataFrame([row]))

    table = kd.rebuild(ByPath())

    one, other = (table[table["image_id"] == image_id].drop(columns="image_id") for image_id in "ab")
    assert [values(one[name]) for name in one] == [values(other[name]) for name in other]
    pd.testing.assert_frame_equal(
        ByPath().extract_rows(kd.ds.record("a")).drop(columns="image_id"),
        ByPath().extract_rows(kd.ds.record("b")).drop(columns="image_id"),
    )


def test_rows_that_lack_a_column_have_nothing_in_it() -> None:
    table = rows_to_arrow([{"a": 1}, {"b": float("nan")}], ["n"], [Column("n", "int")])

    assert table.to_pydict() == {"n": [None, None], "a": [1, None], "b": [None, None]}
    assert table.schema.field("n").type == pa.int64()


def test_values_by_path_are_columns_in_place_of_their_object(kd: KymDataset) -> None:
    kd.ds.record("a").save_json("metadata", metadata(header={"scan": {"s_per_line": 1}, "x": 2}, version="2"))
    kd.ds.record("b").save_json("metadata", metadata(None, header={}, experiment_metadata={}))

    table = kd.rebuild(Conditions())

    assert list(table.columns) == ["image_id", "condition", "accepted", "version", "s_per_line"]
    assert values(table["condition"]) == [
        "AngII",
        None,
    ]
    assert table["s_per_line"].iloc[0] == 1.0


def test_many_images_are_read_together_whatever_is_missing(kd: KymDataset, asked: list[str]) -> None:
    kd.ds.record("a").save_json("metadata", metadata())
    kd.ds.record("b").save_json("metadata", metadata(None))
    kd.ds.record("c").save_json("metadata", {"accepted": None})

    table = kd.rebuild(Conditions())

    assert len(table) == 3
    assert asked == []


def test_objects_of_a_parquet_artifact_have_paths_too(kd: KymDataset) -> None:
    frame = pd.DataFrame({"experiment_metadata": [{"condition": "x"}, None], "accepted": [True, False]})
    kd.ds.record("a").save_df_parquet("metadata", frame)

    table = kd.rebuild(Conditions())

    assert values(table["condition"]) == ["x", None]
    assert "experiment_metadata" not in table.columns


def test_a_value_at_a_path_that_does_not_fit_names_the_column(kd: KymDataset) -> None:
    kd.ds.record("a").save_json("metadata", metadata(3.5))

    kd.rebuild(Conditions(), on_error="skip")

    assert "column 'condition' is declared str, got double" in kd.reports["conditions"].failed["a"]


@pytest.mark.parametrize("path", [".a", "a.", "a..b", 3])
def test_a_path_is_names_joined_by_dots(path: Any) -> None:
    with pytest.raises(InvalidNameError, match="column 'x': path must be names joined by dots"):
        Column("x", "str", path=path)


def test_metadata_of_several_programs_go_into_one_table(kd: KymDataset) -> None:
    kd.ds.record("a").save_json(
        "metadata", {"header": {"shape": [1, 2]}, "rois": [], "experiment_metadata": {}}
    )
    kd.ds.record("b").save_json(
        "metadata",
        {
            "header": {"voxels": [0.1, 1]},
            "rois": [{"roi_id": 1, "meta": {}}],
            "experiment_metadata": {"k": {}},
        },
    )
    kd.ds.record("c").save_json(
        "metadata", {"rois": [{"roi_id": 1.5, "data": {"x0": 0}}], "header": {"voxels": None}}
    )

    table = kd.rebuild(All())

    assert kd.reports["metadata_table"].failed == {}
    assert table["header"].tolist()[2] is None or table["header"].tolist()[2]["voxels"] is None
    assert [len(rois) for rois in table["rois"]] == [0, 1, 1]
    assert table["rois"].iloc[2][0] == {"roi_id": 1.5, "meta": None, "data": {"x0": 0}}
    kd.ds.delete_image("c")
    refreshed = kd.refresh(All())
    assert refreshed["rois"].iloc[1][0] == {"roi_id": 1, "meta": None}
    pd.testing.assert_frame_equal(refreshed, kd.rebuild(All()))


def test_a_clash_inside_objects_says_what_can_be_done(kd: KymDataset) -> None:
    kd.ds.record("a").save_json("metadata", {"header": {"shape": 1}})
    kd.ds.record("b").save_json("metadata", {"header": {"shape": "1"}})

    with pytest.raises(
        SchemaError, match=r"Take the values that you want by their path: Column\(\.\.\., path="
    ):
        kd.rebuild(All())


def test_the_metadata_of_real_acquisitions_give_rows(shared_data: Path, tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "real.zarr", "a", registry=IndexerRegistry(()))
    kd.ingest_folder(shared_data / "kymograph_folder")
    kd.ingest_folder(shared_data / "acqstore_folder")

    table = kd.rebuild(All())

    assert len(table) == 7
    assert len(kd.rebuild(Conditions())) == 7


class Odd(ArtifactIndexer):
    """Rows of whatever kind."""

    name = "odd"


def test_rows_without_a_value_never_keep_a_column_from_another_kind(kd: KymDataset) -> None:
    kd.ds.record("a").save_json("odd", {"n": 1, "o": {"x": 1}})
    kd.ds.record("b").save_json("odd", {"n": 2})
    kd.rebuild(Odd())

    kd.ds.record("a").save_json("odd", {"n": 1, "o": 5})

    pd.testing.assert_frame_equal(kd.refresh(Odd()), kd.rebuild(Odd()))


def test_objects_of_objects_without_values_are_kept_beside_others(kd: KymDataset) -> None:
    kd.ds.record("a").save_json("odd", [{"o": {"x": {"y": None}}}] * 3)
    kd.ds.record("b").save_json("odd", {"o": {"z": 1}})
    kd.ds.record("c").save_json("odd", {"o": {"x": {"y": None}}})
    kd.rebuild(Odd())

    kd.ds.record("a").save_json("odd", {"o": {"z": 5}})

    pd.testing.assert_frame_equal(kd.refresh(Odd()), kd.rebuild(Odd()))


def test_integers_in_objects_stay_integers(kd: KymDataset) -> None:
    kd.ds.record("a").save_json("odd", {"o": {"x": 2**60 + 1}})
    kd.ds.record("b").save_json("odd", {"o": {"y": 1}})

    rebuilt = kd.rebuild(Odd())

    for table in (rebuilt, kd.ds.load_table("odd")):
        assert table["o"].tolist() == [{"x": 2**60 + 1, "y": None}, {"x": None, "y": 1}]
    kd.ds.save_table("odd", kd.ds.load_table("odd"))
    pd.testing.assert_frame_equal(kd.ds.load_table("odd"), rebuilt)
