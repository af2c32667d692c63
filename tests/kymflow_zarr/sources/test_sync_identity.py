"""Which image a file is after it was renamed, moved, copied, swapped, or lost and found."""

from __future__ import annotations

import itertools
import os
import shutil
import unicodedata
from pathlib import Path

import numpy as np
import pytest

from kymflow_zarr import ZarrDataset
from support.tiff_folders import REINGEST, id_of, pixels, settle, write_json, write_tiff

both_modes = pytest.mark.parametrize("mode", ["skip", REINGEST])


@pytest.fixture
def two(local: ZarrDataset, tmp_path: Path) -> Path:
    """A folder with ``a.tif`` and ``b.tif``, a sidecar each, that has been ingested."""
    folder = tmp_path / "in"
    for seed, name in enumerate("ab", 1):
        write_tiff(folder / f"{name}.tif", seed)
        write_json(folder / f"{name}.p.json", {"v": name})
    settle(folder, 3600)
    local.refresh_from_folder(folder)
    return folder


def rename(folder: Path, old: str, new: str) -> None:
    """Rename a source and its sidecar; the new names are free."""
    for suffix in (".tif", ".p.json"):
        (folder / (new + suffix)).parent.mkdir(exist_ok=True)
        assert not (folder / (new + suffix)).exists()
        os.rename(folder / (old + suffix), folder / (new + suffix))


def seeds(dataset: ZarrDataset) -> dict[str, int]:
    """The content of the image of each source."""
    index = dataset.load_sources_index()
    found = {}
    for path, image_id in index[["source_rel_path", "image_id"]].to_numpy():
        array = dataset.record(image_id).load_array()
        (found[path],) = [seed for seed in range(9) if np.array_equal(array, pixels(seed))]
    return found


# Renamed


@both_modes
@pytest.mark.parametrize("new", ["c", "day/a", "day/c"])
def test_renamed_with_its_sidecars_it_is_the_same_image(local, two, tree, mode, new) -> None:
    image_id = id_of(local, "a.tif")
    rename(two, "a", new)
    images = tree(local.path + "/images")
    report = local.sync_from_folder(two, mode=mode)
    assert (report.image_ids, report.unchanged, report.missing, report.passed_over) == ([], 2, [], {})
    assert id_of(local, f"{new}.tif") == image_id
    assert tree(local.path + "/images") == images
    # And then changed, there.
    write_json(two / f"{new}.p.json", {"v": "new"})
    assert local.refresh_from_folder(two, mode=REINGEST) == [image_id]
    assert local.record(image_id).load_json("p") == {"v": "new"}


@both_modes
def test_sidecars_that_stayed_behind_keep_their_artifacts_and_are_named(local, two, mode) -> None:
    image_id = id_of(local, "a.tif")
    os.rename(two / "a.tif", two / "c.tif")
    for _ in range(2):
        report = local.sync_from_folder(two, mode=mode)
        assert (report.image_ids, report.unchanged, report.failed) == ([], 2, {})
        assert report.passed_over == {
            "a.p.json": "a sidecar of c.tif, which has moved; move or rename it, too"
        }
        assert local.record(image_id).load_json("p") == {"v": "a"}
    # Renamed, too, it is used again.
    os.rename(two / "a.p.json", two / "c.p.json")
    report = local.sync_from_folder(two, mode=REINGEST)
    assert (report.new, report.failed, report.passed_over) == ([], {}, {})
    assert local.record(image_id).load_json("p") == {"v": "a"}
    assert local.sync_from_folder(two, mode=REINGEST).unchanged == 2


def rename_the_source(folder: Path) -> Path:
    (found,) = [path for path in folder.rglob("*.tif") if path.name != "b.tif"]
    os.rename(found, found.with_name(f"{found.stem}{found.stem}.tif"))
    return folder


def move_the_source(folder: Path) -> Path:
    (found,) = [path for path in folder.rglob("*.tif") if path.name != "b.tif"]
    (found.parent / "deeper").mkdir()
    os.rename(found, found.parent / "deeper" / found.name)
    return folder


def move_the_folder(folder: Path) -> Path:
    return folder.rename(folder.with_name(f"{folder.name}{folder.name}"))


