"""What Olympus programs export beside and within a TIFF's name: a text header, a channel."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_LINE = re.compile(r'^"(?P<key>.*?)"(?:\s+"(?P<value>.*)")?\s*$')
# The micro sign is another character in each code page: whatever stands there is taken for it.
_PIXEL_SIZE = re.compile(r"(\d+(?:[.,]\d+)?) \[(\S{1,2})m/pixel\]")
_DURATION = re.compile(r"- (\d+(?:[.,]\d+)?) \[(m?)s\]")
_UM_PER = {"n": 1e-3, "m": 1e3}

# One TIFF per channel and time point of an acquisition; all share one header.
_CHANNEL_FILE = re.compile(r"(?P<stem>.+)_C(?P<channel>\d{3})(?P<time>T\d{3})?", re.IGNORECASE)

Sections = dict[str, dict[str, str]]


@dataclass(frozen=True)
class ChannelExport:
    """What the name of a file says that holds one channel of an acquisition.

    Attributes
    ----------
    stem : str
        What the files of the acquisition have in common.
    time : str
        The time point (``T001``); empty if the name tells none.
    channel : int
        The channel.
    """

    stem: str
    time: str
    channel: int


def channel_export(path: Path) -> ChannelExport | None:
    """Return what the name of a file with one channel says; None for any other name."""
    match = _CHANNEL_FILE.fullmatch(path.stem)
    return match and ChannelExport(match["stem"], match["time"] or "", int(match["channel"]))


def parse_header(text: str) -> Sections:
    """Return the header's values by section and key; lines of another form are passed over."""
    sections: Sections = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        match = _LINE.match(line)
        if match is None:
            continue
        key, value = match["key"], match["value"] or ""
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
    um_per_pixel = _value(_PIXEL_SIZE, dimensions.get("X Dimension", ""), _UM_PER)
    duration_s = _value(_DURATION, dimensions.get("T Dimension", ""), {"m": 1e-3})
    if len(shape) == 2 and um_per_pixel and duration_s:
        header |= {
            "voxels": [duration_s / shape[0], um_per_pixel],
            "voxels_units": ["s", "um"],
            "labels": ["time (s)", "space (um)"],
            "physical_size": [duration_s, um_per_pixel * shape[1]],
        }
    return header


def _value(pattern: re.Pattern[str], text: str, factors: Mapping[str, float]) -> float | None:
    match = pattern.search(text)
    if match is None:
        return None
    value = float(match[1].replace(",", "."))
    # Multiplied only where it must be, so that the file's own digits stay.
    return value * factors[match[2]] if match[2] in factors else value
