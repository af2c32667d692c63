"""Chunks: a pipe in the place of one is no file to wait for, and a link to nowhere is not full of zeros."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow_zarr import ArtifactError, StoreError, ZarrDataset
from support.odd_files import ODD_FILES, put_odd_file


@pytest.mark.parametrize("kind", ODD_FILES)
def test_pixels_of_which_a_chunk_is_no_regular_file_cannot_be_read(local: ZarrDataset, kind: str) -> None:
    record = local.add_image([[1, 2], [3, 4]])
    (chunk,) = [
        path
        for path in (Path(local.path) / "images" / record.image_id / "data").rglob("*")
        if path.is_file() and path.name[0] not in "z."
    ]
    put_odd_file(kind, chunk)
    with pytest.raises(ArtifactError, match="the pixels of image .* cannot be read: .*no regular file"):
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
