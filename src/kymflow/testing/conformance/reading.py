"""Checks of what an indexer does with its record: how it reads, and that it never writes."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from kymflow.testing.conformance.comparing import check_same
from kymflow.testing.conformance.findings import Breach
from kymflow.testing.conformance.outcome import artifacts_of
from kymflow.testing.conformance.samples import digest_files
from kymflow.testing.conformance.subject import Subject
from kymflow_zarr.formats.arrays import ARRAY_DOCUMENT
from kymflow_zarr.layout import record_prefix

if TYPE_CHECKING:
    from kymflow_zarr.store.tracking import DependencyKind


def writes_nothing(subject: Subject) -> None:
    """It tries to write nothing to the record, pixels included, and nothing around it."""
    remedy = "Return rows, and nothing else; what shall be kept of an image is written by whoever analyses it"
    for image_id, outcome in subject.baseline.items():
        if outcome.refused:
            raise Breach(
                f"it tried to write to its record (image {image_id!r})",
                expected="reads only: a record given to an indexer refuses every write",
                got=f"a write or deletion of {artifacts_of(outcome.refused[:3])}",
                remedy=remedy,
            )
    before, now = subject.sample.files, digest_files(Path(subject.sample.ds.path))
    changed = sorted(name for name in {*before, *now} if before.get(name) != now.get(name))
    if changed:
        raise Breach(
            "files of the dataset changed while it extracted rows",
            expected="every file as it was",
            got=", ".join(changed[:3]),
            remedy=remedy,
        )


def asks_for_the_same_twice(subject: Subject) -> None:
    """It reads the record each time, and remembers nothing of it: kymflow notes what rows depend on."""
    for image_id in subject.with_rows():
        first = subject.baseline[image_id]
        indexer = subject.fresh()
        for _ in range(2):
            again = subject.extract(indexer, image_id)
            asked = {(read.key, read.kind) for read in again.dependencies}
            forgone = [read.key for read in first.dependencies if (read.key, read.kind) not in asked]
            if forgone:
                raise Breach(
                    f"it did not read the record again but remembered it (image {image_id!r})",
                    expected=f"to be asked for {artifacts_of(forgone)} at every call",
                    got="rows without asking: they would stay as they are when the artifact changes",
                    remedy="Keep no cache by image: remove functools.cache, and dicts of rows or artifacts",
                )


def reads_only_its_own_record(subject: Subject) -> None:
    """It asks the given record alone, and opens no file of the dataset by its path."""
    remedy = (
        "Read through the record given to extract_rows only: its dependencies are noted there. A table over "
        "several images is made from the tables, not by an indexer"
    )
    nowhere = str(subject.new_path("moved") / "lab.zarr")
    for image_id, rows in subject.good.items():
        own = record_prefix(image_id)
        foreign = [
            s.key for s in subject.baseline[image_id].dependencies if s.key != own and not _below(s.key, own)
        ]
        if foreign:
            raise Breach(
                f"it read outside its record (image {image_id!r})",
                expected=f"reads below {own!r} only",
                got=", ".join(repr(key) for key in foreign[:3]),
                remedy=remedy,
            )
        check_same(
            subject.extract(subject.fresh(), image_id, url=nowhere),
            rows,
            what="it finds files by path, around its record",
            got="with a record that does not tell where the dataset is, ",
            remedy=remedy,
        )


def _below(key: str, prefix: str) -> bool:
    return key.startswith(f"{prefix}/")


def rows_come_from_what_was_read(subject: Subject) -> None:
    """In a copy of nothing but what it was seen to read, without other records, the rows are the same."""
    for image_id in subject.with_rows():
        ds = subject.copy(image_id)
        asked = [(read.key, read.kind) for read in subject.baseline[image_id].dependencies]
        for found in list(ds.store.list(record_prefix(image_id))):
            if not any(_belongs_to(found.key, key, what) for key, what in asked):
                ds.store.delete(found.key)
        check_same(
            subject.extract(subject.fresh(), image_id, ds=ds),
            subject.good[image_id],
            what="its rows are others in a copy of just what it was seen to read",
            remedy="Read contents, with the methods of the record (load_..., open_array, ...): kymflow notes "
            "there what rows depend on, and extracts them again when that changes",
        )


def _belongs_to(found: str, asked: str, what: DependencyKind) -> bool:
    """Tell whether a file is what was asked for, below a listed folder, or of an array that was opened."""
    folder, _, name = asked.rpartition("/")
    if what == "names":
        return _below(found, asked)
    is_array = folder.endswith("/data") and name in ARRAY_DOCUMENT.values()
    return found == asked or (is_array and _below(found, folder))
