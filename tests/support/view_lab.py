"""A lab for the viewer's tests: conditions, odd names, no calibration, a spike and a flash."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from kymflow import KymDataset
from kymflow.testing import LabImage, simulate_folder
from kymflow.testing.lab import LINES_PER_SAMPLE

# A markup that would run, a formula, text that runs from right to left, and matplotlib's mathematics.
HOSTILE_STEMS = ("<img src=x onerror=alert(1)>", "=1+1", "תא \u202egpj", "$\\alpha^2$ & 100%")
FORMULA = "=cmd|' /C calc'!A0"
SCRIPT = "<script>alert(2)</script>"
CONDITIONS = ("control", "stroke", "sham")
UNCALIBRATED = "uncalibrated.tif"
# One line of LONG is bright, and one sample of its trace is fast.
LONG, THREE_ROIS = "long.tif", "three rois.tif"
LONG_LINES, FLASH_LINE, FLASH_VALUE = 30_000, 12_345, 4000
SPIKE_LINE, SPIKE_MM_S = 20_000, 4.0
N_PIXELS = 40
N_IMAGES = 8 + 3


def write_folder(folder: Path) -> None:
    """Write eight short acquisitions, four of them with hostile names, two long ones and one bare TIFF."""
    images = simulate_folder(folder / "short", 8, n_lines=1000, n_pixels=N_PIXELS)
    for number, image in enumerate(images):
        condition = CONDITIONS[number % len(CONDITIONS)]
        _edit(image.tiff, lambda metadata, c=condition: metadata["experiment_metadata"].update(condition=c))
    for image, stem in zip(images, HOSTILE_STEMS, strict=False):
        rename(image.tiff, stem)
    odd = images[4].tiff
    _edit(odd, lambda metadata: metadata["experiment_metadata"].update(treatment=FORMULA, note=SCRIPT))
    for name, rois in ((LONG, (1,)), (THREE_ROIS, (1, 2, 3))):
        (image,) = simulate_folder(folder / name, 1, n_lines=LONG_LINES, n_pixels=N_PIXELS, seed=3)
        _make_long(image, rois)
        rename(image.tiff, Path(name).stem)
    pixels = tifffile.imread(images[7].tiff)
    tifffile.imwrite(folder / UNCALIBRATED, pixels)


def make_view_lab(path: Path, folder: Path) -> None:
    """Ingest a folder, and make every table; plugins are those of this process."""
    kd = KymDataset(path, mode="a")
    report = kd.ingest_folder(folder)
    assert not report.failed, report
    kd.rebuild_all()


def rename(tiff: Path, stem: str) -> None:
    """Rename an acquisition: its TIFF, sidecars and analysis."""
    for path in sorted(tiff.parent.rglob(f"{tiff.stem}*")):
        path.rename(path.with_name(path.name.replace(tiff.stem, stem, 1)))


def _edit(tiff: Path, change: Callable[[dict[str, Any]], object]) -> None:
    sidecar = tiff.with_suffix(".json")
    metadata = json.loads(sidecar.read_text("utf-8"))
    change(metadata)
    sidecar.write_text(json.dumps(metadata), "utf-8")


def _make_long(image: LabImage, rois: tuple[int, ...]) -> None:
    pixels = tifffile.imread(image.tiff)
    pixels[FLASH_LINE] = FLASH_VALUE
    tifffile.imwrite(image.tiff, pixels)

    def add_rois(metadata: dict[str, Any]) -> None:
        (first,) = metadata["rois"]
        metadata["rois"] = [
            {**first, "roi_id": roi, "data": {**first["data"], "y1": LONG_LINES - 3000 * (roi - 1)}}
            for roi in rois
        ]

    _edit(image.tiff, add_rois)
    csv = image.tiff.parent / "flow-analysis" / f"{image.tiff.stem}_radon.csv"
    trace = pd.read_csv(csv)
    # One sample, between two that are as slow as the rest.
    sample = SPIKE_LINE // LINES_PER_SAMPLE
    trace.loc[sample, "velocity"] = SPIKE_MM_S
    trace.loc[[sample - 1, sample + 1], "velocity"] = np.nanmedian(trace["velocity"])
    pd.concat([trace.assign(roi_id=roi) for roi in rois]).to_csv(csv, index=False)


def copy_dataset(dataset: Path, to: Path) -> Path:
    """Copy a dataset with its times, for a test that changes it."""
    shutil.copytree(dataset, to)
    return to


if __name__ == "__main__":
    import sys

    make_view_lab(Path(sys.argv[1]), Path(sys.argv[2]))
