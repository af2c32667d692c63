"""Whole TIFFs: what they give, and what is refused of truncated, damaged and false ones."""

from __future__ import annotations

import contextlib
import json
import logging
import threading
from pathlib import Path

import numpy as np
import pytest
import tifffile

from kymflow_zarr import SourceError
from kymflow_zarr.sources.tiff import read_tiff
from support.tiff_kinds import BentTiff, write_pages

LINES = np.random.default_rng(0).integers(1, 4000, (40, 30)).astype(np.uint16)
STACK = np.random.default_rng(1).integers(1, 4000, (6, 40, 30)).astype(np.uint16)


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "int16", "float32", ">u2"])
def test_tiff_types(tmp_path, dtype) -> None:
    tifffile.imwrite(tmp_path / "a.tif", LINES.astype(dtype))
    np.testing.assert_array_equal(np.asarray(read_tiff(tmp_path / "a.tif").pixels), LINES.astype(dtype))


def plain(path: Path) -> np.ndarray:
    tifffile.imwrite(path, LINES)
    return LINES


def strips(path: Path) -> np.ndarray:
    tifffile.imwrite(path, LINES, rowsperstrip=4)
    return LINES


def tiles(path: Path) -> np.ndarray:
    tifffile.imwrite(path, LINES, tile=(16, 16))
    return LINES


def stack(path: Path) -> np.ndarray:
    tifffile.imwrite(path, STACK)
    return STACK


def page_by_page(path: Path) -> np.ndarray:
    with tifffile.TiffWriter(path) as writer:
        for page in STACK:
            writer.write(page, contiguous=False)
    return STACK


def imagej(path: Path) -> np.ndarray:
    tifffile.imwrite(path, STACK, imagej=True)
    return STACK


def ome(path: Path) -> np.ndarray:
    tifffile.imwrite(path, STACK, ome=True)
    return STACK


def compressed(path: Path) -> np.ndarray:
    tifffile.imwrite(path, STACK, compression="zlib")
    return STACK


