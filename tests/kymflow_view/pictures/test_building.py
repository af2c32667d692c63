from __future__ import annotations

import errno
import logging
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow import ArtifactError, ZarrDataset
from kymflow_view.pictures.building import spread
from kymflow_view.pictures.level_file import LevelFile
from kymflow_view.pictures.pictures import Pictures
from kymflow_view.pictures.plane import PictureError
from support.processes import StartPython, run_together

Noise = npt.NDArray[np.uint16]
MakePictures = Callable[..., Pictures]


def files(folder: Path) -> list[str]:
    return sorted(path.suffix for path in folder.iterdir()) if folder.exists() else []


@given(st.integers(1, 3000))
def test_any_beginning_is_from_everywhere(pieces: int) -> None:
    order = spread(pieces)
    assert sorted(order) == list(range(pieces))
    for n in (4, 16, 64):
        if n <= pieces:
            gaps = np.diff([0, *sorted(order[:n]), pieces])
            assert gaps.max() <= 4 * pieces / n


def test_a_first_picture_is_there_at_once_and_a_better_one_later(
    local: ZarrDataset, make_pictures: MakePictures, noise: Noise, cache: Path
) -> None:
    told: list[str] = []
    looked = threading.Event()

    def on_picture(image_id: str) -> None:
        # No more than an eighth is made before the first picture has been looked at.
        assert looked.wait(60)
        told.append(image_id)

    record = local.add_image(noise, chunks=(200, 5))
    pictures = make_pictures(on_picture)
    first = pictures.pixels(record.image_id, columns=50)
    assert not first.complete
    assert first.values.shape == (3, 50, 5)
    # What is not known yet is as what is near.
    assert first.values[2].min() > 3000
    looked.set()
    pictures.wait()

    whole = pictures.pixels(record.image_id, columns=50)
    assert whole.complete
    assert whole.values[2].max() == 60_000
    assert told == 8 * [record.image_id]
    assert files(cache) == [".levels"]


