"""Values of settings: as a file has them, as declared types want them, and as plain JSON."""

from __future__ import annotations

import dataclasses
import datetime
import enum
import json
import tomllib
import types
from collections.abc import Collection, Iterable, Mapping, Sequence, Set
from pathlib import PurePath
from typing import Annotated, Any, Literal, Union, get_args, get_origin

_TEXT_OF = {str: "text", bool: "true or false", int: "a whole number", float: "a number"}
_LISTS = (list, Sequence, Collection, Iterable)
_SETS = (set, frozenset, Set)


class Misfit(ValueError):
    """A value that a declared type does not take; says what was expected."""


def fit(value: Any, kind: Any) -> Any:
    """Return a value of a TOML file as a declared type wants it: an int as float, a list as tuple.

    Raises
    ------
    Misfit
        The type does not take it.
    """
    kind = _bare(kind)
    origin = get_origin(kind) or kind
    if origin in (Any, object):
        return value
    if origin is Literal:
        for one in get_args(kind):
            if type(one) is type(value) and one == value:
                return value
    elif origin in (Union, types.UnionType):
        for one in get_args(kind):
            try:
                return fit(value, one)
            except Misfit:
                continue
    elif origin in (str, bool, int, float):
        # A bool is an int for Python, and for nobody else.
        if type(value) is origin:
            return value
        if origin is float and type(value) is int:
            return float(value)
    elif isinstance(origin, type) and issubclass(origin, enum.Enum):
        for member in origin:
            if type(member.value) is type(value) and member.value == value:
                return member
    elif isinstance(origin, type) and issubclass(origin, PurePath):
        if isinstance(value, str):
            return origin(value)
    elif isinstance(value, list | tuple | set | frozenset | Mapping):
        try:
            return _fit_items(value, origin, get_args(kind))
        except Misfit:
            # What is told is what the whole should be.
            raise Misfit(in_words(kind)) from None
    raise Misfit(in_words(kind))


def _fit_items(values: Collection[Any], origin: Any, arguments: Sequence[Any]) -> Any:
    if isinstance(values, Mapping):
        if origin not in (dict, Mapping):
            raise Misfit
        return {name: fit(one, arguments[1] if arguments else Any) for name, one in values.items()}
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        if len(values) != len(arguments):
            raise Misfit
        return tuple(fit(value, one) for value, one in zip(values, arguments, strict=True))
    if origin not in (tuple, *_LISTS, *_SETS):
        raise Misfit
    fitting = [fit(value, arguments[0] if arguments else Any) for value in values]
    return origin(fitting) if origin in (tuple, set, frozenset) else fitting


def _bare(kind: Any) -> Any:
    """Return a type without what is written around it: Annotated, NewType, ``type`` statements."""
    if get_origin(kind) is Annotated:
        return _bare(get_args(kind)[0])
    inner = getattr(kind, "__supertype__", None) or getattr(kind, "__value__", None)
    return kind if inner is None or isinstance(kind, enum.Enum) else _bare(inner)


def in_words(kind: Any) -> str:
    """Return a type as somebody who does not program reads it."""
    kind = _bare(kind)
    origin, arguments = get_origin(kind) or kind, get_args(kind)
    if origin is Literal:
        return " or ".join(map(repr, arguments))
    if origin in (Union, types.UnionType):
        return " or ".join(in_words(one) for one in arguments if one is not type(None))
    if origin in (Any, object):
        return "any value"
    if origin is tuple and arguments and arguments[-1] is not Ellipsis:
        return f"a list of {len(arguments)}: {', '.join(map(in_words, arguments))}"
    if origin in (tuple, *_LISTS, *_SETS):
        return f"a list, of {in_words(arguments[0])} each" if arguments else "a list"
    if isinstance(origin, type) and issubclass(origin, enum.Enum):
        return " or ".join(repr(member.value) for member in origin)
    if isinstance(origin, type) and issubclass(origin, PurePath):
        return "a path, as text"
    if origin in _TEXT_OF:
        return _TEXT_OF[origin]
    return f"a {getattr(origin, '__name__', origin)}, which can be set in Python only"


def from_text(text: str, kind: Any) -> Any:
    """Return what somebody typed on a command line, as a value for this type.

    ``3``, ``true``, ``[1, 2]`` and ``"a b"`` are read as in a TOML file; what is none of these, or where text
    is wanted, is the text itself.

    Raises
    ------
    Misfit
        The type takes neither.
    """
    try:
        found = tomllib.loads(f"value = {text}")
    except ValueError:
        found = {}
    if list(found) != ["value"]:
        return fit(text, kind)
    try:
        return fit(found["value"], kind)
    except Misfit:
        return fit(text, kind)


def plain(value: Any) -> Any:
    """Return a value as JSON has it.

    Raises
    ------
    TypeError
        It is of no type that could.
    """
    if value is None or isinstance(value, bool | int | float | str):
        return plain(value.value) if isinstance(value, enum.Enum) else value
    if isinstance(value, enum.Enum):
        return plain(value.value)
    if isinstance(value, PurePath):
        return value.as_posix()
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [plain(one) for one in value]
    if isinstance(value, set | frozenset):
        return sorted((plain(one) for one in value), key=as_json)
    if isinstance(value, Mapping) and all(isinstance(name, str) for name in value):
        return {name: plain(one) for name, one in value.items()}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {one.name: plain(getattr(value, one.name)) for one in dataclasses.fields(value)}
    raise TypeError(f"a {type(value).__qualname__} is no plain value")


def as_json(value: Any) -> str:
    """Return the one JSON text of a plain value; of two values that differ, it differs."""
    return json.dumps(value, sort_keys=True)
