"""What SQLite says of an expression, in plain words."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from kymflow.cli.where_words import in_plain_words, names_nothing


def said_of(expression: str) -> str:
    with closing(sqlite3.connect(":memory:")) as database:
        database.execute("CREATE TABLE rows (x NUMERIC, kind TEXT)")
        with pytest.raises((sqlite3.Error, ValueError)) as caught:
            database.execute(f"SELECT x FROM rows WHERE (\n{expression}\n)").fetchall()
    return in_plain_words(str(caught.value).rstrip("."), expression)


@pytest.mark.parametrize(
    ("expression", "words"),
    [
        ("x >", "something is missing at its end, or before a bracket"),
        ("x > 1 and", "something is missing at its end, or before a bracket"),
        ("(x > 1", "a closing bracket is missing"),
        ("x > 1)", "an opening bracket is missing"),
        ("kind in ('a', ')'", "a closing bracket is missing"),
        ("kind = 'it's'", "a single quote is not closed; within a text, it is written twice"),
        ("x => 1", "write >= in place of =>"),
        ("x =< 1", "write <= in place of =<"),
        ("x > > 1", "'>' cannot stand there"),
        ("x ! 1", "! stands only in !=; the opposite of a condition is not (...)"),
        ("x > 1e", "1e is not understood"),
        ("x limit 1", "'limit' cannot stand there, but --limit takes the first"),
        ("nosuch(x)", "there is no function nosuch"),
        ("abs(1, 2)", "abs() takes another number of values"),
        ("max(x) > 1", "max() is of many rows, and an expression looks at one; --by sums rows up"),
        ("x > ?", "? and names that begin with :, @ or $ stand for nothing here"),
        ("x in y", "after in stands a list, as in ('a', 'b'), and no name such as y"),
        ("(x, x) > 1", "a list in brackets may stand only after in"),
        ("(" * 3000 + "1" + ")" * 3000, "it is nested too deeply"),
        ("x > 1 \0", "it holds a NUL character"),
        (
            "mean velocity > 1",
            "'velocity' cannot stand there; conditions are joined by 'and' or 'or', and a name of several "
            "words stands in double quotes",
        ),
    ],
)
def test_it_says_what_to_mend(expression: str, words: str) -> None:
    assert said_of(expression) == words


def test_what_it_does_not_know_it_leaves_as_it_is() -> None:
    assert in_plain_words("malformed JSON", "json(kind)") == "malformed JSON"


def test_pythons_words_for_a_missing_value_are_known() -> None:
    assert [names_nothing(name) for name in ("None", "NaN", "x", "null")] == [True, True, False, False]
