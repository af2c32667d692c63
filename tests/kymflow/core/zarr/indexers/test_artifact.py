from __future__ import annotations

import gzip
import json
from pathlib import Path
from types import MappingProxyType

import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow import ArtifactIndexer, Column, IndexerRegistry, KymDataset, ZarrImageRecord
from kymflow_zarr import ArtifactError, ColumnError, InvalidNameError
from support.dtypes import TEXT
from support.simple_indexers import add_image, frame


class StallIndexer(ArtifactIndexer):
    """Stalls of every line scan."""

    name = "stalls"
    columns = (
        Column("roi_id", "int", description="ROI of the line scan"),
        Column("duration_s", "float", "s", "How long the flow stood still"),
        Column("note", "str", required=False),
    )
    aliases = MappingProxyType({"length": "duration_s"})


class StrictIndexer(StallIndexer):
    name = "strict"
    artifact = "stalls"
    keep_other_columns = False


@pytest.fixture
def record(kd: KymDataset) -> ZarrImageRecord:
    return kd.ds.record("c")


def test_a_record_without_the_artifact_has_no_rows_but_the_required_columns(record: ZarrImageRecord) -> None:
    rows = StallIndexer().extract_rows(record)

    assert dict(rows.dtypes.astype(str)) == {"image_id": TEXT, "roi_id": "int64", "duration_s": "float64"}
    assert len(rows) == 0


def test_a_table_gives_its_rows_at_the_declared_types_and_keeps_other_columns(
    record: ZarrImageRecord,
) -> None:
    record.save_df_parquet("stalls", frame(extra=["x", "y"], duration_s=[1, 2], roi_id=[1, 1]))

    rows = StallIndexer().extract_rows(record)

    expected = frame(image_id=["c", "c"], roi_id=[1, 1], duration_s=[1.0, 2.0], extra=["x", "y"])
    assert_frame_equal(rows, expected)


def test_other_columns_are_dropped_on_demand(record: ZarrImageRecord) -> None:
    record.save_df_parquet("stalls", frame(extra=["x"], note=["n"], duration_s=[1.0]))

    assert list(StrictIndexer().extract_rows(record).columns) == ["image_id", "roi_id", "duration_s", "note"]


def test_a_json_object_is_one_row_and_a_list_of_objects_a_row_each(record: ZarrImageRecord) -> None:
    record.save_json("stalls", {"roi_id": 1, "duration_s": 2})
    assert_frame_equal(
        StallIndexer().extract_rows(record), frame(image_id=["c"], roi_id=[1], duration_s=[2.0])
    )

    record.save_json("stalls", [{"roi_id": 1}, {"duration_s": 0.5, "note": "late"}])
    rows = StallIndexer().extract_rows(record)
    assert rows["note"].tolist()[1] == "late"
    assert pd.isna(rows.loc[0, "note"])
    assert rows["duration_s"].isna().tolist() == [True, False]


@pytest.mark.parametrize("payload", [[], {}])
def test_an_empty_json_artifact_has_no_rows(record: ZarrImageRecord, payload: object) -> None:
    record.save_json("stalls", payload)

    assert len(StallIndexer().extract_rows(record)) == 0


def test_the_table_wins_over_the_json_form(record: ZarrImageRecord) -> None:
    record.save_json("stalls", {"roi_id": 9})
    record.save_df_parquet("stalls", frame(roi_id=[1], duration_s=[0.5]))

    assert StallIndexer().extract_rows(record)["roi_id"].tolist() == [1]


def test_the_compressed_json_of_old_datasets_is_read(kd: KymDataset, record: ZarrImageRecord) -> None:
    folder = Path(kd.ds.path) / "images" / "c" / "analysis"
    folder.mkdir(parents=True)
    (folder / "stalls.json.gz").write_bytes(gzip.compress(json.dumps({"roi_id": 4}).encode()))

    assert StallIndexer().extract_rows(record)["roi_id"].tolist() == [4]


def test_an_older_name_becomes_the_present_one(record: ZarrImageRecord) -> None:
    record.save_df_parquet("stalls", frame(length=[0.5]))

    assert StallIndexer().extract_rows(record)["duration_s"].tolist() == [0.5]