MOVES = {"renamed": rename_the_source, "deeper": move_the_source, "folder": move_the_folder}


@pytest.mark.parametrize("together", [False, True], ids=["one by one", "at once"])
@pytest.mark.parametrize("moves", list(itertools.product(MOVES, repeat=3)), ids=lambda moves: "-".join(moves))
def test_sidecars_that_stayed_behind_are_kept_however_their_source_moves_on(
    local: ZarrDataset, two: Path, moves: tuple[str, ...], together: bool
) -> None:
    image_id = id_of(local, "a.tif")
    folder = two
    for number, move in enumerate(moves, 1):
        folder = MOVES[move](folder)
        if not together or number == len(moves):
            report = local.sync_from_folder(folder, mode=REINGEST)
            assert (report.new, report.changed, report.unchanged, report.failed) == ([], [], 2, {})
            assert local.record(image_id).load_json("p") == {"v": "a"}
            named = {} if set(moves[:number]) == {"folder"} else {"a.p.json"}
            assert set(report.passed_over) == set(named)


def test_sidecar_that_stayed_in_the_old_folder_is_named(local, two) -> None:
    image_id = id_of(local, "a.tif")
    (two / "day").mkdir()
    os.rename(two / "a.tif", two / "day" / "a.tif")
    report = local.sync_from_folder(two, mode=REINGEST)
    assert list(report.passed_over) == ["a.p.json"]
    assert local.record(image_id).load_json("p") == {"v": "a"}
    (two / "a.p.json").unlink()
    assert local.refresh_from_folder(two, mode=REINGEST) == [image_id]
    assert local.record(image_id).list_analysis_keys() == []


def test_moved_and_then_changed_while_its_sidecar_stayed_behind_fails(local, two) -> None:
    image_id = id_of(local, "a.tif")
    os.rename(two / "a.tif", two / "c.tif")
    local.sync_from_folder(two, mode=REINGEST)
    write_tiff(two / "c.tif", 5)
    report = local.sync_from_folder(two, mode=REINGEST)
    assert "c.tif has moved and changed, but its sidecar a.p.json has stayed behind" in report.failed["c.tif"]
    assert local.record(image_id).load_json("p") == {"v": "a"}
    os.rename(two / "a.p.json", two / "c.p.json")
    assert local.refresh_from_folder(two, mode=REINGEST) == [image_id]
    assert seeds(local) == {"b.tif": 2, "c.tif": 5}


@pytest.mark.slow
@both_modes
def test_many_of_equal_content_renamed_at_once(local, tmp_path, mode) -> None:
    for number in range(30):
        write_tiff(tmp_path / "in" / f"{number}.tif", number % 2)
        write_json(tmp_path / "in" / f"{number}.p.json", number)
    local.refresh_from_folder(tmp_path / "in")
    ids = {number: id_of(local, f"{number}.tif") for number in range(30)}
    (tmp_path / "in" / "day").mkdir()
    for number in range(30):
        rename(tmp_path / "in", str(number), f"day/{number}")
    report = local.sync_from_folder(tmp_path / "in", mode=mode)
    assert (report.image_ids, report.unchanged, report.missing) == ([], 30, [])
    # Where contents are equal, the names tell.
    assert {number: id_of(local, f"day/{number}.tif") for number in range(30)} == ids
    assert len(report.duplicates) == 2


def test_names_may_be_swapped(local, two) -> None:
    a, b = id_of(local, "a.tif"), id_of(local, "b.tif")
    rename(two, "a", "between")
    rename(two, "b", "a")
    rename(two, "between", "b")
    report = local.sync_from_folder(two, mode=REINGEST)
    assert (report.image_ids, report.unchanged, report.missing, report.failed) == ([], 2, [], {})
    assert (id_of(local, "b.tif"), id_of(local, "a.tif")) == (a, b)
    assert seeds(local) == {"a.tif": 2, "b.tif": 1}
    assert local.record(a).load_json("p") == {"v": "a"}


