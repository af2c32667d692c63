"""What a first indexer lacks is said in one line, with what to write."""

from __future__ import annotations

import functools
from collections.abc import AsyncIterator, Iterator
from typing import Any, cast

import pandas as pd
import pytest

from kymflow import Column, IndexerRegistry, InvalidIndexerError
from kymflow.core.zarr.indexers.contract import contract_of


class Lines:
    name = "lines"

    def extract_rows(self, rec: object) -> pd.DataFrame:
        return pd.DataFrame()


class NoName:
    extract_rows = Lines.extract_rows


class NoRows:
    name = "lines"


class Misspelt(NoRows):
    def extract_row(self, rec: object) -> None: ...


class NoRecord(NoRows):
    def extract_rows(self) -> None: ...


class MoreThanTheRecord(NoRows):
    def extract_rows(self, rec: object, threshold: float, channel: int = 0) -> None: ...


class ByKeyword(NoRows):
    def extract_rows(self, rec: object, *, threshold: float) -> None: ...


class Async(NoRows):
    async def extract_rows(self, rec: object) -> None: ...


class AsyncRows(NoRows):
    async def extract_rows(self, rec: object) -> AsyncIterator[int]:
        yield 1


class Yielding(NoRows):
    def extract_rows(self, rec: object) -> Iterator[int]:
        yield 1


class NoMethod(NoRows):
    extract_rows = 5


class Surrogate(Lines):
    name = "\ud800"


@pytest.mark.parametrize(
    ("indexer", "why"),
    [
        (NoName(), "NoName has no name: give the class a line like name = 'stalls'"),
        (NoRows(), r"NoRows has no method extract_rows\(self, rec\), which an indexer needs$"),
        (NoRows, r"NoRows has no method extract_rows\(self, rec\), which an indexer needs$"),
        (Lines, r"got the class itself; pass an instance, Lines\(\)"),
        (Misspelt(), "has no method extract_rows.*; did you mean extract_row to be it"),
        (NoRecord(), r"extract_rows takes no record: write def extract_rows\(self, rec\)"),
        (MoreThanTheRecord(), "called with the record alone, but takes threshold, too: give that a default"),
        (ByKeyword(), "called with the record alone, but takes threshold, too"),
        (Async(), "extract_rows is async; .*: write def, not async def"),
        (AsyncRows(), "extract_rows is async"),
        (Yielding(), "extract_rows yields; it must return all rows of the record as one DataFrame"),
        (NoMethod(), "extract_rows must be a method"),
        (Surrogate(), r"its name '\\ud800' is no UTF-8: it holds half a character"),
    ],
)
def test_what_is_missing_is_said_in_one_line(indexer: Any, why: str) -> None:
    with pytest.raises(InvalidIndexerError, match=why) as raised:
        contract_of(indexer)
    assert len(str(raised.value).splitlines()) == 1
    str(raised.value).encode("utf-8")


class Bound(NoRows):
    def __init__(self) -> None:
        self.extract_rows = functools.partial(lambda threshold, rec: pd.DataFrame(), 1.0)


class Any_(NoRows):
    def extract_rows(self, *words: object, **more: object) -> pd.DataFrame:
        return pd.DataFrame()


@pytest.mark.parametrize("indexer", [Lines(), Bound(), Any_()], ids=["plain", "partial", "any arguments"])
def test_what_can_be_called_with_a_record_is_an_indexer_and_its_table_is_named_as_it_is(indexer: Any) -> None:
    assert contract_of(indexer).table_name == "lines"
    registry = IndexerRegistry(())
    registry.register(indexer)
    assert [info.table_name for info in registry.list()] == ["lines"]


def test_columns_alone_are_enough() -> None:
    class Declaring(Lines):
        columns = (Column("speed", "float", "mm/s"), Column("word", "str", required=False))

    contract = contract_of(cast("Any", Declaring()))
    assert contract.required == ("speed",)
    assert [column.name for column in contract.declared] == ["speed", "word"]
