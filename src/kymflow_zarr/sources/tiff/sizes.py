"""The sizes of a pixel that a TIFF's metadata tell: OME-XML, ImageJ's description, resolution tags."""

from __future__ import annotations

import io
import math
from collections.abc import Mapping
from typing import TYPE_CHECKING
from xml.etree import ElementTree

if TYPE_CHECKING:
    import tifffile

Sizes = dict[str, tuple[float, str]]

_MICROMETERS = {
    **dict.fromkeys(["micron", "microns", "um", "µm", "μm", r"\u00b5m", "micrometer", "micrometre"], 1.0),
    **dict.fromkeys(["pm", "picometer"], 1e-6),
    **dict.fromkeys(["å", "angstrom"], 1e-4),
    **dict.fromkeys(["nm", "nanometer"], 1e-3),
    **dict.fromkeys(["mm", "millimeter"], 1e3),
    **dict.fromkeys(["cm", "centimeter"], 1e4),
    **dict.fromkeys(["m", "meter"], 1e6),
    **dict.fromkeys(["in", "inch", "inches"], 25_400.0),
}
_SECONDS = {
    **dict.fromkeys(["ns", "nsec"], 1e-9),
    **dict.fromkeys(["us", "µs", "μs", "usec", r"\u00b5s", "microsecond", "microseconds"], 1e-6),
    **dict.fromkeys(["ms", "msec", "millisecond", "milliseconds"], 1e-3),
    **dict.fromkeys(["s", "sec", "second", "seconds"], 1.0),
    **dict.fromkeys(["min", "minute", "minutes"], 60.0),
    **dict.fromkeys(["h", "hour", "hours"], 3600.0),
}
_RESOLUTION_UNITS = {2: "inch", 3: "cm"}
# Image editors note for how many dots per inch a picture is to be printed: 72, 300, at most 1,200 (21.2 um).
_SMALLEST_PRINTED_UM = 21.0
_PRINT_UNITS = ("in", "inch", "inches", "cm", "centimeter")


def pixel_sizes(file: tifffile.TiffFile) -> Sizes:
    """Return the size of one pixel, and its unit, by axis, where the metadata tell them.

    Units are ``micrometer`` and ``second``. What cannot be a size, or has no unit, is not told.
    """
    page = file.pages.first
    resolution = {"x": _per_unit(page, 282), "y": _per_unit(page, 283)}
    if file.is_ome:
        return _ome_sizes(page.description)
    if file.is_imagej:
        return _imagej_sizes(page, resolution)
    unit = _RESOLUTION_UNITS.get(page.tags.valueof(296), "")
    return _known({axis: _resolution(value, unit) for axis, value in resolution.items()})


def _known(sizes: Mapping[str, tuple[float, str] | None]) -> Sizes:
    return {axis: size for axis, size in sizes.items() if size is not None}


def _size(value: object, unit: str) -> tuple[float, str] | None:
    """Return a value in micrometers or seconds, or None if it cannot be a pixel's size."""
    try:
        number = float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return None
    name = unit.strip().lower()
    seconds = name in _SECONDS
    size = number * (_SECONDS if seconds else _MICROMETERS).get(name, math.nan)
    return (size, "second" if seconds else "micrometer") if 0 < size < math.inf else None


def _resolution(value: float | None, unit: str) -> tuple[float, str] | None:
    """Return what a resolution tag means, or None if it is meant for a printer."""
    size = _size(value, unit)
    printed = unit.strip().lower() in _PRINT_UNITS and size is not None and size[0] >= _SMALLEST_PRINTED_UM
    return None if printed else size


def _per_unit(page: tifffile.TiffPage, code: int) -> float | None:
    """Return the size that a resolution tag means: it holds pixels per unit, as a fraction."""
    value = page.tags.valueof(code)
    try:
        pixels, units = value
        return float(units / pixels)
    except (TypeError, ValueError, ZeroDivisionError):
        return None


def _imagej_sizes(page: tifffile.TiffPage, resolution: Mapping[str, float | None]) -> Sizes:
    # ImageJ puts it first; a second description is a thumbnail's or tifffile's own.
    told = page.description if page.description.startswith("ImageJ=") else page.description1
    pairs = (line.partition("=") for line in told.splitlines())
    words = {key.strip(): value.strip() for key, _, value in pairs}
    unit = words.get("unit", "")
    return _known(
        {
            "x": _resolution(resolution["x"], unit),
            "y": _resolution(resolution["y"], words.get("yunit", unit)),
            "z": _size(words.get("spacing"), words.get("zunit", unit)),
            "t": _size(words.get("finterval"), words.get("tunit", "sec")),
        }
    )


def _ome_sizes(xml: str) -> Sizes:
    attributes = _first_pixels(xml)
    sizes = {
        axis.lower(): _size(
            attributes.get(f"PhysicalSize{axis}"), attributes.get(f"PhysicalSize{axis}Unit", "µm")
        )
        for axis in "XYZ"
    }
    sizes["t"] = _size(attributes.get("TimeIncrement"), attributes.get("TimeIncrementUnit", "s"))
    return _known(sizes)


def _first_pixels(xml: str) -> Mapping[str, str]:
    """Return the attributes of the first image's pixels; what comes after is not looked at."""
    try:
        for _, element in ElementTree.iterparse(io.BytesIO(xml.encode()), events=["start"]):
            if element.tag.rpartition("}")[2] == "Pixels":
                attributes: dict[str, str] = element.attrib
                return attributes
    except (ElementTree.ParseError, LookupError, ValueError):
        # Damaged metadata tell nothing; the pixels can be read all the same.
        return {}
    return {}
