"""``--where``: rows chosen by an expression in SQLite's language.

The expression is prepared by a database in memory that can do nothing but read the columns of one
table and call plain functions: no other table, no file, no write, no sub-select.
"""

from __future__ import annotations

import datetime
import difflib
import json
import re
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kymflow.cli.columns import Elsewhere, no_column
from kymflow.cli.where_words import in_plain_words, names_nothing
from kymflow_zarr import ColumnError

if TYPE_CHECKING:
    import numpy.typing as npt

MAX_LENGTH = 10_000
# The column that numbers the rows; a table may well have one named rowid.
PLACE = '"the place of a row"'
_NO_COLUMN = re.compile(r"no such column: (.*)", re.DOTALL)
_QUOTED_TEXT = re.compile(r"'(?:[^']|'')*'")
_QUOTED_NAME = re.compile(r'"((?:[^"]|"")*)"')
_NUMBERS = ("integer", "floating", "mixed-integer-float", "decimal", "boolean")
_LARGEST_INTEGER = 2**63 - 1


class _Guard:
    """Says what a statement may do, and notes which columns it reads."""

    def __init__(self) -> None:
        self.columns: set[str] = set()
        self._selects = 0

    def __call__(self, action: int, first: str | None, second: str | None, *_: str | None) -> int:
        allowed = False
        if action == sqlite3.SQLITE_SELECT:
            self._selects += 1
            allowed = self._selects == 1
        elif action == sqlite3.SQLITE_READ:
            allowed = first == "rows"
            self.columns.add(second or "")
        elif action == sqlite3.SQLITE_FUNCTION:
            allowed = second != "load_extension"
        return sqlite3.SQLITE_OK if allowed else sqlite3.SQLITE_DENY


def matching_rows(
    table: str, frame: pd.DataFrame, expression: str, elsewhere: Elsewhere
) -> npt.NDArray[np.bool_]:
    """Tell for each row whether an expression holds; a missing value is NULL, so that nothing holds of it.

    Parameters
    ----------
    table : str
        Name of the table, for messages.
    frame : DataFrame
        Its rows.
    expression : str
        In SQLite's language: ``score > 1 and kind = 'stall'``.
    elsewhere : callable
        Tells which options bring further columns, by the column's name.

    Raises
    ------
    ColumnError
        It is no expression, reads a column that is not there, or does more than to look at a row.
    """
    _check_text(table, frame, expression, elsewhere)
    statement = f"SELECT {PLACE} FROM rows WHERE (\n{expression}\n)"
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as database:
        database.setlimit(sqlite3.SQLITE_LIMIT_ATTACHED, 0)
        guard = _Guard()
        try:
            columns = _make_table(database, frame)
            database.set_authorizer(guard)
            # Of a table that is empty yet: to learn which columns are worth loading.
            database.execute(statement).close()
            database.set_authorizer(None)
            used = [name for name in columns if name in guard.columns]
            _load(database, frame, used)
            database.set_authorizer(_Guard())
            places = [row[0] for row in database.execute(statement)]
        except (sqlite3.Error, sqlite3.Warning, ValueError, OverflowError) as error:
            raise _refusal(table, frame, expression, elsewhere, error) from error
    holds = np.zeros(len(frame), dtype=bool)
    holds[places] = True
    return holds


def _check_text(table: str, frame: pd.DataFrame, expression: str, elsewhere: Elsewhere) -> None:
    if len(expression) > MAX_LENGTH:
        raise ColumnError(
            f"--where takes at most {MAX_LENGTH} characters, got {len(expression)}", table_name=table
        )
    if not expression.strip():
        raise ColumnError("--where is empty; it takes an expression such as score > 1", table_name=table)
    bare = _QUOTED_NAME.sub("", _QUOTED_TEXT.sub("''", expression))
    for sign, word in (("&", "and"), ("|", "or")):
        # In SQLite they are of bits, and bind tighter than a comparison; || joins texts.
        if sign in bare.replace("||", ""):
            raise ColumnError(f"{_says(expression)}write {word} in place of {sign}", table_name=table)
    names = {str(name).lower() for name in frame.columns}
    for quoted in _QUOTED_NAME.findall(_QUOTED_TEXT.sub("''", expression)):
        # SQLite would take a misspelt name for a text, and compare with that.
        name = quoted.replace('""', '"')
        if name.lower() not in names:
            error = no_column(table, name, list(frame.columns), elsewhere, _says(expression))
            end = "" if str(error).endswith("?") else "."
            raise ColumnError(f"{error}{end} A text is written '{name}'.", table_name=table, column=name)