def test_sources_swapped_without_their_sidecars_take_those_of_their_new_names(local, two) -> None:
    a, b = id_of(local, "a.tif"), id_of(local, "b.tif")
    for old, new in (("a", "between"), ("b", "a"), ("between", "b")):
        os.rename(two / f"{old}.tif", two / f"{new}.tif")
    assert sorted(local.refresh_from_folder(two, mode=REINGEST)) == sorted([a, b])
    assert seeds(local) == {"a.tif": 2, "b.tif": 1}
    assert id_of(local, "b.tif") == a
    assert local.record(a).load_json("p") == {"v": "b"}


@both_modes
def test_names_may_move_up_by_one(local, two, mode) -> None:
    a, b = id_of(local, "a.tif"), id_of(local, "b.tif")
    rename(two, "b", "c")
    rename(two, "a", "b")
    report = local.sync_from_folder(two, mode=mode)
    assert (report.image_ids, report.unchanged, report.missing, report.failed) == ([], 2, [], {})
    assert (id_of(local, "b.tif"), id_of(local, "c.tif")) == (a, b)
    assert seeds(local) == {"b.tif": 1, "c.tif": 2}


def test_file_moved_over_another_changes_that_and_is_missing_itself(local, two) -> None:
    b = id_of(local, "b.tif")
    os.replace(two / "a.tif", two / "b.tif")
    report = local.sync_from_folder(two, mode=REINGEST)
    assert (report.new, report.changed, report.missing) == ([], [b], ["a.tif"])
    assert report.duplicates == []


def test_copy_made_before_an_edit_is_the_new_image(local, two) -> None:
    a = id_of(local, "a.tif")
    shutil.copy2(two / "a.tif", two / "before.tif")
    write_tiff(two / "a.tif", 7)
    report = local.sync_from_folder(two, mode=REINGEST)
    assert report.changed == [a]
    assert report.new == [id_of(local, "before.tif")]
    assert seeds(local) == {"a.tif": 7, "b.tif": 2, "before.tif": 1}


# Copied, moved as a whole


@both_modes
def test_renamed_file_whose_twin_stays(local, two, mode) -> None:
    shutil.copy(two / "a.tif", two / "twin.tif")
    report = local.sync_from_folder(two, mode=mode)
    twin, a = id_of(local, "twin.tif"), id_of(local, "a.tif")
    assert (report.new, report.duplicates) == ([twin], [("a.tif", "twin.tif")])
    rename(two, "a", "c")
    report = local.sync_from_folder(two, mode=mode)
    assert (report.image_ids, report.unchanged, report.duplicates) == ([], 3, [("c.tif", "twin.tif")])
    assert (id_of(local, "c.tif"), id_of(local, "twin.tif")) == (a, twin)
    (two / "twin.tif").unlink()
    report = local.sync_from_folder(two, mode=mode)
    assert (report.missing, report.duplicates) == (["twin.tif"], [])


def test_copied_root_is_told_as_twins(local, two, tmp_path) -> None:
    shutil.copytree(two, tmp_path / "copy")
    report = local.sync_from_folder(tmp_path / "copy")
    assert len(report.new) == 2
    assert report.duplicates == [tuple(sorted([str(two / name), name])) for name in ("a.tif", "b.tif")]
    # The first goes; its copy is no move, as it has an image of its own.
    shutil.rmtree(two)
    assert local.refresh_from_folder(tmp_path / "copy", mode=REINGEST) == []
    assert len(local.list_image_ids()) == 4


@both_modes
def test_moved_root_and_renamed_files_in_it(local, two, tmp_path, mode) -> None:
    a, b = id_of(local, "a.tif"), id_of(local, "b.tif")
    os.rename(two, tmp_path / "moved")
    rename(tmp_path / "moved", "a", "c")
    report = local.sync_from_folder(tmp_path / "moved", mode=mode)
    assert (report.image_ids, report.unchanged, report.passed_over) == ([], 2, {})
    assert (id_of(local, "c.tif"), id_of(local, "b.tif")) == (a, b)


# Gone and back


def test_source_gone_and_back(local, two) -> None:
    content = (two / "a.tif").read_bytes()
    (two / "a.tif").unlink()
    assert local.sync_from_folder(two).missing == ["a.tif"]
    since = local.load_sources_index()["gone_epoch_ns"].max()
    assert since > 0
    assert local.sync_from_folder(two, mode=REINGEST).missing == ["a.tif"]
    assert local.load_sources_index()["gone_epoch_ns"].max() == since
    (two / "a.tif").write_bytes(content)
    report = local.sync_from_folder(two, mode=REINGEST)
    assert (report.image_ids, report.unchanged, report.missing) == ([], 2, [])
    assert local.load_sources_index()["gone_epoch_ns"].max() == 0


