"""How a table that is made of others stands: fresh, or why it is to be derived again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.core.zarr.from_tables.source_tables import Versions, versions_now, why_missing
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.tables.state import (
    DECLARED,
    OTHER_CODE,
    SCHEMA_VERSION,
    SETTINGS,
    TableState,
    noted,
    noted_versions,
)

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

NO_NOTE = "its footer does not tell which tables it was derived from"
_NO_TABLE = "there is no table yet, or it is damaged"


def why_stale(ds: ZarrDataset, contract: TableContract, state: TableState | None, code: str = "") -> str:
    """Say why a table is to be derived again; empty if it is fresh.

    Parameters
    ----------
    ds, contract
        Of which dataset, and what the table is to be.
    state : TableState or None
        The table; None if there is no readable one.
    code : str
        Digest of the code that must have made it; empty for any.
    """
    now = versions_now(ds.store, contract.sources)
    missing = [name for name in contract.sources if name not in now]
    if missing:
        return why_missing(missing[0], ds.list_table_names())
    return why_outdated(contract, state, now, code)


def why_outdated(contract: TableContract, state: TableState | None, now: Versions, code: str = "") -> str:
    """Say why a table is not the one that these files of its sources give; see :func:`why_stale`."""
    if state is None:
        return _NO_TABLE
    metadata = state.schema.metadata or {}
    if not state.made_by(contract):
        return "the table was made by another indexer, or by hand"
    before = noted_versions(metadata)
    if before is None:
        return NO_NOTE
    version = metadata.get(SCHEMA_VERSION.encode(), b"").decode("utf-8", "replace")
    if version != contract.schema_version:
        return f"schema version {version!r} -> {contract.schema_version!r}"
    setting = contract.settings_that_differ(noted(metadata, SETTINGS))
    if setting is not None:
        return setting
    if noted(metadata, DECLARED) != contract.declared_types or not _has_columns(contract, state):
        return "its declared columns are others"
    if before.keys() != set(contract.sources):
        return f"its source tables were {', '.join(sorted(before))}"
    changed = [name for name in contract.sources if before[name] != now[name]]
    if changed:
        names = ", ".join(map(repr, changed))
        return f"source tables {names} have changed" if changed[1:] else f"source table {names} has changed"
    return OTHER_CODE if state.is_of_other_code(code) else ""


def _has_columns(contract: TableContract, state: TableState) -> bool:
    """Tell whether declared columns have the units and descriptions that they are declared with."""
    there = {field.name: field.metadata or {} for field in state.schema}
    return set(contract.required) <= set(there) and all(
        there[name] == (column.arrow_field.metadata or {})
        for name, column in contract.by_name.items()
        if name in there
    )