def test_where_both_names_are_there_the_present_one_wins_and_the_older_stays(record: ZarrImageRecord) -> None:
    record.save_df_parquet("stalls", frame(length=[9.0], duration_s=[0.5]))

    rows = StallIndexer().extract_rows(record)

    assert rows["duration_s"].tolist() == [0.5]
    assert rows["length"].tolist() == [9.0]


@pytest.mark.parametrize(
    ("payload", "cause"),
    [
        ("text", "expected an object or a list of objects"),
        ([1, 2], "expected an object or a list of objects"),
        (None, "expected an object or a list of objects"),
        ([{"roi_id": 1}, {"roi_id": "two"}], "gives no rows"),
        ({"roi_id": 2**70}, "gives no rows"),
    ],
)
def test_json_of_another_shape_is_refused_by_artifact_and_image(
    record: ZarrImageRecord, payload: object, cause: str
) -> None:
    record.save_json("stalls", payload)

    with pytest.raises(ArtifactError, match=f"artifact 'stalls.json' of .*'c'.*{cause}"):
        StallIndexer().extract_rows(record)


def test_a_value_that_does_not_fit_its_declared_type_is_refused(record: ZarrImageRecord) -> None:
    record.save_json("stalls", {"roi_id": "first"})

    with pytest.raises(ColumnError, match="column 'roi_id' is declared int, got string"):
        StallIndexer().extract_rows(record)


def test_a_damaged_table_is_refused(kd: KymDataset, record: ZarrImageRecord) -> None:
    record.save_df_parquet("stalls", frame(roi_id=[1]))
    path = Path(kd.ds.path) / "images" / "c" / "analysis" / "stalls.parquet"
    path.write_bytes(path.read_bytes()[:-9])

    with pytest.raises(ArtifactError, match="artifact 'stalls.parquet' of image 'c'.*cannot be read"):
        StallIndexer().extract_rows(record)


def test_rows_of_another_image_in_the_artifact_are_refused(record: ZarrImageRecord) -> None:
    record.save_df_parquet("stalls", frame(image_id=["a"], roi_id=[1]))

    with pytest.raises(ColumnError, match="1 of 1 rows claim image 'a'.*image 'c'"):
        StallIndexer().extract_rows(record)


def test_names_default_to_the_name() -> None:
    assert (StallIndexer.table_name, StallIndexer.artifact) == ("stalls", "stalls")
    assert (StrictIndexer.table_name, StrictIndexer.artifact) == ("strict", "stalls")
    assert StallIndexer().required_columns() == ["image_id", "roi_id", "duration_s"]


def test_a_class_without_name_is_refused_where_it_is_written() -> None:
    with pytest.raises(InvalidNameError, match="class .*Nameless needs a class attribute name"):

        class Nameless(ArtifactIndexer):
            pass


def test_a_column_declared_twice_is_refused_where_it_is_written() -> None:
    with pytest.raises(ColumnError, match="column 'x' is declared twice"):

        class Twice(ArtifactIndexer):
            name = "twice"
            columns = (Column("x"), Column("x"))


def test_rows_have_the_index_that_pandas_stored_in_bulk_and_one_by_one(tmp_path: Path) -> None:
    class Events(ArtifactIndexer):
        name = "events"
        columns = (Column("roi_id", "int"), Column("score", "float"))

    kd = KymDataset(tmp_path / "lab.zarr", "a", registry=IndexerRegistry(()))
    events = pd.DataFrame({"roi_id": [1, 2, 3], "score": [0.5, 1.5, 2.5]})
    for image_id in "ab":
        record = add_image(kd, image_id)
        path = tmp_path / "lab.zarr" / "images" / image_id / "analysis" / "events.parquet"
        path.parent.mkdir()
        # Of 1, 2, 3, pandas makes an index that is in the metadata only.
        events.set_index("roi_id").to_parquet(path)
        assert record.load_df_parquet("events").equals(events)
        assert Events().extract_rows(record)["roi_id"].tolist() == [1, 2, 3]

    assert kd.rebuild(Events())["roi_id"].tolist() == [1, 2, 3, 1, 2, 3]
