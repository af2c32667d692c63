"""One source taken in: unchanged, changed, looked at again, or failed until it is mended."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kymflow_zarr import SourceImage, TiffReader, ZarrDataset
from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.table import load_rows
from support.tiff_folders import REINGEST, id_of, pixels, write_json, write_tiff


class MyReader:
    """Takes ``.tif`` with the sidecars that it is told to."""

    name = "mine"

    def __init__(self, *sidecars: str, error: Exception | None = None) -> None:
        self.sidecars = sidecars
        self.error = error

    def matches(self, path: Path) -> bool:
        return path.suffix == ".tif"

    def files(self, primary: Path) -> list[Path]:
        if self.error is not None:
            raise self.error
        return [primary.parent / name for name in self.sidecars if (primary.parent / name).exists()]

    def read(self, primary: Path) -> SourceImage:
        return SourceImage(pixels(), json={path.stem: path.read_text() for path in self.files(primary)})


def row_of(dataset: ZarrDataset, name: str) -> SourceRow:
    (row,) = [row for row in load_rows(dataset._store) if row.relative_path == name]
    return row


# What is looked at again


def test_all_looked_at_again_and_nothing_new(ingested, folder, tree) -> None:
    before = tree(ingested.path)
    report = ingested.sync_from_folder(folder, mode=REINGEST, verify=True)
    assert (report.image_ids, report.unchanged) == ([], 3)
    after = tree(ingested.path)
    kept = [path for path in before if "/data/" in path or "/analysis/" in path or "sources" in path]
    assert len(kept) > 8
    assert all(after[path] == before[path] for path in kept)


def test_edit_of_equal_size_under_a_restored_time_is_found_on_demand(ingested, folder) -> None:
    path = folder / "a.params.json"
    info = path.stat()
    path.write_text(path.read_text().replace("1", "2"))
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns))
    assert ingested.refresh_from_folder(folder, mode=REINGEST) == []
    assert ingested.refresh_from_folder(folder, mode=REINGEST, verify=True) == [id_of(ingested, "a.tif")]
    assert ingested.record(id_of(ingested, "a.tif")).load_json("params") == {"v": 2}


def test_another_reader_that_finds_the_same_is_noted_and_one_that_finds_more_changes(
    ingested, folder
) -> None:
    class Renamed(TiffReader):
        name = "tiff 2"

    class Better(TiffReader):
        name = "tiff 3"

        def read(self, primary: Path) -> SourceImage:
            return SourceImage(super().read(primary).pixels, json={"more": 1})

    report = ingested.sync_from_folder(folder, mode=REINGEST, reader=Renamed())
    assert (report.image_ids, report.unchanged) == ([], 3)
    assert row_of(ingested, "a.tif").reader == "tiff 2"
    assert len(ingested.sync_from_folder(folder, mode=REINGEST, reader=Better()).changed) == 3
    assert ingested.sync_from_folder(folder, mode=REINGEST, reader=Better()).unchanged == 3


def test_sidecar_that_the_reader_uses_no_more_is_no_sidecar_that_stayed_behind(local, tmp_path) -> None:
    write_tiff(tmp_path / "in" / "a.tif")
    (tmp_path / "in" / "old.txt").write_text("1")
    (image_id,) = local.sync_from_folder(tmp_path / "in", reader=MyReader("old.txt")).new
    report = local.sync_from_folder(tmp_path / "in", mode=REINGEST, reader=MyReader("new.txt"))
    assert (report.changed, report.passed_over) == ([image_id], {"old.txt": "a sidecar of no image"})
    assert local.record(image_id).list_analysis_keys() == []


# Known, and not at hand


def _evict(path: Path) -> None:
    os.rename(path, path.with_name(f".{path.name}.icloud"))


def _annex(path: Path) -> None:
    os.rename(path, path.with_name(f".{path.name}.elsewhere"))
    path.symlink_to(".git/annex/objects/x")


def _pipe(path: Path) -> None:
    os.rename(path, path.with_name(f".{path.name}.elsewhere"))
    os.mkfifo(path)


def _restore(path: Path) -> None:
    kept = [path.with_name(f".{path.name}{suffix}") for suffix in (".icloud", ".elsewhere")]
    (found,) = [one for one in kept if one.exists()]
    os.replace(found, path)


TAKEN_AWAY = pytest.mark.parametrize(
    ("take_away", "told"),
    [(_evict, "in iCloud"), (_annex, "link that leads nowhere"), (_pipe, "no regular file")],
)


@TAKEN_AWAY
def test_known_sidecar_that_is_not_at_hand_deletes_nothing(ingested, folder, take_away, told) -> None:
    image_id = id_of(ingested, "a.tif")
    take_away(folder / "a.params.json")
    write_tiff(folder / "a.tif", 7)
    report = ingested.sync_from_folder(folder, mode=REINGEST)
    assert list(report.failed) == ["a.tif"]
    assert told in report.failed["a.tif"]
    assert "a.params.json" in report.failed["a.tif"]
    assert "a.params.json" not in report.passed_over
    assert ingested.record(image_id).load_json("params") == {"v": 1}
    _restore(folder / "a.params.json")
    assert ingested.refresh_from_folder(folder, mode=REINGEST) == [image_id]
    assert row_of(ingested, "a.tif").failure == ""


@TAKEN_AWAY
@pytest.mark.parametrize("mode", ["skip", REINGEST])
def test_known_source_that_is_not_at_hand_is_neither_gone_nor_unchanged(
    ingested, folder, take_away, told, mode
) -> None:
    take_away(folder / "a.tif")
    report = ingested.sync_from_folder(folder, mode=mode)
    assert list(report.failed) == ["a.tif"]
    assert told.split(" leads")[0] in report.failed["a.tif"]
    assert (report.missing, report.unchanged) == ([], 2)
    _restore(folder / "a.tif")
    report = ingested.sync_from_folder(folder, mode=mode)
    assert (report.failed, report.image_ids, report.unchanged) == ({}, [], 3)
    assert (row_of(ingested, "a.tif").failure, row_of(ingested, "a.tif").failed_epoch_ns) == ("", 0)


@TAKEN_AWAY
def test_unknown_sidecar_that_is_not_at_hand_keeps_its_source_out(local, folder, take_away, told) -> None:
    take_away(folder / "a.params.json")
    report = local.sync_from_folder(folder)
    assert list(report.failed) == ["a.tif"]
    assert told in report.failed["a.tif"]
    assert len(report.new) == 2
    assert "a.params.json" in report.passed_over
    _restore(folder / "a.params.json")
    assert len(local.sync_from_folder(folder).new) == 1


def test_known_sidecar_that_cannot_be_looked_at_fails_its_source_only(local, folder) -> None:
    (folder / "x.txt").write_text("1")
    local.sync_from_folder(folder, reader=MyReader("x.txt"))
    (folder / "x.txt").unlink()
    (folder / "x.txt").symlink_to("x.txt")
    report = local.sync_from_folder(folder, mode=REINGEST, reader=MyReader())
    assert list(report.failed) == ["a.tif", "b.tif"]
    assert "cannot read" in report.failed["a.tif"]
    assert "x.txt" in report.failed["a.tif"]
    assert report.unchanged == 1


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root may read every file")
def test_file_that_may_not_be_read(ingested, folder) -> None:
    (folder / "a.params.json").chmod(0)
    os.utime(folder / "a.params.json")
    report = ingested.sync_from_folder(folder, mode=REINGEST)
    assert "Permission denied" in report.failed["a.tif"]
    assert ingested.record(id_of(ingested, "a.tif")).load_json("params") == {"v": 1}


# Failures


def test_reader_that_fails_to_name_its_files_spoils_its_sources(local, folder) -> None:
    report = local.sync_from_folder(folder, reader=MyReader(error=ZeroDivisionError("of mine")))
    assert sorted(report.failed) == ["a.tif", "b.tif", "day 2/c.tif"]
    assert report.failed["a.tif"] == (
        f"cannot read {folder / 'a.tif'} with reader 'mine': ZeroDivisionError: of mine"
    )


def test_failure_is_kept_with_the_time_since_when_and_tried_again_in_each_mode(ingested, folder) -> None:
    good = (folder / "a.tif").read_bytes()
    image_id = id_of(ingested, "a.tif")
    (folder / "a.tif").write_bytes(b"no image")
    ingested.sync_from_folder(folder, mode=REINGEST)
    failed = row_of(ingested, "a.tif")
    assert "a.tif as TIFF" in failed.failure
    assert failed.failed_epoch_ns > failed.ingested_epoch_ns
    for mode in ("skip", REINGEST):
        report = ingested.sync_from_folder(folder, mode=mode)
        assert report.failed == {"a.tif": failed.failure}
        assert row_of(ingested, "a.tif") == failed
    # Another reason is another failure.
    (folder / "a.params.json").write_text("{")
    (folder / "a.tif").write_bytes(good)
    ingested.sync_from_folder(folder, mode="skip")
    again = row_of(ingested, "a.tif")
    assert "a.params.json" in again.failure
    assert again.failed_epoch_ns > failed.failed_epoch_ns
    write_json(folder / "a.params.json", {"v": 3})
    assert ingested.refresh_from_folder(folder, mode="skip") == [image_id]
    assert (row_of(ingested, "a.tif").failure, row_of(ingested, "a.tif").failed_epoch_ns) == ("", 0)


def test_failed_source_that_was_never_ingested_is_forgotten_when_it_goes(local, folder) -> None:
    (folder / "bad.tif").write_text("no image")
    assert list(local.sync_from_folder(folder).failed) == ["bad.tif"]
    assert row_of(local, "bad.tif").failure
    (folder / "bad.tif").unlink()
    report = local.sync_from_folder(folder)
    assert (report.failed, report.missing) == ({}, [])
    assert len(load_rows(local._store)) == 3
