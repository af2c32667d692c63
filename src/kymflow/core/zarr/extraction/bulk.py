"""Rows that are artifacts: those of many images are read and decoded together."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from kymflow.core.zarr.extraction.batch import Batch
from kymflow.core.zarr.indexers.artifact import ArtifactIndexer
from kymflow.core.zarr.indexers.base import BulkIndexer
from kymflow.core.zarr.indexers.json_rows import NoRows, Paths, rows_of_json, unnest, unnest_table
from kymflow_zarr import layout
from kymflow_zarr.errors import InvalidNameError, StoreError
from kymflow_zarr.formats import bulk, documents
from kymflow_zarr.record.artifacts import ARTIFACT_FORMS
from kymflow_zarr.store.dependencies import Dependencies, Row, content_row

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Listing

Blobs = dict[str, bytes]
# An image's rows as JSON has them, and what kind of value stands under each name.
Rows = tuple[str, list[dict[str, Any]]]
Kinds = tuple[tuple[str, type], ...]


@dataclass(frozen=True)
class Artifacts:
    """What was read of many images.

    Attributes
    ----------
    dependencies : Dependencies
        The images, and what was read of each.
    blobs : mapping of str to dict of str to bytes
        The artifacts as they were read, by form and image id.
    lacking : list of str
        Images that have none.
    """

    dependencies: Dependencies
    blobs: Mapping[str, Blobs]
    lacking: Sequence[str]

    @cached_property
    def places(self) -> dict[str, int]:
        """Where each image stands among `dependencies`."""
        return {image_id: place for place, image_id in enumerate(self.dependencies.record_ids.to_pylist())}

    def batch(self, table: pa.Table, image_ids: Sequence[str], counts: Sequence[int]) -> Batch:
        """Return rows of some of the images as a batch."""
        dependencies = self.dependencies.take([self.places[image_id] for image_id in image_ids])
        return Batch.of_table(table, counts, dependencies)


def read_artifacts(
    ds: ZarrDataset, artifact: str, image_ids: Sequence[str], listing: Listing | None = None
) -> Artifacts | None:
    """Read one artifact of many images.

    The dependencies are the same as when each record is read by itself. What a listing says is absent is
    not read.

    Returns
    -------
    Artifacts or None
        None if the medium refused one of them, or the name cannot be a key: each image tells it of itself.
    """
    try:
        layout.check_artifact_name(artifact)
        return _read_artifacts(ds, artifact, image_ids, listing)
    except (InvalidNameError, StoreError):
        return None


def _read_artifacts(
    ds: ZarrDataset, artifact: str, image_ids: Sequence[str], listing: Listing | None
) -> Artifacts:
    rows: dict[str, list[Row]] = {image_id: [] for image_id in image_ids}
    blobs: dict[str, Blobs] = {}
    left = list(image_ids)
    seen_ns = ds.store.now_ns() if listing is None else listing.seen_ns
    short = {form: f"{layout.ANALYSIS}/{artifact}{form}" for form in ARTIFACT_FORMS}
    keys = {form: {one: f"{layout.IMAGES}/{one}/{key}" for one in image_ids} for form, key in short.items()}
    absent = ds.store.absent([key for some in keys.values() for key in some.values()], listing)
    for form in ARTIFACT_FORMS:
        wanted = {one: keys[form][one] for one in left}
        blobs[form], left = _read(ds, short[form], wanted, rows, absent, seen_ns)
    return Artifacts(Dependencies.of_rows(image_ids, list(rows.values())), blobs, left)


def decode_artifacts(indexer: BulkIndexer, artifacts: Artifacts) -> tuple[list[Batch], list[str]]:
    """Decode what was read of many images.

    Returns
    -------
    batches : list of Batch
        Rows of images whose artifacts are of one kind, together.
    odd : list of str
        Images that have to be extracted one by one: their artifacts are damaged or out of the ordinary.
    """
    # Old forms; few datasets have them.
    odd = {image_id for form in ARTIFACT_FORMS[2:] for image_id in artifacts.blobs[form]}
    batches = []
    for decode, form in ((_decode_parquet, ".parquet"), (_decode_json, ".json")):
        found, others = decode(artifacts.blobs[form], indexer)
        odd.update(others)
        batches += [artifacts.batch(*together) for together in found]
    if artifacts.lacking:
        try:
            empty = _shaped(indexer, pa.table({}))
            batches.append(artifacts.batch(empty, artifacts.lacking, [0] * len(artifacts.lacking)))
        except _OddArtifact:
            odd.update(artifacts.lacking)
    # In the order of the images, so that the first that fails is the first to be told of.
    return batches, [image_id for image_id in artifacts.places if image_id in odd]


def _read(
    ds: ZarrDataset,
    short_key: str,
    keys: Mapping[str, str],
    rows: dict[str, list[Row]],
    absent: Collection[str],
    absent_ns: int,
) -> tuple[Blobs, list[str]]:
    """Read one artifact of many images, by its keys; return what is there, and which images lack it.

    `absent` are keys that were not there at `absent_ns`, before any was read; they are not read.
    """
    blobs = {}
    lacking = []
    seen_ns = ds.store.now_ns()
    present = [key for key in keys.values() if key not in absent]
    answers = dict(zip(present, ds.store.read_many(present), strict=True))
    for image_id, key in keys.items():
        answer = answers.get(key)
        rows[image_id].append(content_row(short_key, answer, seen_ns if key in answers else absent_ns))
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


def _decode_parquet(blobs: Blobs, indexer: BulkIndexer) -> Decoded:
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
            return _shaped(indexer, unnest_table(rows.slice(begin, n_rows), _paths(indexer)))

        for table, chosen in _in_halves(decode, spans):
            found.append(_together(table, [(image_id, count) for image_id, _, count in chosen]))
            odd.difference_update(image_id for image_id, _, _ in chosen)
    return found, [image_id for image_id in ids if image_id in odd]


def _decode_json(blobs: Blobs, indexer: BulkIndexer) -> Decoded:
    groups: dict[Kinds, list[Rows]] = {}
    odd = set(blobs)
    paths = _paths(indexer)
    declared = _declared_kinds(indexer)
    for image_id, data in blobs.items():
        try:
            rows = rows_of_json(documents.bytes_to_json(data))
        except (documents.UnreadableDocument, NoRows):
            continue
        rows = [dict(unnest(row, paths)) for row in rows] if paths else rows
        kinds = _kinds(rows, declared)
        if kinds is not None:
            groups.setdefault(kinds, []).append((image_id, rows))

    found: list[Together] = []
    for kinds, members in groups.items():

        def decode(chosen: Sequence[Rows], kinds: Kinds = kinds) -> pa.Table:
            return _shaped(indexer, _from_rows([row for _, rows in chosen for row in rows], kinds))

        for table, chosen in _in_halves(decode, members):
            found.append(_together(table, [(image_id, len(rows)) for image_id, rows in chosen]))
            odd.difference_update(image_id for image_id, _ in chosen)
    return found, [image_id for image_id in blobs if image_id in odd]


class _OddArtifact(Exception):
    """Some of the artifacts cannot be shaped together with others."""


def _shaped(indexer: BulkIndexer, rows: pa.Table) -> pa.Table:
    # A plugin's own code may run here. DependencyKind one by one, each image tells what is wrong with it.
    try:
        table = indexer.shape(rows)
    except Exception as error:
        raise _OddArtifact from error
    if not isinstance(table, pa.Table) or (table.num_columns and table.num_rows != rows.num_rows):
        raise _OddArtifact
    return table


def _in_halves(
    decode: Callable[[Sequence[Any]], pa.Table], items: Sequence[Any]
) -> list[tuple[pa.Table, Any]]:
    """Decode as many together as possible, leaving out those that cannot be decoded at all."""
    try:
        return [(decode(items), items)]
    except (_OddArtifact, pa.ArrowException, KeyError, UnicodeError):
        if len(items) == 1:
            return []
    middle = len(items) // 2
    return [*_in_halves(decode, items[:middle]), *_in_halves(decode, items[middle:])]


_TYPES = {bool: pa.bool_(), int: pa.int64(), float: pa.float64(), str: pa.string()}
_INT64 = range(-(2**63), 2**63)


def _paths(indexer: BulkIndexer) -> Paths:
    # Of an ArtifactIndexer; others take their values out of objects themselves.
    return indexer.paths if isinstance(indexer, ArtifactIndexer) else ()


def _declared_kinds(indexer: BulkIndexer) -> Mapping[str, type]:
    """Return what kind of value JSON has for each declared column: missing ones then are no other kind."""
    kinds = {"str": str, "int": int, "float": float, "bool": bool}
    columns = getattr(indexer, "columns", ())
    return {column.name: kinds[column.type] for column in columns if column.type in kinds}


def _from_rows(rows: Sequence[Mapping[str, Any]], kinds: Kinds) -> pa.Table:
    columns = {}
    for name, kind in kinds:
        if kind is type(None):
            columns[name] = pa.nulls(len(rows))
        else:
            columns[name] = pa.array([row[name] for row in rows], _TYPES[kind], from_pandas=True)
    return pa.table(columns)


def _kinds(rows: Sequence[Mapping[str, Any]], declared: Mapping[str, type]) -> Kinds | None:
    """Return names and kinds of plain values that all rows share; None if they are anything else."""
    if not rows:
        return None
    first = _kinds_of(rows[0], declared)
    # Objects without any name are no rows.
    if not first or any(_kinds_of(row, declared) != first for row in rows[1:]):
        return None
    return first


def _kinds_of(row: Mapping[str, Any], declared: Mapping[str, type]) -> Kinds | None:
    kinds = []
    for name, value in row.items():
        kind = type(value)
        if value is None or (kind is float and value != value):
            kind = declared.get(name, type(None))
        elif kind not in _TYPES or (kind is int and value not in _INT64):
            return None
        kinds.append((name, kind))
    return tuple(kinds)
