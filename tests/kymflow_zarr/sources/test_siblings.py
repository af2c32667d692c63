"""Files beside a file: looked up in any case, in any way of writing accents, in the cloud or here."""

from __future__ import annotations

import os
import unicodedata
from pathlib import Path

import pytest

from kymflow_zarr import SourceError
from kymflow_zarr.sources import siblings
from kymflow_zarr.sources.siblings import alike, beginning_with, find_beside, is_at_hand, listing_once

NFC, NFD = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))


def make(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).write_bytes(b"x")


def test_suffix_may_be_in_another_case_and_the_exact_name_wins(tmp_path) -> None:
    make(tmp_path, "a.JSON", "b.JSON", "b.json", "A.json")
    assert find_beside(tmp_path, "a", ".json") == tmp_path / "a.JSON"
    assert find_beside(tmp_path, "b", ".json") == tmp_path / "b.json"
    assert find_beside(tmp_path, "c", ".json") is None
    assert find_beside(tmp_path / "absent", "a", ".json") is None
    assert find_beside(tmp_path / "a.JSON", "a", ".json") is None


def test_accents_may_be_written_otherwise(tmp_path) -> None:
    make(tmp_path, f"{NFD}.json", f"{NFD}_radon.CSV", "größer.json")
    assert find_beside(tmp_path, NFC, ".json") == tmp_path / f"{NFD}.json"
    assert beginning_with(tmp_path, NFC, "_R") == [tmp_path / f"{NFD}_radon.CSV"]
    make(tmp_path, f"{NFC}.json")
    assert find_beside(tmp_path, NFC, ".json") == tmp_path / f"{NFC}.json"


def test_stem_is_told_by_case(tmp_path) -> None:
    make(tmp_path, "a.1.json", "A.2.json", "ab.json")
    assert beginning_with(tmp_path, "a", ".") == [tmp_path / "a.1.json"]


def test_conflicted_copies_and_folders_are_no_sidecars(tmp_path) -> None:
    make(tmp_path, "a.p.json", "a.p-DESKTOP-ABC1234.json", "a.q (conflicted copy).json")
    (tmp_path / "a.folder").mkdir()
    # The second is all that there is of its kind.
    assert beginning_with(tmp_path, "a", ".") == [
        tmp_path / "a.p.json",
        tmp_path / "a.q (conflicted copy).json",
    ]


@pytest.mark.parametrize(
    "look",
    [lambda folder: find_beside(folder, "a", ".json"), lambda folder: beginning_with(folder, "a", ".")],
)
class TestNotAtHand:
    def test_in_icloud(self, tmp_path, look) -> None:
        make(tmp_path, ".a.json.icloud")
        with pytest.raises(
            SourceError, match=r"a\.json is in iCloud and not on this disk; download it, then ingest"
        ):
            look(tmp_path)

    def test_fetched_from_icloud(self, tmp_path, look) -> None:
        make(tmp_path, ".a.json.icloud", "a.json")
        assert look(tmp_path) in (tmp_path / "a.json", [tmp_path / "a.json"])

    def test_link_that_leads_nowhere(self, tmp_path, look) -> None:
        (tmp_path / "a.json").symlink_to(".git/annex/objects/x")
        with pytest.raises(
            SourceError, match=r"a\.json is a link that leads nowhere; fetch its content, then"
        ):
            look(tmp_path)

    def test_pipe(self, tmp_path, look) -> None:
        os.mkfifo(tmp_path / "a.json")
        with pytest.raises(SourceError, match=r"a\.json is no regular file; move it away, then ingest again"):
            look(tmp_path)

    def test_folder_that_is_a_link_that_leads_nowhere(self, tmp_path, look) -> None:
        (tmp_path / "flow-analysis").symlink_to("nowhere")
        with pytest.raises(
            SourceError, match=r"flow-analysis is a link that leads nowhere; fetch its content"
        ):
            look(tmp_path / "flow-analysis")

    def test_ring_of_links(self, tmp_path, look) -> None:
        (tmp_path / "a.json").symlink_to("a.json")
        with pytest.raises(OSError, match=r"a\.json"):
            look(tmp_path)


def test_alike_are_those_of_which_a_key_says_the_same(tmp_path) -> None:
    make(tmp_path, "a_1.tif", "a_2.tif", "b_1.tif", "a.json", "none")
    asked = []

    def key(path: Path) -> str | None:
        asked.append(path.name)
        return path.name[0] if path.suffix == ".tif" else None

    with listing_once():
        for name in ("a_1.tif", "a_2.tif", "b_1.tif"):
            expected = [tmp_path / one for one in ("a_1.tif", "a_2.tif", "b_1.tif") if one[0] == name[0]]
            assert alike(tmp_path / name, key) == expected
        assert alike(tmp_path / "a.json", key) == []
    # Once for the folder, and once for each that was asked about.
    assert len(asked) == 5 + 4
    make(tmp_path, ".a_3.tif.icloud")
    with pytest.raises(SourceError, match=r"a_3\.tif is in iCloud"):
        alike(tmp_path / "a_1.tif", key)


def test_folder_is_not_at_hand_as_a_file(tmp_path) -> None:
    (tmp_path / "a.json").mkdir()
    assert not is_at_hand(tmp_path / "a.json")
    assert not is_at_hand(tmp_path / "a.json" / "absent")


@pytest.fixture
def listed(monkeypatch) -> list[str]:
    folders = []

    def listdir(folder):
        folders.append(os.path.basename(folder))
        return [entry.name for entry in os.scandir(folder)]

    monkeypatch.setattr(siblings.os, "listdir", listdir)
    return folders


@pytest.mark.usefixtures("no_time_passes")
def test_each_folder_is_listed_once_in_a_run_and_anew_in_the_next(tmp_path, listed) -> None:
    for number in range(40):
        (tmp_path / str(number)).mkdir()
        make(tmp_path / str(number), "a.json")
    for _ in range(2):
        listed.clear()
        with listing_once():
            for _ in range(3):
                for number in range(40):
                    assert find_beside(tmp_path / str(number), "a", ".json") is not None
        assert sorted(listed, key=int) == [str(number) for number in range(40)]
    # Without a run, what has changed so lately may change again within the same tick.
    listed.clear()
    find_beside(tmp_path / "0", "a", ".json")
    find_beside(tmp_path / "0", "a", ".json")
    assert listed == ["0", "0"]


def test_what_a_run_has_listed_is_forgotten_after_it(tmp_path) -> None:
    info = tmp_path.stat()
    with listing_once():
        assert find_beside(tmp_path, "a", ".json") is None
    make(tmp_path, "a.json")
    # As if it had come within the same tick of a coarse clock, a minute ago.
    os.utime(tmp_path, ns=(info.st_atime_ns, info.st_mtime_ns - 60 * 10**9))
    with listing_once():
        assert find_beside(tmp_path, "a", ".json") is not None
    (tmp_path / "a.json").unlink()
    os.utime(tmp_path, ns=(info.st_atime_ns, info.st_mtime_ns - 60 * 10**9))
    assert find_beside(tmp_path, "a", ".json") is None
    make(tmp_path, "b.json")
    os.utime(tmp_path, ns=(info.st_atime_ns, info.st_mtime_ns - 120 * 10**9))
    assert find_beside(tmp_path, "b", ".json") is not None
