from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest

from kymflow import KymDataset
from kymflow.core.zarr.tables.ledger import Ledger, LedgerEntry
from kymflow.core.zarr.tables.ledger_file import TableFile, commit_of, encode_ledger, find_ledger
from kymflow_zarr import layout
from kymflow_zarr.formats import frames

COMMIT = "0123abcd"


@pytest.fixture
def ledger() -> Ledger:
    rows = pa.schema([("image_id", pa.string()), ("x", pa.float64())])
    return Ledger.of(
        {
            "b": LedgerEntry(2, rows, "1"),
            "a": LedgerEntry(1, rows, "2"),
            "c": LedgerEntry(0, pa.schema([]), "1"),
        }
    )


@pytest.fixture
def table() -> pa.Table:
    return pa.table({"image_id": ["a"]}).replace_schema_metadata({"kymflow.commit": COMMIT})


def keep(kd: KymDataset, data: bytes, commit_id: str = COMMIT) -> Path:
    kd.ds.store.put(layout.ledger_key("lab", commit_id), data)
    return Path(kd.ds.path) / layout.ledger_key("lab", commit_id)


def test_a_ledger_comes_back_as_it_was_written(kd: KymDataset, ledger: Ledger, table: pa.Table) -> None:
    file = TableFile(frames.arrow_to_parquet(table))
    keep(kd, encode_ledger(ledger, COMMIT, file))

    assert find_ledger(kd.ds.store, "lab", table.schema, file) == ledger


def test_ledgers_are_equal_by_their_entries_however_they_came_about(ledger: Ledger) -> None:
    other = LedgerEntry(3, pa.schema([("y", pa.string())]), "1", error="why")
    grown = ledger.changed(Ledger.of({"aa": other, "b": other}))
    assert grown != ledger
    assert grown == {**ledger, "aa": other, "b": other}
    back = grown.changed(Ledger.of({"b": ledger["b"]}), {"aa"})
    assert back == ledger
    another_way = Ledger.of({"c": ledger["c"]}).changed(Ledger.of({"a": ledger["a"], "b": ledger["b"]}))
    assert another_way.schemas != ledger.schemas
    assert another_way == ledger
    assert back.changed(Ledger.of({"c": LedgerEntry(0, pa.schema([]), "2")})) != ledger
    assert ledger.changed(Ledger.of({}), {"a", "b", "c"}) == {}


def test_schemas_that_no_image_has_any_more_go(ledger: Ledger) -> None:
    for number in range(5):
        schema = pa.schema([(f"x{number}", pa.float64())])
        ledger = ledger.changed(Ledger.of({"a": LedgerEntry(1, schema, "1")}))
        assert ledger["a"].schema == schema
    assert sorted(one.names for one in ledger.schemas) == [[], ["image_id", "x"], ["x4"]]
    assert [ledger[image_id].schema.names for image_id in "abc"] == [["x4"], ["image_id", "x"], []]


def test_what_is_looked_up_is_the_same_with_and_without_an_index(ledger: Ledger) -> None:
    ids = ["", "a", "aa", "b", "c", "d"]
    by_search = [(one in ledger, ledger.get(one)) for one in ids], ledger.spans(ids), ledger.among(ids)
    indexed = Ledger(ledger.columns, ledger.schemas)
    indexed.among([*ids, *map(str, range(1000))])
    by_index = [(one in indexed, indexed.get(one)) for one in ids], indexed.spans(ids), indexed.among(ids)
    assert by_search == by_index
    assert ledger.spans(ids) == [(0, 0), (0, 1), (1, 1), (1, 3), (3, 3), (3, 3)]
    assert ledger.among(ids) == ["a", "b", "c"]


def test_an_empty_ledger_is_a_ledger(kd: KymDataset, table: pa.Table) -> None:
    file = TableFile(frames.arrow_to_parquet(table))
    keep(kd, encode_ledger(Ledger.of({}), COMMIT, file))

    assert find_ledger(kd.ds.store, "lab", table.schema, file) == {}


def test_a_ledger_of_other_bytes_is_none(kd: KymDataset, ledger: Ledger, table: pa.Table) -> None:
    file = TableFile(frames.arrow_to_parquet(table))
    keep(kd, encode_ledger(ledger, COMMIT, file))

    assert find_ledger(kd.ds.store, "lab", table.schema, TableFile(file.data + b" ")) is None
    assert find_ledger(kd.ds.store, "lab", table.schema, TableFile(file.data[:-1] + b"x")) is None


def test_a_ledger_of_another_commit_under_this_name_is_none(
    kd: KymDataset, ledger: Ledger, table: pa.Table
) -> None:
    file = TableFile(frames.arrow_to_parquet(table))
    keep(kd, encode_ledger(ledger, "other", file))

    assert find_ledger(kd.ds.store, "lab", table.schema, file) is None


def test_a_missing_ledger_is_none(kd: KymDataset, table: pa.Table) -> None:
    assert find_ledger(kd.ds.store, "lab", table.schema, TableFile(frames.arrow_to_parquet(table))) is None


@pytest.mark.parametrize("damage", [b"", b"PAR1", b"\0" * 100])
def test_a_damaged_ledger_is_none(kd: KymDataset, table: pa.Table, damage: bytes) -> None:
    keep(kd, damage)

    assert find_ledger(kd.ds.store, "lab", table.schema, TableFile(frames.arrow_to_parquet(table))) is None


def test_a_ledger_that_lost_a_column_is_none(kd: KymDataset, ledger: Ledger, table: pa.Table) -> None:
    file = TableFile(frames.arrow_to_parquet(table))
    encoded = frames.parquet_to_arrow(encode_ledger(ledger, COMMIT, file))
    keep(kd, frames.arrow_to_parquet(encoded.drop_columns(["schema"])))

    assert find_ledger(kd.ds.store, "lab", table.schema, file) is None


def test_a_ledger_with_a_damaged_schema_is_none(kd: KymDataset, ledger: Ledger, table: pa.Table) -> None:
    file = TableFile(frames.arrow_to_parquet(table))
    encoded = frames.parquet_to_arrow(encode_ledger(ledger, COMMIT, file))
    place = encoded.column_names.index("schema")
    keep(kd, frames.arrow_to_parquet(encoded.set_column(place, "schema", pa.array([b"no schema"] * 3))))

    assert find_ledger(kd.ds.store, "lab", table.schema, file) is None


@pytest.mark.parametrize("metadata", [None, {"kymflow.commit": ""}, {"kymflow.commit": "../climb"}])
def test_a_table_that_kymflow_did_not_commit_has_no_commit_id(metadata: dict[str, str] | None) -> None:
    assert commit_of(pa.schema([("x", pa.int64())], metadata)) is None
