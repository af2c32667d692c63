from __future__ import annotations

import itertools
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest

from kymflow import KymDataset, RecordNotFoundError, ZarrDataset
from kymflow_view.pictures.pictures import Limits, Pictures
from kymflow_view.pictures.plane import PictureError, Plane, open_plane

Noise = npt.NDArray[np.uint16]
MakePictures = Callable[..., Pictures]
SMALL = {"large_bytes": 2**20}


@pytest.fixture(params=["small", "large"])
def sized(request: pytest.FixtureRequest, make_pictures: MakePictures) -> Pictures:
    """Pictures to which all images are small, or all of them large."""
    return make_pictures(**(SMALL if request.param == "small" else {"patience_s": 60.0}))


def whole(pictures: Pictures, image_id: str, *where: int, **how: Any) -> Any:
    pictures.pixels(image_id, *where, **how)
    pictures.wait()
    picture = pictures.pixels(image_id, *where, **how)
    assert picture.complete
    return picture


def test_lines_are_raw_where_there_are_columns_for_all(
    local: ZarrDataset, sized: Pictures, noise: Noise
) -> None:
    record = local.add_image(noise, chunks=(700, 5))
    picture = sized.pixels(record.image_id, 690, 1500, columns=810)
    assert (picture.planes, picture.start, picture.stop) == (("raw",), 690, 1500)
    np.testing.assert_array_equal(picture.values[0], noise[690:1500])
    assert picture.values.dtype == np.uint16


@pytest.mark.slow
@pytest.mark.parametrize("columns", [1, 9, 100, 1300, 9999])
def test_a_flash_of_one_line_is_in_max_at_every_zoom(
    local: ZarrDataset, sized: Pictures, noise: Noise, columns: int
) -> None:
    record = local.add_image(noise, chunks=(700, 5))
    picture = whole(sized, record.image_id, columns=columns)
    mean, low, high = picture.values
    assert picture.planes == ("mean", "min", "max")
    assert picture.values.shape == (3, columns, 5)
    assert high.max() == 60_000
    assert (low <= mean).all()
    assert (mean <= high).all()
    np.testing.assert_array_equal(low.min(axis=0), noise.min(axis=0))
    assert abs(mean.mean() - noise.mean()) < 50


@pytest.mark.parametrize(
    ("dtype", "shown"),
    [
        ("u1", "u2"),
        ("u2", "u2"),
        ("?", "u2"),
        ("i2", "f4"),
        ("i4", "f4"),
        ("u4", "f4"),
        ("f8", "f4"),
        ("f2", "f4"),
    ],
)
def test_whole_numbers_that_fit_stay_and_others_become_float32(
    local: ZarrDataset, sized: Pictures, dtype: str, shown: str
) -> None:
    values = (np.arange(400).reshape(200, 2) % 250).astype(dtype)
    record = local.add_image(values)
    raw = sized.pixels(record.image_id, columns=200)
    assert raw.values.dtype == np.dtype(shown)
    np.testing.assert_array_equal(raw.values[0], values.astype(shown))
    reduced = whole(sized, record.image_id, columns=2)
    assert reduced.values.dtype == np.dtype(shown)
    np.testing.assert_array_equal(reduced.values[2].max(axis=0), values.max(axis=0))


def test_what_float32_cannot_hold_is_rounded_or_infinite(local: ZarrDataset, sized: Pictures) -> None:
    values = np.array([[2**24 + 1, 0.1], [1e300, -1e300], [np.nan, np.inf]])
    picture = sized.pixels(local.add_image(values).image_id, columns=3)
    np.testing.assert_array_equal(
        picture.values[0], np.array([[2**24, 0.1], [np.inf, -np.inf], [np.nan, np.inf]], np.float32)
    )


