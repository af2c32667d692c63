"""Pixels read piece by piece: they are those that tifffile reads at once."""

from __future__ import annotations

import numpy as np
import pytest
import tifffile

from kymflow_zarr.sources.tiff import read_tiff
from kymflow_zarr.sources.tiff.pixels import TiffPixels
from support.tiff_kinds import KINDS, values


@pytest.mark.parametrize("kind", KINDS)
def test_pixels_in_pieces_are_those_of_tifffile(tmp_path, kind) -> None:
    path = tmp_path / "a.tif"
    KINDS[kind](path)
    whole = tifffile.imread(path)
    pixels = read_tiff(path).pixels
    assert isinstance(pixels, TiffPixels)
    assert (pixels.shape, pixels.ndim, pixels.size) == (whole.shape, whole.ndim, whole.size)
    assert pixels.dtype == whole.dtype
    np.testing.assert_array_equal(np.asarray(pixels), whole)
    for step in (1, 3, 8):
        pieces = [pixels[at : at + step] for at in range(0, len(pixels), step)]
        np.testing.assert_array_equal(np.concatenate(pieces), whole)


@pytest.mark.parametrize("kind", ["stack", "stack, compressed", "stack of tiles", "planes", "volume", "OME"])
def test_pieces_cut_along_several_axes(tmp_path, kind) -> None:
    path = tmp_path / "a.tif"
    KINDS[kind](path)
    whole = tifffile.imread(path)
    pixels = read_tiff(path).pixels
    for key in (
        (slice(1, 2), slice(1, 3)),
        (slice(1, 2), slice(1, 2), slice(2, 9)),
        (slice(0, 2), slice(1, 2)),
        (slice(0, 9), slice(2, 1)),
        (slice(None), slice(None), slice(3, 4)),
        (..., slice(3, 8)),
        (1,),
        (-1, 0),
        (slice(None, None, 2), ..., 1),
        (slice(5, 100),),
        ...,
    ):
        np.testing.assert_array_equal(pixels[key], whole[key])
    with pytest.raises(IndexError, match="too many indices"):
        pixels[(slice(None),) * 9]


def test_pixels_as_an_array_of_another_type(tmp_path) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values(5, 4))
    back = np.asarray(read_tiff(tmp_path / "a.tif").pixels, dtype=np.float32)
    assert back.dtype == np.float32
    np.testing.assert_array_equal(back, values(5, 4))


def test_a_strip_that_serves_several_pieces_is_decoded_once(tmp_path, monkeypatch) -> None:
    tifffile.imwrite(tmp_path / "a.tif", values(60, 40), compression="zlib", rowsperstrip=20)
    pixels = read_tiff(tmp_path / "a.tif").pixels
    decoded = []
    decode = pixels._layout._decode

    def count(file, page, number):
        decoded.append(number)
        return decode(file, page, number)

    monkeypatch.setattr(pixels._layout, "_decode", count)
    pieces = [pixels[at : at + 7] for at in range(0, 60, 7)]
    np.testing.assert_array_equal(np.concatenate(pieces), values(60, 40))
    assert decoded == [0, 1, 2]


def test_tiles_that_were_left_out_are_zero(tmp_path) -> None:
    tiles = [values(16, 16), None, None, values(16, 16)]
    tifffile.imwrite(tmp_path / "a.tif", iter(tiles), shape=(32, 32), dtype="u2", tile=(16, 16))
    whole = tifffile.imread(tmp_path / "a.tif")
    assert not whole[:16, 16:].any()
    np.testing.assert_array_equal(np.asarray(read_tiff(tmp_path / "a.tif").pixels), whole)
