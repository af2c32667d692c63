from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from kymflow_view.pictures.levels import BLOCKS, Grid, blocks_of
from kymflow_view.pictures.memory import HeldImage, Memory

GRID = Grid(1000, 5, 400, np.dtype(np.uint16))
SIZE = HeldImage(np.zeros((1000, 5), np.uint16), GRID).nbytes


def image(value: int) -> HeldImage:
    return HeldImage(np.full((1000, 5), value, np.uint16), GRID)


def test_the_least_recently_used_images_go_first() -> None:
    memory = Memory(2 * SIZE)
    read: list[str] = []

    def look_at(key: str) -> None:
        def reader() -> HeldImage:
            read.append(key)
            return image(1)

        memory.get(key, reader)

    for key in "abacab":
        look_at(key)
    assert read == ["a", "b", "c", "b"]
    assert memory.nbytes == 2 * SIZE


def test_an_image_that_is_too_large_is_shown_but_not_held() -> None:
    memory = Memory(SIZE - 1)
    assert memory.get("a", lambda: image(7)).values.max() == 7
    assert memory.nbytes == 0


def test_an_image_that_several_threads_ask_for_is_read_once() -> None:
    memory = Memory(10 * SIZE)
    read = []
    together = threading.Barrier(4)

    def reader() -> HeldImage:
        read.append(1)
        return image(3)

    def ask() -> HeldImage:
        together.wait(60)
        return memory.get("a", reader)

    with ThreadPoolExecutor(4) as threads:
        found = [future.result() for future in [threads.submit(ask) for _ in range(4)]]
    assert len(read) == 1
    assert len(set(map(id, found))) == 1


def test_what_cannot_be_read_is_asked_for_again() -> None:
    memory = Memory(10 * SIZE)

    def fail() -> HeldImage:
        raise OSError("the share is gone")

    with pytest.raises(OSError, match="the share is gone"):
        memory.get("a", fail)
    assert memory.get("a", lambda: image(5)).values.max() == 5


def test_levels_are_those_of_the_lines_and_within_what_was_counted() -> None:
    held = HeldImage(np.random.default_rng(1).integers(0, 99, (1000, 5)).astype(np.uint8), GRID)
    took = 0
    for piece in range(3):
        wanted = blocks_of(GRID, piece, held.read(*GRID.bounds(piece)))
        for block in BLOCKS:
            found = held.blocks(piece, block)
            np.testing.assert_array_equal(found.high, wanted[block].high)
            took += sum(part.nbytes for part in (found.low, found.high, found.total, found.count))
    assert took + held.values.nbytes <= held.nbytes * 1.2
