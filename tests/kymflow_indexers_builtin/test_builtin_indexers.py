from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from pandas.testing import assert_frame_equal

from kymflow import DatasetIndexer, ExtractionError, IndexerRegistry, KymDataset, RowsError, ZarrImageRecord
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer, kymflow_indexers
from support.dtypes import TEXT

EVENTS = {
    "image_id": TEXT,
    "roi_id": "int64",
    "event_id": TEXT,
    "t0_s": "float64",
    "t1_s": "float64",
    "kind": TEXT,
    "score": "float64",
}
RADON = {
    "image_id": TEXT,
    "mean_velocity": "float64",
    "median_velocity": "float64",
    "n_valid": "int64",
    "notes": TEXT,
}


@pytest.fixture
def kd(tmp_path: Path) -> KymDataset:
    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=IndexerRegistry(()))
    kd.ds.record("image").save_array(np.zeros((4, 3), np.uint16))
    return kd


@pytest.fixture
def record(kd: KymDataset) -> ZarrImageRecord:
    return kd.ds.record("image")


def dtypes(frame: pd.DataFrame) -> dict[str, str]:
    return {name: str(dtype) for name, dtype in frame.dtypes.items()}


def test_the_plugin_offers_its_indexers() -> None:
    indexers = kymflow_indexers()

    assert all(isinstance(indexer, DatasetIndexer) for indexer in indexers)
    assert [(indexer.name, indexer.table_name) for indexer in indexers] == [
        ("velocity_events", "velocity_events"),
        ("radon_report", "radon_report"),
        ("images", "images"),
    ]


@pytest.mark.parametrize(
    ("indexer", "expected"), [(VelocityEventsIndexer(), EVENTS), (RadonReportIndexer(), RADON)]
)
def test_a_missing_artifact_gives_an_empty_frame_with_just_the_required_columns(
    kd: KymDataset, record: ZarrImageRecord, indexer: DatasetIndexer, expected: dict[str, str]
) -> None:
    rows = indexer.extract_rows(record)

    assert dtypes(rows) == expected
    assert len(rows) == 0
    assert dtypes(kd.rebuild(indexer)) == expected


def test_required_columns_are_as_the_earlier_indexers_had_them() -> None:
    assert VelocityEventsIndexer().required_columns() == list(EVENTS)
    assert RadonReportIndexer().required_columns() == list(RADON)


@pytest.mark.parametrize("indexer", [VelocityEventsIndexer(), RadonReportIndexer()])
def test_every_declared_column_is_described_and_numbers_of_a_quantity_have_a_unit(
    indexer: VelocityEventsIndexer | RadonReportIndexer,
) -> None:
    for column in indexer.columns:
        assert column.description
        if column.name.endswith("_s") or column.name in ("duration_sec", "t_peak"):
            assert column.unit == "s"
        if column.name.endswith("velocity"):
            assert column.unit == "mm/s"


def test_events_keep_extra_columns_and_missing_ends_are_floats(record: ZarrImageRecord) -> None:
    events = pd.DataFrame(
        {"extra": ["x"], "t1_s": [None], "t0_s": [1], "roi_id": [2], "user_type": ["stall"]}
    )
    record.save_df_parquet("velocity_events", events)

    rows = VelocityEventsIndexer().extract_rows(record)

    assert list(rows.columns) == [*EVENTS, "extra", "user_type"]
    assert rows["t1_s"].dtype == "float64"
    assert rows["t0_s"].tolist() == [1.0]


def test_events_as_a_list_of_objects(record: ZarrImageRecord) -> None:
    record.save_json(
        "velocity_events", [{"roi_id": 1, "t0_s": 0.5}, {"roi_id": 2, "t0_s": 1, "kind": "stall"}]
    )

    rows = VelocityEventsIndexer().extract_rows(record)

    assert rows["t0_s"].tolist() == [0.5, 1.0]
    assert rows["kind"].tolist()[1] == "stall"


def test_a_report_as_dict_is_one_row(record: ZarrImageRecord) -> None:
    record.save_json(
        "radon_report",
        {"mean_velocity": 1, "median_velocity": 2.5, "n_valid": 3, "notes": "n", "extra": True},
    )

    expected = pd.DataFrame(
        {
            "image_id": ["image"],
            "mean_velocity": [1.0],
            "median_velocity": [2.5],
            "n_valid": [3],
            "notes": ["n"],
            "extra": [True],
        }
    )
    assert_frame_equal(RadonReportIndexer().extract_rows(record), expected)


