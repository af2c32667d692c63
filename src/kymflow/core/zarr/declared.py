"""Rows that are artifacts: those of many images are read and decoded together."""

from __future__ import annotations

import gc
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kymflow.core.zarr.indexers.artifact import FORMS, ArtifactIndexer
from kymflow.core.zarr.rows import Raw
from kymflow_zarr import bulk, documents, layout
from kymflow_zarr.errors import ColumnError
from kymflow_zarr.observed import Seen, seen_content

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

Blobs = dict[str, bytes]
# An image's rows as JSON has them, and what kind of value stands under each name.
Rows = tuple[str, list[dict[str, Any]]]
Kinds = tuple[tuple[str, type], ...]


def is_declaration(indexer: object) -> bool:
    """Tell whether an indexer's rows are its artifact, with no code of its own between."""
    return isinstance(indexer, ArtifactIndexer) and all(
        getattr(type(indexer), name) is getattr(ArtifactIndexer, name)
        for name in ("extract_rows", "read_rows", "shape")
    )


def read_declared(
    ds: ZarrDataset, indexer: ArtifactIndexer, image_ids: Sequence[str]
) -> tuple[list[Raw], list[str]]:
    """Read the artifacts of many images.

    What is read, and what is noted of it, is the same as when each record is asked by itself.

    Returns
    -------
    raw : list of Raw
        Rows of images whose artifacts are of one kind, together.
    others : list of str
        Images that have to be asked one by one: what they hold is damaged or out of the ordinary.
    """
    with _without_collector():
        return _read_declared(ds, indexer, image_ids)


