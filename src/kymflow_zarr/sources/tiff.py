"""A TIFF's pixels, and the sizes of a pixel that its tags tell."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.errors import SourceError

if TYPE_CHECKING:
    import numpy.typing as npt
    import tifffile

TIFF_SUFFIXES = (".tif", ".tiff")


@dataclass(frozen=True)
class TiffImage:
    """What a TIFF holds.

    Attributes
    ----------
    pixels : array_like
        All of them, with the dimensions that the file has.
    sizes : mapping of str to (float, str)
        Size of one pixel, and its unit, by axis (``x``, ``y``, ``z``, ``t``), where the file tells it.
    """

    pixels: npt.ArrayLike
    sizes: Mapping[str, tuple[float, str]] = field(default_factory=dict)


def read_tiff(path: Path) -> TiffImage:
    """Read a TIFF.

    Raises
    ------
    SourceError
        It is truncated, or no TIFF, or compressed in a way that needs imagecodecs.
    OSError
        It cannot be opened.
    """
    import tifffile

    try:
        with _complaints() as complaints, tifffile.TiffFile(path) as file:
            reason = _truncation(file, path.stat().st_size)
            pixels = file.asarray(key=_whole_image(file))
    except OSError:
        raise
    # tifffile lets whatever a damaged header provokes through, struct.error and IndexError among it.
    except Exception as error:
        remedy = ". `pip install imagecodecs` brings it" if "imagecodecs" in str(error) else ""
        raise SourceError(
            f"cannot read {path} as TIFF: {error or type(error).__name__}{remedy}", path=str(path)
        ) from error
    reason = reason or next(iter(complaints), None) or (None if pixels.size else "it holds no pixels")
    if reason:
        raise SourceError(f"cannot read {path} as TIFF: {reason}", path=str(path))
    return TiffImage(pixels)


def _whole_image(file: tifffile.TiffFile) -> slice | None:
    """Return what to read: a stack that was saved page by page counts as one image.

    Pages of other shapes are thumbnails or smaller copies; the first series is the image.
    """
    shapes = {(page.shape, page.dtype) for page in file.pages}
    return slice(None) if len(file.series) > 1 and len(shapes) == 1 else None


def _truncation(file: tifffile.TiffFile, size_bytes: int) -> str | None:
    """Say where a page's data lie beyond the end of the file, or None if none do."""
    for number, page in enumerate(file.pages):
        for offset, length in zip(page.dataoffsets, page.databytecounts, strict=False):
            if offset + length > size_bytes:
                return f"page {number} goes on to byte {offset + length}, but the file ends at {size_bytes}"
    return None


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect errors that tifffile only logs: it reads a truncated stack as a smaller one."""
    found: list[str] = []

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            found.append(record.getMessage())

    handler = Handler(logging.ERROR)
    tifffile_logger = logging.getLogger("tifffile")
    tifffile_logger.addHandler(handler)
    try:
        yield found
    finally:
        tifffile_logger.removeHandler(handler)
