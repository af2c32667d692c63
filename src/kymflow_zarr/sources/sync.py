"""The ingest of a folder: each file gets an image id, and what is new or changed is read."""

from __future__ import annotations

import os
import time
import uuid
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from kymflow_zarr import layout, tables
from kymflow_zarr.errors import CancelledError, SourceError
from kymflow_zarr.formats import frames
from kymflow_zarr.formats.groups import ATTRS_DOCUMENT
from kymflow_zarr.sources import parts
from kymflow_zarr.sources.files import find_primaries, first_change, read_state, snapshot
from kymflow_zarr.sources.index import SourceRow, decode_rows, encode_rows, index_frame, path_key
from kymflow_zarr.sources.merge import Record, merge_image, review_conflicts
from kymflow_zarr.sources.options import SyncOptions
from kymflow_zarr.sources.report import Conflict, FolderReport
from kymflow_zarr.sources.tiff_reader import TiffReader

if TYPE_CHECKING:
    import pandas as pd

    from kymflow_zarr.store.base import Store, StoreReader

_KEY = layout.table_key(layout.SOURCES_TABLE)
# Rows are written after so many images; after a crash, at most these are ingested again.
_ROWS_PER_WRITE = 200


def load_index(store: StoreReader) -> pd.DataFrame:
    """Return the sources table, a row per source file; empty, with its columns, if there is none.

    Raises
    ------
    TableError
        Its file is damaged.
    """
    try:
        return index_frame(store.read(_KEY)[0])
    except FileNotFoundError:
        return index_frame(None)
    except frames.UnreadableParquet as error:
        raise tables.damaged_table(store, layout.SOURCES_TABLE, error) from error


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
    on_progress, cancel = options.on_progress, options.cancel
    run = _Sync(store, zarr_format, Path(os.path.realpath(folder)), options)
    try:
        run.claim(find_primaries(run.root, options.pattern, run.report.failed))
        total = len(run.claimed)
        for done, row in enumerate(run.claimed):
            if cancel is not None and cancel.is_set():
                raise CancelledError(
                    f"ingest of {folder} was cancelled after {done} of {total} sources",
                    dataset=store.url,
                )
            if on_progress is not None:
                on_progress(done, total)
            run.take(row)
        if on_progress is not None:
            on_progress(total, total)
    finally:
        run.write_finished()
    return run.report


