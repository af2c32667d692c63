"""A record's artifacts, metadata and arrays come back as they were saved."""

from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow_zarr import (
    ArtifactError,
    ArtifactNotFoundError,
    ColumnError,
    InvalidNameError,
    MetadataNotFoundError,
    StoreError,
)
from support.raw_artifacts import EVENTS, put, raw


def keys(record) -> set[str]:
    return {found.key for found in record._store.list(f"images/{record.image_id}")}


# JSON


@pytest.mark.parametrize("obj", [{"a": [1, 2.5, None, "ä"]}, [], "text", 3, None, {"big": 2**70}])
def test_json_comes_back(record, obj) -> None:
    key = record.save_json("report", obj)
    assert key == f"images/{record.image_id}/analysis/report.json"
    assert record.load_json("report") == obj


def test_json_is_plain_utf8_text(record) -> None:
    record.save_json("report", {"note": "größe"}, indent=None)
    assert raw(record, "report.json") == '{"note": "größe"}'.encode()


def test_numpy_and_pandas_values_become_plain_json(record) -> None:
    record.save_json(
        "report",
        {
            "n": np.int64(3),
            "x": np.float32(0.5),
            "ok": np.bool_(True),
            "arr": np.arange(3),
            "when": pd.Timestamp("2025-07-22"),
            "missing": pd.NA,
            "col": pd.Series([1, 2]),
        },
    )
    assert record.load_json("report") == {
        "n": 3,
        "x": 0.5,
        "ok": True,
        "arr": [0, 1, 2],
        "when": "2025-07-22T00:00:00",
        "missing": None,
        "col": [1, 2],
    }


def test_nan_comes_back(record) -> None:
    record.save_json("report", {"x": float("nan"), "y": float("-inf")})
    back = record.load_json("report")
    assert np.isnan(back["x"])
    assert back["y"] == float("-inf")


CIRCULAR: list[object] = []
CIRCULAR.append(CIRCULAR)


@pytest.mark.parametrize(
    "obj",
    [{1, 2}, object(), 1j, CIRCULAR, {("a", "b"): 1}, "\udcff", b"x"],
    ids=["set", "object", "complex", "circular", "tuple key", "surrogate", "bytes"],
)
def test_what_json_cannot_hold_changes_nothing(record, obj) -> None:
    record.save_json("report", {"old": 1})
    before = keys(record)
    with pytest.raises(
        ArtifactError,
        match=rf"artifact 'report' of image '{record.image_id}' of .* cannot be stored as JSON|Circular",
    ) as caught:
        record.save_json("report", obj)
    assert (caught.value.image_id, caught.value.artifact) == (record.image_id, "report")
    assert record.load_json("report") == {"old": 1}
    assert keys(record) == before


def test_gzipped_json_of_old_datasets_is_read(record) -> None:
    put(record, "report.json.gz", gzip.compress(b'{"old": 1}'))
    assert record.load_json("report") == {"old": 1}


def test_plain_json_goes_before_gzipped_and_replaces_it(record) -> None:
    put(record, "report.json.gz", gzip.compress(b'{"old": 1}'))
    put(record, "report.json", b'{"new": 1}')
    assert record.load_json("report") == {"new": 1}
    record.save_json("report", {"newest": 1})
    assert record.list_analysis_keys() == [f"images/{record.image_id}/analysis/report.json"]


def test_json_with_a_byte_order_mark_is_read(record) -> None:
    put(record, "report.json", b'\xef\xbb\xbf{"a": 1}')
    assert record.load_json("report") == {"a": 1}


# DataFrames


def test_parquet_comes_back(record) -> None:
    key = record.save_df_parquet("events", EVENTS)
    assert key == f"images/{record.image_id}/analysis/events.parquet"
    assert_frame_equal(record.load_df_parquet("events"), EVENTS)
    assert record.load_arrow("events").column_names == ["roi_id", "kind", "t0_s"]


def test_parquet_is_compressed_to_be_read_fast(local_record) -> None:
    import pyarrow.parquet as pq

    local_record.save_df_parquet("events", EVENTS)
    path = Path(local_record._store.url) / f"images/{local_record.image_id}/analysis/events.parquet"
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "LZ4"
    assert_frame_equal(pd.read_parquet(path), EVENTS)
    local_record.save_df_parquet("events", EVENTS, compression="snappy")
    assert pq.ParquetFile(path).metadata.row_group(0).column(0).compression == "SNAPPY"


