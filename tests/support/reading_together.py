"""What the tests of reading together share: indexers in pairs, artifacts, and the comparison."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from kymflow import ArtifactIndexer, Column, IndexerRegistry, KymDataset, ZarrImageRecord
from kymflow.core.runs.options import RunOptions
from kymflow.core.zarr.extraction.run import extract_images
from kymflow.core.zarr.indexers.base import as_bulk
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.core.zarr.tables.schema import conform
from kymflow.core.zarr.tables.state import CODE, find_state
from kymflow_zarr import tables
from kymflow_zarr.errors import KymflowError
from kymflow_zarr.formats import frames

ROWS = "rows"
# Suffix and bytes; None for an image without artifact.
Artifact = tuple[str, bytes] | None


class Plain(ArtifactIndexer):
    name = ROWS


class Declared(ArtifactIndexer):
    name = ROWS
    columns: ClassVar = (
        Column("a", "int", description="A count"),
        Column("b", "float", "mm/s", "A velocity"),
        Column("c", "str", required=False),
        Column("d", "bool", required=False),
        Column("e", "datetime", required=False),
    )


class Renamed(ArtifactIndexer):
    name = ROWS
    columns: ClassVar = (Column("a", "float", "s"),)
    aliases: ClassVar = {"b": "a", "c": "image_id", "d": "e"}


class OnlyDeclared(ArtifactIndexer):
    name = ROWS
    columns: ClassVar = (Column("b", "str", required=False),)
    keep_other_columns = False


class Nothing(ArtifactIndexer):
    name = ROWS
    keep_other_columns = False


TOGETHER: list[type[ArtifactIndexer]] = [Plain, Declared, Renamed, OnlyDeclared, Nothing]


def alone(indexer: ArtifactIndexer) -> ArtifactIndexer:
    """Return an indexer that does the same, and whose records are asked one by one."""

    def read_rows(self: ArtifactIndexer, rec: ZarrImageRecord) -> pa.Table:
        return ArtifactIndexer.read_rows(self, rec)

    other: ArtifactIndexer = type("Alone", (type(indexer),), {"read_rows": read_rows})()
    assert as_bulk(indexer) is indexer
    assert as_bulk(other) is None
    return other


def lab(path: object, image_ids: Sequence[str]) -> KymDataset:
    """Make a dataset of bare records."""
    kd = KymDataset(str(path), mode="a", registry=IndexerRegistry(()))
    for image_id in image_ids:
        kd.ds.store.put(f"images/{image_id}/zarr.json", b'{"zarr_format": 3, "node_type": "group"}')
    return kd


def put(kd: KymDataset, artifacts: Mapping[str, Artifact]) -> None:
    """Give images these artifacts, and no others."""
    for image_id, artifact in artifacts.items():
        kd.ds.store.delete_tree(f"images/{image_id}/analysis")
        if artifact is not None:
            suffix, data = artifact
            kd.ds.store.put(f"images/{image_id}/analysis/{ROWS}{suffix}", data)


def parquet(table: pa.Table | Mapping[str, Any], **how: Any) -> Artifact:
    sink = io.BytesIO()
    pq.write_table(table if isinstance(table, pa.Table) else pa.table(dict(table)), sink, **how)
    return ".parquet", sink.getvalue()


def json(text: str) -> Artifact:
    return ".json", text.encode()


def _extracted(kd: KymDataset, indexer: ArtifactIndexer) -> tuple[dict[str, Any], dict[str, str]]:
    contract = contract_of(indexer)
    ids = kd.ds.list_image_ids()
    found, failed = extract_images(kd.ds, indexer, contract, ids, RunOptions("skip"))
    told = {}
    for place, image_id in enumerate(found.image_ids):
        own_schema = found.schemas[found.own_codes[place]]
        table = conform(found.rows_of(place), own_schema, contract)
        own = [(field.name, str(field.type), field.nullable) for field in own_schema]
        read = [replace(one, seen_ns=0) for one in found.dependencies.decode(place)]
        told[image_id] = (int(found.counts[place]), own, read, _text(table))
    return told, {image_id: str(error) for image_id, error in sorted(failed.items())}


def _text(table: pa.Table) -> str:
    """Return the values as text, since what is no number is not equal to itself."""
    # Python's own times end with the year 9999.
    columns = [
        values.cast(pa.int64()) if pa.types.is_timestamp(values.type) else values for values in table.columns
    ]
    return repr([values.to_pylist() for values in columns])


def _first_failure(kd: KymDataset, indexer: ArtifactIndexer) -> tuple[str, str]:
    try:
        extract_images(kd.ds, indexer, contract_of(indexer), kd.ds.list_image_ids(), RunOptions())
    except KymflowError as error:
        return type(error).__name__, str(error)
    return "", ""


def outcome(kd: KymDataset, run: Callable[[], object], name: str = ROWS) -> object:
    """Return all that a run makes: table bytes but for commit id and code, ledger, report; or its error."""
    try:
        run()
    except KymflowError as error:
        return type(error).__name__, str(error)
    table = frames.parquet_to_arrow(tables.read_table(kd.ds.store, name))
    words = dict(table.schema.metadata)
    del words[b"kymflow.commit"]
    words.pop(CODE.encode(), None)
    data = frames.arrow_to_parquet(table.replace_schema_metadata(words))
    state = find_state(kd.ds.store, name)
    assert state is not None
    assert state.ledger is not None
    entries = {
        image_id: (e.n_rows, str(e.schema), e.error, [replace(s, seen_ns=0) for s in e.dependencies])
        for image_id, e in state.ledger.items()
    }
    return data, entries, replace(kd.reports[name], seconds=0.0)


def _rebuilt(kd: KymDataset, indexer: ArtifactIndexer) -> object:
    if ROWS in kd.ds.list_table_names():
        kd.ds.drop_table(ROWS)
    return outcome(kd, lambda: kd.rebuild(indexer, on_error="skip"))


def assert_same(
    kd: KymDataset, indexer: ArtifactIndexer, *, rebuild: bool = True
) -> tuple[dict[str, Any], dict[str, str]]:
    """Compare reading together with asking each record by itself, in all that can be told apart."""
    other = alone(indexer)
    expected, failed = _extracted(kd, other)
    found = _extracted(kd, indexer)
    assert found == (expected, failed)
    assert _first_failure(kd, indexer) == _first_failure(kd, other)
    if rebuild:
        assert _rebuilt(kd, indexer) == _rebuilt(kd, other)
    return found


def good(number: int) -> Artifact:
    if number % 3:
        return parquet({"a": [number], "b": [number / 2], "c": ["x"]})
    return json(f'{{"a": {number}, "b": {number / 2}, "c": "y"}}')
