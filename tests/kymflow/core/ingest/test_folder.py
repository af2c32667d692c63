from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

from kymflow import KymDataset
from kymflow.core.ingest.analysis import read_acquisition, split_key
from kymflow.core.ingest.events import events_table
from kymflow.core.ingest.folder import KymographFolderReader
from kymflow.core.ingest.olympus import image_header, parse_header
from kymflow.core.ingest.radon import radon_report, velocity_statistics
from kymflow_zarr import SourceError, SourceImage

HEADER = '''"[General]"\t""
"Name"\t"cap.oir"
"Path"\t"D:/Lab/say ""hi"""
nonsense
"[Dimensions]"\t""
"X Dimension"\t"25, 0.0 - 8.286 [um], 0.331 [um/pixel]"
"T Dimension"\t"1, 0.000 - 4.000 [s], Interval FreeRun"
'''


class Acquired:
    """One TIFF of 8 lines and 5 pixels, with the sidecars that a test gives it."""

    def __init__(self, folder: Path) -> None:
        self.tiff = folder / "cap.tif"
        (folder / "flow-analysis").mkdir()
        tifffile.imwrite(self.tiff, np.arange(40, dtype=np.uint16).reshape(8, 5))

    def json(self, content: object) -> Acquired:
        return self.text(".json", json.dumps(content))

    def analysis(self, suffix: str, content: object) -> Acquired:
        return self.text(suffix, json.dumps(content), "flow-analysis")

    def text(self, suffix: str, content: str, folder: str = ".") -> Acquired:
        (self.tiff.parent / folder / f"{self.tiff.stem}{suffix}").write_text(content, "utf-8")
        return self

    def trace(self, rows: list[dict[str, Any]], suffix: str = "_radon.csv") -> Acquired:
        return self.text(suffix, pd.DataFrame(rows).to_csv(index=False), "flow-analysis")

    def read(self) -> SourceImage:
        return KymographFolderReader().read(self.tiff)


@pytest.fixture
def acquired(tmp_path: Path) -> Acquired:
    return Acquired(tmp_path)


def roi(roi_id: int, **meta: float) -> dict[str, Any]:
    return {"roi_id": roi_id, "meta": meta}


def event(i_start: int | None = 0, kind: str = "baseline_drop", **more: Any) -> dict[str, Any]:
    return {"event_type": kind, "i_start": i_start, "i_peak": i_start, "t_start": 0.5, "t_end": None, **more}


def samples(*velocities: float, roi_id: int = 1, channel: int = 1) -> list[dict[str, Any]]:
    return [
        {"roi_id": roi_id, "channel": channel, "time": float(i), "velocity": velocity}
        for i, velocity in enumerate(velocities)
    ]


# The files of one image


def test_a_tiff_alone_gives_pixels_and_a_payload_and_no_analysis(acquired: Acquired) -> None:
    image = acquired.read()

    assert np.asarray(image.pixels).shape == (8, 5)
    assert dict(image.tables) == {}
    assert image.json == {
        "metadata": {
            "version": "2.0",
            "header": {"shape": [8, 5], "ndim": 2},
            "experiment_metadata": {},
            "rois": [],
            "accepted": True,
        }
    }


def test_sidecars_that_are_there_are_the_files_of_an_image(acquired: Acquired) -> None:
    acquired.json({}).text(".txt", "").analysis("_events.json", {}).trace(samples(1.0))

    names = {path.name for path in KymographFolderReader().files(acquired.tiff)}

    assert names == {"cap.json", "cap.txt", "cap_events.json", "cap_radon.csv"}


def test_the_payload_is_the_metadata_file_with_what_it_lacks(acquired: Acquired) -> None:
    acquired.json(
        {"version": "1.0", "rois": [roi(1)], "experiment_metadata": {"note": "µ"}, "accepted": False}
    )
    acquired.text(".txt", HEADER)

    payload = acquired.read().json["metadata"]

    assert payload["version"] == "1.0"
    assert payload["accepted"] is False
    assert payload["experiment_metadata"] == {"note": "µ"}
    assert payload["header"]["voxels"] == [0.5, 0.331]
    assert payload["olympus_header"]["General"]["Name"] == "cap.oir"