class _Sync:
    """One run over one folder."""

    def __init__(self, store: Store, zarr_format: int, root: Path, options: SyncOptions) -> None:
        self.store = store
        self.zarr_format = zarr_format
        self.root = root
        self.options = options
        self.reader = options.reader or TiffReader()
        self.report = FolderReport(str(root))
        self.hashes: dict[Path, str] = {}
        self.claimed: list[SourceRow] = []
        self.ingested: set[str] = set()
        self.finished: list[SourceRow] = []

    # Claims

    def claim(self, relative_paths: Iterable[str]) -> None:
        """Give every file of the folder an image id, in the sources table, before any is read."""
        wanted = list(relative_paths)

        def change(present: bytes | None) -> bytes | None:
            rows = self._decode(present)
            claimed, changed = self._claim_in(rows, wanted)
            self.claimed = claimed
            return encode_rows(rows) if changed else None

        if not wanted:
            return
        # Most runs claim nothing new, and need no lock.
        rows = self._decode(self._present())
        self.claimed, changed = self._claim_in(rows, wanted)
        if changed:
            self.store.update(_KEY, change)
        self._find_ingested()
        mine = {row.image_id for row in self.claimed}
        self.report.missing = [
            row.relative_path
            for row in rows
            if row.root == str(self.root) and row.image_id not in mine and not os.path.lexists(row.path)
        ]

    def _find_ingested(self) -> None:
        """Find out which of the images that were ingested before are there, in few requests."""
        keys = {self._document(row): row.image_id for row in self.claimed if row.ingested_epoch_ns}
        found = self.store.stat_many(list(keys))
        self.ingested = {keys[one.key] for one in found if one is not None}

    def _document(self, row: SourceRow) -> str:
        return f"{layout.record_prefix(row.image_id)}/{ATTRS_DOCUMENT[self.zarr_format]}"

    def _present(self) -> bytes | None:
        try:
            return self.store.read(_KEY)[0]
        except FileNotFoundError:
            return None

    def _decode(self, present: bytes | None) -> list[SourceRow]:
        if present is None:
            return []
        try:
            return decode_rows(present)
        except frames.UnreadableParquet as error:
            raise tables.damaged_table(self.store, layout.SOURCES_TABLE, error) from error

    def _claim_in(self, rows: list[SourceRow], wanted: list[str]) -> tuple[list[SourceRow], bool]:
        """Find or make the row of each wanted file; tell whether `rows` changed."""
        by_path = {path_key(row.path): place for place, row in enumerate(rows)}
        by_name: dict[str, list[int]] = {}
        for place, row in enumerate(rows):
            by_name.setdefault(_name_key(row.relative_path), []).append(place)
        claimed = []
        changed = False
        for relative in wanted:
            path = self.root / relative
            index = by_path.get(path_key(str(path)))
            if index is None:
                changed = True
                index = self._moved_from(rows, by_name.get(_name_key(relative), ()), relative)
                if index is None:
                    index = len(rows)
                    rows.append(SourceRow(str(self.root), relative, str(uuid.uuid4())))
                else:
                    rows[index] = replace(rows[index], root=str(self.root), relative_path=relative)
            claimed.append(rows[index])
        return claimed, changed

    def _moved_from(self, rows: list[SourceRow], candidates: Iterable[int], relative: str) -> int | None:
        """Return the row of the same file, by name and content, that has moved since, or None.

        A root that has moved leaves the relative path as it was: that is looked for first.
        """
        path = self.root / relative
        same_first = sorted(
            candidates, key=lambda index: path_key(rows[index].relative_path) != path_key(relative)
        )
        for index in same_first:
            row = rows[index]
            if row.sha256 and not os.path.lexists(row.path) and self._sha256(path) == row.sha256:
                return index
        return None

    def _sha256(self, path: Path) -> str:
        if path not in self.hashes:
            try:
                self.hashes[path] = read_state(path, settled_before_ns=0).sha256
            except OSError:
                self.hashes[path] = ""
        return self.hashes[path]

    # Images

    def take(self, row: SourceRow) -> None:
        """Ingest one source if it is new or, in that mode, has changed."""
        # It may be there by now: another run may be ingesting the same folder.
        exists = row.image_id in self.ingested or self.store.exists(self._document(row))
        record = Record(self.store, layout.record_prefix(row.image_id), self.zarr_format)
        try:
            if exists and row.ingested_epoch_ns:
                self._take_known(row, record)
            else:
                self._ingest(row, record, exists=exists, report_as=self.report.new)
        except SourceError as error:
            self.report.failed[row.relative_path] = str(error)

    def _take_known(self, row: SourceRow, record: Record) -> None:
        if self.options.mode == "skip":
            self.report.unchanged += 1
            return
        with _blamed_on(row):
            files, as_known = snapshot(Path(row.path), self.reader, row.files)
        held, reverted = review_conflicts(record, row.conflicts)
        if first_change(row.files, files) is not None or reverted or (held and self.options.overwrite):
            self._ingest(row, record, exists=True, report_as=self.report.changed)
            return
        self.report.unchanged += 1
        self._report_conflicts(row, held)
        if held != row.conflicts or not as_known:
            # Times may have changed without the content: noted, so that the next run need not read it.
            self._finish(replace(row, files=tuple(files), conflicts=held))

    def _ingest(self, row: SourceRow, record: Record, *, exists: bool, report_as: list[str]) -> None:
        path = Path(row.path)
        with _blamed_on(row):
            # Taken before it is read: a change in between is then noticed by the next run.
            files, _ = snapshot(path, self.reader, ())
            image = self.reader.read(path)
            encoded, axes = parts.encode_image(image, self.zarr_format)
        conflicts = merge_image(record, encoded, axes, exists=exists, overwrite=self.options.overwrite)
        self._report_conflicts(row, conflicts)
        report_as.append(row.image_id)
        self._finish(replace(row, ingested_epoch_ns=time.time_ns(), files=tuple(files), conflicts=conflicts))

    def _report_conflicts(self, row: SourceRow, conflicts: Iterable[str]) -> None:
        self.report.conflicts += [Conflict(row.image_id, row.relative_path, part) for part in conflicts]

    # Rows

    def _finish(self, row: SourceRow) -> None:
        self.finished.append(row)
        if len(self.finished) >= _ROWS_PER_WRITE:
            self.write_finished()

    def write_finished(self) -> None:
        """Write the rows of what has been ingested since the last time."""
        finished, self.finished = self.finished, []
        if not finished:
            return

        def change(present: bytes | None) -> bytes:
            rows = {path_key(row.path): row for row in self._decode(present)}
            rows.update((path_key(row.path), row) for row in finished)
            return encode_rows(list(rows.values()))

        self.store.update(_KEY, change)


def _name_key(relative_path: str) -> str:
    return path_key(relative_path.rpartition("/")[2])


@contextmanager
def _blamed_on(row: SourceRow) -> Iterator[None]:
    """Turn whatever a reader raises into a failure of its one source."""
    try:
        yield
    except SourceError:
        raise
    # A reader is somebody else's code, and files are what they are.
    except Exception as error:
        reason = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
        raise SourceError(f"cannot read {row.path}: {reason}", path=row.path) from error
