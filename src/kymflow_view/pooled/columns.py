"""Columns of a table, and of the images that its rows are of, as the arrays that a plot is made of."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kymflow import ColumnError, velocity_units
from kymflow_view.units import VELOCITY_UNIT, shown_unit

if TYPE_CHECKING:
    import numpy.typing as npt
    import pandas as pd

    Floats = npt.NDArray[np.float64]
    Codes = npt.NDArray[np.int32]

IMAGE_ID = "image_id"
_MISSING = -1
_DIGITS = re.compile(r"(\d+)")


@dataclass(frozen=True, eq=False)
class Measure:
    """A column of numbers; NaN is missing."""

    name: str
    unit: str
    values: Floats

    @property
    def label(self) -> str:
        """Name and unit, as an axis has them."""
        return f"{self.name} ({shown_unit(self.unit)})" if self.unit else self.name


@dataclass(frozen=True, eq=False)
class Categories:
    """A column of a few values: each row has the place of its value among `names`; -1 is missing."""

    name: str
    codes: Codes
    names: Sequence[str]


@dataclass(frozen=True, eq=False)
class Measured:
    """What a plot is made of; all columns have a value for each row.

    Attributes
    ----------
    table : str
        The table's name.
    y, x : Measure
        What is plotted, and against what; x is for scatter plots alone.
    by : Categories, optional
        The groups.
    images, folders : Categories, optional
        Of which image each row is, by its id, and in which folder that is.
    """

    table: str
    y: Measure
    x: Measure | None = None
    by: Categories | None = None
    images: Categories | None = None
    folders: Categories | None = None


def measure(
    rows: pa.Table | pd.DataFrame,
    images: pa.Table | pd.DataFrame | None = None,
    *,
    y: str,
    x: str | None = None,
    by: str | None = None,
    table: str = "",
    columns: Sequence[str] | None = None,
) -> Measured:
    """Take the columns of a plot out of a table and the table ``images``.

    A name is looked for in the table first, then in ``images``, where ``image_<name>`` is the column of
    images that the table's own hides: as in ``get_table(with_images=True)``.

    Parameters
    ----------
    rows : pyarrow.Table or DataFrame
        Rows of the table. Units are taken from the metadata of Arrow's fields.
    images : pyarrow.Table or DataFrame, optional
        Table ``images``: a row for each image.
    y, x, by : str
        Names of columns.
    table : str
        The table's name, for messages and titles.
    columns : sequence of str, optional
        The names of all its columns, where `rows` has only some.

    Raises
    ------
    ColumnError
        There is no such column, it has no numbers where numbers are needed, or lists where groups are.
    """
    own = _as_arrow(rows)
    of_images = own if images is rows else None if images is None else _as_arrow(images)
    found = _Columns(own, of_images, table, own.column_names if columns is None else columns)
    return Measured(
        table,
        found.numbers(y),
        None if x is None else found.numbers(x),
        None if by is None else found.groups(by),
        found.image_ids(),
        found.folders(),
    )


def has_numbers(kind: pa.DataType) -> bool:
    """Tell whether a column of this type can be plotted."""
    return bool(
        pa.types.is_integer(kind)
        or pa.types.is_floating(kind)
        or pa.types.is_boolean(kind)
        or pa.types.is_decimal(kind)
        or pa.types.is_null(kind)
    )


def has_groups(kind: pa.DataType) -> bool:
    """Tell whether rows can be grouped by a column of this type."""
    return not (pa.types.is_nested(kind) or pa.types.is_binary(kind) or pa.types.is_large_binary(kind))


def natural(name: str) -> list[tuple[int, int | str]]:
    """Return a key that sorts names as people do: 2 before 10."""
    parts = (part for part in _DIGITS.split(name.casefold()) if part)
    return [(0, int(part)) if part.isdecimal() and len(part) < 20 else (1, part) for part in parts]


class _Images:
    """Table ``images``, and which of its rows each row of another table is of."""

    def __init__(self, table: pa.Table, codes: Codes, ids: Sequence[str]) -> None:
        self.table = table
        known = table.column(IMAGE_ID).cast(pa.string()).combine_chunks()
        found = pc.index_in(pa.array(ids, pa.string()), value_set=known)
        # Where there is none, the one after the last; an id that is missing is at -1, the last.
        places = found.fill_null(table.num_rows).to_numpy(zero_copy_only=False).astype(np.int64)
        self._places = np.append(places, table.num_rows)[codes]

    def spread(self, values: npt.NDArray[Any], missing: Any) -> npt.NDArray[Any]:
        """Return the value of its image for each row."""
        spread: npt.NDArray[Any] = np.append(values, values.dtype.type(missing))[self._places]
        return spread


class _Columns:
    """The columns of a table, and those of ``images`` joined to its rows as positions."""

    def __init__(self, rows: pa.Table, images: pa.Table | None, table: str, own: Sequence[str]) -> None:
        self._rows = rows
        self._table = table
        self._own = list(own)
        self._ids = _encoded(rows.column(IMAGE_ID)) if IMAGE_ID in rows.column_names else None
        joins = images is not None and IMAGE_ID in images.column_names and self._ids is not None
        self._images = _Images(images, *self._ids) if joins and self._ids is not None else None

    def numbers(self, name: str) -> Measure:
        column, field, images = self._find(name)
        if not has_numbers(field.type):
            raise self._error(name, f"column {name!r} of {self._who} has no numbers but {field.type}")
        values = _floats(column)
        unit = (field.metadata or {}).get(b"unit", b"").decode("utf-8", "replace")
        if images is None and VELOCITY_UNIT in self._rows.column_names:
            unit = self._units(unit, values)
        return Measure(name, unit, values if images is None else images.spread(values, np.nan))

    def _units(self, declared: str, values: Floats) -> str:
        """Return the unit of velocities as their rows tell it; where there are several, all of them."""
        told = self._rows.column(VELOCITY_UNIT).filter(pa.array(~np.isnan(values)))
        units = velocity_units(declared, told.cast(pa.string()).unique().to_pylist())
        return f"MIXED: {' and '.join(units)}" if len(units) > 1 else "".join(units) or declared

    def groups(self, name: str) -> Categories:
        column, field, images = self._find(name)
        if not has_groups(field.type):
            raise self._error(name, f"rows cannot be grouped by {name!r}, whose values are {field.type}")
        names, codes = _in_order(*_encoded(_as_names(column)), by_size=_are_numbers(field.type))
        return Categories(name, codes if images is None else images.spread(codes, _MISSING), names)

    def image_ids(self) -> Categories | None:
        return None if self._ids is None else Categories(IMAGE_ID, *self._ids)

    def folders(self) -> Categories | None:
        """Return the folder of each row's image: its whole path, as two may have the same name."""
        if self._images is None or "rel_path" not in self._images.table.column_names:
            return None
        images = self._images.table
        paths = images.column("rel_path").cast(pa.string()).to_pylist()
        roots = [""] * len(paths)
        if "root" in images.column_names:
            roots = images.column("root").cast(pa.string()).to_pylist()
        folders = [
            None if path is None else f"{root or ''}/{path.rpartition('/')[0]}"
            for root, path in zip(roots, paths, strict=True)
        ]
        codes, names = _encoded(pa.chunked_array([pa.array(folders, pa.string())]))
        return Categories("folder", self._images.spread(codes, _MISSING), names)

    def _find(self, name: str) -> tuple[pa.ChunkedArray, pa.Field, _Images | None]:
        """Return a column, and the images that have it where the table itself has not."""
        rows = self._rows
        if name in rows.column_names:
            return rows.column(name), rows.schema.field(name), None
        of_images = next((one for one, shown in self._of_images().items() if shown == name), None)
        if of_images is not None and self._images is not None:
            table = self._images.table
            return table.column(of_images), table.schema.field(of_images), self._images
        names = [*self._own, *self._of_images().values()]
        near = difflib.get_close_matches(name[:200], names, 3)
        offer = f"did you mean {' or '.join(map(repr, near))}?" if near else f"it has {', '.join(names[:20])}"
        raise self._error(name, f"{self._who} has no column {name!r}; {offer}")

    def _of_images(self) -> dict[str, str]:
        """Return under which name each column of ``images`` is known."""
        if self._images is None or self._images.table is self._rows:
            return {}
        names = (name for name in self._images.table.column_names if name != IMAGE_ID)
        return {name: f"image_{name}" if name in self._own else name for name in names}

    @property
    def _who(self) -> str:
        return f"table {self._table!r}" if self._table else "the table"

    def _error(self, column: str, message: str) -> ColumnError:
        return ColumnError(message, table_name=self._table, column=column)


