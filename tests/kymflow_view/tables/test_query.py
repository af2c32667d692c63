"""What a link asks, and what cannot be asked."""

from __future__ import annotations

import json

import pytest

from kymflow import ColumnError
from kymflow_view.tables.query import (
    MAX_CONDITIONS,
    Condition,
    Query,
    QueryError,
    named_columns,
    parse_query,
    sort_columns,
)

COLUMNS = ["a", "b", "a,b", "-a", "c d", "é"]


def test_a_link_asks_for_rows() -> None:
    where = json.dumps([["a", ">", 1.5], ["b", "missing", None], ["c d", "present"], ["é", "=", "x"]])

    assert parse_query(q="cap", where=where, sort="-a,b", images=True) == Query(
        "cap",
        (
            Condition("a", ">", 1.5),
            Condition("b", "missing"),
            Condition("c d", "present"),
            Condition("é", "=", "x"),
        ),
        "-a,b",
        True,
    )
    assert parse_query() == parse_query(where=" ") == Query()


@pytest.mark.parametrize(
    ("where", "message"),
    [
        ("score > 1", r"where is no JSON; it takes a list such as \[\[\"score\", \">\", 1.5\]\]"),
        ("[" * 50_000, "where is no JSON"),
        ('{"a": 1}', r"where takes a list such as .*, got {\"a\": 1}"),
        ('["a"]', r"a condition is \[column, operator, value\], got \"a\""),
        ('[["a", 1, 2]]', r"a condition is \[column, operator, value\], got \[\"a\", 1, 2\]"),
        (
            '[["a", "~", 2]]',
            r"column 'a': there is no operator '~'; there are = != <",
        ),
        ('[["a", "="]]', "column 'a': = takes one value, got 0"),
        ('[["a", "=", 1, 2]]', "column 'a': = takes one value, got 2"),
        ('[["a", "=", null]]', "column 'a': = takes a text, a number, true or false, got null"),
        ('[["a", "=", [1]]]', r"column 'a': = takes a text, a number, true or false, got \[1\]"),
        (
            json.dumps([["a", "missing"]] * (MAX_CONDITIONS + 1)),
            "at most 100 conditions, got 101",
        ),
        (" " * 100_001, "where takes at most 100,000 characters, got 100,001"),
    ],
)
def test_what_cannot_be_asked_is_an_error(where: str, message: str) -> None:
    with pytest.raises(QueryError, match=message):
        parse_query(where=where)


def test_columns_are_found_by_their_whole_names() -> None:
    assert sort_columns("t", "", COLUMNS) == []
    assert sort_columns("t", "b,-c d", COLUMNS) == [("b", False), ("c d", True)]
    assert sort_columns("t", "a,b", COLUMNS) == [("a,b", False)]
    assert sort_columns("t", "-a,b,b", COLUMNS) == [("a,b", True), ("b", False)]
    assert sort_columns("t", "-a", COLUMNS) == [("-a", False)]
    assert sort_columns("t", "--a,é", COLUMNS) == [("-a", True), ("é", False)]
    assert named_columns("t", "é,a,b,é", COLUMNS) == ["é", "a,b"]


def test_a_column_that_is_not_there_is_an_error_with_similar_ones() -> None:
    with pytest.raises(ColumnError, match=r"^table 't' has no column 'scoer'; did you mean 'score'\?$"):
        sort_columns("t", "-scoer", ["score", "kind"])
    with pytest.raises(ColumnError, match=r"^table 't' has no column '-a'$"):
        named_columns("t", "-a", ["b"])
    with pytest.raises(ColumnError, match=r"has no column 'x{100}\.\.\.'$"):
        sort_columns("t", "x" * 50_000, ["b"])
    with pytest.raises(QueryError, match="sorted by at most 100 columns, got 101"):
        sort_columns("t", ",".join(["b"] * 101), ["b"])