def test_the_separate_files_win_over_the_combined_ones(acquired: Acquired) -> None:
    acquired.trace(samples(1.0)).trace(samples(9.0), "_kymanalysis.csv")
    acquired.analysis("_radon.json", {"analysis_metadata": {"1:1": {"algorithm": "new"}}})
    acquired.analysis("_events.json", {"velocity_events": {"1:1": [event(5)]}})
    acquired.analysis(
        "_kymanalysis.json",
        {"analysis_metadata": {"1": {"algorithm": "old"}}, "velocity_events": {"1": [event(9), event(10)]}},
    )

    image = acquired.read()

    assert image.json["radon/params"] == {"1:1": {"algorithm": "new"}}
    assert image.tables["radon_report"]["mean_velocity"].tolist() == [1.0]
    assert image.tables["velocity_events"]["i_start"].tolist() == [5]


def test_the_older_combined_files_are_read(acquired: Acquired) -> None:
    acquired.json({"rois": [{"id": 2}]})
    acquired.trace(samples(1.0, 3.0, roi_id=2, channel=3), "_kymanalysis.csv")
    acquired.analysis(
        "_kymanalysis.json",
        {
            "accepted": False,
            "analysis_metadata": {"2": {"roi_id": 2, "algorithm": "old"}},
            "velocity_events": {"2": [event(4, channel=3)]},
        },
    )

    image = acquired.read()

    report = image.tables["radon_report"]
    assert report[["roi_id", "channel", "mean_velocity", "accepted"]].iloc[0].tolist() == [2, 3, 2.0, False]
    events = image.tables["velocity_events"]
    assert events[["roi_id", "channel", "event_id"]].iloc[0].tolist() == [2, 3, "2:3:baseline_drop:4-4"]


def test_a_trace_without_channel_is_of_channel_1(acquired: Acquired) -> None:
    acquired.trace([{"roi_id": 1, "time": 0.0, "velocity": 2.0}])

    trace = acquired.read().tables["radon"]
    assert trace["channel"].tolist() == [1]
    assert list(trace.columns) == ["roi_id", "channel", "time", "velocity"]


# Events


def events_of(acquired: Acquired, content: dict[str, Any], **metadata: Any) -> pd.DataFrame:
    if metadata:
        acquired.json(metadata)
    acquired.analysis("_events.json", {"velocity_events": content})
    table = events_table(read_acquisition(acquired.tiff))
    assert table is not None
    return table


def test_fields_get_their_table_names_and_the_others_stay(acquired: Acquired) -> None:
    table = events_of(acquired, {"1:2": [event(3, score_peak=0.25, strength=1.5, color="red")]})

    assert list(table.columns[:7]) == ["roi_id", "event_id", "t0_s", "t1_s", "kind", "score", "channel"]
    assert {"i_start", "i_peak", "strength", "color"} < set(table.columns)
    assert table.iloc[0][["roi_id", "channel", "t0_s", "kind", "score", "color"]].tolist() == [
        1, 2, 0.5, "baseline_drop", 0.25, "red",
    ]  # fmt: skip
    assert table["t1_s"].isna().all()


def test_events_of_a_removed_roi_are_dropped(acquired: Acquired) -> None:
    content = {"1:1": [event(1)], "2:1": [event(2)]}

    assert events_of(acquired, content, rois=[roi(2)])["roi_id"].tolist() == [2]
    assert events_of(acquired, content, rois=[])["roi_id"].tolist() == []


def test_where_no_file_lists_rois_all_events_are_kept(acquired: Acquired) -> None:
    assert len(events_of(acquired, {"1:1": [event(1)], "2:1": [event(2)]})) == 2


def test_an_event_file_without_events_is_a_table_without_rows(acquired: Acquired) -> None:
    table = events_of(acquired, {})

    assert len(table) == 0
    assert list(table.columns) == ["roi_id", "event_id", "t0_s", "t1_s", "kind", "score", "channel"]


