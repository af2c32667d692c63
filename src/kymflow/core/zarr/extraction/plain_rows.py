"""Rows that are plain values: those of many images are put into Arrow together."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from kymflow.core.zarr.extraction.batch import Batch
from kymflow.core.zarr.indexers.record import RecordIndexer
from kymflow_zarr.store.dependencies import Dependencies

if TYPE_CHECKING:
    from kymflow_zarr.store.tracking import Dependency

_PLAIN = frozenset({bool, int, float, str})
_DECLARED: Mapping[str, type] = {
    "bool": bool,
    "int": int,
    "float": float,
    "str": str,
    "datetime": datetime.datetime,
}
# What stands under the required columns, in their order, and under the others, by name.
_Kinds = tuple[tuple[type, ...], tuple[tuple[str, type], ...]]


class PlainRows(NamedTuple):
    """The rows of one image, and what was read for them."""

    image_id: str
    rows: Sequence[Mapping[str, Any]]
    read: Sequence[Dependency]


def stack_rows(
    indexer: RecordIndexer, found: Sequence[PlainRows]
) -> tuple[list[Batch], dict[str, Exception]]:
    """Put rows of images into batches; rows come together only where each would give the same by itself.

    Returns
    -------
    batches : list of Batch
        Not checked yet.
    errors : dict of str to Exception
        By id, why rows of images are no columns.
    """
    declared = {column.name: _DECLARED[column.type] for column in indexer.columns}
    required = [column.name for column in indexer.columns if column.required]
    groups: dict[_Kinds | str, list[PlainRows]] = {}
    for one in found:
        kinds = _kinds_of_all(one.rows, declared, required)
        # A key of its own: these rows go with no others.
        groups.setdefault(one.image_id if kinds is None else kinds, []).append(one)
    batches: list[Batch] = []
    errors: dict[str, Exception] = {}
    for group in groups.values():
        # Values of a plugin's own: whatever they make Arrow raise concerns their image.
        try:
            batches.append(_batch(indexer, group))
        except Exception as error:  # noqa: BLE001
            if len(group) == 1:
                errors[group[0].image_id] = error
                continue
            for one in group:
                try:
                    batches.append(_batch(indexer, [one]))
                except Exception as own:  # noqa: BLE001
                    errors[one.image_id] = own
    return batches, errors


def _batch(indexer: RecordIndexer, group: Sequence[PlainRows]) -> Batch:
    table = indexer.to_arrow([row for one in group for row in one.rows])
    dependencies = Dependencies.of({one.image_id: one.read for one in group})
    return Batch.of_table(table, [len(one.rows) for one in group], dependencies)


def _kinds_of_all(
    rows: Sequence[Mapping[str, Any]], declared: Mapping[str, type], required: Sequence[str]
) -> _Kinds | None:
    """Return what stands in all rows; None if it differs, or is not plain."""
    kinds = {_kinds_of(row, declared, required) for row in rows}
    if None in kinds or len(kinds) > 1:
        return None
    return kinds.pop() if kinds else ((), ())


def _kinds_of(row: Mapping[str, Any], declared: Mapping[str, type], required: Sequence[str]) -> _Kinds | None:
    firsts = [_kind(row.get(name), declared[name]) for name in required]
    others = [
        (name, _kind(value, declared.get(name, type(None))))
        for name, value in row.items()
        if name not in required
    ]
    if None in firsts or any(kind is None for _, kind in others):
        return None
    return tuple(firsts), tuple(others)  # type: ignore[arg-type]


def _kind(value: Any, missing: type) -> type | None:
    """Return the kind of a value, `missing` where there is none; None where it is not plain."""
    kind = type(value)
    if value is None or (kind is float and value != value):
        return missing
    if kind in _PLAIN or (kind is datetime.datetime and value.tzinfo is None):
        return kind
    return None
