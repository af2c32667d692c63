"""The contract of a source reader, and the default one: a TIFF and the files named after it."""

from __future__ import annotations

import logging
import os
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pandas as pd

from kymflow_zarr.errors import SourceError
from kymflow_zarr.formats import documents, frames

if TYPE_CHECKING:
    import numpy.typing as npt
    import tifffile

_SUFFIXES = (".csv.gz", ".json", ".csv", ".parquet", ".npy")


@dataclass(frozen=True)
class SourceImage:
    """What one source file and its sidecars hold, ready to be stored as a record.

    Attributes
    ----------
    pixels : array_like
        2 to 5 dimensions, numbers or booleans.
    axes : sequence of str, optional
        A name per dimension; the dataset's default otherwise.
    json : mapping of str to Any
        JSON artifacts by name (``metadata`` is the metadata payload).
    tables : mapping of str to DataFrame
        Table artifacts by name, to be stored as Parquet.
    arrays : mapping of str to array_like
        Array artifacts by name.
    """

    pixels: npt.ArrayLike
    axes: Sequence[str] | None = None
    json: Mapping[str, Any] = field(default_factory=dict)
    tables: Mapping[str, pd.DataFrame] = field(default_factory=dict)
    arrays: Mapping[str, npt.ArrayLike] = field(default_factory=dict)


class SourceReader(Protocol):
    """Turns a source file and its sidecars into a :class:`SourceImage`."""

    def files(self, primary: Path) -> Sequence[Path]:
        """Return the sidecars of `primary` that exist now; a change of one is a change of the image."""

    def read(self, primary: Path) -> SourceImage:
        """Read `primary` and its sidecars.

        Raises
        ------
        SourceError, OSError, ValueError
            They cannot be read; this source fails, others go on.
        """


class TiffReader:
    """Reads a TIFF, and ``<stem>.<artifact>.json|csv|csv.gz|parquet|npy`` beside it."""

    def __init__(self) -> None:
        self._listed: tuple[Path, int, list[str]] | None = None

    def files(self, primary: Path) -> Sequence[Path]:
        """Return the sidecars beside `primary`, sorted."""
        names = self._names(primary.parent)
        start = primary.stem + "."
        found = []
        for name in names[bisect_left(names, start) :]:
            if not name.startswith(start):
                break
            if _artifact(primary.parent / name, primary) is not None:
                found.append(primary.parent / name)
        return found

    def _names(self, folder: Path) -> list[str]:
        # One listing serves all images of a folder; a listing for each would be quadratic.
        mtime_ns = folder.stat().st_mtime_ns
        if self._listed is None or self._listed[:2] != (folder, mtime_ns):
            self._listed = (folder, mtime_ns, sorted(os.listdir(folder)))
        return self._listed[2]

    def read(self, primary: Path) -> SourceImage:
        """Read the TIFF and its sidecars; see :class:`SourceReader`."""
        json: dict[str, Any] = {}
        tables: dict[str, pd.DataFrame] = {}
        arrays: dict[str, npt.ArrayLike] = {}
        for path in self.files(primary):
            name, suffix = _artifact(path, primary) or ("", "")
            data = path.read_bytes()
            try:
                if suffix == ".json":
                    json[name] = documents.bytes_to_json(data)
                elif suffix == ".npy":
                    arrays[name] = documents.load_npy(data)
                elif suffix == ".parquet":
                    tables[name] = frames.parquet_to_frame(data)
                else:
                    plain = documents.gunzip(data) if suffix == ".csv.gz" else data
                    tables[name] = documents.csv_to_frame(plain)
            except ValueError as error:
                raise SourceError(f"cannot read {path}: {error}", path=str(path)) from error
        return SourceImage(read_tiff(primary), json=json, tables=tables, arrays=arrays)


def _artifact(path: Path, primary: Path) -> tuple[str, str] | None:
    """Return the artifact name and suffix that a sidecar's name tells, or None if it is none."""
    rest = path.name[len(primary.stem) + 1 :]
    for suffix in _SUFFIXES:
        name = rest.removesuffix(suffix)
        if name != rest and name and "." not in name:
            return name, suffix
    return None


def read_tiff(path: Path) -> npt.NDArray[Any]:
    """Read all pixels of a TIFF.

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
    return pixels


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
