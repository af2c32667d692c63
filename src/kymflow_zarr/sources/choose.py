"""Which reader reads which file of a folder, and why some files are read by none."""

from __future__ import annotations

import fnmatch
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from kymflow_zarr.sources.names import is_conflicted_copy, path_key, same_name
from kymflow_zarr.sources.reader import SourceReader, cause_of
from kymflow_zarr.sources.walk import Entry, Kind

CONFLICTED = "a copy that a file service made of a conflict"
NO_READER = "an image that no reader takes"
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
# fmt: off
_IMAGES = (
    ".avi", ".bmp", ".czi", ".dcm", ".gif", ".ics", ".ids", ".ims", ".jpeg", ".jpg", ".lif", ".lsm", ".nd2",
    ".obf", ".oib", ".oif", ".oir", ".png", ".sld", ".stk", ".svs", ".tif", ".tiff", ".vsi", ".zvi",
)
_SIDECARS = (
    ".csv", ".gz", ".json", ".npy", ".parquet", ".tsv", ".txt", ".xls", ".xlsx", ".xml", ".yaml", ".yml",
)
# fmt: on


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
    pattern : str or None
        What sources have to be named.
    """

    readers: dict[str, SourceReader] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)
    passed_over: dict[str, str] = field(default_factory=dict)
    others: list[str] = field(default_factory=list)
    pattern: str | None = None


def choose(
    root: Path, entries: Iterable[Entry], readers: Sequence[SourceReader], pattern: str | None
) -> Chosen:
    """Say of every entry of a folder which reader takes it, or why none does.

    Of several readers that take a file, the one with the highest ``priority`` reads it; two of the
    same highest priority make it fail.
    """
    chosen = Chosen(pattern=pattern)
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
    # Of names that differ in how accents are written, the one that most systems write comes first.
    for path in sorted(files, key=lambda path: (path_key(path), path != path_key(path))):
        takers, problem = _takers(root / path, readers)
        if is_conflicted_copy(path, names):
            chosen.passed_over[path] = CONFLICTED
        elif not _named(path, pattern) and takers:
            chosen.passed_over[path] = not_named(pattern)
        elif not _named(path, pattern) or not (takers or problem):
            chosen.others.append(path)
        elif problem:
            chosen.failed[path] = problem
        elif len(takers) > 1:
            chosen.failed[path] = _both_take_it(takers)
        elif (other := first.setdefault(path_key(path), path)) != path:
            chosen.failed[path] = f"its name differs from {other} only in how accents are written; rename one"
        else:
            chosen.readers[path] = takers[0]
    return chosen


def passing_over(chosen: Chosen, paths: Collection[str], reason: str) -> Chosen:
    """Return what is chosen, but for these sources, which are passed over for that reason."""
    return replace(
        chosen,
        readers={path: reader for path, reader in chosen.readers.items() if path not in paths},
        failed={path: cause for path, cause in chosen.failed.items() if path not in paths},
        passed_over=chosen.passed_over | dict.fromkeys(paths, reason),
    )


def not_named(pattern: str | None) -> str:
    """Say that a source is passed over because of its name."""
    return f"not named {pattern}"


def why_unused(path: str, pattern: str | None) -> str:
    """Say why a file that no reader takes and no image uses is passed over."""
    suffix = PurePosixPath(path).suffix.lower()
    if suffix in _IMAGES and not _named(path, pattern):
        # A further channel of an image that is not named so, for one.
        return not_named(pattern)
    return NO_READER if suffix in _IMAGES else NO_IMAGE if suffix in _SIDECARS else OTHER


_FAILURES: dict[Kind, str] = {
    "in cloud": "it is in iCloud and not on this disk; download it, then ingest again",
    "irregular": "it is no regular file, or a link that leads nowhere",
    "unnamed": UNPRINTABLE,
}


def _named(path: str, pattern: str | None) -> bool:
    name = path.rpartition("/")[2]
    return pattern is None or fnmatch.fnmatchcase(name.lower(), pattern.lower())


def _takers(path: Path, readers: Sequence[SourceReader]) -> tuple[list[SourceReader], str]:
    """Return the readers of highest priority among those that take a file, and why one could not tell."""
    takers: dict[int, list[SourceReader]] = {}
    for reader in readers:
        try:
            if reader.matches(path):
                takers.setdefault(_priority(reader), []).append(reader)
        # A reader is somebody else's code; it spoils this one file.
        except (Exception, SystemExit) as error:  # noqa: BLE001
            return [], f"reader {reader.name!r} cannot tell whether it takes it: {cause_of(error)}"
    return takers[max(takers)] if takers else [], ""


def _wanted(root: Path, relative: str, readers: Sequence[SourceReader], pattern: str | None) -> bool:
    """Tell whether something would be a source, or might be one, if it were a file that can be read."""
    return _named(relative, pattern) and any(_takers(root / relative, readers))


def _priority(reader: SourceReader) -> int:
    return int(getattr(reader, "priority", 0))


def _both_take_it(takers: Sequence[SourceReader]) -> str:
    names = " and ".join(repr(reader.name) for reader in takers)
    return (
        f"readers {names} both take it, with priority {_priority(takers[0])}; switch one of their plugins off"
    )
