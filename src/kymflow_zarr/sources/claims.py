"""Which row of the sources table a file has: its own, that of a file that has moved, or a new one."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path, PurePosixPath

from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.names import path_key, placeholder
from kymflow_zarr.sources.states import FileState, read_state


@dataclass
class Claims:
    """What a run over a folder makes of the rows of the sources table.

    Attributes
    ----------
    rows : list of SourceRow
        All rows of the table, as they are to be.
    claimed : list of SourceRow
        Those of the files of this run, in order.
    gone : list of SourceRow
        Those of this folder whose file is there no more.
    changed : bool
        Whether any row is another than before.
    """

    rows: list[SourceRow]
    claimed: list[SourceRow] = field(default_factory=list)
    gone: list[SourceRow] = field(default_factory=list)
    changed: bool = False


class Claimer:
    """Claims rows for the files of one folder; what it has read of them is kept for a second try."""

    def __init__(self, root: Path, wanted: Iterable[str], failed: Mapping[str, str]) -> None:
        self._root = root
        self._wanted = list(wanted)
        self._failed = failed
        self._hashes: dict[Path, str] = {}

    def claim(self, rows: list[SourceRow]) -> Claims:
        """Give every file of the folder an image id, before any is ingested."""
        claims = Claims(list(rows))
        places = {path_key(row.path): place for place, row in enumerate(rows)}
        new = [relative for relative in self._wanted if self._key(relative) not in places]
        moved = self._moved(claims.rows, new) if new else {}
        for relative in self._wanted:
            place = places.get(self._key(relative), moved.get(relative))
            if place is None:
                place = self._append(claims, SourceRow(str(self._root), relative, str(uuid.uuid4())))
            elif relative in moved:
                self._put(claims, place, _moved_to(claims.rows[place], str(self._root), relative))
            claims.claimed.append(claims.rows[place])
        self._note_failures(claims, places)
        self._note_gone(claims)
        return claims

    def _key(self, relative: str) -> str:
        return path_key(os.path.join(self._root, *relative.split("/")))

    def _append(self, claims: Claims, row: SourceRow) -> int:
        claims.rows.append(row)
        claims.changed = True
        return len(claims.rows) - 1

    def _put(self, claims: Claims, place: int, row: SourceRow) -> None:
        if row != claims.rows[place]:
            claims.rows[place] = row
            claims.changed = True

    # Files that have moved

    def _moved(self, rows: list[SourceRow], new: list[str]) -> dict[str, int]:
        """Return the rows of those files that were elsewhere before: same content, and the old path gone."""
        gone: dict[str, list[int]] = {}
        sizes = set()
        for place, row in enumerate(rows):
            if row.sha256 and not is_there(row.path):
                gone.setdefault(row.sha256, []).append(place)
                sizes.add(row.files[0].size)
        moved: dict[str, int] = {}
        # A root or folder that has moved keeps the rest of the paths: those are told first.
        for alike in (_same_path, _same_name, _any):
            for relative in new:
                path = self._root / relative
                if relative in moved or not sizes or not self._has_size(path, sizes):
                    continue
                candidates = gone.get(self._sha256(path), [])
                found = next((place for place in candidates if alike(rows[place], relative)), None)
                if found is not None:
                    candidates.remove(found)
                    moved[relative] = found
        return moved

    def _has_size(self, path: Path, sizes: set[int]) -> bool:
        try:
            return path.stat().st_size in sizes
        except OSError:
            return False

    def _sha256(self, path: Path) -> str:
        if path not in self._hashes:
            try:
                self._hashes[path] = read_state(path, settled_before_ns=0).sha256
            except OSError:
                self._hashes[path] = ""
        return self._hashes[path]

    # Files that cannot be read, and files that are gone

    def _note_failures(self, claims: Claims, places: Mapping[str, int]) -> None:
        for relative, reason in self._failed.items():
            place = places.get(self._key(relative))
            if place is None:
                row = SourceRow(str(self._root), relative, str(uuid.uuid4()))
                self._append(claims, failing(row, reason))
            else:
                self._put(claims, place, failing(claims.rows[place], reason))

    def _note_gone(self, claims: Claims) -> None:
        inside = {row.image_id for row in claims.claimed}
        failed = {self._key(relative) for relative in self._failed}
        below = os.path.join(self._root, "")
        before, claims.rows = claims.rows, []
        for row in before:
            now = row
            if row.image_id in inside or path_key(row.path) in failed:
                now = _there(row)
            elif row.path.startswith(below) and not (is_there(row.path) and not row.failure):
                if not row.ingested_epoch_ns:
                    # Nothing was ever made of it.
                    claims.changed = True
                    continue
                now = replace(row, gone_epoch_ns=row.gone_epoch_ns or time.time_ns(), failure="")
                claims.gone.append(now)
            claims.changed |= now is not row and now != row
            claims.rows.append(now)
        claims.claimed = [
            replace(row, gone_epoch_ns=0) if row.gone_epoch_ns else row for row in claims.claimed
        ]


def is_there(path: str) -> bool:
    """Tell whether a source is where it was, be it in iCloud or behind a link that leads nowhere."""
    folder, name = os.path.split(path)
    return os.path.lexists(path) or os.path.lexists(os.path.join(folder, placeholder(name)))


def _there(row: SourceRow) -> SourceRow:
    return replace(row, gone_epoch_ns=0) if row.gone_epoch_ns else row


def failing(row: SourceRow, reason: str) -> SourceRow:
    """Return the row of a source that cannot be ingested; since when, if the reason is the same as before."""
    if row.failure == reason:
        return row
    return replace(row, failure=reason, failed_epoch_ns=time.time_ns())


def _moved_to(row: SourceRow, root: str, relative: str) -> SourceRow:
    """Return a row for the path to which its file has moved; so may its sidecars have."""
    old, new = Path(row.path), Path(root, *relative.split("/"))
    sidecars = [_sidecar_moved_to(state, old, new) for state in row.files[1:]]
    primary = replace(row.files[0], path=new.name)
    return replace(row, root=root, relative_path=relative, files=(primary, *sidecars))


def _sidecar_moved_to(state: FileState, old: Path, new: Path) -> FileState:
    here = old.parent / state.path
    if os.path.lexists(here):
        return replace(state, path=os.path.relpath(here, new.parent).replace(os.sep, "/"))
    path = PurePosixPath(state.path)
    if path.name.startswith(old.stem):
        path = path.with_name(new.stem + path.name[len(old.stem) :])
    return replace(state, path=str(path))


def _same_path(row: SourceRow, relative: str) -> bool:
    return path_key(row.relative_path) == path_key(relative)


def _same_name(row: SourceRow, relative: str) -> bool:
    return path_key(PurePosixPath(row.relative_path).name) == path_key(PurePosixPath(relative).name)


def _any(row: SourceRow, relative: str) -> bool:
    return True
