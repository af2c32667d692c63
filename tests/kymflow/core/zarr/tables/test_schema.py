from __future__ import annotations

import pyarrow as pa
import pytest

from kymflow import Column, SchemaError
from kymflow.core.zarr.extraction.plain_types import own_columns
from kymflow.core.zarr.indexers.contract import TableContract, contract_of
from kymflow.core.zarr.tables.ledger import Ledger, LedgerEntry
from kymflow.core.zarr.tables.schema import check_exact, conform, table_schema
from support.simple_indexers import FrameIndexer

T1 = Column("t1_s", "float", "s", "End")


def contract(*columns: Column, required: tuple[str, ...] = ()) -> TableContract:
    return contract_of(FrameIndexer({}, columns=columns, required=required))


def ledger(**images: dict[str, pa.DataType]) -> Ledger:
    return Ledger.of(
        {one: LedgerEntry(1, pa.schema(list(fields.items())), "1") for one, fields in images.items()}
    )


def schema_of(the_contract: TableContract, **images: dict[str, pa.DataType]) -> dict[str, pa.DataType]:
    schema = table_schema(the_contract, ledger(**images))
    return dict(zip(schema.names, schema.types, strict=True))


# One image's own types


def test_a_column_without_any_value_has_no_type_yet() -> None:
    own = own_columns(pa.table({"x": pa.array([None, float("nan")]), "y": pa.array([None, 1])}))

    assert own.schema.types == [pa.null(), pa.int64()]


def test_a_table_without_rows_has_no_types() -> None:
    assert own_columns(pa.table({"x": pa.array([], pa.int64())})).schema.types == [pa.null()]


def test_nan_becomes_missing_and_categories_become_their_values() -> None:
    own = own_columns(
        pa.table({"x": pa.array([1.5, float("nan")]), "kind": pa.array(["a", "b"]).dictionary_encode()})
    )

    assert own.to_pydict() == {"x": [1.5, None], "kind": ["a", "b"]}
    assert own.schema.types == [pa.float64(), pa.string()]


def test_the_many_types_of_text_become_one() -> None:
    own = own_columns(
        pa.table(
            {
                "large": pa.array(["a"], pa.large_string()),
                "lists": pa.array([["a"]], pa.large_list(pa.large_string())),
                "objects": pa.array([{"k": "a"}], pa.struct([("k", pa.large_string())])),
            }
        )
    )

    assert own.schema.types == [
        pa.string(),
        pa.list_(pa.string()),
        pa.struct([("k", pa.string())]),
    ]


# The table's schema


def test_image_id_and_required_columns_are_there_without_any_image() -> None:
    assert schema_of(contract(T1, required=("roi_id",))) == {
        "image_id": pa.string(),
        "roi_id": pa.null(),
        "t1_s": pa.float64(),
    }


def test_columns_come_by_first_appearance_after_the_required_ones() -> None:
    found = schema_of(
        contract(T1, Column("note", "str", required=False)),
        a={"image_id": pa.string(), "z": pa.int64()},
        b={"note": pa.null(), "a": pa.int64(), "z": pa.int64()},
    )

    assert list(found) == ["image_id", "t1_s", "z", "note", "a"]
    assert found["note"] == pa.string()


def test_a_declared_type_holds_whatever_the_images_have() -> None:
    assert schema_of(contract(T1), a={"t1_s": pa.null()})["t1_s"] == pa.float64()


def test_a_clash_names_column_table_indexer_and_both_images() -> None:
    with pytest.raises(
        SchemaError,
        match="column 'x' of table 'lab': image 'a' has int64, image 'c' has string.*indexer 'lab'",
    ) as caught:
        schema_of(contract(), a={"x": pa.int64()}, b={"x": pa.null()}, c={"x": pa.string()})

    assert caught.value.image_ids == ("c", "a")
    assert (caught.value.column, caught.value.image_id) == ("x", "c")


def test_units_and_descriptions_are_field_metadata() -> None:
    schema = table_schema(contract(T1), ledger())

    assert schema.field("t1_s").metadata == {b"unit": b"s", b"description": b"End"}


# Rows brought to it


def test_rows_get_the_columns_of_the_schema_and_lose_the_others() -> None:
    rows = pa.table({"image_id": ["a"], "gone": [1], "x": [1]})
    schema = pa.schema([("image_id", pa.string()), ("x", pa.float64()), ("new", pa.string())])

    assert conform(rows, schema, contract()).to_pydict() == {"image_id": ["a"], "x": [1.0], "new": [None]}


@pytest.mark.parametrize("old", [pa.float64(), pa.int64(), pa.string(), pa.bool_(), pa.timestamp("us")])
def test_a_column_that_lost_its_last_value_loses_its_type(old: pa.DataType) -> None:
    rows = pa.table({"image_id": ["a"], "x": pa.array([None], old)})
    schema = pa.schema([("image_id", pa.string()), ("x", pa.null())])

    assert conform(rows, schema, contract()).schema == schema


def test_integers_that_a_float_cannot_hold_are_refused() -> None:
    rows = pa.table({"x": [2**53 + 1]})

    with pytest.raises(SchemaError, match="column 'x' of table 'lab' holds integers beyond 2\\*\\*53"):
        conform(rows, pa.schema([("x", pa.float64())]), contract())


def test_integers_beyond_2_53_beside_missing_values_are_refused() -> None:
    with pytest.raises(SchemaError, match="'x'.*beyond 2\\*\\*53.*missing values"):
        check_exact(pa.table({"x": pa.array([2**53 + 1, None])}), contract())
    check_exact(pa.table({"x": pa.array([2**53, None]), "y": pa.array([2**60, 1])}), contract())
