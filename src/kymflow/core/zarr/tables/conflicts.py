"""Which images are at fault where columns do not go together: all at once, and whatever their ids are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import cast

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.indexers.contract import TableContract
from kymflow.core.zarr.tables.column_types import common_type, divide
from kymflow.core.zarr.tables.ledger import Ledger
from kymflow.errors import SchemaError

Fits = Callable[[pa.ChunkedArray, pa.DataType], bool]


class Misfit(SchemaError):
    """Values of a column would change; of whose images is not known yet.

    Attributes
    ----------
    what, why : str
        Words for the values, and for what would happen to them.
    target : pyarrow.DataType
        The type that they are to have.
    fits : callable
        Tells of values and a type whether they can have it.
    beside_gaps : bool
        Whether missing values would make other values of them, and not other types.
    """

    def __init__(
        self, contract: TableContract, column: str, target: pa.DataType, why: str, fits: Fits, what: str
    ) -> None:
        super().__init__(
            f"column {column!r} of table {contract.table_name!r} {what} that would come back as others: "
            f"{why}",
            column=column,
        )
        self.what, self.why, self.target, self.fits = what, why, target, fits
        self.beside_gaps = False


def type_clash(contract: TableContract, ledger: Ledger, column: str) -> SchemaError:
    """Return the error for a column whose types do not go together, with the images at fault.

    These are the images of all types but the one that most images have; of as many, but the one that
    came first, by the times of their artifacts; and of one time, but the first by name. What a failed
    image keeps of old does not count, and goes if it does not fit.
    """
    own = _own_types(ledger, column)
    kinds: list[pa.DataType] = []
    for kind in own:
        if kind is not None and kind not in kinds:
            kinds.append(kind)
    sides = [
        _images_of(ledger, [code for code, kind in enumerate(own) if kind in group])
        for group in divide(sorted(kinds, key=str))
    ]
    winner = _winner(ledger, sides)
    at_fault = [image_id for number, side in enumerate(sides) if number != winner for image_id in side]
    counted = f"{len(sides[winner])} against {len(at_fault)}"
    codes = ledger.column("schema").to_numpy()

    def with_type(image_id: str) -> tuple[str, pa.DataType | None]:
        return image_id, own[codes[ledger.place(image_id)]]

    stays = with_type(sides[winner][0])
    return _first_of([_clash(contract, column, stays, with_type(one), counted) for one in at_fault])


def value_clash(
    contract: TableContract, ledger: Ledger, error: Misfit, tables: Sequence[pa.Table]
) -> SchemaError:
    """Return the error for values that would change, with the images at fault.

    These are the images that have such values; or those whose types or gaps would change them, if these
    images are fewer, or as many and newer.

    Parameters
    ----------
    contract, ledger
        The table's; the ledger has what each image gives.
    error : Misfit
        What was found.
    tables : sequence of pyarrow.Table
        All rows.
    """
    column = str(error.column)
    pieces = [piece for table in tables if column in table.column_names for piece in _unfit(table, error)]
    holders = _ids_in(pieces)
    if not holders:
        return _refusal(contract, error, None, None)
    forcing = _forcing(ledger, error, pieces, tables).difference(holders)
    sides = [side for side in (sorted(forcing), sorted(holders)) if side]
    at_fault = sides[1 - _winner(ledger, sides)] if len(sides) > 1 else sides[0]
    return _first_of([_refusal(contract, error, min(holders), one) for one in at_fault])


def _forcing(
    ledger: Ledger, error: Misfit, unfit: Sequence[pa.Table], tables: Sequence[pa.Table]
) -> set[str]:
    """Return the images because of which values would change."""
    column = str(error.column)
    own = _own_types(ledger, column)
    if error.beside_gaps:
        lacking = _images_of(ledger, [code for code, kind in enumerate(own) if kind is None])
        with_gaps = [
            table.filter(pc.is_null(table.column(column))) for table in tables if column in table.column_names
        ]
        return {*lacking, *_ids_in(with_gaps)}.intersection(ledger)
    codes = ledger.column("schema").to_numpy()
    theirs = {own[codes[ledger.place(one)]] for one in _ids_in(unfit) if one in ledger} - {None}

    def is_forcing(kind: pa.DataType | None) -> bool:
        if kind is None or kind in theirs:
            return False
        together = common_type([*theirs, kind])
        return together is not None and not all(error.fits(rows.column(column), together) for rows in unfit)

    return set(_images_of(ledger, [code for code, kind in enumerate(own) if is_forcing(kind)]))


def _unfit(table: pa.Table, error: Misfit) -> Iterator[pa.Table]:
    """Yield rows, image by image, that have values that do not fit; they are looked for in halves."""
    if not table.num_rows or error.fits(table.column(str(error.column)), error.target):
        return
    ids = table.column(IMAGE_ID)
    if ids[0] == ids[-1]:
        yield table
        return
    middle = table.num_rows // 2
    yield from _unfit(table.slice(0, middle), error)
    yield from _unfit(table.slice(middle), error)


def _ids_in(tables: Iterable[pa.Table]) -> set[str]:
    return {one for table in tables for one in pc.unique(table.column(IMAGE_ID)).to_pylist()}


def _own_types(ledger: Ledger, column: str) -> list[pa.DataType | None]:
    """Return the type of a column in each of a ledger's schemas; None where no image has one."""
    used = set(ledger.column("schema").unique().to_pylist())
    found = []
    for code, schema in enumerate(ledger.schemas):
        place = schema.get_field_index(column)
        kind = None if place < 0 or code not in used else schema.field(place).type
        found.append(None if kind is None or pa.types.is_null(kind) else kind)
    return found


