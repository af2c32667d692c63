"""The ledger of a table: what each image gave to it, and what its rows were made from."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kymflow_zarr.store.dependencies import DEPENDENCY, DependencyColumns
from kymflow_zarr.store.tracking import Dependency, same_contents

SCHEMA = pa.schema(
    [
        pa.field("image_id", pa.string(), nullable=False),
        pa.field("n_rows", pa.int64(), nullable=False),
        # Many images share few schemas: this is the place in the list of them.
        pa.field("schema", pa.int32(), nullable=False),
        pa.field("schema_version", pa.string(), nullable=False),
        pa.field("error", pa.string(), nullable=False),
        pa.field("seen", pa.list_(DEPENDENCY), nullable=False),
    ]
)


# An index of all images costs as much as so many looks.
_LOOKS_PER_IMAGE = 1 / 32
_BLOCK = 4096


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """What one image gave to the table, and what its rows were made from.

    Attributes
    ----------
    n_rows : int
        Rows; none is an answer, too.
    schema : pyarrow.Schema
        The image's own, see :func:`kymflow.core.zarr.tables.schema.table_schema`.
    schema_version : str
        The indexer's, when it extracted them.
    seen : sequence of Dependency
        All that the indexer asked the record for, absent things too.
    error : str
        Why the last extraction failed, the rows being older; empty if it did not.
    """

    n_rows: int
    schema: pa.Schema
    schema_version: str
    seen: Sequence[Dependency] = ()
    error: str = ""


class Ledger(Mapping[str, LedgerEntry]):
    """The entries of all images, ordered by image id, kept as Arrow columns.

    Parameters
    ----------
    columns : pyarrow.Table
        A row per image, at :data:`SCHEMA`, ordered by ``image_id``.
    schemas : sequence of pyarrow.Schema
        What column ``schema`` counts.
    """

    def __init__(self, columns: pa.Table, schemas: Sequence[pa.Schema]) -> None:
        self.columns = columns.combine_chunks()
        self.schemas = tuple(schemas)
        self._ids = self.column("image_id")
        # Each image is looked up several times in a row.
        self._looked_up: dict[str, int] = {}

    @classmethod
    def of(cls, entries: Mapping[str, LedgerEntry]) -> Ledger:
        """Make a ledger of single entries."""
        ids = sorted(entries)
        places: dict[pa.Schema, int] = {}
        # In blocks: lists of numbers and texts take several times the room of a column.
        blocks = [
            _block(ids[begin : begin + _BLOCK], entries, places) for begin in range(0, len(ids), _BLOCK)
        ]
        return cls(pa.concat_tables([*blocks, SCHEMA.empty_table()]), tuple(places))

    def column(self, name: str) -> pa.Array:
        """Return one column, unchunked."""
        chunks = self.columns.column(name)
        return chunks.chunk(0) if chunks.num_chunks else pa.array([], chunks.type)

    @property
    def seen(self) -> DependencyColumns:
        """What the rows of each image were made from."""
        return DependencyColumns(self._ids, self.column("seen"))

    # A mapping of image id to entry

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(cast("list[str]", self._ids.to_pylist()))

    def __contains__(self, image_id: object) -> bool:
        if "_places" in self.__dict__:
            return image_id in self._places
        place = self._place(image_id) if isinstance(image_id, str) else 0
        return place < len(self) and bool(self._ids[place].as_py() == image_id)

    def __getitem__(self, image_id: str) -> LedgerEntry:
        if image_id not in self:
            raise KeyError(image_id)
        place = self._place(image_id)
        (row,) = self.columns.drop_columns(["seen"]).slice(place, 1).to_pylist()
        seen = self.seen.decode(place)
        return LedgerEntry(
            row["n_rows"], self.schemas[row["schema"]], row["schema_version"], seen, row["error"]
        )

    @cached_property
    def _places(self) -> dict[str, int]:
        return {image_id: place for place, image_id in enumerate(self)}

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Ledger):
            return super().__eq__(other)
        mine, theirs = (ledger.columns.drop_columns(["schema"]) for ledger in (self, other))
        return bool(mine.equals(theirs)) and self._schemas_in_order() == other._schemas_in_order()

    __hash__ = None  # type: ignore[assignment]

    def _schemas_in_order(self) -> list[pa.Schema]:
        return [self.schemas[code] for code in self.column("schema").to_pylist()]

    def _place(self, image_id: str) -> int:
        """Return where an image's entry is, or would be."""
        if "_places" in self.__dict__ and image_id in self._places:
            return self._places[image_id]
        if image_id not in self._looked_up:
            self._looked_up[image_id] = bisect_left(
                range(len(self._ids)), image_id, key=lambda place: self._ids[place].as_py()
            )
        return self._looked_up[image_id]

    def _expect(self, n_lookups: int) -> None:
        # An index of all images pays only where many of them are looked for.
        if n_lookups > len(self) * _LOOKS_PER_IMAGE:
            self._places  # noqa: B018

    # What it says as a whole

    @cached_property
    def _ends(self) -> npt.NDArray[np.int64]:
        return np.cumsum(self.column("n_rows").to_numpy())

    @property
    def n_rows(self) -> int:
        """Rows of all images."""
        return int(self._ends[-1]) if len(self) else 0

    @property
    def n_known(self) -> int:
        """How many images the table speaks of: those that failed and never gave a row are not among them."""
        known = pc.or_(pc.greater(self.column("n_rows"), 0), pc.equal(self.column("error"), ""))
        return int(pc.sum(known).as_py() or 0)

    def among(self, image_ids: Collection[str]) -> list[str]:
        """Return those of some images that have an entry, in the order given."""
        self._expect(len(image_ids))
        return [image_id for image_id in image_ids if image_id in self]

    def versions(self) -> list[str]:
        """Return the schema versions of all entries without error, sorted.

        A failed image keeps rows of whatever version until it can be extracted again.
        """
        good = pc.equal(self.column("error"), "")
        return sorted(cast("list[str]", pc.unique(self.column("schema_version").filter(good)).to_pylist()))

    def distinct_schemas(self) -> list[tuple[str, pa.Schema]]:
        """Return each schema once, with the first image that has it, in the order of image ids."""
        codes, first = np.unique(self.column("schema").to_numpy(), return_index=True)
        return [
            (self._ids[int(place)].as_py(), self.schemas[int(code)])
            for place, code in sorted(zip(first, codes, strict=True))
        ]

    def spans(self, image_ids: Sequence[str]) -> list[tuple[int, int]]:
        """Return where the rows of each image begin and end in the table, or would."""
        self._expect(len(image_ids))
        found = []
        for image_id in image_ids:
            place = self._place(image_id)
            begin = int(self._ends[place - 1]) if place else 0
            found.append((begin, int(self._ends[place]) if image_id in self else begin))
        return found

    def changed(self, changes: Mapping[str, LedgerEntry | None]) -> Ledger:
        """Return a ledger in which some entries are others, or are gone (None)."""
        new = Ledger.of({image_id: entry for image_id, entry in changes.items() if entry is not None})
        if not len(self):
            return new
        schemas = {schema: place for place, schema in reversed(list(enumerate(self.schemas)))}
        codes = [schemas.setdefault(schema, len(schemas)) for schema in new.schemas]
        moved = pc.take(pa.array(codes, pa.int32()), new.column("schema"))
        columns = new.columns.set_column(2, SCHEMA.field("schema"), moved)
        spans = []
        self._expect(len(changes))
        for image_id in sorted(changes):
            place = self._place(image_id)
            spans.append((place, place + (image_id in self), int(changes[image_id] is not None)))
        merged = Ledger(splice(self.columns, columns, spans), sorted(schemas, key=lambda one: schemas[one]))
        # They are counted only where there are more of them than before.
        return merged._in_use() if len(merged.schemas) > len(self.schemas) else merged

    def _in_use(self) -> Ledger:
        """Return this ledger without the schemas that no image has any more."""
        counts = np.bincount(self.column("schema").to_numpy(), minlength=len(self.schemas))
        if counts.all():
            return self
        codes = pa.array(np.cumsum(counts > 0) - 1, pa.int32())
        column = pc.take(codes, self.column("schema"))
        columns = self.columns.set_column(2, SCHEMA.field("schema"), column)
        return Ledger(columns, [schema for schema, n in zip(self.schemas, counts, strict=True) if n])

    def revalidated(self, seen: Mapping[str, Sequence[Dependency]]) -> Ledger:
        """Return a ledger that notes as it was found later what is the same; others stay as they are."""
        self._expect(len(seen))
        entries = {image_id: (self[image_id], now) for image_id, now in seen.items() if image_id in self}
        changes = {
            image_id: replace(entry, seen=tuple(now))
            for image_id, (entry, now) in entries.items()
            if same_contents(entry.seen, now)
        }
        return self.changed(changes) if changes else self


