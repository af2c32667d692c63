"""A table as it is now, read into memory column by column."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from kymflow import ColumnError, KymDataset, TableInfo, velocity_units
from kymflow_view.tables.columns import Coded, Column, compact, kind_of
from kymflow_view.units import VELOCITY_UNIT

IMAGE_ID = "image_id"
# What is larger is read a few columns at a time: as they come from the file, they are several times as long.
_LARGE = 500_000
_TRIES = 3


@dataclass(frozen=True, eq=False)
class Table:
    """One version of a table.

    Attributes
    ----------
    name, version : str
        Which one it is; see :meth:`KymDataset.table_version`.
    n_rows : int
        How many rows it has.
    made_by : str
        What made it, in words.
    columns : dict of str to Column
        By name, in order.
    """

    name: str
    version: str
    n_rows: int
    made_by: str
    columns: dict[str, Column]

    @property
    def nbytes(self) -> int:
        """Bytes of all values."""
        return sum(column.values.nbytes for column in self.columns.values())


def load_table(kd: KymDataset, name: str) -> Table:
    """Read a table; all of it is of one moment.

    Raises
    ------
    TableNotFoundError
        There is no such table.
    TableError
        Its file is damaged.
    ColumnError
        Two of its columns have the same name.
    """
    for left in reversed(range(_TRIES)):
        version = kd.table_version(name) or ""
        info = kd.describe_table(name)
        _check_names(info)
        # Of an object store, each read would fetch the whole file.
        in_parts = info.rows > _LARGE and left > 0 and "://" not in str(kd.ds.path)
        columns = {column.name: column for column in _columns(kd, info, in_parts=in_parts)}
        if not in_parts or kd.table_version(name) == version:
            break
    n_rows = len(next(iter(columns.values())).values) if columns else info.rows
    return Table(info.name, version, n_rows, info.made_by, _in_true_units(columns))


def _in_true_units(columns: dict[str, Column]) -> dict[str, Column]:
    """Return columns of velocities with the units of their rows, of which the table may say one only."""
    told = columns[VELOCITY_UNIT].values if VELOCITY_UNIT in columns else None
    if not isinstance(told, Coded):
        return columns
    # A row that tells none has the code -1, and so the last of these.
    units = [*told.values.to_pylist(), None]
    found = dict(columns)
    for name, column in columns.items():
        # Where all rows have the unit that is declared, they need not be looked at.
        if velocity_units(column.unit, units) not in ([], [column.unit]):
            codes = np.unique(told.codes[~column.values.missing])
            there = velocity_units(column.unit, [units[code] for code in codes])
            found[name] = replace(column, unit=" or ".join(there) or column.unit)
    return found


def _check_names(info: TableInfo) -> None:
    names = [column.name for column in info.columns]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ColumnError(
            f"table {info.name!r} cannot be shown: column {twice!r} stands twice in it",
            table_name=info.name,
            column=twice,
        )


def _columns(kd: KymDataset, info: TableInfo, *, in_parts: bool) -> Iterator[Column]:
    names = [column.name for column in info.columns]
    for part in [[name] for name in names] if in_parts else [None]:
        rows = kd.load_arrow(info.name, columns=part)
        for field in rows.schema:
            notes = field.metadata or {}
            yield Column(
                field.name,
                kind_of(field.type),
                notes.get(b"unit", b"").decode("utf-8", "replace"),
                notes.get(b"description", b"").decode("utf-8", "replace"),
                info.name,
                field.type,
                compact(rows.column(field.name)),
            )
        # Before the next ones come: else the largest columns would be in memory twice.
        del rows
        pa.default_memory_pool().release_unused()
