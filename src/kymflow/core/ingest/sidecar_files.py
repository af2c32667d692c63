"""Sidecar files as people's programs leave them: JSON, CSV and text, in the encodings of many machines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from kymflow_zarr import limits
from kymflow_zarr.errors import SourceError
from kymflow_zarr.formats import documents
from kymflow_zarr.formats.documents import UnreadableDocument, bytes_to_json, csv_to_frame
from kymflow_zarr.formats.frames import EMPTY


def decode_text(data: bytes) -> str:
    """Return text written as UTF-8, UTF-16 or in the code page of a Western Windows.

    Notes
    -----
    A byte-order mark tells; without one, UTF-16 of Western text has a NUL in every pair of bytes.
    What is no UTF-8 is read as Windows-1252, in which every byte is some character: of a header in
    another code page, only letters beyond ASCII can be wrong.
    """
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return data.decode("utf-16", errors="replace")
    if b"\0" in data[:200]:
        return data.decode("utf-16-be" if data[:1] == b"\0" else "utf-16-le", errors="replace")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", errors="replace")


def _read(path: Path) -> bytes:
    """Return the bytes of a sidecar, if it is no larger than one may be."""
    try:
        limits.check_bytes(path.stat().st_size, "it is text of", limits.max_text_bytes())
    except limits.TooLargeError as error:
        raise SourceError(f"cannot read {path}: {error}", path=str(path)) from error
    return path.read_bytes()


def read_text(path: Path | None) -> str:
    """Return the text of a file, or an empty one for None."""
    return decode_text(_read(path)) if path is not None else ""


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises
    ------
    SourceError
        It is damaged.
    OSError
        It cannot be opened.
    """
    try:
        return bytes_to_json(decode_text(_read(path)).encode())
    except UnreadableDocument as error:
        raise SourceError(f"cannot read {path} as JSON: {error}", path=str(path)) from error


def read_object(path: Path | None) -> dict[str, Any]:
    """Return the JSON object in a file, or an empty one for None; errors as :func:`read_json`."""
    if path is None:
        return {}
    content = read_json(path)
    if not isinstance(content, dict):
        raise unexpected(path, "a JSON object", content)
    return content


def read_csv(path: Path) -> pd.DataFrame:
    """Return the table in a CSV file, also one that a spreadsheet has saved again.

    Semicolons or tabs may stand for commas, and commas for decimal points; rows without any value,
    which a spreadsheet leaves where rows were deleted, are passed over.

    Raises
    ------
    SourceError
        It is no table.
    OSError
        It cannot be opened.
    """
    data = _read(path)
    if not data:
        raise SourceError(f"cannot read {path} as CSV: {EMPTY}", path=str(path))
    text = decode_text(data)
    header = text.lstrip().partition("\n")[0]
    separator = max(",;\t", key=header.count)
    try:
        if separator == ",":
            frame = csv_to_frame(text.encode())
        else:
            decimal = "," if separator == ";" or "," in text else "."
            frame = documents.read_csv(text.encode(), sep=separator, decimal=decimal)
    except (UnreadableDocument, ValueError, OverflowError) as error:
        raise SourceError(f"cannot read {path} as CSV: {str(error).strip()}", path=str(path)) from error
    unnamed = [
        name for name in frame.columns if str(name).startswith("Unnamed:") and frame[name].isna().all()
    ]
    return frame.drop(columns=unnamed).dropna(how="all").reset_index(drop=True)


def unexpected(path: Path | None, expected: str, got: object) -> SourceError:
    """Return the error for a file that holds something else than it should."""
    what = f"{path}: expected {expected}, got {type(got).__name__}"
    return SourceError(what, path=None if path is None else str(path))


def as_trace(frame: pd.DataFrame, path: Path) -> pd.DataFrame:
    """Return a velocity trace with its columns in their types; others follow as they are.

    Raises
    ------
    SourceError
        A column is missing, or a value is no number.
    """
    types = {"roi_id": "int64", "channel": "int64", "time": "float64", "velocity": "float64"}
    missing = [name for name in types if name not in frame.columns]
    if missing:
        raise SourceError(
            f"{path}: column {missing[0]!r} is missing; it has {list(frame.columns)}", path=str(path)
        )
    others = [name for name in frame.columns if name not in types]
    try:
        return frame[[*types, *others]].astype(types)
    except (ValueError, TypeError) as error:
        raise SourceError(f"{path}: a value is no number: {error}", path=str(path)) from error
