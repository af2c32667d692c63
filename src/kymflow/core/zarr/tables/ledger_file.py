"""The file of a ledger, and the proof that it belongs to a table's file."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property
from typing import get_args

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kymflow.core.zarr.tables.ledger import SCHEMA, Ledger
from kymflow_zarr import layout
from kymflow_zarr.errors import StoreUnavailableError
from kymflow_zarr.store.base import Store
from kymflow_zarr.store.tracking import DependencyKind

COMMIT = b"kymflow.commit"
_SIZE = b"kymflow.table_size"
_SHA256 = b"kymflow.table_sha256"
_VERSION = b"kymflow.ledger_version"
_LEDGER_VERSION = b"2"
# More than any table has, and so few that those of all images can be added up.
_MOST_ROWS = 2**40
# What would lead elsewhere as part of a key.
_NO_ID = r"[/\\\x00]|^\.{0,2}$"
# Where Parquet keeps what is in the lists.
_SEEN = "seen.list.element"


@dataclass(frozen=True)
class TableFile:
    """The bytes of a table's file, and their digest, which is made once."""

    data: bytes

    @cached_property
    def sha256(self) -> str:
        """SHA-256 of the bytes."""
        return hashlib.sha256(self.data).hexdigest()


def encode_ledger(ledger: Ledger, commit_id: str, file: TableFile) -> bytes:
    """Return the bytes of the ledger that belongs to just this file of a table."""
    schemas = pa.array([schema.serialize().to_pybytes() for schema in ledger.schemas], pa.binary())
    coded = pa.DictionaryArray.from_arrays(ledger.column("schema"), schemas)
    table = ledger.columns.set_column(SCHEMA.get_field_index("schema"), "schema", coded)
    proof = {
        COMMIT: commit_id.encode(),
        _SIZE: str(len(file.data)).encode(),
        _SHA256: file.sha256.encode(),
        _VERSION: _LEDGER_VERSION,
    }
    sink = io.BytesIO()
    pq.write_table(
        table.replace_schema_metadata(proof),
        sink,
        compression="lz4",
        # Digests and times hardly repeat.
        use_dictionary=["schema", "schema_version", "error", f"{_SEEN}.key", f"{_SEEN}.asked"],
        # Its rows say where those of the table are: a flipped bit must not go unnoticed.
        write_page_checksum=True,
    )
    return sink.getvalue()


def find_ledger(store: Store, table_name: str, schema: pa.Schema, file: TableFile) -> Ledger | None:
    """Return the ledger of a table, or None if there is none that provably belongs to it.

    A ledger that is missing, damaged, or of another file than this makes everything stale, and
    nothing wrong: the caller extracts all images again.

    Parameters
    ----------
    store : Store
        The dataset's.
    table_name : str
        Name of the table.
    schema : pyarrow.Schema
        Of the table, with the metadata of its footer.
    file : TableFile
        Its file.
    """
    commit_id = commit_of(schema)
    if commit_id is None:
        return None
    try:
        data, _ = store.read(layout.ledger_key(table_name, commit_id))
        parquet = pq.ParquetFile(pa.BufferReader(data), page_checksum_verification=True)
        proof = parquet.schema_arrow.metadata or {}
        belongs = (
            proof.get(_VERSION) == _LEDGER_VERSION
            and proof.get(COMMIT) == commit_id.encode()
            and proof.get(_SIZE) == str(len(file.data)).encode()
            and proof.get(_SHA256) == file.sha256.encode()
        )
        return _decode(parquet.read(use_threads=False)) if belongs else None
    except StoreUnavailableError:
        raise
    # Whatever its bytes provoke: it is no ledger.
    except Exception:  # noqa: BLE001
        return None


def _decode(found: pa.Table) -> Ledger:
    """Return the ledger in a file's rows.

    Raises
    ------
    ValueError, KeyError, pyarrow.ArrowException
        They are none.
    """
    coded = found.column("schema").unify_dictionaries().combine_chunks()
    if not pa.types.is_dictionary(coded.type):
        coded = coded.dictionary_encode()
    schemas = [pa.ipc.read_schema(pa.py_buffer(raw)) for raw in coded.dictionary.to_pylist()]
    codes = coded.indices.cast(pa.int32())
    place = found.column_names.index("schema")
    columns = found.set_column(place, "schema", codes).select(SCHEMA.names).replace_schema_metadata(None)
    columns = columns.cast(SCHEMA)
    columns.validate(full=True)
    ledger = Ledger(columns, schemas)
    _refuse_bent(ledger)
    return ledger


def _refuse_bent(ledger: Ledger) -> None:
    """Refuse what no commit writes: each entry is a promise about the table, and each key is looked for.

    Raises
    ------
    ValueError
        Something is missing, out of order or out of bounds.
    """
    ids, n_rows, codes = (ledger.column(name) for name in ("image_id", "n_rows", "schema"))
    flat = ledger.dependencies.flat
    told = [ledger.column(name) for name in SCHEMA.names]
    told += [flat, *(flat.field(name) for name in ("key", "asked", "sha256", "seen_ns"))]
    if any(values.null_count for values in told):
        raise ValueError("a value is missing")
    if len(ids) > 1 and not pc.all(pc.less(ids[:-1], ids[1:])).as_py():
        raise ValueError("image ids are not in order")
    if pc.any(pc.match_substring_regex(ids, _NO_ID)).as_py():
        raise ValueError("an image id is no name")
    if not (_within(n_rows, _MOST_ROWS) and _within(codes, len(ledger.schemas))):
        raise ValueError("a number is out of bounds")
    if any(len(set(schema.names)) < len(schema) for schema in ledger.schemas):
        raise ValueError("a column stands twice")
    if not set(pc.unique(flat.field("asked")).to_pylist()) <= set(get_args(DependencyKind)):
        raise ValueError("a dependency is of no known kind")
    # Below the record, or behind a slash below the dataset; of a listing, all of it.
    keys = pc.unique(flat.field("key")).to_pylist()
    if not all(layout.is_key(key.removeprefix("/")) for key in keys if key != "/"):
        raise ValueError("a dependency is no key of a dataset")


def _within(numbers: pa.Array, end: int) -> bool:
    # Of no numbers, Arrow says neither yes nor no.
    return pc.all(pc.and_(pc.greater_equal(numbers, 0), pc.less(numbers, end))).as_py() is not False


def commit_of(schema: pa.Schema) -> str | None:
    """Return the commit id in a table's footer; None if kymflow did not commit it, or it is no name."""
    raw = (schema.metadata or {}).get(COMMIT)
    text = raw.decode("utf-8", "replace") if raw else ""
    return text if text.isascii() and text.isalnum() and layout.is_name(text) else None
