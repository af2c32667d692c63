"""Which images are in conflict over a column's type: as many at once as share the fault."""

from __future__ import annotations

import pyarrow as pa

from kymflow.core.zarr.extraction.batch import Batch
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.tables.schema import clash
from kymflow.errors import SchemaError


def find_conflicting_images(error: SchemaError, contract: TableContract, rows: Batch) -> dict[str, str]:
    """Return which of the images just extracted are at fault, with the cause in words.

    Where two types clash, all images of the type that came second are. Where values would change,
    it is one image: the one that has them, or else the last that brought floats or gaps.
    """
    column = error.column or ""
    extracted = set(rows.image_ids)
    for place, image_id in enumerate(error.image_ids):
        if image_id not in extracted:
            continue
        if len(error.types) < 2:
            return {image_id: str(error)}
        mine, other = error.types[place], (error.image_ids[1 - place], error.types[1 - place])
        return {
            one: str(clash(contract, column, other, (one, mine))) for one in _with_type(rows, column, mine)
        }
    for place in reversed(range(len(rows))):
        table, image_id = rows.rows_of(place), rows.image_ids[place]
        if column not in table.column_names:
            return {image_id: str(error)}
        values = table.column(column)
        if values.null_count or not pa.types.is_integer(values.type):
            return {image_id: str(error)}
    return {}


def _with_type(rows: Batch, column: str, kind: pa.DataType) -> list[str]:
    codes = {
        code
        for code, schema in enumerate(rows.schemas)
        if column in schema.names and schema.field(column).type == kind
    }
    return [
        image_id for image_id, code in zip(rows.image_ids, rows.own_codes, strict=True) if int(code) in codes
    ]
