"""The ROIs of a kymograph, whichever program has drawn them."""

from __future__ import annotations

import logging
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from kymflow.core.ingest.desktop_sidecars import as_id, as_number
from kymflow_zarr.errors import ArtifactError, MetadataNotFoundError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

logger = logging.getLogger(__name__)

# First and last line, first and last pixel: of the desktop program, of an early version of it, of AcqStore.
_BOUNDS = (
    ("y0", "y1", "x0", "x1"),
    ("dim0_start", "dim0_stop", "dim1_start", "dim1_stop"),
    ("row_start", "row_stop", "col_start", "col_stop"),
)


@dataclass(frozen=True)
class Roi:
    """A rectangular region of interest of a line scan, in lines (time) and pixels (space).

    Attributes
    ----------
    roi_id : int
        Its id within the image, as in the tables.
    line_start, line_stop : int
        Its lines; the last one is not in it, as in a slice.
    pixel_start, pixel_stop : int
        Its pixels along the line, likewise.
    name, note : str
        As a person has written; often empty.
    channel : int or None
        For which channel it was drawn, as its program counts them; None where that is not noted.
    """

    roi_id: int
    line_start: int
    line_stop: int
    pixel_start: int
    pixel_stop: int
    name: str = ""
    note: str = ""
    channel: int | None = None

    @property
    def slices(self) -> tuple[slice, slice]:
        """Its lines and pixels, to index an image: ``record.open_array()[roi.slices]``."""
        return slice(self.line_start, self.line_stop), slice(self.pixel_start, self.pixel_stop)


def get_rois(record: ZarrImageRecord) -> list[Roi]:
    """Return the ROIs of a kymograph, in the order of its metadata; an empty list where none were drawn.

    They stand in the artifact ``metadata`` under ``rois``, in the form of the kymflow desktop program or
    of AcqStore. Bounds are as stored, in order, and may reach beyond the image. An entry without a whole
    number for an id, or without bounds, is passed over with a line in the log.

    Parameters
    ----------
    record : ZarrImageRecord
        The image.

    Raises
    ------
    RecordNotFoundError
        There is no such image.
    ArtifactError
        Its metadata are damaged, or ``rois`` is no list.

    Examples
    --------
    >>> from kymflow import ZarrDataset, get_rois
    >>> record = ZarrDataset("memory://rois").add_image([[0, 1, 2], [3, 4, 5], [6, 7, 8]])
    >>> get_rois(record)
    []
    >>> roi = {"roi_id": 1, "data": {"x0": 1, "x1": 3, "y0": 0, "y1": 2}}
    >>> key = record.save_metadata_payload({"rois": [roi]})
    >>> get_rois(record)
    [Roi(roi_id=1, line_start=0, line_stop=2, pixel_start=1, pixel_stop=3, name='', note='', channel=None)]
    >>> record.load_array()[get_rois(record)[0].slices].tolist()
    [[1, 2], [4, 5]]
    """
    listed = metadata_of(record).get("rois")
    if listed is None:
        return []
    if not isinstance(listed, list):
        raise ArtifactError(
            f"'rois' in artifact 'metadata.json' of {record!r}: expected a list, got {type(listed).__name__}",
            image_id=record.image_id,
            artifact="metadata",
        )
    found = []
    for item in listed:
        roi = _roi(item) if isinstance(item, dict) else None
        if roi is None:
            logger.warning("%r: passing over the ROI %.80r, which has no id or no bounds", record, item)
        else:
            found.append(roi)
    return found


def metadata_of(record: ZarrImageRecord) -> Mapping[str, Any]:
    """Return the metadata payload of an image; empty if it has none, an error if there is no such image."""
    try:
        return record.load_metadata_payload()
    except MetadataNotFoundError:
        if not record.exists():
            record.get_attrs()
        return {}


def _roi(item: Mapping[str, Any]) -> Roi | None:
    roi_id = as_id(item.get("roi_id", item.get("id")))
    data = item.get("data")
    bounds = _bounds({**item, **data} if isinstance(data, dict) else item)
    if roi_id is None or bounds is None:
        return None
    name, note = str(item.get("name") or ""), str(item.get("note") or "")
    return Roi(roi_id, *bounds, name, note, as_id(item.get("channel")))


def _bounds(values: Mapping[str, Any]) -> tuple[int, int, int, int] | None:
    for names in _BOUNDS:
        found = [as_number(values.get(name)) for name in names]
        numbers = [value for value in found if value is not None and math.isfinite(value)]
        if len(numbers) == len(names):
            # A rectangle may have been drawn from its end to its beginning.
            lines, pixels = sorted(numbers[:2]), sorted(numbers[2:])
            return math.floor(lines[0]), math.ceil(lines[1]), math.floor(pixels[0]), math.ceil(pixels[1])
    return None
