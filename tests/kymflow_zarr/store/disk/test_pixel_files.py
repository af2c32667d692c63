"""Chunks: a pipe in the place of one is no file to wait for, and a link to nowhere is not full of zeros."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kymflow_zarr import ArtifactError, StoreError, ZarrDataset, ZarrImageRecord
from support.odd_files import ODD_FILES, put_odd_file


def _chunk_of(dataset: ZarrDataset, record: ZarrImageRecord) -> Path:
    data = Path(dataset.path) / "images" / record.image_id / "data"
    (chunk,) = [path for path in data.rglob("*") if path.is_file() and path.name[0] not in "z."]
    return chunk


@pytest.mark.parametrize("kind", ODD_FILES)
def test_pixels_of_which_a_chunk_is_no_regular_file_cannot_be_read(local: ZarrDataset, kind: str) -> None:
    record = local.add_image([[1, 2], [3, 4]])
    put_odd_file(kind, _chunk_of(local, record))
    with pytest.raises(ArtifactError, match="the pixels of image .* cannot be read: .*no regular file"):
        record.load_array()


@pytest.mark.skipif(os.name == "nt", reason="a file with a hole needs a system that makes them")
def test_pixels_of_which_a_chunk_is_larger_than_any_memory_cannot_be_read(local: ZarrDataset) -> None:
    record = local.add_image([[1, 2], [3, 4]])
    os.truncate(_chunk_of(local, record), 2**40)
    with pytest.raises(ArtifactError, match=r"the pixels of image .* cannot be read: '.*' takes 1\.1 TB"):
        record.load_array()


def test_pixels_behind_a_linked_folder_cannot_be_read(local: ZarrDataset, tmp_path: Path) -> None:
    record = local.add_image([[1, 2], [3, 4]])
    data = Path(local.path) / "images" / record.image_id / "data"
    array = record.open_array()
    data.rename(tmp_path / "data")
    data.symlink_to(tmp_path / "data", target_is_directory=True)
    with pytest.raises(StoreError, match=r"the folder 'images/.*/data' is a link"):
        record.load_array()
    with pytest.raises(OSError, match=r"the folder '.*data' is a link, which is not followed"):
        array[...]
