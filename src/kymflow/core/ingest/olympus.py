"""The Olympus text header beside a TIFF: its sections, and the pixel sizes in it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_LINE = re.compile(r'^"(?P<key>.*?)"\s+"(?P<value>.*)"\s*$')
_UM_PER_PIXEL = re.compile(r"([\d.]+) \[um/pixel\]")
_DURATION_S = re.compile(r"- ([\d.]+) \[s\]")

Sections = dict[str, dict[str, str]]


def parse_header(text: str) -> Sections:
    """Return the header's values by section and key; lines of another form are passed over."""
    sections: Sections = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        key, value = match["key"], match["value"]
        if key.startswith("[") and key.endswith("]"):
            section = sections.setdefault(key[1:-1], {})
        else:
            section[key] = value
    return sections


def image_header(sections: Mapping[str, Mapping[str, str]], shape: tuple[int, ...]) -> dict[str, Any]:
    """Return the header that the desktop program would store for a line scan of this shape.

    Parameters
    ----------
    sections : mapping
        Of :func:`parse_header`; may be empty.
    shape : tuple of int
        Lines (time), then pixels (space).

    Returns
    -------
    dict
        ``shape``, ``ndim``, and where the text header tells them ``voxels`` (s/line, um/pixel),
        ``voxels_units`` and ``physical_size`` (s, um).
    """
    header: dict[str, Any] = {"shape": list(shape), "ndim": len(shape)}
    dimensions = sections.get("Dimensions", {})
    um_per_pixel = _number(_UM_PER_PIXEL, dimensions.get("X Dimension", ""))
    duration_s = _number(_DURATION_S, dimensions.get("T Dimension", ""))
    if len(shape) == 2 and um_per_pixel is not None and duration_s is not None:
        header |= {
            "voxels": [duration_s / shape[0], um_per_pixel],
            "voxels_units": ["s", "um"],
            "labels": ["time (s)", "space (um)"],
            "physical_size": [duration_s, um_per_pixel * shape[1]],
        }
    return header


def _number(pattern: re.Pattern[str], text: str) -> float | None:
    match = pattern.search(text)
    try:
        return float(match[1]) if match else None
    except ValueError:
        return None
