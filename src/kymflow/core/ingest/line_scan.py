"""The pixels of a line scan, its microscope's header, and its calibration, for every reader of such files."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow.core.ingest.olympus import Sections, channel_export, image_header, parse_header
from kymflow.core.ingest.sidecar_files import read_text
from kymflow_zarr.errors import SourceError
from kymflow_zarr.sources.siblings import find_beside
from kymflow_zarr.sources.tiff import TIFF_SUFFIXES, TiffImage, read_tiff

if TYPE_CHECKING:
    import numpy.typing as npt

SECOND, MICROMETER = "second", "micrometer"
# As programs write them in headers.
TIME_UNITS = frozenset({"s", "sec", "second", "seconds"})
SPACE_UNITS = frozenset({"um", "µm", "μm", "micron", "microns", "micrometer", "micrometers"})


@dataclass(frozen=True)
class Calibration:
    """What one line and one pixel of a line scan mean; None where nobody tells.

    Attributes
    ----------
    seconds_per_line, um_per_pixel : float or None
        In s, and in um.
    """

    seconds_per_line: float | None = None
    um_per_pixel: float | None = None

    @property
    def voxels(self) -> list[float] | None:
        """Both as the header of a record has them, if both are known."""
        if self.seconds_per_line is None or self.um_per_pixel is None:
            return None
        return [self.seconds_per_line, self.um_per_pixel]


@dataclass(frozen=True)
class LineScan:
    """What the image files of one acquisition hold.

    Attributes
    ----------
    pixels : array_like
        Lines (time) x pixels (space); channels x lines x pixels where there is a file for each channel.
    header : dict
        As the desktop program would store it; ``voxels`` where the calibration is known.
    sections : dict
        The microscope's own header; empty without one.
    """

    pixels: npt.ArrayLike
    header: dict[str, Any]
    sections: Sections

    @property
    def axes(self) -> list[str]:
        """A name per dimension."""
        return ["c", "y", "x"][-len(_shape(self.pixels)) :]


def is_tiff(path: Path) -> bool:
    """Tell whether a file is named as a TIFF."""
    return path.suffix.lower() in TIFF_SUFFIXES


def find_header(tiff: Path) -> Path | None:
    """Return the microscope's text header beside a TIFF, which the files of all channels share."""
    own = find_beside(tiff.parent, tiff.stem, ".txt")
    export = channel_export(tiff)
    if own is not None or export is None:
        return own
    shared = find_beside(tiff.parent, export.stem + export.time, ".txt")
    return shared or find_beside(tiff.parent, export.stem, ".txt")


def read_line_scan(tiffs: Sequence[Path], n_channels: int = 1) -> LineScan:
    """Read the file of one acquisition, or one file for each of its channels.

    Parameters
    ----------
    tiffs : sequence of Path
        The files, in the order of their channels.
    n_channels : int
        How many channels a single file may hold along its first dimension.

    Raises
    ------
    SourceError
        A file is no TIFF, or no line scan, or the channels do not go together.
    OSError
        A file cannot be opened.
    """
    images = [read_tiff(tiff) for tiff in tiffs]
    shapes = [_shape(image.pixels) for image in images]
    for tiff, shape in zip(tiffs, shapes, strict=True):
        if len(shape) != 2 and not (len(shape) == 3 and shape[0] == n_channels > 1 == len(tiffs)):
            raise SourceError(
                f"{tiff}: a line scan has 2 dimensions, time x space; this one has the shape "
                f"{shape}. Keep other images out of the folder, or choose kymographs by --pattern.",
                path=str(tiff),
            )
        if shape != shapes[0]:
            raise SourceError(
                f"{tiff}: all channels of an acquisition have one shape; {tiffs[0].name} has "
                f"{shapes[0]}, this one {shape}",
                path=str(tiff),
            )
    sections = parse_header(read_text(find_header(tiffs[0])))
    lines = shapes[0][-2:]
    header = image_header(sections, lines)
    known = header_calibration(header)
    of_tiff = _tiff_calibration(images[0])
    header |= _in_header(
        Calibration(
            known.seconds_per_line or of_tiff.seconds_per_line, known.um_per_pixel or of_tiff.um_per_pixel
        ),
        lines,
    )
    pixels = images[0].pixels if len(images) == 1 else _stacked(images)
    if len(_shape(pixels)) == 3:
        n_channels = _shape(pixels)[0]
        header |= {"shape": [n_channels, *lines], "ndim": 3, "num_channels": n_channels}
    return LineScan(pixels, header, sections)


def header_calibration(header: Mapping[str, Any]) -> Calibration:
    """Return what a header has under ``voxels``: s/line, um/pixel, unless its units say otherwise."""
    voxels, units = header.get("voxels"), header.get("voxels_units")
    values = list(voxels) if isinstance(voxels, list) and len(voxels) == 2 else [None, None]
    if isinstance(units, list) and len(units) == 2:
        known = (str(units[0]).lower() in TIME_UNITS, str(units[1]).lower() in SPACE_UNITS)
        values = [value if one else None for value, one in zip(values, known, strict=True)]
    partly = header.get("um_per_pixel")
    return Calibration(_positive(values[0]), _positive(values[1]) or _positive(partly))


def scale_and_units(calibration: Calibration, n_dimensions: int) -> tuple[list[float], list[str | None]]:
    """Return size and unit of a pixel along each dimension, as :class:`SourceImage` has them."""
    seconds, micrometers = calibration.seconds_per_line, calibration.um_per_pixel
    scale = [1.0, seconds or 1.0, micrometers or 1.0]
    units = [None, SECOND if seconds else None, MICROMETER if micrometers else None]
    return scale[-n_dimensions:], units[-n_dimensions:]


def _in_header(calibration: Calibration, shape: tuple[int, ...]) -> dict[str, Any]:
    if calibration.voxels is None:
        known = calibration.um_per_pixel
        return {} if known is None else {"um_per_pixel": known}
    size = [per * length for per, length in zip(calibration.voxels, shape, strict=True)]
    return {
        "voxels": calibration.voxels,
        "voxels_units": ["s", "um"],
        "labels": ["time (s)", "space (um)"],
        "physical_size": size,
    }


def _tiff_calibration(image: TiffImage) -> Calibration:
    seconds, unit_y = image.sizes.get("y", (None, ""))
    micrometers, unit_x = image.sizes.get("x", (None, ""))
    return Calibration(
        _positive(seconds) if unit_y == SECOND else None,
        _positive(micrometers) if unit_x == MICROMETER else None,
    )


def _positive(value: object) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return None
    # A whole number may be beyond any float.
    return float(value) if 0 < value < sys.float_info.max else None


def _shape(pixels: Any) -> tuple[int, ...]:
    return tuple(int(length) for length in pixels.shape)


def _stacked(images: Sequence[TiffImage]) -> npt.ArrayLike:
    import numpy as np

    return np.stack([np.asarray(image.pixels) for image in images])
