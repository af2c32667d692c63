from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from pandas.testing import assert_frame_equal

from kymflow_zarr import (
    ColumnError,
    InvalidNameError,
    StoreError,
    TableError,
    TableNotFoundError,
    ZarrDataset,
)
from kymflow_zarr.formats import frames
from support.processes import run_together

ODD_IDS = ["a", "a b", "größe", "日本", "a/b", "../a", "it's", 'say "x"', "a\\b", "", "x" * 500, "nan", "1"]


def rows(image_id: str, *values: float, **more: object) -> pd.DataFrame:
    return pd.DataFrame({"image_id": [image_id] * len(values), "x": list(values), **more})


def put(dataset: ZarrDataset, name: str, data: bytes) -> None:
    dataset.store.put(f"tables/{name}.parquet", data)


def raw(dataset: ZarrDataset, name: str) -> bytes:
    return dataset.store.read(f"tables/{name}.parquet")[0]


# Load, save, list, drop


def test_table_comes_back(dataset) -> None:
    df = rows("a", 1.5, float("nan"), kind=["rise", None]).set_index(pd.Index([5, 9]))
    dataset.save_table("events", df)
    assert_frame_equal(dataset.load_table("events"), df.reset_index(drop=True))
    dataset.save_table("events", rows("b", 2.0))
    assert dataset.load_table("events")["image_id"].tolist() == ["b"]


def test_any_parquet_reader_reads_a_table(local) -> None:
    local.save_table("events", rows("a", 1.5))
    assert_frame_equal(
        pd.read_parquet(Path(local.path) / "tables" / "events.parquet"), local.load_table("events")
    )


def test_tables_are_listed_in_order_without_sources(dataset) -> None:
    for name in ("events", "a table", "Zürich", "v1.2"):
        dataset.save_table(name, rows("a", 1))
    put(dataset, "sources", raw(dataset, "events"))
    dataset.store.put("tables/notes.txt", b"x")
    dataset.store.put("tables/sub/x.parquet", b"x")
    assert dataset.list_table_names() == sorted(["events", "a table", "Zürich", "v1.2"])


def test_drop_table_takes_its_ledgers_along(dataset) -> None:
    for name in ("events", "other"):
        dataset.save_table(name, rows("a", 1))
        dataset.store.put(f"index/{name}/1.parquet", b"x")
    dataset.drop_table("events")
    assert dataset.list_table_names() == ["other"]
    assert [found.key for found in dataset.store.list("index")] == ["index/other/1.parquet"]


def test_missing_table(dataset) -> None:
    dataset.save_table("events", rows("a", 1))
    for call in (dataset.load_table, dataset.drop_table):
        meant = r"has no table 'event'; did you mean 'events'\? Its tables: events"
        with pytest.raises(TableNotFoundError, match=meant) as caught:
            call("event")
        assert isinstance(caught.value, KeyError)
        assert isinstance(caught.value, FileNotFoundError)
        assert (caught.value.dataset, caught.value.table_name) == (dataset.path, "event")


def test_missing_table_in_an_empty_dataset(dataset) -> None:
    with pytest.raises(TableNotFoundError, match="its tables: none yet"):
        dataset.load_table("events")


@pytest.mark.parametrize("data", [b"", b"PAR1", b"image_id,x\na,1\n"])
def test_damaged_table_is_named_and_left_alone(dataset, data) -> None:
    put(dataset, "events", data)
    for call in (
        lambda: dataset.load_table("events"),
        lambda: dataset.replace_rows_for_image_id("events", "a", rows("a", 1)),
    ):
        with pytest.raises(
            TableError, match=r"table 'events' of .* cannot be read: \S.*Rebuild it, or drop it"
        ) as caught:
            call()
        assert (caught.value.dataset, caught.value.table_name) == (dataset.path, "events")
    assert raw(dataset, "events") == data
    dataset.drop_table("events")


def test_reserved_name_is_refused(dataset) -> None:
    for name in ("sources", "Sources"):
        for call in (
            lambda name=name: dataset.save_table(name, rows("a", 1)),
            lambda name=name: dataset.replace_rows_for_image_id(name, "a", rows("a", 1)),
            lambda name=name: dataset.drop_table(name),
        ):
            with pytest.raises(InvalidNameError, match=f"table '{name}' of .* is kept by the dataset itself"):
                call()
    assert list(dataset.store.list("tables")) == []


