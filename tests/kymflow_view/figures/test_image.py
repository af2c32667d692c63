"""Figures of an image: nothing of it is lost, and names are text."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd
import pytest
from matplotlib.image import imread
from matplotlib.text import Text

from kymflow import ArtifactError, KymDataset, RecordNotFoundError, ZarrDataset, ZarrImageRecord, find_images
from kymflow_view.figures import THEMES, Theme, ViewFigure, figure
from kymflow_view.pictures.plane import PictureError, Plane, ReplacedError
from support.viewed_lab import HOSTILE, make_viewed_lab

CALIBRATED = {"scale": (0.001, 0.3), "units": ("second", "micrometer")}


@pytest.fixture
def memory(tmp_path: Path) -> ZarrDataset:
    return ZarrDataset(tmp_path / "figures.zarr")


def pixels_of(drawn: ViewFigure) -> npt.NDArray[np.float64]:
    return np.asarray(imread(io.BytesIO(drawn.to_bytes())))[..., :3]


def texts_of(drawn: ViewFigure) -> list[str]:
    return [text.get_text() for text in drawn.findobj(Text) if text.get_text()]


def with_trace(
    record: ZarrImageRecord, values: npt.ArrayLike, dt_s: float = 0.001, **columns: object
) -> None:
    velocity = np.asarray(values, float)
    trace = {"roi_id": 1, "channel": 1, "time": np.arange(len(velocity)) * dt_s, "velocity": velocity}
    record.save_df_parquet("radon", pd.DataFrame({**trace, **columns}))


@pytest.mark.slow
@pytest.mark.parametrize("line", [0, 7, 12_345, 29_999])
@pytest.mark.parametrize("width", [300, 960])
def test_a_flash_of_one_line_is_seen(memory: ZarrDataset, line: int, width: int) -> None:
    image = np.full((30_000, 8), 100, np.uint16)
    image[::50] += 2
    dark = figure(memory.add_image(image, **CALIBRATED), width=width)
    image[line] = 4000
    bright = figure(memory.add_image(image, **CALIBRATED), width=width)
    for drawn in (bright, dark):
        # Black and white as they are for both.
        drawn.axes[0].images[0].set_clim(0, 4000)
    assert (np.abs(pixels_of(bright) - pixels_of(dark)).max(axis=2) > 0.5).sum() > 150


@pytest.mark.slow
@pytest.mark.parametrize("sample", [0, 5_001, 19_999])
def test_a_spike_of_one_sample_is_seen_also_alone_among_gaps(memory: ZarrDataset, sample: int) -> None:
    record = memory.add_image(np.zeros((20_000, 4), np.uint8), **CALIBRATED)
    flat = np.sin(np.arange(20_000))
    with_trace(record, flat)
    before = pixels_of(figure(record))
    spike = flat.copy()
    spike[sample] = 1e9
    with_trace(record, spike)
    drawn = figure(record)
    assert "1 of 20,000 velocities outside the axis" in " ".join(texts_of(drawn))
    lines = [line.get_ydata() for line in drawn.axes[2].lines]
    assert max(np.nanmax(values) for values in lines if len(values)) > drawn.axes[2].get_ylim()[1]
    assert (np.abs(pixels_of(drawn) - before).max(axis=2) > 0.1).any()
    alone = np.full(20_000, np.nan)
    alone[sample] = 1.0
    with_trace(record, alone)
    assert len(figure(record).axes[2].lines[1].get_ydata()) >= 1


def test_every_event_is_drawn_two_pixels_wide_with_its_kind(memory: ZarrDataset) -> None:
    record = memory.add_image(np.zeros((30_000, 4), np.uint8), **CALIBRATED)
    with_trace(record, np.ones(3000), 0.01)
    starts = np.linspace(0, 29.9, 400)
    events = [{"roi_id": 1, "t0_s": start, "kind": "stall $_1$"} for start in starts]
    events += [
        {"roi_id": 1, "t0_s": 1.0, "t1_s": 5.0, "kind": "long"},
        {"roi_id": 1, "t0_s": None, "kind": "long"},
    ]
    events += [{"roi_id": 1, "t0_s": 99.0, "kind": "long"}]
    record.save_json("velocity_events", events)
    drawn = figure(record)
    long, stalls = (one for one in drawn.axes[1].collections)
    assert (len(long.get_paths()), len(stalls.get_paths())) == (1, 400)
    per_px = 30 / drawn.axes[1].bbox.width
    widths = [path.vertices[:, 0].max() - path.vertices[:, 0].min() for path in stalls.get_paths()]
    assert min(widths) == pytest.approx(2 * per_px)
    assert {"long 3", "stall $_1$ 400"} <= set(texts_of(drawn))
    assert "1 event outside the image · 1 event without a time" in " ".join(texts_of(drawn))


def test_events_have_their_ends_in_order_as_in_the_viewer(memory: ZarrDataset) -> None:
    record = memory.add_image(np.zeros((3_000, 4), np.uint8), **CALIBRATED)
    events = [{"roi_id": 1, "t0_s": 2.0, "t1_s": 0.5}, {"roi_id": 1, "t0_s": None, "t1_s": 1.0}]
    record.save_json("velocity_events", [{**event, "kind": "stall"} for event in events])
    drawn = figure(record)
    (stalls,) = drawn.axes[1].collections
    spans = [path.vertices[:, 0] for path in stalls.get_paths()]
    assert [span.min() for span in spans] == [0.5, 1.0]
    assert spans[0].max() == 2.0
    assert "without a time" not in " ".join(texts_of(drawn))


def test_very_many_kinds_share_a_row(memory: ZarrDataset) -> None:
    record = memory.add_image(np.zeros((100, 4), np.uint8), **CALIBRATED)
    record.save_json("velocity_events", [{"t0_s": 0.01 * k, "kind": f"k{k}"} for k in range(40)])
    drawn = figure(record)
    # Those that begin after the image are counted, and not drawn.
    assert sum(len(one.get_paths()) for one in drawn.axes[1].collections) == 11
    assert "(other kinds) 25" in texts_of(drawn)


@pytest.mark.slow
@pytest.mark.parametrize("theme", THEMES)
def test_a_whole_lab_is_drawn(tmp_path: Path, theme: Theme) -> None:
    kd: KymDataset = make_viewed_lab(tmp_path)
    for record in kd.ds.iter_records():
        drawn = figure(record, theme=theme)
        assert drawn.get_facecolor()[:3] != (0, 0, 0)
        assert not any(text.get_parse_math() or text.get_usetex() for text in drawn.findobj(Text))
        assert len(np.unique(pixels_of(drawn).reshape(-1, 3), axis=0)) > 20
    (hostile,) = find_images(kd, [HOSTILE])
    texts = texts_of(figure(kd.ds.record(hostile)))
    assert HOSTILE in texts
    assert {"time (lines)", "space (pixels)"} <= set(texts)
    (first,) = find_images(kd, ["capillary_0001"])
    texts = texts_of(figure(kd.ds.record(first)))
    assert {"time (s)", "space (µm)", "velocity (mm/s)"} <= set(texts)
    assert "ROI 1" in texts


def test_without_calibration_traces_have_an_axis_of_their_own(memory: ZarrDataset) -> None:
    record = memory.add_image(np.zeros((500, 4), np.uint8))
    with_trace(record, np.ones(100), 0.02)
    drawn = figure(record)
    assert {"time (lines)", "time (s)"} <= set(texts_of(drawn))
    assert drawn.axes[0].get_xlim() == (0, 500)
    assert drawn.axes[2].get_xlim()[1] == pytest.approx(1.98)


@pytest.mark.parametrize("shape", [(1, 1), (5, 2000), (3, 1), (2, 40, 6), (40, 6, 3)])
def test_odd_shapes_and_channels(memory: ZarrDataset, shape: tuple[int, ...]) -> None:
    axes = {2: ["y", "x"], 3: ["c", "y", "x"] if shape[0] == 2 else ["y", "x", "c"]}[len(shape)]
    record = memory.add_image(np.zeros(shape, np.float32), axes=axes)
    assert len(figure(record, channel=1 if len(shape) == 3 else 0).to_bytes()) > 1000
    with pytest.raises(PictureError, match="no channel 9: expected 0 to"):
        figure(record, channel=9)


@pytest.mark.slow
def test_booleans_are_black_and_white(memory: ZarrDataset) -> None:
    mask = np.zeros((50, 8), np.bool_)
    mask[20:30] = True
    shown = figure(memory.add_image(mask)).axes[0].images[0]
    assert (shown.get_array().max(axis=0) > 0).tolist() == mask[:, 0].tolist()
    assert shown.get_clim() == (0, 1)


def test_of_several_planes_those_of_the_viewer_are_drawn(memory: ZarrDataset) -> None:
    planes = np.arange(4, dtype=np.uint8).reshape(2, 1, 1, 2) * np.ones((1, 60, 5, 1), np.uint8)
    record = memory.add_image(planes, axes=["z", "y", "x", "c"])
    assert [int(figure(record, channel=n).axes[0].images[0].get_array().max()) for n in range(4)] == [
        0,
        1,
        2,
        3,
    ]


def test_pixels_that_cannot_be_drawn_are_an_error(
    memory: ZarrDataset, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(
        PictureError, match="expected pixels that are numbers or booleans, got dtype complex64"
    ):
        figure(memory.add_image(np.zeros((5, 5), np.complex64)))
    record = memory.add_image([[1, 2], [3, 4]])

    def replaced(*args: object) -> None:
        raise ReplacedError(record.image_id)

    monkeypatch.setattr(Plane, "read", replaced)
    with pytest.raises(PictureError, match="were replaced while it was drawn. Draw it again"):
        figure(record)


def test_rois_lie_inside_the_image_and_two_in_a_corner_are_told_apart(memory: ZarrDataset) -> None:
    record = memory.add_image(np.zeros((100, 10), np.uint8))
    bounds = {"x0": -5, "x1": 99, "y0": 10, "y1": 10_000}
    record.save_metadata_payload({"rois": [{"roi_id": k, "name": "$a$", "data": bounds} for k in (1, 2)]})
    drawn = figure(record)
    boxes = [line.get_xydata() for line in drawn.axes[0].lines]
    assert len(boxes) == 2
    assert boxes[0].min(axis=0).tolist() == [10, 0]
    assert boxes[0].max(axis=0).tolist() == [100, 10]
    places = [text.get_position() for text in drawn.axes[0].texts]
    assert len(set(places)) == 2
    assert "ROI 1 $a$" in texts_of(drawn)


def test_what_is_damaged_or_not_there_is_an_error(memory: ZarrDataset) -> None:
    with pytest.raises(RecordNotFoundError, match="nobody"):
        figure(memory.record("nobody"))
    record = memory.add_image([[1, 2], [3, 4]])
    record.save_metadata_payload({"rois": "none"})
    with pytest.raises(ArtifactError, match="expected a list"):
        figure(record)


def test_real_kymographs_are_drawn(tmp_path: Path, shared_data: Path) -> None:
    kd = KymDataset(tmp_path / "real.zarr", mode="a")
    kd.ds.readers = kd.readers
    kd.ds.sync_from_folder(shared_data / "kymograph_folder")
    (image_id,) = find_images(kd, ["Capillary1_0001"])
    texts = texts_of(figure(kd.ds.record(image_id)))
    assert {"ROI 1", "ROI 2", "ROI 3", "baseline_drop 9", "baseline_rise 8"} <= set(texts)
    assert any("velocities outside the axis" in text for text in texts)
