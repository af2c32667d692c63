"""Folders that AcqStore has saved: its own numbers come out, and what nobody indexes is kept."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import tifffile

from kymflow import IndexerRegistry, KymDataset
from kymflow.core.ingest.acqstore import AcqStoreReader
from kymflow_zarr import SourceError, SourceImage

HEADER = {
    "num_channels": 1,
    "physical_label_x": "um",
    "physical_label_y": "seconds",
    "physical_unit_x": 0.5,
    "physical_unit_y": 0.001,
}


def analysis(
    name: str, summary: dict[str, Any] | None = None, roi_id: int = 1, channel: int = 0
) -> dict[str, Any]:
    entry = {"analysis_name": name, "channel": channel, "roi_id": roi_id, "detection_params": {"window": 16}}
    return entry if summary is None else {**entry, "summary": summary}


class Saved:
    """One TIFF of 8 lines and 5 pixels, as AcqStore has saved it."""

    def __init__(self, folder: Path) -> None:
        self.tiff = folder / "cap.tif"
        tifffile.imwrite(self.tiff, np.arange(40, dtype=np.uint16).reshape(8, 5))

    def sidecar(self, **content: Any) -> Saved:
        whole = {"version": 2, "accepted": True, "analysis": [], "rois": [], "image_header_metadata": HEADER}
        self.tiff.with_name("cap.tif.json").write_text(json.dumps({**whole, **content}))
        return self

    def csv(self, name: str, **columns: Any) -> Saved:
        pd.DataFrame(columns).to_csv(self.tiff.with_name(f"cap.tif.{name}.csv"), index=False)
        return self

    def trace(self, *velocities: float, roi_id: int = 1, channel: int = 0) -> Saved:
        times = [0.1 * i for i in range(len(velocities))]
        return self.csv(
            "radon_velocity",
            channel=channel,
            roi_id=roi_id,
            time_s=times,
            theta_deg=45.0,
            velocity=velocities,
        )

    def read(self) -> SourceImage:
        return AcqStoreReader().read(self.tiff)


@pytest.fixture
def saved(tmp_path: Path) -> Saved:
    return Saved(tmp_path)


@pytest.fixture
def kd(tmp_path: Path, registry: IndexerRegistry) -> KymDataset:
    return KymDataset(tmp_path / "lab.zarr", mode="a", registry=registry)


# Real folders


def test_a_real_folder_gives_what_acqstore_s_own_pool_says(shared_data: Path, kd: KymDataset) -> None:
    kd.ingest_folder(shared_data / "acqstore_folder")
    pool = pd.read_csv(shared_data / "expected" / "acqstore_velocity_pool.csv")
    keys = ["rel_path", "roi_id", "channel"]
    report = kd.get_table("radon_report", with_source=True).sort_values(keys, ignore_index=True)
    pool = pool.sort_values(keys, ignore_index=True)

    assert report[keys].to_numpy().tolist() == pool[keys].to_numpy().tolist()
    for ours, theirs in {
        "mean_velocity": "velocity_mean",
        "median_velocity": "velocity_median",
        "vel_cv": "velocity_cv",
        "n_valid": "velocity_num_windows",
    }.items():
        np.testing.assert_allclose(report[ours].astype(float), pool[theirs], rtol=1e-12, err_msg=ours)
    assert report["accepted"].tolist() == pool["accept"].tolist()
    assert report["notes"].tolist() == pool["note"].fillna("").tolist()
    assert report["condition"].tolist() == pool["condition"].tolist()
    assert (report["velocity_unit"].dropna() == "um/s").all()

    events = kd.get_table("velocity_events", with_source=True)
    for row in pool.itertuples():
        mine = events[(events["rel_path"] == row.rel_path) & (events["roi_id"] == row.roi_id)]
        assert len(mine) == np.nan_to_num(row.event_num_events)
        for kind in ("user", "rise", "fall", "transient"):
            assert (mine["kind"] == kind).sum() == np.nan_to_num(getattr(row, f"event_{kind}_events")), kind
        if len(mine):
            assert mine["duration_sec"].mean() == pytest.approx(row.event_mean_duration, rel=1e-12)
            np.testing.assert_allclose(mine["t1_s"] - mine["t0_s"], mine["duration_sec"], rtol=1e-12)


def test_a_real_folder_gives_the_metadata_and_every_other_analysis(shared_data: Path, kd: KymDataset) -> None:
    kd.ingest_folder(shared_data / "acqstore_folder")
    pool = pd.read_csv(shared_data / "expected" / "acqstore_velocity_pool.csv").set_index("rel_path")
    sources = kd.ds.load_sources_index().set_index("source_rel_path")["image_id"]

    for path, rows in pool.groupby(level=0):
        metadata = kd.ds.record(sources[path]).load_metadata_payload()
        row = rows.iloc[0]
        # pandas 2 reads the last digit of the expected ones wrongly.
        assert metadata["header"]["voxels"] == pytest.approx([row["step_y"], row["step_x"]], rel=1e-15)
        experiment = metadata["experiment_metadata"]
        assert (experiment["condition"], experiment["note"]) == (
            row["condition"],
            row["note"] if pd.notna(row["note"]) else "",
        )
        assert (experiment["genotype"] or np.nan) is np.nan or experiment["genotype"] == row["genotype"]
        assert metadata["accepted"] == row["accept"]
    (heart_rate,) = kd.ds.record(sources["AngII/day28/A89_0003.tif"]).load_json("heart_rate")
    assert heart_rate["summary"]["lomb"]["bpm"] == 485.16634050880623
    assert kd.ds.record(sources["control/Capillary2.tif"]).load_array().shape == (30000, 25)


# What stands where


def test_velocities_stay_as_they_are_and_their_unit_is_named(saved: Saved) -> None:
    saved.sidecar(rois=[{"roi_id": 1}], analysis=[analysis("radon_velocity", {"num_windows": 3})])
    saved.trace(100.0, np.nan, 300.0)

    image = saved.read()

    report = image.tables["radon_report"].iloc[0]
    assert (report["mean_velocity"], report["velocity_unit"], report["n_valid"]) == (200.0, "um/s", 2)
    assert image.tables["radon"]["time"].tolist() == [0.0, 0.1, 0.2]
    assert image.json["radon/params"]["1:0"]["summary"] == {"num_windows": 3}
    assert (image.scale, image.units) == ([0.001, 0.5], ["second", "micrometer"])


def test_a_line_along_the_stripe_is_no_velocity_in_any_unit(saved: Saved) -> None:
    # tan(89.9 degrees) x 0.5 um / 0.001 s is 286,478 um/s.
    saved.sidecar(rois=[{"roi_id": 1}]).trace(286_000.0, -287_000.0, 1e12, np.nan)

    assert saved.read().tables["radon_report"]["vel_n_unphysical"].tolist() == [2]


def test_each_roi_has_a_row_for_each_channel(saved: Saved) -> None:
    tifffile.imwrite(saved.tiff, np.zeros((2, 8, 5), np.uint16))
    header = {**HEADER, "num_channels": 2}
    saved.sidecar(rois=[{"roi_id": 4}, {"roi_id": 2}], image_header_metadata=header).trace(
        1.0, roi_id=2, channel=1
    )

    image = saved.read()

    report = image.tables["radon_report"]
    assert report[["channel", "roi_id"]].to_numpy().tolist() == [[0, 4], [0, 2], [1, 4], [1, 2]]
    assert report["mean_velocity"].tolist()[3] == 1.0
    assert report["mean_velocity"].isna().sum() == 3
    assert (image.axes, image.scale) == (["c", "y", "x"], [1.0, 0.001, 0.5])


def test_swapped_ends_of_an_event_are_put_in_order(saved: Saved) -> None:
    events = [
        {"event_type": "fall", "x0": 10.25, "x1": 9.75, "duration": 0.5, "pre_win_stats": {"mean": 7.0}},
        {"event_type": "user", "x0": 2.0, "x1": None},
    ]
    saved.sidecar(rois=[{"roi_id": 1}], analysis=[analysis("event", {"events": events})])

    table = saved.read().tables["velocity_events"]

    assert table["t0_s"].tolist() == [9.75, 2.0]
    assert table["t1_s"].tolist() == [10.25, None]
    assert table["kind"].tolist() == ["fall", "user"]
    assert table["event_id"].tolist() == ["1:0:fall:9.75s", "1:0:user:2.0s"]
    assert table["baseline_before"].tolist() == [7.0, None]


def test_events_of_an_roi_that_is_there_no_more_are_dropped(saved: Saved) -> None:
    events = {"events": [{"event_type": "user", "x0": 1.0, "x1": 2.0}]}
    saved.sidecar(rois=[{"roi_id": 1}], analysis=[analysis("event", events, roi_id=roi) for roi in (1, 9)])

    assert saved.read().tables["velocity_events"]["roi_id"].tolist() == [1]


def test_events_of_another_analysis_are_kept_apart(saved: Saved) -> None:
    summary = {"parent_analysis_name": "diameter", "events": [{"event_type": "rise", "x0": 1.0, "x1": 2.0}]}
    saved.sidecar(rois=[{"roi_id": 1}], analysis=[analysis("event", summary)])

    image = saved.read()

    assert "velocity_events" not in image.tables
    assert image.json["event"][0]["summary"] == summary


@pytest.mark.parametrize("name", ["diameter", "sum_intensity", "never heard of"])
def test_analyses_that_nobody_indexes_are_kept_under_their_names(saved: Saved, name: str) -> None:
    entries = [analysis(name, {"value": 1}), analysis(name, {"value": 2}, roi_id=2)]
    saved.sidecar(analysis=entries).csv(name, channel=[0], roi_id=[1], value=[5.0])

    image = saved.read()

    assert image.json[name] == entries
    assert image.tables[name]["value"].tolist() == [5.0]


def test_an_analysis_that_cannot_name_an_artifact_is_named_in_a_remark(saved: Saved) -> None:
    saved.sidecar(analysis=[analysis("a/../b"), analysis("metadata"), {"channel": 0}])

    image = saved.read()

    assert set(image.json) == {"metadata"}
    assert [remark.partition(": ")[2] for remark in image.remarks] == [
        "an analysis without name, ROI or channel: {'channel': 0}; passed over",
        "analysis 'a/../b' cannot be an artifact of this name; passed over",
        "analysis 'metadata' cannot be an artifact of this name; passed over",
    ]


def test_axes_in_other_units_are_no_calibration(saved: Saved) -> None:
    header = {**HEADER, "physical_label_y": "um"}

    assert saved.sidecar(image_header_metadata=header).read().units == [None, None]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"analysis": {}}, "expected a list for analysis, got dict"),
        ({"rois": {}}, "expected a list for rois, got dict"),
        ({"experiment_metadata": []}, "expected an object for experiment_metadata, got list"),
    ],
)
def test_a_sidecar_of_another_shape_fails_the_image(
    saved: Saved, content: dict[str, Any], message: str
) -> None:
    with pytest.raises(SourceError, match=rf"cap\.tif\.json: {message}"):
        saved.sidecar(**content).read()


def test_its_sidecar_decides_that_acqstore_reads_a_folder(saved: Saved, kd: KymDataset) -> None:
    saved.tiff.with_suffix(".json").write_text(json.dumps({"accepted": False}))
    saved.sidecar(accepted=True, rois=[{"roi_id": 1}]).trace(1.0)
    tifffile.imwrite(saved.tiff.with_name("other.tif"), np.zeros((8, 5), np.uint8))

    report = kd.ingest_folder(saved.tiff.parent)

    sources = kd.ds.load_sources_index().set_index("source_rel_path")
    assert sources["reader"].to_dict() == {"cap.tif": "acqstore", "other.tif": "kymflow desktop"}
    assert kd.get_table("radon_report")["accepted"].tolist() == [True]
    assert report.passed_over == {
        "cap.json": "a sidecar of no image",
        "lab.zarr": "a Zarr hierarchy, not source files",
    }
