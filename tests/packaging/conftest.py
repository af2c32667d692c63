"""Wheels, built once, and environments to install them in."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from support.environments import BUILTIN, REPO, Environment, Make, call, fresh_environment, plain_environment


@pytest.fixture(scope="session")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels, by the name of their distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in (REPO, BUILTIN):
        call(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, project)
    return {path.name.split("-")[0]: path for path in folder.glob("*.whl")}


@pytest.fixture(scope="session")
def dependencies(
    wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], Environment]:
    """Give, for a Python, an environment that pip filled with kymflow's dependencies, and nothing of it.

    Installing them takes a quarter of a minute; the environments of single tests share them.
    """
    made: dict[str, Environment] = {}

    def give(python: str) -> Environment:
        if python not in made:
            folder = tmp_path_factory.mktemp("dependencies")
            made[python] = plain_environment(folder, python, wheels["kymflow"], "hatchling", "editables")
            made[python].uninstall("kymflow")
        return made[python]

    return give


@pytest.fixture
def make_environment(dependencies: Callable[[str], Environment], tmp_path: Path) -> Make:
    """Make a fresh environment with these wheels (or ``-e folder``) in it, and all that they need."""
    numbers = itertools.count()

    def make(*what: object, python: object = sys.executable) -> Environment:
        base = dependencies(str(python))
        environment = fresh_environment(tmp_path / f"environment {next(numbers)}", str(python), base)
        environment.install(*what)
        return environment

    return make
