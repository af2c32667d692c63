"""The reader on CZI files that Zeiss' own library has written."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from czi_files import write_czi, write_czi_as_the_microscope, write_frame
from kymflow import IndexerRegistry, KymDataset, SourceError
from kymflow.testing import check_reader

from kymflow_reader_czi import CziLineScanReader

N_LINES, N_PIXELS = 12, 7
ONE = np.arange(N_LINES * N_PIXELS, dtype="uint16").reshape(1, N_LINES, N_PIXELS)
TWO = np.concatenate([ONE, ONE + 1000])

Write = Callable[..., None]


@pytest.fixture(params=[write_czi, write_czi_as_the_microscope], ids=["line by line", "all lines at once"])
def write(request: pytest.FixtureRequest) -> Write:
    made: Write = request.param
    return made


def test_a_line_scan_is_time_by_space_and_calibrated(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "cell.czi", ONE, s_per_line=0.0021, um_per_pixel=0.25)

    image = CziLineScanReader().read(tmp_path / "cell.czi")

    assert np.array_equal(np.asarray(image.pixels), ONE[0])
    assert np.asarray(image.pixels).dtype == np.uint16
    assert image.axes == ("y", "x")
    assert image.scale == pytest.approx([0.0021, 0.25])
    assert image.units == ["second", "micrometer"]
    header = image.json["metadata"]["header"]
    assert header.pop("physical_size") == pytest.approx([0.0252, 1.75])
    assert header.pop("voxels") == pytest.approx([0.0021, 0.25])
    assert header == {
        "shape": [N_LINES, N_PIXELS],
        "ndim": 2,
        "voxels_units": ["s", "um"],
        "labels": ["time (s)", "space (um)"],
    }
    assert image.remarks == []


def test_several_channels_are_one_image_with_a_channel_axis(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "cell.czi", TWO, s_per_line=0.0021, um_per_pixel=0.25)

    image = CziLineScanReader().read(tmp_path / "cell.czi")

    assert np.array_equal(np.asarray(image.pixels), TWO)
    assert image.axes == ("c", "y", "x")
    assert image.scale == pytest.approx([1.0, 0.0021, 0.25])
    assert image.units == [None, "second", "micrometer"]
    header = image.json["metadata"]["header"]
    assert (header["shape"], header["ndim"], header["num_channels"]) == ([N_LINES, N_PIXELS], 2, 2)
    assert header["physical_size"] == pytest.approx([0.0252, 1.75])


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
def test_pixels_keep_their_type(tmp_path: Path, write: Write, dtype: str) -> None:
    write(tmp_path / "cell.czi", ONE.astype(dtype))

    assert np.asarray(CziLineScanReader().read(tmp_path / "cell.czi").pixels).dtype == dtype


def test_unknown_sizes_stay_unknown_and_are_told(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "cell.czi", ONE)

    image = CziLineScanReader().read(tmp_path / "cell.czi")

    assert (image.scale, image.units) == ([1.0, 1.0], [None, None])
    assert image.json == {"metadata": {"header": {"shape": [N_LINES, N_PIXELS], "ndim": 2}}}
    assert image.remarks == [
        "the header does not tell the time of a line",
        "the header does not tell the size of a pixel",
    ]


def test_a_frame_is_no_line_scan(tmp_path: Path) -> None:
    write_frame(tmp_path / "frame.czi", np.zeros((5, 6), "uint8"))

    with pytest.raises(SourceError, match=r"frame\.czi: a line scan is .* this file has Y: 5, X: 6\. Keep"):
        CziLineScanReader().read(tmp_path / "frame.czi")


@pytest.mark.parametrize("content", [b"", b"something else, longer than a header"])
def test_what_is_no_czi_file_is_an_error(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "cell.czi").write_bytes(content)

    with pytest.raises(ValueError, match="not a CZI file"):
        CziLineScanReader().read(tmp_path / "cell.czi")


def test_it_keeps_the_promises_of_a_reader(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "cell.CZI", TWO, s_per_line=0.0021, um_per_pixel=0.25)

    check_reader(CziLineScanReader(), tmp_path / "cell.CZI")


def test_an_ingest_takes_it(tmp_path: Path, write: Write) -> None:
    write(tmp_path / "cell.czi", ONE, s_per_line=0.0021, um_per_pixel=0.25)
    kd = KymDataset(tmp_path / "lab.zarr", mode="a", registry=IndexerRegistry(()))

    report = kd.ingest_folder(tmp_path, "*.czi", reader=CziLineScanReader())

    (image_id,) = report.new
    record = kd.ds.record(image_id)
    payload: dict[str, Any] = record.load_metadata_payload()
    assert np.array_equal(record.load_array(), ONE[0])
    assert payload["header"]["voxels"] == pytest.approx([0.0021, 0.25])
