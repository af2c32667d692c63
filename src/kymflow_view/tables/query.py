"""What is asked of a table: searched, filtered, sorted, joined; as texts that a link can hold."""

from __future__ import annotations

import difflib
import json
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, get_args

from kymflow import ColumnError, KymflowError
from kymflow_view.tables.conditions import Operator

MAX_SEARCH = 1_000
MAX_WHERE = 100_000
MAX_CONDITIONS = 100
MAX_SORT = 100
_OPERATORS = get_args(Operator)
_OF_ALL = ("missing", "present")


class QueryError(KymflowError, ValueError):
    """Something that cannot be asked of a table."""


@dataclass(frozen=True)
class Condition:
    """What must hold of a row: ``Condition("score", ">", 1.5)``; of a missing value only ``missing`` does."""

    column: str
    operator: Operator
    value: Any = None


@dataclass(frozen=True)
class Query:
    """What is asked of a table.

    Attributes
    ----------
    search : str
        Only rows with this in one of their texts, in upper or lower case.
    where : tuple of Condition
        All must hold.
    sort : str
        Names of columns, separated by commas; ``-`` before one sorts it downwards.
    images : bool
        With the columns of table ``images``.
    """

    search: str = ""
    where: tuple[Condition, ...] = ()
    sort: str = ""
    images: bool = False


def parse_query(*, q: str = "", where: str = "", sort: str = "", images: bool = False) -> Query:
    """Return what a link asks.

    Parameters
    ----------
    q : str
        The search.
    where : str
        A JSON list of ``[column, operator, value]``; ``missing`` and ``present`` have no value.
    sort : str
        As in :class:`Query`.
    images : bool
        As in :class:`Query`.

    Raises
    ------
    QueryError
        It is none of these, or too long.
    """
    for name, text, limit in (("q", q, MAX_SEARCH), ("where", where, MAX_WHERE), ("sort", sort, MAX_WHERE)):
        if len(text) > limit:
            raise QueryError(f"{name} takes at most {limit:,} characters, got {len(text):,}")
    return Query(q, parse_conditions(where), sort, images)


def parse_conditions(text: str, name: str = "where") -> tuple[Condition, ...]:
    """Return what a JSON list of ``[column, operator, value]`` asks; none of an empty text.

    Parameters
    ----------
    text : str
        The list.
    name : str
        What a message calls it.

    Raises
    ------
    QueryError
        It is no such list, or too long.
    """
    if not text.strip():
        return ()
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        raise QueryError(f'{name} is no JSON; it takes a list such as [["score", ">", 1.5]]') from None
    if not isinstance(found, list):
        raise QueryError(f'{name} takes a list such as [["score", ">", 1.5]], got {_short(found)}')
    if len(found) > MAX_CONDITIONS:
        raise QueryError(f"{name} takes at most {MAX_CONDITIONS} conditions, got {len(found)}")
    return tuple(map(_condition, found))


def _condition(found: Any) -> Condition:
    if not isinstance(found, list) or len(found) < 2 or not all(isinstance(text, str) for text in found[:2]):
        raise QueryError(f"a condition is [column, operator, value], got {_short(found)}")
    column, operator, *value = found
    if operator not in _OPERATORS:
        raise QueryError(
            f"column {column!r}: there is no operator {operator!r}; there are {' '.join(_OPERATORS)}",
            column=column,
        )
    if len(value) > 1 or (not value and operator not in _OF_ALL):
        raise QueryError(f"column {column!r}: {operator} takes one value, got {len(value)}", column=column)
    if operator in _OF_ALL:
        return Condition(column, operator)
    if not isinstance(value[0], str | int | float):
        raise QueryError(
            f"column {column!r}: {operator} takes a text, a number, true or false, got {_short(value[0])}",
            column=column,
        )
    return Condition(column, operator, value[0])


def _short(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:60]}..."


def sort_columns(table: str, sort: str, columns: Collection[str]) -> list[tuple[str, bool]]:
    """Return by which columns to sort, each with whether downwards.

    A column whose name has a comma, or begins with ``-``, is found by its whole name.

    Raises
    ------
    ColumnError
        A name that is no column.
    """
    found = _split(table, sort, columns, signs=True)
    if len(found) > MAX_SORT:
        raise QueryError(f"a table is sorted by at most {MAX_SORT} columns, got {len(found)}")
    return found


def named_columns(table: str, names: str, columns: Collection[str]) -> list[str]:
    """Return the columns that a list such as ``a,b`` names, each once.

    Raises
    ------
    ColumnError
        A name that is no column.
    """
    return list(dict.fromkeys(name for name, _ in _split(table, names, columns, signs=False)))


def _split(table: str, text: str, columns: Collection[str], *, signs: bool) -> list[tuple[str, bool]]:
    found = []
    parts = text.split(",") if text else []
    while parts:
        for length in range(len(parts), 0, -1):
            name = ",".join(parts[:length])
            if name in columns:
                found.append((name, False))
                break
            if signs and name.startswith("-") and name[1:] in columns:
                found.append((name[1:], True))
                break
        else:
            raise no_column(table, parts[0].removeprefix("-") if signs else parts[0], columns)
        parts = parts[length:]
    return found


def no_column(table: str, name: str, columns: Collection[str]) -> ColumnError:
    """Return the error for a column that is not there, with similar ones."""
    shown = name if len(name) <= 100 else f"{name[:100]}..."
    near = difflib.get_close_matches(name[:200], columns, 3)
    offer = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    return ColumnError(f"table {table!r} has no column {shown!r}{offer}", table_name=table, column=shown)
