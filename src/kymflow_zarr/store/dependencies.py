"""What was read of many records, as Arrow columns."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kymflow_zarr import layout
from kymflow_zarr.store.base import Fingerprint
from kymflow_zarr.store.tracking import Dependency, DependencyKind

DEPENDENCY = pa.struct(
    [
        # Below the record; the few that lie elsewhere begin with a slash.
        ("key", pa.string()),
        ("asked", pa.string()),
        ("size", pa.int64()),
        ("mtime_ns", pa.int64()),
        ("etag", pa.string()),
        ("sha256", pa.binary()),
        ("seen_ns", pa.int64()),
    ]
)
# One dependency, in the order of DEPENDENCY. The file of a ledger says "asked" for its kind.
Row = tuple[str, DependencyKind, int | None, int | None, str | None, bytes, int]


class Dependencies:
    """What was read of each of some records.

    Parameters
    ----------
    record_ids : pyarrow.StringArray
        The records.
    lists : pyarrow.ListArray
        A list of :data:`DEPENDENCY` for each.
    """

    def __init__(self, record_ids: pa.StringArray, lists: pa.ListArray) -> None:
        self.record_ids = record_ids
        self.lists = lists

    @classmethod
    def of_rows(cls, record_ids: Sequence[str], rows: Sequence[Sequence[Row]]) -> Dependencies:
        """Put rows of single records into columns."""
        offsets = pa.array([0, *itertools.accumulate(map(len, rows))], pa.int32())
        columns = list(zip(*itertools.chain.from_iterable(rows), strict=True)) or [()] * len(DEPENDENCY)
        arrays = [pa.array(values, field.type) for values, field in zip(columns, DEPENDENCY, strict=True)]
        lists = pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(arrays, fields=list(DEPENDENCY)))
        return cls(pa.array(record_ids, pa.string()), lists)

    @classmethod
    def of(cls, groups: Mapping[str, Sequence[Dependency]]) -> Dependencies:
        """Put the dependencies of single records, by id, into columns."""
        rows = [[_row(record_id, one) for one in group] for record_id, group in groups.items()]
        return cls.of_rows(list(groups), rows)

    @classmethod
    def concat(cls, parts: Sequence[Dependencies]) -> Dependencies:
        """Put the records of several parts one after the other."""
        if not parts:
            return cls(pa.array([], pa.string()), pa.array([], pa.list_(DEPENDENCY)))
        return cls(
            pa.concat_arrays([part.record_ids for part in parts]),
            pa.concat_arrays([part.lists for part in parts]),
        )

    def __len__(self) -> int:
        return len(self.lists)

    def take(self, places: npt.ArrayLike) -> Dependencies:
        """Return those of the records at these places."""
        chosen = pa.array(np.asarray(places, np.int64))
        return Dependencies(self.record_ids.take(chosen), self.lists.take(chosen))

    def slice(self, begin: int, end: int) -> Dependencies:
        """Return those of the records from one place to another; nothing is copied."""
        return Dependencies(self.record_ids[begin:end], self.lists[begin:end])

    def decode(self, place: int) -> tuple[Dependency, ...]:
        """Return those of one record."""
        record_id = self.record_ids[place].as_py()
        return tuple(_dependency(record_id, item) for item in self.lists[place].as_py())

    def owners(self) -> pa.Array:
        """Return of each dependency the place of its record."""
        return pc.list_parent_indices(self.lists)

    def keys(self) -> pa.StringArray:
        """Return the whole key of each dependency."""
        short = self.flat.field("key")
        records = pc.take(self.record_ids, self.owners())
        keys = pc.binary_join_element_wise(layout.IMAGES, records, short, "/")
        elsewhere = pc.starts_with(short, "/")
        if pc.any(elsewhere).as_py():
            keys = pc.if_else(elsewhere, pc.utf8_slice_codeunits(short, 1), keys)
        return keys

    @property
    def flat(self) -> pa.StructArray:
        """All dependencies, those of one record after those of another, at :data:`DEPENDENCY`."""
        return self.lists.flatten()

    def earliest_ns(self) -> npt.NDArray[np.int64]:
        """Return when the first dependency of each record was read; without any, a time in the far future."""
        earliest = np.full(len(self), np.iinfo(np.int64).max, np.int64)
        np.minimum.at(earliest, self.owners().to_numpy(), self.flat.field("seen_ns").to_numpy())
        return earliest


def same_contents(one: Iterable[Dependency], other: Iterable[Dependency]) -> bool:
    """Tell whether two extractions read the same things and found the same contents."""
    return [(read.key, read.kind, read.sha256) for read in one] == [
        (read.key, read.kind, read.sha256) for read in other
    ]


def content_row(short_key: str, answer: tuple[bytes, Fingerprint] | None, seen_ns: int) -> Row:
    """Note that a key below a record was read, or was not there; `seen_ns` is from before it was."""
    if answer is None:
        return (short_key, "content", None, None, None, b"", seen_ns)
    data, found = answer
    digest = hashlib.sha256(data).digest()
    seen_ns = found.proves_since(seen_ns)
    return (short_key, "content", found.size, found.mtime_ns, found.etag, digest, seen_ns)


def _row(record_id: str, read: Dependency) -> Row:
    found = read.fingerprint
    prefix = f"{layout.IMAGES}/{record_id}/"
    short = read.key[len(prefix) :] if read.key.startswith(prefix) else "/" + read.key
    size, mtime_ns, etag = (None, None, None) if found is None else (found.size, found.mtime_ns, found.etag)
    seen_ns = read.seen_ns if found is None else found.proves_since(read.seen_ns)
    return (short, read.kind, size, mtime_ns, etag, bytes.fromhex(read.sha256), seen_ns)


def _dependency(record_id: str, item: Mapping[str, Any]) -> Dependency:
    short = item["key"]
    key = short[1:] if short.startswith("/") else f"{layout.IMAGES}/{record_id}/{short}"
    fingerprint = (
        None if item["size"] is None else Fingerprint(key, item["size"], item["mtime_ns"], item["etag"])
    )
    return Dependency(key, item["asked"], fingerprint, item["sha256"].hex(), item["seen_ns"])
