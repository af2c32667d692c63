"""Small CZI files, written by Zeiss' own library."""

from __future__ import annotations

import struct
from pathlib import Path
from typing import Any

import numpy.typing as npt
import pytest

czi = pytest.importorskip("pylibCZIrw.czi", reason="pylibCZIrw, which writes the files, is not installed")

INTERVAL = "<T><Positions><Interval><Start>0</Start><Increment>{}</Increment></Interval></Positions></T>"


def write_czi(
    path: Path, pixels: npt.NDArray[Any], *, s_per_line: object = None, um_per_pixel: float = 0.0
) -> None:
    """Write channels x lines x pixels, a subblock (1 x pixels) for each line of each channel."""
    with czi.create_czi(str(path)) as file:
        for channel, lines in enumerate(pixels):
            for t, line in enumerate(lines):
                file.write(data=line[None, :, None], plane={"C": channel, "T": t})
        file.write_metadata(path.stem, scale_x=um_per_pixel * 1e-6)
    _add_interval(path, s_per_line)


def write_czi_as_the_microscope(
    path: Path, pixels: npt.NDArray[Any], *, s_per_line: object = None, um_per_pixel: float = 0.0
) -> None:
    """Write channels x lines x pixels, with all lines of a channel in one subblock.

    So do microscopes, and no library can: all lines are written as a single long one, and what
    the file's directory says of its length and its times is then set right.
    """
    _, n_lines, n_pixels = pixels.shape
    long = pixels.reshape(len(pixels), 1, -1)
    write_czi(path, long, s_per_line=s_per_line, um_per_pixel=um_per_pixel)
    data = path.read_bytes()
    for name, before, after in (("X", n_lines * n_pixels, n_pixels), ("T", 1, n_lines)):
        # Once in the directory, once in the subblock itself.
        assert data.count(_entry(name, before)) == 2 * len(pixels)
        data = data.replace(_entry(name, before), _entry(name, after))
    path.write_bytes(data)


def write_frame(path: Path, pixels: npt.NDArray[Any]) -> None:
    """Write a single frame, rows x columns."""
    with czi.create_czi(str(path)) as file:
        file.write(data=pixels[:, :, None], plane={"C": 0, "T": 0})
        file.write_metadata(path.stem)


def _entry(name: str, size: int) -> bytes:
    """What a directory says of a dimension: its name, start, size, start coordinate, stored size."""
    return name.encode().ljust(4, b"\0") + struct.pack("<iifi", 0, size, 0.0, size)


def _add_interval(path: Path, s_per_line: object) -> None:
    if s_per_line is None:
        return
    with czi.edit_czi(str(path)) as file, file.edit_session() as header:
        xml = header.get_xml()
        header.set_xml(xml.replace("<Dimensions>", f"<Dimensions>{INTERVAL.format(s_per_line)}", 1))
