"""Which reader reads which file, and why some are read by none."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable
from pathlib import Path

import pytest

from kymflow_zarr import SourceError, SourceImage, TiffReader
from kymflow_zarr.sources import choose
from kymflow_zarr.sources.choose import Chosen, why_unused
from kymflow_zarr.sources.walk import Entry, Kind


class Reader:
    """Takes what it is told to."""

    def __init__(self, name: str, takes: Callable[[Path], bool], priority: object = 0) -> None:
        self.name = name
        self.matches = takes
        self.priority = priority

    def files(self, primary: Path) -> list[Path]:
        return []

    def read(self, primary: Path) -> SourceImage:
        raise AssertionError("nothing is read to choose a reader")


def chosen(*names: str | Entry, readers: object = None, pattern: str | None = None) -> Chosen:
    entries = [name if isinstance(name, Entry) else Entry(name, "file") for name in names]
    return choose.choose(Path("/folder"), entries, readers or [TiffReader()], pattern)


def taking(suffix: str, name: str = "mine", priority: object = 0) -> Reader:
    return Reader(name, lambda path: path.suffix == suffix, priority)


def test_files_are_taken_in_order_and_the_rest_may_be_sidecars() -> None:
    found = chosen("b.tif", "a.TIF", "a.json", "day/c.Tiff", "notes")
    assert list(found.readers) == ["a.TIF", "b.tif", "day/c.Tiff"]
    assert found.others == ["a.json", "notes"]
    assert (found.failed, found.passed_over) == ({}, {})


@pytest.mark.parametrize(
    ("kind", "reason"),
    [
        ("in cloud", "it is in iCloud and not on this disk; download it, then ingest again"),
        ("irregular", "it is no regular file, or a link that leads nowhere"),
        ("unnamed", "its name is no UTF-8; rename it to ingest it"),
    ],
)
def test_what_would_be_a_source_fails_and_the_rest_is_passed_over(kind: Kind, reason: str) -> None:
    found = chosen(Entry("a.tif", kind), Entry("a.json", kind), Entry("b.tif", kind), pattern="a*")
    assert found.failed == {"a.tif": reason}
    assert list(found.passed_over) == ["a.json", "b.tif"]


@pytest.mark.parametrize("kind", ["hidden", "zarr"])
def test_hidden_things_and_zarr_hierarchies_are_passed_over_whatever_their_name(kind: Kind) -> None:
    assert list(chosen(Entry("a.tif", kind)).passed_over) == ["a.tif"]


def test_folder_that_cannot_be_looked_into_fails_whatever_the_pattern() -> None:
    found = chosen(Entry("day", "unreadable", "Permission denied"), pattern="a*")
    assert found.failed == {"day": "cannot look into it: Permission denied"}


def test_what_the_pattern_misses_is_named_and_sidecars_of_what_it_takes_stay_sidecars() -> None:
    found = chosen("a.tif", "b.tif", "b.json", pattern="A*.TIF")
    assert list(found.readers) == ["a.tif"]
    assert found.passed_over == {"b.tif": "not named A*.TIF"}
    assert found.others == ["b.json"]


def test_highest_priority_reads() -> None:
    low, high = taking(".tif", "low"), taking(".tif", "high", 5)
    found = chosen("a.tif", "b.txt", readers=[low, high, taking(".txt", "text", -1)])
    assert {path: reader.name for path, reader in found.readers.items()} == {"a.tif": "high", "b.txt": "text"}


def test_two_readers_of_one_priority_fail_naming_both() -> None:
    found = chosen(
        "a.tif", readers=[taking(".tif", "one", 5), taking(".tif", "two", 5), taking(".tif", "low")]
    )
    assert found.failed == {
        "a.tif": "readers 'one' and 'two' both take it, with priority 5; switch one of their plugins off"
    }


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (ZeroDivisionError("of mine"), "ZeroDivisionError: of mine"),
        (SourceError("a.tif.json is in iCloud"), "a.tif.json is in iCloud"),
        (PermissionError(13, "Permission denied"), r"[Errno 13] Permission denied"),
    ],
)
def test_reader_that_cannot_tell_spoils_the_files_that_it_cannot_tell_of(error, told) -> None:
    def cannot_tell(path: Path) -> bool:
        if path.stem == "a":
            raise error
        return False

    readers = [TiffReader(), Reader("torn", cannot_tell)]
    found = chosen("a.tif", "b.tif", "b.json", Entry("a.lsm", "in cloud"), readers=readers)
    assert list(found.readers) == ["b.tif"]
    assert found.failed["a.tif"] == f"reader 'torn' cannot tell whether it takes it: {told}"
    # It might have been a source.
    assert found.failed["a.lsm"] == "it is in iCloud and not on this disk; download it, then ingest again"
    # Files that are not wanted anyway do not fail.
    found = chosen("a.tif", "b.tif", readers=readers, pattern="b*")
    assert (list(found.readers), found.failed, found.others) == (["b.tif"], {}, ["a.tif"])


def test_priority_that_is_no_number_spoils_no_more_than_its_files() -> None:
    found = chosen("a.tif", "b.tiff", readers=[TiffReader(), taking(".tiff", "mine", "high")])
    assert list(found.readers) == ["a.tif"]
    assert (
        "reader 'mine' cannot tell whether it takes it: ValueError: invalid literal" in found.failed["b.tiff"]
    )


def test_of_names_that_differ_in_accents_only_the_composed_one_is_taken() -> None:
    nfc, nfd = (unicodedata.normalize(form, "größe.tif") for form in ("NFC", "NFD"))
    for order in ([nfc, nfd], [nfd, nfc]):
        found = chosen(*order)
        assert list(found.readers) == [nfc]
        assert found.failed == {
            nfd: f"its name differs from {nfc} only in how accents are written; rename one"
        }
    assert list(chosen(nfd).readers) == [nfd]


def test_conflicted_copies_are_passed_over_beside_their_original() -> None:
    copy = "a (conflicted copy 2026-01-05).tif"
    assert chosen("a.tif", copy, "a.p.json", "a.p-DESKTOP-ABC1234.json").passed_over == {
        copy: "a copy that a file service made of a conflict",
        "a.p-DESKTOP-ABC1234.json": "a copy that a file service made of a conflict",
    }
    assert list(chosen(copy, "day/a.tif").readers) == [copy, "day/a.tif"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        *((f"a{suffix}", "an image that no reader takes") for suffix in (".oir", ".CZI", ".nd2", ".lsm")),
        *(
            (f"a{suffix}", "a sidecar of no image")
            for suffix in (".json", ".CSV", ".txt", ".csv.gz", ".xlsx")
        ),
        ("a.docx", "neither an image nor a sidecar"),
        ("README", "neither an image nor a sidecar"),
    ],
)
def test_why_a_file_is_unused(name, reason) -> None:
    assert why_unused(f"day.tif/{name}", None) == reason


def test_an_image_that_is_not_named_as_asked_for_is_told_so() -> None:
    assert why_unused("day/a_CH2.tif", "*_CH1.tif") == "not named *_CH1.tif"
    assert why_unused("day/a_CH1.lsm", "a_ch1*") == "an image that no reader takes"
    assert why_unused("day/b.json", "a*") == "a sidecar of no image"
