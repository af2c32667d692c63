"""The check of one record: every artifact and array of it is read."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from kymflow_zarr import layout
from kymflow_zarr.check.passed_over import copied_file
from kymflow_zarr.check.problems import Problem
from kymflow_zarr.copied_names import copied_files
from kymflow_zarr.errors import (
    ArtifactNotFoundError,
    InvalidNameError,
    KymflowError,
    StoreError,
    StoreUnavailableError,
)
from kymflow_zarr.formats import arrays, pixels
from kymflow_zarr.record.record import ZarrImageRecord
from kymflow_zarr.store.base import StoreReader

if TYPE_CHECKING:
    import numpy.typing as npt


def half_record(image_id: str) -> Problem:
    """Return the problem that a record without attributes is."""
    return Problem(
        "half record",
        f"image {image_id!r} has no attributes: the rest of an interrupted write or deletion. The next "
        "ingest of its folder completes it; otherwise delete its folder.",
        key=f"{layout.IMAGES}/{image_id}",
        image_id=image_id,
    )


def check_record(store: StoreReader, zarr_format: int, image_id: str) -> Iterator[Problem | None]:
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
        yield copied_file(key, copies[key], image_id) if key in copies else _check_artifact(record, key)
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
