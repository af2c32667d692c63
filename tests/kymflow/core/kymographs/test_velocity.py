from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from kymflow import (
    ArtifactError,
    ColumnError,
    KymDataset,
    RecordNotFoundError,
    ZarrDataset,
    ZarrImageRecord,
    get_velocity_events,
    get_velocity_trace,
)

FindRecord = Callable[[str, str], ZarrImageRecord]

TRACE = pd.DataFrame(
    {"roi_id": [1, 1, 2], "channel": 1, "time": [0.0, 0.1, 0.0], "velocity": [1.5, None, 2.0]}
)


def test_a_trace_is_given_whole_or_of_one_roi(record: ZarrImageRecord) -> None:
    record.save_df_parquet("radon", TRACE.assign(quality=0.5))

    assert get_velocity_trace(record)["velocity"].tolist()[::2] == [1.5, 2.0]
    one = get_velocity_trace(record, roi_id=2)
    assert one.to_dict("records") == [
        {"roi_id": 2, "channel": 1, "time": 0.0, "velocity": 2.0, "quality": 0.5, "velocity_unit": "mm/s"}
    ]


def test_a_trace_of_acqstore_says_that_it_is_in_um_per_s(record: ZarrImageRecord) -> None:
    record.save_df_parquet("radon", TRACE)
    record.save_metadata_payload({"acqstore_version": "2.0"})

    assert set(get_velocity_trace(record)["velocity_unit"]) == {"um/s"}


def test_an_image_that_was_not_analysed_has_empty_frames_with_their_columns(record: ZarrImageRecord) -> None:
    trace, events = get_velocity_trace(record), get_velocity_events(record)

    assert (len(trace), list(trace)) == (0, ["roi_id", "channel", "time", "velocity", "velocity_unit"])
    assert (len(events), list(events)) == (0, ["roi_id", "event_id", "t0_s", "t1_s", "kind", "score"])
    assert trace["velocity"].dtype == events["t0_s"].dtype == "float64"
    assert trace["roi_id"].dtype == "int64"


def test_an_roi_without_samples_has_an_empty_trace(record: ZarrImageRecord) -> None:
    record.save_df_parquet("radon", TRACE)

    assert len(get_velocity_trace(record, roi_id=9)) == 0


@pytest.mark.parametrize("read", [get_velocity_trace, get_velocity_events])
def test_an_image_that_is_not_there_is_an_error(local: ZarrDataset, read: object) -> None:
    assert callable(read)
    with pytest.raises(RecordNotFoundError, match="has no image 'nobody'"):
        read(local.record("nobody"))


def test_events_are_those_of_the_record_in_every_form(record: ZarrImageRecord) -> None:
    record.save_json("velocity_events", [{"roi_id": 2, "t0_s": 1, "kind": "stall", "strength": 3.5}])
    (event,) = get_velocity_events(record).to_dict("records")
    assert (event["roi_id"], event["t0_s"], event["kind"], event["strength"]) == (2, 1.0, "stall", 3.5)

    record.save_df_parquet("velocity_events", pd.DataFrame({"roi_id": [1, 2], "t0_s": [0.5, 2.5]}))
    assert get_velocity_events(record, roi_id=2)["t0_s"].tolist() == [2.5]


def test_a_damaged_artifact_and_a_value_of_another_type_are_errors(record: ZarrImageRecord) -> None:
    record.save_json("velocity_events", "none")
    with pytest.raises(ArtifactError, match=r"'velocity_events.json' of .* gives no rows"):
        get_velocity_events(record)

    record.save_df_parquet("radon", TRACE.assign(time="early"))
    with pytest.raises(ColumnError, match=rf"artifact 'radon' of .*{record.image_id}.*'time'"):
        get_velocity_trace(record)


@pytest.mark.parametrize(
    ("folder", "name", "unit"),
    [
        ("kymograph_folder", "Capillary1_0001.tif", "mm/s"),
        ("acqstore_folder", "A89_0002.tif", "um/s"),
    ],
)
def test_a_trace_gives_the_mean_of_the_report(
    real_record: FindRecord, folder: str, name: str, unit: str
) -> None:
    record = real_record(folder, name)
    report = record.load_df_parquet("radon_report").set_index("roi_id").loc[1]

    trace = get_velocity_trace(record, roi_id=1)

    assert trace["velocity"].mean() == pytest.approx(report["mean_velocity"])
    assert set(trace["velocity_unit"]) == {report["velocity_unit"]} == {unit}


def test_events_of_a_real_line_scan_are_its_rows_in_the_table(
    empty_kd: KymDataset, shared_data: Path
) -> None:
    empty_kd.ingest_folder(shared_data / "kymograph_folder")
    table = empty_kd.get_table("velocity_events")
    image_id = table["image_id"].iloc[0]

    events = get_velocity_events(empty_kd.ds.record(image_id))

    in_table = table[table["image_id"] == image_id]
    assert events["event_id"].tolist() == in_table["event_id"].tolist()
    assert events["score"].tolist() == in_table["score"].tolist()
