"""Which columns of a dataset's tables are worth a plot, and by what they are grouped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
import pyarrow as pa

from kymflow import KymflowError
from kymflow_view.pooled import Measured, has_groups, has_numbers, measure
from kymflow_view.units import VELOCITY_UNIT

if TYPE_CHECKING:
    from kymflow import KymDataset

IMAGES = "images"
# What tells most of the tables that come with kymflow; of others, the first quantity that is no time.
_BEST = ("median_velocity", "mean_velocity", "score")
_OF_IMAGES = "n_events"
# Rises and drops of the velocity are not one quantity.
KIND = "kind"
_TIMES = ("s", "ms", "min", "h")
_GROUPINGS = ("condition", "treatment", "genotype", "date")
_MAX_TABLES = 6


@dataclass(frozen=True, eq=False)
class Quantity:
    """A column that is worth a plot, with the rows of its table and of ``images``."""

    table: str
    column: str
    rows: pa.Table
    images: pa.Table | None

    @property
    def has_values(self) -> bool:
        """Whether there is anything to draw."""
        return not np.isnan(self.grouped(None).y.values).all()

    def grouped(self, by: str | None) -> Measured:
        """Return the columns of its plot."""
        return measure(self.rows, self.images, y=self.column, by=by, table=self.table)

    @property
    def has_kinds(self) -> bool:
        """Whether rows are of several quantities, as their kind tells."""
        return KIND in _groupable(self.rows.schema)

    def groupings(self) -> list[str | None]:
        """Return by what it can be grouped: columns that have values; none at all if there is no such one."""
        if self.has_kinds:
            return [KIND]
        own = _groupable(self.rows.schema)
        of_images = _groupable(self.images.schema) if self.images else set()
        there = [name for name in _GROUPINGS if name in own | of_images]
        found = [name for name in there if (by := self.grouped(name).by) is not None and by.names]
        return [*found] or [None]


def quantities(kd: KymDataset, images: pa.Table | None) -> Iterator[Quantity | tuple[str, KymflowError]]:
    """Yield a column of each table that has one; a table that cannot be read with the reason."""
    if images is not None and "image_id" in images.column_names and _OF_IMAGES in _numbers(images.schema):
        yield Quantity(IMAGES, _OF_IMAGES, images, images)
    found = 0
    for name in kd.ds.list_table_names():
        if name == IMAGES or found == _MAX_TABLES:
            continue
        try:
            if "image_id" not in (one.name for one in kd.describe_table(name).columns):
                continue
            schema = kd.load_arrow(name, image_ids=[]).schema
            column = _best(schema)
            if column is None:
                continue
            grouping = _groupable(schema) & {KIND, *_GROUPINGS}
            wanted = [one for one in schema.names if one in {"image_id", column, VELOCITY_UNIT, *grouping}]
            yield Quantity(name, column, kd.load_arrow(name, columns=wanted), images)
            found += 1
        except KymflowError as error:
            yield name, error


def _best(schema: pa.Schema) -> str | None:
    numbers = _numbers(schema)
    for name in _BEST:
        if name in numbers:
            return name
    for name in numbers:
        field = schema.field(name)
        unit = (field.metadata or {}).get(b"unit", b"").decode("utf-8", "replace")
        if pa.types.is_floating(field.type) and unit and unit not in _TIMES:
            return name
    return None


def _numbers(schema: pa.Schema) -> list[str]:
    return [field.name for field in schema if has_numbers(field.type)]


def _groupable(schema: pa.Schema) -> set[str]:
    return {field.name for field in schema if has_groups(field.type)}