def _as_arrow(table: pa.Table | pd.DataFrame) -> pa.Table:
    return table if isinstance(table, pa.Table) else pa.Table.from_pandas(table, preserve_index=False)


def _floats(column: pa.ChunkedArray) -> Floats:
    if pa.types.is_null(column.type):
        return np.full(len(column), np.nan)
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    # Integers beyond 2**53 lose digits that no plot has.
    values: Floats = column.cast(pa.float64(), safe=False).to_numpy().astype(np.float64, copy=False)
    return values


def _as_names(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the values as the names of groups; of times, their days."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return column if pa.types.is_string(kind.value_type) else _as_names(column.cast(kind.value_type))
    if pa.types.is_timestamp(kind):
        if kind.tz not in (None, "UTC"):
            # The days of that zone's clocks.
            column = pa.chunked_array([pa.array(column.to_pandas().dt.tz_localize(None), from_pandas=True)])
        return column.cast(pa.date32(), safe=False).cast(pa.string())
    if pa.types.is_floating(kind):
        return pc.if_else(pc.is_nan(column), pa.scalar(None, pa.string()), column.cast(pa.string()))
    return column.cast(pa.string())


def _encoded(column: pa.ChunkedArray) -> tuple[Codes, list[str]]:
    """Return the place of each row's value among the different values; -1 where it is missing."""
    if not pa.types.is_dictionary(column.type):
        column = column.cast(pa.string()).dictionary_encode()
    whole = column.unify_dictionaries().combine_chunks()
    if isinstance(whole, pa.ChunkedArray):
        # Of no chunks at all.
        return np.empty(0, np.int32), []
    codes = whole.indices.fill_null(_MISSING).to_numpy(zero_copy_only=False).astype(np.int32)
    return codes, [str(name) for name in whole.dictionary.to_pylist()]


def _are_numbers(kind: pa.DataType) -> bool:
    kind = kind.value_type if pa.types.is_dictionary(kind) else kind
    return bool(pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind))


def _in_order(codes: Codes, names: list[str], *, by_size: bool) -> tuple[list[str], Codes]:
    """Sort the names, and take an empty text for a missing one, as the tables of kymflow do."""
    # Of 0.05 and 0.1 the digits after the point are no numbers of their own.
    key: Callable[[str], Any] = Decimal if by_size else natural
    order = sorted((place for place, name in enumerate(names) if name), key=lambda place: key(names[place]))
    new = np.full(len(names) + 1, _MISSING, np.int32)
    new[order] = np.arange(len(order))
    return [names[place] for place in order], new[codes]
