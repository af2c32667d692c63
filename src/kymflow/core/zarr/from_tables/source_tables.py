"""The tables that a table is made of: their files as they are now, and as a footer tells of them."""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.errors import DeriveError
from kymflow_zarr import layout, tables
from kymflow_zarr.formats import frames

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Store

# Which file of a table: the SHA-256 of its bytes, so that a copied dataset is not made anew.
Versions = Mapping[str, str]


@dataclass(frozen=True)
class SourceTables:
    """The files of source tables, by name, each whole and of one moment."""

    files: Mapping[str, bytes]

    @property
    def versions(self) -> dict[str, str]:
        """Which files they are."""
        return {name: _version(data) for name, data in self.files.items()}

    def frames(self, contract: TableContract) -> dict[str, pd.DataFrame]:
        """Return their rows, as somebody else may change them.

        Raises
        ------
        DeriveError
            A file is damaged.
        """
        found = {}
        for name, data in self.files.items():
            try:
                found[name] = tables.decode(data)
            except frames.UnreadableParquet as error:
                raise derive_error(contract, f"source table {name!r} cannot be read: {error}") from error
        return found


def read_sources(ds: ZarrDataset, contract: TableContract) -> SourceTables:
    """Read the files of all source tables.

    Raises
    ------
    DeriveError
        One is not there.
    """
    files = {}
    for name in contract.sources:
        data = _read(ds.store, name)
        if data is None:
            raise derive_error(contract, why_missing(name, ds.list_table_names()), dataset=ds.path)
        files[name] = data
    return SourceTables(files)


def versions_now(store: Store, names: Iterable[str]) -> dict[str, str]:
    """Return which files source tables are now; those that are not there are left out."""
    found = ((name, _read(store, name)) for name in names)
    return {name: _version(data) for name, data in found if data is not None}


def note_of(versions: Versions) -> str:
    """Return what a footer tells of these files."""
    return json.dumps(versions, sort_keys=True)


def why_missing(name: str, there: Iterable[str]) -> str:
    """Say that a source table is not there."""
    there = list(there)
    near = difflib.get_close_matches(name, there, 1)
    meant = f" did you mean {near[0]!r}?" if near else ""
    return f"source table {name!r} is not there;{meant} its tables: {', '.join(there) or 'none yet'}"


def derive_error(contract: TableContract, what: str, **where: str) -> DeriveError:
    """Return the error for a table that could not be derived; always which indexer, and what."""
    message = f"indexer {contract.indexer!r}, table {contract.table_name!r}: {what}"
    # Half a letter in an error's text must not keep anybody from printing it.
    message = message.encode("utf-8", "backslashreplace").decode("utf-8")
    return DeriveError(message, indexer=contract.indexer, table_name=contract.table_name, **where)


def _read(store: Store, name: str) -> bytes | None:
    try:
        return store.read(layout.table_key(name))[0]
    except FileNotFoundError:
        return None


def _version(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
