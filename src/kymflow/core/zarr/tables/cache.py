"""Tables as DataFrames in memory, each with the proof of which file it is."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING

import pandas as pd
import pyarrow as pa

from kymflow_zarr import layout, tables
from kymflow_zarr.errors import ConflictError, KymflowError, TableNotFoundError
from kymflow_zarr.formats import frames
from kymflow_zarr.store.base import Fingerprint
from kymflow_zarr.store.comparison import compare
from kymflow_zarr.store.dependencies import Dependencies
from kymflow_zarr.store.tracking import Dependency

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


# From then on a copy shares its values with the original until one of both is changed.
_COPIES_ON_WRITE = int(pd.__version__.partition(".")[0]) >= 3


def copy_of(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table, which takes no memory of its own where pandas copies on write."""
    return frame.copy(deep=not _COPIES_ON_WRITE)


class Tables(dict[str, pd.DataFrame]):
    """Tables in memory, by name; another table of the dataset is loaded as it is asked for.

    Parameters
    ----------
    load : callable
        Puts the table of a name in here, or raises.
    list_names : callable
        Returns the names of all tables on disk.
    """

    def __init__(self, load: Callable[[str], None], list_names: Callable[[], list[str]]) -> None:
        super().__init__()
        self._load = load
        self._list_names = list_names

    def __missing__(self, name: str) -> pd.DataFrame:
        self._load(name)
        return self[name]

    def __repr__(self) -> str:
        said = ", ".join(f"{name} ({len(frame)} rows)" for name, frame in self.items())
        return f"<tables in memory: {said or 'none'}>"

    def _ipython_key_completions_(self) -> list[str]:
        names = set(self)
        # A completion is no occasion to tell that the dataset cannot be read.
        with suppress(KymflowError):
            names.update(self._list_names())
        return sorted(names)


class TableCache:
    """DataFrames by table name; `frames` is the dictionary that users see."""

    def __init__(self, ds: ZarrDataset) -> None:
        self._ds = ds
        # Which file each table is.
        self._origins: dict[str, Dependencies] = {}
        self.frames = Tables(self.load, ds.list_table_names)

    def get(self, name: str) -> pd.DataFrame:
        """Return the table, loaded again if its file is another one than the cached one's."""
        if name not in self.frames or not self._is_current(name):
            self.load(name)
        return self.frames[name]

    def load(self, name: str) -> None:
        """Load the table's file."""
        self._ds.check_there()
        store = self._ds.store
        seen_ns = store.now_ns()
        data, fingerprint = tables.read_file(store, name)
        try:
            frame = tables.decode(data)
        except frames.UnreadableParquet as error:
            raise tables.damaged_table(store, name, error) from error
        self.put(name, frame, data, fingerprint, seen_ns)

    def put(
        self,
        name: str,
        frame: pd.DataFrame,
        data: bytes,
        fingerprint: Fingerprint | None,
        seen_ns: int | None = None,
    ) -> None:
        """Keep a table that was just loaded or written, and of which file it is.

        Parameters
        ----------
        name, frame
            The table.
        data : bytes
            Its file.
        fingerprint : Fingerprint or None
            Of the file, as a listing had it at `seen_ns`; None if nobody looked.
        seen_ns : int or None
            By default, now.
        """
        key = layout.table_key(name)
        seen = self._ds.store.now_ns() if seen_ns is None else seen_ns
        # A file of such a time, as none has, is read to be compared.
        found = fingerprint or Fingerprint(key, len(data), 0)
        self.frames[name] = frame
        self._origins[name] = Dependencies.of({"": [Dependency(key, "content", found, _sha256(data), seen)]})

    def forget(self, name: str) -> None:
        """Drop a table from memory."""
        self.frames.pop(name, None)
        self._origins.pop(name, None)

    def _is_current(self, name: str) -> bool:
        origin = self._origins.get(name)
        if origin is None:
            # Put into the dictionary by hand: it is the user's.
            return True
        comparison = compare(self._ds.store, origin)
        if comparison.holds.all():
            # Old enough by now, perhaps, for a listing to tell the next time.
            self._origins[name] = comparison.now
            return True
        return False

    def save(self, name: str) -> None:
        """Write the cached table back, if its file is still the one that was loaded.

        Raises
        ------
        TableNotFoundError
            It was not loaded.
        ConflictError
            Somebody else has written the table since.
        """
        if name not in self.frames:
            raise TableNotFoundError(
                f"table {name!r} of {self._ds.path} is not loaded, and has no edits to be saved; edit "
                f"kd.tables[{name!r}], which loads it",
                dataset=self._ds.path,
                table_name=name,
            )
        self._ds.check_writable()
        store = self._ds.store
        tables.check_own_table(store, name)
        frame = self.frames[name]
        origin = self._origins[name].decode(0)[0] if name in self._origins else None
        written = b""

        def change(present: bytes | None) -> bytes | None:
            nonlocal written
            if present is not None and (origin is None or _sha256(present) != origin.sha256):
                raise self._conflict(name, "was written by somebody else since it was loaded")
            if present is None and origin is not None:
                raise self._conflict(name, "was dropped by somebody else since it was loaded")
            if present is not None and _holds(present, frame):
                # Writing back what is there already would only make every image look stale.
                return None
            written = _with_notes_of(present, tables.encode(store, name, frame))
            return written

        fingerprint = store.update(layout.table_key(name), change)
        if fingerprint is not None:
            back = tables.decode(written)
            # The frame in the user's hands stays the one that the next call saves.
            self.put(name, frame if back.equals(frame) else back, written, fingerprint)

    def _conflict(self, name: str, what: str) -> ConflictError:
        return ConflictError(
            f"table {name!r} of {self._ds.path} {what}. load_tables([{name!r}]) fetches what is there; make "
            "your edits again and save.",
            dataset=self._ds.path,
            table_name=name,
        )


def _with_notes_of(present: bytes | None, data: bytes) -> bytes:
    """Return a table's file with the units and descriptions that its columns had."""
    if present is None:
        return data
    try:
        notes = {field.name: field.metadata for field in frames.parquet_to_arrow(present).schema}
    except frames.UnreadableParquet:
        return data
    table = frames.parquet_to_arrow(data)
    fields = [field.with_metadata(notes.get(field.name) or field.metadata) for field in table.schema]
    return frames.arrow_to_parquet(table.cast(pa.schema(fields, table.schema.metadata)))


def _holds(data: bytes, frame: pd.DataFrame) -> bool:
    try:
        return tables.decode(data).equals(frame)
    except frames.UnreadableParquet:
        return False


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
