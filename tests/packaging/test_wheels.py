"""Both wheels in real virtual environments: core with the built-in indexers, and core alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]
BUILTIN = REPO / "src" / "kymflow_indexers_builtin"


def _run(*command: object, cwd: Path | None = None) -> str:
    """Run a command as a user's shell would, and return what it prints."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "COV_"))}
    done = subprocess.run([str(part) for part in command], capture_output=True, text=True, cwd=cwd, env=clean)
    assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
    return done.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels, by the name of their distribution."""
    folder = tmp_path_factory.mktemp("wheels")
    for project in (REPO, BUILTIN):
        _run(sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, project)
    return {path.name.split("-")[0]: path for path in folder.glob("*.whl")}


@pytest.fixture(scope="module")
def make_environment(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Make a fresh virtual environment, install wheels with pip, and return its bin folder."""

    def make(*to_install: Path) -> Path:
        folder = tmp_path_factory.mktemp("environment")
        _run(sys.executable, "-m", "venv", folder)
        programs = folder / ("Scripts" if os.name == "nt" else "bin")
        _run(
            programs / "python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *to_install
        )
        return programs

    return make


def test_wheels_hold_just_their_packages(wheels: dict[str, Path]) -> None:
    packages = {}
    for name, path in wheels.items():
        with zipfile.ZipFile(path) as wheel:
            packages[name] = {entry.split("/")[0] for entry in wheel.namelist()}
    assert packages == {
        "kymflow": {"kymflow", "kymflow_zarr", "kymflow-1.0.0.dist-info"},
        "kymflow_indexers_builtin": {"kymflow_indexers_builtin", "kymflow_indexers_builtin-1.0.0.dist-info"},
    }


def test_typing_marker_and_licence_ship(wheels: dict[str, Path]) -> None:
    for path in wheels.values():
        with zipfile.ZipFile(path) as wheel:
            names = wheel.namelist()
        assert any(name.endswith("py.typed") for name in names)
        assert any(name.endswith("licenses/LICENSE") for name in names)


def test_both_wheels_give_tables_on_the_command_line(
    wheels: dict[str, Path], make_environment: Callable[..., Path], tmp_path: Path
) -> None:
    programs = make_environment(*wheels.values())
    kymflow = programs / "kymflow"
    indexers = json.loads(_run(kymflow, "indexers", "--json", cwd=tmp_path))
    assert [(info["name"], info["distribution"], info["status"]) for info in indexers] == [
        ("radon_report", "kymflow-indexers-builtin", "ok"),
        ("velocity_events", "kymflow-indexers-builtin", "ok"),
    ]
    demo = json.loads(_run(kymflow, "demo", "my demo é", "--json", cwd=tmp_path))
    assert {name: report["rows"] for name, report in demo["tables"].items()} == {
        "radon_report": 5,
        "velocity_events": 4,
    }
    again = json.loads(_run(kymflow, "ingest", demo["dataset"], demo["folder"], "--json", cwd=tmp_path))
    assert (again["new"], again["changed"], again["failed"]) == ([], [], [])
    rebuilt = json.loads(_run(kymflow, "rebuild", demo["dataset"], "--json", cwd=tmp_path))
    assert len(rebuilt["tables"]["velocity_events"]["updated"]) == 6
    assert "velocity_events" in _run(kymflow, "show", demo["dataset"], cwd=tmp_path)


def test_core_alone_works_and_says_what_to_install(
    wheels: dict[str, Path], make_environment: Callable[..., Path], tmp_path: Path
) -> None:
    programs = make_environment(wheels["kymflow"])
    done = subprocess.run([programs / "kymflow", "indexers"], capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 0
    assert "pip install kymflow-indexers-builtin" in done.stderr
    demo = json.loads(_run(programs / "kymflow", "demo", "--json", cwd=tmp_path))
    assert len(demo["new"]) == 6
    assert demo["tables"] == {}
    assert json.loads(_run(programs / "kymflow", "indexers", "--json", cwd=tmp_path)) == []
    _run(programs / "python", "-c", "import kymflow; assert kymflow.KymDataset", cwd=tmp_path)
    # The plugin can come later, and finds the records.
    _run(
        programs / "python",
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        wheels["kymflow_indexers_builtin"],
    )
    rebuilt = json.loads(_run(programs / "kymflow", "rebuild", demo["dataset"], "--json", cwd=tmp_path))
    assert rebuilt["tables"]["radon_report"]["rows"] == 5


@pytest.mark.long
@pytest.mark.parametrize("project", [REPO, BUILTIN], ids=["kymflow", "kymflow-indexers-builtin"])
def test_the_source_distribution_builds_the_same_wheel(
    project: Path, wheels: dict[str, Path], tmp_path: Path
) -> None:
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, project)
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as one, zipfile.ZipFile(wheels[built.name.split("-")[0]]) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
