from __future__ import annotations

from typing import Any

import pandas as pd
import pytest

from kymflow import Column, InvalidIndexerError
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow_indexers_builtin import VelocityEventsIndexer
from support.simple_indexers import FrameIndexer


def changed(**members: Any) -> FrameIndexer:
    indexer = FrameIndexer({})
    for name, value in members.items():
        setattr(indexer, name, value)
    return indexer


def test_the_table_name_is_normalized() -> None:
    assert contract_of(changed(table_name="Flow per ROI")).table_name == "flow_per_roi"


def test_members_that_are_optional_have_defaults() -> None:
    class Least:
        name = table_name = "least"

        def extract_rows(self, rec: object) -> pd.DataFrame:
            return pd.DataFrame()

    contract = contract_of(Least())

    assert (contract.schema_version, contract.required, contract.declared) == ("1", (), ())


def test_required_columns_and_required_declared_columns_come_together_without_image_id() -> None:
    columns = [Column("b", "int"), Column("c", required=False), Column("image_id", "str")]
    contract = contract_of(FrameIndexer({}, columns=columns, required=["image_id", "a", "b"]))

    assert contract.required == ("a", "b")
    assert [column.name for column in contract.declared] == ["b", "c"]
    assert [field.name for field in contract.first_fields] == ["image_id", "a", "b"]


@pytest.mark.parametrize(
    ("members", "cause"),
    [
        ({"name": ""}, "name must be text"),
        ({"name": 3}, "indexer 3: name must be text, got 3"),
        ({"table_name": "日本"}, "indexer 'lab': '日本' cannot name a table"),
        ({"table_name": None}, "indexer 'lab': a table name must be a str, got NoneType"),
        ({"table_name": "sources"}, "table name 'sources' is kept by the dataset itself"),
        ({"table_name": "con"}, "indexer 'lab': .*'con'.*device name on Windows"),
        ({"schema_version": 2}, "schema_version must be a str, got int: 2"),
        ({"extract_rows": 5}, "extract_rows must be a method"),
        ({"columns": ["roi_id"]}, "indexer 'lab': columns must be a sequence of Column"),
        ({"columns": [Column("x"), Column("x")]}, "column 'x' is declared twice"),
        ({"required_columns": lambda: [1]}, "required_columns\\(\\) must give str, got \\[1\\]"),
        ({"required_columns": lambda: 1 / 0}, "required_columns\\(\\) failed: ZeroDivisionError"),
        ({"required_columns": ["roi_id"]}, "required_columns\\(\\) failed: TypeError"),
        ({"required_columns": lambda: "roi_id"}, "required_columns"),
    ],
)
def test_a_member_that_is_not_as_promised_is_refused_by_name(members: dict[str, Any], cause: str) -> None:
    with pytest.raises(InvalidIndexerError, match=cause):
        contract_of(changed(**members))


def test_a_class_in_place_of_an_instance_is_refused() -> None:
    with pytest.raises(InvalidIndexerError, match="got the class itself; pass an instance, VelocityEvents"):
        contract_of(VelocityEventsIndexer)  # type: ignore[arg-type]


def test_an_object_that_is_no_indexer_is_told_what_it_lacks() -> None:
    with pytest.raises(InvalidIndexerError, match="it lacks name, extract_rows"):
        contract_of(object())  # type: ignore[arg-type]
