"""The ledger of a table: what each image gave to it, and the proof that both belong together."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from kymflow_zarr import frames, layout
from kymflow_zarr.observed import Seen
from kymflow_zarr.store import Fingerprint, Store

COMMIT = b"kymflow.commit"
_SIZE = b"kymflow.table_size"
_SHA256 = b"kymflow.table_sha256"
_VERSION = b"kymflow.ledger_version"
_LEDGER_VERSION = b"1"

_SEEN = pa.struct(
    [
        ("key", pa.string()),
        ("asked", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("etag", pa.string()),
        ("sha256", pa.string()),
        ("seen_ns", pa.int64()),
    ]
)
_SCHEMA = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("n_rows", pa.int64(), nullable=False),
        # Many images share few schemas.
        pa.field("schema", pa.dictionary(pa.int32(), pa.binary()), nullable=False),
        pa.field("schema_version", pa.string(), nullable=False),
        pa.field("error", pa.string(), nullable=False),
        pa.field("seen", pa.list_(_SEEN), nullable=False),
    ]
)


@dataclass(frozen=True)
class LedgerEntry:
    """What one image gave to the table, and what its rows were made from.

    Attributes
    ----------
    n_rows : int
        Rows; none is an answer, too.
    schema : pyarrow.Schema
        The image's own, see :func:`kymflow.core.zarr.schema.table_schema`.
    schema_version : str
        The indexer's, when it extracted them.
    seen : tuple of Seen
        All that the indexer asked the record for, absent things too.
    error : str
        Why the last extraction failed, the rows being older; empty if it did not.
    """

    n_rows: int
    schema: pa.Schema
    schema_version: str
    seen: tuple[Seen, ...] = ()
    error: str = ""


Ledger = dict[str, LedgerEntry]


def encode_ledger(ledger: Ledger, commit_id: str, table_bytes: bytes) -> bytes:
    """Return the bytes of the ledger that belongs to a table's file of just these bytes."""
    ids = sorted(ledger)
    schemas = [ledger[image_id].schema.serialize().to_pybytes() for image_id in ids]
    table = pa.table(
        {
            "image_id": pa.array(ids, pa.string()),
            "n_rows": pa.array([ledger[image_id].n_rows for image_id in ids], pa.int64()),
            "schema": pa.array(schemas, pa.binary()).dictionary_encode(),
            "schema_version": pa.array([ledger[image_id].schema_version for image_id in ids], pa.string()),
            "error": pa.array([ledger[image_id].error for image_id in ids], pa.string()),
            "seen": _encode_seen([ledger[image_id].seen for image_id in ids]),
        },
        schema=_SCHEMA,
    )
    proof = {
        COMMIT: commit_id.encode(),
        _SIZE: str(len(table_bytes)).encode(),
        _SHA256: hashlib.sha256(table_bytes).hexdigest().encode(),
        _VERSION: _LEDGER_VERSION,
    }
    return frames.arrow_to_parquet(table.replace_schema_metadata(proof))


def find_ledger(store: Store, table_name: str, table: pa.Table, table_bytes: bytes) -> Ledger | None:
    """Return the ledger of a table, or None if there is none that provably belongs to it.

    A ledger that is missing, damaged, or of other bytes than these makes everything stale, and
    nothing wrong: the caller extracts all images again.
    """
    commit_id = commit_of(table)
    if commit_id is None:
        return None
    try:
        data, _ = store.read(layout.ledger_key(table_name, commit_id))
        found = frames.parquet_to_arrow(data)
        proof = found.schema.metadata or {}
        belongs = (
            proof.get(_VERSION) == _LEDGER_VERSION
            and proof.get(COMMIT) == commit_id.encode()
            and proof.get(_SIZE) == str(len(table_bytes)).encode()
            and proof.get(_SHA256) == hashlib.sha256(table_bytes).hexdigest().encode()
        )
        return _entries(found) if belongs else None
    except (FileNotFoundError, frames.UnreadableParquet, pa.ArrowException, KeyError, ValueError):
        return None


def _encode_seen(rows: Sequence[Sequence[Seen]]) -> pa.Array:
    offsets = [0, *itertools.accumulate(len(row) for row in rows)]
    flat = [seen for row in rows for seen in row]
    prints = [seen.fingerprint for seen in flat]
    columns = {
        "key": [seen.key for seen in flat],
        "asked": [seen.asked for seen in flat],
        "size": [None if found is None else found.size for found in prints],
        "mtime_ns": [None if found is None else found.mtime_ns for found in prints],
        "etag": [None if found is None else found.etag for found in prints],
        "sha256": [seen.sha256 for seen in flat],
        "seen_ns": [seen.seen_ns for seen in flat],
    }
    fields = list(_SEEN)
    arrays = [pa.array(columns[field.name], field.type) for field in fields]
    return pa.ListArray.from_arrays(
        pa.array(offsets, pa.int32()), pa.StructArray.from_arrays(arrays, fields=fields)
    )


def _decode_seen(column: pa.ChunkedArray) -> list[tuple[Seen, ...]]:
    lists = column.combine_chunks()
    lengths = pc.list_value_length(lists).to_pylist()
    values = [lists.flatten().field(field.name).to_pylist() for field in _SEEN]
    flat = (
        Seen(key, asked, None if size is None else Fingerprint(key, size, mtime_ns, etag), sha256, seen_ns)
        for key, asked, size, mtime_ns, etag, sha256, seen_ns in zip(*values, strict=True)
    )
    return [tuple(itertools.islice(flat, length)) for length in lengths]


def _entries(found: pa.Table) -> Ledger:
    known: dict[bytes, pa.Schema] = {}
    entries = {}
    columns = [found.column(name).to_pylist() for name in _SCHEMA.names[:-1]]
    for image_id, n_rows, schema, schema_version, error, seen in zip(
        *columns, _decode_seen(found.column("seen")), strict=True
    ):
        if schema not in known:
            known[schema] = pa.ipc.read_schema(pa.py_buffer(schema))
        entries[image_id] = LedgerEntry(n_rows, known[schema], schema_version, seen, error)
    return entries


def commit_of(table: pa.Table) -> str | None:
    """Return the commit id in a table's footer; None if kymflow did not commit it, or it is no name."""
    raw = (table.schema.metadata or {}).get(COMMIT)
    text = raw.decode("utf-8", "replace") if raw else ""
    return text if text.isalnum() else None
