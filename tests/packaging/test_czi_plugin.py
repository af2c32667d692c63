"""The example reader, installed as a third party would: its own tests, and what the command line lists."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from support.environments import REPO, call, plain_environment
from support.plugin_projects import build_wheels

PLUGIN = REPO / "examples" / "kymflow-reader-czi"
KYMFLOW = ("-c", "from kymflow.cli.main import main; main()")


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Its wheel in a folder of its own, beside what is installed here."""
    folder = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder)
    call(*pip, *build_wheels(tmp_path_factory.mktemp("wheels"), PLUGIN))
    return folder


def check_tests_passed(out: str) -> None:
    assert " passed" in out
    # There is nothing that could write a file for Python 3.14 yet.
    assert (" skipped" in out) == (sys.version_info >= (3, 14))


def test_its_own_tests_pass_where_it_is_installed(beside: Path, tmp_path: Path) -> None:
    tests = (sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", PLUGIN)
    check_tests_passed(call(*tests, cwd=tmp_path, PYTHONPATH=str(beside)).stdout)


@pytest.mark.long
def test_its_own_tests_pass_in_a_fresh_environment(wheels: dict[str, Path], tmp_path: Path) -> None:
    plugin = build_wheels(tmp_path / "wheels", PLUGIN)
    environment = plain_environment(
        tmp_path / "environment", sys.executable, wheels["kymflow"], *plugin, "pip>=25.1"
    )
    call(*environment.pip, "install", "--quiet", "--group", "dev", cwd=PLUGIN)
    call(*environment.pip, "check")

    tests = (environment.python, "-m", "pytest", "-q", "-p", "no:cacheprovider", PLUGIN)
    check_tests_passed(call(*tests, cwd=tmp_path).stdout)


def test_the_command_line_lists_it(beside: Path, tmp_path: Path) -> None:
    listed = call(sys.executable, *KYMFLOW, "readers", "--json", cwd=tmp_path, PYTHONPATH=str(beside)).stdout

    (info,) = [info for info in json.loads(listed) if info["name"] == "czi line scan"]
    assert (info["status"], info["distribution"]) == ("ok", "kymflow-reader-czi")
    assert info["summary"].startswith("Line scans of Zeiss microscopes (.czi)")


def test_the_plugin_uses_the_public_face_only() -> None:
    sources = [path.read_text("utf-8") for path in (PLUGIN / "src").rglob("*.py")]
    imported = {
        line.split()[1]
        for source in sources
        for line in source.splitlines()
        if line.strip().startswith(("import kymflow", "from kymflow"))
    }
    assert "kymflow" in imported
    assert not any(name.startswith(("kymflow.", "kymflow_zarr")) for name in imported)
