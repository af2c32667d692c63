"""A simulated lab folder: line scans of moving blood cells at a known velocity, with their sidecars."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import numpy.typing as npt

    Floats = npt.NDArray[np.float64]

UM_PER_PIXEL = 0.3
S_PER_LINE = 0.001
LINES_PER_SAMPLE = 4
HEART_RATE_HZ = 8.0
_MICRONS_PER_MM = 1000.0
# Width of a red blood cell in a capillary, about.
_CELL_UM = 6.0


@dataclass(frozen=True)
class LabImage:
    """One simulated acquisition and what is true of it.

    Attributes
    ----------
    tiff : Path
        Its TIFF, time x space.
    velocity_mm_s : float
        Mean velocity of the cells, mm/s.
    stall_s : tuple of float or None
        When the flow drops and recovers, s from the start; None if it never does.
    analysed : bool
        Whether sidecars hold a velocity trace and events.
    """

    tiff: Path
    velocity_mm_s: float
    stall_s: tuple[float, float] | None
    analysed: bool


def simulate_folder(
    folder: str | os.PathLike[str],
    n_images: int = 6,
    *,
    seed: int = 0,
    n_lines: int = 2000,
    n_pixels: int = 40,
) -> list[LabImage]:
    """Write a folder of simulated kymographs in the desktop program's format.

    Dark cells move through a bright line at a known velocity that pulses with the heart; in every
    second image the flow stalls for a while. The velocity trace in the sidecars is the true one
    with measurement noise and gaps; the events are the stall's two edges. The last of three or
    more images is left without analysis.

    Parameters
    ----------
    folder : path
        Made if it is absent; acquisitions are spread over two days' folders.
    n_images : int
        How many line scans.
    seed : int
        The same seed gives the same folder.
    n_lines, n_pixels : int
        Shape of each TIFF (time x space), at 1 ms per line and 0.3 um/pixel.

    Returns
    -------
    list of LabImage
        What was written, in the order of the files' names.

    Examples
    --------
    >>> from kymflow.testing import simulate_folder
    >>> for image in simulate_folder("kymographs", n_images=2, n_lines=500):
    ...     print(image.tiff.name, image.stall_s)
    capillary_0001.tif None
    capillary_0002.tif (0.2, 0.3)
    """
    return list(_simulate(Path(folder), n_images, np.random.default_rng(seed), n_lines, n_pixels))


def _simulate(
    folder: Path, n_images: int, random: np.random.Generator, n_lines: int, n_pixels: int
) -> Iterator[LabImage]:
    duration_s = n_lines * S_PER_LINE
    for number in range(n_images):
        day = folder / f"day {1 + number * 2 // max(n_images, 1)}"
        day.mkdir(parents=True, exist_ok=True)
        velocity_mm_s = round(float(random.uniform(0.4, 1.6)), 3)
        stall_s = (round(duration_s * 0.4, 3), round(duration_s * 0.6, 3)) if number % 2 else None
        image = LabImage(
            day / f"capillary_{number + 1:04d}.tif",
            velocity_mm_s,
            stall_s,
            analysed=n_images < 3 or number + 1 < n_images,
        )
        velocity = _true_velocity(image, n_lines)
        _write_tiff(image.tiff, line_scan(velocity, n_pixels, random))
        _write_sidecars(image, velocity, n_pixels, random)
        yield image


def _true_velocity(image: LabImage, n_lines: int) -> Floats:
    """Return the velocity at each line, mm/s."""
    time_s = np.arange(n_lines) * S_PER_LINE
    velocity: Floats = image.velocity_mm_s * (1 + 0.1 * np.sin(2 * np.pi * HEART_RATE_HZ * time_s))
    if image.stall_s is not None:
        start_s, end_s = image.stall_s
        velocity[(time_s >= start_s) & (time_s < end_s)] *= 0.1
    return velocity


def line_scan(velocity_mm_s: Floats, n_pixels: int, random: np.random.Generator) -> npt.NDArray[np.uint16]:
    """Return a line scan of cells that move at the given velocity.

    Parameters
    ----------
    velocity_mm_s : ndarray of float, shape (n_lines,)
        Velocity at each line.
    n_pixels : int
        Pixels of a line.
    random : numpy.random.Generator
        Where the cells are, and the photon noise.

    Returns
    -------
    ndarray of uint16, shape (n_lines, n_pixels)
        Time x space, grey values.
    """
    moved_um = np.cumsum(velocity_mm_s) * _MICRONS_PER_MM * S_PER_LINE
    length_um = moved_um[-1] + n_pixels * UM_PER_PIXEL
    centres_um = np.cumsum(random.uniform(1.2, 3.0, size=int(length_um / _CELL_UM) + 2) * _CELL_UM)
    grid_um = np.arange(0, length_um + UM_PER_PIXEL, UM_PER_PIXEL)
    nearest = np.abs(grid_um[:, None] - centres_um[None, :]).min(axis=1)
    brightness = 100 + 200 * (1 - np.exp(-((nearest / (_CELL_UM / 2)) ** 2)))
    # The plasma column that enters at line i has travelled moved_um[i] by then.
    place_um = (moved_um[-1] - moved_um)[:, None] + np.arange(n_pixels)[None, :] * UM_PER_PIXEL
    scan = np.interp(place_um, grid_um, brightness)
    photons: npt.NDArray[np.uint16] = random.poisson(scan).astype(np.uint16)
    return photons


def _write_tiff(path: Path, pixels: npt.NDArray[np.uint16]) -> None:
    import tifffile

    tifffile.imwrite(path, pixels)


def _write_sidecars(image: LabImage, velocity: Floats, n_pixels: int, random: np.random.Generator) -> None:
    n_lines = len(velocity)
    stem = image.tiff.stem
    roi = {
        "roi_id": 1,
        "roi_type": "rect",
        "version": "1.0",
        "name": "",
        "note": "whole line",
        "channel": 1,
        "z": 0,
        "data": {"x0": 0, "x1": n_pixels, "y0": 0, "y1": n_lines},
        "meta": {},
    }
    header = {
        "shape": [n_lines, n_pixels],
        "ndim": 2,
        "voxels": [S_PER_LINE, UM_PER_PIXEL],
        "voxels_units": ["s", "um"],
        "labels": ["time (s)", "space (um)"],
        "physical_size": [n_lines * S_PER_LINE, n_pixels * UM_PER_PIXEL],
    }
    experiment = {"condition": "simulated", "treatment": "", "date": "", "note": ""}
    metadata = {"version": "1.0", "header": header, "experiment_metadata": experiment}
    _write_json(
        image.tiff.with_suffix(".json"),
        {**metadata, "rois": [roi] if image.analysed else [], "accepted": True},
    )
    if not image.analysed:
        return
    analysis = image.tiff.parent / "flow-analysis"
    analysis.mkdir(exist_ok=True)
    samples = np.arange(0, n_lines, LINES_PER_SAMPLE)
    measured = velocity[samples] + random.normal(0, 0.02, len(samples))
    measured[random.random(len(samples)) < 0.01] = np.nan
    trace = pd.DataFrame(
        {
            "roi_id": 1,
            "channel": 1,
            "time": samples * S_PER_LINE,
            "velocity": measured,
            "file": image.tiff.name,
        }
    )
    trace.to_csv(analysis / f"{stem}_radon.csv", index=False)
    parameters = {"roi_id": 1, "channel": 1, "algorithm": "simulated", "window_size": 16}
    _write_json(analysis / f"{stem}_radon.json", {"version": "3.0", "analysis_metadata": {"1:1": parameters}})
    _write_json(
        analysis / f"{stem}_events.json", {"version": "2.0", "velocity_events": {"1:1": _events(image)}}
    )


def _events(image: LabImage) -> list[dict[str, Any]]:
    if image.stall_s is None:
        return []
    stalled = image.velocity_mm_s * 0.1
    edges = [("baseline_drop", image.velocity_mm_s, stalled), ("baseline_rise", stalled, image.velocity_mm_s)]
    return [
        {
            "event_type": kind,
            "i_start": int(time_s / S_PER_LINE) // LINES_PER_SAMPLE,
            "i_peak": int(time_s / S_PER_LINE) // LINES_PER_SAMPLE,
            "i_end": None,
            "t_start": time_s,
            "t_peak": time_s,
            "t_end": None,
            "score_peak": after - before,
            "baseline_before": before,
            "baseline_after": after,
            "machine_type": "stall_candidate" if kind == "baseline_drop" else "other",
            "user_type": "unreviewed",
            "note": "",
            "channel": 1,
        }
        for time_s, (kind, before, after) in zip(image.stall_s, edges, strict=True)
    ]


def _write_json(path: Path, content: dict[str, Any]) -> None:
    path.write_text(json.dumps(content, indent=2), encoding="utf-8")
