"""The order of values: texts as people sort them, numbers by size, what is missing last."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

# Rows by number; of which rows something holds; what stands for values when they are sorted.
Places = npt.NDArray[np.int32]
Mask = npt.NDArray[np.bool_]
Keys = npt.NDArray[Any]

# So many texts at a time: beside their bytes there are arrays which are several times as long.
_PIECE = 200_000
_ZERO = 48
# After all digits of a number but its zeros in front, in place of which one byte tells how many they are.
_NO_DIGIT, _MAX_DIGITS = 47, 80


def ordered(places: Places, keys: Keys, missing: Mask, *, descending: bool = False) -> Places:
    """Return places in the order of their keys, the missing ones last; what is equal stays as it was.

    Parameters
    ----------
    places : ndarray of int
        Rows.
    keys, missing : ndarray
        Of all rows; keys of missing values mean nothing.
    descending : bool
        The largest first.
    """
    chosen = keys[places]
    if descending:
        # Of an integer, the negative one may not exist.
        chosen = -chosen if chosen.dtype.kind == "f" else ~chosen
    found = places[np.argsort(chosen, kind="stable")]
    last = missing[found]
    return np.concatenate([found[~last], found[last]]) if last.any() else found


def ranks(values: pa.Array | pa.ChunkedArray) -> npt.NDArray[np.int32]:
    """Return the rank of each text or boolean among all; the same for those that differ in case alone."""
    if not pa.types.is_boolean(values.type):
        values = natural_keys(values)
    found = pc.rank(values, sort_keys="ascending", tiebreaker="dense")
    return np.asarray(found, np.int32)


def natural_keys(texts: pa.Array | pa.ChunkedArray) -> pa.ChunkedArray:
    """Return texts whose order by bytes is the one that people expect.

    Upper and lower case are the same, and numbers go by size: ``file_2``, ``File_10``, ``file_010``.
    """
    return pa.chunked_array(list(_keys(texts)), pa.large_string())


def _keys(texts: pa.Array | pa.ChunkedArray) -> Iterator[pa.Array]:
    for begin in range(0, len(texts), _PIECE):
        piece = texts.slice(begin, _PIECE)
        if isinstance(piece, pa.ChunkedArray):
            piece = piece.combine_chunks()
        yield _with_lengths(pc.utf8_lower(piece.cast(pa.large_string()).fill_null("")))


def _with_lengths(texts: pa.LargeStringArray) -> pa.Array:
    """Return texts in which a byte before each number tells how many digits it has, without zeros in front.

    So a longer number comes after a shorter one. The byte is that of a character just before or after
    the digits, and below 128: numbers stay where they are among other texts, which stay UTF-8.
    """
    _, at, content = texts.buffers()
    offsets = np.frombuffer(at, np.int64)[texts.offset : texts.offset + len(texts) + 1]
    data = np.frombuffer(content or b"", np.uint8)[offsets[0] : offsets[-1]]
    offsets = offsets - offsets[0]
    begins, ends = _numbers(data, offsets)
    first = _without_zeros(data, begins, ends)
    told = (_NO_DIGIT + np.minimum(ends - first, _MAX_DIGITS)).astype(np.uint8)
    out = np.insert(data, begins, told)
    before = np.searchsorted(begins, offsets)
    zeros = first - begins
    if zeros.any():
        # Where each number begins by now, and which of its zeros is meant.
        where = np.repeat(begins + np.arange(1, len(begins) + 1), zeros)
        which = np.arange(len(where)) - np.repeat(np.cumsum(zeros) - zeros, zeros)
        out = np.delete(out, where + which)
    offsets = offsets + before - np.append(0, np.cumsum(zeros))[before]
    return pa.Array.from_buffers(
        pa.large_string(), len(texts), [None, pa.py_buffer(offsets), pa.py_buffer(np.ascontiguousarray(out))]
    )


def _numbers(
    data: npt.NDArray[np.uint8], offsets: npt.NDArray[np.int64]
) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """Return where each number begins and ends; none goes from one text into the next."""
    # Unsigned: what comes before the digits is far beyond them.
    digit = (data - np.uint8(_ZERO)) < 10
    edge = np.ones(len(data) + 1, np.bool_)
    np.not_equal(digit[1:], digit[:-1], out=edge[1:-1])
    edge[offsets] = True
    edges = np.flatnonzero(edge)
    of_digits = digit[edges[:-1]]
    return edges[:-1][of_digits], edges[1:][of_digits]


def _without_zeros(
    data: npt.NDArray[np.uint8], begins: npt.NDArray[np.int64], ends: npt.NDArray[np.int64]
) -> npt.NDArray[np.int64]:
    """Return the first digit of each number that is no zero in front; its end if all are."""
    first = begins.copy()
    at = np.flatnonzero(data[begins] == _ZERO)
    while len(at):
        first[at] += 1
        at = at[first[at] < ends[at]]
        at = at[data[first[at]] == _ZERO]
    return first
