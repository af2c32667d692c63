"""What a line and a pixel of a line scan are in seconds and micrometers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord

_SECONDS = {
    **{"nanosecond": 1e-9, "microsecond": 1e-6, "millisecond": 1e-3},
    **{"second": 1.0, "minute": 60.0, "hour": 3600.0, "day": 86400.0},
}
_MICROMETERS = {
    **{"angstrom": 1e-4, "nanometer": 1e-3, "micrometer": 1.0},
    **{"millimeter": 1e3, "centimeter": 1e4, "meter": 1e6},
}


class PixelSize(NamedTuple):
    """Size of a pixel of a line scan; None where it is not known.

    Attributes
    ----------
    seconds_per_line : float or None
        Time from one line to the next (axis y), in s.
    um_per_pixel : float or None
        Length of a pixel along the line (axis x), in um.
    """

    seconds_per_line: float | None
    um_per_pixel: float | None

    @classmethod
    def of_header(cls, header: Mapping[str, Any]) -> PixelSize:
        """Return what a header tells: ``header`` in the metadata of an image from a folder.

        Parameters
        ----------
        header : mapping
            ``voxels`` are s/line and um/pixel, unless ``voxels_units`` say otherwise; ``um_per_pixel`` is
            there where that alone is known.

        Examples
        --------
        >>> from kymflow import PixelSize
        >>> PixelSize.of_header({"voxels": [0.001, 0.3], "voxels_units": ["s", "um"]})
        PixelSize(seconds_per_line=0.001, um_per_pixel=0.3)
        >>> PixelSize.of_header({"um_per_pixel": 0.3})
        PixelSize(seconds_per_line=None, um_per_pixel=0.3)
        """
        # Imported here: it brings the readers, which those who only look at records do not need.
        from kymflow.core.ingest.line_scan import header_calibration

        found = header_calibration(header)
        return cls(found.seconds_per_line, found.um_per_pixel)


def get_pixel_size(record: ZarrImageRecord) -> PixelSize:
    """Return what a line and a pixel of a kymograph are in seconds and micrometers.

    It comes from the record's calibration, in whatever units of time and length that is. Where y is no
    time (an ordinary image) or x no length, that one is not known. Of images that an early version of
    kymflow has taken in, ``kymflow upgrade`` adds the calibration.

    Parameters
    ----------
    record : ZarrImageRecord
        The image.

    Raises
    ------
    RecordNotFoundError
        There is no such image.

    Examples
    --------
    >>> from kymflow import ZarrDataset, get_pixel_size
    >>> ds = ZarrDataset("memory://pixel-sizes")
    >>> get_pixel_size(ds.add_image([[0, 1], [2, 3]], scale=(1.2, 0.3), units=("millisecond", "micrometer")))
    PixelSize(seconds_per_line=0.0012, um_per_pixel=0.3)
    >>> get_pixel_size(ds.add_image([[0, 1], [2, 3]]))
    PixelSize(seconds_per_line=None, um_per_pixel=None)
    """
    calibration = record.get_calibration()
    # Without stored names the last two are y and x.
    names = record.get_axes() or ["y", "x"][-len(calibration.scale) :]
    sizes = dict(zip(names, zip(calibration.scale, calibration.units, strict=True), strict=True))
    return PixelSize(_in(sizes.get("y"), _SECONDS), _in(sizes.get("x"), _MICROMETERS))


def _in(size: tuple[float, str | None] | None, units: Mapping[str, float]) -> float | None:
    if size is None or size[1] not in units:
        return None
    value, unit = size
    # 1.2 ms are 0.0012 s, and not 0.0012000000000000001.
    return float(f"{value * units[unit or '']:.15g}") if units[unit or ""] != 1.0 else value
