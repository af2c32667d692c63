"""Which reader reads which file of a folder, and why some files are read by none."""

from __future__ import annotations

import fnmatch
import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath

from kymflow_zarr.sources.reader import SourceReader
from kymflow_zarr.sources.siblings import same_name
from kymflow_zarr.sources.walk import Entry, Kind

CONFLICTED = "a copy that a file service made of a conflict"
NO_READER = "an image of a format that no reader takes"
NO_IMAGE = "a sidecar of no image"
OTHER = "neither an image nor a sidecar"
UNPRINTABLE = "its name is no UTF-8; rename it to ingest it"

_PASSED_OVER: dict[Kind, str] = {
    "hidden": "hidden, or left behind by another program",
    "zarr": "a Zarr hierarchy, not source files",
    "irregular": "no regular file, or a link that is not followed",
    "unnamed": "its name is no UTF-8",
    "in cloud": "in iCloud and not on this disk",
}
_IMAGES = (
    *(
        ".avi",
        ".bmp",
        ".czi",
        ".dcm",
        ".gif",
        ".ids",
        ".ics",
        ".ims",
        ".jpeg",
        ".jpg",
        ".lif",
        ".lsm",
        ".nd2",
    ),
    *(".obf", ".oib", ".oif", ".oir", ".png", ".sld", ".stk", ".svs", ".tif", ".tiff", ".vsi", ".zvi"),
)
_SIDECARS = (
    ".csv",
    ".gz",
    ".json",
    ".npy",
    ".parquet",
    ".tsv",
    ".txt",
    ".xls",
    ".xlsx",
    ".xml",
    ".yaml",
    ".yml",
)
# As Dropbox, Syncthing, Nextcloud and OneDrive (with the name that Windows gives a computer) name them.
_CONFLICTED_COPY = re.compile(
    r"( \([^()]*(?:conflicted copy|conflict)[^()]*\)|[._]sync-conflict-\d{8}-\d{6}(?:-\w+)?|"
    r"[ _]\(?conflicted copy[^)]*\)?|-(?:DESKTOP|LAPTOP)-[0-9A-Z]{7}(?:-\d+)?)",
    re.IGNORECASE,
)


@dataclass
class Chosen:
    """What is to be made of a folder.

    Attributes
    ----------
    readers : dict of str to SourceReader
        Who reads each source, by relative path.
    failed : dict of str to str
        Why something that should be a source cannot be one.
    passed_over : dict of str to str
        Why a file is no source, and can be no sidecar either.
    others : list of str
        Files that may be sidecars.
    """

    readers: dict[str, SourceReader] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)


def choose(
    root: Path, entries: Iterable[Entry], readers: Sequence[SourceReader], pattern: str | None
) -> Chosen:
    """Say of every entry of a folder which reader takes it, or why none does.

    Of several readers that take a file, the one with the highest ``priority`` reads it; two of the
    same highest priority make it fail.
    """
    chosen = Chosen()
    files = []
    for entry in entries:
        if entry.kind == "file":
            files.append(entry.path)
        elif entry.kind == "unreadable":
            chosen.failed[entry.path] = f"cannot look into it: {entry.reason}"
        elif entry.kind in ("hidden", "zarr") or not _wanted(root, entry.path, readers, pattern):
            chosen.passed_over[entry.path] = _PASSED_OVER[entry.kind]
        else:
            chosen.failed[entry.path] = _FAILURES[entry.kind]
    names = {same_name(path) for path in files}
    first: dict[str, str] = {}
    for path in sorted(files):
        if _is_conflicted_copy(path, names):
            chosen.passed_over[path] = CONFLICTED
            continue
        takers = _takers(root / path, readers, chosen.failed, path)
        if not takers:
            if path not in chosen.failed:
                chosen.others.append(path)
        elif not _named(path, pattern):
            chosen.passed_over[path] = f"not named {pattern}"
        elif len(takers) > 1:
            chosen.failed[path] = _both_take_it(takers)
        elif other := first.get(_spelt_alike(path)):
            chosen.failed[path] = f"its name differs from {other} only in how accents are written; rename one"
        else:
            first[_spelt_alike(path)] = path
            chosen.readers[path] = takers[0]
    return chosen


def why_unused(path: str) -> str:
    """Say why a file that no reader takes and no image uses is passed over."""
    suffix = PurePosixPath(path).suffix.lower()
    return NO_READER if suffix in _IMAGES else NO_IMAGE if suffix in _SIDECARS else OTHER


_FAILURES: dict[Kind, str] = {
    "in cloud": "it is in iCloud and not on this disk; download it, then ingest again",
    "irregular": "it is no regular file, or a link that leads nowhere",
    "unnamed": UNPRINTABLE,
}


def _named(path: str, pattern: str | None) -> bool:
    name = path.rpartition("/")[2]
    return pattern is None or fnmatch.fnmatchcase(name.lower(), pattern.lower())


def _takers(
    path: Path, readers: Sequence[SourceReader], failed: dict[str, str], relative: str
) -> list[SourceReader]:
    """Return the readers of highest priority among those that take a file."""
    takers = []
    for reader in readers:
        try:
            if reader.matches(path):
                takers.append(reader)
        # A reader is somebody else's code; it spoils this one file.
        except Exception as error:  # noqa: BLE001
            failed[relative] = f"reader {reader.name!r} cannot tell whether it takes it: {error!r}"
            return []
    highest = max((_priority(reader) for reader in takers), default=0)
    return [reader for reader in takers if _priority(reader) == highest]


def _wanted(root: Path, relative: str, readers: Sequence[SourceReader], pattern: str | None) -> bool:
    """Tell whether something would be a source, if it were a file that can be read."""
    return _named(relative, pattern) and bool(_takers(root / relative, readers, {}, relative))


def _priority(reader: SourceReader) -> int:
    return int(getattr(reader, "priority", 0))


def _both_take_it(takers: Sequence[SourceReader]) -> str:
    names = " and ".join(repr(reader.name) for reader in takers)
    return (
        f"readers {names} both take it, with priority {_priority(takers[0])}; "
        "switch one off, or give the reader to use"
    )


def _spelt_alike(path: str) -> str:
    return unicodedata.normalize("NFC", path)


def _is_conflicted_copy(path: str, names: set[str]) -> bool:
    """Tell whether a file is named as a conflicted copy of another file that is there, too."""
    folder, _, name = path.rpartition("/")
    original, found = _CONFLICTED_COPY.subn("", name)
    return bool(found) and same_name(f"{folder}/{original}" if folder else original) in names
