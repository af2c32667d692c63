"""The index that pandas stores beside a table's columns, brought back among them."""

from __future__ import annotations

import json
import re
from typing import Any

import pyarrow as pa

_PANDAS = b"pandas"
# How the metadata begin where there is no index, or only one that counts the rows from 0.
_NO_INDEX = re.compile(rb'\{"index_columns": \[(\{"kind": "range", "name": null, [^{}]*\})?\]')
_UNNAMED = re.compile(r"__index_level_\d+__")


def restore_index(table: pa.Table) -> pa.Table:
    """Return a table with the index of pandas as its first columns, as ``reset_index`` would give it.

    An index that counts (``RangeIndex``) is told of in the metadata only. Row numbers without a name are
    left out, and so is what has the name of a column. Metadata that are bent, or that do not fit the rows
    any more, say nothing.

    Parameters
    ----------
    table : pyarrow.Table
        As read from a Parquet file, with its metadata.

    Returns
    -------
    pyarrow.Table
        The same one, if it has no index; else one without the metadata for pandas.
    """
    metadata = (table.schema.metadata or {}).get(_PANDAS)
    if metadata is None or _NO_INDEX.match(metadata) or len(set(table.column_names)) < table.num_columns:
        return table
    try:
        told = json.loads(metadata)
        levels = [_level(table, entry, told) for entry in told["index_columns"]]
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError, OverflowError):
        return table
    stored = {field for field, _, _ in levels if field is not None}
    rest = [name for name in table.column_names if name not in stored]
    index: dict[str, Any] = {}
    for place, (_, name, values) in enumerate(levels):
        if values is None:
            continue
        if name is None:
            # As pandas calls them.
            if len(levels) == 1 and pa.types.is_integer(values.type):
                continue
            name = "index" if len(levels) == 1 else f"level_{place}"
        if name not in rest:
            index.setdefault(name, values)
    columns = {**index, **{name: table.column(name) for name in rest}}
    return pa.table(columns) if index or stored else table


def _level(table: pa.Table, entry: Any, told: Any) -> tuple[str | None, str | None, Any]:
    """Return one level of an index: the column that it is stored in, its name, and its values."""
    if isinstance(entry, str):
        if entry not in table.column_names:
            return None, None, None
        values = table.column(entry)
        if not _UNNAMED.fullmatch(entry):
            return entry, entry, values
        names = [column["name"] for column in told["columns"] if column["field_name"] == entry]
        return entry, _checked(names[0]) if names else None, values
    if entry["kind"] != "range":
        raise ValueError(f"an index of kind {entry['kind']!r}")
    counted = range(entry["start"], entry["stop"], entry["step"])
    fits = len(counted) == table.num_rows
    return None, _checked(entry["name"]), pa.chunked_array([pa.array(counted, pa.int64())]) if fits else None


def _checked(name: Any) -> str | None:
    if name is not None and not isinstance(name, str):
        raise TypeError(f"the name of an index must be text, got {name!r}")
    return name
