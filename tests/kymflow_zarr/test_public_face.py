"""The public face of the storage layer: its names, loaded when they are first used."""

from __future__ import annotations

import pytest

import kymflow_zarr


def test_every_public_name_can_be_imported_and_is_listed() -> None:
    assert len(kymflow_zarr.__all__) > 20
    for name in kymflow_zarr.__all__:
        assert getattr(kymflow_zarr, name).__name__ == name
    assert set(kymflow_zarr.__all__) <= set(dir(kymflow_zarr))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'kymflow_zarr' has no attribute 'ZarrDatset'"):
        _ = kymflow_zarr.ZarrDatset
