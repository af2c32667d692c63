"""Public names from a stub: imported when first used, and no others."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

STUB = """
from json import dumps as dumps
from typing import Any

from planets.mars import Rover as Rover
from planets.mars import Crater as _Crater

def not_an_import() -> Any: ...
"""
INIT = """
from kymflow_zarr.lazy import attach_stub

__getattr__, __dir__ = attach_stub(__name__, __file__)
"""
MARS = """
class Rover:
    pass
"""


@pytest.fixture
def planets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """A package whose face is a stub."""
    package = tmp_path / "planets"
    package.mkdir()
    for name, text in (("__init__.py", INIT), ("__init__.pyi", STUB), ("mars.py", MARS)):
        (package / name).write_text(text, "utf-8")
    monkeypatch.syspath_prepend(str(tmp_path))
    for name in ("planets", "planets.mars"):
        # Whatever is imported under these names goes with the test.
        monkeypatch.delitem(sys.modules, name, raising=False)
        monkeypatch.setitem(sys.modules, name, ModuleType(name))
        monkeypatch.delitem(sys.modules, name)
    return importlib.import_module("planets")


def test_public_is_what_the_stub_imports_under_its_own_name(planets: ModuleType) -> None:
    assert planets.__all__ == ["Rover", "dumps"]
    assert set(planets.__all__) <= set(dir(planets))


def test_a_name_is_imported_when_it_is_first_used(planets: ModuleType) -> None:
    assert "planets.mars" not in sys.modules
    rover = planets.Rover
    assert rover is sys.modules["planets.mars"].Rover
    assert vars(planets)["Rover"] is rover


def test_a_star_gives_every_public_name(planets: ModuleType) -> None:
    names: dict[str, Callable[..., object]] = {}
    exec("from planets import *", names)
    assert {"Rover", "dumps"} <= set(names)
    assert "Any" not in names


@pytest.mark.parametrize("name", ["Any", "Crater", "_Crater", "not_an_import", "rover"])
def test_any_other_name_is_an_attribute_error(planets: ModuleType, name: str) -> None:
    with pytest.raises(AttributeError, match=f"module 'planets' has no attribute '{name}'") as caught:
        getattr(planets, name)
    # What Python needs to suggest the name that was meant.
    assert (caught.value.name, caught.value.obj) == (name, planets)


def test_a_name_that_its_module_lacks_is_told_with_the_module(tmp_path: Path, planets: ModuleType) -> None:
    (tmp_path / "planets" / "mars.py").write_text("", "utf-8")
    with pytest.raises(AttributeError, match=r"module 'planets\.mars' has no attribute 'Rover'"):
        _ = planets.Rover
