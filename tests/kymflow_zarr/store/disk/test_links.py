"""Links below a dataset: nothing is read, written or deleted behind linked folders."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from kymflow_zarr import StoreError, ZarrDataset
from kymflow_zarr.store.base import UNREADABLE_SIZE, Store
from kymflow_zarr.store.disk.links import linked_folder
from kymflow_zarr.store.locations import open_store

REFUSED = r"cannot {} '{}.*' in .*root: the folder '{}' is a link.*Put the folder itself in its place"

WRITES: dict[str, tuple[str, Callable[[Store, str], object]]] = {
    "put": ("write", lambda store, key: store.put(key, b"new")),
    "put_tree": ("write", lambda store, key: store.put_tree(key, [("zarr.json", b"new")], last="zarr.json")),
    "delete": ("delete", lambda store, key: store.delete(key)),
    "discard": ("delete", lambda store, key: store.discard(key)),
    "delete_tree": ("delete", lambda store, key: store.delete_tree(key)),
    "update": ("lock", lambda store, key: store.update(key, lambda _: b"new")),
}


@pytest.fixture
def outside(disk: Store, tmp_path: Path) -> Path:
    """A folder outside, with keys of the same names as in the store."""
    for root in (disk, open_store(tmp_path / "outside")):
        root.put("images/a/analysis/x.json", b"precious")
        root.put("images/a/zarr.json", b"{}")
    return tmp_path / "outside"


def link_folder(disk: Store, folder: str, target: Path) -> None:
    path = Path(disk.url) / folder
    path.rename(path.with_name("kept aside"))
    path.symlink_to(target, target_is_directory=True)


@pytest.mark.parametrize("folder", ["images", "images/a", "images/a/analysis"])
@pytest.mark.parametrize("write", WRITES)
def test_nothing_is_written_or_deleted_behind_a_linked_folder(
    disk: Store, outside: Path, tree: Callable[[Path], object], folder: str, write: str
) -> None:
    link_folder(disk, folder, outside / folder)
    before = tree(outside)
    doing, call = WRITES[write]
    for key in ("images/a/analysis/x.json", "images/a/analysis/new/deeper"):
        with pytest.raises(StoreError, match=REFUSED.format(doing, key, folder)):
            call(disk, key)
    assert tree(outside) == before


@pytest.mark.parametrize("target", ["outside", "nowhere", "itself"])
@pytest.mark.parametrize("listed", [False, True])
def test_nothing_is_read_behind_a_linked_folder_nor_passes_for_absent(
    disk: Store, outside: Path, tmp_path: Path, target: str, listed: bool
) -> None:
    link_folder(disk, "images/a/analysis", tmp_path / target / "images" / "a" / "analysis")
    if target == "itself":
        link = Path(disk.url) / "images" / "a" / "analysis"
        link.unlink()
        link.symlink_to("analysis")
    if listed:
        assert disk.list_records("images", "zarr.json", "analysis").names == ["a"]
    key = "images/a/analysis/x.json"
    refused = REFUSED.format("read", key, "images/a/analysis")
    with pytest.raises(StoreError, match=refused):
        disk.read(key)
    with pytest.raises(StoreError, match=refused), disk.open(key):
        pass
    with pytest.raises(StoreError, match=refused):
        disk.read_many([key])
    with pytest.raises(StoreError, match=REFUSED.format("list", "images/a/analysis", "images/a/analysis")):
        list(disk.list("images/a/analysis"))
    found = disk.stat(key)
    assert found is not None
    assert found.size == UNREADABLE_SIZE


def test_a_link_that_is_made_after_a_listing_is_seen_by_every_write_and_the_next_listing(
    disk: Store, outside: Path
) -> None:
    assert disk.list_records("images", "zarr.json", "analysis").keys == ["images/a/analysis/x.json"]
    link_folder(disk, "images/a/analysis", outside / "images" / "a" / "analysis")
    with pytest.raises(StoreError, match="is a link"):
        disk.put("images/a/analysis/x.json", b"new")
    assert disk.list_records("images", "zarr.json", "analysis").keys == []
    with pytest.raises(StoreError, match="is a link"):
        disk.read("images/a/analysis/x.json")


def test_a_linked_folder_of_all_records_is_refused(disk: Store, outside: Path) -> None:
    link_folder(disk, "images", outside / "images")
    for call in (
        lambda: disk.children("images"),
        lambda: disk.list_records("images", "zarr.json", "analysis"),
    ):
        with pytest.raises(StoreError, match=REFUSED.format("list", "images", "images")):
            call()


def test_a_link_itself_is_deleted_and_replaced(
    disk: Store, outside: Path, tree: Callable[[Path], object]
) -> None:
    before = tree(outside)
    images = Path(disk.url) / "images"
    for name in ("whole", "tree"):
        (images / name).symlink_to(outside / "images" / "a", target_is_directory=True)
    (images / "file").symlink_to(outside / "images" / "a" / "zarr.json")
    disk.delete_tree("images/whole")
    disk.put_tree("images/tree", [("zarr.json", b"mine")], last="zarr.json")
    disk.put("images/file", b"mine")
    assert not (images / "whole").is_symlink()
    assert (images / "file").read_bytes() == (images / "tree" / "zarr.json").read_bytes() == b"mine"
    assert tree(outside) == before


def test_an_artifact_may_be_a_link_and_so_may_the_root(disk: Store, outside: Path, tmp_path: Path) -> None:
    link = Path(disk.url) / "images" / "a" / "analysis" / "linked.json"
    link.symlink_to(outside / "images" / "a" / "analysis" / "x.json")
    root = tmp_path / "link to root"
    root.symlink_to(disk.url, target_is_directory=True)
    store = open_store(root)
    assert store.read("images/a/analysis/linked.json")[0] == b"precious"
    assert sorted(one.key for one in store.list("images/a/analysis")) == [
        "images/a/analysis/linked.json",
        "images/a/analysis/x.json",
    ]
    store.put("images/a/analysis/y.json", b"new")
    assert disk.read("images/a/analysis/y.json")[0] == b"new"


def test_a_folder_above_the_root_may_become_a_link(tmp_path: Path) -> None:
    store = open_store(tmp_path / "disk" / "root")
    store.put("a/b", b"x")
    (tmp_path / "disk").rename(tmp_path / "moved")
    (tmp_path / "disk").symlink_to("moved", target_is_directory=True)
    store.put("a/b", b"y")
    assert store.read("a/b")[0] == b"y"


def test_only_folders_between_root_and_path_count(tmp_path: Path) -> None:
    (tmp_path / "real" / "inner").mkdir(parents=True)
    (tmp_path / "link").symlink_to("real")
    below = len(str(tmp_path)) + 1
    link = str(tmp_path / "link")
    assert linked_folder(str(tmp_path / "real" / "inner" / "x"), below) is None
    assert linked_folder(link, below) is None
    assert linked_folder(os.path.join(link, "inner", "x"), below) == link
    assert linked_folder(os.path.join(link, "inner", "x"), len(link) + 1) is None
    assert linked_folder(str(tmp_path / "not" / "there" / "x"), below) is None


@pytest.mark.parametrize("folder", ["images", "index", "tables"])
def test_no_way_of_changing_a_dataset_leads_out_of_it(
    tmp_path: Path, tree: Callable[[Path], object], folder: str
) -> None:
    ds = ZarrDataset(tmp_path / "lab.zarr")
    image_id = ds.add_image([[1, 2], [3, 4]]).image_id
    ds.save_table("cells", pd.DataFrame({"image_id": ["a"]}))
    (tmp_path / "lab.zarr" / "index" / "cells").mkdir(parents=True)
    outside = tmp_path / "outside"
    (tmp_path / "lab.zarr" / folder).rename(outside)
    (tmp_path / "lab.zarr" / folder).symlink_to(outside, target_is_directory=True)
    before = tree(outside)
    record = ds.record(image_id)
    changes: list[Callable[[], object]] = {
        "images": [
            lambda: ds.add_image([[1, 2], [3, 4]]),
            lambda: ds.delete_image(image_id),
            lambda: record.save_array([[1, 2], [3, 4]]),
            lambda: record.save_json("x", {}),
            lambda: record.delete_analysis(),
            lambda: record.save_array_artifact("mask", [1, 2]),
        ],
        "index": [lambda: ds.drop_table("cells")],
        "tables": [
            lambda: ds.drop_table("cells"),
            lambda: ds.save_table("cells", pd.DataFrame({"image_id": ["b"]})),
            lambda: ds.replace_rows_for_image_id("cells", "b", pd.DataFrame({"image_id": ["b"]})),
            lambda: ds.refresh_from_folder(tmp_path),
        ],
    }[folder]
    for change in changes:
        with pytest.raises(StoreError, match=f"the folder '{folder}' is a link"):
            change()
    assert tree(outside) == before
