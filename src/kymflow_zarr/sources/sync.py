"""The ingest of a folder: every file is taken in, used beside one that is, or named with the reason."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr import layout
from kymflow_zarr.errors import CancelledError, SourceError
from kymflow_zarr.formats.groups import ATTRS_DOCUMENT
from kymflow_zarr.formats.pixels import OnChunk
from kymflow_zarr.record.attrs import delete_record
from kymflow_zarr.sources.account import EXCLUDED, absorbed, make_report, pending
from kymflow_zarr.sources.choose import Chosen, choose, passing_over
from kymflow_zarr.sources.claims import Claimer, Claims
from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.merge import Record
from kymflow_zarr.sources.options import SyncOptions
from kymflow_zarr.sources.reader import SourceReader
from kymflow_zarr.sources.report import FolderReport
from kymflow_zarr.sources.siblings import listing_once
from kymflow_zarr.sources.states import state_now
from kymflow_zarr.sources.table import load_rows, update_rows
from kymflow_zarr.sources.take import Taken, Taker
from kymflow_zarr.sources.threads import each
from kymflow_zarr.sources.walk import walk

if TYPE_CHECKING:
    from kymflow_zarr.store.base import Store

# Rows are written after so many images, or this share of a large folder, as each time all rows are
# written; after a crash, at most these are ingested again.
_ROWS_PER_WRITE = 200
_SHARE_PER_WRITE = 0.05


def sync(
    store: Store, zarr_format: int, folder: str | os.PathLike[str], options: SyncOptions
) -> FolderReport:
    """Ingest what is new in a folder, and on demand what has changed.

    Parameters
    ----------
    store, zarr_format
        The dataset's.
    folder : str or path-like
        The folder.
    options : SyncOptions
        How it is to be ingested.

    Returns
    -------
    FolderReport
        A source that fails is reported there, and the others go on.

    Raises
    ------
    SourceError
        `folder` is no folder.
    CancelledError
        It was cancelled; what was ingested until then stays.
    """
    # Path.is_dir() raises where the path is too long for the system.
    if not os.path.isdir(folder):
        if not os.fspath(folder):
            raise SourceError("the folder to ingest from is an empty text; the present folder is '.'")
        raise SourceError(f"{folder} is no folder to ingest from", path=str(folder))
    with listing_once():
        return _Sync(store, zarr_format, Path(os.path.realpath(folder)), options, os.fspath(folder)).run()


class _Sync:
    """One run over one folder."""

    def __init__(self, store: Store, zarr_format: int, root: Path, options: SyncOptions, called: str) -> None:
        self._store = store
        self._zarr_format = zarr_format
        self._root = root
        self._options = options
        self._called = called
        self._done = 0
        # How much of each source that is being written is done, from 0 to 1.
        self._portions: dict[str, float] = {}
        self._ended = threading.Event()
        self._told: tuple[float, int] | None = None
        self._rows_per_write = _ROWS_PER_WRITE
        self._finished: list[SourceRow] = []
        # The rows of all excluded sources by image id, as of the last write.
        self._excluded: dict[str, SourceRow] = {}

    def run(self) -> FolderReport:
        options = self._options
        chosen = choose(self._root, walk(str(self._root)), options.readers, options.pattern)
        claimer = Claimer(
            self._root,
            chosen,
            all_again=options.mode != "skip",
            include_excluded=options.include_excluded,
            has_record=lambda row: self._store.exists(self._document(row)),
            # The caller is not told anything: claims are made again while the table is locked.
            meanwhile=lambda: self._end_if_cancelled(len(chosen.readers)),
        )
        claims = self._claim(claimer)
        paths = {os.path.join(self._root, *path.split("/")) for path in chosen.readers}
        chosen = passing_over(chosen, claims.excluded, EXCLUDED)
        # A row may be of a folder above this one, and then has another relative path.
        sources = list(zip(chosen.readers.items(), claims.claimed, strict=True))
        there, whole = self._find_ingested(claims.claimed)
        taker = Taker(self._store, self._zarr_format, options, paths)
        self._rows_per_write = max(_ROWS_PER_WRITE, int(_SHARE_PER_WRITE * len(sources)))

        def take(source: tuple[tuple[str, SourceReader], SourceRow]) -> tuple[str, SourceRow, Taken]:
            (path, reader), row = source
            # It may be there by now: another run may be ingesting the same folder.
            exists = row.image_id in there or self._store.exists(self._document(row))
            on_chunk = self._on_chunk(path, len(sources))
            has_pixels = row.image_id in whole
            return path, row, taker.take(row, reader, exists=exists, has_pixels=has_pixels, on_chunk=on_chunk)

        taken: dict[str, Taken] = {}
        try:
            # Closed at an end before its time, so that nothing goes on in its threads.
            with closing(each(take, sources, options.executor, lambda: self._go_on(len(sources)))) as ready:
                try:
                    for path, row, one in ready:
                        taken[path] = one
                        self._portions.pop(path, None)
                        self._done += 1
                        if one.row != row:
                            self._finish(one.row)
                except BaseException:
                    # What other threads are writing ends at its next chunk.
                    self._ended.set()
                    raise
            self._tell(len(sources))
            self._let_go(claims, absorbed(claims, taken))
            self._look_at_excluded(claims.excluded.values())
            self._finished += [replace(row, returned=True) for row in pending(taken)]
        finally:
            self._write_finished()
        chosen = self._pass_over_excluded(chosen, claims, taken)
        return make_report(self._root, chosen, claims, taken, mode=options.mode)

    def _pass_over_excluded(self, chosen: Chosen, claims: Claims, taken: dict[str, Taken]) -> Chosen:
        """Take what was excluded during the ingest out of its account."""
        ids = {path: one.row.image_id for path, one in taken.items()}
        for path in [path for path, image_id in ids.items() if image_id in self._excluded]:
            del taken[path]
            claims.excluded[path] = self._excluded[ids[path]]
        claims.rows = [self._excluded.get(row.image_id, row) for row in claims.rows]
        return passing_over(chosen, claims.excluded, EXCLUDED)

    def _let_go(self, claims: Claims, rows: Sequence[SourceRow]) -> None:
        """Note that files are no sources of their own any more; their images stay, and are told of."""
        gone = [replace(row, gone_epoch_ns=row.gone_epoch_ns or time.time_ns()) for row in rows]
        claims.gone += gone
        self._finished += [now for now, row in zip(gone, rows, strict=True) if now != row]

    def _look_at_excluded(self, rows: Iterable[SourceRow]) -> None:
        """Note the content of excluded sources that is new, by which they are known if they move."""
        for row in rows:
            # One that was excluded before its ingest was noted has none yet.
            if row.sha256 and self._options.mode == "skip":
                continue
            self._end_if_cancelled(self._done)
            before = row.files[0] if row.sha256 else None
            try:
                now = replace(row, files=(state_now(Path(row.path), before), *row.files[1:]))
            except OSError:
                continue
            if now != row:
                self._finish(now)

    def _on_chunk(self, path: str, total: int) -> OnChunk:
        """Return what is told of a source while it is written, in whichever thread."""

        def on_chunk(done: int, of: int) -> None:
            if done < of:
                self._end_if_cancelled(total)
                # An array is read once to be compared and once to be written: it only goes forward.
                self._portions[path] = max(self._portions.get(path, 0.0), done / of)
                if self._options.executor is None:
                    self._tell(total)

        return on_chunk

    def _go_on(self, total: int) -> None:
        """Tell how far it is, or end it."""
        self._end_if_cancelled(total)
        self._tell(total)

    def _end_if_cancelled(self, total: int) -> None:
        cancelled = self._options.cancel is not None and self._options.cancel.is_set()
        if cancelled or self._ended.is_set():
            raise CancelledError(
                f"ingest of {self._called} was cancelled after {self._done} of {total} sources",
                dataset=self._store.url,
            )

    def _tell(self, total: int) -> None:
        done = self._done + sum(self._portions.copy().values())
        if self._options.on_progress is not None and self._told != (done, total):
            self._told = (done, total)
            self._options.on_progress(done, total)

    def _claim(self, claimer: Claimer) -> Claims:
        # Most runs claim nothing new, and need no lock.
        claims = claimer.claim(load_rows(self._store))

        def change(rows: list[SourceRow]) -> list[SourceRow] | None:
            nonlocal claims
            claims = claimer.claim(rows)
            return claims.rows if claims.changed else None

        if claims.changed:
            update_rows(self._store, change)
        return claims

    def _find_ingested(self, rows: Sequence[SourceRow]) -> tuple[set[str], set[str]]:
        """Find out which images that were ingested before are there, and have pixels, in few requests."""
        known = [row for row in rows if row.ingested_epoch_ns]
        records = {self._document(row): row.image_id for row in known}
        pixels = {self._pixels_key(row): row.image_id for row in known}
        found = {one.key for one in self._store.stat_many([*records, *pixels]) if one is not None}
        there, whole = ({keys[key] for key in keys.keys() & found} for keys in (records, pixels))
        return there, whole

    def _pixels_key(self, row: SourceRow) -> str:
        return Record(self._store, layout.record_prefix(row.image_id), self._zarr_format).pixels_key

    def _document(self, row: SourceRow) -> str:
        return f"{layout.record_prefix(row.image_id)}/{ATTRS_DOCUMENT[self._zarr_format]}"

    def _finish(self, row: SourceRow) -> None:
        self._finished.append(row)
        if len(self._finished) >= self._rows_per_write:
            self._write_finished()

    def _write_finished(self) -> None:
        """Write the rows of what has been ingested since the last time."""
        finished, self._finished = self._finished, []
        if not finished:
            return

        def change(present: list[SourceRow]) -> list[SourceRow]:
            # Another run may have found meanwhile that a file has moved.
            rows = {row.image_id: row for row in present}
            for row in finished:
                before = rows.get(row.image_id, row)
                if bool(before.excluded_epoch_ns) == bool(row.excluded_epoch_ns):
                    rows[row.image_id] = row
                elif before.excluded_epoch_ns:
                    # Somebody has excluded it meanwhile: only its content is noted.
                    rows[row.image_id] = replace(before, files=row.files or before.files)
            self._excluded = {row.image_id: row for row in rows.values() if row.excluded_epoch_ns}
            return list(rows.values())

        update_rows(self._store, change)
        for row in finished:
            # It may have been written after it was deleted.
            if row.image_id in self._excluded and not row.excluded_epoch_ns:
                delete_record(self._store, row.image_id, self._zarr_format)