def test_an_event_keeps_its_id_when_others_are_added_or_it_is_reviewed(acquired: Acquired) -> None:
    before = events_of(acquired, {"1:1": [event(10), event(30)]})
    after = events_of(acquired, {"1:1": [event(5), event(10, user_type="true_stall", note="x"), event(30)]})

    assert before["event_id"].is_unique
    assert after["event_id"].is_unique
    assert after["event_id"].tolist()[1:] == before["event_id"].tolist()


def test_events_without_samples_keep_their_ids_when_others_are_added(acquired: Acquired) -> None:
    first, second = event(None, "user_added", t_start=1.0), event(None, "user_added", t_start=2.0)
    before = dict(zip([1.0, 2.0], events_of(acquired, {"1:1": [first, second]})["event_id"], strict=True))

    earlier = event(None, "user_added", t_start=0.25)
    after = events_of(acquired, {"1:1": [earlier, first, second]})

    assert dict(zip(after["t0_s"], after["event_id"], strict=True)).items() >= before.items()


def test_events_alike_in_everything_are_told_apart(acquired: Acquired) -> None:
    table = events_of(acquired, {"1:1": [event(1), event(1), event(1)], "1:2": [event(1)]})

    assert table["event_id"].tolist() == [
        "1:1:baseline_drop:1-1",
        "1:1:baseline_drop:1-1#2",
        "1:1:baseline_drop:1-1#3",
        "1:2:baseline_drop:1-1",
    ]


def test_whole_numbers_stay_whole_beside_missing_ones(acquired: Acquired, kd: KymDataset) -> None:
    events_of(acquired, {"1:1": [event(1, i_end=None), event(2, i_end=7)]})
    kd.ingest_folder(acquired.tiff.parent)

    table = kd.get_table("velocity_events")
    assert table["i_end"].dropna().tolist() == [7]


# The radon report


def test_statistics_are_those_of_the_definition() -> None:
    velocity = np.array([0.0, 1.0, np.nan, 2.0, 9.0, np.nan])
    valid = np.array([0.0, 1.0, 2.0, 9.0])

    found = velocity_statistics(velocity)

    assert found["mean_velocity"] == 3.0
    assert found["median_velocity"] == 1.5
    assert (found["vel_min"], found["vel_max"]) == (0.0, 9.0)
    assert found["vel_std"] == pytest.approx(valid.std(ddof=0))
    assert found["vel_se"] == pytest.approx(valid.std(ddof=0) / 2)
    assert found["vel_cv"] == pytest.approx(valid.std(ddof=0) / 3)
    assert (found["n_valid"], found["vel_n_nan"], found["vel_n_zero"], found["vel_n_big"]) == (4, 2, 1, 0)


def test_velocities_far_above_the_mean_are_counted() -> None:
    assert velocity_statistics(np.array([1.0] * 20 + [50.0]))["vel_n_big"] == 1


def test_around_zero_there_is_no_coefficient_of_variation() -> None:
    assert math.isnan(velocity_statistics(np.array([-1.0, 1.0]))["vel_cv"])


@pytest.mark.parametrize("velocity", [[], [np.nan, np.nan]])
def test_without_a_valid_velocity_numbers_are_missing_and_counts_are_zero(velocity: list[float]) -> None:
    found = velocity_statistics(np.array(velocity))

    assert math.isnan(found["mean_velocity"])
    assert (found["n_valid"], found["vel_n_nan"], found["vel_n_big"]) == (0, len(velocity), 0)


