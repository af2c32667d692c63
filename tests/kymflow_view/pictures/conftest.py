"""Images in a dataset, and pictures of them with limits of one's choice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from kymflow import KymDataset, ZarrDataset
from kymflow_view.pictures import plane
from kymflow_view.pictures.pictures import Limits, Pictures

MakePictures = Callable[..., Pictures]


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    """The user's folder for caches; it is not there yet."""
    return tmp_path / "user" / "cache"


@pytest.fixture
def make_pictures(local: ZarrDataset, cache: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[MakePictures]:
    """Make pictures of the images of `local`; unless told otherwise all are large, and a chunk is a piece."""
    monkeypatch.setattr(plane, "PIECE_BYTES", 1)
    made: list[Pictures] = []
    thread = threading.local()

    def open_dataset() -> KymDataset:
        if not hasattr(thread, "kd"):
            thread.kd = KymDataset(local.path, "r")
        kd: KymDataset = thread.kd
        return kd

    def make(on_picture: Callable[[str], None] = lambda image_id: None, **limits: Any) -> Pictures:
        bounds = Limits(**{"large_bytes": 0, "patience_s": 0.0, **limits})
        pictures = Pictures(open_dataset, cache_folder=cache, limits=bounds, on_picture=on_picture)
        made.append(pictures)
        return pictures

    yield make
    for pictures in made:
        pictures.close()


@pytest.fixture
def noise() -> npt.NDArray[np.uint16]:
    """10,000 lines of 5 pixels, with a flash in line 7,777."""
    lines = np.random.default_rng(0).integers(0, 4000, (10_000, 5)).astype(np.uint16)
    lines[7777, 3] = 60_000
    return lines
