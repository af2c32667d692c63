"""Notes of what plugins offer: they count as long as nothing has changed, and harm nobody."""

from __future__ import annotations

import json
import os
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from kymflow.core.plugins.info import IndexerInfo, ReaderInfo
from kymflow.core.plugins.known_names import KnownNames, KnownPlugin
from kymflow.core.plugins.source import PluginSource

WHO = {"distribution": "lab-known-names", "version": "1.0", "entry_point": "lab = lab_known_names"}
KNOWN = KnownPlugin(
    (IndexerInfo("stalls", "stalls", "2", ("image_id",), {"least_s": 0.5}, "Stalls.", **WHO),),
    (ReaderInfo("scan", 3, "Scans.", **WHO),),
    observes=True,
)


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> PluginSource:
    """A plugin that is installed in a folder of its own: a package of two modules."""
    info = tmp_path / "lab_known_names-1.0.dist-info"
    package = tmp_path / "lab_known_names"
    for folder in (info, package):
        folder.mkdir()
    for path in (info / "METADATA", info / "RECORD", package / "__init__.py", package / "stalls.py"):
        path.write_text("1", "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    return PluginSource(
        "lab", "lab_known_names", "lab-known-names", "1.0", load=lambda: None, info_folder=str(info)
    )


@pytest.fixture
def names(tmp_path: Path) -> KnownNames:
    return KnownNames(tmp_path / "cache")


def note(names: KnownNames, source: PluginSource) -> Path:
    names.keep(source, KNOWN, names.stamp(source))
    (path,) = names._folder.iterdir()  # type: ignore[union-attr]
    return path


def test_what_was_noted_is_found(names: KnownNames, source: PluginSource) -> None:
    assert names.find(source) is None
    note(names, source)

    assert names.find(source) == KNOWN
    assert "lab_known_names" not in sys.modules


@pytest.mark.parametrize(
    "changed",
    [
        "lab_known_names/stalls.py",
        "lab_known_names/new.py",
        "lab_known_names-1.0.dist-info/RECORD",
        "lab_known_names-1.0.dist-info/direct_url.json",
    ],
)
def test_a_note_counts_until_a_file_changes(
    names: KnownNames, source: PluginSource, tmp_path: Path, changed: str
) -> None:
    note(names, source)

    (tmp_path / changed).write_text("another length", "utf-8")

    assert names.find(source) is None
    note(names, source)
    assert names.find(source) == KNOWN


def test_a_note_counts_for_one_version_and_entry_point(names: KnownNames, source: PluginSource) -> None:
    note(names, source)
    folder = source.info_folder.replace("1.0", "1.1")
    os.rename(source.info_folder, folder)
    newer = replace(source, version="1.1", info_folder=folder)

    assert names.find(newer) is None
    assert names.find(replace(source, value="lab_known_names:other")) is None
    assert names.find(replace(source, info_folder="")) is None
    # Its successor takes its place: nothing piles up.
    note(names, newer)


@pytest.mark.parametrize("value", ["no_such_module", "lab_known_names.", "", "sys"])
def test_of_what_cannot_be_looked_at_nothing_is_noted(
    names: KnownNames, source: PluginSource, tmp_path: Path, value: str
) -> None:
    odd = replace(source, value=value)

    assert names.stamp(odd) is None or value == "lab_known_names."
    names.keep(odd, KNOWN, None)
    assert not (tmp_path / "cache").exists()


def test_what_was_edited_while_it_was_imported_is_not_known(
    names: KnownNames, source: PluginSource, tmp_path: Path
) -> None:
    stamp = names.stamp(source)
    (tmp_path / "lab_known_names" / "stalls.py").write_text("edited meanwhile", "utf-8")

    names.keep(source, KNOWN, stamp)

    assert names.find(source) is None


@pytest.mark.parametrize("value", [(1, 2), {1}, float("nan"), object(), {1: 2}])
def test_settings_that_a_note_does_not_hold_are_not_noted(
    names: KnownNames, source: PluginSource, value: object
) -> None:
    odd = replace(KNOWN, indexers=(replace(KNOWN.indexers[0], settings={"least": value}),))

    names.keep(source, odd, names.stamp(source))

    assert names.find(source) is None


DAMAGED = [
    b"",
    b"\xff\xfe",
    b"[]",
    b"null",
    b'{"form": 1}',
    b"[" * 100_000,
    b'{"form": 1, "stamp": 7, "indexers": [], "readers": [], "observes": true}',
]


@pytest.mark.parametrize("damaged", DAMAGED)
def test_a_damaged_note_counts_as_none(names: KnownNames, source: PluginSource, damaged: bytes) -> None:
    note(names, source).write_bytes(damaged)

    assert names.find(source) is None
    note(names, source)
    assert names.find(source) == KNOWN


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("observes", 1),
        ("indexers", {}),
        ("indexers", [{}]),
        ("indexers", [7]),
        ("indexers", [{"name": "x", "surprise": 1}]),
        ("indexers", [{"name": 7, **WHO}]),
        ("indexers", [{"name": "x", "table_name": 7, **WHO}]),
        ("indexers", [{"name": "x", "status": "conflict", **WHO}]),
        ("indexers", [{"name": "x", **WHO, "distribution": "another"}]),
        ("readers", [{"name": "x", "priority": True, **WHO}]),
    ],
)
def test_a_note_of_other_things_counts_as_none(
    names: KnownNames, source: PluginSource, key: str, value: object
) -> None:
    path = note(names, source)
    content = json.loads(path.read_bytes())
    if value != {}:
        content[key] = value
    else:
        del content[key]
    path.write_text(json.dumps(content), "utf-8")

    assert names.find(source) is None


@pytest.mark.parametrize("there", ["a file", "a link to nowhere"])
def test_a_folder_that_cannot_be_written_is_none(source: PluginSource, tmp_path: Path, there: str) -> None:
    folder = tmp_path / "cache"
    if there == "a file":
        folder.touch()
    else:
        folder.symlink_to(tmp_path / "nowhere" / "at all")
    names = KnownNames(folder)

    names.keep(source, KNOWN, names.stamp(source))

    assert names.find(source) is None


def test_who_writes_at_the_same_time_leaves_a_whole_note(names: KnownNames, source: PluginSource) -> None:
    other = replace(KNOWN, observes=False)
    note(names, source)
    stamp = names.stamp(source)

    def write() -> None:
        for number in range(20):
            names.keep(source, (KNOWN, other)[number % 2], stamp)

    writers = [threading.Thread(target=write) for _ in range(3)]
    for writer in writers:
        writer.start()
    found = [names.find(source) for _ in range(50)]
    for writer in writers:
        writer.join()

    assert all(one in (KNOWN, other) for one in found)
    assert len(list(names._folder.iterdir())) == 1  # type: ignore[union-attr]
