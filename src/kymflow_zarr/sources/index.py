"""Rows of the sources table: one per source file, to Parquet and back."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from kymflow_zarr import layout
from kymflow_zarr.formats import frames
from kymflow_zarr.sources.states import FileState
from kymflow_zarr.store.source_files import refuse_odd_columns

_NEEDED = ("image_id", "source_primary_path", "source_root", "source_rel_path")
_SCHEMA = pa.schema(
    [
        ("source_primary_path", pa.string()),
        ("image_id", pa.string()),
        ("source_mtime_ns", pa.int64()),
        ("source_size_bytes", pa.int64()),
        ("ingested_epoch_ns", pa.int64()),
        ("source_root", pa.string()),
        ("source_rel_path", pa.string()),
        ("source_sha256", pa.string()),
        ("source_files", pa.string()),
        ("conflicts", pa.string()),
        ("reader", pa.string()),
        ("failure", pa.string()),
        ("failed_epoch_ns", pa.int64()),
        ("gone_epoch_ns", pa.int64()),
        ("returned", pa.bool_()),
        ("excluded_epoch_ns", pa.int64()),
    ]
)


@dataclass(frozen=True)
class SourceRow:
    """One source file and the image it became.

    Attributes
    ----------
    root : str
        The folder that was ingested, absolute.
    relative_path : str
        Of the source file below it, with ``/``.
    image_id : str
        Claimed before anything is written, kept for good.
    ingested_epoch_ns : int
        When it was ingested, ns since 1970; 0 while it is only claimed.
    files : tuple of FileState
        The source file, then its sidecars, as they were ingested.
    conflicts : dict of str to str
        Parts that were kept because they had been edited in the dataset, with the digest that
        the source gives (empty where it gives none).
    reader : str
        The name of the reader that read it last; empty if an earlier version of kymflow did.
    failure : str
        Why it could not be ingested when that was tried last; empty if it could.
    failed_epoch_ns, gone_epoch_ns : int
        Since when it has failed so, and since when it is not in its folder any more or part of another
        source there, ns since 1970; else 0.
    returned : bool
        Whether an ingest that came to its end has given its image id to whoever called it.
    excluded_epoch_ns : int
        Since when it is not to be ingested, as its image was deleted for good, ns since 1970; else 0. It
        stays so when the file moves or changes.
    """

    root: str
    relative_path: str
    image_id: str
    ingested_epoch_ns: int = 0
    files: tuple[FileState, ...] = ()
    conflicts: dict[str, str] = field(default_factory=dict)
    reader: str = ""
    failure: str = ""
    failed_epoch_ns: int = 0
    gone_epoch_ns: int = 0
    returned: bool = False
    excluded_epoch_ns: int = 0

    @property
    def path(self) -> str:
        """Absolute path of the source file."""
        return os.path.join(self.root, *self.relative_path.split("/"))

    @property
    def sha256(self) -> str:
        """Of the source file; empty if not known."""
        return self.files[0].sha256 if self.files else ""


def index_frame(data: bytes | None) -> pd.DataFrame:
    """Return the sources table as a DataFrame, always with all columns; empty for None.

    Raises
    ------
    UnreadableParquet
        It is damaged.
    """
    if data is None:
        return frames.arrow_to_frame(_SCHEMA.empty_table())
    table = frames.parquet_to_arrow(data)
    if not _is_whole(table):
        table = _to_table(decode_rows(data))
    return frames.arrow_to_frame(table)


def frame_of(rows: Sequence[SourceRow]) -> pd.DataFrame:
    """Return rows as :func:`index_frame` does."""
    return frames.arrow_to_frame(_to_table(rows))


def _is_whole(table: pa.Table) -> bool:
    """Tell whether all columns and values are there, so that rows need not be looked at one by one."""
    try:
        return (
            table.schema.remove_metadata().equals(_SCHEMA)
            and not any(column.null_count for column in table.columns)
            and not any(pc.any(pc.equal(table[name], "")).as_py() for name in _NEEDED)
            and all(
                _texts(json.loads(one)) is not None for one in set(table["conflicts"].unique().to_pylist())
            )
        )
    except (ValueError, RecursionError):
        return False


def encode_rows(rows: Sequence[SourceRow]) -> bytes:
    """Return the sources table as the bytes of its Parquet file, ordered by path."""
    ordered = sorted(rows, key=lambda row: (row.root, row.relative_path))
    return frames.arrow_to_parquet(_to_table(ordered))


def _to_table(rows: Sequence[SourceRow]) -> pa.Table:
    return pa.Table.from_pylist([_to_values(row) for row in rows], schema=_SCHEMA)


def _to_values(row: SourceRow) -> dict[str, Any]:
    primary = row.files[0] if row.files else FileState("", 0, 0, "", False)
    return {
        "source_primary_path": row.path,
        "image_id": row.image_id,
        "source_mtime_ns": primary.mtime_ns,
        "source_size_bytes": primary.size,
        "ingested_epoch_ns": row.ingested_epoch_ns,
        "source_root": row.root,
        "source_rel_path": row.relative_path,
        "source_sha256": row.sha256,
        "source_files": json.dumps([_state_to_values(state) for state in row.files]),
        "conflicts": json.dumps(row.conflicts),
        "reader": row.reader,
        "failure": row.failure,
        "failed_epoch_ns": row.failed_epoch_ns,
        "gone_epoch_ns": row.gone_epoch_ns,
        "returned": row.returned,
        "excluded_epoch_ns": row.excluded_epoch_ns,
    }


def _state_to_values(state: FileState) -> dict[str, Any]:
    # Of a few files only; asdict() would take several times as long.
    values = vars(state)
    return values if state.stayed else {name: values[name] for name in values if name != "stayed"}


def decode_rows(data: bytes) -> list[SourceRow]:
    """Read the sources table; one that an earlier version of kymflow wrote has fewer columns.

    Raises
    ------
    UnreadableParquet
        It is damaged.
    """
    return list(_rows(data))


def mend_rows(data: bytes) -> list[SourceRow]:
    """Read the rows; of damaged ones, only which image is of which file. Errors as :func:`decode_rows`.

    With the next ingest of its folder, such a file is read again, under the id that it has.
    """
    return list(_rows(data, mend=True))


def _rows(data: bytes, *, mend: bool = False) -> Iterator[SourceRow]:
    table = frames.parquet_to_arrow(data)
    try:
        refuse_odd_columns(table)
    except ValueError as error:
        raise frames.UnreadableParquet(str(error)) from error
    for values in table.to_pylist():
        try:
            yield _from_values(values)
        except (ValueError, TypeError, KeyError, AttributeError, OverflowError, RecursionError) as error:
            path, image_id = values["source_primary_path"], values["image_id"]
            if not mend:
                who = repr(str(path or image_id)[:200])
                raise frames.UnreadableParquet(f"the row of {who} is damaged: {error}") from error
            if path and image_id and layout.is_name(image_id):
                yield _from_legacy_values({"source_primary_path": path, "image_id": image_id})


def _from_values(values: dict[str, Any]) -> SourceRow:
    layout.check_name(values["image_id"], "image id")
    if not values["source_primary_path"]:
        raise ValueError("it has no path")
    if not values.get("source_rel_path"):
        return _from_legacy_values(values)
    if not values["source_root"]:
        raise ValueError("it has no folder")
    return SourceRow(
        root=values["source_root"],
        relative_path=values["source_rel_path"],
        image_id=values["image_id"],
        ingested_epoch_ns=_number(values["ingested_epoch_ns"]),
        files=tuple(_state(**state) for state in json.loads(values["source_files"])),
        conflicts=_texts(json.loads(values["conflicts"])),
        reader=values.get("reader") or "",
        failure=values.get("failure") or "",
        failed_epoch_ns=_number(values.get("failed_epoch_ns") or 0),
        gone_epoch_ns=_number(values.get("gone_epoch_ns") or 0),
        # Earlier versions of kymflow did not note it.
        returned=values.get("returned") is not False,
        excluded_epoch_ns=_number(values.get("excluded_epoch_ns") or 0),
    )


def _number(value: object) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError(f"expected a whole number, got {value!r}")
    return value


def _texts(value: object) -> dict[str, str]:
    if not isinstance(value, dict) or not all(isinstance(text, str) for text in value.values()):
        raise ValueError(f"expected texts by name, got {str(value)[:80]}")
    return value


def _state(
    path: str, size: int, mtime_ns: int, sha256: str, settled: bool, stayed: bool = False
) -> FileState:
    if not (isinstance(path, str) and isinstance(sha256, str)):
        raise ValueError(f"expected a file's path and digest, got {path!r} and {sha256!r}")
    return FileState(path, _number(size), int(mtime_ns), sha256, bool(settled), bool(stayed))


def _from_legacy_values(values: dict[str, Any]) -> SourceRow:
    # Folders are compared as they really are, links resolved.
    folder, name = os.path.split(values["source_primary_path"])
    primary = FileState(
        name, int(values.get("source_size_bytes") or 0), int(values.get("source_mtime_ns") or 0), "", True
    )
    return SourceRow(
        root=os.path.realpath(folder),
        relative_path=name,
        image_id=values["image_id"],
        ingested_epoch_ns=int(values.get("ingested_epoch_ns") or 1),
        files=(primary,),
        returned=True,
    )