@pytest.mark.parametrize("write", [plain, strips, tiles, stack, page_by_page, imagej, ome, compressed])
def test_truncated_tiff_is_never_taken_for_a_smaller_image(tmp_path, write) -> None:
    pixels = write(tmp_path / "whole.tif")
    expected = np.asarray(read_tiff(tmp_path / "whole.tif").pixels)
    np.testing.assert_array_equal(expected.reshape(pixels.shape), pixels)
    whole = (tmp_path / "whole.tif").read_bytes()
    path = tmp_path / "cut.tif"
    wrong = []
    for length in range(0, len(whole), max(1, len(whole) // 40)):
        path.write_bytes(whole[:length])
        with contextlib.suppress(SourceError, OSError):
            back = np.asarray(read_tiff(path).pixels)
            if not np.array_equal(back, expected):
                wrong.append((length, back.shape))
    assert wrong == []


@pytest.mark.parametrize("data", [b"", b"II*\0", b"II*\0\x08\0\0\0", b"\x89PNG\r\n", b"MM\0*" + b"\xff" * 40])
def test_what_is_no_tiff(tmp_path, data) -> None:
    (tmp_path / "a.tif").write_bytes(data)
    with pytest.raises(SourceError, match=r"cannot read .*a\.tif as TIFF: \S") as caught:
        np.asarray(read_tiff(tmp_path / "a.tif").pixels)
    assert caught.value.path == str(tmp_path / "a.tif")
    assert "b'" not in str(caught.value)


def test_missing_tiff(tmp_path) -> None:
    with pytest.raises(FileNotFoundError, match=r"a\.tif"):
        np.asarray(read_tiff(tmp_path / "a.tif").pixels)


def test_real_line_scan(shared_data) -> None:
    path = shared_data / "kymograph_folder" / "Capillary1_0001.tif"
    pixels = np.asarray(read_tiff(path).pixels)
    assert pixels.ndim == 2
    assert pixels.dtype == np.uint16
    assert json.loads(path.with_suffix(".json").read_bytes())


# Which pages are the image


@pytest.mark.parametrize("options", [{}, {"metadata": None}, {"compression": "zlib"}])
def test_stack_saved_page_by_page_is_one_image(tmp_path, options) -> None:
    write_pages(tmp_path / "a.tif", 9, **options)
    pixels = read_tiff(tmp_path / "a.tif").pixels
    assert pixels.shape == (9, 5, 6)
    assert np.asarray(pixels)[:, 0, 0].tolist() == [1, 2, 3, 4, 5, 6, 7, 8, 9]


def test_pages_compressed_in_different_ways_are_one_image(tmp_path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for number, page in enumerate(STACK):
            writer.write(page, contiguous=False, compression=["zlib", None][number % 2])
    np.testing.assert_array_equal(np.asarray(read_tiff(tmp_path / "a.tif").pixels), STACK)


def test_pages_of_other_shapes_are_no_part_of_the_image(tmp_path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        for page in (LINES, LINES[:10, :10], LINES[:5, :5]):
            writer.write(page)
    np.testing.assert_array_equal(np.asarray(read_tiff(tmp_path / "a.tif").pixels), LINES)


# Damage that is found when pixels are read


def test_damaged_strip_is_told_when_it_is_read(tmp_path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, LINES, compression="zlib", rowsperstrip=10)
    with tifffile.TiffFile(path) as file:
        offset = file.pages.first.dataoffsets[2]
    data = bytearray(path.read_bytes())
    data[offset : offset + 20] = bytes(20)
    path.write_bytes(data)
    pixels = read_tiff(path).pixels
    np.testing.assert_array_equal(pixels[:20], LINES[:20])
    with pytest.raises(SourceError, match=r"cannot read .*a\.tif as TIFF: \S") as caught:
        pixels[20:30]
    assert caught.value.path == str(path)


def test_missing_imagecodecs_is_told_with_the_remedy(tmp_path, monkeypatch) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, LINES)
    bent = BentTiff(path)
    # LZW, which tifffile leaves to imagecodecs.
    bent.bend(259, value=5)
    bent.save()

    def lacking(*_: object, **__: object) -> None:
        raise ValueError("<COMPRESSION.LZW: 5> requires the 'imagecodecs' package")

    monkeypatch.setitem(tifffile.TIFF.DECOMPRESSORS._codecs, 5, lacking)
    with pytest.raises(
        SourceError, match=r"a\.tif as TIFF: .*imagecodecs.* `pip install imagecodecs` brings it"
    ):
        np.asarray(read_tiff(path).pixels)


def test_a_file_that_changes_while_it_is_read_is_no_mixture(tmp_path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, LINES)
    pixels = read_tiff(path).pixels
    tifffile.imwrite(path, STACK)
    with pytest.raises(SourceError, match="it was changed while it was read; ingest it again"):
        pixels[:3]


def test_a_file_that_vanishes_while_it_is_read(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", LINES)
    pixels = read_tiff(tmp_path / "a.tif").pixels
    # On Windows, this shows that no handle is left open.
    (tmp_path / "a.tif").unlink()
    with pytest.raises(FileNotFoundError, match=r"a\.tif"):
        pixels[:3]


def test_complaints_about_one_file_do_not_spoil_another(tmp_path, monkeypatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", LINES)
    init = tifffile.TiffFile.__init__

    def meanwhile(self, *args, **options) -> None:
        complaint = threading.Thread(target=logging.getLogger("tifffile").error, args=["another file is bad"])
        complaint.start()
        complaint.join()
        init(self, *args, **options)

    monkeypatch.setattr(tifffile.TiffFile, "__init__", meanwhile)
    np.testing.assert_array_equal(np.asarray(read_tiff(tmp_path / "a.tif").pixels), LINES)


# False claims


@pytest.mark.parametrize("big", [False, True], ids=["TIFF", "BigTIFF"])
@pytest.mark.parametrize("code", [256, 257])
@pytest.mark.parametrize("claim", [2**31, 2**32 - 1])
def test_claims_of_more_pixels_than_the_file_can_hold(tmp_path, big, code, claim) -> None:
    path = tmp_path / "a.tif"
    for options in ({"compression": "zlib"}, {}):
        tifffile.imwrite(path, LINES, bigtiff=big, rowsperstrip=40, **options)
        bent = BentTiff(path)
        bent.bend(code, kind=4, value=claim)
        bent.bend(278, kind=4, value=claim)
        bent.save()
        with pytest.raises(SourceError, match=r"as TIFF: page 0 (claims|goes on to byte) \d+"):
            np.asarray(read_tiff(path).pixels)


def test_many_pages_that_claim_much_each(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("kymflow_zarr.sources.tiff.pixels._UNSUSPICIOUS_BYTES", 10)
    monkeypatch.setattr("kymflow_zarr.sources.tiff.pixels._LARGEST_RATIO", 1)
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((500, 400, 5)), compression="zlib")
    with pytest.raises(SourceError, match=r"it claims 8000000 bytes of pixels, and is \d+ bytes long"):
        read_tiff(tmp_path / "a.tif")


@pytest.mark.parametrize("code", [256, 257, 258, 273, 279])
@pytest.mark.parametrize("count", [2**26, 2**31, 2**32 - 1])
@pytest.mark.parametrize("big", [False, True], ids=["TIFF", "BigTIFF"])
def test_tags_that_claim_gigabytes(tmp_path, code, count, big) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, LINES, bigtiff=big)
    bent = BentTiff(path)
    bent.bend(code, count=count, value=100)
    bent.save()
    with pytest.raises(SourceError, match=r"cannot read .*a\.tif as TIFF: \S"):
        read_tiff(path)


LOST = "page 0 lacks the place or the length of some of its pixels"


@pytest.mark.parametrize("code", [324, 325])
@pytest.mark.parametrize("compression", [None, "zlib"])
def test_tile_that_has_lost_its_place_or_length(tmp_path, code, compression) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, LINES, tile=(16, 16), compression=compression)
    with tifffile.TiffFile(path, mode="r+") as file:
        tag = file.pages.first.tags[code]
        assert len(tag.value) == 6
        tag.overwrite((*tag.value[:4], 0, tag.value[5]))
    with pytest.raises(SourceError, match=LOST):
        read_tiff(path)
    with tifffile.TiffFile(path, mode="r+") as file:
        file.pages.first.tags[code].overwrite(tag.value[:4])
    with pytest.raises(SourceError, match=LOST):
        read_tiff(path)


def test_pixels_that_have_lost_their_place(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", LINES)
    bent = BentTiff(tmp_path / "a.tif")
    bent.bend(273, value=0)
    bent.save()
    with pytest.raises(SourceError, match=LOST):
        read_tiff(tmp_path / "a.tif")


def test_strips_that_do_not_cover_the_image(tmp_path) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(
        path, np.stack([LINES.astype("u1")] * 3, -1), photometric="rgb", compression="zlib", rowsperstrip=7
    )
    bent = BentTiff(path)
    # Planes of their own or not: this is neither.
    bent.bend(284, value=257)
    bent.save()
    pixels = read_tiff(path).pixels
    with pytest.raises(SourceError, match="its strips or tiles hold 40 of 120 rows"):
        np.asarray(pixels)


def test_page_with_a_sub_image_of_another_kind_is_no_stack(tmp_path) -> None:
    with tifffile.TiffWriter(tmp_path / "a.tif") as writer:
        writer.write(LINES, subifds=1)
        writer.write(LINES[:7, :5].astype("f4"))
    np.testing.assert_array_equal(np.asarray(read_tiff(tmp_path / "a.tif").pixels), LINES)


@pytest.mark.parametrize("claim", ['SizeT="6"', 'PlaneCount="6"'])
def test_ome_metadata_that_claim_billions_of_planes(tmp_path, claim) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, STACK, ome=True, metadata={"axes": "TYX"})
    with tifffile.TiffFile(path) as file:
        xml = file.ome_metadata
    assert claim in xml
    bent = xml.replace(claim, claim.replace("6", "1999999999"))
    tifffile.imwrite(path, STACK, description=bent.encode(), metadata=None)
    with pytest.raises(SourceError, match="its OME metadata claim more than 100000 planes"):
        read_tiff(path)


@pytest.mark.parametrize("code", [282, 283, 296, 305])
def test_damaged_tags_that_pixels_do_not_need(tmp_path, code) -> None:
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, LINES)
    bent = BentTiff(path)
    bent.bend(code, count=2**20, value=2**31)
    bent.save()
    image = read_tiff(path)
    np.testing.assert_array_equal(np.asarray(image.pixels), LINES)
    assert image.sizes == {}
