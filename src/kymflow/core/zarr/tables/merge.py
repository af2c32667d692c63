"""The merge: changed images put into the rows and the ledger that are there; nothing is read or written."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from itertools import groupby
from typing import TYPE_CHECKING

import pyarrow as pa
import pyarrow.compute as pc

from kymflow.core.zarr.extraction.plain_types import own_columns
from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.tables.conflicts import Misfit, value_clash
from kymflow.core.zarr.tables.ledger import Ledger, LedgerEntry, splice
from kymflow.core.zarr.tables.schema import check_exact, conform, is_alike, table_schema
from kymflow.errors import SchemaError
from kymflow_zarr.errors import ColumnError

if TYPE_CHECKING:
    from kymflow.core.zarr.extraction.batch import Batch
    from kymflow.core.zarr.indexers.contract import TableContract

# Of rows that a failed image keeps although nothing tells what made them.
_UNKNOWN_VERSION = ""
# A table in pieces of so many rows, or in few pieces, is written as fast as one in a single piece.
_ENOUGH_ROWS = 4096
_FEW_CHUNKS = 64


@dataclass(frozen=True)
class Kept:
    """What is there before a merge: rows ordered by image id, and the ledger of just these."""

    rows: pa.Table
    ledger: Ledger


def nothing_kept() -> Kept:
    """Return what is there where there is nothing."""
    return Kept(pa.table({}), Ledger.of({}))


def keep_failed(table: pa.Table, failed: Collection[str], contract: TableContract) -> Kept:
    """Return what failed images have in a table of which no ledger tells, as far as it still fits."""
    if IMAGE_ID not in table.column_names or not failed:
        return nothing_kept()
    try:
        ids = table.column(IMAGE_ID).cast(pa.string())
        theirs = pc.is_in(ids, value_set=pa.array(sorted(failed), pa.string()))
        table, ids = table.filter(theirs), ids.filter(theirs)
        order = pc.sort_indices(ids)
        table, ids = table.take(order), ids.take(order)
    except (pa.ArrowException, KeyError):
        # Somebody else's table; its ids are no text, say.
        return nothing_kept()
    entries = {}
    pieces = []
    begin = 0
    for found in pc.value_counts(ids.combine_chunks()).to_pylist():
        rows = table.slice(begin, found["counts"])
        begin += found["counts"]
        schema = _schema_if_fitting(rows, contract)
        if schema is not None:
            entries[found["values"]] = LedgerEntry(rows.num_rows, schema, _UNKNOWN_VERSION)
            pieces.append(rows)
    return Kept(pa.concat_tables(pieces), Ledger.of(entries)) if pieces else nothing_kept()


def _schema_if_fitting(rows: pa.Table, contract: TableContract) -> pa.Schema | None:
    """Return the own schema of an image's rows, or None if they cannot be rows of the table any more."""
    try:
        schema = own_columns(rows).schema
        conform(rows, table_schema(contract, Ledger.of({"": LedgerEntry(1, schema, "")})), contract)
    except (SchemaError, ColumnError, pa.ArrowException, KeyError):
        return None
    return schema


class Merge:
    """What a table becomes when some of its images change.

    Parameters
    ----------
    contract : TableContract
        The table's.
    kept : Kept
        What is there.
    changed : Batch
        New rows, ordered by image id.
    failed : mapping of str to str
        Causes by image id; these keep what they have.
    deleted : collection of str
        Images whose rows go; those of them that failed stay in the ledger.

    Attributes
    ----------
    ledger : Ledger
        What each image gives then.
    schema : pyarrow.Schema
        Of the table then.
    new : pyarrow.Table
        The rows of `changed`, at that schema.

    Raises
    ------
    SchemaError
        Columns of images do not go together; it tells which are at fault.
    """

    def __init__(
        self,
        contract: TableContract,
        kept: Kept,
        changed: Batch,
        failed: Mapping[str, str],
        deleted: Collection[str] = (),
    ) -> None:
        self._contract = contract
        self._kept = kept
        counts = {
            **dict.fromkeys(deleted, 0),
            **dict(zip(changed.image_ids, changed.counts.tolist(), strict=True)),
        }
        ordered = sorted(counts)
        self._spans = [
            (begin, end, counts[image_id])
            for image_id, (begin, end) in zip(ordered, kept.ledger.spans(ordered), strict=True)
        ]
        version = contract.schema_version
        nothing = LedgerEntry(0, pa.schema([]), version)
        errors = {
            image_id: replace(
                nothing if image_id in deleted else kept.ledger.get(image_id, nothing), error=cause
            )
            for image_id, cause in failed.items()
        }
        new = Ledger.of_batch(changed, version).changed(Ledger.of(errors))
        self.ledger = kept.ledger.changed(new, deleted)
        self._changed = changed
        self.schema = table_schema(contract, self.ledger)
        try:
            self.new = _stack(changed, self.schema, contract)
        except Misfit as error:
            raise self._value_clash(error) from error

    def changes_rows_of(self, schema: pa.Schema) -> bool:
        """Tell whether the table, of this schema now, becomes another one."""
        if not is_alike(schema, self.schema):
            return True
        if any(end - begin != count for begin, end, count in self._spans):
            return True
        old = self._kept.rows.replace_schema_metadata(None)
        replaced = [old.slice(begin, end - begin) for begin, end, _ in self._spans]
        return not pa.concat_tables([*replaced, old.slice(0, 0)]).equals(self.new)

    def table(self) -> pa.Table:
        """Return the whole table.

        Raises
        ------
        SchemaError
            Integers that would come back as other numbers beside missing values.
        """
        try:
            merged = self._merged()
            if merged.column(0).num_chunks > max(_FEW_CHUNKS, merged.num_rows // _ENOUGH_ROWS):
                merged = merged.combine_chunks()
            check_exact(merged, self._contract)
        except Misfit as error:
            raise self._value_clash(error) from error
        return merged

    def _merged(self) -> pa.Table:
        """Return the rows that stay, brought to the schema of the new ones, with these in their places."""
        places = []
        out = 0
        for begin, end, count in self._spans:
            places.append((begin - out, begin - out, count))
            out += end - begin
        return splice(conform(self._stay(), self.schema, self._contract), self.new, places)

    def _stay(self) -> pa.Table:
        # First out, then in: rows that go need not fit the schema any more.
        old = self._kept.rows
        return splice(old, old.slice(0, 0), [(begin, end, 0) for begin, end, _ in self._spans])

    def _value_clash(self, error: Misfit) -> SchemaError:
        return value_clash(self._contract, self.ledger, error, [self._stay(), *self._changed.stretches()])


def _stack(changed: Batch, schema: pa.Schema, contract: TableContract) -> pa.Table:
    """Return the rows of many images, one below the other, at the table's schema."""
    pieces = [
        conform(pa.concat_tables(alike), schema, contract)
        for _, alike in groupby(changed.stretches(), key=lambda stretch: stretch.schema)
    ]
    return pa.concat_tables([*pieces, schema.empty_table()])
