"""A batch: rows of many images, one below the other, with what they were made from."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kymflow_zarr.store.dependencies import Dependencies

if TYPE_CHECKING:
    from kymflow_zarr.store.tracking import Dependency

_NO_SCHEMA = pa.schema([])


@dataclass(frozen=True)
class Batch:
    """Rows of some images.

    Attributes
    ----------
    dependencies : Dependencies
        The images, and what was read of each.
    counts : ndarray of int64
        How many rows each image has.
    tables : tuple of pyarrow.Table
        The rows; of a finished batch, the first column is ``image_id``.
    origins, begins : ndarray of int64
        In which table the rows of each image are, and where they begin there.
    schemas : tuple of pyarrow.Schema
        What images give to the schema of the table: a column without any value in an image has no type.
    codes : ndarray of int64
        Which of `schemas` is each image's own. Images without rows give an empty schema.
    """

    dependencies: Dependencies
    counts: npt.NDArray[np.int64]
    tables: tuple[pa.Table, ...]
    origins: npt.NDArray[np.int64]
    begins: npt.NDArray[np.int64]
    schemas: tuple[pa.Schema, ...] = (_NO_SCHEMA,)
    codes: npt.NDArray[np.int64] | None = None

    @classmethod
    def of_table(cls, table: pa.Table, counts: Sequence[int], dependencies: Dependencies) -> Batch:
        """Return the rows of one table as a batch, as an indexer gave them: not checked yet."""
        numbers = np.asarray(counts, np.int64)
        return cls(dependencies, numbers, (table,), np.zeros_like(numbers), np.cumsum(numbers) - numbers)

    @classmethod
    def of_image(cls, image_id: str, table: pa.Table, read: Sequence[Dependency]) -> Batch:
        """Return the rows of one image as a batch, as an indexer gave them: not checked yet."""
        return cls.of_table(table, [table.num_rows], Dependencies.of({image_id: read}))

    @classmethod
    def concat(cls, batches: Sequence[Batch]) -> Batch:
        """Return batches of different images as one, ordered by image id; no row is copied."""
        codes: dict[pa.Schema, int] = {_NO_SCHEMA: 0}
        moved = [
            np.array([codes.setdefault(schema, len(codes)) for schema in batch.schemas], np.int64)
            for batch in batches
        ]
        tables = [table for batch in batches for table in batch.tables]
        first = np.cumsum([0, *(len(batch.tables) for batch in batches)])
        whole = cls(
            Dependencies.concat([batch.dependencies for batch in batches]),
            _joined([batch.counts for batch in batches]),
            tuple(tables),
            _joined([batch.origins + begin for batch, begin in zip(batches, first, strict=False)]),
            _joined([batch.begins for batch in batches]),
            tuple(codes),
            _joined([numbers[batch.own_codes] for batch, numbers in zip(batches, moved, strict=True)]),
        )
        order = pc.sort_indices(whole.dependencies.record_ids).to_numpy()
        return whole if (order == np.arange(len(order))).all() else whole.take(order)

    def __len__(self) -> int:
        return len(self.counts)

    @cached_property
    def image_ids(self) -> list[str]:
        """The images, in order."""
        return cast("list[str]", self.dependencies.record_ids.to_pylist())

    @property
    def own_codes(self) -> npt.NDArray[np.int64]:
        """`codes`, or the only one."""
        return np.zeros(len(self), np.int64) if self.codes is None else self.codes

    def take(self, places: npt.ArrayLike) -> Batch:
        """Return the images at some places, in the order of these."""
        chosen = np.asarray(places, np.int64)
        return replace(
            self,
            dependencies=self.dependencies.take(chosen),
            counts=self.counts[chosen],
            origins=self.origins[chosen],
            begins=self.begins[chosen],
            codes=self.own_codes[chosen],
        )

    def where(self, mask: npt.NDArray[np.bool_]) -> Batch:
        """Return the images for which `mask` is true."""
        return self if mask.all() else self.take(np.flatnonzero(mask))

    def without(self, image_ids: Collection[str]) -> Batch:
        """Return the other images."""
        return self.where(np.array([one not in image_ids for one in self.image_ids], bool))

    def halves(self) -> Iterator[Batch]:
        """Yield the first and the second half of the images."""
        middle = len(self) // 2
        yield self.take(np.arange(middle))
        yield self.take(np.arange(middle, len(self)))

    def rows_of(self, place: int) -> pa.Table:
        """Return the rows of the image at a place."""
        return self.tables[self.origins[place]].slice(self.begins[place], self.counts[place])

    def stretches(self) -> Iterator[pa.Table]:
        """Yield all rows in the order of the images; those that lie together come together."""
        filled = np.flatnonzero(self.counts)
        if not len(filled):
            return
        origins, begins = self.origins[filled], self.begins[filled]
        ends = begins + self.counts[filled]
        goes_on = (origins[1:] == origins[:-1]) & (begins[1:] == ends[:-1])
        firsts = np.concatenate([[0], np.flatnonzero(~goes_on) + 1])
        lasts = np.concatenate([firsts[1:] - 1, [len(filled) - 1]])
        for first, last in zip(firsts.tolist(), lasts.tolist(), strict=True):
            yield self.tables[origins[first]].slice(begins[first], ends[last] - begins[first])


def _joined(parts: Sequence[npt.NDArray[np.int64]]) -> npt.NDArray[np.int64]:
    return np.concatenate(parts) if parts else np.zeros(0, np.int64)
