"""Digests of the code that indexers are of."""

from __future__ import annotations

import importlib
import shutil
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from kymflow.core.plugins import code
from kymflow.core.plugins.code import code_digest
from support.simple_indexers import FrameIndexer


@pytest.fixture(autouse=True)
def new_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing has been read yet."""
    code._digest.cache_clear()


def indexer_of(site: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return an indexer of a module, imported as a new process would."""
    monkeypatch.syspath_prepend(site)
    for loaded in [one for one in sys.modules if one.split(".")[0] == name.split(".")[0]]:
        monkeypatch.delitem(sys.modules, loaded)
    code._digest.cache_clear()
    return importlib.import_module(name).Indexer()


def package(site: Path) -> Path:
    folder = site / "lab_flow"
    (folder / "sub").mkdir(parents=True)
    (folder / "__init__.py").write_text("")
    (folder / "helper.py").write_text("LEVEL = 1\n")
    (folder / "sub" / "flow.py").write_text("class Indexer:\n    pass\n")
    return folder


def test_any_source_file_of_the_package_counts_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = package(tmp_path / "a")

    def digest() -> str:
        return code_digest(indexer_of(folder.parent, "lab_flow.sub.flow", monkeypatch))

    first = digest()
    assert len(first) == 64
    (folder / "notes.txt").write_text("other")
    (folder / ".hidden").mkdir()
    (folder / ".hidden" / "x.py").write_text("")
    assert digest() == first
    (folder / "helper.py").write_bytes(b"LEVEL = 1\r\n")
    assert digest() == first
    (folder / "helper.py").write_text("LEVEL = 2\n")
    second = digest()
    assert second != first
    (folder / "helper.py").rename(folder / "helpers.py")
    assert digest() not in (first, second)
    # Wherever it is installed.
    shutil.copytree(folder, tmp_path / "b" / "lab_flow")
    there = digest()
    assert code_digest(indexer_of(tmp_path / "b", "lab_flow.sub.flow", monkeypatch)) == there


def test_a_module_alone_counts_by_itself_and_so_does_a_part_of_a_namespace(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path / "labs")
    (tmp_path / "labs" / "beside.py").write_text("")
    (tmp_path / "single.py").write_text("class Indexer:\n    pass\n")
    single = code_digest(indexer_of(tmp_path, "single", monkeypatch))
    inside = code_digest(indexer_of(tmp_path, "labs.lab_flow.sub.flow", monkeypatch))
    (tmp_path / "other.py").write_text("")
    (tmp_path / "labs" / "beside.py").write_text("x = 1\n")
    assert code_digest(indexer_of(tmp_path, "single", monkeypatch)) == single
    assert code_digest(indexer_of(tmp_path, "labs.lab_flow.sub.flow", monkeypatch)) == inside


def test_a_process_reads_a_package_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = package(tmp_path)
    indexer = indexer_of(tmp_path, "lab_flow.sub.flow", monkeypatch)
    first = code_digest(indexer)
    # What runs is what was imported.
    (folder / "helper.py").write_text("LEVEL = 2\n")
    assert code_digest(indexer) == first


def test_code_without_a_file_has_no_digest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    indexer = FrameIndexer({})
    assert code_digest(indexer)
    for file in (None, "<stdin>", str(tmp_path / "gone.py"), str(tmp_path / "lib.so")):
        module = ModuleType("typed_in")
        module.__file__ = file
        monkeypatch.setitem(sys.modules, "typed_in", module)
        monkeypatch.setattr(FrameIndexer, "__module__", "typed_in")
        assert code_digest(indexer) == ""
    monkeypatch.setattr(FrameIndexer, "__module__", "never_imported")
    assert code_digest(indexer) == ""


def test_of_a_tree_that_is_no_package_alone_the_module_counts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = package(tmp_path)
    monkeypatch.setattr(code, "_MOST_FILES", 2)
    first = code_digest(indexer_of(tmp_path, "lab_flow.sub.flow", monkeypatch))
    (folder / "helper.py").write_text("LEVEL = 2\n")
    assert code_digest(indexer_of(tmp_path, "lab_flow.sub.flow", monkeypatch)) == first
