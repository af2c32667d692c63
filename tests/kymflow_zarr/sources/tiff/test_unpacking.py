"""Strips that unpack to far more than the tags say: refused before they are unpacked."""

from __future__ import annotations

import functools
import lzma
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import tifffile

from kymflow_zarr import SourceError, ZarrDataset
from kymflow_zarr.sources.tiff import read_tiff
from support.tiff_folders import write_tiff

SIDE = 100


def write_strip(path: Path, compression: int, strip: bytes, side: int = SIDE) -> None:
    """Write a TIFF of one page and one strip, of pixels of 16 bits."""
    tags = {
        **{256: (3, side), 257: (3, side), 258: (3, 16), 259: (3, compression), 262: (3, 1)},
        **{277: (3, 1), 278: (3, side), 279: (4, len(strip))},
    }
    tags[273] = (4, 8 + 2 + 12 * (len(tags) + 1) + 4)
    entries = b"".join(
        struct.pack("<HHII", code, kind, 1, value) for code, (kind, value) in sorted(tags.items())
    )
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    path.write_bytes(head + entries + bytes(4) + strip)


@functools.cache
def zeros(n_bytes: int) -> bytes:
    deflate = zlib.compressobj(9)
    pieces = [deflate.compress(bytes(10**6)) for _ in range(n_bytes // 10**6)]
    return b"".join([*pieces, deflate.flush()])


@functools.cache
def lzma_zeros() -> bytes:
    return lzma.compress(bytes(300_000_000), preset=0)


BOMBS: dict[str, tuple[int, Callable[[], bytes]]] = {
    "deflate": (8, lambda: zeros(200_000_000)),
    "old deflate": (32946, lambda: zeros(200_000_000)),
    "packed bits": (32773, lambda: b"\x81\0" * 100_000),
    "LZMA": (34925, lzma_zeros),
}


@pytest.mark.parametrize("kind", BOMBS)
def test_a_strip_that_is_longer_than_its_pixels_is_refused(tmp_path: Path, kind: str) -> None:
    compression, make = BOMBS[kind]
    strip = make()
    assert len(strip) < 300_000
    write_strip(tmp_path / "bomb.tif", compression, strip)

    with pytest.raises(SourceError, match=r"cannot read .*bomb.tif as TIFF: .* holds at most 20000 bytes"):
        np.asarray(read_tiff(tmp_path / "bomb.tif").pixels)


@pytest.mark.parametrize("kind", ["deflate", "old deflate", "LZMA"])
def test_a_strip_that_unpacks_to_more_than_its_pixels_is_refused(tmp_path: Path, kind: str) -> None:
    # As long as its pixels, so that only what comes out tells.
    compression, make = BOMBS[kind]
    strip = make()
    side = 300
    assert len(strip) < side * side * 2 * 2
    write_strip(tmp_path / "bomb.tif", compression, strip, side)

    with pytest.raises(
        SourceError, match="unpacks to more than 425536 bytes, and holds at most 180000 bytes"
    ):
        np.asarray(read_tiff(tmp_path / "bomb.tif").pixels)


@pytest.mark.parametrize("side", [100, 3000])
@pytest.mark.parametrize("values", ["zeros", "noise"])
def test_a_strip_of_its_own_pixels_is_read(tmp_path: Path, side: int, values: str) -> None:
    noise = np.random.default_rng(0).integers(0, 2**16, (side, side), "u2")
    pixels = noise if values == "noise" else np.zeros_like(noise)
    tifffile.imwrite(tmp_path / "good.tif", pixels, compression="zlib", rowsperstrip=side)

    np.testing.assert_array_equal(np.asarray(read_tiff(tmp_path / "good.tif").pixels), pixels)


def test_a_bomb_spoils_no_other_file_of_its_folder(tmp_path: Path) -> None:
    write_tiff(tmp_path / "lab" / "good.tif", 1)
    write_strip(tmp_path / "lab" / "bomb.tif", 8, zeros(200_000_000))

    report = ZarrDataset(tmp_path / "lab.zarr").sync_from_folder(tmp_path / "lab")

    assert len(report.new) == 1
    (failed,) = report.failed
    assert failed.endswith("bomb.tif")


def write_shared_strip(path: Path, strip: bytes, width: int, rows: int) -> None:
    """Write a TIFF of 8 bits whose rows are strips that all lie in one place, compressed by deflate."""
    longs = struct.Struct(f"<{rows}I")
    at = 8 + 2 * longs.size + len(strip)
    tags = {
        **{256: (1, width), 257: (1, rows), 258: (1, 8), 259: (1, 8), 262: (1, 1), 273: (rows, 8)},
        **{277: (1, 1), 278: (1, 1), 279: (rows, 8 + longs.size)},
    }
    entries = b"".join(struct.pack("<HHII", code, 4, *tag) for code, tag in sorted(tags.items()))
    offsets, lengths = longs.pack(*[8 + 2 * longs.size] * rows), longs.pack(*[len(strip)] * rows)
    head = b"II*\0" + struct.pack("<I", at)
    path.write_bytes(head + offsets + lengths + strip + struct.pack("<H", len(tags)) + entries + bytes(4))


def test_many_strips_that_are_one_bomb_are_refused(tmp_path: Path) -> None:
    # Of each alone, too little to be looked at.
    write_shared_strip(tmp_path / "bomb.tif", zeros(50_000_000), width=10, rows=1000)

    with pytest.raises(
        SourceError, match=r"strips or tiles up to page 0 take \d+ bytes, .* one upon the other"
    ):
        read_tiff(tmp_path / "bomb.tif")


def test_strips_that_are_alike_may_share_their_place(tmp_path: Path) -> None:
    write_shared_strip(tmp_path / "blank.tif", zlib.compress(bytes([7] * 300)), width=300, rows=50)

    assert (np.asarray(read_tiff(tmp_path / "blank.tif").pixels) == np.full((50, 300), 7)).all()
