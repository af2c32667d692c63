"""Structures in Thrift's compact protocol, as Parquet writes its footers and the headers of pages.

Thrift specification: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from __future__ import annotations

from typing import Any

# The type of a field stands beside its number: one of another type is another field, as for any reader.
INT32, INT64, LIST, STRUCT = 5, 6, 9, 12
_BYTE, _INT16, _DOUBLE, _BINARY, _SET = 3, 4, 7, 8, 10
_MOST_DEPTH = 8

Fields = dict[tuple[int, int], Any]


def read_struct(data: bytes, at: int, what: str) -> tuple[Fields, int]:
    """Read a structure; integers, structures and lists of structures are kept, all else is skipped.

    Parameters
    ----------
    data : bytes
        Of which it is a part.
    at : int
        Where it begins.
    what : str
        What it is called in errors.

    Returns
    -------
    fields : dict
        Values by number and type of the field.
    end : int
        Where it ends.

    Raises
    ------
    ValueError
        It is damaged.
    """
    try:
        return _read_struct(data, at, 0)
    except IndexError as error:
        raise ValueError(f"the {what} goes on beyond the end of the file") from error
    except _DamagedError as error:
        raise ValueError(f"the {what} is damaged") from error


def whole_number(fields: Fields, field: tuple[int, int], what: str) -> int:
    """Return an integer of a structure called `what`; ValueError unless it is there, and not below 0."""
    value = fields.get(field)
    if not isinstance(value, int) or value < 0:
        raise ValueError(f"the {what} is damaged: field {field[0]} is {value}, expected a number from 0 on")
    return value


class _DamagedError(Exception):
    """It is not what the protocol allows."""


def _read_struct(data: bytes, at: int, depth: int) -> tuple[Fields, int]:
    fields: Fields = {}
    number = 0
    while (head := data[at]) != 0:
        at += 1
        if head >> 4:
            number += head >> 4
        else:
            number, at = _read_integer(data, at)
        # Of a truth value, the type is the value.
        if (kind := head & 15) in (1, 2):
            continue
        value, at = _read_value(data, at, kind, depth)
        # Readers do not agree on which one of two counts.
        if (number, kind) in fields:
            raise _DamagedError
        fields[number, kind] = value
    return fields, at + 1


def _read_value(data: bytes, at: int, kind: int, depth: int) -> tuple[Any, int]:
    if kind in (INT32, INT64, _INT16):
        return _read_integer(data, at)
    if kind == _BINARY:
        length, at = _read_varint(data, at)
        return None, at + length
    if kind in (_BYTE, _DOUBLE):
        return None, at + (1 if kind == _BYTE else 8)
    if depth < _MOST_DEPTH:
        if kind == STRUCT:
            return _read_struct(data, at, depth + 1)
        if kind in (LIST, _SET):
            return _read_list(data, at, depth + 1)
    # Nothing of Parquet's has maps.
    raise _DamagedError


def _read_list(data: bytes, at: int, depth: int) -> tuple[list[Any], int]:
    head = data[at]
    at += 1
    length, kind = head >> 4, head & 15
    if length == 15:
        length, at = _read_varint(data, at)
    if kind in (1, 2, _BYTE, _DOUBLE):
        return [], at + length * (8 if kind == _DOUBLE else 1)
    found = []
    for _ in range(length):
        value, at = _read_value(data, at, kind, depth)
        if kind == STRUCT:
            found.append(value)
    return found, at


def _read_integer(data: bytes, at: int) -> tuple[int, int]:
    value, at = _read_varint(data, at)
    return (value >> 1) ^ -(value & 1), at


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        byte = data[at]
        at += 1
        value |= (byte & 127) << shift
        if byte < 128:
            return value, at
        shift += 7
        if shift > 63:
            raise _DamagedError
