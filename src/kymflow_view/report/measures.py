"""Which columns of a dataset's tables are worth a plot, and by what they are grouped."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pyarrow as pa

from kymflow import KymflowError
from kymflow_view.pooled import VELOCITY_UNIT, Measured, measure

if TYPE_CHECKING:
    from kymflow import KymDataset, TableInfo

IMAGES = "images"
# What tells most of the tables that come with kymflow; of others, the first quantity that is no time.
_BEST = ("mean_velocity", "score")
_OF_IMAGES = "n_events"
# Rises and drops of the velocity are not one quantity.
_KIND = "kind"
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

    def grouped(self, by: str | None) -> Measured:
        """Return the columns of its plot."""
        return measure(self.rows, self.images, y=self.column, by=by, table=self.table)

    def groupings(self) -> list[str | None]:
        """Return by what it can be grouped: columns that have values; none at all if there is no such one."""
        if _KIND in self.rows.column_names:
            return [_KIND]
        own, of_images = set(self.rows.column_names), set(self.images.column_names if self.images else ())
        there = [name for name in _GROUPINGS if name in own | of_images]
        found = [name for name in there if (by := self.grouped(name).by) is not None and by.names]
        return [*found] or [None]


def quantities(kd: KymDataset, images: pa.Table | None) -> Iterator[Quantity | tuple[str, KymflowError]]:
    """Yield a column of each table that has one; a table that cannot be read with the reason."""
    if images is not None and {"image_id", _OF_IMAGES} <= set(images.column_names):
        yield Quantity(IMAGES, _OF_IMAGES, images, images)
    found = 0
    for name in kd.ds.list_table_names():
        if name == IMAGES or found == _MAX_TABLES:
            continue
        try:
            column = _best(kd.describe_table(name))
            if column is None:
                continue
            names = [one.name for one in kd.describe_table(name).columns]
            wanted = [one for one in names if one in ("image_id", column, VELOCITY_UNIT, _KIND, *_GROUPINGS)]
            yield Quantity(name, column, kd.load_arrow(name, columns=wanted), images)
            found += 1
        except KymflowError as error:
            yield name, error


def _best(info: TableInfo) -> str | None:
    names = [column.name for column in info.columns]
    if "image_id" not in names:
        return None
    for name in _BEST:
        if name in names:
            return name
    measured: Sequence[str] = [
        column.name
        for column in info.columns
        if column.type in ("double", "float") and column.unit and column.unit not in _TIMES
    ]
    return measured[0] if measured else None
