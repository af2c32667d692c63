"""The file of a ledger, and the proof that it belongs to a table's file."""

from __future__ import annotations

import hashlib
import io
from dataclasses import dataclass
from functools import cached_property

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kymflow.core.zarr.tables.ledger import SCHEMA, Ledger
from kymflow_zarr import layout
from kymflow_zarr.formats import frames
from kymflow_zarr.store.base import Store

COMMIT = b"kymflow.commit"
_SIZE = b"kymflow.table_size"
_SHA256 = b"kymflow.table_sha256"
_VERSION = b"kymflow.ledger_version"
_LEDGER_VERSION = b"2"
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
    except (FileNotFoundError, frames.UnreadableParquet, pa.ArrowException, OSError, KeyError, ValueError):
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
    ids = ledger.column("image_id")
    if len(ids) > 1 and not pc.all(pc.less(ids[:-1], ids[1:])).as_py():
        raise ValueError("image ids are not in order")
    return ledger


def commit_of(schema: pa.Schema) -> str | None:
    """Return the commit id in a table's footer; None if kymflow did not commit it, or it is no name."""
    raw = (schema.metadata or {}).get(COMMIT)
    text = raw.decode("utf-8", "replace") if raw else ""
    return text if text.isalnum() else None
