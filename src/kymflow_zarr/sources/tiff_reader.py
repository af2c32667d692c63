"""The default source reader: a TIFF, and the artifacts beside it that are named after it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kymflow_zarr import limits
from kymflow_zarr.errors import SourceError
from kymflow_zarr.formats import documents, frames
from kymflow_zarr.sources.names import path_key
from kymflow_zarr.sources.reader import SourceImage
from kymflow_zarr.sources.siblings import beginning_with
from kymflow_zarr.sources.tiff import TIFF_SUFFIXES, read_tiff

if TYPE_CHECKING:
    import numpy.typing as npt

_SUFFIXES = (".csv.gz", ".json", ".csv", ".parquet", ".npy")


class TiffReader:
    """Reads a TIFF, and ``<stem>.<artifact>.json|csv|csv.gz|parquet|npy`` beside it."""

    name = "tiff"

    def matches(self, path: Path) -> bool:
        """Take every TIFF."""
        return path.suffix.lower() in TIFF_SUFFIXES

    def files(self, primary: Path) -> Sequence[Path]:
        """Return the sidecars beside `primary`, sorted."""
        beside = beginning_with(primary.parent, primary.stem, ".")
        return [path for path in beside if _artifact(path, primary) is not None]

    def read(self, primary: Path) -> SourceImage:
        """Read the TIFF and its sidecars; see :class:`SourceReader`."""
        json: dict[str, Any] = {}
        tables: dict[str, pd.DataFrame] = {}
        arrays: dict[str, npt.ArrayLike] = {}
        for path in self.files(primary):
            name, suffix = _artifact(path, primary) or ("", "")
            try:
                limits.check_bytes(path.stat().st_size, "it takes")
                data = path.read_bytes()
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
        return SourceImage(read_tiff(primary).pixels, json=json, tables=tables, arrays=arrays)


def _artifact(path: Path, primary: Path) -> tuple[str, str] | None:
    """Return the artifact name and suffix that a sidecar's name tells, or None if it is none."""
    rest = path_key(path.name)[len(path_key(primary.stem)) + 1 :]
    for suffix in _SUFFIXES:
        name = rest[: -len(suffix)]
        if rest.lower().endswith(suffix) and name and "." not in name:
            return name, suffix
    return None