def test_there_is_a_row_per_roi_in_roi_order_with_its_first_channel(acquired: Acquired) -> None:
    acquired.json(
        {"rois": [roi(3), roi(1, img_mean=7.5)], "experiment_metadata": {"treatment": "AngII", "date": ""}}
    )
    acquired.analysis("_radon.json", {"analysis_metadata": {"1:2": {}, "1:1": {}, "3:1": {}}})
    acquired.trace(samples(1.0) + samples(2.0, channel=2) + samples(3.0, roi_id=3) + samples(9.0, roi_id=4))

    report = radon_report(read_acquisition(acquired.tiff))

    assert report is not None
    assert report["roi_id"].tolist() == [3, 1]
    assert report["channel"].tolist() == [1, 2]
    assert report["mean_velocity"].tolist() == [3.0, 2.0]
    assert report["img_mean"].tolist()[1] == 7.5
    assert report["treatment"].tolist() == ["AngII", "AngII"]
    assert report["date"].isna().all()
    assert report["notes"].tolist() == ["", ""]


def test_an_roi_that_was_never_analysed_has_no_row(acquired: Acquired) -> None:
    acquired.json({"rois": [roi(1), roi(2)]}).trace(samples(1.0))

    report = radon_report(read_acquisition(acquired.tiff))

    assert report is not None
    assert report["roi_id"].tolist() == [1]


@pytest.mark.parametrize("metadata", [{"rois": []}, {}], ids=["all rois removed", "no metadata at all"])
def test_a_trace_of_which_no_roi_is_known_is_ingested_without_failure(
    acquired: Acquired, kd: KymDataset, metadata: dict[str, Any]
) -> None:
    acquired.json(metadata).trace(samples(1.0, 2.0))

    report = kd.ingest_folder(acquired.tiff.parent)

    assert (len(report.new), report.failed, report.tables["radon_report"].failed) == (1, {}, {})


# The microscope's header


def test_the_olympus_header_is_read_by_section(acquired: Acquired) -> None:
    sections = parse_header(HEADER)

    assert sections["General"] == {"Name": "cap.oir", "Path": 'D:/Lab/say ""hi""'}
    assert image_header(sections, (8, 25)) == {
        "shape": [8, 25],
        "ndim": 2,
        "voxels": [0.5, 0.331],
        "voxels_units": ["s", "um"],
        "labels": ["time (s)", "space (um)"],
        "physical_size": [4.0, pytest.approx(8.275)],
    }


@pytest.mark.parametrize("text", ["", "nothing", '"[Dimensions]"\t""\n"X Dimension"\t"1.2.3 [um/pixel]"'])
def test_a_header_without_sizes_gives_the_shape_alone(text: str) -> None:
    assert image_header(parse_header(text), (8, 5)) == {"shape": [8, 5], "ndim": 2}


def test_a_header_in_another_code_page_is_read(acquired: Acquired) -> None:
    path = acquired.tiff.with_suffix(".txt")
    path.write_bytes(HEADER.encode() + '"Unit"\t"µm"\n'.encode("cp1252"))

    assert acquired.read().json["metadata"]["header"]["voxels"] == [0.5, 0.331]


# Sidecars that are damaged

