from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import tifffile

from kymflow import KymDataset
from kymflow.testing import LabImage, simulate_folder
from kymflow.testing.lab import LINES_PER_SAMPLE, S_PER_LINE, UM_PER_PIXEL


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()
    }


def streak_velocity_mm_s(scan: np.ndarray, lag_ms: int = 2) -> float:
    """Return the velocity of the streaks: the shift at which lines some ms apart correlate best."""
    lag = round(lag_ms / 1000 / S_PER_LINE)
    shifts = np.arange(-15, 16)
    correlations = []
    for shift in shifts:
        early = scan[:-lag, max(0, -shift) : scan.shape[1] - max(0, shift)]
        late = scan[lag:, max(0, shift) : scan.shape[1] - max(0, -shift)]
        correlations.append(np.corrcoef(early.ravel(), late.ravel())[0, 1])
    best = int(np.argmax(correlations[1:-1])) + 1
    before, at, after = correlations[best - 1 : best + 2]
    pixels = shifts[best] + 0.5 * (before - after) / (before - 2 * at + after)
    return float(pixels * UM_PER_PIXEL / 1000 / (lag * S_PER_LINE))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> list[LabImage]:
    return simulate_folder(tmp_path_factory.mktemp("lab"), 6, seed=3)


def test_the_same_seed_gives_the_same_bytes(tmp_path: Path) -> None:
    for name, seed in (("one", 5), ("two", 5), ("three", 6)):
        simulate_folder(tmp_path / name, 3, seed=seed, n_lines=200, n_pixels=16)

    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert contents(tmp_path / "one") != contents(tmp_path / "three")


def test_images_lie_over_two_days_with_sidecars_and_the_last_is_not_analysed(images: list[LabImage]) -> None:
    assert [image.tiff.parent.name for image in images] == ["day 1"] * 3 + ["day 2"] * 3
    assert [image.analysed for image in images] == [True] * 5 + [False]
    assert [image.stall_s is not None for image in images] == [False, True] * 3
    for image in images:
        assert image.tiff.with_suffix(".json").is_file()
        analysis = image.tiff.parent / "flow-analysis"
        assert (analysis / f"{image.tiff.stem}_radon.csv").is_file() == image.analysed


@pytest.mark.parametrize("n_images", [0, 1, 2])
def test_small_folders_are_all_analysed(tmp_path: Path, n_images: int) -> None:
    images = simulate_folder(tmp_path, n_images, n_lines=50, n_pixels=8)

    assert [image.analysed for image in images] == [True] * n_images


def test_a_scan_has_the_shape_and_type_asked_for(tmp_path: Path) -> None:
    (image,) = simulate_folder(tmp_path, 1, n_lines=120, n_pixels=17)

    scan = tifffile.imread(image.tiff)
    assert scan.shape == (120, 17)
    assert scan.dtype == np.uint16
    header = json.loads(image.tiff.with_suffix(".json").read_text("utf-8"))["header"]
    assert header["shape"] == [120, 17]
    assert header["voxels"] == [S_PER_LINE, UM_PER_PIXEL]


@pytest.mark.parametrize("number", [0, 2, 4])
def test_the_streaks_in_the_pixels_move_at_the_stated_velocity(images: list[LabImage], number: int) -> None:
    scan = tifffile.imread(images[number].tiff).astype(float)

    assert streak_velocity_mm_s(scan) == pytest.approx(images[number].velocity_mm_s, rel=0.02)


@pytest.mark.parametrize("number", [1, 3, 5])
def test_the_streaks_stand_almost_still_in_a_stall(images: list[LabImage], number: int) -> None:
    image = images[number]
    assert image.stall_s is not None
    first, last = (round(time_s / S_PER_LINE) for time_s in image.stall_s)
    scan = tifffile.imread(image.tiff).astype(float)

    assert streak_velocity_mm_s(scan[:first]) == pytest.approx(image.velocity_mm_s, rel=0.02)
    stalled = streak_velocity_mm_s(scan[first:last])
    assert stalled == pytest.approx(0.1 * image.velocity_mm_s, rel=0.2)


@pytest.mark.parametrize("number", [0, 2, 4])
def test_the_velocity_trace_in_the_sidecar_has_the_stated_mean(images: list[LabImage], number: int) -> None:
    image = images[number]
    trace = pd.read_csv(image.tiff.parent / "flow-analysis" / f"{image.tiff.stem}_radon.csv")

    assert len(trace) == 2000 // LINES_PER_SAMPLE
    assert trace["velocity"].mean() == pytest.approx(image.velocity_mm_s, rel=0.02)
    assert trace["velocity"].isna().any()
    assert trace["time"].iloc[1] == LINES_PER_SAMPLE * S_PER_LINE


def test_the_events_are_the_edges_of_the_stall(images: list[LabImage]) -> None:
    for image in images[:5]:
        path = image.tiff.parent / "flow-analysis" / f"{image.tiff.stem}_events.json"
        events = json.loads(path.read_text("utf-8"))["velocity_events"]["1:1"]
        if image.stall_s is None:
            assert events == []
            continue
        assert [event["t_start"] for event in events] == list(image.stall_s)
        assert [event["event_type"] for event in events] == ["baseline_drop", "baseline_rise"]
        assert events[0]["score_peak"] == pytest.approx(-0.9 * image.velocity_mm_s)


def test_a_simulated_folder_is_ingested_without_failure(kd: KymDataset, images: list[LabImage]) -> None:
    report = kd.ingest_folder(images[0].tiff.parents[1])

    assert (len(report.new), report.failed) == (6, {})
    table = kd.get_table("radon_report", with_source=True).dropna(subset="file_name")
    means = dict(zip(table["file_name"], table["mean_velocity"], strict=True))
    assert means["capillary_0001.tif"] == pytest.approx(images[0].velocity_mm_s, rel=0.02)
