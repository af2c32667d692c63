"""Whom to blame for columns that do not go together: as many images at once as share the fault."""

from __future__ import annotations

from collections.abc import Mapping

import pyarrow as pa

from kymflow.core.zarr.extraction.rows import ImageRows
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.tables.schema import clash
from kymflow.errors import SchemaError


def find_conflicting_images(
    error: SchemaError, contract: TableContract, rows: Mapping[str, ImageRows]
) -> dict[str, str]:
    """Return which of the images just extracted are at fault, with the cause in words.

    Where two types clash, all images of the type that came second are. Where values would change,
    it is one image: the one that has them, or else the last that brought floats or gaps.
    """
    column = error.column or ""
    for place, image_id in enumerate(error.image_ids):
        if image_id not in rows:
            continue
        if len(error.types) < 2:
            return {image_id: str(error)}
        mine, other = error.types[place], (error.image_ids[1 - place], error.types[1 - place])
        return {
            one: str(clash(contract, column, other, (one, mine)))
            for one, found in rows.items()
            if column in found.own_schema.names and found.own_schema.field(column).type == mine
        }
    for image_id in sorted(rows, reverse=True):
        table = rows[image_id].table
        if column not in table.column_names:
            return {image_id: str(error)}
        values = table.column(column)
        if values.null_count or not pa.types.is_integer(values.type):
            return {image_id: str(error)}
    return {}
