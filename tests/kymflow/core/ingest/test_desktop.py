"""The files of one image: which are read, and which win; damaged ones fail their image only."""

from __future__ import annotations

import math
import unicodedata
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from kymflow import KymDataset
from kymflow.core.ingest.acqstore_sidecars import find_acqstore_tables
from kymflow.core.ingest.desktop import DesktopReader
from kymflow.core.ingest.desktop_sidecars import split_key
from support.acquisitions import HEADER, Acquired, event, roi, samples

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

    names = {path.name for path in DesktopReader().files(acquired.tiff)}

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


# Sidecars that are damaged

MALFORMED = {
    "metadata is no JSON": (".json", "{", "cap.json as JSON"),
    "metadata is a list": (".json", "[]", "cap.json: expected a JSON object, got list"),
    "rois is an object": (".json", '{"rois": {}}', "expected a list of ROIs, got dict"),
    "experiment as a list": (".json", '{"experiment_metadata": [1]}', "cap.json.*experiment_metadata"),
    "lone surrogate": (".json", '{"note": "\\ud800"}', "JSON"),
    "events is a list": ("_events.json", '{"velocity_events": []}', "expected an object of velocity events"),
    "event file is empty": ("_events.json", "", "cap_events.json as JSON"),
    "event values of two types": (
        "_events.json",
        '{"velocity_events": {"1:1": [{"t_start": 1}, {"t_start": "late"}]}}',
        "artifact 'velocity_events'.*column 't0_s'",
    ),
    "analyses is a list": ("_radon.json", '{"analysis_metadata": [1]}', "expected an object of analyses"),
    "trace lacks a column": ("_radon.csv", "roi_id,channel,time\n1,1,0.5\n", "column 'velocity' is missing"),
    "trace holds text": ("_radon.csv", "roi_id,channel,time,velocity\n1,1,0,fast\n", "a value is no number"),
    "trace roi is missing": ("_radon.csv", "roi_id,channel,time,velocity\n,1,0,1\n", "a value is no number"),
    "trace is no CSV": ("_radon.csv", '"\n\n1,2', "cap_radon.csv"),
    "trace is empty": ("_radon.csv", "", r"as CSV: it is empty \(0 bytes\)"),
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


ODD = {
    "an roi is a number": (".json", '{"rois": [1]}', "ROI 1 has no whole number for an id"),
    "an roi without id": (".json", '{"rois": [{}]}', "ROI {} has no whole number"),
    "an infinite roi id": (".json", '{"rois": [{"roi_id": Infinity}]}', "has no whole number"),
    "statistics as a list": (
        ".json",
        '{"rois": [{"roi_id": 1, "meta": [1]}]}',
        "statistics of ROI 1 are no object",
    ),
    "events of an roi is an object": (
        "_events.json",
        '{"velocity_events": {"1:1": {}}}',
        "the events of '1:1' are no list",
    ),
    "an event is a number": (
        "_events.json",
        '{"velocity_events": {"1:1": [1]}}',
        "1 events of '1:1' are no objects",
    ),
    "event key is no number": (
        "_events.json",
        '{"velocity_events": {"x:1": [{}]}}',
        "the events of 'x:1' are of no ROI",
    ),
    "an analysis is a number": (
        "_radon.json",
        '{"analysis_metadata": {"1:1": 5}}',
        "analysis '1:1' is of no ROI",
    ),
    "a channel as a list": (
        "_radon.json",
        '{"analysis_metadata": {"1:1": {"channel": [1]}}}',
        "channel of analysis '1:1' is no whole number",
    ),
    "an analysis of all ROIs": (
        "_radon.json",
        '{"analysis_metadata": {"default": {"window": 16}, "1:1": {}}}',
        "analysis 'default' is of no ROI",
    ),
}


@pytest.mark.parametrize("kind", ODD)
def test_what_is_odd_in_a_sidecar_is_passed_over_with_a_remark(
    acquired: Acquired, kd: KymDataset, kind: str
) -> None:
    suffix, content, remark = ODD[kind]
    acquired.json({"rois": [roi(1)]}).trace(samples(1.0, 3.0))
    acquired.text(suffix, content, "." if suffix == ".json" else "flow-analysis")

    report = kd.ingest_folder(acquired.tiff.parent)

    assert (len(report.new), report.failed) == (1, {})
    (said,) = report.remarks["cap.tif"]
    assert said.startswith(f"cap{suffix}: ")
    assert remark in said


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


KEYS = [("1:2", (1, 2)), ("3", (3, None)), ("a:1", (None, 1)), ("1:a", (None, None)), ("", (None, None))]


@pytest.mark.parametrize(("key", "expected"), KEYS)
def test_keys_are_roi_and_channel_or_roi_alone(key: str, expected: tuple[int | None, int | None]) -> None:
    assert split_key(key) == expected


# Older and other sidecars


def test_the_oldest_analyses_are_of_roi_1(acquired: Acquired) -> None:
    folder = acquired.tiff.parent
    (folder / f"{folder.name}-analysis").mkdir()
    acquired.text(".csv", "time,velocity\n0,1\n0.5,3\n", f"{folder.name}-analysis")

    report = acquired.read().tables["radon_report"]

    assert report[["roi_id", "channel", "mean_velocity"]].to_numpy().tolist() == [[1, 1, 2.0]]


def test_statistics_at_the_roi_itself_count_as_those_in_its_meta(acquired: Acquired) -> None:
    acquired.json({"rois": [{"roi_id": 1, "img_mean": 5.5}, roi(2, img_mean=6.5)]})

    assert acquired.read().tables["radon_report"]["img_mean"].tolist() == [5.5, 6.5]


@pytest.mark.parametrize(
    ("image", "events", "combined", "accepted"),
    [
        (True, None, None, True),
        (True, False, None, False),
        (True, None, False, False),
        (False, None, True, True),
        (True, True, False, False),
        (None, None, None, True),
    ],
)
def test_the_analysis_files_decide_whether_an_image_is_accepted(
    acquired: Acquired, image: bool | None, events: bool | None, combined: bool | None, accepted: bool
) -> None:
    for suffix, value in {"_events.json": events, "_kymanalysis.json": combined}.items():
        if value is not None:
            acquired.analysis(suffix, {"accepted": value})
    acquired.json({"rois": [roi(1)], **({} if image is None else {"accepted": image})})

    found = acquired.read()

    assert found.json["metadata"]["accepted"] is accepted
    assert found.tables["radon_report"]["accepted"].tolist() == [accepted]


def test_analyses_of_other_kinds_are_kept_under_their_names(acquired: Acquired) -> None:
    acquired.text(".diameter.json", '{"schema_version": 1}').text(".diameter.csv", "time_s,um\n0,5.1\n")

    image = acquired.read()

    assert image.json["diameter"] == {"schema_version": 1}
    assert image.tables["diameter"]["um"].tolist() == [5.1]
    assert {path.name for path in DesktopReader().files(acquired.tiff)} == {
        "cap.diameter.csv",
        "cap.diameter.json",
    }


def test_suffixes_in_upper_case_and_other_forms_of_accents_are_the_same_names(tmp_path: Path) -> None:
    stem, other = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))
    tifffile.imwrite(tmp_path / f"{stem}.TIF", np.ones((8, 5), np.uint16))
    (tmp_path / f"{other}.JSON").write_text('{"rois": [{"roi_id": 3}]}')
    (tmp_path / f"{other}.Txt").write_text(HEADER)
    (tmp_path / "flow-analysis").mkdir()
    pd.DataFrame(samples(1.0, roi_id=3)).to_csv(
        tmp_path / "flow-analysis" / f"{other}_RADON.CSV", index=False
    )

    image = DesktopReader().read(tmp_path / f"{stem}.TIF")

    assert image.tables["radon_report"][["roi_id", "mean_velocity"]].to_numpy().tolist() == [[3, 1.0]]
    assert (image.scale, image.units) == ([0.5, 0.331], ["second", "micrometer"])


