"""A check reads every record: what cannot be read is named, and leftovers are swept."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from kymflow import KymDataset
from support.refreshing import age, kinds, table_path


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


def test_half_a_record_is_named(lab: KymDataset) -> None:
    (Path(lab.ds.path) / "images" / "half" / "analysis").mkdir(parents=True)
    (Path(lab.ds.path) / "images" / "b" / "zarr.json").write_text("{", "utf-8")
    problems = lab.check().problems
    assert [(problem.kind, problem.image_id) for problem in problems] == [
        ("half record", "b"),
        ("half record", "half"),
    ]
    assert "The next ingest of its folder completes it" in problems[1].message


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
    report = lab.check(repair=True)
    assert kinds(report) == [("unreadable pixels", "a", False), ("leftover", "", False)]
    assert "rename the folder to 'data'" in report.problems[1].message
    left.rename(folder / "data")
    assert lab.check().is_clean
