"""What is no dataset of ours loses nothing, and only ours is erased."""

from __future__ import annotations

import json
import uuid
from pathlib import Path

import numpy as np
import pytest
import tifffile
import zarr

from kymflow_zarr import DatasetError, ZarrDataset
from support.raw_artifacts import fill


def folder_of_tiffs(path: Path) -> str:
    path.mkdir()
    tifffile.imwrite(path / "a.tif", np.ones((3, 4), np.uint16))
    return "is no kymflow dataset but something else; nothing in it was touched"


def folder_of_documents(path: Path) -> str:
    (path / "sub").mkdir(parents=True)
    (path / "thesis.docx").write_bytes(b"years of work")
    (path / "sub" / ".DS_Store").write_bytes(b"x")
    return "is no kymflow dataset"


def folder_of_empty_folders(path: Path) -> str:
    (path / "images").mkdir(parents=True)
    return "is no kymflow dataset"


def plain_file(path: Path) -> str:
    path.write_bytes(b"a file")
    return "is no kymflow dataset but a file"


def foreign_group_v3(path: Path) -> str:
    zarr.open_group(path, mode="w", zarr_format=3).create_array("images/x", data=np.ones(3))
    return "is no kymflow dataset"


def foreign_group_v2(path: Path) -> str:
    zarr.open_group(path, mode="w", zarr_format=2).create_array("images/x", data=np.ones(3))
    return "is no kymflow dataset"


def foreign_array(path: Path) -> str:
    zarr.create_array(path, data=np.ones(3), attributes={"format": "kymflow_zarr_v1", "schema_version": 1})
    return "is no kymflow dataset"


def _with_attrs(path: Path, zarr_format: int, **attrs: object) -> None:
    fill(ZarrDataset(path, zarr_format=zarr_format))
    key = "zarr.json" if zarr_format == 3 else ".zattrs"
    document = json.loads((path / key).read_bytes())
    (document["attributes"] if zarr_format == 3 else document).update(attrs)
    (path / key).write_text(json.dumps(document))


def newer_version_v3(path: Path) -> str:
    _with_attrs(path, 3, schema_version=2)
    return "has schema version 2; this kymflow reads up to 1. Upgrade kymflow"


def newer_version_v2(path: Path) -> str:
    _with_attrs(path, 2, schema_version=7)
    return "has schema version 7; this kymflow reads up to 1"


def version_is_text(path: Path) -> str:
    _with_attrs(path, 3, schema_version="two")
    return "has schema version 'two'"


def _damaged(path: Path, zarr_format: int, data: bytes) -> None:
    fill(ZarrDataset(path, zarr_format=zarr_format))
    (path / ("zarr.json" if zarr_format == 3 else ".zattrs")).write_bytes(data)


def damaged_v3(path: Path) -> str:
    _damaged(path, 3, b'{"zarr_format": 3, "node_')
    return "'zarr.json' in .* is not the JSON document it should be"


def damaged_v3_binary(path: Path) -> str:
    _damaged(path, 3, b"\xff\x00\xfe")
    return "'zarr.json' in .* is not the JSON document it should be"


def damaged_v3_nested(path: Path) -> str:
    _damaged(path, 3, b"[" * 100_000)
    return "'zarr.json' in .* is not the JSON document it should be"


def damaged_v3_empty(path: Path) -> str:
    _damaged(path, 3, b"")
    return "'zarr.json' in .* is not the JSON document it should be"


def damaged_v2(path: Path) -> str:
    _damaged(path, 2, b'{"format": "kymflow')
    return "'.zattrs' in .* is not the JSON document it should be"


def document_is_a_list(path: Path) -> str:
    _damaged(path, 3, b"[]")
    return "'zarr.json' in .* must be a JSON object, got list"


FOREIGN = [
    folder_of_tiffs,
    folder_of_documents,
    folder_of_empty_folders,
    plain_file,
    foreign_group_v3,
    foreign_group_v2,
    foreign_array,
    newer_version_v3,
    newer_version_v2,
    version_is_text,
    damaged_v3,
    damaged_v3_binary,
    damaged_v3_nested,
    damaged_v3_empty,
    damaged_v2,
    document_is_a_list,
]


@pytest.mark.slow
@pytest.mark.parametrize("mode", ["r", "r+", "a", "w"])
@pytest.mark.parametrize("make", FOREIGN)
def test_what_is_not_ours_loses_nothing(tmp_path, tree, make, mode) -> None:
    path = tmp_path / "precious"
    words = make(path)
    before = tree(tmp_path)
    for zarr_format in (2, 3):
        with pytest.raises(DatasetError, match=words) as caught:
            ZarrDataset(path, mode, zarr_format=zarr_format)
        assert caught.value.dataset == str(path)
        assert str(path) in str(caught.value)
    assert tree(tmp_path) == before


@pytest.mark.parametrize("mode", ["a", "w"])
def test_foreign_objects_behind_a_url_lose_nothing(mode, object_url) -> None:
    from kymflow_zarr.store.locations import open_store

    open_store(object_url).put("thesis.docx", b"years of work")
    with pytest.raises(DatasetError, match=f"{object_url} is no kymflow dataset"):
        ZarrDataset(object_url, mode)
    assert [found.key for found in open_store(object_url).list()] == ["thesis.docx"]


# Erasing


def test_mode_w_erases_our_own_dataset(place) -> None:
    first = place.open()
    fill(first)
    dataset = place.open("w")
    assert dataset.list_image_ids() == dataset.list_table_names() == []
    assert {found.key for found in dataset.store.list()} == {
        found.key for found in _fresh(place).store.list()
    }


def _fresh(place) -> ZarrDataset:
    return ZarrDataset(f"memory://{uuid.uuid4().hex}", zarr_format=place.zarr_format)


def test_mode_w_leaves_foreign_files_in_the_folder(tmp_path) -> None:
    path = tmp_path / "lab.zarr"
    fill(ZarrDataset(path))
    (path / "notes.txt").write_text("keep me")
    (path / "figures").mkdir()
    (path / "figures" / "1.png").write_bytes(b"png")
    ZarrDataset(path, "w")
    assert (path / "notes.txt").read_text() == "keep me"
    assert (path / "figures" / "1.png").read_bytes() == b"png"


@pytest.mark.parametrize(("there", "wanted"), [(2, 3), (3, 2)])
def test_mode_w_does_not_turn_one_format_into_the_other(tmp_path, tree, there, wanted) -> None:
    path = tmp_path / "lab.zarr"
    fill(ZarrDataset(path, zarr_format=there))
    before = tree(path)
    with pytest.raises(
        DatasetError, match=rf"a Zarr v{there} dataset.*nothing was touched.*zarr_format={there}"
    ):
        ZarrDataset(path, "w", zarr_format=wanted)
    assert tree(path) == before


def test_mode_w_does_not_follow_links_out_of_the_dataset(tmp_path, tree) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "x.parquet").write_bytes(b"precious")
    path = tmp_path / "lab.zarr"
    ZarrDataset(path)
    (path / "tables").symlink_to(outside)
    before = tree(outside)
    ZarrDataset(path, "w")
    assert tree(outside) == before
