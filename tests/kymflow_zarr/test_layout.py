from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kymflow_zarr import InvalidNameError, ZarrDataset, layout

BAD_NAMES = {
    "climbs out": "../x",
    "absolute": "/x",
    "parent": "..",
    "itself": ".",
    "backslash": "a\\b",
    "empty": "",
    "NUL": "a\0b",
    "newline": "a\nb",
    "over-long": "x" * 300,
    "over-long in bytes": "ä" * 150,
    "device": "con",
    "device with suffix": "NUL.txt",
    "trailing dot": "x.",
    "trailing space": "x ",
    "drive": "c:x",
    "hidden": ".x",
    "surrogate": "a\udcff",
    "wildcard": "a*",
}
bad_names = pytest.mark.parametrize("name", BAD_NAMES.values(), ids=list(BAD_NAMES))

FRAME = pd.DataFrame({"image_id": ["a"], "x": [1.0]})
ON_DATASET = {
    "record": lambda ds, name: ds.record(name),
    "delete_image": lambda ds, name: ds.delete_image(name),
    "load_table": lambda ds, name: ds.load_table(name),
    "save_table": lambda ds, name: ds.save_table(name, FRAME),
    "drop_table": lambda ds, name: ds.drop_table(name),
    "replace_rows": lambda ds, name: ds.replace_rows_for_image_id(name, "a", FRAME),
}
ON_RECORD = {
    "save_json": lambda rec, name: rec.save_json(name, {}),
    "load_json": lambda rec, name: rec.load_json(name),
    "save_df_parquet": lambda rec, name: rec.save_df_parquet(name, FRAME),
    "load_df_parquet": lambda rec, name: rec.load_df_parquet(name),
    "save_df_csv_gz": lambda rec, name: rec.save_df_csv_gz(name, FRAME),
    "load_df_csv_gz": lambda rec, name: rec.load_df_csv_gz(name),
    "save_array_artifact": lambda rec, name: rec.save_array_artifact(name, np.ones(3)),
    "load_array_artifact": lambda rec, name: rec.load_array_artifact(name),
}


@pytest.fixture
def deep(tmp_path: Path) -> ZarrDataset:
    """A dataset with room around it to climb out into."""
    return ZarrDataset(tmp_path / "a" / "b" / "lab.zarr")


@bad_names
def test_bad_image_or_table_name_changes_nothing_anywhere(deep, tmp_path, tree, name) -> None:
    before = tree(tmp_path)
    for call in ON_DATASET.values():
        with pytest.raises(InvalidNameError, match=r"(?s)cannot be used as (image id|table name): it "):
            call(deep, name)
    assert tree(tmp_path) == before


@bad_names
def test_bad_artifact_name_changes_nothing_anywhere(deep, tmp_path, tree, name) -> None:
    record = deep.add_image(np.ones((2, 3)))
    before = tree(tmp_path)
    for call in ON_RECORD.values():
        with pytest.raises(InvalidNameError, match=r"(?s)cannot be used as artifact name"):
            call(record, name)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("name", ["radon/../x", "radon//x", "radon/", "radon/con", "a/.b"])
def test_bad_component_of_a_nested_name_is_refused(local_record, name) -> None:
    with pytest.raises(InvalidNameError, match=r"cannot be used as artifact name \(in "):
        local_record.save_json(name, {})


@pytest.mark.parametrize("name", [None, 3, b"x", Path("x")])
def test_name_that_is_no_text_is_refused(local, name) -> None:
    with pytest.raises(InvalidNameError, match="image id must be a str, got"):
        local.record(name)
    with pytest.raises(InvalidNameError, match="artifact name must be a str, got"):
        local.record("a").load_json(name)


@pytest.mark.parametrize(
    "name", ["a b", "größe", "日本", "a'b", "a#b", "a%2Fb", "a~[b]", "v1.2", "console", "-x"]
)
def test_unusual_but_safe_names_work(dataset, name) -> None:
    record = dataset.record(name)
    record.save_array(np.ones((2, 3)))
    record.save_json(name, {"x": 1})
    dataset.save_table(name, FRAME)
    assert dataset.list_image_ids() == [name]
    assert dataset.list_table_names() == [name]
    assert record.load_json(name) == {"x": 1}
    assert record.list_analysis_keys() == [f"images/{name}/analysis/{name}.json"]
    dataset.delete_image(name)
    assert dataset.list_image_ids() == []


def test_longest_name_works(local) -> None:
    name = "x" * layout.MAX_NAME_BYTES
    local.record(name).save_array(np.ones((2, 3)))
    local.record(name).save_json(name, {})
    local.save_table(name, FRAME)
    assert local.list_image_ids() == local.list_table_names() == [name]
    with pytest.raises(InvalidNameError, match="it takes 201 bytes, at most 200"):
        local.record(name + "x")


def test_keys_are_where_the_layout_says() -> None:
    assert layout.record_prefix("a") == "images/a"
    assert layout.table_key("velocity_events") == "tables/velocity_events.parquet"
    assert layout.ledger_key("t", "c1") == "index/t/c1.parquet"


@pytest.mark.parametrize("call", [layout.ledger_prefix, lambda name: layout.ledger_key("t", name)])
def test_ledger_keys_are_checked_too(call) -> None:
    with pytest.raises(InvalidNameError, match=r"cannot be used as (table name|commit id)"):
        call("../x")
