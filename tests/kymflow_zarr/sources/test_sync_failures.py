"""Sources that fail, ingests that are interrupted, and ingests that run at the same time."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest

from kymflow_zarr import IngestWarning, SourceImage, StoreError
from support.processes import run_together
from support.tiff_folders import REINGEST, id_of, pixels, write_json, write_tiff

# What fails


def test_bad_files_fail_themselves_and_the_folder_goes_on(local, folder) -> None:
    whole = (folder / "a.tif").read_bytes()
    (folder / "a_cut.tif").write_bytes(whole[: len(whole) - 20])
    (folder / "a_head.tif").write_bytes(whole[:6])
    (folder / "a_empty.tif").write_bytes(b"")
    (folder / "a_text.tif").write_text("no image at all")
    (folder / "a_link.tif").symlink_to("nowhere")
    (folder / "a_loop.tif").symlink_to("a_loop.tif")
    (folder / "b.broken.json").write_text("{")
    report = local.sync_from_folder(folder)
    assert sorted(report.failed) == [
        "a_cut.tif", "a_empty.tif", "a_head.tif", "a_link.tif", "a_loop.tif", "a_text.tif", "b.tif",
    ]  # fmt: skip
    assert "a_cut.tif as TIFF" in report.failed["a_cut.tif"]
    assert "b.broken.json" in report.failed["b.tif"]
    assert len(report.new) == 2
    assert sorted(report.new) == local.list_image_ids()
    shutil.copy(folder / "a.tif", folder / "a_cut.tif")
    (folder / "b.broken.json").unlink()
    assert len(local.sync_from_folder(folder).new) == 2


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("b.x.csv.gz", b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"),
        ("b.x.csv.gz", b"no gzip"),
        ("b.x.parquet", b"PAR1"),
        ("b.x.npy", b"\x93NUMPY\x01\x00\x10\x00{'descr': '<f8', "),
        ("b.x.npy", b"\x93NUMPY\x01\x00\x10\x00{(((((((((((((("),
        ("b.x.npy", b"no array"),
        ("b.x.csv", b"a,b\n\xff\xfe,2\n"),
        ("b.x.json", b"[" * 100_000),
        ("b.con.json", b"{}"),
    ],
    ids=[
        "bent gzip",
        "no gzip",
        "parquet",
        "npy cut",
        "npy nested",
        "npy text",
        "csv",
        "json nested",
        "name",
    ],
)
def test_bad_sidecar_fails_its_image_only(local, folder, name, data) -> None:
    (folder / name).write_bytes(data)
    report = local.sync_from_folder(folder)
    assert list(report.failed) == ["b.tif"]
    assert len(report.new) == 2


@pytest.mark.parametrize(
    "error",
    [KeyError("field"), TypeError("text"), IndexError("x"), RuntimeError("lib"), SystemExit("bye")],
    ids=repr,
)
def test_reader_that_fails_in_its_own_way_fails_one_image_only(local, folder, error) -> None:
    class Reader:
        name = "failing"

        def matches(self, path):
            return path.suffix == ".tif"

        def files(self, primary):
            return []

        def read(self, primary):
            if primary.name == "b.tif":
                raise error
            return SourceImage(pixels())

    report = local.sync_from_folder(folder, reader=Reader())
    assert list(report.failed) == ["b.tif"]
    assert str(error.args[0]) in report.failed["b.tif"]
    assert len(report.new) == 2


def test_name_that_is_no_utf8_is_reported_and_the_folder_goes_on(local, folder) -> None:
    with open(bytes(folder) + b"/\xff.tif", "wb") as file:
        file.write((folder / "a.tif").read_bytes())
    report = local.sync_from_folder(folder)
    assert report.failed == {"\\udcff.tif": "its name is no UTF-8; rename it to ingest it"}
    assert len(report.new) == 3


def test_refresh_warns_of_failures_at_the_callers_line(local, folder) -> None:
    (folder / "bad.tif").write_text("no image")
    with pytest.warns(
        IngestWarning, match=r"(?s)ingest of .*tiffs:\n  bad\.tif: cannot read .*bad\.tif as TIFF"
    ) as caught:
        ids = local.refresh_from_folder(folder)
    assert len(ids) == 3
    assert caught[0].filename == __file__


def test_full_disk_ends_the_ingest_and_the_next_one_goes_on(local, folder, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        full = _fail_after(1, StoreError("cannot write: disk full"))
        patch.setattr("kymflow_zarr.sources.merge.write_attrs", full)
        with pytest.raises(StoreError, match="disk full"):
            local.sync_from_folder(folder)
    claimed = dict(local.load_sources_index()[["source_rel_path", "image_id"]].to_numpy().tolist())
    # The one that was taken in before nobody has been told of yet.
    assert sorted(local.sync_from_folder(folder).new) == sorted(claimed.values()) == local.list_image_ids()


def _fail_after(times: int, error: Exception):
    from kymflow_zarr.record.attrs import write_attrs

    calls = []

    def call(*args, **options):
        calls.append(args)
        if len(calls) > times:
            raise error
        write_attrs(*args, **options)

    return call


# Interrupted and simultaneous ingests


@pytest.mark.parametrize("where", ["reader.read", "parts.write_part", "write_attrs", "write_finished"])
def test_crash_anywhere_gives_no_second_id(local, folder, monkeypatch, where) -> None:
    class Crash(BaseException):
        pass

    def crash(*_, **__):
        raise Crash("killed")

    target = {
        "reader.read": "kymflow_zarr.sources.tiff_reader.TiffReader.read",
        "parts.write_part": "kymflow_zarr.sources.merge.parts.write_part",
        "write_attrs": "kymflow_zarr.sources.merge.write_attrs",
        "write_finished": "kymflow_zarr.sources.sync._Sync._write_finished",
    }[where]
    with monkeypatch.context() as patch:
        patch.setattr(target, crash)
        with pytest.raises(Crash, match="killed"):
            local.sync_from_folder(folder)
    claimed = sorted(local.load_sources_index()["image_id"])
    assert len(claimed) == 3
    local.sync_from_folder(folder)
    assert local.list_image_ids() == claimed == sorted(local.load_sources_index()["image_id"])
    report = local.sync_from_folder(folder, mode=REINGEST)
    assert (report.image_ids, report.unchanged, report.conflicts) == ([], 3, [])


SLOW_INGEST = """
import sys, time
from pathlib import Path
from kymflow_zarr import TiffReader, ZarrDataset
from kymflow_zarr.sources import merge
where, dataset, folder = sys.argv[1:]
def stop(*args, **options):
    print("there", flush=True)
    time.sleep(600)
