from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from kymflow import KymDataset, ZarrDataset, ZarrImageRecord
from kymflow_view.pictures.overlays import Overlays, get_overlays

LINES, PIXELS = 2000, 30
CALIBRATED = {"scale": (0.001, 0.3), "units": ("second", "micrometer")}


@pytest.fixture
def record(local: ZarrDataset) -> ZarrImageRecord:
    return local.add_image(np.zeros((LINES, PIXELS), np.uint16), **CALIBRATED)


def overlays(record: ZarrImageRecord) -> Overlays:
    return get_overlays(record, LINES, PIXELS)


def roi(roi_id: int, x0: int, x1: int, y0: int, y1: int) -> dict[str, Any]:
    return {"roi_id": roi_id, "name": f"v{roi_id}", "data": {"x0": x0, "x1": x1, "y0": y0, "y1": y1}}


def trace(roi_id: int, channel: int = 1, step: int = 4, n: int = LINES // 4) -> pd.DataFrame:
    time = (np.arange(n) * step + 2) * 0.001
    return pd.DataFrame({"roi_id": roi_id, "channel": channel, "time": time, "velocity": np.sin(time)})


def test_an_image_that_nobody_has_analysed_has_nothing_over_it(record: ZarrImageRecord) -> None:
    found = overlays(record)
    assert (found.boxes, found.events, found.traces) == ([], [], [])
    assert found.seconds_per_line == found.placed_by == 0.001


def test_boxes_are_cut_at_the_edges_of_the_image(record: ZarrImageRecord) -> None:
    rois = [roi(1, 5, 20, 100, 200), roi(2, -7, 99, 1500, 99_999), roi(3, 40, 50, 2500, 2600)]
    record.save_metadata_payload({"rois": rois})
    boxes = [
        (box.roi_id, box.name, box.line_start, box.line_stop, box.pixel_start, box.pixel_stop)
        for box in overlays(record).boxes
    ]
    assert boxes == [
        (1, "v1", 100, 200, 5, 20),
        (2, "v2", 1500, 2000, 0, 30),
        (3, "v3", 2000, 2000, 30, 30),
    ]


def test_the_ends_of_events_are_in_order_or_missing(record: ZarrImageRecord) -> None:
    events = [
        {"roi_id": 1, "kind": "stall", "t0_s": 0.5, "t1_s": 0.75, "note": "seen"},
        {"roi_id": 1, "kind": "swapped", "t0_s": 0.9, "t1_s": 0.4},
        {"roi_id": 2, "kind": "open", "t0_s": 1.0, "t1_s": None},
        {"roi_id": 2, "kind": "end alone", "t0_s": None, "t1_s": 1.5},
        {"roi_id": None, "kind": None, "t0_s": None, "score": 2.5},
    ]
    record.save_json("velocity_events", events)
    found = overlays(record)
    assert [(event.kind, event.t0_s, event.t1_s) for event in found.events] == [
        ("stall", 0.5, 0.75),
        ("swapped", 0.4, 0.9),
        ("open", 1.0, None),
        ("end alone", 1.5, None),
        (None, None, None),
    ]
    assert [event.roi_id for event in found.events] == [1, 1, 2, 2, None]
    assert found.events[0].more["note"] == "seen"
    assert found.events[4].score == 2.5
    assert found.line_of(found.events[1].t0_s) == pytest.approx(400)
    assert found.line_of(None) is None


@pytest.mark.parametrize("columns", [10, 200, 400, 5000])
@pytest.mark.parametrize("rois", [1, 3])
def test_a_spike_of_one_sample_is_in_sight_at_every_zoom(
    record: ZarrImageRecord, rois: int, columns: int
) -> None:
    frames = [trace(roi_id) for roi_id in range(1, rois + 1)]
    frames[-1].loc[123, "velocity"] = 77.0
    record.save_df_parquet("radon", pd.concat(frames))
    traces = overlays(record).traces
    assert [one.roi_id for one in traces] == list(range(1, rois + 1))
    highest = [one.reduced(0, LINES, columns).high.max() for one in traces]
    assert highest[-1] == 77.0
    assert all(value < 1.1 for value in highest[:-1])
    zoomed = traces[-1].reduced(480, 500, columns)
    assert 77.0 in zoomed.high
    assert zoomed.x[np.argmax(zoomed.high)] == pytest.approx(123 * 4 + 2, abs=20 / columns)


def test_channels_and_gaps_of_a_trace_are_kept(record: ZarrImageRecord) -> None:
    frame = pd.concat([trace(1, 1), trace(1, 2)])
    frame.loc[frame["time"] > 1.0, "velocity"] = np.nan
    record.save_df_parquet("radon", frame)
    found = overlays(record).traces
    assert [(one.roi_id, one.channel, one.unit) for one in found] == [(1, 1, "mm/s"), (1, 2, "mm/s")]
    reduced = found[0].reduced(0, LINES, 10)
    assert np.isnan(reduced.low).tolist() == 5 * [False] + 5 * [True]


def test_without_a_calibration_the_trace_tells_where_events_are(local: ZarrDataset) -> None:
    record = local.add_image(np.zeros((LINES, PIXELS), np.uint16))
    record.save_json("velocity_events", [{"roi_id": 1, "kind": "stall", "t0_s": 0.5, "t1_s": 0.75}])
    found = overlays(record)
    assert (found.seconds_per_line, found.placed_by, found.line_of(0.5)) == (None, None, None)

    record.save_metadata_payload({"rois": [roi(1, 0, 30, 1000, 2000)]})
    record.save_df_parquet("radon", trace(1, n=250))
    found = overlays(record)
    assert found.seconds_per_line is None
    assert found.placed_by == pytest.approx(0.001)
    assert found.line_of(0.5) == pytest.approx(500)
    assert found.traces[0].lines[0] == pytest.approx(2)

    # One sample tells nothing.
    record.save_df_parquet("radon", trace(1, n=1))
    assert overlays(record).placed_by is None
    assert overlays(record).traces == []


def test_real_acquisitions_have_all_their_rois_and_traces(shared_data: Path, tmp_path: Path) -> None:
    kd = KymDataset(tmp_path / "lab.zarr")
    kd.ingest_folder(shared_data / "kymograph_folder")
    found = {}
    for record in kd.ds.iter_records():
        source = record.get_source()
        assert source is not None
        found[source.file_name] = get_overlays(record, 30_000, 38)
    three = found["Capillary1_0001.tif"]
    assert [len(one.lines) for one in three.traces] == [7497, 3747, 4997]
    assert all(one.lines.min() >= 0 and one.lines.max() < 30_000 for one in three.traces)
    assert len(three.events) == 17
    assert (found["Capillary2.tif"].boxes, found["Capillary2.tif"].traces) == ([], [])
