"""The check of all that is stored: every artifact and array read, and what interrupted writes left."""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from kymflow_zarr import layout
from kymflow_zarr.check.problems import Problem
from kymflow_zarr.copied_names import copied_files
from kymflow_zarr.errors import (
    ArtifactNotFoundError,
    CancelledError,
    InvalidNameError,
    KymflowError,
    StoreError,
    StoreUnavailableError,
    TableError,
)
from kymflow_zarr.formats import arrays, pixels
from kymflow_zarr.formats.groups import ATTRS_DOCUMENT
from kymflow_zarr.record.copies import find_copies
from kymflow_zarr.record.record import ZarrImageRecord
from kymflow_zarr.sources.standing import SourcesStanding, standing_of
from kymflow_zarr.sources.table import load_index, load_rows
from kymflow_zarr.store.base import Fingerprint, Store, StoreReader

if TYPE_CHECKING:
    import numpy.typing as npt

OnProgress = Callable[[int, int], None]

# A temporary file younger than this may belong to a write that is under way.
LEFTOVER_AGE_S = 600.0
# So often a record that goes on changing is looked at again.
_LOOKS = 3


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
    names, live = _list_images(store, zarr_format)
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
    leftovers, sweepable = _find_leftovers(store, zarr_format)
    problems = [*_find_passed_over(store, zarr_format), *problems, *faults, *leftovers]
    return StorageCheck(len(live), artifacts, problems, sweepable, sources)


def _list_images(store: StoreReader, zarr_format: int) -> tuple[Sequence[str], Collection[str]]:
    """Return the names of all images, whole or not, and of those that have their attributes."""
    whole = store.children(layout.IMAGES, having=[ATTRS_DOCUMENT[zarr_format]])
    names = store.children(layout.IMAGES)
    passed = find_copies(store, names, zarr_format, known=whole)
    images = [name for name in names if name not in passed and layout.is_name(name)]
    return images, set(whole).intersection(images)


def _stamps(store: StoreReader, image_id: str) -> frozenset[Fingerprint]:
    try:
        return frozenset(store.list(layout.record_prefix(image_id)))
    except StoreError:
        # Its folder is a link, or the disk refuses it, and does so again.
        return frozenset()


def _look(store: StoreReader, zarr_format: int, image_id: str, is_whole: bool) -> list[Problem | None]:
    return [*_check_record(store, zarr_format, image_id)] if is_whole else [_half_record(image_id)]


def _look_again(
    store: StoreReader, zarr_format: int, suspects: Mapping[str, frozenset[Fingerprint]]
) -> list[Problem]:
    """Return what is wrong with records that nobody writes or deletes meanwhile.

    What others are writing or deleting looks like what they left half. What is damaged looks the same twice.
    """
    problems: list[Problem] = []
    for _ in range(_LOOKS):
        if not suspects:
            break
        names, live = _list_images(store, zarr_format)
        # A large array is written out of sight, before its record counts.
        under_way = _under_way(store) - set(live)
        changed = {}
        for image_id in sorted((suspects.keys() & set(names)) - under_way):
            found = [one for one in _look(store, zarr_format, image_id, image_id in live) if one]
            stamps = _stamps(store, image_id)
            if stamps == suspects[image_id]:
                problems += found
            elif found:
                changed[image_id] = stamps
        suspects = changed
    return sorted(problems, key=attrgetter("image_id"))


def _under_way(store: StoreReader) -> set[str]:
    """Return the images in whose folders somebody is writing, as young temporary files tell."""
    below = f"{layout.IMAGES}/"
    found = [one.key[len(below) :].split("/") for one in store.leftovers() if _is_young(store, one)]
    return {image_id for image_id, *rest in found if rest}


def _is_young(store: StoreReader, found: Fingerprint) -> bool:
    return found.mtime_ns > store.now_ns() - LEFTOVER_AGE_S * 1e9


