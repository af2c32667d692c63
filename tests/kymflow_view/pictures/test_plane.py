from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kymflow import ArtifactError, ArtifactNotFoundError, RecordNotFoundError, ZarrDataset
from kymflow_view.pictures.plane import PictureError, open_plane


def forget_digest(dataset: ZarrDataset, image_id: str) -> None:
    """Leave pixels as an earlier version of kymflow wrote them."""
    path = Path(dataset.path) / "images" / image_id / "data" / "zarr.json"
    document = json.loads(path.read_text("utf-8"))
    del document["attributes"]["content_sha256"]
    path.write_text(json.dumps(document), "utf-8")


@pytest.mark.parametrize(
    ("axes", "shape", "of_channel_1"),
    [
        (["y", "x"], (6, 4), None),
        (["x", "y"], (4, 6), None),
        (["c", "y", "x"], (3, 6, 4), np.s_[1]),
        (["y", "x", "c"], (6, 4, 3), np.s_[:, :, 1]),
        (["c", "x", "y"], (3, 4, 6), np.s_[1]),
        (["z", "y", "x", "c"], (2, 6, 4, 3), np.s_[0, :, :, 1]),
        (["t", "x"], (6, 4), None),
        (["t", "x", "c"], (6, 4, 3), np.s_[:, :, 1]),
    ],
)
def test_time_is_first_and_one_channel_is_picked(
    local: ZarrDataset, axes: list[str], shape: tuple[int, ...], of_channel_1: Any
) -> None:
    pixels = np.arange(np.prod(shape), dtype=np.uint16).reshape(shape)
    plane = open_plane(local.add_image(pixels, axes=axes), 0 if of_channel_1 is None else 1)
    expected = pixels if of_channel_1 is None else pixels[of_channel_1]
    if axes.index("x") < axes.index("y" if "y" in axes else "t"):
        expected = expected.T
    assert (plane.lines, plane.pixels) == (6, 4)
    assert plane.channels == np.prod(shape) // 24
    np.testing.assert_array_equal(plane.read(2, 5), expected[2:5])


@pytest.mark.parametrize(
    ("shape", "lines", "channels"), [((6, 4), 6, 1), ((2, 6, 4), 6, 2), ((2, 6, 4, 3), 6, 6)]
)
def test_pixels_whose_axes_nobody_has_named_are_read_as_kymflow_does(
    local: ZarrDataset, shape: tuple[int, ...], lines: int, channels: int
) -> None:
    record = local.add_image(np.zeros(shape))
    path = Path(local.path) / "images" / record.image_id
    for document in (path / "zarr.json", path / "data" / "zarr.json"):
        told = json.loads(document.read_text("utf-8"))
        told["attributes"].pop("axes", None)
        document.write_text(json.dumps(told), "utf-8")
    plane = open_plane(local.record(record.image_id))
    assert (plane.lines, plane.pixels, plane.channels) == (lines, 4, channels)
    assert plane.read(1, 3).shape == (2, 4)


@pytest.mark.slow
def test_pieces_are_whole_chunks_of_about_8_mib(local: ZarrDataset) -> None:
    pixels = np.zeros((40_000, 600), np.uint16)
    assert open_plane(local.add_image(pixels)).piece == 6990
    assert open_plane(local.add_image(pixels, chunks=(100, 600))).piece == 6900
    assert open_plane(local.add_image(pixels, chunks=(20_000, 600))).piece == 20_000


@pytest.mark.parametrize("dtype", [np.complex64, np.complex128])
def test_pixels_that_are_no_plain_numbers_are_refused(local: ZarrDataset, dtype: Any) -> None:
    record = local.add_image(np.ones((3, 2), dtype))
    with pytest.raises(
        PictureError, match=r"expected pixels that are numbers or booleans, got dtype complex"
    ):
        open_plane(record)


@pytest.mark.parametrize("channel", [-1, 2, 99])
def test_a_channel_that_is_not_there_is_refused(local: ZarrDataset, channel: int) -> None:
    record = local.add_image(np.ones((2, 3, 2)), axes=["c", "y", "x"])
    with pytest.raises(PictureError, match=rf"has no channel {channel}: expected 0 to 1"):
        open_plane(record, channel)


def test_what_is_not_there_or_damaged_is_said(local: ZarrDataset) -> None:
    with pytest.raises(RecordNotFoundError, match="has no image 'nobody'"):
        open_plane(local.record("nobody"))

    record = local.add_image(np.arange(12).reshape(6, 2))
    data = Path(local.path) / "images" / record.image_id / "data"
    (data / "c" / "0" / "0").write_bytes(b"no chunk")
    with pytest.raises(
        ArtifactError, match=r"lines 0 to 6 of image .* cannot be read: .*`kymflow check` tells"
    ):
        open_plane(record).read(0, 6)

    shutil.rmtree(data)
    with pytest.raises(ArtifactNotFoundError, match="has no pixels"):
        open_plane(record)


@pytest.mark.slow
def test_other_pixels_have_another_key_and_the_same_ones_the_same(local: ZarrDataset) -> None:
    pixels = np.arange(24).reshape(2, 6, 2)
    one = local.add_image(pixels, axes=["c", "y", "x"])
    copy = local.add_image(pixels, axes=["c", "y", "x"])
    turned = local.add_image(pixels, axes=["c", "x", "y"])
    key = open_plane(one).key
    assert open_plane(copy).key == key
    assert open_plane(one).lasting
    assert len({key, open_plane(one, 1).key, open_plane(turned).key}) == 3

    one.save_array(pixels + 1, axes=["c", "y", "x"])
    assert open_plane(one).key != key


def test_pixels_without_a_digest_are_known_by_their_record(local: ZarrDataset) -> None:
    one, other = (local.add_image(np.zeros((4, 2))) for _ in range(2))
    for record in (one, other):
        forget_digest(local, record.image_id)
    planes = [open_plane(record) for record in (one, other)]
    assert not planes[0].lasting
    assert planes[0].key != planes[1].key
    assert open_plane(one).key == planes[0].key

    one.save_array(np.zeros((4, 2)), extra_attrs={"again": 1})
    forget_digest(local, one.image_id)
    assert open_plane(one).key != planes[0].key
