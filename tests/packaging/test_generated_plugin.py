"""What ``kymflow new-indexer`` writes, under any name: it lints, installs, and passes its own tests."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import pytest

from kymflow.scaffold import IndexerNames, indexer_names, write_project
from kymflow.scaffold.names import MAX_LENGTH
from kymflow.testing.conformance.catalogue import checks
from support.environments import REPO, call, plain_environment
from support.plugin_projects import build_wheels

TEMPLATES = "kymflow/scaffold/templates"
ODD_NAMES = [
    "Stall durations",
    "json",
    "class",
    "None",
    "print",
    "__init__",
    "test",
    "x",
    "con",
    "sources",
    "artifact",
    "kymflow-indexer-stalls",
    # Artifacts of these names are in every simulated record.
    "metadata",
    "radon",
    "a" * MAX_LENGTH,
    "a b c d e f g h i j k l m n o p q r s t",
]


@pytest.fixture(params=["3D Größe", *(pytest.param(name, marks=pytest.mark.long) for name in ODD_NAMES)])
def names(request: pytest.FixtureRequest) -> IndexerNames:
    return indexer_names(request.param)


@pytest.fixture
def project(names: IndexerNames, tmp_path: Path) -> Path:
    write_project(names, tmp_path / names.distribution)
    return tmp_path / names.distribution


@pytest.fixture(scope="module")
def type_cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What mypy learnt of kymflow, for the next project."""
    return tmp_path_factory.mktemp("mypy")


def lint(python: object, project: Path, *mypy: object) -> None:
    call(python, "-m", "ruff", "check", "--no-cache", ".", cwd=project)
    call(python, "-m", "ruff", "format", "--no-cache", "--check", ".", cwd=project)
    assert "no issues found in 3 source files" in call(python, "-m", "mypy", *mypy, cwd=project).stdout


def check_all_passed(output: str) -> None:
    """The checks of the contract are among them, and nothing was left out."""
    assert re.search(rf"={{3,}} {len(checks(thorough=False)) + 2} passed in ", output), output


def test_it_passes_ruff_and_strict_mypy_as_it_is_written(project: Path, type_cache: Path) -> None:
    lint(sys.executable, project, "--cache-dir", type_cache)


def test_its_own_tests_pass_where_its_wheel_is_installed(
    names: IndexerNames, project: Path, tmp_path: Path
) -> None:
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target")
    call(*pip, tmp_path / "installed", *build_wheels(tmp_path / "wheels", project))

    tests = (sys.executable, "-m", "pytest", "-p", "no:cacheprovider")
    out = call(*tests, cwd=project, PYTHONPATH=str(tmp_path / "installed")).stdout

    check_all_passed(out)
    installed = tmp_path / "installed" / names.module
    assert sorted(path.name for path in installed.glob("*.*")) == ["__init__.py", "indexer.py", "py.typed"]


def test_the_templates_are_in_the_wheel(wheels: dict[str, Path]) -> None:
    with zipfile.ZipFile(wheels["kymflow"]) as wheel:
        shipped = {name for name in wheel.namelist() if name.startswith(f"{TEMPLATES}/")}

    assert shipped == {f"{TEMPLATES}/{path.name}" for path in (REPO / "src" / TEMPLATES).iterdir()}
    assert len(shipped) > 5


@pytest.mark.long
def test_from_the_wheels_to_a_tested_plugin(wheels: dict[str, Path], tmp_path: Path) -> None:
    """As an author goes about it, in an environment that shares nothing with any other."""
    lab = plain_environment(tmp_path / "environment", sys.executable, *wheels.values())
    lab.kymflow("new-indexer", "3D flow", "--directory", "project")
    project = lab.folder / "project"

    call(*lab.pip, "install", "--quiet", "--upgrade", "pip")
    call(*lab.pip, "install", "--quiet", "--editable", ".", "--group", "dev", cwd=project)
    tested = call(lab.python, "-m", "pytest", cwd=project).stdout
    lint(lab.python, project)

    call(*lab.pip, "check")
    check_all_passed(tested)
    assert lab.indexers() == {
        "images": "ok",
        "kym_3d_flow": "ok",
        "radon_report": "ok",
        "velocity_events": "ok",
    }
    (checked,) = lab.json("check-indexer", "kym_3d_flow")["indexers"]
    assert (checked["failed"], checked["not_run"]) == (0, 0)
    demo = lab.json("demo")
    assert demo["tables"]["kym_3d_flow"]["rows"] == 0