def _half_record(image_id: str) -> Problem:
    return Problem(
        "half record",
        f"image {image_id!r} has no attributes: the rest of an interrupted write or deletion. The next "
        "ingest of its folder completes it; otherwise delete its folder.",
        key=f"{layout.IMAGES}/{image_id}",
        image_id=image_id,
    )


def _check_record(store: StoreReader, zarr_format: int, image_id: str) -> Iterator[Problem | None]:
    """Yield a problem, or None, for every artifact and array of a record."""
    try:
        record = ZarrImageRecord(store, image_id, zarr_format=zarr_format)
        record.get_attrs()
        keys, arrays = record.list_analysis_keys(), record.list_array_artifacts()
    except StoreUnavailableError:
        raise
    except StoreError as error:
        key = layout.record_prefix(image_id)
        yield Problem("unreadable image", str(error), key=key, image_id=image_id)
        return
    except Exception as error:  # noqa: BLE001
        yield Problem("half record", _cause(error, f"{layout.IMAGES}/{image_id}"), image_id=image_id)
        return
    prefix = layout.record_prefix(image_id)
    copies = copied_files(keys)
    for key in keys:
        yield _copied_file(key, copies[key], image_id) if key in copies else _check_artifact(record, key)
    yield _check_array(record, store, f"{prefix}/data", zarr_format, record.load_array)
    for name in arrays:
        key = f"{prefix}/analysis_arrays/{name}/data"
        yield _check_array(record, store, key, zarr_format, partial(record.load_array_artifact, name))


def _check_artifact(record: ZarrImageRecord, key: str) -> Problem | None:
    name = key.split(f"/{layout.ANALYSIS}/", 1)[1]
    for suffix, load in _readers(record).items():
        if name.endswith(suffix):
            try:
                load(name.removesuffix(suffix))
            except (ArtifactNotFoundError, InvalidNameError):
                # Deleted since it was listed; or somebody else's, under a name that no artifact can have.
                return None
            except StoreUnavailableError:
                raise
            # Whatever an artifact provokes in whoever decodes it: this concerns no other.
            except Exception as error:  # noqa: BLE001
                return Problem("unreadable artifact", _cause(error, key), key=key, image_id=record.image_id)
            return None
    # Somebody else's file; no indexer can ask for it.
    return None


def _cause(error: Exception, key: str) -> str:
    """Say what is wrong with a key: errors of our own do, those of a decoder know nothing of it."""
    if isinstance(error, KymflowError):
        return str(error)
    return f"{key!r} cannot be read: {type(error).__name__}: {error}. Write it again, or delete it."


def _readers(record: ZarrImageRecord) -> dict[str, Callable[[str], object]]:
    return {
        ".parquet": record.load_df_parquet,
        ".json": record.load_json,
        ".json.gz": record.load_json,
        ".csv.gz": record.load_df_csv_gz,
    }


def _check_array(
    record: ZarrImageRecord,
    store: StoreReader,
    key: str,
    zarr_format: int,
    load: Callable[[], npt.NDArray[Any]],
) -> Problem | None:
    try:
        before = arrays.read_attrs(store, key, zarr_format)
        stored = (before or {}).get(pixels.DIGEST_ATTR)
        digest = pixels.content_digest(load(), like=str(stored or ""))
        if arrays.read_attrs(store, key, zarr_format) != before:
            # Written while it was read: the writer's concern.
            return None
    except StoreUnavailableError:
        raise
    except ArtifactNotFoundError as error:
        message = f"{error}. The next ingest of its folder takes them in again; otherwise store them again."
        return Problem("unreadable pixels", message, key=key, image_id=record.image_id)
    # zarr and its codecs raise what they like, where documents or chunks are damaged.
    except Exception as error:  # noqa: BLE001
        message = f"{_cause(error, key)} An ingest that verifies takes in again what it brought."
        return Problem("unreadable pixels", message, key=key, image_id=record.image_id)
    if stored in (None, digest):
        return None
    return Problem(
        "unreadable pixels",
        f"the array {key!r} of {record!r} is not the one that was stored: its content has another digest. "
        "It is damaged, or another program wrote it. Store it again.",
        key=key,
        image_id=record.image_id,
    )


