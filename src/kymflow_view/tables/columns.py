"""Columns in memory: in as few bytes as their values need, and quick to sort, filter and take rows of."""

from __future__ import annotations

import datetime
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kymflow_view.tables.on_disk import OnDisk, stored
from kymflow_view.tables.order import Keys, Mask, Places, ranks

Kind = Literal["integer", "number", "text", "boolean", "time", "other"]
MISSING = -1
# Of larger tables, only columns of repeated texts are worth a dictionary: that of texts which are all
# different is longer than they are.
MAX_DISTINCT = 1_000_000
_SAMPLE = 100_000
_FIRST = 1_000


@dataclass(frozen=True, eq=False)
class Coded:
    """Texts or booleans: each row has the place of its value among the different ones; -1 is missing."""

    codes: npt.NDArray[np.signedinteger[Any]]
    values: pa.Array

    def __len__(self) -> int:
        return len(self.codes)

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return int(self.codes.nbytes + self.values.nbytes + 4 * len(self.values))

    @property
    def missing(self) -> Mask:
        """Tell which rows have no value."""
        gone: Mask = self.codes < 0
        return gone

    @property
    def keys(self) -> Keys:
        """Numbers whose order is that of the values."""
        found: Keys = np.append(self.ranks, np.int32(0))[self.codes]
        return found

    @cached_property
    def ranks(self) -> npt.NDArray[np.int32]:
        """Ranks of the different values."""
        return ranks(self.values)

    def take(self, places: Places) -> pa.Array:
        """Return the values of some rows; place -1 is missing."""
        return self.values.take(self._indices(places))

    def encoded(self, places: Places) -> pa.DictionaryArray:
        """Return the values of some rows as codes of a dictionary."""
        return pa.DictionaryArray.from_arrays(self._indices(places), self.values)

    def _indices(self, places: Places) -> pa.Array:
        codes = _taken(self.codes, places, MISSING)
        return pa.array(codes, mask=codes < 0)


@dataclass(frozen=True, eq=False)
class Numbers:
    """Integers, numbers and times: NumPy's values beside a mask, or none; of floats, NaN is missing."""

    stored: npt.NDArray[Any] | OnDisk
    mask: Mask | None = None

    def __len__(self) -> int:
        return len(self.stored)

    @property
    def values(self) -> npt.NDArray[Any]:
        """The values; where they are in a file, it is mapped as long as somebody holds them."""
        return self.stored.mapped() if isinstance(self.stored, OnDisk) else self.stored

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return int(self.stored.nbytes + (0 if self.mask is None else self.mask.nbytes))

    @property
    def missing(self) -> Mask:
        """Tell which rows have no value."""
        if self.mask is not None:
            return self.mask
        values = self.values
        return np.isnan(values) if values.dtype.kind == "f" else np.zeros(len(self), np.bool_)

    @property
    def keys(self) -> Keys:
        """Numbers whose order is that of the values."""
        return self.values

    def take(self, places: Places) -> pa.Array:
        """Return the values of some rows; place -1 is missing."""
        values = _taken(self.values, places, 0)
        gone = places < 0
        if self.mask is not None:
            gone = _taken(self.mask, places, True)
        elif values.dtype.kind == "f":
            gone |= np.isnan(values)
        return pa.array(values, mask=gone)


@dataclass(frozen=True, eq=False)
class Plain:
    """Anything else, as Arrow has it: lists, objects, bytes, decimals, very many different texts."""

    values: pa.ChunkedArray

    def __len__(self) -> int:
        return len(self.values)

    @property
    def nbytes(self) -> int:
        """Bytes of the values."""
        return int(self.values.nbytes)

    @property
    def missing(self) -> Mask:
        """Tell which rows have no value."""
        return np.asarray(self.values.is_null())

    @cached_property
    def keys(self) -> Keys | None:
        """Numbers whose order is that of the values; None where they have no order."""
        if is_text(self.values.type):
            return ranks(self.values)
        if pa.types.is_decimal(self.values.type):
            return np.asarray(self.values.cast(pa.float64()).fill_null(0.0))
        return np.zeros(len(self), np.int8) if pa.types.is_null(self.values.type) else None

    def take(self, places: Places) -> pa.Array:
        """Return the values of some rows; place -1 is missing."""
        taken = self.values.take(pa.array(places, mask=places < 0))
        return taken.combine_chunks() if isinstance(taken, pa.ChunkedArray) else taken


@dataclass(frozen=True, eq=False)
class Column:
    """One column of a table.

    Attributes
    ----------
    name : str
        Its name, in a joined table the one that it has there.
    kind : str
        What it holds, in a person's words.
    unit, description : str
        From the table's footer.
    of : str
        The table that it is of.
    type : DataType
        Its type in the file.
    values : Coded, Numbers or Plain
        Its values.
    """

    name: str
    kind: Kind
    unit: str
    description: str
    of: str
    type: pa.DataType
    values: Coded | Numbers | Plain

    @property
    def plain_type(self) -> pa.DataType:
        """Type of a value in the file, whether there is a dictionary or not."""
        kind = self.type.storage_type if isinstance(self.type, pa.BaseExtensionType) else self.type
        return kind.value_type if pa.types.is_dictionary(kind) else kind

    @cached_property
    def zone(self) -> datetime.tzinfo | None:
        """The time zone of its times; None of clock times, which have none."""
        name = getattr(self.plain_type, "tz", None)
        if name is None:
            return None
        try:
            known: datetime.tzinfo = pa.lib.string_to_tzinfo(name)
            return known
        except (KeyError, ValueError):
            # One that this machine does not know: the same moments in UTC.
            return datetime.UTC

    @cached_property
    def is_empty(self) -> bool:
        """Whether no row has a value."""
        first = self.values.take(np.arange(min(len(self.values), _FIRST), dtype=np.int32))
        # Most have a value among the first ones; the others need not come from the file then.
        return first.null_count == len(first) and bool(self.values.missing.all())

    def arrow(self, places: Places) -> pa.Array:
        """Return the values of some rows in the type of the file, without a dictionary."""
        taken, kind = self.values.take(places), self.plain_type
        if isinstance(self.values, Numbers) and pa.types.is_temporal(kind):
            # A time is made of the integer of its width alone.
            taken = taken.cast(pa.int32() if kind.bit_width == 32 else pa.int64())
        return taken if taken.type == kind else taken.cast(kind)