def test_unknown_compression_is_an_error(record) -> None:
    with pytest.raises(ValueError, match=r"(?i)compression.*rar|rar.*compression"):
        record.save_df_parquet("events", EVENTS, compression="rar")


def test_index_is_not_kept(record) -> None:
    record.save_df_parquet("events", EVENTS.set_index(pd.Index([7, 8], name="row")))
    assert_frame_equal(record.load_df_parquet("events"), EVENTS)


def test_column_that_parquet_cannot_hold_changes_nothing(record) -> None:
    record.save_df_parquet("events", EVENTS)
    old = raw(record, "events.parquet")
    with pytest.raises(
        ColumnError, match=rf"artifact 'events' of image '{record.image_id}' .*column 'bad'"
    ) as caught:
        record.save_df_parquet("events", EVENTS.assign(bad=pd.Series([1, "x"], dtype=object)))
    error = caught.value
    assert (error.column, error.artifact, error.image_id) == ("bad", "events", record.image_id)
    assert raw(record, "events.parquet") == old


def test_csv_gz_comes_back(record) -> None:
    key = record.save_df_csv_gz("events", EVENTS)
    assert key == f"images/{record.image_id}/analysis/events.csv.gz"
    # As pandas 2 and 3 have different ones for what is missing in a column of text.
    back = record.load_df_csv_gz("events").convert_dtypes()
    assert_frame_equal(back, EVENTS.convert_dtypes(), check_dtype=False)
    assert gzip.decompress(raw(record, "events.csv.gz")) == b"roi_id,kind,t0_s\n1,rise,0.5\n2,,\n"


def test_csv_gz_may_keep_the_index_and_be_empty(record) -> None:
    record.save_df_csv_gz("events", EVENTS, index=True)
    assert record.load_df_csv_gz("events").columns[0] == "Unnamed: 0"
    record.save_df_csv_gz("events", EVENTS.head(0))
    assert list(record.load_df_csv_gz("events").columns) == ["roi_id", "kind", "t0_s"]
    record.save_df_csv_gz("events", pd.DataFrame())
    assert record.load_df_csv_gz("events").empty


def test_csv_gz_refuses_ambiguous_columns(record) -> None:
    with pytest.raises(ColumnError, match="column 'a' stands twice"):
        record.save_df_csv_gz("events", pd.DataFrame([[1, 2]], columns=["a", "a"]))


# Metadata


def test_metadata_comes_back(record) -> None:
    record.save_metadata_payload({"header": {"um_per_pixel": 0.2}})
    assert record.load_metadata_payload() == {"header": {"um_per_pixel": 0.2}}
    assert record.load_json("metadata") == record.load_metadata_payload()


def test_missing_metadata(record) -> None:
    with pytest.raises(
        MetadataNotFoundError, match=rf"image '{record.image_id}' of .* has no metadata payload"
    ):
        record.load_metadata_payload()


def test_metadata_must_be_an_object(record) -> None:
    record.save_json("metadata", [1])
    with pytest.raises(ArtifactError, match=r"artifact 'metadata\.json' .* expected a JSON object, got list"):
        record.load_metadata_payload()


# Listing and deleting


def names(record) -> list[str]:
    start = len(f"images/{record.image_id}/analysis/")
    return [key[start:] for key in record.list_analysis_keys()]


@pytest.fixture
def filled(record):
    record.save_json("radon", {})
    record.save_json("radon/params", {})
    record.save_df_parquet("events", EVENTS)
    record.save_df_csv_gz("events", EVENTS)
    record.save_array_artifact("map", np.ones(3))
    return record


def test_keys_are_sorted_and_nested_names_work(filled) -> None:
    assert names(filled) == ["events.csv.gz", "events.parquet", "radon.json", "radon/params.json"]
    assert filled.load_json("radon/params") == {}


def test_delete_analysis_deletes_all_but_pixels_and_arrays(filled) -> None:
    assert filled.delete_analysis() == 4
    assert names(filled) == []
    assert filled.delete_analysis() == 0
    assert filled.load_array().shape == (3, 4)
    assert filled.list_array_artifacts() == ["map"]


def test_delete_analysis_by_suffix(filled) -> None:
    assert filled.delete_analysis(suffixes=("/events.parquet", ".csv.gz")) == 2
    assert names(filled) == ["radon.json", "radon/params.json"]
    assert filled.delete_analysis(suffixes=()) == 0


