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

from kymflow.core.zarr.extraction.batch import Batch
from kymflow_zarr.store.dependencies import DEPENDENCY, Dependencies, same_contents
from kymflow_zarr.store.tracking import Dependency

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
    dependencies : sequence of Dependency
        All that the indexer read of the record, absent things too.
    error : str
        Why the last extraction failed, the rows being older; empty if it did not.
    """

    n_rows: int
    schema: pa.Schema
    schema_version: str
    dependencies: Sequence[Dependency] = ()
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
        ordered = [entries[image_id] for image_id in ids]
        schemas: dict[pa.Schema, int] = {}
        columns = {
            "image_id": pa.array(ids, pa.string()),
            "n_rows": pa.array([entry.n_rows for entry in ordered], pa.int64()),
            "schema": pa.array([schemas.setdefault(one.schema, len(schemas)) for one in ordered], pa.int32()),
            "schema_version": pa.array([entry.schema_version for entry in ordered], pa.string()),
            "error": pa.array([entry.error for entry in ordered], pa.string()),
            "seen": Dependencies.of({one: entries[one].dependencies for one in ids}).lists,
        }
        return cls(pa.table(columns, schema=SCHEMA), tuple(schemas))

    @classmethod
    def of_batch(cls, batch: Batch, schema_version: str) -> Ledger:
        """Make a ledger of images that were just extracted, ordered by id."""
        n_images = len(batch)
        columns = {
            "image_id": batch.dependencies.record_ids,
            "n_rows": pa.array(batch.counts),
            "schema": pa.array(batch.own_codes, pa.int32()),
            "schema_version": pa.repeat(schema_version, n_images),
            "error": pa.repeat("", n_images),
            "seen": batch.dependencies.lists,
        }
        return cls(pa.table(columns, schema=SCHEMA), batch.schemas)._in_use()

    def column(self, name: str) -> pa.Array:
        """Return one column, unchunked."""
        chunks = self.columns.column(name)
        return chunks.chunk(0) if chunks.num_chunks else pa.array([], chunks.type)

    @property
    def dependencies(self) -> Dependencies:
        """What the rows of each image were made from."""
        return Dependencies(self._ids, self.column("seen"))

    def dependencies_of(self, image_ids: Sequence[str]) -> Dependencies:
        """Return what the rows of some images were made from; all must have an entry."""
        self._expect(len(image_ids))
        return self.dependencies.take([self.place(image_id) for image_id in image_ids])

    # A mapping of image id to entry

    def __len__(self) -> int:
        return len(self._ids)

    def __iter__(self) -> Iterator[str]:
        return iter(cast("list[str]", self._ids.to_pylist()))

    def __contains__(self, image_id: object) -> bool:
        if "_places" in self.__dict__:
            return image_id in self._places
        place = self.place(image_id) if isinstance(image_id, str) else 0
        return place < len(self) and bool(self._ids[place].as_py() == image_id)

    def __getitem__(self, image_id: str) -> LedgerEntry:
        if image_id not in self:
            raise KeyError(image_id)
        place = self.place(image_id)
        (row,) = self.columns.drop_columns(["seen"]).slice(place, 1).to_pylist()
        dependencies = self.dependencies.decode(place)
        return LedgerEntry(
            row["n_rows"], self.schemas[row["schema"]], row["schema_version"], dependencies, row["error"]
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

    def place(self, image_id: str) -> int:
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
            place = self.place(image_id)
            begin = int(self._ends[place - 1]) if place else 0
            found.append((begin, int(self._ends[place]) if image_id in self else begin))
        return found

    def changed(self, new: Ledger, deleted: Collection[str] = ()) -> Ledger:
        """Return a ledger in which the entries of `new` are new or replaced, and others deleted."""
        if not len(self):
            return new
        schemas = {schema: place for place, schema in reversed(list(enumerate(self.schemas)))}
        codes = [schemas.setdefault(schema, len(schemas)) for schema in new.schemas]
        moved = pc.take(pa.array(codes, pa.int32()), new.column("schema"))
        columns = new.columns.set_column(2, SCHEMA.field("schema"), moved)
        spans = []
        self._expect(len(new) + len(deleted))
        counts = {**dict.fromkeys(deleted, 0), **dict.fromkeys(new, 1)}
        for image_id in sorted(counts):
            place = self.place(image_id)
            spans.append((place, place + (image_id in self), counts[image_id]))
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

    def revalidated(self, found: Dependencies) -> Ledger:
        """Return a ledger that notes dependencies as they were found later, where they are the same."""
        image_ids = cast("list[str]", found.record_ids.to_pylist())
        self._expect(len(image_ids))
        changes = {}
        for place, image_id in enumerate(image_ids):
            entry = self.get(image_id)
            now = found.decode(place)
            if entry is not None and same_contents(entry.dependencies, now):
                changes[image_id] = replace(entry, dependencies=now)
        return self.changed(Ledger.of(changes)) if changes else self


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