def test_column_that_parquet_cannot_hold_changes_nothing(dataset) -> None:
    dataset.save_table("events", rows("a", 1))
    old = raw(dataset, "events")
    bad = rows("a", 1, 2, bad=pd.Series([1, "x"], dtype=object))
    for call in (
        lambda: dataset.save_table("events", bad),
        lambda: dataset.replace_rows_for_image_id("events", "a", bad),
    ):
        with pytest.raises(ColumnError, match=r"table 'events' of .*column 'bad'") as caught:
            call()
        assert (caught.value.column, caught.value.table_name) == ("bad", "events")
    assert raw(dataset, "events") == old


# Replacing the rows of one image


@pytest.mark.slow
@pytest.mark.parametrize("image_id", ODD_IDS)
def test_rows_of_one_image_are_replaced(dataset, image_id) -> None:
    others = pd.concat([rows("0 other", 1.0), rows("~other", 2.0)])
    dataset.save_table("t", others)
    dataset.replace_rows_for_image_id("t", image_id, rows(image_id, 5.0, 4.0))
    dataset.replace_rows_for_image_id("t", image_id, rows(image_id, 7.0, 6.0, 8.0))
    table = dataset.load_table("t")
    assert table.loc[table["image_id"] == image_id, "x"].tolist() == [7.0, 6.0, 8.0]
    assert table["image_id"].tolist() == sorted(["0 other", "~other", *[image_id] * 3])
    dataset.replace_rows_for_image_id("t", image_id, rows(image_id))
    assert_frame_equal(dataset.load_table("t"), others.reset_index(drop=True))


def test_missing_table_is_created(dataset) -> None:
    dataset.replace_rows_for_image_id("t", "a", rows("a", 2.0, 1.0))
    assert_frame_equal(dataset.load_table("t"), rows("a", 2.0, 1.0))


def test_missing_table_is_created_from_a_frame_without_rows(dataset) -> None:
    dataset.replace_rows_for_image_id("t", "a", rows("a"))
    assert list(dataset.load_table("t").columns) == ["image_id", "x"]


def test_every_table_has_its_id_column(dataset) -> None:
    dataset.replace_rows_for_image_id("t", "a", pd.DataFrame())
    assert list(dataset.load_table("t").columns) == ["image_id"]


@pytest.mark.parametrize("nothing", [pd.DataFrame(), rows("a"), pd.DataFrame(columns=["image_id"])])
def test_frame_without_rows_removes_the_rows(dataset, nothing) -> None:
    dataset.save_table("t", pd.concat([rows("a", 1.0), rows("b", 2.0)]))
    dataset.replace_rows_for_image_id("t", "a", nothing)
    assert_frame_equal(dataset.load_table("t"), rows("b", 2.0))
    dataset.replace_rows_for_image_id("t", "b", nothing)
    assert len(dataset.load_table("t")) == 0
    dataset.replace_rows_for_image_id("t", "b", rows("b", 2.0))
    assert_frame_equal(dataset.load_table("t"), rows("b", 2.0))


def test_id_column_of_another_name(dataset) -> None:
    df = pd.DataFrame({"id": ["a"], "x": [1.0]})
    dataset.replace_rows_for_image_id("t", "a", df, image_id_col="id")
    dataset.replace_rows_for_image_id("t", "a", df.assign(x=2.0), image_id_col="id")
    assert dataset.load_table("t")["x"].tolist() == [2.0]
    with pytest.raises(ColumnError, match=r"table 't' of .* has no column 'image_id'; it has \['id', 'x'\]"):
        dataset.replace_rows_for_image_id("t", "a", rows("a", 1))


def test_missing_id_column(dataset) -> None:
    with pytest.raises(
        ColumnError, match=r"the rows of image 'a' for table 't' of .* lack the column 'image_id'"
    ) as caught:
        dataset.replace_rows_for_image_id("t", "a", pd.DataFrame({"x": [1]}))
    assert isinstance(caught.value, ValueError)
    assert (caught.value.column, caught.value.image_id) == ("image_id", "a")
    assert dataset.list_table_names() == []