def test_levels_are_found_again_by_others(
    local: ZarrDataset, make_pictures: MakePictures, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, copy = (local.add_image(noise, chunks=(200, 5)) for _ in range(2))
    make_pictures(patience_s=60.0).pixels(one.image_id, columns=50)
    first = make_pictures()
    first.pixels(one.image_id, columns=50)
    first.wait()
    # Nothing is made once more, and nothing is read but the levels.
    monkeypatch.setattr(LevelFile, "create", None)
    monkeypatch.setattr("kymflow_view.pictures.plane.Plane.read", None)
    for record in (one, copy):
        assert make_pictures().pixels(record.image_id, columns=50).complete


@pytest.mark.slow
def test_each_zoom_of_finished_levels_is_the_direct_reduction(
    local: ZarrDataset, make_pictures: MakePictures, noise: Noise
) -> None:
    record = local.add_image(noise, chunks=(1500, 5))
    pictures = make_pictures()
    pictures.pixels(record.image_id, columns=50)
    pictures.wait()
    lot = np.random.default_rng(5)
    for _ in range(60):
        start, stop = np.sort(lot.choice(10_001, 2, replace=False)).tolist()
        columns = int(lot.integers(1, 60))
        found = pictures.pixels(record.image_id, start, stop, columns=columns)
        assert found.complete
        lines = noise[start:stop]
        if found.planes == ("raw",):
            np.testing.assert_array_equal(found.values[0], lines)
            continue
        np.testing.assert_array_equal(found.values[1].min(axis=0), lines.min(axis=0))
        np.testing.assert_array_equal(found.values[2].max(axis=0), lines.max(axis=0))


def test_pixels_that_are_replaced_meanwhile_leave_nothing_behind(
    local: ZarrDataset, make_pictures: MakePictures, noise: Noise, cache: Path
) -> None:
    record = local.add_image(noise, chunks=(200, 5))
    replaced = threading.Event()

    def replace(image_id: str) -> None:
        if not replaced.is_set():
            record.save_array(noise // 2, chunks=(200, 5))
            replaced.set()

    pictures = make_pictures(replace)
    pictures.pixels(record.image_id, columns=50)
    pictures.wait()
    assert replaced.is_set()
    assert files(cache) == []

    pictures.pixels(record.image_id, columns=50)
    pictures.wait()
    new = pictures.pixels(record.image_id, columns=50)
    assert (new.complete, new.values[2].max()) == (True, 30_000)


def test_closing_ends_the_work_and_removes_what_is_unfinished(
    local: ZarrDataset,
    make_pictures: MakePictures,
    noise: Noise,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    closing = threading.Event()
    told: list[str] = []

    def on_picture(image_id: str) -> None:
        told.append(image_id)
        assert closing.wait(60)

    record = local.add_image(noise, chunks=(200, 5))
    pictures = make_pictures(on_picture)
    pictures.pixels(record.image_id, columns=50)
    wait = pictures._builder.wait

    def wait_while_closing() -> None:
        closing.set()
        wait()

    monkeypatch.setattr(pictures._builder, "wait", wait_while_closing)
    pictures.close()
    assert len(told) <= 1
    assert files(cache) == []
    with pytest.raises(PictureError, match="the viewer is being closed"):
        pictures.pixels(record.image_id, columns=50)


def test_only_so_many_images_are_unfinished_at_once(
    local: ZarrDataset,
    make_pictures: MakePictures,
    noise: Noise,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("kymflow_view.pictures.building._MOST_UNFINISHED", 2)
    looked = threading.Event()
    records = [local.add_image(noise + n, chunks=(200, 5)) for n in range(4)]
    pictures = make_pictures(lambda image_id: looked.wait(60) or None)
    for record in records:
        pictures.pixels(record.image_id, columns=50)
    assert files(cache) == 2 * [".unfinished"]
    looked.set()
    pictures.wait()
    assert files(cache) == 2 * [".levels"]
    assert pictures.pixels(records[3].image_id, columns=50).complete
    assert not pictures.pixels(records[0].image_id, columns=50).complete


def test_a_full_disk_is_told_and_is_no_end(
    local: ZarrDataset,
    make_pictures: MakePictures,
    noise: Noise,
    cache: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.CRITICAL)
    record = local.add_image(noise, chunks=(200, 5))
    pictures = make_pictures()

    def full(*args: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(LevelFile, "add", full)
        with pytest.raises(
            PictureError, match=r"cannot be written to .*cache: .*No space left.*Make room there"
        ):
            pictures.pixels(record.image_id, columns=50)
        pictures.wait()
    # Where no levels are needed, there is a picture all the same.
    assert pictures.pixels(record.image_id, 0, 100, columns=50).complete
    with pytest.raises(PictureError, match="No space left"):
        pictures.pixels(record.image_id, columns=50)
    pictures.pixels(record.image_id, columns=50)
    pictures.wait()
    assert pictures.pixels(record.image_id, columns=50).complete
    assert files(cache) == [".levels"]


def test_a_folder_that_cannot_be_made_is_told(
    local: ZarrDataset, make_pictures: MakePictures, noise: Noise, cache: Path
) -> None:
    cache.parent.write_text("a file where the folder would be")
    record = local.add_image(noise, chunks=(200, 5))
    with pytest.raises(PictureError, match=r"is large, and levels of it cannot be written to"):
        make_pictures().pixels(record.image_id, columns=50)


def test_damaged_pixels_are_told(
    local: ZarrDataset, make_pictures: MakePictures, noise: Noise, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.CRITICAL)
    record = local.add_image(noise, chunks=(200, 5))
    (Path(local.path) / "images" / record.image_id / "data" / "c" / "33" / "0").write_bytes(b"no chunk")
    pictures = make_pictures()

    def look_twice() -> None:
        pictures.pixels(record.image_id, columns=50)
        pictures.wait()
        pictures.pixels(record.image_id, columns=50)

    with pytest.raises(ArtifactError, match="lines 6600 to 6800 of image"):
        look_twice()
    assert pictures.pixels(record.image_id, 0, 3000, columns=50).planes == ("mean", "min", "max")


MAKE = """
import sys
from pathlib import Path
from kymflow import KymDataset
from kymflow_view.pictures.pictures import Limits, Pictures

path, cache, image_id = sys.argv[1:]
limits = Limits(large_bytes=0, patience_s=0.0)
pictures = Pictures(lambda: KymDataset(path, "r"), cache_folder=Path(cache), limits=limits)
print("ready", flush=True)
input()
pictures.pixels(image_id, columns=50)
pictures.wait()
picture = pictures.pixels(image_id, columns=50)
print(picture.complete, picture.values[2].max(), picture.values.astype("int64").sum())
pictures.close()
"""


def test_processes_that_make_the_same_levels_do_each_other_no_harm(
    local: ZarrDataset, noise: Noise, cache: Path, start_python: StartPython
) -> None:
    record = local.add_image(noise, chunks=(200, 5))
    processes = [start_python(MAKE, local.path, cache, record.image_id) for _ in range(3)]
    said = run_together(*processes)
    assert len(set(said)) == 1
    assert said[0].startswith("True 60000 ")
    assert files(cache) == [".levels"]
