"""The public face of the storage layer: lazy, and the same at run time and for type checkers."""

from __future__ import annotations

import importlib

import pytest

import kymflow_zarr
from support.public_face import declared_names


def test_public_names_are_the_same_at_run_time_and_for_type_checkers() -> None:
    declared = declared_names(kymflow_zarr)

    assert set(declared) == set(kymflow_zarr.__all__)
    assert len(declared) > 20
    for name, module in declared.items():
        assert getattr(importlib.import_module(module), name) is getattr(kymflow_zarr, name)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'kymflow_zarr' has no attribute 'ZarrDatset'"):
        _ = kymflow_zarr.ZarrDatset
