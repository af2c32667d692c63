from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kymflow_view.pictures.level_file import DamagedLevelsError, LevelFile
from kymflow_view.pictures.levels import BLOCKS, Grid, blocks_of

PIECES = 3


def grid_of(dtype: Any, pixels: int = 2) -> Grid:
    return Grid(5000, pixels, 2000, np.dtype(dtype))


def lines(grid: Grid, piece: int) -> np.ndarray[Any, Any]:
    start, stop = grid.bounds(piece)
    values = np.random.default_rng(piece).integers(0, 60_000, (stop - start, grid.pixels)).astype(grid.dtype)
    if grid.dtype.kind == "f":
        values[::7] = np.nan
        values[5] = np.inf
    return values


def write(path: Path, grid: Grid, key: str = "key") -> None:
    file = LevelFile.create(path, key, grid)
    for piece in range(PIECES):
        file.add(piece, blocks_of(grid, piece, lines(grid, piece)))
    file.finish()


@pytest.mark.parametrize(
    ("dtype", "pixels"), [(np.uint16, 2), (np.uint16, 5000), (np.float32, 2), (np.float32, 3000)]
)
def test_what_is_read_is_what_was_written(tmp_path: Path, dtype: Any, pixels: int) -> None:
    grid = grid_of(dtype, pixels)
    write(tmp_path / "levels", grid)
    file = LevelFile.open(tmp_path / "levels", "key", grid)
    for piece in range(PIECES):
        for block, wanted in blocks_of(grid, piece, lines(grid, piece)).items():
            found = file.blocks(piece, block)
            assert found is not None
            for name in ("low", "high", "total", "count"):
                np.testing.assert_array_equal(getattr(found, name), getattr(wanted, name))
    file.close()


def test_pieces_come_in_any_order_and_are_read_meanwhile(tmp_path: Path) -> None:
    grid = grid_of(np.uint16)
    file = LevelFile.create(tmp_path / "levels", "key", grid)
    file.add(2, blocks_of(grid, 2, lines(grid, 2)))
    assert file.blocks(0, BLOCKS[0]) is None
    found = file.blocks(2, BLOCKS[0])
    assert found is not None
    assert len(found.low) == len(grid.block_edges(2, BLOCKS[0])) - 1
    file.add(0, blocks_of(grid, 0, lines(grid, 0)))
    assert file.blocks(0, BLOCKS[1]) is not None
    file.close()


def test_a_file_that_was_not_finished_is_none(tmp_path: Path) -> None:
    grid = grid_of(np.uint16)
    file = LevelFile.create(tmp_path / "levels", "key", grid)
    file.add(0, blocks_of(grid, 0, lines(grid, 0)))
    file.close()
    with pytest.raises(DamagedLevelsError, match=r"levels: about\.json"):
        LevelFile.open(tmp_path / "levels", "key", grid)
    with pytest.raises(DamagedLevelsError, match="closed"):
        file.blocks(0, BLOCKS[0])
    with pytest.raises(DamagedLevelsError, match="closed"):
        file.add(1, blocks_of(grid, 1, lines(grid, 1)))


def test_levels_of_something_else_are_refused(tmp_path: Path) -> None:
    grid = grid_of(np.uint16)
    write(tmp_path / "levels", grid)
    others = [("another", grid), ("key", grid_of(np.float32)), ("key", Grid(5000, 2, 2001, grid.dtype))]
    for key, other in others:
        with pytest.raises(DamagedLevelsError):
            LevelFile.open(tmp_path / "levels", key, other)
    with pytest.raises(FileNotFoundError):
        LevelFile.open(tmp_path / "nothing", "key", grid)


def test_damage_anywhere_is_found_or_does_no_harm(tmp_path: Path) -> None:
    grid = grid_of(np.uint16)
    write(tmp_path / "levels", grid)
    good = (tmp_path / "levels").read_bytes()
    wanted = blocks_of(grid, 1, lines(grid, 1))[BLOCKS[0]]
    found = 0
    for place in range(0, len(good), 13):
        bent = bytearray(good)
        bent[place] ^= 0x55
        (tmp_path / "levels").write_bytes(bent)
        try:
            file = LevelFile.open(tmp_path / "levels", "key", grid)
        except DamagedLevelsError:
            found += 1
            continue
        try:
            blocks = file.blocks(1, BLOCKS[0])
        except DamagedLevelsError:
            found += 1
        else:
            assert blocks is None or (blocks.high == wanted.high).all()
        finally:
            file.close()
    assert found > len(good) // 13 // 4


@pytest.mark.parametrize("cut", [0, 1, 100, 1000, -1, -30])
def test_a_file_that_was_cut_is_damaged(tmp_path: Path, cut: int) -> None:
    grid = grid_of(np.uint16)
    write(tmp_path / "levels", grid)
    good = (tmp_path / "levels").read_bytes()
    (tmp_path / "levels").write_bytes(good[:cut])
    with pytest.raises(DamagedLevelsError):
        LevelFile.open(tmp_path / "levels", "key", grid)
