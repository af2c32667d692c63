"""A check reads every record: what cannot be read is named, and leftovers are swept."""

from __future__ import annotations

import itertools
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow import KymDataset
from kymflow_zarr.check import storage
from support.refreshing import age, hooked, kinds, table_path
from support.tiff_folders import write_tiff


@pytest.mark.skipif(os.name == "nt", reason="links take a privilege there")
def test_an_artifact_that_the_medium_refuses_is_named(
    lab: KymDataset, caplog: pytest.LogCaptureFixture
) -> None:
    folder = Path(lab.ds.path) / "images" / "b" / "analysis"
    for name in ("e.json", ".hidden.json", "notes.txt"):
        (folder / name).symlink_to(name)
    (problem,) = lab.check(repair=True).problems
    assert (problem.kind, problem.image_id, problem.repaired) == ("unreadable artifact", "b", False)
    assert problem.key == "images/b/analysis/e.json"
    assert "Too many levels of symbolic links" in problem.message


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("x.parquet", b"PAR1"),
        ("x.json", b"{"),
        ("x.json.gz", b"no gzip"),
        ("x.csv.gz", b"no gzip"),
        ("nested/x.json", b"\xff"),
    ],
)
def test_an_artifact_that_cannot_be_read_is_named(lab: KymDataset, name: str, content: bytes) -> None:
    path = Path(lab.ds.path) / "images" / "b" / "analysis" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(content)
    (problem,) = lab.check(repair=True).problems
    assert (problem.kind, problem.image_id, problem.repaired) == ("unreadable artifact", "b", False)
    assert problem.key == f"images/b/analysis/{name}"
    assert "image 'b'" in problem.message
    assert path.read_bytes() == content


def test_pixels_that_are_not_those_that_were_stored_are_named(lab: KymDataset) -> None:
    import zarr

    array = zarr.open_array(lab.ds.path, path="images/b/data", mode="a")
    array[0, 0] = 99
    (problem,) = lab.check().problems
    assert (problem.kind, problem.image_id) == ("unreadable pixels", "b")
    assert "its content has another digest" in problem.message


def test_arrays_that_cannot_be_read_are_named(lab: KymDataset) -> None:
    lab.ds.record("a").save_array_artifact("mask", np.ones((4, 4)))
    array = Path(lab.ds.path) / "images" / "a" / "analysis_arrays" / "mask" / "data"
    (chunk,) = (path for path in (array / "c").rglob("*") if path.is_file())
    chunk.write_bytes(b"no chunk")
    shutil.rmtree(Path(lab.ds.path) / "images" / "c" / "data")
    problems = lab.check().problems
    assert [(problem.kind, problem.image_id) for problem in problems] == [
        ("unreadable pixels", "a"),
        ("unreadable pixels", "c"),
    ]
    assert "'mask'" in problems[0].message
    assert "has no pixels" in problems[1].message


@pytest.mark.slow
def test_half_a_record_is_named(lab: KymDataset) -> None:
    (Path(lab.ds.path) / "images" / "half" / "analysis").mkdir(parents=True)
    (Path(lab.ds.path) / "images" / "b" / "zarr.json").write_text("{", "utf-8")
    problems = lab.check().problems
    assert [(problem.kind, problem.image_id) for problem in problems] == [
        ("half record", "b"),
        ("half record", "half"),
    ]
    assert "The next ingest of its folder completes it" in problems[1].message


class Once:
    """A hook that does something before the n-th call of an operation on keys that begin so."""

    def __init__(self, operation: str, prefix: str, n: int, act: Callable[[], object]) -> None:
        self.left = n
        self.what = f"before {operation}", prefix
        self.act = act

    def __call__(self, operation: str, key: str) -> None:
        if operation == self.what[0] and key.startswith(self.what[1]):
            self.left -= 1
            if self.left == 0:
                self.act()


@pytest.mark.parametrize("ends", ["deleted", "made again"])
def test_an_image_that_is_being_deleted_is_no_half_record(lab: KymDataset, ends: str) -> None:
    root = Path(lab.ds.path) / "images"
    mark = root / "b" / "zarr.json"
    kept = mark.read_bytes()
    mark.unlink()

    def go_on() -> None:
        if ends == "deleted":
            shutil.rmtree(root / "b")
        else:
            mark.write_bytes(kept)

    # Its attributes are gone when it is listed first; the writer goes on before it is looked at again.
    assert hooked(lab, Once("children", "images", 3, go_on)).check().problems == []


