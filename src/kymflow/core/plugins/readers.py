"""The contract of a reader of source files, as far as it can be checked without a file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from kymflow.core.plugins.info import ReaderInfo
from kymflow.errors import InvalidReaderError

if TYPE_CHECKING:
    from kymflow_zarr import SourceReader

_METHODS = ("matches", "files", "read")


def describe_reader(reader: SourceReader, origin: ReaderInfo) -> ReaderInfo:
    """Return what is known of a reader that `origin` offers.

    Raises
    ------
    InvalidReaderError
        It lacks a member, or one is not what the protocol says.
    """
    who = f"reader {getattr(reader, 'name', None) or type(reader).__qualname__!r}"
    if isinstance(reader, type):
        raise InvalidReaderError(f"{who}: got the class itself; pass an instance, {reader.__name__}()")
    missing = [member for member in ("name", *_METHODS) if not hasattr(reader, member)]
    if missing:
        raise InvalidReaderError(
            f"{who} ({type(reader).__qualname__}) is no SourceReader: it lacks {', '.join(missing)}"
        )
    for method in _METHODS:
        if not callable(getattr(reader, method)):
            raise InvalidReaderError(f"{who}: {method} must be a method")
    name = reader.name
    if not isinstance(name, str) or not name or name != name.strip() or not name.isprintable():
        raise InvalidReaderError(f"{who}: name must be printable text without blanks around it, got {name!r}")
    priority = getattr(reader, "priority", 0)
    if not isinstance(priority, int) or isinstance(priority, bool):
        raise InvalidReaderError(f"{who}: priority must be a whole number, got {priority!r}")
    return replace(origin, name=name, priority=priority, summary=first_line(reader))


def first_line(offered: object) -> str:
    """Return the first line of the docstring of an object's class, as plain text; empty without one."""
    words = type(offered).__doc__
    return words.strip().partition("\n")[0].strip().replace("``", "") if isinstance(words, str) else ""
