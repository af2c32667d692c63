"""The public face of the storage layer: lazy, and the same at run time and for type checkers."""

from __future__ import annotations

import ast
import importlib
from pathlib import Path

import pytest

import kymflow_zarr


def test_public_names_are_the_same_at_run_time_and_for_type_checkers() -> None:
    tree = ast.parse(Path(str(kymflow_zarr.__file__)).read_text("utf-8"))
    (guard,) = (node for node in tree.body if isinstance(node, ast.If))
    declared = {
        alias.asname: node.module
        for node in guard.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }

    assert set(declared) == set(kymflow_zarr.__all__)
    assert len(declared) > 20
    for name, module in declared.items():
        assert getattr(importlib.import_module(str(module)), str(name)) is getattr(kymflow_zarr, str(name))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="module 'kymflow_zarr' has no attribute 'ZarrDatset'"):
        _ = kymflow_zarr.ZarrDatset