def _says(expression: str) -> str:
    shown = expression if len(expression) <= 100 else expression[:100] + "..."
    return f"--where {shown!r}: "


def _make_table(database: sqlite3.Connection, frame: pd.DataFrame) -> list[str]:
    """Make an empty table of all columns; return their names."""
    # SQLite takes upper and lower case for the same: it could not say which of two is meant.
    lower = [str(name).lower() for name in frame.columns]
    names = [str(name) for name in frame.columns if lower.count(str(name).lower()) == 1]
    declared = [f"{_quote(name)} {_affinity(frame[name])}" for name in names]
    database.execute(f"CREATE TABLE rows ({', '.join([f'{PLACE} INTEGER PRIMARY KEY', *declared])})")
    return names


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _affinity(values: pd.Series[Any]) -> str:
    """Return the type by which SQLite compares 1 with '1' as a person would."""
    kind: Any = values.dtype
    if isinstance(kind, pd.CategoricalDtype):
        kind = kind.categories.dtype
    if pd.api.types.is_numeric_dtype(kind) or pd.api.types.is_timedelta64_dtype(kind):
        return "NUMERIC"
    if pd.api.types.is_object_dtype(kind) and pd.api.types.infer_dtype(values, skipna=True) in _NUMBERS:
        return "NUMERIC"
    return "TEXT"


def _load(database: sqlite3.Connection, frame: pd.DataFrame, used: list[str]) -> None:
    columns: list[Iterable[Any]] = [range(len(frame)), *(_plain_values(frame[name]) for name in used)]
    names = ", ".join([PLACE, *map(_quote, used)])
    marks = ", ".join("?" * len(columns))
    database.execute("BEGIN")
    database.executemany(f"INSERT INTO rows ({names}) VALUES ({marks})", zip(*columns, strict=True))
    database.execute("COMMIT")


def _plain_values(values: pd.Series[Any]) -> list[Any]:
    missing = values.isna().to_numpy()
    plain = values.astype(object).tolist()
    return [None if gone else _plain(value) for value, gone in zip(plain, missing, strict=True)]


_TO_PLAIN: dict[type, Callable[[Any], Any]] = {
    # As ISO 8601, whose order is that of time.
    pd.Timestamp: str,
    datetime.datetime: str,
    datetime.date: str,
    datetime.time: str,
    pd.Timedelta: lambda value: value.total_seconds(),
    datetime.timedelta: lambda value: value.total_seconds(),
    Decimal: float,
    np.ndarray: lambda value: json.dumps(value.tolist(), default=str),
    list: lambda value: json.dumps(value, default=str),
    dict: lambda value: json.dumps(value, default=str),
}


def _plain(value: Any) -> Any:
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, int) and abs(value) > _LARGEST_INTEGER:
        return float(value)
    convert = _TO_PLAIN.get(type(value))
    if convert is not None:
        return convert(value)
    return value if isinstance(value, int | float | str | bytes) else str(value)


def _refusal(
    table: str, frame: pd.DataFrame, expression: str, elsewhere: Elsewhere, error: Exception
) -> ColumnError:
    reason = str(error).rstrip(".")
    unknown = _NO_COLUMN.fullmatch(reason)
    if unknown is not None:
        same = [name for name in frame.columns if str(name).lower() == unknown[1].lower()]
        if same:
            reason = f"columns {' and '.join(map(repr, same))} are one and the same to an expression"
            return ColumnError(_says(expression) + reason, table_name=table, column=unknown[1])
        context = _says(expression)
        if names_nothing(unknown[1]):
            return ColumnError(f"{context}a missing value is asked for by: x is null", table_name=table)
        if not difflib.get_close_matches(unknown[1][:200], [*frame.columns, *elsewhere()], 1):
            context += f"is {unknown[1]!r} a text? Then put it into single quotes; "
        return no_column(table, unknown[1], list(frame.columns), elsewhere, context)
    return ColumnError(
        f"{_says(expression)}{in_plain_words(reason, expression)}. It takes an expression such as "
        "score > 1 and kind = 'stall'.",
        table_name=table,
    )