@contextmanager
def _without_collector() -> Iterator[None]:
    """Keep the garbage collector away: all that is made meanwhile stays, and looking at it takes as long."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _read_declared(
    ds: ZarrDataset, indexer: ArtifactIndexer, image_ids: Sequence[str]
) -> tuple[list[Raw], list[str]]:
    seen: dict[str, list[Seen]] = {image_id: [] for image_id in image_ids}
    blobs: dict[str, Blobs] = {}
    left = list(image_ids)
    seen_ns = ds.store.now_ns()
    keys = {form: _keys(f"{indexer.artifact}{form}", image_ids) for form in FORMS}
    absent = ds.store.absent([key for some in keys.values() for key in some.values()])
    for form in FORMS:
        blobs[form], left = _read(ds, {one: keys[form][one] for one in left}, seen, absent, seen_ns)
    # Old forms; few datasets have them.
    others = [image_id for form in FORMS[2:] for image_id in blobs[form]]
    raw: list[Raw] = []
    for decode, form in ((_decode_parquet, ".parquet"), (_decode_json, ".json")):
        found, odd = decode(blobs[form], indexer)
        others += odd
        raw += [Raw(table, ids, counts, [seen[image_id] for image_id in ids]) for table, ids, counts in found]
    if left:
        empty = indexer.shape(pa.table({}))
        raw.append(Raw(empty, left, [0] * len(left), [seen[image_id] for image_id in left]))
    return raw, others


def _keys(name: str, image_ids: Sequence[str]) -> dict[str, str]:
    """Return the key of one artifact of many images, by image id."""
    return {image_id: f"{layout.IMAGES}/{image_id}/{layout.ANALYSIS}/{name}" for image_id in image_ids}


def _read(
    ds: ZarrDataset,
    keys: Mapping[str, str],
    seen: dict[str, list[Seen]],
    absent: Collection[str],
    absent_ns: int,
) -> tuple[Blobs, list[str]]:
    """Read one artifact of many images; return what is there, and which images lack it.

    `absent` tells which keys were not there at `absent_ns`, before any was read; they are not asked for.
    """
    blobs = {}
    lacking = []
    seen_ns = ds.store.now_ns()
    present = [key for key in keys.values() if key not in absent]
    answers = dict(zip(present, ds.store.read_many(present), strict=True))
    for image_id, key in keys.items():
        answer = answers.get(key)
        seen[image_id].append(seen_content(key, answer, seen_ns if key in answers else absent_ns))
        if answer is None:
            lacking.append(image_id)
        else:
            blobs[image_id] = answer[0]
    return blobs, lacking


Decoded = tuple[list[tuple[pa.Table, list[str], list[int]]], list[str]]


def _decode_parquet(blobs: Blobs, indexer: ArtifactIndexer) -> Decoded:
    ids, files = list(blobs), list(blobs.values())
    found = []
    odd = set(ids)
    for schema, places, counts in bulk.alike(files) if bulk.is_usable() else ():
        if len(places) < bulk.FEW:
            continue

        def decode(chosen: Sequence[tuple[int, int]], schema: pa.Schema = schema) -> pa.Table:
            n_rows = sum(count for _, count in chosen)
            return indexer.shape(bulk.read_alike([files[place] for place, _ in chosen], schema, n_rows))

        for table, chosen in _in_halves(decode, list(zip(places, counts, strict=True))):
            found.append((table, [ids[place] for place, _ in chosen], [count for _, count in chosen]))
            odd.difference_update(ids[place] for place, _ in chosen)
    return found, [image_id for image_id in ids if image_id in odd]


def _decode_json(blobs: Blobs, indexer: ArtifactIndexer) -> Decoded:
    groups: dict[Kinds, list[Rows]] = {}
    odd = set(blobs)
    for image_id, data in blobs.items():
        try:
            payload = documents.bytes_to_json(data)
        except documents.UnreadableDocument:
            continue
        rows = [payload] if isinstance(payload, dict) else payload
        kinds = _kinds(rows)
        if kinds is not None:
            groups.setdefault(kinds, []).append((image_id, rows))

    found = []
    for kinds, members in groups.items():

        def decode(chosen: Sequence[Rows], kinds: Kinds = kinds) -> pa.Table:
            return indexer.shape(_from_rows([row for _, rows in chosen for row in rows], kinds))

        for table, chosen in _in_halves(decode, members):
            found.append((table, [image_id for image_id, _ in chosen], [len(rows) for _, rows in chosen]))
            odd.difference_update(image_id for image_id, _ in chosen)
    return found, [image_id for image_id in blobs if image_id in odd]


def _in_halves(
    decode: Callable[[Sequence[Any]], pa.Table], items: Sequence[Any]
) -> list[tuple[pa.Table, Any]]:
    """Decode as many together as possible, leaving out those that cannot be decoded at all."""
    try:
        return [(decode(items), items)]
    except (bulk.UnreadableBulk, ColumnError, pa.ArrowException, UnicodeError):
        if len(items) == 1:
            return []
    middle = len(items) // 2
    return [*_in_halves(decode, items[:middle]), *_in_halves(decode, items[middle:])]


_TYPES = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
_INT64 = range(-(2**63), 2**63)


def _from_rows(rows: Sequence[Mapping[str, Any]], kinds: Kinds) -> pa.Table:
    columns = {}
    for name, kind in kinds:
        if kind is type(None):
            columns[name] = pa.nulls(len(rows))
        else:
            columns[name] = pa.array([row[name] for row in rows], _TYPES[kind])
    return pa.table(columns)


def _kinds(rows: object) -> Kinds | None:
    """Return names and kinds of plain values that all rows share; None if they are anything else."""
    if not isinstance(rows, list) or not rows:
        return None
    first = _kinds_of(rows[0])
    if first is None or any(_kinds_of(row) != first for row in rows[1:]):
        return None
    return first


def _kinds_of(row: object) -> Kinds | None:
    if not isinstance(row, dict):
        return None
    kinds = []
    for name, value in row.items():
        kind = type(value)
        if value is None or (kind is float and value != value):
            kind = type(None)
        elif kind not in _TYPES or (kind is int and value not in _INT64):
            return None
        kinds.append((name, kind))
    return tuple(kinds)
