"""When an image was acquired, as the metadata of several programs tell it."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from typing import Any

# Of Olympus' text header; the date and time of AcqStore, and of the desktop program.
_FORMATS = (
    "%m/%d/%Y %I:%M:%S.%f %p",
    "%m/%d/%Y %I:%M:%S %p",
    "%Y%m%d %H:%M:%S",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%dT%H:%M:%S",
)


def acquisition_time(metadata: Mapping[str, Any]) -> datetime.datetime | None:
    """Return when an image was acquired, by the microscope's clock; None where nobody tells it.

    Parameters
    ----------
    metadata : mapping
        A record's metadata payload: the Olympus header in it counts first, then AcqStore's image header, then
        what the experiment metadata have as ``acq_date`` and ``acq_time``.
    """
    texts = (
        _text(metadata, "olympus_header", "General", "Date"),
        _joined(metadata, "image_header_metadata", "date", "time"),
        _joined(metadata, "experiment_metadata", "acq_date", "acq_time"),
    )
    found = (_parsed(text) for text in texts if text)
    return next((time for time in found if time is not None), None)


def _text(metadata: Mapping[str, Any], *path: str) -> str:
    value: Any = metadata
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else None
    return value.strip() if isinstance(value, str) else ""


def _joined(metadata: Mapping[str, Any], section: str, date: str, time: str) -> str:
    day = _text(metadata, section, date)
    return f"{day} {_text(metadata, section, time) or '00:00:00'}" if day else ""


def _parsed(text: str) -> datetime.datetime | None:
    for form in _FORMATS:
        try:
            return datetime.datetime.strptime(text, form)
        except ValueError:
            continue
    return None
