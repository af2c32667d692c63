"""Files that have moved: of which row of the sources table each was."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.names import path_key, placeholder
from kymflow_zarr.sources.states import FileState, read_state


def is_there(path: str) -> bool:
    """Tell whether a file is where it was, be it in iCloud, out of reach, or a link that leads nowhere."""
    folder, name = os.path.split(path)
    for one in (path, os.path.join(folder, placeholder(name))):
        try:
            os.lstat(one)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError:
            return True
        return True
    return False


class Contents:
    """Digests of files, each read once; `meanwhile` is called before, and may raise to end it."""

    def __init__(self, meanwhile: Callable[[], None]) -> None:
        self._meanwhile = meanwhile
        self._digests: dict[str, str] = {}

    def sha256(self, path: str) -> str:
        """Return the digest of a file; empty if it cannot be read."""
        if path not in self._digests:
            self._meanwhile()
            try:
                self._digests[path] = read_state(Path(path), settled_before_ns=0).sha256
            except OSError:
                self._digests[path] = ""
        return self._digests[path]


def find_moves(
    rows: Sequence[SourceRow],
    paths: Mapping[str, str],
    known: Mapping[str, int],
    gone: Iterable[int],
    contents: Contents,
) -> dict[str, int]:
    """Return the row of each file that was elsewhere before: same content, and the old path free.

    Free is a path that is gone, or whose file has itself moved there from another: names may go round
    (``b`` to ``c``, then ``a`` to ``b``).

    Parameters
    ----------
    rows : sequence of SourceRow
    paths : mapping of str to str
        The files of a folder by relative path, with their absolute paths.
    known : mapping of str to int
        The place in `rows` of each of them that has a row under its path.
    gone : iterable of int
        Places of rows whose files are there no more.
    contents : Contents
        What is read of files that may have moved.
    """
    suspects = {name: place for name, place in known.items() if _looks_otherwise(rows[place], paths[name])}
    pool = [*(place for place in gone if rows[place].sha256), *suspects.values()]
    # Of two files of the same content, one that has an image comes first.
    pool.sort(key=lambda place: rows[place].excluded_epoch_ns > 0)
    by_size: dict[int, set[int]] = {}
    for place in pool:
        by_size.setdefault(rows[place].files[0].size, set()).add(place)
    digests = {}
    for name in (*(name for name in paths if name not in known), *suspects):
        # Most files have a size of their own, and need not be read.
        if by_size.get(_size(paths[name]), set()) - {known.get(name, -1)}:
            digests[name] = contents.sha256(paths[name])
    touched = {name for name, place in suspects.items() if digests.get(name) == rows[place].sha256}
    digests = {name: digest for name, digest in digests.items() if digest and name not in touched}
    free = [place for place in pool if place not in {suspects[name] for name in touched}]
    moves = _match(rows, digests, free)
    return _closed(moves, {name: place for name, place in suspects.items() if name not in touched})


def _match(rows: Sequence[SourceRow], digests: Mapping[str, str], free: Collection[int]) -> dict[str, int]:
    moves: dict[str, int] = {}
    # A root or folder that has moved keeps the rest of the paths: those are told first.
    for alike in (path_key, _name, _anything):
        left: dict[tuple[str, str], list[int]] = {}
        taken = set(moves.values())
        for place in free:
            if place not in taken:
                row = rows[place]
                left.setdefault((row.sha256, alike(row.relative_path)), []).append(place)
        for name, digest in digests.items():
            candidates = left.get((digest, alike(name)))
            if name not in moves and candidates:
                moves[name] = candidates.pop(0)
    return moves


def _closed(moves: dict[str, int], displaced: Mapping[str, int]) -> dict[str, int]:
    """Drop moves to or from a known path, unless its own row moves on and another comes."""
    while True:
        taken = {place: name for name, place in moves.items()}
        broken = {name for name, place in displaced.items() if (name in moves) != (place in taken)}
        if not broken:
            return moves
        dropped = broken | {taken[displaced[name]] for name in broken if displaced[name] in taken}
        moves = {name: place for name, place in moves.items() if name not in dropped}


def moved_to(row: SourceRow, root: str, relative: str) -> SourceRow:
    """Return a row for the path to which its file has moved; so may its sidecars have."""
    old, new = Path(row.path), Path(root, *relative.split("/"))
    primary = [replace(state, path=new.name) for state in row.files[:1]]
    # Beside its source, in the folder of old, which may have moved as a whole, or in that very folder.
    folders = (new.parent, Path(root, *row.relative_path.split("/")).parent, old.parent)
    # Beside another file of its source's old name, a sidecar is that one's.
    places = [folder for folder in folders if not is_there(str(folder / old.name))]
    sidecars = [_sidecar_moved_to(state, old, new, places) for state in row.files[1:]]
    return replace(row, root=root, relative_path=relative, files=(*primary, *sidecars))


def _sidecar_moved_to(state: FileState, old: Path, new: Path, places: Iterable[Path]) -> FileState:
    path = PurePosixPath(state.path)
    if path.name.startswith(old.stem):
        path = path.with_name(new.stem + path.name[len(old.stem) :])
    if is_there(str(new.parent / path)):
        # One that was left behind before is still not named as its source.
        return replace(state, path=str(path), stayed=state.stayed and str(path) == state.path)
    for folder in places:
        here = folder / state.path
        if is_there(str(here)):
            return replace(state, path=os.path.relpath(here, new.parent).replace(os.sep, "/"), stayed=True)
    return replace(state, path=str(path), stayed=False)


def _looks_otherwise(row: SourceRow, path: str) -> bool:
    if not row.sha256:
        return False
    try:
        info = os.stat(path)
    except OSError:
        return False
    return (info.st_size, info.st_mtime_ns) != (row.files[0].size, row.files[0].mtime_ns)


def _size(path: str) -> int:
    try:
        return os.stat(path).st_size
    except OSError:
        return -1


def _name(path: str) -> str:
    return path_key(PurePosixPath(path).name)


def _anything(path: str) -> str:
    return ""
