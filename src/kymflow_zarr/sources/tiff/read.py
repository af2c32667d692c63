"""A TIFF's pixels, and the sizes of a pixel that its tags tell."""

from __future__ import annotations

import json
import logging
import math
import re
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr.errors import SourceError
from kymflow_zarr.formats.frames import EMPTY
from kymflow_zarr.sources.tiff.chain import MOST_PAGES, Chain, read_chain
from kymflow_zarr.sources.tiff.pixels import TiffPixels, keyframe_of, refuse_false_claims
from kymflow_zarr.sources.tiff.sizes import pixel_sizes

if TYPE_CHECKING:
    import tifffile

    from kymflow_zarr.formats.pixels import PixelSource
    from kymflow_zarr.sources.tiff.pixels import AnyPage

TIFF_SUFFIXES = (".tif", ".tiff")
# Of pages that differ, tifffile compares each one with all others.
_MOST_PAGES_UNLIKE = 10_000
# A page that leads back to itself is the last one; without OME metadata, all pages are the image. Pixels
# need neither resolution nor software, date or author; the description may say how many pages there are.
_HARMLESS = re.compile(r"circular reference|OME series raised|TiffTag (?:282|283|296|305|306|315) ")
_OME_COUNTS = re.compile(r'\b(?:Size[ZCT]|First[ZCT]|PlaneCount|NumPlanes|IFD)\s*=\s*["\'](\d+)["\']')


@dataclass(frozen=True)
class TiffImage:
    """What a TIFF holds.

    Attributes
    ----------
    pixels : TiffPixels or ndarray
        All of them, with the dimensions that the file has; read piece by piece, when they are sliced.
    sizes : mapping of str to (float, str)
        Size of one pixel, and its unit, by axis (``x``, ``y``, ``z``, ``t``), where the file tells it.
    """

    pixels: PixelSource
    sizes: Mapping[str, tuple[float, str]] = field(default_factory=dict)


def read_tiff(path: Path) -> TiffImage:
    """Read what a TIFF tells of its pixels; they themselves are read when they are sliced.

    Raises
    ------
    SourceError
        It is truncated, or no TIFF, or its pages form a ring, or it claims what it cannot hold. Slices of
        the pixels raise it as well: for damaged data, and for a compression that needs imagecodecs.
    OSError
        It cannot be opened.
    """
    import tifffile

    with _blaming(path):
        if not path.stat().st_size:
            raise ValueError(EMPTY)
        chain = read_chain(path)
        if chain.ring_to is not None and chain.pages > 1:
            raise ValueError(
                f"its pages form a ring: after page {chain.pages - 1} comes page {chain.ring_to} again. "
                "Open it with the program that wrote it, and save it again"
            )
        with tifffile.TiffFile(path) as file:
            if file.pages and _claims_too_many_planes(file):
                raise ValueError(f"its OME metadata claim more than {MOST_PAGES} planes")
            return TiffImage(_open_pixels(file, path, chain), pixel_sizes(file))


def _open_pixels(file: tifffile.TiffFile, path: Path, chain: Chain) -> PixelSource:
    if not file.pages or 0 in file.pages.first.shaped:
        raise ValueError("it holds no pixels")
    pages, shape = _find_image(file, chain)
    stored = [page for page in pages if page is not None]
    if not stored or 0 in shape or keyframe_of(stored[0]).dtype is None:
        raise ValueError("it holds no pixels")
    refuse_false_claims(stored, shape, path.stat().st_size)
    keyframe = keyframe_of(stored[0])
    values = math.prod(shape)
    piecewise = (
        len(stored) == len(pages)
        and all(page.parent is file for page in stored)
        and (values == len(pages) * math.prod(keyframe.shaped) or (keyframe.is_final and len(pages) == 1))
        and (keyframe.is_final or not keyframe.is_contiguous)
        and keyframe.jpegheader is None
    )
    if not piecewise:
        # Several files, missing pages and the like are rare, and tifffile knows each of them.
        return file.asarray(maxworkers=1)
    return TiffPixels(path, stored, shape, partial(_blaming, path))


def _find_image(file: tifffile.TiffFile, chain: Chain) -> tuple[list[AnyPage | None], tuple[int, ...]]:
    """Return the pages of the image, and its shape.

    A stack that was saved page by page counts as one image. Pages of other shapes are thumbnails or
    smaller copies; the first series is the image.
    """
    first = file.pages.first
    if chain.pages > 1 and chain.alike and file.is_shaped and _describes_itself_alone(first):
        return _all_pages(file)
    if chain.pages > _MOST_PAGES_UNLIKE and (first.subifds or not chain.alike):
        raise ValueError(f"it has {chain.pages} pages that differ; at most {_MOST_PAGES_UNLIKE} can be told")
    if chain.pages > 1 and len(file.series) > 1:
        if chain.alike:
            return _all_pages(file)
        if len({(page.shape, page.dtype) for page in file.pages}) == 1:
            return list(file.pages), (chain.pages, *first.shape)
    series = file.series[0]
    if series.dataoffset is not None:
        return [series[0]], series.shape
    return list(series), series.shape


def _all_pages(
    file: tifffile.TiffFile,
) -> tuple[list[AnyPage | None], tuple[int, ...]]:
    file.pages.useframes = True
    pages = file.pages[:]
    return list(pages), (len(pages), *file.pages.first.shape)


def _describes_itself_alone(page: tifffile.TiffPage) -> bool:
    """Tell whether tifffile wrote a page as an image of its own, not as the first one of many."""
    try:
        shape = json.loads(page.description)["shape"]
        return bool(math.prod(shape) == math.prod(page.shape))
    except (ValueError, KeyError, TypeError, RecursionError):
        return False


def _claims_too_many_planes(file: tifffile.TiffFile) -> bool:
    # tifffile makes a list as long as the metadata say, before it looks for pages.
    description = file.pages.first.description
    return file.is_ome and any(int(count[1]) > MOST_PAGES for count in _OME_COUNTS.finditer(description))


@contextmanager
def _blaming(path: Path) -> Iterator[None]:
    """Turn whatever a damaged file provokes into an error that names it, also what tifffile only logs."""
    try:
        with _complaints() as complaints:
            yield
    except (OSError, SourceError):
        raise
    # tifffile lets whatever a damaged header provokes through, struct.error and IndexError among it.
    except Exception as error:
        # Of what is no TIFF at all, tifffile shows the first bytes as Python writes them.
        cause = str(error).partition(": header=")[0] or type(error).__name__
        remedy = ". `pip install imagecodecs` brings it" if "imagecodecs" in cause else ""
        raise SourceError(f"cannot read {path} as TIFF: {cause}{remedy}", path=str(path)) from error
    if complaints:
        raise SourceError(f"cannot read {path} as TIFF: {complaints[0]}", path=str(path))


@contextmanager
def _complaints() -> Iterator[list[str]]:
    """Collect errors that tifffile only logs: it reads a truncated stack as a smaller one."""
    found: list[str] = []
    thread = threading.get_ident()

    class Handler(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            # Other threads read other files.
            if record.thread == thread and not _HARMLESS.search(record.getMessage()):
                found.append(record.getMessage())

    handler = Handler(logging.ERROR)
    tifffile_logger = logging.getLogger("tifffile")
    tifffile_logger.addHandler(handler)
    try:
        yield found
    finally:
        tifffile_logger.removeHandler(handler)