def _images_of(ledger: Ledger, codes: Sequence[int]) -> list[str]:
    """Return the images that have one of some schemas, and rows."""
    chosen = np.isin(ledger.column("schema").to_numpy(), codes) & (ledger.column("n_rows").to_numpy() > 0)
    return cast("list[str]", ledger.column("image_id").filter(pa.array(chosen)).to_pylist())


def _winner(ledger: Ledger, sides: Sequence[Sequence[str]]) -> int:
    """Return which side stays: that of most images; of as many, the older; of one age, the first.

    Images that failed do not count.
    """
    has_failed = pc.not_equal(ledger.column("error"), "").to_pylist()

    def rank(number: int) -> tuple[int, int]:
        places = [ledger.place(image_id) for image_id in sides[number]]
        good = [place for place in places if not has_failed[place]]
        return -len(good), _began_ns(ledger, good)

    return min(range(len(sides)), key=rank)


def _began_ns(ledger: Ledger, places: Sequence[int]) -> int:
    """Return when the first of some images was last written, by its newest artifact; without times, never."""
    dependencies = ledger.dependencies.take(places)
    written = np.full(len(places), -1, np.int64)
    times = pc.fill_null(dependencies.flat.field("mtime_ns"), -1).to_numpy(zero_copy_only=False)
    np.maximum.at(written, dependencies.owners().to_numpy(), times)
    known = written[written >= 0]
    return int(known.min()) if len(known) else np.iinfo(np.int64).max


def _first_of(errors: Sequence[SchemaError]) -> SchemaError:
    """Return the error of the first image at fault, which tells of all of them."""
    causes = {str(error.image_id): str(error) for error in errors}
    first = min(errors, key=lambda error: str(error.image_id))
    first.causes = causes
    return first


def _clash(
    contract: TableContract,
    column: str,
    stays: tuple[str, pa.DataType | None],
    at_fault: tuple[str, pa.DataType | None],
    counted: str,
) -> SchemaError:
    types = [str(kind) if len(str(kind)) <= 80 else f"{str(kind)[:80]}..." for _, kind in (stays, at_fault)]
    advice = f"Make indexer {contract.indexer!r} declare the column's type"
    if any(pa.types.is_nested(kind) for _, kind in (stays, at_fault)):
        # A type of objects or lists cannot be declared; that of a value inside them can.
        advice = f"Take the values that you want by their path: Column(..., path={f'{column}.<name>'!r})"
    error = SchemaError(
        f"column {column!r} of table {contract.table_name!r}: image {stays[0]!r} has {types[0]}, image "
        f"{at_fault[0]!r} has {types[1]}, which do not go together ({counted} images). {advice}, or mend "
        "the artifact of one of them.",
        table_name=contract.table_name,
        indexer=contract.indexer,
        image_id=at_fault[0],
        column=column,
    )
    error.image_ids = (at_fault[0], stays[0])
    error.types = (at_fault[1], stays[1])
    return error


def _refusal(contract: TableContract, error: Misfit, holder: str | None, at_fault: str | None) -> SchemaError:
    who = "" if holder is None else f", of image {holder!r},"
    because = "" if at_fault in (None, holder) else f" with image {at_fault!r}"
    refusal = SchemaError(
        f"column {error.column!r} of table {contract.table_name!r} {error.what}{who} that would come back as "
        f"others{because}: {error.why}. Make indexer {contract.indexer!r} give them as text, or declare the "
        "column's type.",
        table_name=contract.table_name,
        indexer=contract.indexer,
        image_id=at_fault,
        column=error.column,
    )
    refusal.image_ids = () if at_fault is None else (at_fault,)
    return refusal