def _block(ids: Sequence[str], entries: Mapping[str, LedgerEntry], places: dict[pa.Schema, int]) -> pa.Table:
    ordered = [entries[image_id] for image_id in ids]
    columns = {
        "image_id": pa.array(ids, pa.string()),
        "n_rows": pa.array([entry.n_rows for entry in ordered], pa.int64()),
        "schema": pa.array(_coded((entry.schema for entry in ordered), places), pa.int32()),
        "schema_version": pa.array([entry.schema_version for entry in ordered], pa.string()),
        "error": pa.array([entry.error for entry in ordered], pa.string()),
        "seen": DependencyColumns.of(ids, [entry.seen for entry in ordered]).lists,
    }
    return pa.table(columns, schema=SCHEMA)


def _coded(schemas: Iterable[pa.Schema], places: dict[pa.Schema, int]) -> Iterator[int]:
    """Yield the place of each schema in the list of them, which grows."""
    last = None
    place = 0
    for schema in schemas:
        # Most images share the very object, and to hash one costs more than all the rest.
        if schema is not last:
            last = schema
            place = places.setdefault(schema, len(places))
        yield place


def splice(old: pa.Table, new: pa.Table, spans: Iterable[tuple[int, int, int]]) -> pa.Table:
    """Return `old` with stretches of its rows replaced by the rows of `new`; nothing is copied.

    Parameters
    ----------
    old, new : pyarrow.Table
        Of one schema.
    spans : iterable of (int, int, int)
        In order: where the stretch begins and ends in `old`, and how many of the next rows of
        `new` take its place.
    """
    pieces = []
    kept = used = due = 0
    for begin, end, count in spans:
        if begin > kept:
            pieces += [new.slice(used, due - used), old.slice(kept, begin - kept)]
            used = due
        kept, due = end, due + count
    pieces += [new.slice(used, due - used), old.slice(kept)]
    return pa.concat_tables([piece for piece in pieces if piece.num_rows] or [old.slice(0, 0)])