def test_what_the_pattern_misses_is_neither_gone_nor_mended(local, two) -> None:
    (two / "a.tif").write_text("no image")
    local.sync_from_folder(two, mode=REINGEST)
    before = local.load_sources_index()
    report = local.sync_from_folder(two, "b*", mode=REINGEST)
    assert (report.missing, report.passed_over["a.tif"]) == ([], "not named b*")
    assert local.load_sources_index().equals(before)


def test_folder_that_cannot_be_looked_into_takes_nothing_with_it(local, two, monkeypatch) -> None:
    rename(two, "a", "day/a")
    local.sync_from_folder(two)
    before = local.load_sources_index()
    with monkeypatch.context() as patch:
        _lock_out(patch, str(two / "day"))
        report = local.sync_from_folder(two, mode=REINGEST)
    assert report.failed == {"day": "cannot look into it: Permission denied"}
    assert (report.missing, report.unchanged) == ([], 1)
    # Looked into again, all is as before, and nothing tells of a failure.
    assert local.sync_from_folder(two, mode=REINGEST).failed == {}
    assert local.load_sources_index().equals(before)


def _lock_out(patch: pytest.MonkeyPatch, folder: str) -> None:
    def locked(call):
        def refusing(path, *args, **options):
            if str(path).startswith(folder) and (call is not os.lstat or str(path) != folder):
                raise PermissionError(13, "Permission denied", str(path))
            return call(path, *args, **options)

        return refusing

    for name in ("scandir", "lstat"):
        patch.setattr(os, name, locked(getattr(os, name)))


def test_killed_before_it_was_noted_and_then_deleted_its_image_is_named(local, two, monkeypatch) -> None:
    write_tiff(two / "c.tif", 3)
    with monkeypatch.context() as patch:
        patch.setattr("kymflow_zarr.sources.sync._Sync._write_finished", lambda self: None)
        local.sync_from_folder(two)
    (two / "c.tif").unlink()
    assert local.sync_from_folder(two).missing == ["c.tif"]
    assert id_of(local, "c.tif") in local.list_image_ids()


# Accents


def test_respelt_accents_are_the_same_file(local, tmp_path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "größe") for form in ("NFC", "NFD"))
    write_tiff(tmp_path / "in" / f"{nfc}.tif")
    write_json(tmp_path / "in" / f"{nfd}.p.json", 1)
    (image_id,) = local.refresh_from_folder(tmp_path / "in")
    assert local.record(image_id).load_json("p") == 1
    os.rename(tmp_path / "in" / f"{nfc}.tif", tmp_path / "in" / f"{nfd}.tif")
    for mode in ("skip", REINGEST):
        report = local.sync_from_folder(tmp_path / "in", mode=mode)
        assert (report.image_ids, report.unchanged, report.failed, report.passed_over) == ([], 1, {}, {})
    write_tiff(tmp_path / "in" / f"{nfd}.tif", 4)
    assert local.refresh_from_folder(tmp_path / "in", mode=REINGEST) == [image_id]


def test_file_beside_one_that_differs_in_accents_only_takes_nothing_from_it(local, tmp_path) -> None:
    nfc, nfd = (unicodedata.normalize(form, "größe.tif") for form in ("NFC", "NFD"))
    write_tiff(tmp_path / "in" / nfc, 1)
    (image_id,) = local.refresh_from_folder(tmp_path / "in")
    write_tiff(tmp_path / "in" / nfd, 2)
    for _ in range(3):
        report = local.sync_from_folder(tmp_path / "in", mode=REINGEST)
        assert (report.image_ids, report.unchanged, list(report.failed)) == ([], 1, [nfd])
    assert local.list_image_ids() == [image_id]
    (tmp_path / "in" / nfc).unlink()
    (new,) = local.refresh_from_folder(tmp_path / "in", mode=REINGEST)
    assert seeds(local)[nfd] == 2
    assert new != image_id