@pytest.mark.parametrize(
    "ids", [["a", "b"], ["a", None], ["a", float("nan")], ["A", "a"], ["a ", "a"], [1, 2]]
)
def test_rows_of_another_image_are_refused(dataset, ids) -> None:
    dataset.save_table("t", rows("a", 1.0))
    old = raw(dataset, "t")
    df = pd.DataFrame({"image_id": pd.Series(ids, dtype=object), "x": [1.0, 2.0]})
    with pytest.raises(
        ColumnError, match=r"the rows for table 't' of .* are for image 'a', but [12] of them claim"
    ):
        dataset.replace_rows_for_image_id("t", "a", df)
    assert raw(dataset, "t") == old


@pytest.mark.parametrize("dtype", ["string", "str", "string[pyarrow]", "category"])
def test_rows_without_an_image_are_refused(dataset, dtype) -> None:
    df = pd.DataFrame({"image_id": pd.Series(["a", None], dtype=dtype), "x": [1.0, 2.0]})
    with pytest.raises(ColumnError, match="are for image 'a', but 1 of them claim"):
        dataset.replace_rows_for_image_id("t", "a", df)
    assert dataset.list_table_names() == []


@pytest.mark.parametrize("dtype", ["string", "category", object])
def test_id_column_of_another_type_works(dataset, dtype) -> None:
    dataset.replace_rows_for_image_id("t", "b", rows("b", 1.0))
    dataset.replace_rows_for_image_id("t", "a", rows("a", 2.0).astype({"image_id": dtype}))
    dataset.replace_rows_for_image_id("t", "a", rows("a", 3.0).astype({"image_id": dtype}))
    assert dataset.load_table("t")["image_id"].tolist() == ["a", "b"]
    assert dataset.load_table("t")["x"].tolist() == [3.0, 1.0]


def test_wrong_arguments(dataset) -> None:
    with pytest.raises(InvalidNameError, match="an image id must be a str, got int: 3"):
        dataset.replace_rows_for_image_id("t", 3, rows("3", 1))
    with pytest.raises(ColumnError, match="rows for table 't' must be a DataFrame, got list"):
        dataset.replace_rows_for_image_id("t", "a", [{"image_id": "a"}])
    assert dataset.list_table_names() == []


@pytest.mark.parametrize("exists", [False, True])
@pytest.mark.parametrize("names", [["image_id", "x", "x"], ["image_id", "image_id", "x"]])
def test_duplicate_columns_are_refused_by_name(dataset, names, exists) -> None:
    if exists:
        dataset.save_table("t", rows("b", 1.0))
    df = pd.DataFrame([["a", "a", "a"]], columns=names)
    with pytest.raises(ColumnError, match=f"column '{names[1]}' stands twice"):
        dataset.replace_rows_for_image_id("t", "a", df)


# How columns of several images go together


def test_new_and_missing_columns_are_filled(dataset) -> None:
    dataset.replace_rows_for_image_id("t", "b", rows("b", 1.0, n=[3]))
    dataset.replace_rows_for_image_id("t", "a", rows("a", 2.0, kind=["rise"]))
    table = dataset.load_table("t")
    assert list(table.columns) == ["image_id", "x", "n", "kind"]
    assert table["image_id"].tolist() == ["a", "b"]
    assert table["kind"].isna().tolist() == [False, True]
    assert table["n"].tolist()[1] == 3


def test_column_without_any_value_does_not_disturb(dataset) -> None:
    dataset.replace_rows_for_image_id("t", "a", rows("a", 1.0, kind=["rise"]))
    dataset.replace_rows_for_image_id("t", "b", rows("b", float("nan"), kind=[None]))
    dataset.replace_rows_for_image_id("t", "c", rows("c", 2.0, kind=[float("nan")]))
    table = dataset.load_table("t")
    assert table["x"].dtype == float
    assert table["kind"].isna().tolist() == [False, True, True]


def test_only_image_may_lose_a_column_and_get_it_back(dataset) -> None:
    dataset.replace_rows_for_image_id("t", "a", rows("a", 1.0, kind=["rise"]))
    dataset.replace_rows_for_image_id("t", "a", rows("a", 2.0))
    dataset.replace_rows_for_image_id("t", "a", rows("a", 3.0, kind=["drop"]))
    dataset.replace_rows_for_image_id("t", "b", rows("b", 4.0, kind=["rise"]))
    assert dataset.load_table("t")["kind"].tolist() == ["drop", "rise"]


