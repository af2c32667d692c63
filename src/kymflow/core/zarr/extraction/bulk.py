"""Rows that are artifacts: those of many images are read and decoded together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kymflow.core.zarr.extraction.rows import Raw
from kymflow.core.zarr.indexers.artifact import FORMS, ArtifactIndexer
from kymflow_zarr import layout
from kymflow_zarr.errors import ColumnError, InvalidNameError, StoreError
from kymflow_zarr.formats import bulk, documents
from kymflow_zarr.store.dependencies import DependenciesOf, DependencyColumns, Row, content_row

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Listing

Blobs = dict[str, bytes]
# An image's rows as JSON has them, and what kind of value stands under each name.
Rows = tuple[str, list[dict[str, Any]]]
Kinds = tuple[tuple[str, type], ...]


def is_declaration(indexer: object) -> bool:
    """Tell whether an indexer's rows are its artifact, with no code of its own between."""
    return isinstance(indexer, ArtifactIndexer) and all(
        getattr(type(indexer), name) is getattr(ArtifactIndexer, name)
        for name in ("extract_rows", "read_rows", "shape", "_read_artifact", "_from_json", "_renamed")
    )


@dataclass(frozen=True)
class Artifacts:
    """What was read of many images.

    Attributes
    ----------
    image_ids : sequence of str
        The images.
    blobs : dict of str to dict of str to bytes
        The artifacts as they were read, by form and image id.
    lacking : list of str
        Images that have none.
    seen : dict of str to sequence of Dependency
        What was asked for, by image id.
    """

    image_ids: Sequence[str]
    blobs: Mapping[str, Blobs]
    lacking: Sequence[str]
    seen: Mapping[str, DependenciesOf]


def read_artifacts(
    ds: ZarrDataset, indexer: ArtifactIndexer, image_ids: Sequence[str], listing: Listing | None = None
) -> Artifacts | None:
    """Read the artifacts of many images.

    What is read, and what is noted of it, is the same as when each record is asked by itself. A
    listing that was made before may tell what there is no need to ask for.

    Returns
    -------
    Artifacts or None
        None if the medium refused one of them, or the name cannot be a key: each image tells it of itself.
    """
    try:
        layout.check_artifact_name(indexer.artifact)
        return _read_artifacts(ds, indexer, image_ids, listing)
    except (InvalidNameError, StoreError):
        return None


def _read_artifacts(
    ds: ZarrDataset, indexer: ArtifactIndexer, image_ids: Sequence[str], listing: Listing | None
) -> Artifacts:
    notes: dict[str, list[Row]] = {image_id: [] for image_id in image_ids}
    blobs: dict[str, Blobs] = {}
    left = list(image_ids)
    seen_ns = ds.store.now_ns() if listing is None else listing.seen_ns
    short = {form: f"{layout.ANALYSIS}/{indexer.artifact}{form}" for form in FORMS}
    keys = {form: {one: f"{layout.IMAGES}/{one}/{key}" for one in image_ids} for form, key in short.items()}
    absent = ds.store.absent([key for some in keys.values() for key in some.values()], listing)
    for form in FORMS:
        asked = {one: keys[form][one] for one in left}
        blobs[form], left = _read(ds, short[form], asked, notes, absent, seen_ns)
    seen = DependencyColumns.of_rows(image_ids, list(notes.values()))
    return Artifacts(image_ids, blobs, left, dict(zip(image_ids, seen, strict=True)))


def decode_artifacts(indexer: ArtifactIndexer, artifacts: Artifacts) -> tuple[list[Raw], list[str]]:
    """Decode what was read of many images.

    Returns
    -------
    raw : list of Raw
        Rows of images whose artifacts are of one kind, together.
    others : list of str
        Images that have to be asked one by one: what they hold is damaged or out of the ordinary.
    """
    blobs, seen, left = artifacts.blobs, artifacts.seen, artifacts.lacking
    # Old forms; few datasets have them.
    others = {image_id for form in FORMS[2:] for image_id in blobs[form]}
    raw: list[Raw] = []
    for decode, form in ((_decode_parquet, ".parquet"), (_decode_json, ".json")):
        found, odd = decode(blobs[form], indexer)
        others.update(odd)
        raw += [Raw(table, ids, counts, [seen[image_id] for image_id in ids]) for table, ids, counts in found]
    if left:
        empty = indexer.shape(pa.table({}))
        raw.append(Raw(empty, left, [0] * len(left), [seen[image_id] for image_id in left]))
    # In the order of the images, so that the first that fails is the first to be told of.
    return raw, [image_id for image_id in artifacts.image_ids if image_id in others]


