"""Declared columns: their type, unit and description, and values brought to that type."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kymflow_zarr.errors import ColumnError, InvalidNameError

if TYPE_CHECKING:
    import pyarrow as pa

ColumnType = Literal["str", "int", "float", "bool", "datetime"]
_TYPES: tuple[ColumnType, ...] = ("str", "int", "float", "bool", "datetime")


@dataclass(frozen=True)
class Column:
    """A column that an indexer declares; its type holds even where no value tells one.

    Parameters
    ----------
    name : str
        Name in the table.
    type : {"str", "int", "float", "bool", "datetime"}
        64-bit integers and floats, of decimals the nearest; text of any kind, categories too; datetimes
        without time zone, to the microsecond. Any may be missing.
    unit : str
        ``"mm/s"``, ``"s"``, ``"um"``, ...; empty for a number without unit.
    description : str
        One line for the reader of the table.
    required : bool
        Whether the table always has the column, or only when some image has it.
    path : str
        Where :class:`~kymflow.ArtifactIndexer` finds the value inside the artifact's objects: names joined by
        dots, such as ``"experiment_metadata.condition"``. By default, and where an artifact lacks the first
        of these names, under the column's own name.

    Examples
    --------
    >>> from kymflow import Column
    >>> duration = Column("duration_s", "float", "s", "How long the flow stood still")
    >>> duration.arrow_field
    pyarrow.Field<duration_s: double>
    >>> duration.arrow_field.metadata
    {b'unit': b's', b'description': b'How long the flow stood still'}
    """

    name: str
    type: ColumnType = "float"
    unit: str = ""
    description: str = ""
    required: bool = True
    path: str = ""

    def __post_init__(self) -> None:
        if not isinstance(self.name, str) or not self.name:
            raise InvalidNameError(f"a column needs a name, got {self.name!r}")
        if self.type not in _TYPES:
            raise InvalidNameError(
                f"column {self.name!r}: type must be one of {', '.join(_TYPES)}, got {self.type!r}",
                column=self.name,
            )
        if not isinstance(self.path, str) or "" in self.path.split(".")[1:] or self.path.startswith("."):
            raise InvalidNameError(
                f"column {self.name!r}: path must be names joined by dots, got {self.path!r}",
                column=self.name,
            )

    @property
    def arrow_type(self) -> pa.DataType:
        """The Arrow type of the column."""
        import pyarrow as pa

        return {
            "str": pa.string(),
            "int": pa.int64(),
            "float": pa.float64(),
            "bool": pa.bool_(),
            "datetime": pa.timestamp("us"),
        }[self.type]

    @property
    def arrow_field(self) -> pa.Field:
        """The Arrow field of the column; unit and description are its metadata."""
        import pyarrow as pa

        notes = {"unit": self.unit, "description": self.description}
        return pa.field(self.name, self.arrow_type, metadata={k: v for k, v in notes.items() if v} or None)

    def cast(self, values: pa.ChunkedArray) -> pa.ChunkedArray:
        """Return `values` in the column's type, if that changes none of them.

        Raises
        ------
        ColumnError
            They are of another kind, or would change (1.5 to an integer, 2**60 to a float).
        """
        import pyarrow as pa

        wanted = self.arrow_type
        if pa.types.is_dictionary(values.type):
            values = values.cast(values.type.value_type)
        if values.type == wanted:
            return values
        if pa.types.is_floating(values.type):
            values = nan_to_null(values)
        if values.null_count == len(values):
            # Without any value there is no other kind to refuse.
            return pa.chunked_array([pa.nulls(len(values), wanted)])
        if not _same_kind(values.type, wanted):
            raise self._refusal(values.type, "")
        try:
            if pa.types.is_decimal(values.type) and pa.types.is_floating(wanted):
                return _nearest_floats(values)
            return values.cast(wanted)
        except pa.ArrowException as error:
            raise self._refusal(values.type, f" ({str(error).partition(chr(10))[0]})") from error

    def _refusal(self, got: pa.DataType, detail: str) -> ColumnError:
        return ColumnError(
            f"column {self.name!r} is declared {self.type}, got {got}{detail}. "
            "Convert the values, or declare another type.",
            column=self.name,
        )


def nan_to_null(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return a column of floats in which what is no number is missing."""
    import pyarrow.compute as pc

    nan = pc.is_nan(values)
    return pc.if_else(nan, None, values) if pc.any(nan).as_py() else values


def _nearest_floats(values: pa.ChunkedArray) -> pa.ChunkedArray:
    """Return the floats nearest to decimals; Arrow's own cast is off by the last bit now and then.

    Raises
    ------
    ArrowInvalid
        A float of that size no longer tells whole numbers apart.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from kymflow_zarr.formats.integers import LARGEST_EXACT_INT

    largest = max(abs(bound) for bound in pc.min_max(values).as_py().values())
    if largest > LARGEST_EXACT_INT:
        raise pa.ArrowInvalid("beyond 2**53 a float would be another number")
    return values.cast(pa.string()).cast(pa.float64())


def _same_kind(got: pa.DataType, wanted: pa.DataType) -> bool:
    import pyarrow as pa

    def kind(arrow_type: pa.DataType) -> str:
        types = pa.types
        if types.is_integer(arrow_type) or types.is_floating(arrow_type) or types.is_decimal(arrow_type):
            return "number"
        is_text = types.is_string(arrow_type) or types.is_large_string(arrow_type)
        if is_text or types.is_string_view(arrow_type) or str(arrow_type) == "extension<arrow.json>":
            return "text"
        if pa.types.is_timestamp(arrow_type):
            return f"time in {arrow_type.tz or 'no zone'}"
        return str(arrow_type)

    return kind(got) == kind(wanted)


def check_columns(columns: object) -> Sequence[Column]:
    """Return `columns` if it is a sequence of :class:`Column` with different names.

    Raises
    ------
    ColumnError
        It is not.
    """
    if not isinstance(columns, Sequence) or not all(isinstance(column, Column) for column in columns):
        raise ColumnError(f"columns must be a sequence of Column, got {columns!r}")
    names = [column.name for column in columns]
    for name in names:
        if names.count(name) > 1:
            raise ColumnError(f"column {name!r} is declared twice", column=name)
    return columns