def test_delete_analysis_takes_a_single_suffix_for_one(filled) -> None:
    assert filled.delete_analysis(suffixes="events.parquet") == 1
    assert names(filled) == ["events.csv.gz", "radon.json", "radon/params.json"]


def test_delete_analysis_does_not_follow_links(local_record, tmp_path, tree) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.json").write_text("precious")
    folder = Path(local_record._store.url) / "images" / local_record.image_id / "analysis"
    folder.symlink_to(outside)
    before = tree(outside)
    with pytest.raises(StoreError, match="the folder 'images/.*/analysis' is a link"):
        local_record.delete_analysis()
    assert tree(outside) == before


# Array artifacts


@pytest.mark.parametrize("shape", [(), (0,), (7,), (2, 3), (2, 1, 2, 1, 2, 1)])
def test_array_artifact_of_any_shape(record, shape) -> None:
    arr = np.full(shape, 1.5, dtype=np.float32)
    record.save_array_artifact("map", arr)
    back = record.load_array_artifact("map")
    assert back.dtype == arr.dtype
    np.testing.assert_array_equal(back, arr)


def test_array_artifacts_are_listed_by_name(record) -> None:
    assert record.list_array_artifacts() == []
    record.save_array_artifact("radon/map", np.ones((2, 3)), axes=["t", "x"], chunks=[1, 3])
    record.save_array_artifact("b", np.ones(3))
    assert record.list_array_artifacts() == ["b", "radon/map"]
    record.save_array_artifact("b", np.zeros(2, dtype=np.int8))
    assert record.load_array_artifact("b").tolist() == [0, 0]


def test_array_artifact_cannot_lie_inside_another(record) -> None:
    record.save_array_artifact("map", np.zeros(3))
    for name in ("map/data", "map/data/c"):
        with pytest.raises(InvalidNameError, match="cannot be used as array name: below a name, 'data' is"):
            record.save_array_artifact(name, np.ones(2))
    record.save_array_artifact("data/map", np.ones(2))
    record.save_array_artifact("map/other", np.ones(2))
    assert record.list_array_artifacts() == ["data/map", "map", "map/other"]


def test_array_artifact_errors(record) -> None:
    with pytest.raises(ArtifactNotFoundError, match=f"image '{record.image_id}' of .* has no artifact 'map'"):
        record.load_array_artifact("map")
    with pytest.raises(ValueError, match=r"axes must name 1 dimensions, got .'y', 'x'."):
        record.save_array_artifact("map", np.ones(3), axes=["y", "x"])
    with pytest.raises(ValueError, match="pixels must be numbers or booleans, got dtype"):
        record.save_array_artifact("map", np.array(["a"]))
    with pytest.raises(ValueError, match="chunks must be 1 positive whole lengths"):
        record.save_array_artifact("map", np.ones(3), chunks=[0])
    assert record.list_array_artifacts() == []


def test_damaged_array_artifact(record) -> None:
    record.save_array_artifact("map", np.ones(3))
    key = next(
        found.key
        for found in record._store.list()
        if "/map/" in found.key and found.key.endswith(("zarr.json", ".zarray"))
    )
    record._store.put(key, b"{")
    with pytest.raises(
        ArtifactError, match=rf"artifact 'map' of image '{record.image_id}' .* cannot be read"
    ):
        record.load_array_artifact("map")


# Atomic writes

SAVES = {
    "x.json": lambda record, value: record.save_json("x", {"v": value}),
    "x.parquet": lambda record, value: record.save_df_parquet("x", pd.DataFrame({"v": [value]})),
    "x.csv.gz": lambda record, value: record.save_df_csv_gz("x", pd.DataFrame({"v": [value]})),
}


@pytest.mark.parametrize("artifact", SAVES)
def test_full_disk_leaves_the_old_artifact(local_record, disk_full, temporary_files, artifact) -> None:
    SAVES[artifact](local_record, 1)
    old = raw(local_record, artifact)
    disk_full("replace")
    with pytest.raises(
        StoreError, match=rf"cannot write 'images/.*/{artifact}' in .*: No space left on device"
    ):
        SAVES[artifact](local_record, 2)
    assert raw(local_record, artifact) == old
    assert temporary_files(local_record._store.url) == []
