"""The reference lists every public name, once, and nothing else."""

from __future__ import annotations

import re
from importlib import import_module

import pytest

from support.paths import REPO

PAGES = {
    "kymflow": "kymflow.md",
    "kymflow.testing": "testing.md",
    "kymflow_view": "view.md",
    "kymflow_zarr": "storage.md",
}


def listed(package: str) -> list[str]:
    page = (REPO / "docs" / "api" / PAGES[package]).read_text("utf-8")
    lists = re.findall(r"^\.\. autosummary::\n(?:   :.*\n)+\n((?:   \w+\n)+)", page, re.MULTILINE)
    return [*" ".join(lists).split(), *re.findall(r"^\.\. py:data:: (\w+)$", page, re.MULTILINE)]


@pytest.mark.parametrize("package", PAGES)
def test_every_public_name_is_listed_once(package: str) -> None:
    names = listed(package)
    public = {name for name in import_module(package).__all__ if name != "__version__"}
    if package == "kymflow":
        # What the storage below has under the same name is listed there.
        public -= set(listed("kymflow_zarr"))
    assert len(names) == len(set(names)) > 5
    assert set(names) == public


def test_what_two_packages_have_is_the_same_in_both() -> None:
    kymflow, storage = import_module("kymflow"), import_module("kymflow_zarr")
    both = set(kymflow.__all__) & set(listed("kymflow_zarr"))
    assert len(both) > 10
    assert [name for name in both if getattr(kymflow, name) is not getattr(storage, name)] == []
