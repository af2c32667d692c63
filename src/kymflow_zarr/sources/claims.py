"""Which row of the sources table a file has: its own, that of a file that has moved, or a new one."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from kymflow_zarr.sources.choose import Chosen
from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.moves import Contents, find_moves, is_there, moved_to
from kymflow_zarr.sources.names import path_key


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
    excluded : dict of str to SourceRow
        Those of sources of this run that are not to be ingested, by relative path.
    changed : bool
        Whether any row is another than before.
    """

    rows: list[SourceRow]
    claimed: list[SourceRow] = field(default_factory=list)
    gone: list[SourceRow] = field(default_factory=list)
    excluded: dict[str, SourceRow] = field(default_factory=dict)
    changed: bool = False


class Claimer:
    """Claims rows for the files of one folder; what it has read of them is kept for a second try.

    Parameters
    ----------
    root : Path
        The folder.
    chosen : Chosen
        What is in it.
    all_again : bool
        Whether files that are known are looked at again, too.
    include_excluded : bool
        Whether sources that were excluded are taken in again.
    has_record : callable
        Tells whether there is an image for a row: an ingest that was killed may not have noted it.
    meanwhile : callable
        Called before a file is read; may raise to end all.
    """

    def __init__(
        self,
        root: Path,
        chosen: Chosen,
        *,
        all_again: bool,
        include_excluded: bool = False,
        has_record: Callable[[SourceRow], bool],
        meanwhile: Callable[[], None],
    ) -> None:
        self._root = str(root)
        self._chosen = chosen
        self._all_again = all_again
        self._include_excluded = include_excluded
        self._has_record = has_record
        self._contents = Contents(meanwhile)
        self._wanted = {relative: self._path(relative) for relative in chosen.readers}
        self._failed = {relative: self._path(relative) for relative in chosen.failed}

    def claim(self, before: Sequence[SourceRow]) -> Claims:
        """Give every file of the folder an image id, before any is ingested."""
        places = self._places([row.path for row in before])
        places |= self._moves(before, places)
        claims = Claims(list(before))
        for relative in self._wanted:
            row = self._claimed(before, places.get(relative), relative)
            if row.excluded_epoch_ns:
                claims.excluded[relative] = row
            else:
                claims.claimed.append(row)
            _put(claims, places.get(relative), row)
        for relative, reason in self._chosen.failed.items():
            row = self._claimed(before, places.get(relative), relative)
            if row.excluded_epoch_ns:
                claims.excluded[relative] = row
            else:
                row = failing(row, reason)
            _put(claims, places.get(relative), row)
        self._review_rest(claims, before, set(places.values()))
        return claims

    def _path(self, relative: str) -> str:
        return os.path.join(self._root, *relative.split("/"))

    def _places(self, paths: Sequence[str]) -> dict[str, int]:
        """Return the places of the rows that are of a file's own path, be its accents written otherwise."""
        mine = self._wanted | self._failed
        exact = {path: place for place, path in enumerate(paths)}
        present = set(mine.values())
        alike = {path_key(path): place for path, place in exact.items() if path not in present}
        places = {relative: exact[path] for relative, path in mine.items() if path in exact}
        for relative, path in mine.items():
            if path not in exact and path_key(path) in alike:
                places[relative] = alike.pop(path_key(path))
        return places

    def _moves(self, rows: Sequence[SourceRow], places: Mapping[str, int]) -> dict[str, int]:
        known = {relative: places[relative] for relative in self._wanted if relative in places}
        if len(known) == len(self._wanted) and not self._all_again:
            return {}
        mine = set(places.values())
        gone = (place for place, row in enumerate(rows) if place not in mine and not is_there(row.path))
        return find_moves(rows, self._wanted, known, gone, self._contents)

    def _claimed(self, rows: Sequence[SourceRow], place: int | None, relative: str) -> SourceRow:
        if place is None:
            return SourceRow(self._root, relative, str(uuid.uuid4()))
        row = rows[place]
        if row.gone_epoch_ns:
            row = replace(row, gone_epoch_ns=0)
        if row.excluded_epoch_ns and self._include_excluded:
            row = replace(row, excluded_epoch_ns=0)
        # A row may be of a folder above this one, and then has another relative path.
        return row if row.path == self._path(relative) else moved_to(row, self._root, relative)

    def _review_rest(self, claims: Claims, before: Sequence[SourceRow], mine: set[int]) -> None:
        """Note which of the other files of the folder are there no more, and forget what never became any."""
        below = os.path.join(self._root, "")
        dropped = set()
        for place, row in enumerate(before):
            # An excluded source stays known: it may come back, or turn up elsewhere.
            if place in mine or row.excluded_epoch_ns or not (path := row.path).startswith(below):
                continue
            made = row.ingested_epoch_ns or self._has_record(row)
            if is_there(path):
                # Another run may have claimed it just now: forgotten is only what failed and is no source.
                relative = path[len(below) :].replace(os.sep, "/")
                if row.failure and not made and relative not in self._chosen.passed_over:
                    dropped.add(place)
            elif made:
                gone = replace(mended(row), gone_epoch_ns=row.gone_epoch_ns or time.time_ns())
                claims.gone.append(gone)
                _put(claims, place, gone)
            else:
                dropped.add(place)
        claims.changed |= bool(dropped)
        claims.rows = [row for place, row in enumerate(claims.rows) if place not in dropped]


def _put(claims: Claims, place: int | None, row: SourceRow) -> None:
    if place is None:
        claims.rows.append(row)
        claims.changed = True
    elif row != claims.rows[place]:
        claims.rows[place] = row
        claims.changed = True


def failing(row: SourceRow, reason: str) -> SourceRow:
    """Return the row of a source that cannot be ingested; since when, if the reason is the same as before."""
    if row.failure == reason:
        return row
    return replace(row, failure=reason, failed_epoch_ns=time.time_ns())


def mended(row: SourceRow) -> SourceRow:
    """Return the row of a source that does not fail any more."""
    return replace(row, failure="", failed_epoch_ns=0) if row.failure else row
