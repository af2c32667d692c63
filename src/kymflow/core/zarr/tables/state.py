"""A table with its ledger, as they are on disk at one moment."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.indexers.setting_types import as_json
from kymflow.core.zarr.tables.ledger import Ledger
from kymflow.core.zarr.tables.ledger_file import TableFile, find_ledger
from kymflow.core.zarr.tables.schema import table_schema
from kymflow.errors import SchemaError
from kymflow_zarr import layout
from kymflow_zarr.errors import StoreUnavailableError
from kymflow_zarr.formats import frames

if TYPE_CHECKING:
    from kymflow.core.zarr.indexers.contract import TableContract
    from kymflow_zarr.store.base import Store

INDEXER = "kymflow.indexer"
DECLARED = "kymflow.declared"
SETTINGS = "kymflow.settings"
SCHEMA_VERSION = "kymflow.schema_version"
# Of a table of tables: which file each source table was, by name.
SOURCES = "kymflow.sources"
# A digest of the code that made all its rows.
CODE = "kymflow.code"
OTHER_CODE = "made by other code of the same version"


@dataclass(frozen=True)
class TableState:
    """A table as found.

    Attributes
    ----------
    file : TableFile
        Its file.
    schema : pyarrow.Schema
        Its schema, with the metadata of the footer.
    n_rows : int
        How many rows it has.
    ledger : Ledger or None
        None, if there is none that provably belongs to it.
    """

    file: TableFile
    schema: pa.Schema
    n_rows: int
    ledger: Ledger | None

    @cached_property
    def table(self) -> pa.Table:
        """Its rows, read when they are first asked for."""
        if self.ledger is not None:
            # The ledger proves that these are the very bytes that a commit wrote.
            # In one thread: another that lets go of the bytes while Python ends would crash it.
            return pq.ParquetFile(pa.BufferReader(self.file.data), pre_buffer=False).read(use_threads=False)
        return frames.parquet_to_arrow(self.file.data)

    def made_by(self, contract: TableContract) -> bool:
        """Tell whether the footer names the indexer of this contract."""
        return (self.schema.metadata or {}).get(INDEXER.encode()) == contract.indexer.encode()

    def is_of_other_code(self, code: str) -> bool:
        """Tell whether other code than that of a digest made the table, as far as both are known."""
        before = (self.schema.metadata or {}).get(CODE.encode(), b"")
        return bool(code and before) and before != code.encode()

    def known_ids(self) -> set[str]:
        """Return the images that the table spoke of."""
        if self.ledger is not None:
            return set(self.ledger)
        if self.schema.names.count(IMAGE_ID) != 1:
            return set()
        try:
            return {str(image_id) for image_id in pc.unique(self.table.column(IMAGE_ID)).to_pylist()}
        except pa.ArrowException:
            # Somebody else's table; its ids are lists, say.
            return set()

    def holds(self, contract: TableContract) -> bool:
        """Tell whether the ledger speaks of rows that this contract would give, too.

        Not if the table was made by another indexer, under another schema version, with other settings,
        or with other declared types of columns that its images have.
        """
        return isinstance(self.wanted_schema(contract), pa.Schema)

    def wanted_schema(self, contract: TableContract) -> pa.Schema | str:
        """Return the schema that the table has by its ledger; or why that does not hold for this contract."""
        if self.ledger is None:
            return "the table was written by somebody else, or its ledger is lost or damaged"
        if not self.made_by(contract):
            return "the table was made by another indexer"
        for version in self.ledger.versions():
            if version != contract.schema_version:
                return f"schema version {version!r} -> {contract.schema_version!r}"
        other = contract.settings_that_differ(noted(self.schema.metadata or {}, SETTINGS))
        if other is not None:
            return other
        before, now = noted(self.schema.metadata or {}, DECLARED), contract.declared_types
        there = {name for _, schema in self.ledger.distinct_schemas() for name in schema.names}
        for name in sorted(there & {*before, *now}):
            if before.get(name) != now.get(name):
                kinds = [kind or "nothing" for kind in (before.get(name), now.get(name))]
                return f"column {name!r} is declared {kinds[1]}, was {kinds[0]}"
        try:
            return table_schema(contract, self.ledger)
        except SchemaError:
            return "its ledger tells of columns that do not go together"

    def fits(self, ledger: Ledger) -> bool:
        """Tell whether the rows of each image are where a ledger says, by the first and the last of them."""
        if self.schema.names.count(IMAGE_ID) != 1 or ledger.n_rows != self.table.num_rows:
            return False
        counts = ledger.column("n_rows").to_numpy()
        filled = np.flatnonzero(counts)
        ends = np.cumsum(counts)[filled]
        ids = self.table.column(IMAGE_ID)
        owners = pa.chunked_array([ledger.column(IMAGE_ID).take(pa.array(filled))])
        places = (ends - counts[filled], ends - 1)
        return all(ids.take(pa.array(place)).equals(owners) for place in places)


def footer_of(contract: TableContract, made_by: Mapping[str, str]) -> dict[str, str]:
    """Return what a table's footer says of what made it."""
    return {
        **made_by,
        INDEXER: contract.indexer,
        SCHEMA_VERSION: contract.schema_version,
        DECLARED: json.dumps(contract.declared_types, sort_keys=True),
        **({SETTINGS: as_json(contract.settings)} if contract.settings else {}),
    }


def noted(metadata: Mapping[bytes, bytes], key: str) -> dict[str, Any]:
    """Return what a footer has under a key, as JSON; nothing if that is not there, or no object."""
    try:
        found = json.loads(metadata.get(key.encode(), b"{}"))
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def noted_versions(metadata: Mapping[bytes, bytes]) -> dict[str, str] | None:
    """Return which files a table was made of, as its footer has it; None if that tells nothing."""
    try:
        found = json.loads(metadata[SOURCES.encode()])
    except (KeyError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not found or not all(isinstance(one, str) for one in found.values()):
        return None
    return found


def read_state(store: Store, table_name: str, data: bytes | None) -> TableState | None:
    """Return the table in `data` with its ledger, or None if there is no readable table."""
    if data is None:
        return None
    file = TableFile(data)
    try:
        parquet = pq.ParquetFile(pa.BufferReader(data))
        schema, n_rows = parquet.schema_arrow, parquet.metadata.num_rows
        state = TableState(file, schema, n_rows, find_ledger(store, table_name, schema, file))
        if state.ledger is None:
            state.table  # noqa: B018 - nothing else tells whether it is whole
        elif state.ledger.n_rows != n_rows:
            return TableState(file, schema, n_rows, None)
        return state
    except StoreUnavailableError:
        raise
    # Whatever its bytes provoke: a damaged table is made anew; they stay until then.
    except Exception:  # noqa: BLE001
        return None


def find_state(store: Store, table_name: str) -> TableState | None:
    """Return a table with its ledger as they are now, or None if there is no readable table.

    Another writer may replace the table and take its old ledger away between two reads; then it is
    looked at again.
    """
    before = None
    while True:
        try:
            data, _ = store.read(layout.table_key(table_name))
        except FileNotFoundError:
            return None
        state = read_state(store, table_name, data)
        if data == before or (state is not None and state.ledger is not None):
            return state
        before = data
