"""What one artifact may decode to: sizes that a file claims are compared with it before they are believed."""

from __future__ import annotations

import os

from kymflow_zarr.errors import SettingError

SETTING = "KYMFLOW_MAX_ARTIFACT_BYTES"
# Far beyond what the analysis of one image gives: 268 million numbers.
DEFAULT_BYTES = 2 * 2**30
# Of one table; each costs tens of microseconds in every step from the artifact to the table's file.
MAX_COLUMNS = 10_000
# Beside its text, a document is in memory as str and as what that says.
_TEXT_SHARE = 4
# What a value of JSON takes as an object of Python; each comes after one of these.
_JSON_VALUE_BYTES = 64
_JSON_MARKS = (b"[", b"{", b",", b":")
_CSV_VALUE_BYTES = 32
# The names of ten thousand columns are shorter.
_HEAD_BYTES = 2**22


class TooLargeError(ValueError):
    """Something decodes to more than one artifact may; callers say what it was."""


def max_artifact_bytes() -> int:
    """Return how many bytes one artifact may decode to: what ``KYMFLOW_MAX_ARTIFACT_BYTES`` says, or 2 GiB.

    Raises
    ------
    SettingError
        The variable holds something else than a positive whole number.
    """
    text = os.environ.get(SETTING)
    if not text:
        return DEFAULT_BYTES
    if not (text.isascii() and text.isdigit() and int(text[:20])):
        raise SettingError(f"{SETTING} must be a whole number of bytes, got {text[:40]!r}")
    return int(text[:20])


def max_text_bytes() -> int:
    """Return how long the text of a JSON or CSV document may be, decompressed."""
    return max_artifact_bytes() // _TEXT_SHARE


def check_bytes(n_bytes: int, what: str = "it decodes to", limit: int | None = None) -> None:
    """Refuse more bytes than an artifact may decode to, or than `limit`.

    Raises
    ------
    TooLargeError
        There are more.
    """
    most = max_artifact_bytes() if limit is None else limit
    if n_bytes > most:
        raise TooLargeError(
            f"{what} {_words(n_bytes)}, where at most {_words(most)} are taken. {SETTING}, now "
            f"{max_artifact_bytes()} bytes, sets how much one artifact may decode to"
        )


def check_columns(n_columns: int) -> None:
    """Refuse more columns than a table may have.

    Raises
    ------
    TooLargeError
        There are more.
    """
    if n_columns > MAX_COLUMNS:
        raise TooLargeError(f"it has {n_columns} columns, and a table may have {MAX_COLUMNS}")


def check_json(data: bytes) -> None:
    """Refuse JSON whose values would take more memory than an artifact may.

    Raises
    ------
    TooLargeError
        They would.
    """
    check_bytes(len(data), "it is text of", max_text_bytes())
    check_bytes(_JSON_VALUE_BYTES * sum(map(data.count, _JSON_MARKS)), "its values take")


def check_csv(data: bytes) -> None:
    """Refuse CSV whose columns or values are more than an artifact may have.

    Raises
    ------
    TooLargeError
        They are.
    """
    check_bytes(len(data), "it is text of", max_text_bytes())
    values = sum(map(data.count, (b",", b";", b"\t", b"\n")))
    check_bytes(_CSV_VALUE_BYTES * values, "its values take")
    # The header, and the first row, which pandas takes for an index where it is longer.
    head = data[:_HEAD_BYTES].lstrip().replace(b"\r", b"\n")
    lines = [line for line in head.split(b"\n", 8)[:8] if line][:2]
    if lines and len(lines[0]) == _HEAD_BYTES:
        raise TooLargeError(f"its first line goes on for more than {_words(_HEAD_BYTES)}")
    check_columns(max((1 + max(map(line.count, (b",", b";", b"\t"))) for line in lines), default=0))


def _words(n_bytes: int) -> str:
    """Return a number of bytes as people say it."""
    for unit, size in (("TB", 10**12), ("GB", 10**9), ("MB", 10**6)):
        if n_bytes >= size:
            return f"{n_bytes / size:,.1f} {unit}"
    return f"{n_bytes} bytes"
