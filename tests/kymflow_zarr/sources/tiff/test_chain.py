"""The chain of pages: every one is followed to an end."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from kymflow_zarr import SourceError
from kymflow_zarr.sources.tiff import chain as chain_module
from kymflow_zarr.sources.tiff import read_tiff
from kymflow_zarr.sources.tiff.chain import Chain, read_chain
from support.tiff_kinds import BentTiff, values, write_overlapping_pages, write_pages

BIG = pytest.mark.parametrize("big", [False, True], ids=["TIFF", "BigTIFF"])
OPTIONS = pytest.mark.parametrize("options", [{}, {"metadata": None}], ids=["shaped", "plain"])


@BIG
@OPTIONS
@pytest.mark.parametrize(
    ("n_pages", "back_to"), [(2, 0), (3, 0), (3, 1), (3, 2), (101, 0), (150, 0), (150, 120)]
)
def test_ring_of_pages_is_an_error_that_says_so(tmp_path, n_pages, back_to, big, options) -> None:
    path = tmp_path / "a.tif"
    write_pages(path, n_pages, big=big, **options)
    bent = BentTiff(path)
    bent.end_with(bent.pages[back_to])
    bent.save()
    assert read_chain(path) == Chain(n_pages, back_to, True)
    message = rf"its pages form a ring: after page {n_pages - 1} comes page {back_to} again\. Open it"
    with pytest.raises(SourceError, match=message) as caught:
        read_tiff(path)
    assert caught.value.path == str(path)


@BIG
@OPTIONS
def test_page_that_leads_back_to_itself_is_the_only_one(tmp_path, big, options) -> None:
    path = tmp_path / "a.tif"
    write_pages(path, 1, big=big, **options)
    bent = BentTiff(path)
    bent.end_with(bent.pages[0])
    bent.save()
    pixels = np.asarray(read_tiff(path).pixels)
    np.testing.assert_array_equal(pixels, tifffile.imread(path))
    np.testing.assert_array_equal(pixels, np.ones((5, 6)))


@BIG
@pytest.mark.parametrize("offset", [10**6, 2**31, 2**32 - 1])
def test_pages_beyond_the_file(tmp_path, big, offset) -> None:
    path = tmp_path / "a.tif"
    write_pages(path, 3, big=big)
    bent = BentTiff(path)
    bent.end_with(offset)
    bent.save()
    with pytest.raises(SourceError, match=rf"a\.tif as TIFF: .*invalid page offset {offset}"):
        read_tiff(path)
    bent.begin_at(offset)
    bent.save()
    with pytest.raises(SourceError, match=r"a\.tif as TIFF: it holds no pixels"):
        read_tiff(path)


@BIG
@pytest.mark.slow
@OPTIONS
def test_long_chain_is_read_to_its_end(tmp_path, big, options) -> None:
    write_pages(tmp_path / "a.tif", 20_000, big=big, **options)
    pixels = read_tiff(tmp_path / "a.tif").pixels
    assert pixels.shape == (20_000, 5, 6)
    assert pixels[12_345, 0, 0] == 12_346


def test_more_pages_than_anybody_can_mean(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(chain_module, "MOST_PAGES", 5)
    write_pages(tmp_path / "a.tif", 6)
    with pytest.raises(SourceError, match="it claims more than 5 pages"):
        read_tiff(tmp_path / "a.tif")


@pytest.mark.parametrize("n_tags", [1, 100])
def test_more_tags_than_anybody_can_mean(tmp_path, monkeypatch, n_tags) -> None:
    write_overlapping_pages(tmp_path / "a.tif", 40, n_tags)
    assert read_chain(tmp_path / "a.tif").pages == 40
    limit = 40 * n_tags - 1
    for name in ("_MOST_TAGS_IN_ALL", "_MOST_TAGS_UNLIKE"):
        monkeypatch.setattr(chain_module, name, limit)
    with pytest.raises(SourceError, match=rf"a\.tif as TIFF: its pages claim more than {limit} tags"):
        read_tiff(tmp_path / "a.tif")


def test_short_file_of_many_long_pages_is_not_read_to_its_end(tmp_path) -> None:
    write_overlapping_pages(tmp_path / "a.tif", 1000, 4095)
    assert (tmp_path / "a.tif").stat().st_size < 70_000
    with pytest.raises(SourceError, match=r"its pages claim more than 500000 tags"):
        read_tiff(tmp_path / "a.tif")


def test_many_pages_that_differ(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("kymflow_zarr.sources.tiff.read._MOST_PAGES_UNLIKE", 5)
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for height in range(1, 7):
            writer.write(values(height, 4))
    with pytest.raises(SourceError, match="it has 6 pages that differ; at most 5 can be told"):
        read_tiff(tmp_path / "a.tif")


# Sub-images


def with_sub_image(path) -> BentTiff:
    with tifffile.TiffWriter(path) as writer:
        writer.write(values(64, 64), subifds=1)
        writer.write(values(32, 32), subfiletype=1)
    return BentTiff(path)


def test_sub_image_that_is_its_own_page(tmp_path) -> None:
    bent = with_sub_image(tmp_path / "a.tif")
    bent.bend(330, value=bent.pages[0])
    bent.save()
    with pytest.raises(SourceError, match="its sub-images have sub-images of their own"):
        read_tiff(tmp_path / "a.tif")


def test_sub_image_that_is_its_own_sub_image(tmp_path) -> None:
    bent = with_sub_image(tmp_path / "a.tif")
    bent.nest(bent.value(330))
    bent.save()
    with pytest.raises(SourceError, match="its sub-images have sub-images of their own"):
        read_tiff(tmp_path / "a.tif")


def test_millions_of_sub_images(tmp_path) -> None:
    bent = with_sub_image(tmp_path / "a.tif")
    bent.bend(330, count=2**24, value=8)
    bent.save()
    with pytest.raises(SourceError, match="a page claims 16777216 sub-images"):
        read_tiff(tmp_path / "a.tif")


# What is alike


@pytest.mark.parametrize(
    ("changed", "alike"),
    [
        ({}, True),
        ({"compression": "zlib"}, False),
        ({"rowsperstrip": 1}, False),
        ({"tile": (16, 16)}, False),
        ({"description": "another"}, True),
    ],
)
def test_pages_are_alike_if_their_pixels_are_stored_alike(tmp_path, changed, alike) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(values(5, 6), metadata=None)
        writer.write(values(5, 6), metadata=None, **changed)
    assert read_chain(tmp_path / "a.tif").alike is alike


def test_depth_of_colours_tells_pages_apart(tmp_path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for dtype in ("u1", "u2"):
            writer.write(values(5, 6, 3, dtype=dtype), photometric="rgb", metadata=None)
    assert read_chain(tmp_path / "a.tif") == Chain(2, None, False)


@pytest.mark.parametrize("data", [b"", b"II*\0", b"\x89PNG\r\n\x1a\n\0\0\0\0", b"II+\0\x08\0\0\0"])
def test_what_is_no_tiff_has_no_pages(tmp_path, data) -> None:
    (tmp_path / "a.tif").write_bytes(data)
    assert read_chain(tmp_path / "a.tif").pages == 0
