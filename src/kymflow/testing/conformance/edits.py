"""Copies of the sample whose images were edited: the same ids, other contents."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.compute as pc

from kymflow.testing.conformance.subject import Subject
from kymflow_zarr.errors import ArtifactError
from kymflow_zarr.formats import documents, frames
from kymflow_zarr.layout import record_prefix

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

_FACTOR = 1.25


def edited_copies(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield what was edited, in words, and the path of a dataset in which it was."""
    yield "every number", str(_with_other_numbers(subject).path)
    yield "everything", str(_exchanged(subject).path)


def _with_other_numbers(subject: Subject) -> ZarrDataset:
    """Return a copy in which all fractions are others, so that nothing has another length."""
    ds = subject.copy(*subject.good)
    for image_id in subject.good:
        for found in list(ds.store.list(f"{record_prefix(image_id)}/analysis")):
            try:
                edited = _other_numbers(found.key, ds.store.read(found.key)[0])
            except ArtifactError:
                # Damaged already, in a dataset of the author's.
                continue
            if edited is not None:
                ds.store.put(found.key, edited)
    return ds


def _exchanged(subject: Subject) -> ZarrDataset:
    """Return a copy in which each image has the contents of the next."""
    ds, source = subject.copy(*subject.good), subject.sample.ds.store
    image_ids = list(subject.good)
    for image_id, other in zip(image_ids, [*image_ids[1:], *image_ids[:1]], strict=True):
        mine, others = record_prefix(image_id), record_prefix(other)
        ds.store.delete_tree(mine)
        for found in list(source.list(others)):
            ds.store.put(mine + found.key[len(others) :], source.read(found.key)[0])
    return ds


def _other_numbers(key: str, data: bytes) -> bytes | None:
    if key.endswith(".parquet"):
        table = frames.parquet_to_arrow(data)
        for place in range(table.num_columns):
            if pa.types.is_floating(table.schema.field(place).type):
                scaled = pc.multiply(table.column(place), pa.scalar(_FACTOR, table.schema.field(place).type))
                table = table.set_column(place, table.schema.field(place), scaled)
        return frames.arrow_to_parquet(table)
    compressed = key.endswith(".gz")
    if not key.removesuffix(".gz").endswith(".json"):
        return None
    content = documents.bytes_to_json(documents.gunzip(data) if compressed else data)
    edited = json.dumps(_scaled(content)).encode("utf-8")
    return gzip.compress(edited) if compressed else edited


def _scaled(value: Any) -> Any:
    if isinstance(value, float):
        return value * _FACTOR
    if isinstance(value, dict):
        return {key: _scaled(one) for key, one in value.items()}
    return [_scaled(one) for one in value] if isinstance(value, list) else value
