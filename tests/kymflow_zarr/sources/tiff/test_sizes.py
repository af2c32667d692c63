"""Sizes of a pixel, as tifffile, ImageJ and OME note them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from kymflow_zarr.sources.tiff import read_tiff

PIXELS = np.arange(3 * 20, dtype=np.uint16).reshape(3, 4, 5)


def sizes(path: Path, **options: Any) -> dict[str, tuple[float, str]]:
    tifffile.imwrite(path / "a.tif", PIXELS, photometric="minisblack", **options)
    image = read_tiff(path / "a.tif")
    np.testing.assert_array_equal(np.asarray(image.pixels), PIXELS)
    return {axis: (pytest.approx(size), unit) for axis, (size, unit) in image.sizes.items()}


def imagej(path: Path, resolution: tuple[float, float] = (4.0, 2.0), **metadata: Any) -> Any:
    return sizes(path, imagej=True, resolution=resolution, metadata={"axes": "TYX", **metadata})


@pytest.mark.parametrize(
    ("unit", "factor"),
    [
        ("micron", 1),
        ("microns", 1),
        ("um", 1),
        ("\\u00B5m", 1),
        ("Micrometer", 1),
        ("nm", 1e-3),
        ("mm", 1e3),
        ("pm", 1e-6),
        ("cm", 1e4),
    ],
)
def test_imagej_lengths_are_in_micrometers(tmp_path, unit, factor) -> None:
    # Of few enough pixels that a printer cannot be meant.
    resolution = (4000, 2000) if unit == "cm" else (4, 2)
    x, y = 1 / resolution[0], 1 / resolution[1]
    assert imagej(tmp_path, resolution, unit=unit, spacing=0.5) == {
        "x": (x * factor, "micrometer"),
        "y": (y * factor, "micrometer"),
        "z": (0.5 * factor, "micrometer"),
    }


@pytest.mark.parametrize(("unit", "factor"), [("sec", 1), ("s", 1), ("ms", 1e-3), ("min", 60)])
def test_lines_of_a_line_scan_take_time(tmp_path, unit, factor) -> None:
    found = imagej(tmp_path, unit="micron", yunit=unit)
    assert found == {"x": (0.25, "micrometer"), "y": (0.5 * factor, "second")}


def test_imagej_frames_take_time(tmp_path) -> None:
    assert imagej(tmp_path, finterval=0.25)["t"] == (0.25, "second")
    assert imagej(tmp_path, finterval=250, tunit="ms")["t"] == (0.25, "second")


@pytest.mark.parametrize("unit", ["pixel", "", "parsec", "72", None])
def test_resolution_without_a_unit_of_length_tells_nothing(tmp_path, unit) -> None:
    assert imagej(tmp_path, **({} if unit is None else {"unit": unit}), spacing=2) == {}


@pytest.mark.parametrize("bad", [0, -1.5, "nan", "inf", "-inf", "much", "1e999"])
def test_values_that_cannot_be(tmp_path, bad) -> None:
    assert imagej(tmp_path, unit="um", spacing=bad, finterval=bad).keys() == {"x", "y"}


def test_zero_resolution(tmp_path) -> None:
    assert imagej(tmp_path, (0.0, 2.0), unit="um") == {"y": (0.5, "micrometer")}


def test_description_that_is_damaged_after_its_first_line(tmp_path) -> None:
    words = "ImageJ=1.54f\nunit\n=um\nspacing\nunit=um=um\n\x01\nspacing=0x3\nfinterval=0.5\n"
    assert sizes(tmp_path, description=words, metadata=None) == {"t": (0.5, "second")}


# Resolution tags alone


def test_resolution_per_centimeter(tmp_path) -> None:
    found = sizes(tmp_path, resolution=(20_000, 10_000), resolutionunit="centimeter", metadata=None)
    assert found == {"x": (0.5, "micrometer"), "y": (1.0, "micrometer")}


def test_resolution_per_inch(tmp_path) -> None:
    found = sizes(tmp_path, resolution=(25_400, 50_800), resolutionunit="inch", metadata=None)
    assert found == {"x": (1.0, "micrometer"), "y": (0.5, "micrometer")}


@pytest.mark.parametrize("dots", [72, 96, 300, 600, 1200])
def test_what_is_meant_for_a_printer_is_no_calibration(tmp_path, dots) -> None:
    assert sizes(tmp_path, resolution=(dots, dots), resolutionunit="inch", metadata=None) == {}
    per_cm = dots / 2.54
    assert sizes(tmp_path, resolution=(per_cm, per_cm), resolutionunit="centimeter", metadata=None) == {}
    assert imagej(tmp_path, (dots, dots), unit="inch") == {}


def test_no_resolution(tmp_path) -> None:
    assert sizes(tmp_path) == {}
    assert sizes(tmp_path, resolution=(25_400, 25_400), resolutionunit="none") == {}


# OME


def ome(path: Path, **metadata: Any) -> Any:
    return sizes(path, ome=True, metadata={"axes": "TYX", **metadata})


def test_ome_sizes(tmp_path) -> None:
    found = ome(
        tmp_path,
        PhysicalSizeX=0.3,
        PhysicalSizeY=400,
        PhysicalSizeYUnit="nm",
        PhysicalSizeZ=2,
        PhysicalSizeZUnit="µm",
        TimeIncrement=20,
        TimeIncrementUnit="ms",
    )
    assert found == {
        "x": (0.3, "micrometer"),
        "y": (0.4, "micrometer"),
        "z": (2.0, "micrometer"),
        "t": (0.02, "second"),
    }


@pytest.mark.parametrize("unit", ["pixel", "reference frame", "?"])
def test_ome_size_in_no_unit_of_length(tmp_path, unit) -> None:
    assert ome(tmp_path, PhysicalSizeX=0.3, PhysicalSizeXUnit=unit) == {}


@pytest.mark.parametrize("bad", [0, -1, "NaN", "INF", "", "wide"])
def test_ome_values_that_cannot_be(tmp_path, bad) -> None:
    assert ome(tmp_path, PhysicalSizeX=bad, PhysicalSizeY=2) == {"y": (2.0, "micrometer")}


def test_ome_resolution_tags_do_not_count(tmp_path) -> None:
    found = sizes(tmp_path, ome=True, metadata={"axes": "TYX"}, resolution=(20_000, 20_000), resolutionunit=3)
    assert found == {}


@pytest.mark.parametrize("at", range(0, 640, 37))
def test_damaged_ome_metadata_cost_no_pixels(tmp_path, at) -> None:
    path = tmp_path / "a.tif"
    options = {"photometric": "minisblack", "metadata": {"axes": "TYX", "PhysicalSizeX": 0.3}}
    tifffile.imwrite(path, PIXELS, ome=True, **options)
    with tifffile.TiffFile(path) as file:
        xml = file.ome_metadata
    assert len(xml) > 640
    bent = xml[:at] + "<&\x02" + xml[at + 3 :]
    tifffile.imwrite(path, PIXELS, description=bent.encode(), metadata=None, photometric="minisblack")
    image = read_tiff(path)
    np.testing.assert_array_equal(np.asarray(image.pixels), PIXELS)
    assert image.sizes in ({}, {"x": (0.3, "micrometer")})
