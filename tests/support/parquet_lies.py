"""Parquet files written by hand, whose footers and pages tell different stories."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import pyarrow as pa

_INTEGER, _LONG, _TEXT, _LIST, _STRUCT = 5, 6, 8, 9, 12
_CODECS = {"gzip": 2, "brotli": 4, "zstd": 6}
_PLAIN, _RUN_LENGTHS = 0, 3
_BEGIN = b"PAR1"


def _varint(number: int) -> bytes:
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])


def _list(kind: int, items: Sequence[bytes]) -> bytes:
    head = bytes([len(items) << 4 | kind]) if len(items) < 15 else bytes([0xF0 | kind]) + _varint(len(items))
    return head + b"".join(items)


def structure(*fields: tuple[int, int, Any]) -> bytes:
    """Return fields (number, type, value) as Thrift's compact protocol has them."""
    out, last = b"", 0
    for number, kind, value in fields:
        if kind in (_INTEGER, _LONG):
            value = _varint(value << 1)
        elif kind == _TEXT:
            value = _varint(len(value)) + value
        out += bytes([(number - last) << 4 | kind]) + value
        last = number
    return out + b"\0"


def _run(length: int, value: int) -> bytes:
    """Return a level that repeats, as run lengths have it."""
    return _varint(length << 1) + bytes([value])


def page(n_bytes: int, n_values: int = 1, *, codec: str = "zstd", in_list: bool = False) -> bytes:
    """Return a data page of so many bytes of zeros: numbers, or those of one list."""
    values = b"\0" * n_bytes
    if in_list:
        levels = (_run(1, 0) + _run(n_values - 1, 1), _run(n_values, 1))
        values = b"".join(struct.pack("<I", len(one)) + one for one in levels) + values
    packed = pa.compress(values, codec=codec, asbytes=True)
    about = structure(
        (1, _INTEGER, n_values),
        (2, _INTEGER, _PLAIN),
        (3, _INTEGER, _RUN_LENGTHS),
        (4, _INTEGER, _RUN_LENGTHS),
    )
    head = structure(
        (1, _INTEGER, 0), (2, _INTEGER, len(values)), (3, _INTEGER, len(packed)), (5, _STRUCT, about)
    )
    return head + packed


def file_of(
    columns: Sequence[bytes],
    *,
    values: int = 1,
    codec: str = "zstd",
    lists: bool = False,
    shared: bool = False,
) -> bytes:
    """Return a file of one row whose columns hold these pages; its footer claims a hundred bytes of each.

    Parameters
    ----------
    columns : sequence of bytes
        The pages of each column, without gaps.
    values : int
        How many values the footer claims of each.
    codec : str
        Of all pages.
    lists : bool
        Whether each row is a list.
    shared : bool
        Whether all columns point to the pages of the first one.
    """
    body, chunks, schema = _BEGIN, [], [structure((4, _TEXT, b"schema"), (5, _INTEGER, len(columns)))]
    for place, pages in enumerate(columns):
        name = b"c%d" % place
        at = len(_BEGIN) if shared else len(body)
        body += b"" if shared and place else pages
        # A double that is there, or, in a list, repeated.
        schema.append(structure((1, _INTEGER, 5), (3, _INTEGER, 2 if lists else 0), (4, _TEXT, name)))
        about = structure(
            (1, _INTEGER, 5),
            (2, _LIST, _list(_INTEGER, [_varint(_PLAIN << 1)])),
            (3, _LIST, _list(_TEXT, [_varint(len(name)) + name])),
            (4, _INTEGER, _CODECS[codec]),
            (5, _LONG, values),
            (6, _LONG, 100),
            (7, _LONG, len(pages)),
            (9, _LONG, at),
        )
        chunks.append(structure((2, _LONG, at), (3, _STRUCT, about)))
    group = structure((1, _LIST, _list(_STRUCT, chunks)), (2, _LONG, 100 * len(columns)), (3, _LONG, 1))
    footer = structure(
        (1, _INTEGER, 1),
        (2, _LIST, _list(_STRUCT, schema)),
        (3, _LONG, 1),
        (4, _LIST, _list(_STRUCT, [group])),
    )
    return body + footer + struct.pack("<I", len(footer)) + _BEGIN
