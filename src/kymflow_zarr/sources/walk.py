"""Everything in a folder of source files, each thing once: what it is, before anybody reads it."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from kymflow_zarr.layout import FILE_ENDINGS, is_litter
from kymflow_zarr.sources.names import evicted

_LITTER_FOLDERS = frozenset({"__MACOSX", "$RECYCLE.BIN", "System Volume Information"})
# A folder with one of these is a Zarr hierarchy: a TIFF in it is no source.
_ZARR_DOCUMENTS = frozenset({"zarr.json", ".zgroup", ".zarray"})
_FILES = (".tif", ".tiff", ".csv", ".txt", *FILE_ENDINGS)

Kind = Literal["file", "hidden", "zarr", "in cloud", "irregular", "unnamed", "unreadable"]


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing in the folder.

    Attributes
    ----------
    path : str
        Relative to the folder, with ``/``; what is no UTF-8 is written out with backslashes.
    kind : str
        ``file``: a regular file with a name that can be stored. ``hidden``: a hidden or left-over file,
        or a folder of such. ``zarr``: a Zarr hierarchy. ``in cloud``: iCloud keeps this file elsewhere.
        ``irregular``: no regular file where one should be, or a link that leads nowhere. ``unnamed``: its
        name is no UTF-8. ``unreadable``: it cannot be looked into.
    reason : str
        What the system said of what is unreadable.
    """

    path: str
    kind: Kind
    reason: str = ""


def walk(root: str) -> Iterator[Entry]:
    """Yield every file below `root`; of folders that are passed over as a whole, the folder.

    Links to folders are not followed.
    """
    refused: list[Entry] = []

    def refuse(error: OSError) -> None:
        where = _relative(root, error.filename) if error.filename else "."
        refused.append(Entry(_printable(where), "unreadable", error.strerror or str(error)))

    for folder, folders, names in os.walk(root, onerror=refuse):
        where = _relative(root, folder)
        # The folder itself may be one, or be within one.
        if _ZARR_DOCUMENTS.intersection(names):
            folders.clear()
            yield Entry(_printable(where), "zarr")
            continue
        if not folders and not names and where.lower().endswith(_FILES):
            # In the place of a file. One that holds something is a folder, whatever it is called.
            yield Entry(_printable(where), "irregular")
        below = "" if where == "." else f"{where}/"
        folders.sort()
        for name in tuple(folders):
            if name.startswith(".") or name in _LITTER_FOLDERS:
                folders.remove(name)
                yield Entry(_printable(below + name), "hidden")
            elif os.path.islink(os.path.join(folder, name)):
                yield Entry(_printable(below + name), "irregular")
        present = frozenset(names)
        for name in sorted(names):
            yield _entry(os.path.join(folder, name), below, name, present)
    yield from refused


def _entry(path: str, below: str, name: str, present: frozenset[str]) -> Entry:
    relative = _printable(below + name)
    if relative != below + name:
        return Entry(relative, "unnamed")
    original = evicted(name)
    if original and original not in present and not _is_hidden(original):
        return Entry(below + original, "in cloud")
    if _is_hidden(name):
        return Entry(relative, "hidden")
    try:
        regular = stat.S_ISREG(os.stat(path).st_mode)
    except OSError:
        regular = False
    return Entry(relative, "file" if regular else "irregular")


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or is_litter(name)


def _relative(root: str, path: str) -> str:
    return os.path.relpath(path, root).replace(os.sep, "/")


def _printable(path: str) -> str:
    return path if path.isascii() else path.encode("utf-8", "backslashreplace").decode("utf-8")
