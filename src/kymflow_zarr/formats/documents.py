"""JSON, gzipped CSV and NumPy files to bytes and back."""

from __future__ import annotations

import functools
import gzip
import io
import json
import zlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from kymflow_zarr import limits
from kymflow_zarr.formats.frames import EMPTY, check_column_names

if TYPE_CHECKING:
    import numpy.typing as npt


_PIECE_BYTES = 2**20


class UnreadableDocument(ValueError):
    """Bytes that are not the JSON or CSV they should be; callers say which artifact it was."""


def _plain(value: Any) -> Any:
    """Turn NumPy and pandas scalars and arrays, which json does not know, into plain values."""
    if value is pd.NA or value is pd.NaT:
        return None
    for method in ("tolist", "isoformat"):
        convert = getattr(value, method, None)
        if callable(convert):
            return convert()
    raise TypeError(f"{type(value).__name__} cannot be stored in JSON: {value!r}")


def json_to_bytes(obj: Any, *, indent: int | None = 2) -> bytes:
    """Return `obj` as UTF-8 JSON; NumPy scalars and arrays become numbers and lists.

    NaN is written as the bare word NaN, which Python's json reads back.

    Raises
    ------
    ValueError
        A value, or a nesting, that JSON cannot hold.
    """
    try:
        return json.dumps(obj, indent=indent, default=_plain, ensure_ascii=False).encode("utf-8")
    except (TypeError, RecursionError, UnicodeError) as error:
        raise ValueError(f"cannot be stored as JSON: {error}") from error


def bytes_to_json(data: bytes) -> Any:
    """Read UTF-8 JSON.

    Raises
    ------
    UnreadableDocument
        It is damaged, nested beyond reason, too large or no UTF-8.
    """
    if not data:
        raise UnreadableDocument(EMPTY)
    try:
        limits.check_json(data)
        return json.loads(data.decode("utf-8-sig"))
    except (ValueError, RecursionError, MemoryError) as error:
        raise UnreadableDocument(str(error) or "it does not fit into memory") from error


def gunzip(data: bytes) -> bytes:
    """Decompress a document, piece by piece, up to what one may have of text.

    Raises
    ------
    UnreadableDocument
        It is damaged, too large or no gzip.
    """
    if not data:
        raise UnreadableDocument(EMPTY)
    most = limits.max_text_bytes()
    try:
        pieces, unpacked = [], 0
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as file:
            # What a file says of its length is of its last part only, and may be wrong.
            while piece := file.read(_PIECE_BYTES):
                unpacked += len(piece)
                limits.check_bytes(unpacked, "it unpacks to", most)
                pieces.append(piece)
        return b"".join(pieces)
    except (limits.TooLargeError, MemoryError) as error:
        raise UnreadableDocument(str(error) or "it does not fit into memory") from error
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UnreadableDocument(f"not gzip data: {error}") from error


def frame_to_csv_gz(df: pd.DataFrame, *, index: bool = False) -> bytes:
    """Return `df` as gzipped UTF-8 CSV; equal frames give equal bytes."""
    check_column_names(df)
    text = df.to_csv(index=index, lineterminator="\n")
    return gzip.compress(text.encode("utf-8"), mtime=0)


def read_csv(data: bytes, **options: Any) -> pd.DataFrame:
    """Read UTF-8 CSV as ``pd.read_csv`` does, and each number as it was written, in every version of pandas.

    Raises
    ------
    ValueError
        It is no CSV table, or has more columns or values than an artifact may.
    """
    limits.check_csv(data)
    frame: pd.DataFrame = pd.read_csv(io.BytesIO(data), **_exact_numbers(), **options)
    return frame


@functools.cache
def _exact_numbers() -> Mapping[str, Any]:
    """Return the option by which pandas 2 reads numbers exactly; later ones do, and warn of the option."""
    number = 0.0011339666666666667
    read = pd.read_csv(io.StringIO(f"n\n{number!r}\n"))["n"]
    return {} if read[0] == number else {"float_precision": "round_trip"}


def csv_to_frame(data: bytes) -> pd.DataFrame:
    """Read UTF-8 CSV as ``pd.read_csv`` does; an empty file is an empty frame.

    Raises
    ------
    UnreadableDocument
        It is no CSV table, or too large.
    """
    try:
        return read_csv(data)
    except pd.errors.EmptyDataError:
        return pd.DataFrame()
    except (ValueError, OverflowError, MemoryError) as error:
        raise UnreadableDocument(str(error).strip() or "it does not fit into memory") from error


def load_npy(data: bytes) -> npt.NDArray[Any]:
    """Read the bytes of a ``.npy`` file; pickled objects are refused.

    Raises
    ------
    ValueError
        It is damaged or holds pickled objects.
    """
    try:
        return np.asarray(np.load(io.BytesIO(data), allow_pickle=False))
    # NumPy parses the header as Python; a bent one provokes SyntaxError, TokenError and others.
    except Exception as error:
        raise ValueError(f"no .npy array: {str(error) or type(error).__name__}") from error