MALFORMED = {
    "metadata is no JSON": (".json", "{", "cap.json as JSON"),
    "metadata is a list": (".json", "[]", "cap.json: expected a JSON object, got list"),
    "rois is an object": (".json", '{"rois": {}}', "expected a list of ROIs, got dict"),
    "an roi is a number": (".json", '{"rois": [1]}', "expected an object for each ROI, got int"),
    "an roi without id": (".json", '{"rois": [{}]}', "roi_id must be an integer, got None"),
    "an infinite roi id": (".json", '{"rois": [{"roi_id": Infinity}]}', "cap.json.*roi_id"),
    "statistics as a list": (".json", '{"rois": [{"roi_id": 1, "meta": [1]}]}', "cap.json.*meta"),
    "experiment as a list": (".json", '{"experiment_metadata": [1]}', "cap.json.*experiment_metadata"),
    "lone surrogate": (".json", '{"note": "\\ud800"}', "JSON"),
    "events is a list": ("_events.json", '{"velocity_events": []}', "expected an object of velocity events"),
    "events of an roi is an object": (
        "_events.json",
        '{"velocity_events": {"1:1": {}}}',
        "a list of objects",
    ),
    "an event is a number": ("_events.json", '{"velocity_events": {"1:1": [1]}}', "a list of objects"),
    "event key is no number": (
        "_events.json",
        '{"velocity_events": {"x:1": [{}]}}',
        "cap_events.json.*'x:1'",
    ),
    "event file is empty": ("_events.json", "", "cap_events.json as JSON"),
    "event values of two types": (
        "_events.json",
        '{"velocity_events": {"1:1": [{"t_start": 1}, {"t_start": "late"}]}}',
        "artifact 'velocity_events'.*column 't0_s'",
    ),
    "analyses is a list": ("_radon.json", '{"analysis_metadata": [1]}', "expected an object of analyses"),
    "an analysis is a number": (
        "_radon.json",
        '{"analysis_metadata": {"1:1": 5}}',
        "an object for analysis '1:1'",
    ),
    "a channel as a list": (
        "_radon.json",
        '{"analysis_metadata": {"1:1": {"channel": [1]}}}',
        "cap_radon.json.*channel",
    ),
    "trace lacks a column": ("_radon.csv", "roi_id,channel,time\n1,1,0.5\n", "column 'velocity' is missing"),
    "trace holds text": ("_radon.csv", "roi_id,channel,time,velocity\n1,1,0,fast\n", "a value is no number"),
    "trace roi is missing": ("_radon.csv", "roi_id,channel,time,velocity\n,1,0,1\n", "a value is no number"),
    "trace is no CSV": ("_radon.csv", '"\n\n1,2', "cap_radon.csv"),
    "trace is empty": ("_radon.csv", "", "column 'roi_id' is missing"),
}


@pytest.mark.parametrize("kind", MALFORMED)
def test_a_malformed_sidecar_fails_only_that_image_and_is_named(
    acquired: Acquired, kd: KymDataset, kind: str
) -> None:
    suffix, content, cause = MALFORMED[kind]
    tifffile.imwrite(acquired.tiff.with_name("good.tif"), np.ones((8, 5), np.uint16))
    if suffix in (".json", "_radon.json"):
        acquired.trace(samples(1.0)).analysis("_radon.json", {"analysis_metadata": {"1:1": {}}})
    acquired.text(suffix, content, "." if suffix == ".json" else "flow-analysis")

    report = kd.ingest_folder(acquired.tiff.parent)

    assert len(report.new) == 1
    assert list(report.failed) == ["cap.tif"]
    assert pd.Series(report.failed).str.contains(cause).all(), report.failed


def test_a_truncated_tiff_fails_only_that_image(acquired: Acquired, kd: KymDataset) -> None:
    acquired.tiff.with_name("bad.tif").write_bytes(acquired.tiff.read_bytes()[:30])

    report = kd.ingest_folder(acquired.tiff.parent)

    assert len(report.new) == 1
    assert "bad.tif as TIFF" in report.failed["bad.tif"]


def test_a_velocity_that_is_infinite_fails_no_other_image(acquired: Acquired, kd: KymDataset) -> None:
    tifffile.imwrite(acquired.tiff.with_name("good.tif"), np.ones((8, 5), np.uint16))
    acquired.json({"rois": [roi(1)]}).trace(samples(1.0, math.inf))

    report = kd.ingest_folder(acquired.tiff.parent)

    assert "good.tif" in set(kd.ds.load_sources_index()["source_rel_path"])
    assert len(report.new) + len(report.failed) == 2


def test_null_in_place_of_an_object_is_as_if_it_were_not_there(acquired: Acquired) -> None:
    acquired.json({"rois": None, "experiment_metadata": None})
    acquired.analysis("_events.json", {"velocity_events": None})

    image = acquired.read()

    assert "velocity_events" not in image.tables


@pytest.mark.parametrize(("key", "expected"), [("1:2", (1, 2)), ("3", (3, None))])
def test_keys_are_roi_and_channel_or_roi_alone(key: str, expected: tuple[int, int | None]) -> None:
    assert split_key(key) == expected


def test_a_key_that_is_none_is_refused(tmp_path: Path) -> None:
    with pytest.raises(SourceError, match="events.json: the ROI in key 'a:1' must be an integer, got 'a'"):
        split_key("a:1", tmp_path / "events.json")
