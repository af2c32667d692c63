"""Commands as the user can type them."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from kymflow.cli import hints
from kymflow.cli.hints import call, here, program, with_pip


@pytest.fixture
def bin_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The programs of a virtual environment below the present folder; none is on the PATH."""
    folder = tmp_path / ".venv" / "bin"
    folder.mkdir(parents=True)
    for name in ("kymflow", "kymflow.exe"):
        (folder / name).touch(0o755)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PATH", str(tmp_path / "nowhere"))
    return folder


def called(monkeypatch: pytest.MonkeyPatch, path: object) -> str:
    monkeypatch.setattr("sys.argv", [str(path), "demo"])
    return program()


def test_by_the_path_by_which_it_was_called(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    relative = os.path.join(".venv", "bin", "kymflow")
    for path in (relative, bin_folder / "kymflow"):
        assert called(monkeypatch, path) == relative
    monkeypatch.chdir(bin_folder.parent / "bin")
    assert called(monkeypatch, bin_folder / "kymflow") == os.path.join(".", "kymflow")
    monkeypatch.chdir("/")
    monkeypatch.setattr(hints, "here", lambda path: path)
    assert called(monkeypatch, bin_folder / "kymflow") == str(bin_folder / "kymflow")


def test_by_its_name_where_that_finds_it(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name: str(bin_folder / name))
    for path in ("kymflow", bin_folder / "kymflow", os.path.join(".venv", "bin", "kymflow")):
        assert called(monkeypatch, path) == "kymflow"


def test_by_its_path_where_the_name_finds_another(
    bin_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").touch(0o755)
    monkeypatch.setattr("shutil.which", lambda name: str(tmp_path / "other"))
    assert called(monkeypatch, bin_folder / "kymflow") == os.path.join(".venv", "bin", "kymflow")


@pytest.mark.parametrize("path", ["-c", "", "pytest", "lib/pytest/__main__.py"])
def test_by_its_name_where_another_program_runs_it(monkeypatch: pytest.MonkeyPatch, path: str) -> None:
    assert called(monkeypatch, path) == "kymflow"


@pytest.mark.skipif(os.name == "nt", reason="quoted as a POSIX shell needs it")
def test_arguments_are_quoted_where_the_shell_needs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sys.argv", ["kymflow"])
    monkeypatch.chdir(tmp_path)
    assert call("show", tmp_path / "Mein Labor.zarr", "velocity_events") == (
        "kymflow show 'Mein Labor.zarr' velocity_events"
    )
    assert call("ingest", "lab.zarr", "FOLDER", "--pattern", "cap*.tif") == (
        "kymflow ingest lab.zarr FOLDER --pattern 'cap*.tif'"
    )


def test_windows_quotes_with_double_quotes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints.os, "name", "nt")
    try:
        assert hints.quote(r"C:\Users\My Name\lab.zarr") == r'"C:\Users\My Name\lab.zarr"'
        assert hints.quote(r"C:\lab.zarr") == r"C:\lab.zarr"
    finally:
        monkeypatch.undo()


def test_paths_below_the_present_folder_are_shortened(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "in").mkdir()
    monkeypatch.chdir(tmp_path / "in")
    assert here(str(tmp_path / "in" / "lab.zarr")) == "lab.zarr"
    for path in (str(tmp_path / "lab.zarr"), "s3://bucket/lab.zarr", os.path.join("..", "lab.zarr")):
        assert here(path) == path


@pytest.mark.skipif(os.name == "nt", reason="paths as on POSIX systems")
def test_pip_is_the_one_of_this_environment(bin_folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.executable", str(bin_folder / "python"))
    assert with_pip("pip install XlsxWriter") == ".venv/bin/python -m pip install XlsxWriter"
    (bin_folder / "pip").touch(0o755)
    monkeypatch.setenv("PATH", str(bin_folder))
    assert with_pip("pip install XlsxWriter") == "pip install XlsxWriter"
    other = bin_folder.parent / "other"
    other.mkdir()
    (other / "pip").touch(0o755)
    monkeypatch.setenv("PATH", f"{other}{os.pathsep}{bin_folder}")
    assert with_pip("pip install XlsxWriter") == ".venv/bin/python -m pip install XlsxWriter"
    monkeypatch.setattr("sys.executable", "")
    assert with_pip("pip install XlsxWriter") == "pip install XlsxWriter"