def test_a_header_of_the_image_wins_over_the_microscope_s(acquired: Acquired) -> None:
    acquired.json({"header": {"voxels": [0.25, 0.125]}}).text(".txt", HEADER)

    assert acquired.read().scale == [0.25, 0.125]


def test_velocities_that_no_stripe_can_show_are_counted(acquired: Acquired) -> None:
    # tan(89.9 degrees) x 0.331 um / 0.5 s is 0.379 mm/s.
    acquired.json({"rois": [roi(1)]}).text(".txt", HEADER).trace(samples(0.37, -0.38, -5_553_288.0, math.nan))

    report = acquired.read().tables["radon_report"]

    assert report[["vel_n_unphysical", "n_valid"]].to_numpy().tolist() == [[2, 3]]


def test_without_a_calibration_nobody_knows_which_velocities_are_unphysical(acquired: Acquired) -> None:
    acquired.json({"rois": [roi(1)]}).trace(samples(-5_553_288.0))

    assert acquired.read().tables["radon_report"]["vel_n_unphysical"].isna().all()


def test_accents_of_a_sidecars_name_may_be_written_otherwise(tmp_path: Path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))
    for mine, other in ((nfc, nfd), (nfd, nfc)):
        folder = tmp_path / str(len(mine))
        folder.mkdir()
        tifffile.imwrite(folder / f"{mine}.tif", np.ones((4, 4), np.uint16))
        (folder / f"{other}.note.json").write_text('{"v": 1}')
        assert DesktopReader().read(folder / f"{mine}.tif").json["note"] == {"v": 1}
        (folder / f"{other}.tif.heart_rate.csv").write_text("bpm\n400\n")
        assert list(find_acqstore_tables(folder / f"{mine}.tif")) == ["heart_rate"]


@pytest.mark.parametrize(
    ("units", "known"),
    [
        (["s", "um"], ["second", "micrometer"]),
        (["Seconds", "µm"], ["second", "micrometer"]),
        (["px", "um"], [None, "micrometer"]),
        (["px", "px"], [None, None]),
        (None, ["second", "micrometer"]),
    ],
)
def test_a_header_in_other_units_is_no_calibration(
    acquired: Acquired, units: list[str] | None, known: list[str | None]
) -> None:
    acquired.json({"header": {"voxels": [1.0, 1.0], "voxels_units": units}})

    assert acquired.read().units == known
