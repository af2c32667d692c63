"""Rows of plain Python values, as JSON gives them, and their columns as Arrow."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from kymflow.core.zarr.indexers.columns import Column
from kymflow_zarr import limits
from kymflow_zarr.errors import ColumnError

if TYPE_CHECKING:
    import pyarrow as pa

# Deeper ones cost Arrow seconds each, and no table is made of them.
MAX_NESTING = 32


# Columns, each with the names that lead to its values inside objects.
Paths = Sequence[tuple[str, Sequence[str]]]


class NoRows(ValueError):
    """A JSON document is not of a shape that gives rows; callers say which artifact it was."""


def rows_of_json(payload: Any) -> list[dict[str, Any]]:
    """Return an object as one row, and a list of objects as a row each; empty objects in them are missing.

    Raises
    ------
    NoRows
        It is anything else, nested beyond reason, or has more names than a table may have columns.
    """
    rows = [payload] if isinstance(payload, dict) else payload
    if _depth(payload) > MAX_NESTING:
        raise NoRows(f"it is nested more than {MAX_NESTING} deep")
    if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
        raise NoRows("expected an object or a list of objects")
    _check_columns(rows)
    return [{name: _without_empty(value) for name, value in row.items()} for row in rows]


def _check_columns(rows: Sequence[Mapping[str, Any]]) -> None:
    # Names are counted only where there can be too many.
    if sum(map(len, rows)) > limits.MAX_COLUMNS:
        try:
            limits.check_columns(len(set().union(*rows)))
        except limits.TooLargeError as error:
            raise NoRows(f"as rows, {error}") from error


def unnest(row: Mapping[str, Any], paths: Paths) -> Mapping[str, Any]:
    """Return a row with the values at some paths as columns, in place of the objects that they are in.

    Parameters
    ----------
    row : mapping
        By name, as JSON has it.
    paths : sequence of (column, path)
        The names to go along, from the row inwards. Where one is absent, or its value no object, the value
        is missing. Where the first is absent, a plain value under the column's own name counts.
    """
    if not paths:
        return row
    taken = {path[0] for _, path in paths}
    columns = {name: value for name, value in row.items() if name not in taken}
    for column, path in paths:
        if path[0] not in row:
            columns.setdefault(column, None)
            continue
        value: Any = row
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
        columns[column] = None if value == {} else value
    return columns


def unnest_table(table: pa.Table, paths: Paths) -> pa.Table:
    """Return the rows of a Parquet artifact as :func:`unnest` returns those of a JSON one."""
    import pyarrow as pa
    import pyarrow.compute as pc

    taken = {path[0] for _, path in paths}
    columns = {name: table.column(name) for name in table.column_names if name not in taken}
    for column, path in paths:
        if path[0] not in table.column_names:
            if table.num_columns:
                columns.setdefault(column, pa.chunked_array([pa.nulls(table.num_rows)]))
            continue
        values = table.column(path[0])
        for name in path[1:]:
            kind = values.type
            is_there = pa.types.is_struct(kind) and kind.get_field_index(name) >= 0
            values = pc.struct_field(values, name) if is_there else pa.chunked_array([pa.nulls(len(values))])
        columns[column] = values
    return pa.table(columns) if paths else table


def rows_to_arrow(
    rows: Sequence[Mapping[str, Any]], first: Iterable[str] = (), columns: Sequence[Column] = ()
) -> pa.Table:
    """Return rows as an Arrow table; where a row lacks a column, its value is missing.

    Parameters
    ----------
    rows : sequence of mapping
        By column.
    first : iterable of str
        Columns that the table has in any case, before the others.
    columns : sequence of Column
        Those that are declared come at their type.

    Raises
    ------
    ColumnError
        Values of one column that do not go together, or do not fit its declared type.
    """
    import pyarrow as pa

    declared = {column.name: column for column in columns}
    names = dict.fromkeys(first)
    for row in rows:
        names.update(dict.fromkeys(row))
    return pa.table(
        {name: _column(name, [row.get(name) for row in rows], declared.get(name)) for name in names}
    )


def _column(name: str, values: Sequence[Any], declared: Column | None) -> pa.ChunkedArray:
    import pyarrow as pa

    try:
        found = pa.chunked_array([pa.array(values, from_pandas=True)])
    except (pa.ArrowException, OverflowError, UnicodeError, TypeError, ValueError) as error:
        reason = str(error).partition("\n")[0]
        raise ColumnError(f"column {name!r}: {reason}", column=name) from error
    if declared is None:
        return found
    return declared.cast(found)


def _without_empty(value: Any) -> Any:
    """Return a value without empty objects, which no table can hold: they are missing."""
    if isinstance(value, dict):
        return {name: _without_empty(item) for name, item in value.items()} or None
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    return value


def _depth(value: Any) -> int:
    """Return how deep lists and objects are nested, without looking beyond the limit."""
    level, depth = [value], 0
    while level and depth <= MAX_NESTING + 1:
        nested = [item for item in level if isinstance(item, dict | list)]
        if not nested:
            break
        depth += 1
        level = [
            inner
            for item in nested
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
    return depth
