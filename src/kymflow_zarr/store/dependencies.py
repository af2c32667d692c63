"""What was seen of many records, as Arrow columns: a hundred thousand of them need no objects."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any, overload

import pyarrow as pa
import pyarrow.compute as pc

from kymflow_zarr import layout
from kymflow_zarr.store.base import SETTLED_AFTER_NS, Fingerprint, Store
from kymflow_zarr.store.tracking import Asked, Dependency, compare_all, stat_many

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
# One thing seen, in the order of DEPENDENCY.
Row = tuple[str, Asked, int | None, int | None, str | None, bytes, int]

# What is found of so many records now is held in memory at once.
_BLOCK = 10_000


class DependencyColumns:
    """What was seen of each of some records.

    Parameters
    ----------
    record_ids : pyarrow.StringArray
        The records.
    lists : pyarrow.ListArray
        A list of :data:`DEPENDENCY` for each.
    """

    def __init__(self, record_ids: pa.Array, lists: pa.Array) -> None:
        self.record_ids = record_ids
        self.lists = lists

    @classmethod
    def of(cls, record_ids: Sequence[str], groups: Sequence[Sequence[Dependency]]) -> DependencyColumns:
        """Put what was seen of single records into columns; what is in columns already is not unpacked."""
        pieces = []
        for columns, members in itertools.groupby(
            zip(record_ids, groups, strict=True),
            key=lambda pair: pair[1].columns if isinstance(pair[1], DependenciesOf) else None,
        ):
            some = list(members)
            if columns is None:
                rows = [[_row(record_id, one) for one in seen] for record_id, seen in some]
                pieces.append(_lists(rows))
            else:
                places = [seen.place for _, seen in some if isinstance(seen, DependenciesOf)]
                pieces += columns._stretches(places)
        lists = pa.concat_arrays(pieces) if pieces else pa.array([], pa.list_(DEPENDENCY))
        return cls(pa.array(record_ids, pa.string()), lists)

    @classmethod
    def of_rows(cls, record_ids: Sequence[str], rows: Sequence[Sequence[Row]]) -> DependencyColumns:
        """Put rows of single records into columns."""
        return cls(pa.array(record_ids, pa.string()), _lists(rows))

    def _stretches(self, places: Iterable[int]) -> list[pa.Array]:
        """Return the lists at some places; those that follow each other together."""
        found: list[list[int]] = []
        for place in places:
            if found and found[-1][1] == place:
                found[-1][1] += 1
            else:
                found.append([place, place + 1])
        return [self.lists.slice(begin, end - begin) for begin, end in found]

    def __len__(self) -> int:
        return len(self.lists)

    def __iter__(self) -> Iterator[DependenciesOf]:
        return (DependenciesOf(self, place) for place in range(len(self)))

    def decode(self, place: int) -> tuple[Dependency, ...]:
        """Return what was seen of one record."""
        record_id = self.record_ids[place].as_py()
        return tuple(_seen(record_id, item) for item in self.lists[place].as_py())

    def flat(self) -> tuple[pa.Array, pa.Array, pa.Array]:
        """Return all that was seen: of which record (its place), under which key, and :data:`DEPENDENCY`."""
        seen = self.lists.flatten()
        owners = pc.list_parent_indices(self.lists)
        short = seen.field("key")
        keys = pc.binary_join_element_wise(layout.IMAGES, pc.take(self.record_ids, owners), short, "/")
        elsewhere = pc.starts_with(short, "/")
        if pc.any(elsewhere).as_py():
            keys = pc.if_else(elsewhere, pc.utf8_slice_codeunits(short, 1), keys)
        return owners, keys, seen


class DependenciesOf(Sequence[Dependency]):
    """What was seen of one of many records; it is unpacked when somebody looks."""

    __slots__ = ("columns", "place")

    def __init__(self, columns: DependencyColumns, place: int) -> None:
        self.columns = columns
        self.place = place

    def __len__(self) -> int:
        return len(self.columns.lists[self.place])

    @overload
    def __getitem__(self, index: int) -> Dependency: ...

    @overload
    def __getitem__(self, index: slice) -> tuple[Dependency, ...]: ...

    def __getitem__(self, index: int | slice) -> Dependency | tuple[Dependency, ...]:
        return self.columns.decode(self.place)[index]

    def __iter__(self) -> Iterator[Dependency]:
        return iter(self.columns.decode(self.place))

    def __eq__(self, other: object) -> bool:
        return tuple(self) == tuple(other) if isinstance(other, Sequence) else NotImplemented

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return repr(tuple(self))


def proves_unchanged(seen: pa.Array, sizes: pa.Array, mtimes_ns: pa.Array, etags: pa.Array) -> pa.Array:
    """Tell of each thing seen whether a listing proves, without reading, that it is still the same.

    The rule of :meth:`Fingerprint.proves_unchanged`, for many at once.

    Parameters
    ----------
    seen : pyarrow.StructArray
        At :data:`DEPENDENCY`.
    sizes, mtimes_ns, etags : pyarrow.Array
        Of the same keys now; null where there is nothing.

    Returns
    -------
    pyarrow.BooleanArray
        Without nulls. False means "look closer".
    """
    was_there, is_there = pc.is_valid(seen.field("size")), pc.is_valid(sizes)
    settled = pc.less(seen.field("mtime_ns"), pc.subtract(seen.field("seen_ns"), SETTLED_AFTER_NS))
    same_time = pc.and_(pc.equal(seen.field("mtime_ns"), mtimes_ns), settled)
    by_tag = pc.or_(pc.is_valid(seen.field("etag")), pc.is_valid(etags))
    same = pc.if_else(by_tag, pc.equal(seen.field("etag"), etags), same_time)
    same = pc.fill_null(pc.and_(pc.equal(seen.field("size"), sizes), same), False)
    still_there = pc.and_(is_there, pc.or_(pc.equal(seen.field("asked"), "presence"), same))
    holds = pc.if_else(was_there, still_there, pc.invert(is_there))
    return pc.and_(holds, pc.not_equal(seen.field("asked"), "names"))


def look_at(
    store: Store, keys: Iterable[str], made_from: Iterable[tuple[str, Sequence[Dependency]]]
) -> tuple[list[bool], list[bool]]:
    """Tell which keys are there, and of which records all that was seen would be the same now.

    Many are asked for together: one listing may tell it.

    Parameters
    ----------
    store : Store
        Where to look.
    keys : iterable of str
        Those of which only the presence counts.
    made_from : iterable of (str, sequence of Dependency)
        Records, and what was seen of each.

    Returns
    -------
    there, hold : list of bool
        One for each of `keys`, and one for each record.
    """
    there: list[bool] = []
    hold: list[bool] = []
    left_keys, left = iter(keys), iter(made_from)
    while True:
        some_keys, some = list(islice(left_keys, _BLOCK)), list(islice(left, _BLOCK))
        if not some_keys and not some:
            return there, hold
        columns = DependencyColumns.of([record_id for record_id, _ in some], [seen for _, seen in some])
        there_now, hold_now = _look_at(store, some_keys, columns)
        there += there_now
        hold += hold_now


def still_hold(store: Store, made_from: Mapping[str, Sequence[Dependency]]) -> list[bool]:
    """Tell of each record whether `store` would give the same answers to all of its questions now."""
    return look_at(store, (), made_from.items())[1]


def _look_at(store: Store, keys: Sequence[str], columns: DependencyColumns) -> tuple[list[bool], list[bool]]:
    owners, asked_keys, seen = columns.flat()
    is_key = pc.not_equal(seen.field("asked"), "names")
    others = asked_keys.filter(is_key).to_pylist()
    found = stat_many(store, [*keys, *others])
    there = [one is not None for one in found[: len(keys)]]
    now = dict(zip(others, found[len(keys) :], strict=True))
    same = proves_unchanged(seen, *_prints([now.get(key) for key in asked_keys.to_pylist()]))
    hold = [True] * len(columns)
    doubtful = pc.unique(owners.filter(pc.invert(same))).to_pylist()
    closer = _hold(store, [columns.decode(place) for place in doubtful], now)
    for place, holds in zip(doubtful, closer, strict=True):
        hold[place] = holds
    return there, hold


def _prints(found: Sequence[Fingerprint | None]) -> tuple[pa.Array, pa.Array, pa.Array]:
    return (
        pa.array([None if one is None else one.size for one in found], pa.int64()),
        pa.array([None if one is None else one.mtime_ns for one in found], pa.int64()),
        pa.array([None if one is None else one.etag for one in found], pa.string()),
    )


def _hold(
    store: Store, groups: Sequence[Sequence[Dependency]], now: Mapping[str, Fingerprint | None]
) -> Iterator[bool]:
    answers = iter(compare_all(store, [one for group in groups for one in group], now))
    for group in groups:
        # A list, not a generator: each group takes all of its answers.
        yield all([difference is None for difference, _ in islice(answers, len(group))])


def content_row(short_key: str, answer: tuple[bytes, Fingerprint] | None, seen_ns: int) -> Row:
    """Note that a key below a record was read, or was not there; `seen_ns` is from before it was."""
    if answer is None:
        return (short_key, "content", None, None, None, b"", seen_ns)
    data, found = answer
    digest = hashlib.sha256(data).digest()
    return (short_key, "content", found.size, found.mtime_ns, found.etag, digest, seen_ns)


def _row(record_id: str, seen: Dependency) -> Row:
    found = seen.fingerprint
    prefix = f"{layout.IMAGES}/{record_id}/"
    short = seen.key[len(prefix) :] if seen.key.startswith(prefix) else "/" + seen.key
    size, mtime_ns, etag = (None, None, None) if found is None else (found.size, found.mtime_ns, found.etag)
    return (short, seen.asked, size, mtime_ns, etag, bytes.fromhex(seen.sha256), seen.seen_ns)


def _lists(rows: Sequence[Sequence[Row]]) -> pa.Array:
    offsets = pa.array([0, *itertools.accumulate(map(len, rows))], pa.int32())
    columns = list(zip(*itertools.chain.from_iterable(rows), strict=True)) or [()] * len(DEPENDENCY)
    arrays = [pa.array(values, field.type) for values, field in zip(columns, DEPENDENCY, strict=True)]
    return pa.ListArray.from_arrays(offsets, pa.StructArray.from_arrays(arrays, fields=list(DEPENDENCY)))


def _seen(record_id: str, item: Mapping[str, Any]) -> Dependency:
    short = item["key"]
    key = short[1:] if short.startswith("/") else f"{layout.IMAGES}/{record_id}/{short}"
    fingerprint = (
        None if item["size"] is None else Fingerprint(key, item["size"], item["mtime_ns"], item["etag"])
    )
    return Dependency(key, item["asked"], fingerprint, item["sha256"].hex(), item["seen_ns"])
