"""The check of all that is stored: every artifact and array read, and what interrupted writes left."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping, Sequence, Set
from dataclasses import dataclass
from operator import attrgetter

from kymflow_zarr import layout
from kymflow_zarr.check.leftovers import find_leftovers, under_way
from kymflow_zarr.check.passed_over import find_passed_over
from kymflow_zarr.check.problems import Problem
from kymflow_zarr.check.records import check_record, half_record
from kymflow_zarr.errors import CancelledError, StoreError, TableError
from kymflow_zarr.formats.groups import ATTRS_DOCUMENT
from kymflow_zarr.record.passed_over import PassedOver, part_names
from kymflow_zarr.sources.index import frame_of
from kymflow_zarr.sources.standing import SourcesStanding, standing_of
from kymflow_zarr.sources.table import load_rows
from kymflow_zarr.store.base import Fingerprint, StoreReader

OnProgress = Callable[[int, int], None]

# So often a record that goes on changing is looked at again.
_LOOKS = 3
# What has pixels and no attributes yet: its writer may have been held up between the two.
PAUSE_S = 1.0


@dataclass(frozen=True)
class StorageCheck:
    """What was looked at, and what is wrong with it.

    Attributes
    ----------
    images, artifacts : int
        How many records, and how many artifacts and arrays, were read.
    problems : list of Problem
        None repaired yet.
    sweepable : list of str
        Keys of leftovers that nobody needs any more.
    sources : SourcesStanding
        How the sources stand; failed ones are problems, too.
    """

    images: int
    artifacts: int
    problems: list[Problem]
    sweepable: list[str]
    sources: SourcesStanding


def check_storage(
    store: StoreReader,
    zarr_format: int,
    *,
    on_progress: OnProgress | None = None,
    cancel: threading.Event | None = None,
) -> StorageCheck:
    """Read every artifact and all pixels of every record; nothing is trusted, nothing is written.

    Parameters
    ----------
    store, zarr_format
        The dataset's.
    on_progress : callable, optional
        Called with (done, total) records.
    cancel : threading.Event, optional
        Set it to stop.

    Raises
    ------
    CancelledError
        `cancel` was set.
    """
    suspects = {}
    artifacts = 0
    names, live, passed_over = _list_images(store, zarr_format)
    for done, image_id in enumerate(names):
        if cancel is not None and cancel.is_set():
            raise CancelledError(
                f"the check of {store.url} was cancelled after {done} of {len(names)} images",
                dataset=store.url,
            )
        if on_progress is not None:
            on_progress(done, len(names))
        looked_at = _look(store, zarr_format, image_id, image_id in live)
        artifacts += len(looked_at) if image_id in live else 0
        if any(looked_at):
            suspects[image_id] = _stamps(store, image_id)
    problems = _look_again(store, zarr_format, suspects)
    if on_progress is not None:
        on_progress(len(names), len(names))
    faults, sources = _check_sources(store)
    leftovers, sweepable = find_leftovers(store, zarr_format)
    problems = [*find_passed_over(store, passed_over), *problems, *faults, *leftovers]
    return StorageCheck(len(live), artifacts, problems, sweepable, sources)


def _list_images(store: StoreReader, zarr_format: int) -> tuple[Sequence[str], Set[str], PassedOver]:
    """Return the names of all images, whole or not, those that have their attributes, and what is none."""
    whole = store.children(layout.IMAGES, having=[ATTRS_DOCUMENT[zarr_format]])
    images, passed_over = part_names(store, store.children(layout.IMAGES), zarr_format, known=whole)
    return images, set(whole).intersection(images), passed_over


def _stamps(store: StoreReader, image_id: str) -> frozenset[Fingerprint]:
    try:
        return frozenset(store.list(layout.record_prefix(image_id)))
    except StoreError:
        # Its folder is a link, or the disk refuses it, and does so again.
        return frozenset()


def _look(store: StoreReader, zarr_format: int, image_id: str, is_whole: bool) -> list[Problem | None]:
    return [*check_record(store, zarr_format, image_id)] if is_whole else [half_record(image_id)]


def _look_again(
    store: StoreReader, zarr_format: int, suspects: Mapping[str, frozenset[Fingerprint]]
) -> list[Problem]:
    """Return what is wrong with records that nobody writes or deletes meanwhile.

    What others are writing or deleting looks like what they left half. What is damaged looks the same twice.
    """
    problems: list[Problem] = []
    if suspects:
        names, live, _ = _list_images(store, zarr_format)
        if not suspects.keys() & set(names) <= live:
            time.sleep(PAUSE_S)
    for _ in range(_LOOKS):
        if not suspects:
            break
        names, live, _ = _list_images(store, zarr_format)
        # A large array is written out of sight, before its record counts.
        written = under_way(store) - set(live)
        changed = {}
        for image_id in sorted((suspects.keys() & set(names)) - written):
            found = [one for one in _look(store, zarr_format, image_id, image_id in live) if one]
            stamps = _stamps(store, image_id)
            if stamps == suspects[image_id]:
                problems += found
            elif found:
                changed[image_id] = stamps
        suspects = changed
    return sorted(problems, key=attrgetter("image_id"))


def _check_sources(store: StoreReader) -> tuple[list[Problem], SourcesStanding]:
    table = layout.SOURCES_TABLE
    try:
        # Row by row, as an ingest reads it.
        sources = standing_of(frame_of(load_rows(store)))
    except TableError as error:
        fault = Problem("unreadable sources", str(error), key=layout.table_key(table), table_name=table)
        return [fault], SourcesStanding()
    failed = [
        Problem("failed source", f"{path} could not be ingested: {reason}", table_name=table)
        for path, reason in sources.failed.items()
    ]
    return failed, sources
