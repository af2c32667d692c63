"""The XML header of a CZI file: how large a pixel is, and how long a line takes."""

from __future__ import annotations

import math
from dataclasses import dataclass
from xml.etree import ElementTree

_METERS_PER_PIXEL = "Metadata/Scaling/Items/Distance[@Id='X']/Value"
_SECONDS_PER_LINE = "Metadata/Information/Image/Dimensions/T/Positions/Interval/Increment"


@dataclass(frozen=True)
class Calibration:
    """Sizes of a pixel of a line scan.

    Attributes
    ----------
    s_per_line : float or None
        From the start of one line to the start of the next, s; None where the header does not tell.
    um_per_pixel : float or None
        Along the line, um; None where the header does not tell.
    """

    s_per_line: float | None
    um_per_pixel: float | None


def read_calibration(xml: str) -> Calibration:
    """Return the calibration in a CZI file's header.

    Parameters
    ----------
    xml : str
        The document ``ImageDocument``; empty if the file has none.

    Raises
    ------
    ValueError
        It is no XML.
    """
    if not xml.strip():
        return Calibration(None, None)
    try:
        document = ElementTree.fromstring(xml)
    except ElementTree.ParseError as error:
        raise ValueError(f"the header is no XML: {error}") from error
    meters = _positive(document.findtext(_METERS_PER_PIXEL))
    return Calibration(
        _positive(document.findtext(_SECONDS_PER_LINE)), None if meters is None else meters * 1e6
    )


def _positive(text: str | None) -> float | None:
    """Return a size; a program that does not know one writes 0, or nothing."""
    try:
        size = float(text or "")
    except ValueError:
        return None
    return size if 0 < size < math.inf else None