def test_an_image_whose_writer_is_held_up_before_its_attributes_is_no_half_record(
    lab: KymDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    mark = Path(lab.ds.path) / "images" / "b" / "zarr.json"
    kept = mark.read_bytes()
    mark.unlink()
    # Nothing changes between the looks but for what happens while the check waits.
    clock = SimpleNamespace(sleep=lambda seconds: mark.write_bytes(kept))
    monkeypatch.setattr(storage, "time", clock)

    assert lab.check().problems == []


@pytest.mark.parametrize("n", range(1, 6))
def test_an_image_that_is_deleted_while_it_is_read_is_no_damage(lab: KymDataset, n: int) -> None:
    act = Once("read", "images/b/", n, lambda: shutil.rmtree(Path(lab.ds.path) / "images" / "b"))
    assert hooked(lab, act).check().problems == []
    assert act.left <= 0


@pytest.mark.slow
def test_a_half_record_that_goes_on_changing_is_its_writers_concern(lab: KymDataset) -> None:
    folder = Path(lab.ds.path) / "images" / "half" / "analysis"
    folder.mkdir(parents=True)
    number = itertools.count()

    def write(operation: str, key: str) -> None:
        if (operation, key) == ("before children", "images"):
            (folder / f"{next(number)}.json").write_text("{}", "utf-8")

    assert hooked(lab, write).check().problems == []
    assert kinds(lab.check()) == [("half record", "half", False)]


def test_a_damaged_sources_table_is_named(lab: KymDataset) -> None:
    table_path(lab, "sources").write_bytes(b"no table")
    assert kinds(lab.check(repair=True)) == [("unreadable sources", "", False)]


def test_leftovers_are_swept_when_they_are_old(lab: KymDataset) -> None:
    root = Path(lab.ds.path)
    file = root / "tables" / ".0123456789abcdef.kymflow-tmp"
    file.write_bytes(b"half a table")
    tree = root / "images" / "a" / ".fedcba9876543210.kymflow-tmp"
    shutil.copytree(root / "images" / "a" / "data", tree)
    assert lab.check(repair=True).problems == []
    age(file)
    age(tree)
    assert kinds(lab.check()) == [("leftover", "", False)] * 2
    assert kinds(lab.check(repair=True)) == [("leftover", "", True)] * 2
    assert not file.exists()
    assert not tree.exists()


def test_pixels_that_an_interrupted_replacement_left_are_not_swept(lab: KymDataset) -> None:
    folder = Path(lab.ds.path) / "images" / "a"
    left = folder / ".fedcba9876543210.kymflow-tmp"
    (folder / "data").rename(left)
    age(left)
    report = lab.check()
    assert kinds(report) == [("unreadable pixels", "a", False), ("leftover", "", False)]
    assert "The next ingest of its folder takes them in again" in report.problems[0].message
    assert "A check with repair puts it back, or rename the folder to 'data'" in report.problems[1].message
    assert kinds(lab.check(repair=True)) == [("unreadable pixels", "a", True), ("leftover", "", True)]
    assert lab.check().is_clean
    assert not left.exists()


@pytest.mark.slow
def test_pixels_that_were_just_moved_away_are_put_back(lab: KymDataset) -> None:
    folder = Path(lab.ds.path) / "images" / "a"
    (folder / "data").rename(folder / ".fedcba9876543210.data.replaced.kymflow-tmp")
    assert kinds(lab.check(repair=True)) == [("unreadable pixels", "a", True)]
    assert lab.check().is_clean


def test_of_two_trees_that_a_replacement_left_one_is_put_back_and_the_other_swept(lab: KymDataset) -> None:
    folder = Path(lab.ds.path) / "images" / "a"
    left = [folder / f".{name * 16}.kymflow-tmp" for name in "01"]
    shutil.copytree(folder / "data", left[0])
    (folder / "data").rename(left[1])
    for tree in left:
        age(tree)
    report = lab.check(repair=True)
    assert sorted(kinds(report)) == [
        ("leftover", "", False),
        ("leftover", "", True),
        ("unreadable pixels", "a", True),
    ]
    assert kinds(lab.check(repair=True)) == [("leftover", "", True)]
    assert lab.check().is_clean


def test_what_a_deletion_left_is_swept_and_no_image_comes_back(lab: KymDataset) -> None:
    left = Path(lab.ds.path) / "images" / ".fedcba9876543210.kymflow-tmp"
    shutil.copytree(Path(lab.ds.path) / "images" / "a", left)
    age(left)
    assert kinds(lab.check(repair=True)) == [("leftover", "", True)]
    assert not left.exists()


@pytest.mark.slow
def test_a_record_whose_pixels_are_being_written_is_no_half_one(lab: KymDataset) -> None:
    staged = Path(lab.ds.path) / "images" / "half" / ".fedcba9876543210.kymflow-tmp"
    staged.mkdir(parents=True)
    assert lab.check().is_clean
    age(staged)
    assert sorted(kinds(lab.check())) == [("half record", "half", False), ("leftover", "", False)]


def test_rows_of_the_sources_table_are_mended(lab: KymDataset, tmp_path: Path) -> None:
    write_tiff(tmp_path / "folder" / "a.tif", 1)
    (image_id,) = lab.ds.refresh_from_folder(tmp_path / "folder")
    path = Path(lab.ds.path) / "tables" / "sources.parquet"
    table = pq.read_table(path)
    pq.write_table(pa.Table.from_pylist([{**table.to_pylist()[0], "source_root": None}], table.schema), path)
    assert kinds(lab.check()) == [("unreadable sources", "", False)]

    assert kinds(lab.check(repair=True)) == [("unreadable sources", "", True)]
    assert kinds(lab.check()) == []
    assert lab.ds.refresh_from_folder(tmp_path / "folder") == []
    assert lab.ds.record(image_id).get_source() is not None

    path.write_bytes(b"PAR1 no more")
    assert kinds(lab.check(repair=True)) == [("unreadable sources", "", False)]
    assert path.read_bytes() == b"PAR1 no more"
