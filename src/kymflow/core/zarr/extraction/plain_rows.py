"""Rows that are plain values: those of many images are put into Arrow together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kymflow.core.zarr.extraction.batch import Batch
from kymflow.core.zarr.indexers.record import RecordIndexer
from kymflow_zarr.errors import ColumnError
from kymflow_zarr.store.dependencies import Dependencies

if TYPE_CHECKING:
    from kymflow_zarr.store.tracking import Dependency

_PLAIN = frozenset({bool, int, float, str, type(None)})
# Names and kinds of the columns that have no declared type.
_Kinds = tuple[tuple[str, type], ...]


class PlainRows(NamedTuple):
    """The rows of one image, and what was read for them."""

    image_id: str
    rows: Sequence[Mapping[str, Any]]
    read: Sequence[Dependency]


def stack_rows(
    indexer: RecordIndexer, found: Sequence[PlainRows]
) -> tuple[list[Batch], dict[str, ColumnError]]:
    """Put rows of images into batches; rows come together only where each would give the same by itself.

    Returns
    -------
    batches : list of Batch
        Not checked yet.
    errors : dict of str to ColumnError
        By id, why rows of images are no columns.
    """
    declared = {column.name for column in indexer.columns}
    required = {column.name for column in indexer.columns if column.required}
    groups: dict[_Kinds | str, list[PlainRows]] = {}
    for one in found:
        kinds = _kinds_of_all(one.rows, declared, required)
        # A key of its own: these rows go with no others.
        groups.setdefault(one.image_id if kinds is None else kinds, []).append(one)
    batches: list[Batch] = []
    errors: dict[str, ColumnError] = {}
    for group in groups.values():
        try:
            batches.append(_batch(indexer, group))
        except ColumnError as error:
            if len(group) == 1:
                errors[group[0].image_id] = error
                continue
            for one in group:
                try:
                    batches.append(_batch(indexer, [one]))
                except ColumnError as own:
                    errors[one.image_id] = own
    return batches, errors


def _batch(indexer: RecordIndexer, group: Sequence[PlainRows]) -> Batch:
    table = indexer.to_arrow([row for one in group for row in one.rows])
    dependencies = Dependencies.of({one.image_id: one.read for one in group})
    return Batch.of_table(table, [len(one.rows) for one in group], dependencies)


def _kinds_of_all(rows: Sequence[Mapping[str, Any]], declared: set[str], required: set[str]) -> _Kinds | None:
    """Return what all rows have beside required columns; None if it differs, or is not plain."""
    kinds = {_kinds_of(row, declared, required) for row in rows}
    if None in kinds or len(kinds) > 1:
        return None
    return kinds.pop() if kinds else ()


def _kinds_of(row: Mapping[str, Any], declared: set[str], required: set[str]) -> _Kinds | None:
    kinds = []
    for name, value in row.items():
        if name in required:
            continue
        # The type of a declared column is known, and its place among the others is what is left.
        kind = object if name in declared else type(None) if value != value else type(value)
        if kind is not object and kind not in _PLAIN:
            return None
        kinds.append((name, kind))
    return tuple(kinds)
