"""The radon report: a row for each region, from its trace."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

from kymflow import KymDataset
from kymflow.core.ingest.desktop_sidecars import find_desktop_sidecars, read_desktop_sidecars
from kymflow.core.ingest.line_scan import Calibration
from kymflow.core.ingest.radon import radon_report, velocity_statistics
from support.acquisitions import Acquired, roi, samples

CALIBRATED = Calibration(seconds_per_line=0.001, um_per_pixel=0.25)


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

    report = radon_report(read_desktop_sidecars(find_desktop_sidecars(acquired.tiff)), CALIBRATED)

    assert report is not None
    assert report["roi_id"].tolist() == [3, 1]
    assert report["channel"].tolist() == [1, 2]
    assert report["mean_velocity"].tolist() == [3.0, 2.0]
    assert report["img_mean"].tolist()[1] == 7.5
    assert report["treatment"].tolist() == ["AngII", "AngII"]
    assert report["date"].isna().all()
    assert report["notes"].tolist() == ["", ""]


def test_an_roi_that_was_never_analysed_has_a_row_of_missing_values(acquired: Acquired) -> None:
    acquired.json({"rois": [roi(1), roi(2)]}).trace(samples(1.0))

    report = radon_report(read_desktop_sidecars(find_desktop_sidecars(acquired.tiff)), CALIBRATED)

    assert report is not None
    assert report["roi_id"].tolist() == [1, 2]
    never = report.iloc[1].drop(["roi_id", "accepted", "notes"])
    assert never.isna().all(), never


@pytest.mark.parametrize("metadata", [{"rois": []}, {}], ids=["all rois removed", "no metadata at all"])
def test_a_trace_of_which_no_roi_is_known_is_ingested_without_failure(
    acquired: Acquired, kd: KymDataset, metadata: dict[str, Any]
) -> None:
    acquired.json(metadata).trace(samples(1.0, 2.0))

    report = kd.ingest_folder(acquired.tiff.parent)

    assert (len(report.new), report.failed, report.tables["radon_report"].failed) == (1, {}, {})
