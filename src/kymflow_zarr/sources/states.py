"""Source files as they were when they were ingested, and whether they have changed since."""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from kymflow_zarr.sources.reader import SourceReader
from kymflow_zarr.store.base import SETTLED_AFTER_NS
from kymflow_zarr.store.disk.files import open_regular


@dataclass(frozen=True)
class FileState:
    """One file as it was when it was ingested.

    Attributes
    ----------
    path : str
        Relative to the folder of the image's source file, with ``/``.
    size : int
        Bytes.
    mtime_ns : int
        Modification time, ns since 1970.
    sha256 : str
        Of its content; empty where an earlier version of kymflow did not note it.
    settled : bool
        Whether it was older than two seconds when it was looked at; if not, a second write may
        share its time, and only the content tells.
    stayed : bool
        Whether it stayed where it was when its source moved.
    """

    path: str
    size: int
    mtime_ns: int
    sha256: str
    settled: bool
    stayed: bool = False


def read_state(path: Path, *, settled_before_ns: int, relative: str = "") -> FileState:
    """Read one file and return its state.

    Raises
    ------
    OSError
        It cannot be read.
    """
    sha = hashlib.sha256()
    descriptor, info = open_regular(str(path))
    with open(descriptor, "rb") as file:
        while block := file.read(2**20):
            sha.update(block)
    return FileState(
        relative or path.name,
        info.st_size,
        info.st_mtime_ns,
        sha.hexdigest(),
        info.st_mtime_ns < settled_before_ns,
    )


def snapshot(primary: Path, reader: SourceReader, known: Iterable[FileState]) -> tuple[list[FileState], bool]:
    """Return the state of a source and its sidecars, source first, reading only what may have changed.

    Returns
    -------
    files : list of FileState
    as_known : bool
        Whether no file had to be read, because sizes and times say that all are as in `known`.

    Raises
    ------
    OSError
        A file cannot be read.
    """
    before = {state.path: state for state in known}
    settled_before_ns = time.time_ns() - SETTLED_AFTER_NS
    states = []
    as_known = True
    folder = os.path.join(primary.parent, "")
    for path in [primary, *reader.files(primary)]:
        # Nearly all are in the folder or below, and relpath() takes longer than to look at the file.
        place = str(path)
        inside = place.startswith(folder)
        relative = (place[len(folder) :] if inside else os.path.relpath(path, folder)).replace(os.sep, "/")
        state = before.get(relative)
        if state is None or not _looks_unchanged(path, state):
            as_known = False
            state = read_state(path, settled_before_ns=settled_before_ns, relative=relative)
        states.append(state)
    return states, as_known


def state_now(path: Path, before: FileState | None) -> FileState:
    """Return the state of a file now; it is read only if it may have changed, or is not known.

    Raises
    ------
    OSError
        It cannot be read.
    """
    if before is not None and _looks_unchanged(path, before):
        return before
    relative = before.path if before is not None else ""
    return read_state(path, settled_before_ns=time.time_ns() - SETTLED_AFTER_NS, relative=relative)


def _looks_unchanged(path: Path, state: FileState) -> bool:
    info = path.stat()
    same = info.st_size == state.size and info.st_mtime_ns == state.mtime_ns
    return same and (state.settled or not state.sha256)


def first_change(before: Sequence[FileState], now: Sequence[FileState]) -> str | None:
    """Return the path of the first file that was added, deleted or changed in content, or None."""
    old = {state.path: (state.size, state.sha256) for state in before}
    new = {state.path: (state.size, state.sha256) for state in now}
    for path in [*new, *old]:
        if old.get(path) != new.get(path):
            return path
    return None
