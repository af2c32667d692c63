"""Where things are in a dataset, and the check of every name that becomes a key."""

from __future__ import annotations

import re
import unicodedata

from kymflow_zarr.errors import InvalidNameError

FORMAT = "kymflow_zarr_v1"
SCHEMA_VERSION = 1

IMAGES = "images"
ANALYSIS = "analysis"
TABLES = "tables"
INDEX = "index"
SOURCES_TABLE = "sources"
RESERVED_TABLES = frozenset({SOURCES_TABLE})

# Room for a suffix, a lock's or a temporary name below the 255 bytes of common file systems.
MAX_NAME_BYTES = 200
_FORBIDDEN = frozenset('\\/:*?"<>|')
_WINDOWS_DEVICES = frozenset(
    {"con", "prn", "aux", "nul", "conin$", "conout$"}
    # The small numbers count as numbers there.
    | {f"com{digit}" for digit in "123456789¹²³"}
    | {f"lpt{digit}" for digit in "123456789¹²³"}
)


# Artifacts and tables end so, and are no folders.
FILE_ENDINGS = (".parquet", ".json", ".gz")
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_-]{5,200}").fullmatch

# What file browsers leave behind; it says nothing of a dataset.
BROWSER_LITTER = frozenset({".DS_Store", "Thumbs.db", "desktop.ini"})


def is_litter(name: str) -> bool:
    """Tell whether a file was left behind by a file browser."""
    return name in BROWSER_LITTER or name.startswith("._")


def is_key(key: str) -> bool:
    """Tell whether a key stays below the root of its store, whatever the store is."""
    if "\\" in key or "\0" in key:
        return False
    # Most keys hold nothing that could be wrong, which costs less to see than the parts.
    plain = bool(key) and key[0] not in "./" and key[-1] != "/" and "/." not in key and "//" not in key
    return plain or not any(part in ("", ".", "..") for part in key.split("/"))


def _why_unusable(name: str) -> str | None:
    """Say why one path component cannot be a name on every system, or None if it can."""
    if not name:
        return "it is empty"
    try:
        encoded = name.encode("utf-8")
    except UnicodeEncodeError:
        return "it cannot be written as UTF-8"
    if len(encoded) > MAX_NAME_BYTES:
        return f"it takes {len(encoded)} bytes, at most {MAX_NAME_BYTES} are possible"
    for char in name:
        if char in _FORBIDDEN or unicodedata.category(char) == "Cc":
            return f"it contains {char!r}"
    if name.startswith("."):
        return "it starts with a dot"
    if name.endswith((".", " ")):
        return "it ends with a dot or a space, which Windows drops"
    if name.split(".")[0].rstrip().lower() in _WINDOWS_DEVICES:
        return "it is a device name on Windows"
    return None


def is_name(name: str) -> bool:
    """Tell whether :func:`check_name` takes a name; what lies under any other is somebody else's."""
    # Most ids are so, as a glance tells: no device has a name of five letters and digits.
    return _PLAIN_NAME(name) is not None or _why_unusable(name) is None


def check_name(name: object, what: str) -> str:
    """Return `name` if it can be one component of a key.

    Parameters
    ----------
    name : object
        The candidate; anything but a usable str is refused.
    what : str
        What it names, for the message: "image id", "table name", ...

    Raises
    ------
    InvalidNameError
        The name is no str, is empty or over-long, holds a separator, a control character or
        another character that some system forbids, or starts or ends so that it could climb
        out of the dataset or be lost on some system.
    """
    if not isinstance(name, str):
        raise InvalidNameError(f"the {what} must be a str, got {type(name).__name__}: {name!r}")
    if not is_name(name):
        reason = _why_unusable(name)
        shown = name if len(name) <= 60 else name[:60] + "..."
        raise InvalidNameError(
            f"{shown!r} cannot be used as {what}: {reason}. Use letters, digits, '-', '_' and inner dots."
        )
    return name


def check_artifact_name(name: object) -> str:
    """Return `name` if it can name an artifact; ``/`` separates nested names (``radon/params``).

    Raises
    ------
    InvalidNameError
        As for :func:`check_name`, for any of the components.
    """
    if not isinstance(name, str):
        raise InvalidNameError(f"the artifact name must be a str, got {type(name).__name__}: {name!r}")
    for component in name.split("/"):
        check_name(component, f"artifact name (in {name[:60]!r})" if "/" in name else "artifact name")
    return name


def check_array_name(name: object) -> str:
    """Return `name` if it can name an array artifact, as :func:`check_artifact_name`.

    An array lies in ``data`` below its name, so that no inner component may be ``data``.

    Raises
    ------
    InvalidNameError
        It cannot.
    """
    checked = check_artifact_name(name)
    if "data" in checked.split("/")[1:]:
        raise InvalidNameError(
            f"{checked!r} cannot be used as array name: below a name, 'data' is the array itself"
        )
    return checked


def record_prefix(image_id: str) -> str:
    """Key prefix of a record: ``images/<image_id>``."""
    return f"{IMAGES}/{check_name(image_id, 'image id')}"


def table_key(name: str) -> str:
    """Key of a dataset-level table: ``tables/<name>.parquet``."""
    return f"{TABLES}/{check_name(name, 'table name')}.parquet"


def ledger_prefix(table_name: str) -> str:
    """Key prefix of a table's ledgers: ``index/<table_name>``."""
    return f"{INDEX}/{check_name(table_name, 'table name')}"


def ledger_key(table_name: str, commit_id: str) -> str:
    """Key of one ledger: ``index/<table_name>/<commit_id>.parquet``."""
    return f"{ledger_prefix(table_name)}/{check_name(commit_id, 'commit id')}.parquet"
