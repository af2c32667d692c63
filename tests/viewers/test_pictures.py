"""Other programs open the images: validators, ome-zarr, napari's reader and xarray, each by its own code."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from kymflow import KymDataset, ZarrDataset, ZarrImageRecord
from support.earlier_records import earlier_lab
from support.edited_lab import builtin_registry

WHY = "make test-viewers runs it, where these programs are installed"
ome_zarr_models = pytest.importorskip("ome_zarr_models", reason=WHY)
ngff_zarr = pytest.importorskip("ngff_zarr", reason=WHY)
xarray = pytest.importorskip("xarray", reason=WHY)
ome_zarr_io = pytest.importorskip("ome_zarr.io", reason=WHY)
ome_zarr_reader = pytest.importorskip("ome_zarr.reader", reason=WHY)
napari_ome_zarr = pytest.importorskip("napari_ome_zarr", reason=WHY)

# What these programs warn of among themselves is not ours.
pytestmark = pytest.mark.filterwarnings("ignore")

LINE_SCAN_UNITS = ("second", "micrometer")


def make_demo(path: Path, shared_data: Path | None) -> KymDataset:
    """The dataset that ``kymflow demo`` makes."""
    from kymflow.cli.demo import run_demo

    run_demo(path / "demo", as_json=True)
    return KymDataset(path / "demo" / "lab.zarr")


def make_real(path: Path, shared_data: Path) -> KymDataset:
    kd = KymDataset(path / "real.zarr", mode="a", registry=builtin_registry())
    assert kd.ingest_folder(shared_data / "kymograph_folder").failed == {}
    return kd


def make_acqstore(path: Path, shared_data: Path) -> KymDataset:
    kd = KymDataset(path / "acqstore.zarr", mode="a", registry=builtin_registry())
    assert kd.ingest_folder(shared_data / "acqstore_folder").failed == {}
    return kd


def make_earlier_v2(path: Path, shared_data: Path) -> KymDataset:
    """What an earlier version wrote, upgraded."""
    shutil.copytree(shared_data / "zarr_v2" / "lab.zarr", path / "v2.zarr")
    kd = KymDataset(path / "v2.zarr", registry=builtin_registry())
    assert len(kd.upgrade().upgraded) == 4
    return kd


def make_upgraded(path: Path, zarr_format: int) -> KymDataset:
    kd = earlier_lab(path / "earlier.zarr", zarr_format)
    kd.upgrade()
    return kd


AXES: dict[str, tuple[tuple[float, ...], tuple[str | None, ...]]] = {
    "yx": ((0.001, 0.3), LINE_SCAN_UNITS),
    "cyx": ((1.0, 0.001, 0.3), (None, *LINE_SCAN_UNITS)),
    "zyx": ((2.0, 0.5, 0.25), ("micrometer",) * 3),
    "tyx": ((0.5, 0.3, 0.3), ("second", "micrometer", "micrometer")),
    "tczyx": ((0.5, 1.0, 2.0, 0.3, 0.3), ("second", None, *("micrometer",) * 3)),
}


def make_axes(path: Path, zarr_format: int) -> KymDataset:
    """An image of every kind of axes, calibrated and not."""
    ds = ZarrDataset(path / "axes.zarr", zarr_format=zarr_format)  # type: ignore[arg-type]
    for axes, (scale, units) in AXES.items():
        pixels = np.arange(np.prod(range(2, 2 + len(axes))), dtype=np.uint16).reshape(range(2, 2 + len(axes)))
        ds.add_image(pixels, axes=axes, scale=scale, units=units)
        ds.add_image(pixels, axes=axes)
    return KymDataset(ds, registry=builtin_registry())


MADE = {
    "demo": make_demo,
    "real": make_real,
    "acqstore": make_acqstore,
    "earlier v2": make_earlier_v2,
    "upgraded v3": lambda path, _: make_upgraded(path, 3),
    "upgraded v2": lambda path, _: make_upgraded(path, 2),
    "axes v3": lambda path, _: make_axes(path, 3),
    "axes v2": lambda path, _: make_axes(path, 2),
}
OF_SHARED_DATA = {"real", "acqstore", "earlier v2"}


@pytest.fixture(scope="module")
def made() -> dict[str, KymDataset]:
    return {}


@pytest.fixture(params=MADE)
def kd(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, made: dict[str, KymDataset]
) -> KymDataset:
    """Each dataset, made once; nothing of it is changed."""
    kind = request.param
    data = request.getfixturevalue("shared_data") if kind in OF_SHARED_DATA else None
    if kind not in made:
        made[kind] = MADE[kind](tmp_path_factory.mktemp("pictures"), data)
    return made[kind]


def pictures(kd: KymDataset) -> Iterator[tuple[ZarrImageRecord, str]]:
    """Every record, and where it is."""
    records = list(kd.ds.iter_records())
    assert len(records) >= 3
    for record in records:
        yield record, f"{kd.ds.path}/images/{record.image_id}"


@pytest.mark.parametrize(
    ("make", "expected"),
    [(make_real, (0.0011699666666666665, 0.284)), (make_acqstore, (0.0011339666666666667, 0.45))],
)
def test_real_kymographs_are_calibrated(
    make: Any, expected: tuple[float, float], shared_data: Path, tmp_path: Path
) -> None:
    found = {record.get_calibration() for record in make(tmp_path, shared_data).ds.iter_records()}
    assert {calibration.units for calibration in found} == {LINE_SCAN_UNITS}
    assert (expected, LINE_SCAN_UNITS) in found


def test_ome_zarr_models_finds_every_image_valid(kd: KymDataset) -> None:
    expected = "v05" if kd.ds.zarr_format == 3 else "v04"
    for record, path in pictures(kd):
        # What a validator warns of is no good either.
        with warnings.catch_warnings(action="error", category=ome_zarr_models.exceptions.ValidationWarning):
            image = ome_zarr_models.open_ome_zarr(path)
        assert type(image).__module__ == f"ome_zarr_models.{expected}.image"
        attrs = image.ome_attributes if expected == "v05" else image.attributes
        (multiscale,) = attrs.multiscales
        assert [axis.name for axis in multiscale.axes] == record.get_axes()


def test_ngff_zarr_finds_every_image_valid(kd: KymDataset) -> None:
    for record, path in pictures(kd):
        (image,) = ngff_zarr.from_ngff_zarr(path, validate=True).images
        assert list(image.dims) == record.get_axes()
        assert list(image.scale.values()) == list(record.get_calibration().scale)
        attrs = record.get_attrs()
        ngff_zarr.validate(attrs, version="0.5" if kd.ds.zarr_format == 3 else "0.4")


def test_ome_zarr_reads_every_image_with_its_scale(kd: KymDataset) -> None:
    for record, path in pictures(kd):
        (node,) = ome_zarr_reader.Reader(ome_zarr_io.parse_url(path))()
        ((transformation,),) = node.metadata["coordinateTransformations"]
        assert transformation["scale"] == list(record.get_calibration().scale)
        np.testing.assert_array_equal(np.asarray(node.data[0]), record.load_array())


def napari_layers(path: str) -> list[Any]:
    """The layers that napari shows of an image, a layer per channel."""
    from napari.components import ViewerModel
    from napari_ome_zarr._reader import napari_get_reader

    viewer = ViewerModel()
    for data, options, *kind in napari_get_reader(path)(path):
        assert kind == ["image"]
        viewer.add_image(data, **options)
    return list(viewer.layers)


def test_napari_shows_every_image_with_its_scale_and_units(kd: KymDataset) -> None:
    for record, path in pictures(kd):
        axes = record.get_axes() or []
        pixels = record.load_array()
        scale, units = record.get_calibration()
        layers = napari_layers(path)
        if "c" in axes:
            assert len(layers) == pixels.shape[axes.index("c")]
            pixels = np.moveaxis(pixels, axes.index("c"), 0)
        else:
            pixels = pixels[np.newaxis]
        shown = [place for place, name in enumerate(axes) if name != "c"]
        # Of time along an axis of space, NGFF tells nothing; nor does napari.
        told = [units[place] if axes[place] == "t" or units[place] != "second" else None for place in shown]
        for layer, values in zip(layers, pixels, strict=True):
            np.testing.assert_array_equal(
                np.asarray(layer.data[0] if layer.multiscale else layer.data), values
            )
            assert layer.scale.tolist() == [scale[place] for place in shown]
            assert [str(unit) for unit in layer.units] == [unit or "pixel" for unit in told]


def test_xarray_names_the_dimensions_of_every_image(kd: KymDataset) -> None:
    for record, path in pictures(kd):
        # In Zarr v2, xarray takes the fill value, 0, for missing unless it is told not to.
        image: Any = xarray.open_zarr(path, consolidated=False, mask_and_scale=False)["data"]
        assert list(image.dims) == record.get_axes()
        np.testing.assert_array_equal(image.values, record.load_array())