def test_large_integers_are_never_changed(dataset) -> None:
    big = 2**60 + 1
    dataset.replace_rows_for_image_id("t", "a", pd.DataFrame({"image_id": ["a"], "n": [big]}))
    old = raw(dataset, "t")
    for df in (rows("b", 1.0), rows("b", 1.0, n=[0.5])):
        with pytest.raises(ColumnError, match=r"column 'n' would mix integers beyond 2\*\*53"):
            dataset.replace_rows_for_image_id("t", "b", df)
    assert raw(dataset, "t") == old
    dataset.replace_rows_for_image_id("t", "b", pd.DataFrame({"image_id": ["b"], "n": [big + 1]}))
    assert dataset.load_table("t")["n"].tolist() == [big, big + 1]


def test_types_that_do_not_go_together_are_refused_by_column(dataset) -> None:
    dataset.replace_rows_for_image_id("t", "a", rows("a", 1.0))
    old = raw(dataset, "t")
    with pytest.raises(ColumnError, match=r"table 't' of .*column 'x'") as caught:
        dataset.replace_rows_for_image_id("t", "b", pd.DataFrame({"image_id": ["b"], "x": ["text"]}))
    assert caught.value.table_name == "t"
    assert raw(dataset, "t") == old


def test_callers_frame_is_left_as_it_was(dataset) -> None:
    df = rows("a", 2.0, 1.0)
    copy = df.copy()
    dataset.replace_rows_for_image_id("t", "a", df)
    dataset.replace_rows_for_image_id("t", "a", df)
    dataset.save_table("u", df)
    assert_frame_equal(df, copy)


# Whole files, flushed, among many writers


def test_table_writes_are_flushed(local, monkeypatch) -> None:
    synced = []
    fsync = os.fsync

    def note(descriptor: int) -> None:
        synced.append(os.fstat(descriptor).st_mode)
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", note)
    local.save_table("t", rows("a", 1))
    saved = len(synced)
    local.replace_rows_for_image_id("t", "a", rows("a", 1))
    assert saved >= 2
    assert len(synced) == 2 * saved


@pytest.mark.parametrize("broken", ["fsync", "replace"])
def test_full_disk_leaves_the_old_table(local, disk_full, temporary_files, broken) -> None:
    local.save_table("t", rows("a", 1))
    old = raw(local, "t")
    disk_full(broken)
    for call in (
        lambda: local.save_table("t", rows("b", 2)),
        lambda: local.replace_rows_for_image_id("t", "b", rows("b", 2)),
    ):
        with pytest.raises(
            StoreError, match=r"cannot write 'tables/t\.parquet' in .*: No space left on device"
        ):
            call()
    assert raw(local, "t") == old
    assert temporary_files(local.path) == []


def test_replaced_table_is_never_written_in_place(local) -> None:
    local.save_table("t", rows("a", 1))
    with open(Path(local.path) / "tables" / "t.parquet", "rb") as reader:
        old = raw(local, "t")
        local.replace_rows_for_image_id("t", "b", rows("b", *np.arange(1000.0)))
        assert reader.read() == old


WRITER = """
import sys, pandas as pd
from kymflow_zarr import ZarrDataset
dataset, who = ZarrDataset(sys.argv[1]), sys.argv[2]
print("ready", flush=True)
sys.stdin.readline()
for number in range(15):
    image_id = f"{who}{number}"
    df = pd.DataFrame({"image_id": [image_id] * 2, "x": [number, number + 0.5]})
    dataset.replace_rows_for_image_id("t", image_id, df)
"""


def test_two_processes_lose_nothing(local, start_python) -> None:
    run_together(*(start_python(WRITER, local.path, who) for who in "ab"))
    table = local.load_table("t")
    ids = sorted(f"{who}{number}" for who in "ab" for number in range(15))
    assert table["image_id"].tolist() == [image_id for image_id in ids for _ in range(2)]


def test_replacing_rows_leaves_the_integers_of_other_images_alone(local: ZarrDataset) -> None:
    table = pa.table({"image_id": ["c0", "c1", "c2"], "n": pa.array([2**60 + 1, None, 3], pa.int64())})
    local.store.put("tables/big.parquet", frames.arrow_to_parquet(table))

    rows = pd.DataFrame({"image_id": "c2", "n": pd.array([4], "Int64")})
    local.replace_rows_for_image_id("big", "c2", rows)

    assert local.load_table("big")["n"].tolist() == [2**60 + 1, pd.NA, 4]
    assert str(local.load_table("big")["n"].dtype) == "Int64"
