"""One source taken in: compared with what was ingested of it, read, and merged into its record."""

from __future__ import annotations

import os
import time
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from kymflow_zarr import layout
from kymflow_zarr.errors import KymflowError, SourceError, StoreUnavailableError
from kymflow_zarr.formats.pixels import OnChunk
from kymflow_zarr.sources import parts
from kymflow_zarr.sources.claims import failing, mended
from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.merge import Record, merge_image, review_conflicts
from kymflow_zarr.sources.moves import is_there
from kymflow_zarr.sources.options import SyncOptions
from kymflow_zarr.sources.reader import SourceReader, cause_of
from kymflow_zarr.sources.siblings import is_at_hand
from kymflow_zarr.sources.states import FileState, first_change, snapshot
from kymflow_zarr.store.base import Store


@dataclass(frozen=True)
class Taken:
    """What became of one source.

    Attributes
    ----------
    outcome : str
        Whether its image is new, was changed, stays as it is, or could not be made.
    row : SourceRow
        Its row in the sources table, as it is to be.
    remarks : sequence of str
        What was passed over within its files.
    left_behind : sequence of str
        Sidecars that still have the name, or are still in the folder, that the source had before.
    """

    outcome: Literal["new", "changed", "unchanged", "failed"]
    row: SourceRow
    remarks: Sequence[str] = ()
    left_behind: Sequence[str] = ()


class Taker:
    """Takes in sources, one at a time or several side by side.

    Parameters
    ----------
    store, zarr_format, options
        Of the dataset, and of the ingest.
    sources : collection of str
        Absolute paths of all sources of the ingest.
    """

    def __init__(
        self, store: Store, zarr_format: int, options: SyncOptions, sources: Collection[str] = ()
    ) -> None:
        self._sources = sources
        self._store = store
        self._zarr_format = zarr_format
        self._options = options

    def take(
        self,
        row: SourceRow,
        reader: SourceReader,
        *,
        exists: bool,
        has_pixels: bool = False,
        on_chunk: OnChunk | None = None,
    ) -> Taken:
        """Ingest a source if it is new, if its image has lost its pixels or, in that mode, if it has changed.

        Parameters
        ----------
        row, reader
            The source.
        exists, has_pixels : bool
            Whether it has an image, and that is known to have pixels; if not, they are looked for.
        on_chunk
            As :func:`merge_image`.
        """
        record = Record(self._store, layout.record_prefix(row.image_id), self._zarr_format)
        try:
            if exists and row.ingested_epoch_ns:
                lacks_pixels = not has_pixels and not record.has_pixels()
                return self._take_known(row, reader, record, on_chunk, lacks_pixels=lacks_pixels)
            return self._ingest(row, reader, record, on_chunk, exists=exists, outcome="new")
        except SourceError as error:
            return Taken("failed", failing(row, str(error)))

    def _take_known(
        self,
        row: SourceRow,
        reader: SourceReader,
        record: Record,
        on_chunk: OnChunk | None,
        *,
        lacks_pixels: bool,
    ) -> Taken:
        # What is an image of its own now, as a channel that stayed may be, is none of this one's files.
        given_up = {state.path for state in row.files[1:] if _absolute(row, state.path) in self._sources}
        if self._options.mode == "skip" and not row.failure and not given_up and not lacks_pixels:
            stayed = [state.path for state in row.files if state.stayed]
            left = [path for path in stayed if is_there(_absolute(row, path))]
            return Taken("unchanged", row, left_behind=left)
        known = () if self._options.verify else row.files
        with _blamed_on(row, reader):
            files, as_known = snapshot(Path(row.path), reader, known)
            left_behind = [path for path in _left_behind(row, files) if path not in given_up]
        if left_behind:
            kept = [state for state in row.files[1:] if state.path not in given_up]
            return _waiting_for_sidecars(replace(row, files=(row.files[0], *kept)), files, left_behind)
        held, reverted = review_conflicts(record, row.conflicts)
        wanted = held and self._options.overwrite
        if first_change(row.files, files) is not None or reverted or wanted or lacks_pixels:
            return self._ingest(row, reader, record, on_chunk, exists=True, outcome="changed")
        if self._options.verify or (row.reader and row.reader != reader.name):
            # The same files, but they may be read as something else now.
            before = record.ingested()
            taken = self._ingest(row, reader, record, on_chunk, exists=True, outcome="changed")
            if record.ingested() != before:
                return taken
            same = replace(taken.row, ingested_epoch_ns=row.ingested_epoch_ns, returned=row.returned)
            return replace(taken, outcome="unchanged", row=same)
        # Times may have changed without the content: noted, so that the next run need not read it.
        noted = row.files if as_known else tuple(files)
        return Taken("unchanged", replace(mended(row), files=noted, conflicts=held))

    def _ingest(
        self,
        row: SourceRow,
        reader: SourceReader,
        record: Record,
        on_chunk: OnChunk | None,
        *,
        exists: bool,
        outcome: Literal["new", "changed"],
    ) -> Taken:
        with _blamed_on(row, reader):
            # Taken before it is read: a change in between is then noticed by the next run.
            files, _ = snapshot(Path(row.path), reader, ())
            image = reader.read(Path(row.path))
            encoded, axes = parts.encode_image(image, self._zarr_format)
        conflicts = merge_image(
            record,
            encoded,
            axes,
            exists=exists,
            overwrite=self._options.overwrite,
            verify=self._options.verify,
            on_chunk=on_chunk,
        )
        now = replace(
            mended(row),
            ingested_epoch_ns=time.time_ns(),
            files=tuple(files),
            conflicts=conflicts,
            reader=reader.name,
            returned=False,
        )
        return Taken(outcome, now, tuple(image.remarks))


def _absolute(row: SourceRow, path: str) -> str:
    joined = os.path.join(os.path.dirname(row.path), *path.split("/"))
    return os.path.normpath(joined) if ".." in path else joined


def _left_behind(row: SourceRow, files: Sequence[FileState]) -> list[str]:
    """Return known sidecars that stayed when the source moved, and that the reader does not find any more.

    Raises
    ------
    SourceError
        A known sidecar is not at hand: it must not count as deleted.
    """
    found = {state.path for state in files}
    folder = Path(row.path).parent
    missed = [state for state in row.files[1:] if state.path not in found]
    return [state.path for state in missed if is_at_hand(folder / state.path) and state.stayed]


def _waiting_for_sidecars(row: SourceRow, files: Sequence[FileState], left_behind: Sequence[str]) -> Taken:
    if files[0].sha256 != row.sha256:
        raise SourceError(
            f"{row.path} has moved and changed, but its sidecar {left_behind[0]} has stayed behind; "
            "move or rename it, too",
            path=row.path,
        )
    kept = (files[0], *row.files[1:])
    return Taken("unchanged", replace(mended(row), files=kept), left_behind=left_behind)


@contextmanager
def _blamed_on(row: SourceRow, reader: SourceReader) -> Iterator[None]:
    """Turn whatever a reader raises into a failure of its one source."""
    try:
        yield
    except (SourceError, StoreUnavailableError):
        raise
    except KymflowError as error:
        raise SourceError(str(error), path=row.path) from error
    # A reader is somebody else's code, and files are what they are; one that exits spoils its one file.
    except (Exception, SystemExit) as error:
        raise SourceError(
            f"cannot read {row.path} with reader {reader.name!r}: {cause_of(error)}", path=row.path
        ) from error
