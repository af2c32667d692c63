"""Rows chosen by an expression: the same as pandas would choose, and nothing but a look at rows."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow.cli import where
from kymflow_zarr import ColumnError

FRAME = pd.DataFrame(
    {
        "score": [0.5, 1.5, np.nan, -2.0],
        "n": pd.array([1, None, 3, 4], dtype="Int64"),
        "kind": ["stall", "it's", None, "=x"],
        "accepted": [True, False, True, True],
        "when": pd.to_datetime(["2024-01-01 00:00", "2024-05-02 10:30", None, "2025-01-01 00:00"]),
        "day": [datetime.date(2024, 1, 1), None, None, datetime.date(2025, 1, 1)],
        "mean of all": [1.0, 2.0, 3.0, 4.0],
        "rowid": [10, 20, 30, 40],
        "level": pd.Categorical([2, 10, 2, 10]),
        "trace": [[1.0, 2.0], [], [3.0], [np.nan]],
    }
)


def matching(expression: str, frame: pd.DataFrame = FRAME) -> list[int]:
    found = where.matching_rows("t", frame, expression, lambda: {"condition": "--with-images"})
    return [int(place) for place in np.flatnonzero(found)]


@pytest.mark.parametrize(
    ("expression", "rows"),
    [
        ("score > 1", [1]),
        ("score > 1 or kind == 'stall'", [0, 1]),
        ("SCORE >= 0.5 AND NOT accepted", [1]),
        ("score is null", [2]),
        ("not score > 1", [0, 3]),
        ("n in (1, 4)", [0, 3]),
        ("n = '3'", [2]),
        ("kind = 'it''s'", [1]),
        ("kind like '%AL%'", [0]),
        ('kind = "kind"', [0, 1, 3]),
        ("accepted", [0, 2, 3]),
        ("accepted = true", [0, 2, 3]),
        ('"mean of all" between 2 and 3', [1, 2]),
        ("rowid > 20", [2, 3]),
        ("level > 9", [1, 3]),
        ("\"when\" >= '2024-05-01'", [1, 3]),
        ("day < '2024-06-01'", [0]),
        ("abs(score) > 1 and length(kind) = 2", [3]),
        ("trace like '%3.0%'", [2]),
        ("1", [0, 1, 2, 3]),
        ("1 -- a comment", [0, 1, 2, 3]),
        ("null", []),
    ],
)
def test_an_expression_chooses_rows(expression: str, rows: list[int]) -> None:
    assert matching(expression) == rows


COMPARE: dict[str, Callable[[Any, Any], Any]] = {
    "<": lambda one, other: one < other,
    "<=": lambda one, other: one <= other,
    "=": lambda one, other: one == other,
    "<>": lambda one, other: one != other,
    ">": lambda one, other: one > other,
}
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "float64": st.floats(allow_nan=False),
    "Int64": st.integers(-(2**53), 2**53),
    "int64": st.integers(-(2**63), 2**63 - 1),
    "boolean": st.booleans(),
    "str": st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\0"), max_size=5),
}


@given(st.sampled_from(list(VALUES)).flatmap(lambda kind: st.tuples(
    st.just(kind), st.lists(st.none() | VALUES[kind] if kind != "int64" else VALUES[kind], min_size=1),
    VALUES[kind])), st.sampled_from(list(COMPARE)))  # fmt: skip
def test_comparisons_are_those_of_pandas(case: tuple[str, list[Any], Any], operator: str) -> None:
    kind, values, bound = case
    column = pd.Series(values, dtype=kind)  # type: ignore[call-overload]
    written = "'" + bound.replace("'", "''") + "'" if kind == "str" else repr(bound)
    if written in ("inf", "-inf"):
        written = written.replace("inf", "9e999")

    found = matching(f"x {operator} {written}", pd.DataFrame({"other": range(len(values)), "x": column}))

    expected = column.notna() & COMPARE[operator](column, bound).fillna(False)
    assert found == [place for place, holds in enumerate(expected) if holds]


def test_only_the_columns_that_are_read_are_loaded(monkeypatch: pytest.MonkeyPatch) -> None:
    loaded: list[list[str]] = []
    load = where._load

    def noting(database: Any, frame: pd.DataFrame, used: list[str]) -> None:
        loaded.append(used)
        load(database, frame, used)

    monkeypatch.setattr(where, "_load", noting)
    matching("score > 1 and kind is not null")

    assert loaded == [["score", "kind"]]


HOSTILE = {
    "another statement": "1; drop table rows",
    "attach": "1); attach 'stolen.db' as x; --",
    "attach inside": "(attach 'stolen.db' as x)",
    "load_extension": "load_extension('evil')",
    "schema": "exists(select 1 from sqlite_master)",
    "schema by union": "0) union select name from sqlite_master where (1",
    "the table again": "score > (select avg(score) from rows)",
    "endless": "0 in (with recursive c(x) as (select 1 union all select x + 1 from c) select x from c)",
    "pragma": "0 in (select 1 from pragma_table_info('rows'))",
    "write": "insert into rows values (1)",
    "file": "0 in (readfile('/etc/passwd'))",
    "parameter": "score > ?",
    "open string": "kind = 'x",
    "open bracket": "(score > 1",
    "closing bracket": "score > 1) limit 1 --",
    "aggregate": "sum(score) > 1",
    "NUL": "score > 1 \0",
    "lone surrogate": "kind = '\ud800'",
    "deep": "(" * 3000 + "1" + ")" * 3000,
    "very long": "score > 1 or " * 5000 + "1",
    "empty": "  ",
    "words": "score above one",
}


@pytest.mark.parametrize("expression", HOSTILE.values(), ids=list(HOSTILE))
def test_a_hostile_expression_is_refused(
    expression: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)

    with pytest.raises(ColumnError, match="--where") as caught:
        matching(expression)

    assert len(str(caught.value)) < 500
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("scoer > 1", r"--where 'scoer > 1': table 't' has no column 'scoer'; did you mean 'score'\?"),
        ("condition = 'AngII'", "has no column 'condition', but --with-images brings it"),
        ("conditoin = 'AngII'", r"did you mean 'condition' \(--with-images\)\?"),
        ("qqq > 1", "has no column 'qqq'; its columns: score, n, kind, "),
        ('"mean of al" > 1', r"did you mean 'mean of all'\? A text is written 'mean of al'\."),
        ("score > (null", "a closing bracket is missing"),
        ("score > 1 order by n", "'order' cannot stand there, but --sort orders rows"),
        ("kind = None", "a missing value is asked for by: x is null"),
        ("nosuch(1) > 2", r"there is no function nosuch\. It takes an expression such as score > 1 and "),
        ("exists(select 1)", "it may look at the columns of a row, and do nothing else"),
    ],
)
def test_a_refusal_says_what_is_wrong(expression: str, message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        matching(expression)


def test_columns_that_differ_in_case_only_cannot_be_told_apart() -> None:
    frame = pd.DataFrame({"A": [1], "a": [2], "b": [3]})

    assert matching("b = 3", frame) == [0]
    with pytest.raises(ColumnError, match="columns 'A' and 'a' are one and the same"):
        matching("A = 1", frame)


def test_a_table_of_very_many_columns_is_refused() -> None:
    frame = pd.DataFrame({f"c{number}": [1] for number in range(3000)})

    with pytest.raises(ColumnError, match="too many columns"):
        matching("c1 = 1", frame)


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("score > 1 & n < 3", "write and in place of &"),
        ("score > 1 | n < 3", r"write or in place of \|"),
        ("kind = AngII", "is 'AngII' a text\\? Then put it into single quotes"),
    ],
)
def test_what_pandas_would_take_is_told_in_sqlites_words(expression: str, message: str) -> None:
    with pytest.raises(ColumnError, match=message):
        matching(expression)


def test_signs_within_texts_and_names_are_no_operators() -> None:
    assert matching("kind = 'a & b | c'") == []
    assert matching("kind || 'x' = 'stallx'") == [0]
