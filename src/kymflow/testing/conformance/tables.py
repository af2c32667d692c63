"""Checks through KymDataset: that the rows make a table, and that it stays right through edits."""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kymflow.core.plugins.registry import IndexerRegistry
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow.errors import ExtractionError, SchemaError
from kymflow.testing.conformance.comparing import difference
from kymflow.testing.conformance.damaged import artifacts_read
from kymflow.testing.conformance.findings import Breach
from kymflow.testing.conformance.limits import call_within, describe
from kymflow.testing.conformance.outcome import artifacts_of
from kymflow.testing.conformance.subject import Subject
from kymflow.testing.damage import cut_off
from kymflow_zarr import ZarrDataset
from kymflow_zarr.layout import record_prefix

if TYPE_CHECKING:
    from kymflow.core.zarr.indexers.base import DatasetIndexer

Action = Callable[[KymDataset, "DatasetIndexer"], Any]


def kymflow_takes_the_rows(subject: Subject) -> None:
    """The rows of every record can stand in a table: names, values and declared types."""
    error = _rebuild_error(subject)
    if error is not None and not isinstance(error, SchemaError | ExtractionError):
        raise Breach(
            "its rows cannot stand in a table",
            expected="columns with different names that are text, and values of one type each, the declared "
            "one if there is one",
            got=describe(error),
            remedy="Convert the column as the message says",
        ) from error


def types_go_together(subject: Subject) -> None:
    """A column has one type in all records; integers and floats go together, and so does what is missing."""
    error = _rebuild_error(subject)
    if isinstance(error, SchemaError):
        raise Breach(
            f"column {error.column!r} has types that do not go together",
            expected="one type in all records",
            got=describe(error),
            remedy="Convert it to one type in every record, or declare it: columns = (Column(...),)",
        ) from error


def _rebuild_error(subject: Subject) -> BaseException | None:
    def rebuild() -> BaseException | None:
        return _run(subject, _dataset_of(subject, subject.good), lambda kd, indexer: kd.rebuild(indexer))[1]

    error: BaseException | None = subject.shared("rebuild", rebuild)
    return error


def _dataset_of(subject: Subject, image_ids: Iterable[str]) -> KymDataset:
    """Return copies of sample records; none of those on which the indexer rightly fails."""
    return KymDataset(subject.copy(*image_ids), registry=IndexerRegistry(()))


def _run(
    subject: Subject, kd: KymDataset, action: Action, indexer: DatasetIndexer | None = None
) -> tuple[Any, BaseException | None]:
    indexer = subject.fresh() if indexer is None else indexer
    return call_within(subject.timeout_s * len(subject.sample.image_ids), lambda: action(kd, indexer))


def a_failure_names_the_image(subject: Subject) -> None:
    """A record that it fails on is reported by its id, and keeps no other from its rows."""
    for image_id, keys in artifacts_read(subject).items():
        kd = _dataset_of(subject, subject.good)
        store = kd.ds.store
        store.put(keys[0], cut_off(keys[0], store.read(keys[0])[0]))
        fails = subject.extract(subject.fresh(), image_id, ds=kd.ds).error is not None
        table, error = _run(subject, kd, lambda kd, indexer: kd.rebuild(indexer, on_error="skip"))
        what = f"a malformed artifact {artifacts_of(keys[:1])} of image {image_id!r}"
        if error is not None:
            raise Breach(
                f"{what} stopped the whole run",
                expected="this image to be reported, and the rows of all others",
                got=describe(error),
                remedy="Raise ValueError with a plain message; an exception class of its own must not fail "
                "when its text is made",
            ) from error
        failed = kd.reports[subject.contract.table_name].failed
        others = {other for other, rows in subject.good.items() if len(rows) and other != image_id}
        if sorted(failed) != [image_id] * fails or not others <= set(table["image_id"]):
            raise Breach(
                f"{what} was reported as another",
                expected=f"the failure of {[image_id] * fails}, and rows of {sorted(others)}",
                got=f"{failed}, and rows of {sorted(set(table['image_id']))}",
                remedy="Keep nothing from record to record; see the check keeps_no_state",
            )


def incremental_equals_rebuild(subject: Subject) -> None:
    """After edits, deletions, new images and updates, the table is as one built from scratch."""
    first, second = subject.two_records()
    bystander = [image_id for image_id in subject.good if image_id not in (first, second)][:1]
    kd = _dataset_of(subject, (first, second, *bystander))
    # One instance for all steps, as a program with windows keeps it.
    kept = subject.fresh()
    for step, action in _story(kd, first, second):
        frame, error = _run(subject, kd, action, kept)
        scratch = KymDataset(_without_tables(subject, kd.ds), registry=IndexerRegistry(()))
        rebuilt, scratch_error = _run(subject, scratch, lambda kd, indexer: kd.rebuild(indexer))
        problem = error or scratch_error
        if problem is not None:
            raise Breach(
                f"the table could not be made {step}",
                expected="the table",
                got=describe(problem),
                remedy="See the error",
            ) from problem
        found = difference(frame, rebuilt)
        if found is not None:
            raise Breach(
                f"the table {step} is another than one built from scratch on a copy of the dataset",
                expected="the same rows and types",
                got=found,
                remedy="Make rows of what load_... gives alone: not of file times, counters or what was "
                "there before",
            )


def _story(kd: KymDataset, first: str, second: str) -> Iterator[tuple[str, Action]]:
    """Edit the dataset step by step, and say how the table is then brought up to date."""
    yield "at first", lambda kd, indexer: kd.rebuild(indexer)
    _give(kd.ds, second, first)
    yield "after an edit and update_image", lambda kd, indexer: kd.update_image(indexer, first)
    new = str(uuid.uuid4())
    _give(kd.ds, first, new)
    kd.ds.record(second).delete_analysis()
    yield "after a new image, the deletion of artifacts and refresh", lambda kd, indexer: kd.refresh(indexer)
    _give(kd.ds, new, second)
    kd.ds.delete_image(first)
    yield (
        "after an edit, the deletion of an image and update_images",
        lambda kd, indexer: kd.update_images(indexer, [first, second]),
    )
    kd.ds.delete_image(new)
    yield "after the deletion of an image and refresh", lambda kd, indexer: kd.refresh(indexer)


def _give(ds: ZarrDataset, source: str, target: str) -> None:
    """Make one record's contents those of another, the pixels and attributes, too."""
    old, new = record_prefix(source), record_prefix(target)
    ds.store.delete_tree(new)
    for found in list(ds.store.list(old)):
        ds.store.put(new + found.key[len(old) :], ds.store.read(found.key)[0])


def _without_tables(subject: Subject, ds: ZarrDataset) -> ZarrDataset:
    path = subject.new_path("scratch")
    shutil.copytree(
        Path(ds.path), path, ignore=shutil.ignore_patterns("tables", "index"), copy_function=shutil.copyfile
    )
    return ZarrDataset(path)
