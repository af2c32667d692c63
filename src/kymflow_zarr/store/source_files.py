"""Which file each image came from, as far as what is made of an image may depend on it."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from kymflow_zarr import layout

if TYPE_CHECKING:
    import pyarrow as pa

SOURCES_KEY = layout.table_key(layout.SOURCES_TABLE)
# What to do about a sources table that cannot be read.
ADVICE = (
    "check(repair=True) mends damaged rows. A file that is no table must come back from a backup: nothing "
    "else tells which file an image came from, and without it an ingest takes each in as another image."
)
_COLUMNS = (
    "image_id",
    "source_primary_path",
    "source_root",
    "source_rel_path",
    "source_sha256",
    "ingested_epoch_ns",
    "gone_epoch_ns",
    "excluded_epoch_ns",
)
_TEXT_COLUMNS = (
    *("image_id", "source_primary_path", "source_root", "source_rel_path", "source_sha256"),
    *("source_files", "conflicts", "reader", "failure"),
)


def source_key(image_id: str) -> str:
    """Return the key by which a dependency on the source of an image is noted; no file has it."""
    return f"{layout.record_prefix(image_id)}/source"


@dataclass(frozen=True)
class SourceFile:
    """The file that an image came from.

    Attributes
    ----------
    root : str
        The folder that was ingested, absolute.
    relative_path : str
        Of the file below it, with ``/``.
    duplicate_of : str or None
        Relative path of the first file, by folder and path, that has the same content; None if it is that.
    """

    root: str
    relative_path: str
    duplicate_of: str | None = None

    @property
    def file_name(self) -> str:
        """Its name."""
        return self.relative_path.rpartition("/")[2]

    @property
    def digest(self) -> str:
        """SHA-256 of the above: another one where rows made of them may be others."""
        text = "\0".join((self.root, self.relative_path, self.duplicate_of or ""))
        return hashlib.sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def refuse_odd_columns(table: pa.Table) -> None:
    """Refuse a sources table that lacks columns, or whose text is no text; others are not looked at.

    Raises
    ------
    ValueError
        It is one.
    """
    import pyarrow as pa

    missing = {"source_primary_path", "image_id"}.difference(table.column_names)
    if missing:
        raise ValueError(f"the columns {sorted(missing)} are missing")
    for name in _TEXT_COLUMNS:
        for column in [table.column(name)] if name in table.column_names else []:
            kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
            if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_null(kind)):
                raise ValueError(f"column {name!r} must be text, got {column.type}")


def decode_source_files(data: bytes) -> Mapping[str, SourceFile]:
    """Read the sources table; return the file of each image, by its id.

    Raises
    ------
    ValueError, pyarrow.ArrowException
        It is damaged.
    """
    import pyarrow.parquet as pq
    from pyarrow import BufferReader

    table = pq.ParquetFile(BufferReader(data)).read(use_threads=False)
    refuse_odd_columns(table)
    # An earlier version of kymflow wrote fewer columns.
    found = {name: table.column(name).to_pylist() for name in table.column_names if name in _COLUMNS}
    ids, paths = found["image_id"], found["source_primary_path"]
    nothing = [None] * len(ids)
    files = {}
    first: dict[str, SourceFile] = {}
    # In the order of the rows, which is that of folders and paths.
    for image_id, path, root, relative, sha256, ingested, gone, excluded in zip(
        ids, paths, *(found.get(name, nothing) for name in _COLUMNS[2:]), strict=True
    ):
        if None in (image_id, path) or (relative and root is None):
            raise ValueError(f"the row of {path or image_id!r} lacks the image, the file or its folder")
        file = SourceFile(root, relative) if relative else SourceFile(*os.path.split(path))
        if sha256 and ingested and not gone and not excluded:
            same = first.setdefault(sha256, file)
            file = file if same is file else replace(file, duplicate_of=same.relative_path)
        files[image_id] = file
    return files