def _find_passed_over(store: StoreReader, zarr_format: int) -> Iterator[Problem]:
    """Yield what counts as no image or table: copies that programs left, and names that no image can have."""
    names = store.children(layout.IMAGES)
    whole = store.children(layout.IMAGES, having=[ATTRS_DOCUMENT[zarr_format]])
    copies = find_copies(store, names, zarr_format, known=whole)
    for name in names:
        key = f"{layout.IMAGES}/{name}"
        if name in copies:
            message = (
                f"{key!r} is a copy of image {copies[name]!r} that a sync program or a file browser left; it "
                "is in no table. Compare the two, keep in the image what is right, and delete the copy's "
                "folder."
            )
            yield Problem("conflicted copy", message, key=key, image_id=copies[name])
            continue
        try:
            layout.check_name(name, "image id")
        except InvalidNameError as error:
            message = f"the folder {key!r} is passed over: {error} Rename it, or take it away."
            yield Problem("unusable name", message, key=key)
    tables = copied_files([found.key for found in store.list(layout.TABLES)])
    for key, original in sorted(tables.items()):
        yield _copied_file(key, original)


def _copied_file(key: str, original: str, image_id: str = "") -> Problem:
    return Problem(
        "conflicted copy",
        f"{key!r} is a copy of {original!r} that a sync program or a file browser left; nobody reads it. "
        "Compare the two, keep under the old name what is right, and delete the copy.",
        key=key,
        image_id=image_id,
    )


def _check_sources(store: StoreReader) -> tuple[list[Problem], SourcesStanding]:
    table = layout.SOURCES_TABLE
    try:
        # Row by row first, as an ingest reads it.
        load_rows(store)
        sources = standing_of(load_index(store))
    except TableError as error:
        fault = Problem("unreadable sources", str(error), key=layout.table_key(table), table_name=table)
        return [fault], SourcesStanding()
    failed = [
        Problem("failed source", f"{path} could not be ingested: {reason}", table_name=table)
        for path, reason in sources.failed.items()
    ]
    return failed, sources


def _find_leftovers(store: StoreReader, zarr_format: int) -> tuple[list[Problem], list[str]]:
    """Return what interrupted writes left, and which of it nobody needs any more."""
    problems = []
    sweepable = []
    document = arrays.ARRAY_DOCUMENT[zarr_format]
    for found in store.leftovers():
        if _is_young(store, found):
            continue
        tree = _array_beside(found.key)
        if tree and store.exists(f"{found.key}/{document}") and not store.exists(f"{tree}/{document}"):
            message = (
                f"{found.key!r} holds a whole array, and there is none at {tree!r}: a replacement was "
                "interrupted. A check with repair puts it back, or rename the folder to 'data'."
            )
        else:
            message = f"{found.key!r} was left by an interrupted write; nothing needs it."
            sweepable.append(found.key)
        problems.append(Problem("leftover", message, key=found.key))
    return problems, sweepable


def _array_beside(key: str) -> str:
    """Return the array that lies beside a leftover, or would; empty where none can be."""
    folder = key.rpartition("/")[0]
    return f"{folder}/data" if folder.startswith(f"{layout.IMAGES}/") else ""


def put_back(store: Store, zarr_format: int, problems: Sequence[Problem]) -> list[Problem]:
    """Put back arrays that interrupted replacements have moved away, and note which problems that repairs."""
    document = arrays.ARRAY_DOCUMENT[zarr_format]
    away = {one.key for one in problems if one.kind == "unreadable pixels"}
    away |= {_array_beside(one.key) for one in problems if one.kind == "leftover"}
    back = {tree for tree in sorted(filter(None, away)) if store.put_back_tree(tree, document)}

    def is_repaired(problem: Problem) -> bool:
        if problem.kind == "leftover":
            return _array_beside(problem.key) in back and not store.exists(f"{problem.key}/{document}")
        return problem.kind == "unreadable pixels" and problem.key in back

    return [replace(one, repaired=True) if is_repaired(one) else one for one in problems]