def _taken(values: npt.NDArray[Any], places: Places, missing: Any) -> npt.NDArray[Any]:
    """Return some of many values without a look at the others; `missing` for place -1."""
    there = places >= 0
    if there.all():
        return values[places]
    found = np.full(len(places), missing, values.dtype)
    found[there] = values[places[there]]
    return found


def kind_of(arrow_type: pa.DataType) -> Kind:
    """Return what a column of this type holds."""
    if pa.types.is_dictionary(arrow_type):
        arrow_type = arrow_type.value_type
    tests: Sequence[tuple[Kind, bool]] = (
        ("integer", pa.types.is_integer(arrow_type)),
        ("number", pa.types.is_floating(arrow_type) or pa.types.is_decimal(arrow_type)),
        ("text", is_text(arrow_type)),
        ("boolean", pa.types.is_boolean(arrow_type)),
        ("time", pa.types.is_timestamp(arrow_type) or pa.types.is_date(arrow_type)),
    )
    return next((kind for kind, fits in tests if fits), "other")


def is_text(arrow_type: pa.DataType) -> bool:
    """Tell whether values of this type are texts."""
    return bool(
        pa.types.is_string(arrow_type)
        or pa.types.is_large_string(arrow_type)
        or pa.types.is_string_view(arrow_type)
    )


def compact(values: pa.ChunkedArray) -> Coded | Numbers | Plain:
    """Return values in as few bytes as they need; nothing of them is lost."""
    if isinstance(values.type, pa.BaseExtensionType):
        values = pa.chunked_array([chunk.storage for chunk in values.chunks], values.type.storage_type)
    if pa.types.is_dictionary(values.type) and not is_text(values.type.value_type):
        values = values.cast(values.type.value_type)
    arrow_type = values.type
    if pa.types.is_dictionary(arrow_type) or is_text(arrow_type):
        return _texts(values)
    if pa.types.is_boolean(arrow_type):
        codes = values.cast(pa.int8()).fill_null(MISSING).to_numpy()
        return Coded(codes.astype(np.int8), pa.array([False, True]))
    if pa.types.is_floating(arrow_type):
        # As NaN; both are shown as missing.
        return Numbers(stored(np.array(values.to_numpy())))
    if pa.types.is_integer(arrow_type):
        return _integers(values)
    if _is_counted(arrow_type):
        return _integers(values.cast(pa.int32() if arrow_type.bit_width == 32 else pa.int64()))
    return Plain(values)


def _is_counted(arrow_type: pa.DataType) -> bool:
    return bool(pa.types.is_temporal(arrow_type) and arrow_type.bit_width <= 64)


def _texts(values: pa.ChunkedArray) -> Coded | Plain:
    if not pa.types.is_dictionary(values.type):
        if len(values) > MAX_DISTINCT and _mostly_different(values):
            return Plain(values.cast(pa.large_string()) if pa.types.is_string_view(values.type) else values)
        values = values.cast(pa.string() if values.nbytes < 2**31 else pa.large_string()).dictionary_encode()
    whole = values.unify_dictionaries()
    chunks = whole.chunks
    if not chunks:
        return Coded(np.empty(0, np.int8), pa.array([], pa.string()))
    known = chunks[0].dictionary
    codes = np.concatenate([chunk.indices.fill_null(MISSING).to_numpy(False) for chunk in chunks])
    # Of a negative number, the smallest type is a signed one.
    codes = codes.astype(np.min_scalar_type(-len(known) - 1))
    return Coded(_without_null(codes, known), known)


def _without_null(codes: npt.NDArray[Any], known: pa.Array) -> npt.NDArray[Any]:
    """Return codes in which a value of the dictionary that is null itself is missing, too."""
    if known.null_count:
        absent = np.append(known.is_null().to_numpy(False), True)
        codes = np.where(absent[codes], codes.dtype.type(MISSING), codes)
    return codes


def _mostly_different(values: pa.ChunkedArray) -> bool:
    # At the beginning, not here and there: tables are ordered by image, so that its texts stand together.
    return len(pc.unique(values.slice(0, _SAMPLE))) > _SAMPLE // 2


def _integers(values: pa.ChunkedArray) -> Numbers:
    mask = values.is_null().to_numpy() if values.null_count else None
    plain = (values.fill_null(0) if values.null_count else values).to_numpy()
    if not len(plain):
        return Numbers(plain, mask)
    low, high = int(plain.min()), int(plain.max())
    narrow = plain.astype(np.min_scalar_type(min(low, -high - 1) if low < 0 else high))
    return Numbers(stored(narrow), mask)