if where == "before pixels":
    TiffReader.read = stop
else:
    merge.write_attrs = stop
ZarrDataset(dataset).sync_from_folder(folder)
"""


@pytest.mark.parametrize("where", ["before pixels", "before attributes"])
def test_killed_ingest_gives_no_second_id(local, folder, start_python, where) -> None:
    process = start_python(SLOW_INGEST, where, local.path, folder)
    assert process.stdout.readline() == "there\n", process.stderr.read()
    process.kill()
    process.wait(300)
    claimed = sorted(local.load_sources_index()["image_id"])
    assert len(claimed) == 3
    local.sync_from_folder(folder)
    assert local.list_image_ids() == claimed == sorted(local.load_sources_index()["image_id"])
    for record in local.iter_records():
        assert record.load_array().shape == (6, 5)


def test_source_changed_after_a_crash_is_no_conflict(local, folder, monkeypatch) -> None:
    with monkeypatch.context() as patch:
        patch.setattr("kymflow_zarr.sources.sync._Sync._write_finished", lambda self: None)
        local.sync_from_folder(folder)
    write_json(folder / "a.params.json", {"v": "new"})
    report = local.sync_from_folder(folder, mode=REINGEST)
    assert report.conflicts == []
    assert local.record(id_of(local, "a.tif")).load_json("params") == {"v": "new"}


INGEST = """
import sys
from kymflow_zarr import ZarrDataset
dataset = ZarrDataset(sys.argv[1])
print("ready", flush=True)
sys.stdin.readline()
report = dataset.sync_from_folder(sys.argv[2])
assert not report.failed and not report.conflicts, report
"""


def test_two_ingesters_give_one_id_each(local, tmp_path, start_python) -> None:
    for number in range(8):
        write_tiff(tmp_path / "in" / f"{number}.tif", number)
    run_together(*(start_python(INGEST, local.path, tmp_path / "in") for _ in range(2)))
    index = local.load_sources_index()
    assert sorted(index["image_id"]) == local.list_image_ids()
    assert len(index) == 8
    for relative, image_id in index[["source_rel_path", "image_id"]].to_numpy():
        np.testing.assert_array_equal(local.record(image_id).load_array(), pixels(int(Path(relative).stem)))
    assert local.sync_from_folder(tmp_path / "in", mode=REINGEST).unchanged == 8