def _read(
    ds: ZarrDataset,
    short_key: str,
    keys: Mapping[str, str],
    notes: dict[str, list[Row]],
    absent: Collection[str],
    absent_ns: int,
) -> tuple[Blobs, list[str]]:
    """Read one artifact of many images, by its keys; return what is there, and which images lack it.

    `absent` tells which keys were not there at `absent_ns`, before any was read; they are not asked for.
    """
    blobs = {}
    lacking = []
    seen_ns = ds.store.now_ns()
    present = [key for key in keys.values() if key not in absent]
    answers = dict(zip(present, ds.store.read_many(present), strict=True))
    for image_id, key in keys.items():
        answer = answers.get(key)
        notes[image_id].append(content_row(short_key, answer, seen_ns if key in answers else absent_ns))
        if answer is None:
            lacking.append(image_id)
        else:
            blobs[image_id] = answer[0]
    return blobs, lacking


# Rows of images, whose they are, and how many each has; and whose cannot be decoded.
Together = tuple[pa.Table, list[str], list[int]]
Decoded = tuple[list[Together], list[str]]
# An image, and where its rows begin among others, and how many there are.
Span = tuple[str, int, int]


def _together(table: pa.Table, counts: Sequence[tuple[str, int]]) -> Together:
    """Return rows with their images; where no column is left there are no rows either."""
    return (
        table,
        [image_id for image_id, _ in counts],
        [count if table.num_columns else 0 for _, count in counts],
    )


def _decode_parquet(blobs: Blobs, indexer: ArtifactIndexer) -> Decoded:
    ids = list(blobs)
    found: list[Together] = []
    odd = set(ids)
    for rows, places, counts in bulk.read_alike(list(blobs.values())):
        begins = itertools.accumulate(counts, initial=0)
        spans = [
            (ids[place], begin, count) for place, begin, count in zip(places, begins, counts, strict=False)
        ]

        def decode(chosen: Sequence[Span], rows: pa.Table = rows) -> pa.Table:
            begin, n_rows = chosen[0][1], sum(count for _, _, count in chosen)
            return indexer.shape(rows.slice(begin, n_rows))

        for table, chosen in _in_halves(decode, spans):
            found.append(_together(table, [(image_id, count) for image_id, _, count in chosen]))
            odd.difference_update(image_id for image_id, _, _ in chosen)
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

    found: list[Together] = []
    for kinds, members in groups.items():

        def decode(chosen: Sequence[Rows], kinds: Kinds = kinds) -> pa.Table:
            return indexer.shape(_from_rows([row for _, rows in chosen for row in rows], kinds))

        for table, chosen in _in_halves(decode, members):
            found.append(_together(table, [(image_id, len(rows)) for image_id, rows in chosen]))
            odd.difference_update(image_id for image_id, _ in chosen)
    return found, [image_id for image_id in blobs if image_id in odd]


def _in_halves(
    decode: Callable[[Sequence[Any]], pa.Table], items: Sequence[Any]
) -> list[tuple[pa.Table, Any]]:
    """Decode as many together as possible, leaving out those that cannot be decoded at all."""
    try:
        return [(decode(items), items)]
    except (ColumnError, pa.ArrowException, KeyError, UnicodeError):
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
    # Objects without any name are no rows.
    if not first or any(_kinds_of(row) != first for row in rows[1:]):
        return None
    return first


def _kinds_of(row: object) -> Kinds | None:
    # An object without names gives no columns, and so no rows.
    if not isinstance(row, dict) or not row:
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