def test_other_pixels_are_never_shown_as_before(local: ZarrDataset, sized: Pictures, noise: Noise) -> None:
    record = local.add_image(noise, chunks=(700, 5))
    assert whole(sized, record.image_id, columns=30).values[2].max() == 60_000
    record.save_array(noise // 2, chunks=(700, 5))
    assert whole(sized, record.image_id, columns=30).values[2].max() == 30_000
    assert sized.histogram(record.image_id).high == 30_000
    record.save_array(noise[:500], chunks=(500, 5))
    assert whole(sized, record.image_id, columns=30).stop == 500
    record.save_array(noise, chunks=(700, 5))
    assert whole(sized, record.image_id, columns=30).values[2].max() == 60_000


def test_pixels_that_are_replaced_while_they_are_read_are_not_kept(
    local: ZarrDataset, sized: Pictures, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = local.add_image(noise, chunks=(700, 5))
    where = Plane._where

    def replace_and_tell(plane: Plane, start: int, stop: int) -> Any:
        if not replaced:
            replaced.append(plane.key)
            record.save_array(noise // 2, chunks=(700, 5))
        return where(plane, start, stop)

    replaced: list[str] = []
    monkeypatch.setattr(Plane, "_where", replace_and_tell)
    assert whole(sized, record.image_id, columns=30).values[2].max() == 30_000
    # As they were before: had lines of both been kept as these, they would be shown now.
    record.save_array(noise, chunks=(700, 5))
    assert whole(sized, record.image_id, columns=30).values[2].max() == 60_000
    assert open_plane(record).key in replaced


def test_pixels_that_are_replaced_again_and_again_are_told(
    local: ZarrDataset, sized: Pictures, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = local.add_image(noise, chunks=(700, 5))
    times = itertools.count(1)

    def replace(plane: Plane, start: int, stop: int) -> Any:
        record.save_array(noise + next(times), chunks=(700, 5))
        return slice(start, stop), slice(None)

    monkeypatch.setattr(Plane, "_where", replace)
    with pytest.raises(PictureError, match="were replaced again and again while it was made"):
        sized.pixels(record.image_id, columns=30)


def test_pixels_without_a_digest_are_read_anew_or_kept_for_this_process(
    local: ZarrDataset, sized: Pictures, noise: Noise, cache: Path
) -> None:
    record = local.add_image(noise, chunks=(700, 5))
    data = Path(local.path) / "images" / record.image_id / "data"
    document = json.loads((data / "zarr.json").read_text("utf-8"))
    del document["attributes"]["content_sha256"]
    (data / "zarr.json").write_text(json.dumps(document), "utf-8")
    assert whole(sized, record.image_id, columns=30).values[2].max() == 60_000
    assert not cache.exists()
    sized.close()


def test_a_wide_image_is_reduced_in_space(local: ZarrDataset, sized: Pictures) -> None:
    values = np.zeros((300, 5000), np.uint16)
    values[123, 4567] = 9
    record = local.add_image(values)
    picture = sized.pixels(record.image_id, columns=300)
    assert picture.planes == ("mean", "min", "max")
    assert picture.values.shape == (3, 300, 2048)
    ((line, group),) = np.argwhere(picture.values[2])
    assert (line, abs(group - 4567 * 2048 / 5000) <= 1) == (123, True)
    assert whole(sized, record.image_id, columns=4).values[2].max() == 9


def test_a_picture_has_so_many_values_at_most(
    local: ZarrDataset, sized: Pictures, noise: Noise, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("kymflow_view.pictures.pictures._MOST_VALUES", 100)
    picture = sized.pixels(local.add_image(noise, chunks=(700, 5)).image_id, columns=4000)
    assert picture.values.shape == (3, 20, 5)


def test_channels_are_pictures_of_their_own(local: ZarrDataset, sized: Pictures, noise: Noise) -> None:
    record = local.add_image(np.stack([noise, noise // 2]), axes=["c", "y", "x"], chunks=(1, 700, 5))
    assert whole(sized, record.image_id, columns=30).values[2].max() == 60_000
    assert whole(sized, record.image_id, columns=30, channel=1).values[2].max() == 30_000
    assert whole(sized, record.image_id, columns=30).values[2].max() == 60_000


def test_a_range_is_cut_at_the_end_of_the_image(local: ZarrDataset, sized: Pictures, noise: Noise) -> None:
    record = local.add_image(noise, chunks=(700, 5))
    assert sized.pixels(record.image_id, 9990, 99_999, columns=50).values.shape == (1, 10, 5)


@pytest.mark.parametrize(("start", "stop"), [(10_000, None), (500, 500), (600, 500), (-1, 50)])
def test_a_range_without_lines_is_refused(
    local: ZarrDataset, sized: Pictures, noise: Noise, start: int, stop: int | None
) -> None:
    record = local.add_image(noise, chunks=(700, 5))
    with pytest.raises(PictureError, match=r"has 10000 lines of 5 pixels: no picture of lines"):
        sized.pixels(record.image_id, start, stop, columns=50)
    with pytest.raises(PictureError, match=r"has 10000 lines of 5 pixels: no picture of lines"):
        sized.histogram(record.image_id, start, stop)


def test_an_empty_image_and_none_at_all_are_told(local: ZarrDataset, sized: Pictures) -> None:
    for shape in ((0, 5), (5, 0)):
        with pytest.raises(PictureError, match=f"has {shape[0]} lines of {shape[1]} pixels"):
            sized.pixels(local.add_image(np.zeros(shape)).image_id, columns=5)
    with pytest.raises(RecordNotFoundError, match="has no image 'nobody'"):
        sized.pixels("nobody", columns=5)


def test_images_in_memory_stay_within_their_bound(
    local: ZarrDataset, make_pictures: MakePictures, noise: Noise
) -> None:
    pictures = make_pictures(**SMALL, memory_bytes=3 * noise.nbytes)
    for n in range(5):
        pictures.pixels(local.add_image(noise + n).image_id, columns=30)
        assert 0 < pictures._memory.nbytes <= 3 * noise.nbytes


@pytest.mark.parametrize("limits", [SMALL, {"large_bytes": 0}], ids=["small", "large"])
def test_images_of_every_place_are_shown(
    dataset: ZarrDataset, noise: Noise, cache: Path, limits: dict[str, int]
) -> None:
    record = dataset.add_image(noise, chunks=(2500, 5))
    pictures = Pictures(lambda: KymDataset(dataset.path, "r"), cache_folder=cache, limits=Limits(**limits))
    assert whole(pictures, record.image_id, columns=30).values[2].max() == 60_000
    assert pictures.pixels(record.image_id, 100, 200, columns=100).planes == ("raw",)
    assert pictures.histogram(record.image_id).high == 60_000
    pictures.close()
    assert len(list(cache.glob("*.levels"))) == (0 if limits == SMALL else 1)
