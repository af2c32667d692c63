"""Folders beside the images whose names no image can have: passed over, and told of by a check."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pandas as pd
import pytest

from kymflow import KymDataset, ZarrImageRecord
from kymflow_zarr import ZarrDataset, layout
from kymflow_zarr.check.storage import check_storage
from support.command_line import run_command
from support.refreshing import open_dataset

NAMES = ["a:b", "a\nb", "con", "dot.", "space ", "a?b", "x" * 210, "\x1b[31m", "Nul.txt", "com1", ".hidden"]


class Own:
    name = table_name = "own"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        return pd.DataFrame({"x": [rec.load_array().size]})


@pytest.fixture
def lab(tmp_path: Path) -> KymDataset:
    kd = open_dataset(tmp_path / "lab.zarr")
    kd.ds.add_image([[0, 1], [2, 3]])
    return kd


@pytest.mark.skipif(os.name == "nt", reason="no such name can be there")
@pytest.mark.parametrize("name", NAMES)
def test_such_a_folder_is_no_image_and_is_told_of(lab: KymDataset, name: str) -> None:
    (image_id,) = lab.ds.list_image_ids()
    images = Path(lab.ds.path) / "images"
    shutil.copytree(images / image_id, images / name)

    assert lab.rebuild(Own())["image_id"].tolist() == [image_id]
    assert lab.refresh(Own(), on_error="skip")["image_id"].tolist() == [image_id]
    assert lab.ds.list_image_ids() == lab.ds.listing().names == [image_id]
    problems = [problem for problem in lab.check(repair=True).problems if problem.kind == "unusable name"]
    # What begins with a dot is some program's own, and is in no listing.
    assert len(problems) == (0 if name.startswith(".") else 1)
    assert all(repr(f"images/{name}") in problem.message for problem in problems)
    assert (images / name / "data").exists()


def test_so_it_is_in_an_object_store() -> None:
    dataset = ZarrDataset("memory://unusable-names")
    image_id = dataset.add_image([[0, 1], [2, 3]]).image_id
    for found in list(dataset.store.list(f"images/{image_id}")):
        key = found.key.replace(image_id, "a:b", 1)
        dataset.store.put(key, dataset.store.read(found.key)[0])

    assert dataset.list_image_ids() == dataset.listing().names == [image_id]
    assert [one.kind for one in check_storage(dataset.store, 3).problems] == ["unusable name"]


@pytest.mark.parametrize("name", ["plain", "com10", "conin", "a.b", "É", "x" * 200, "con-1", "-", "a b"])
def test_a_name_that_a_glance_takes_is_one_that_a_closer_look_takes(name: str) -> None:
    assert layout.is_name(name)
    assert layout.check_name(name, "image id") == name


@pytest.mark.skipif(os.name == "nt", reason="no such name can be there")
@pytest.mark.parametrize("whole", [True, False])
def test_commands_that_list_all_images_tell_of_it(lab: KymDataset, tmp_path: Path, whole: bool) -> None:
    (image_id,) = lab.ds.list_image_ids()
    images = Path(lab.ds.path) / "images"
    for number in range(4):
        if whole:
            shutil.copytree(images / image_id, images / f"\x1b[3{number}m")
        else:
            (images / f"\x1b[3{number}m").mkdir()
    source = tmp_path / "source"
    source.mkdir()

    for command in (["status"], ["refresh"], ["refresh", "--dry-run"], ["rebuild", "--json"], ["ingest"]):
        more = [str(source)] if command == ["ingest"] else []
        said = run_command(*command, lab.ds.path, *more).stderr
        (line,) = [line for line in said.splitlines() if "no image can have" in line]
        assert "4 folders of a name that no image can have, in no table: \\x1b[30m, \\x1b[31m, " in line
        assert "and 1 more; rename each below" in line
    assert lab.status().unusable_names == [f"\x1b[3{number}m" for number in range(4)]
    assert "unusable name" in str(lab.status())


def test_folders_that_are_images_are_not_told_of(lab: KymDataset) -> None:
    assert lab.status().unusable_names == []
    assert "in no table" not in run_command("refresh", lab.ds.path).stderr