def test_the_table_form_wins_over_the_dict(record: ZarrImageRecord) -> None:
    record.save_json("radon_report", {"mean_velocity": -1.0})
    record.save_df_parquet("radon_report", pd.DataFrame({"mean_velocity": [1.0, 2.0]}))

    assert RadonReportIndexer().extract_rows(record)["mean_velocity"].tolist() == [1.0, 2.0]


def test_earlier_names_of_the_report_s_columns_are_taken(record: ZarrImageRecord) -> None:
    record.save_json("radon_report", {"vel_mean": 1.0, "vel_median": 2.0, "vel_n_valid": 3, "note": "old"})

    rows = RadonReportIndexer().extract_rows(record)

    assert list(rows.columns) == list(RADON)
    assert rows.iloc[0].tolist() == ["image", 1.0, 2.0, 3, "old"]


def test_a_present_name_wins_over_the_earlier_one(record: ZarrImageRecord) -> None:
    record.save_df_parquet("radon_report", pd.DataFrame({"vel_mean": [9.0], "mean_velocity": [1.0]}))

    rows = RadonReportIndexer().extract_rows(record)

    assert rows["mean_velocity"].tolist() == [1.0]


def test_a_count_that_is_missing_stays_missing(record: ZarrImageRecord) -> None:
    record.save_json("radon_report", [{"n_valid": None}, {"n_valid": float("nan")}, {"n_valid": 3}])

    assert RadonReportIndexer().extract_rows(record)["n_valid"].isna().tolist() == [True, True, False]


@pytest.mark.parametrize(
    ("payload", "error", "cause"),
    [
        ("text", ExtractionError, "expected an object or a list of objects"),
        ([1, 2], ExtractionError, "expected an object or a list of objects"),
        ({"mean_velocity": "fast"}, ExtractionError, "column 'mean_velocity' is declared float, got string"),
        ({"n_valid": 1.5}, ExtractionError, "column 'n_valid' is declared int, got double"),
        ([{"notes": "a"}, {"notes": 1}], ExtractionError, "gives no rows"),
        ({"image_id": "another"}, RowsError, "1 of 1 rows claim image 'another'"),
    ],
)
def test_a_malformed_report_is_refused_by_indexer_image_and_cause(
    kd: KymDataset, record: ZarrImageRecord, payload: object, error: type[Exception], cause: str
) -> None:
    record.save_json("radon_report", payload)

    with pytest.raises(error, match=f"indexer 'radon_report', image 'image': .*{cause}"):
        kd.rebuild(RadonReportIndexer())


def test_a_damaged_event_table_is_refused_by_indexer_and_image(
    kd: KymDataset, record: ZarrImageRecord
) -> None:
    record.save_df_parquet("velocity_events", pd.DataFrame({"roi_id": [1]}))
    path = Path(kd.ds.path) / "images" / "image" / "analysis" / "velocity_events.parquet"
    path.write_bytes(b"PAR1")

    with pytest.raises(ExtractionError, match="'velocity_events', image 'image': .*cannot be read"):
        kd.rebuild(VelocityEventsIndexer())


def test_an_indexer_keeps_no_state_from_record_to_record(kd: KymDataset, record: ZarrImageRecord) -> None:
    other = kd.ds.record("other")
    other.save_array(np.zeros((4, 3), np.uint16))
    record.save_json("radon_report", {"mean_velocity": 1.0, "extra": "x"})
    indexer = RadonReportIndexer()

    indexer.extract_rows(record)

    assert_frame_equal(indexer.extract_rows(other), RadonReportIndexer().extract_rows(other))
    assert vars(indexer) == {}


def test_an_artifact_without_rows_clashes_with_no_declared_type(
    kd: KymDataset, record: ZarrImageRecord
) -> None:
    record.save_df_parquet("velocity_events", pd.DataFrame({"roi_id": [], "kind": [], "extra": []}))

    assert dtypes(kd.rebuild(VelocityEventsIndexer())) == EVENTS
