from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import platformdirs
import pytest

from kymflow import ZarrDataset, ZarrImageRecord
from kymflow_view.pictures.cache_folder import CacheFolder
from kymflow_view.pictures.pictures import Pictures
from kymflow_view.pictures.plane import PictureError
from support.trees import tree

Noise = npt.NDArray[np.uint16]
MakePictures = Callable[..., Pictures]


def levels(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.levels"), key=lambda path: path.stat().st_mtime)


def look_until_whole(pictures: Pictures, record: ZarrImageRecord) -> npt.NDArray[np.uint16]:
    pictures.pixels(record.image_id, columns=50)
    pictures.wait()
    picture = pictures.pixels(record.image_id, columns=50)
    assert picture.complete
    return picture.values


def test_it_is_the_users_folder_for_caches() -> None:
    assert CacheFolder(None, 1).folder == platformdirs.user_cache_path("kymflow-view", appauthor=False)


def test_nothing_is_written_into_the_dataset(
    local: ZarrDataset, make_pictures: MakePictures, noise: Noise, cache: Path
) -> None:
    record = local.add_image(noise, chunks=(200, 5))
    before = tree(local.path)
    look_until_whole(make_pictures(), record)
    assert tree(local.path) == before
    assert len(levels(cache)) == 1


@pytest.mark.slow
@pytest.mark.parametrize("damage", ["garbage", "cut", "a bent byte", "of another image", "a folder"])
def test_a_damaged_or_foreign_file_is_not_trusted_but_made_anew(
    local: ZarrDataset, make_pictures: MakePictures, noise: Noise, cache: Path, damage: str
) -> None:
    record, other = local.add_image(noise, chunks=(200, 5)), local.add_image(noise // 2, chunks=(200, 5))
    wanted = look_until_whole(make_pictures(), record)
    (path,) = levels(cache)
    good = path.read_bytes()
    if damage == "garbage":
        path.write_bytes(b"PK" + bytes(range(256)) * 9)
    elif damage == "cut":
        path.write_bytes(good[: len(good) // 2])
    elif damage == "a bent byte":
        # In the levels themselves, of which only their checksum tells.
        path.write_bytes(good[:2000] + bytes([good[2000] ^ 1]) + good[2001:])
    elif damage == "of another image":
        look_until_whole(make_pictures(), other)
        (foreign,) = set(levels(cache)) - {path}
        os.replace(foreign, path)
    else:
        path.unlink()
        path.mkdir()
        with pytest.raises(PictureError, match="levels of it cannot be written to"):
            look_until_whole(make_pictures(), record)
        path.rmdir()
    np.testing.assert_array_equal(look_until_whole(make_pictures(), record), wanted)
    assert [path.read_bytes()[:2] for path in levels(cache)] == [b"PK"]


@pytest.mark.slow
def test_the_levels_used_least_recently_go(
    local: ZarrDataset, make_pictures: MakePictures, noise: Noise, cache: Path
) -> None:
    one, two, three = (local.add_image(noise + n, chunks=(200, 5)) for n in range(3))
    look_until_whole(make_pictures(), one)
    (first,) = levels(cache)
    size = first.stat().st_size
    look_until_whole(make_pictures(), two)
    (second,) = set(levels(cache)) - {first}
    # By the files' times, the first was used long ago, and then again.
    os.utime(first, (1, 1))
    os.utime(second, (2, 2))
    assert make_pictures().pixels(one.image_id, columns=50).complete
    look_until_whole(make_pictures(disk_bytes=2 * size + 1000), three)
    assert len(levels(cache)) == 2
    assert first.exists()
    assert not second.exists()

    # What was made last stays, however large it is.
    look_until_whole(make_pictures(disk_bytes=1), two)
    assert levels(cache) == [second]


def test_what_a_killed_process_left_goes_after_a_day(
    local: ZarrDataset, make_pictures: MakePictures, noise: Noise, cache: Path
) -> None:
    cache.mkdir(parents=True)
    for name, time in (("old.unfinished", 1), ("note.txt", 1), ("young.unfinished", None)):
        (cache / name).write_text("left")
        if time is not None:
            os.utime(cache / name, (time, time))
    look_until_whole(make_pictures(), local.add_image(noise, chunks=(200, 5)))
    assert {path.name for path in cache.iterdir() if path.suffix != ".levels"} == {
        "note.txt",
        "young.unfinished",
    }
