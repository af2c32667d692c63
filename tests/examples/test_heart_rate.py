"""The example plugin, installed as a third party would: its own tests, and its table on the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from kymflow.testing import simulate_folder
from kymflow.testing.lab import HEART_RATE_HZ

REPO = Path(__file__).resolve().parents[2]
PLUGIN = REPO / "examples" / "kymflow-indexer-heart-rate"


@dataclass(frozen=True)
class Environment:
    """Where the plugin is installed."""

    python: Path
    path: str = ""

    def run(self, *command: object, cwd: Path) -> str:
        clean = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        if self.path:
            clean["PYTHONPATH"] = self.path
        done = subprocess.run(
            [self.python, *map(str, command)], capture_output=True, text=True, cwd=cwd, env=clean
        )
        assert done.returncode == 0, f"{command}: {done.stdout}\n{done.stderr}"
        return done.stdout

    def kymflow(self, *arguments: object, cwd: Path) -> str:
        return self.run("-c", "from kymflow.cli.main import main; main()", *arguments, cwd=cwd)


def _pip_install(python: Path, *what: object) -> None:
    command = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *map(str, what)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """The plugin's wheel in a folder of its own beside what is installed here."""
    folder = tmp_path_factory.mktemp("installed")
    _pip_install(Path(sys.executable), "--no-deps", "--no-build-isolation", "--target", folder, PLUGIN)
    return Environment(Path(sys.executable), str(folder))


@pytest.fixture(scope="module")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Environment:
    """A virtual environment with the wheels of kymflow and the plugin, and what the plugin's tests need."""
    folder, wheels = tmp_path_factory.mktemp("environment"), tmp_path_factory.mktemp("wheels")
    for project in (REPO, PLUGIN):
        command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", wheels, project]
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True)
        assert done.returncode == 0, done.stderr
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / ("Scripts" if os.name == "nt" else "bin") / "python"
    _pip_install(python, *wheels.glob("*.whl"), "pytest", "hypothesis")
    return Environment(python)


@pytest.fixture(params=["beside", pytest.param("fresh", marks=pytest.mark.long)])
def environment(request: pytest.FixtureRequest) -> Environment:
    installed: Environment = request.getfixturevalue(request.param)
    return installed


def test_its_own_tests_pass_where_it_is_installed(environment: Environment, tmp_path: Path) -> None:
    out = environment.run("-m", "pytest", "-q", "-p", "no:cacheprovider", PLUGIN, cwd=tmp_path)
    assert " passed" in out
    assert " skipped" not in out


def test_the_command_line_gives_the_heart_rate_of_the_simulated_lab(
    environment: Environment, tmp_path: Path
) -> None:
    images = simulate_folder(tmp_path / "kymographs", 8, seed=3)
    listed = json.loads(environment.kymflow("indexers", "--json", cwd=tmp_path))
    environment.kymflow("ingest", "lab.zarr", "kymographs", cwd=tmp_path)

    environment.kymflow("rebuild", "lab.zarr", "--indexer", "heart_rate", cwd=tmp_path)

    shown = json.loads(environment.kymflow("show", "lab.zarr", "heart_rate", "--json", cwd=tmp_path))
    (info,) = [info for info in listed if info["name"] == "heart_rate"]
    assert (info["status"], info["distribution"]) == ("ok", "kymflow-indexer-heart-rate")
    units = {column["name"]: column["unit"] for column in shown["columns"]}
    assert (units["heart_rate_bpm"], units["duration_s"]) == ("beats/min", "s")
    assert len(shown["data"]) == sum(image.analysed for image in images) == 7
    rates = [row["heart_rate_bpm"] for row in shown["data"]]
    assert rates == pytest.approx([60 * HEART_RATE_HZ] * 7, abs=4)
    assert [row["problem"] for row in shown["data"]] == [None] * 7


def test_the_plugin_uses_the_public_face_only() -> None:
    sources = [path.read_text("utf-8") for path in (PLUGIN / "src").rglob("*.py")]
    imports = {
        line.split()[1]
        for source in sources
        for line in source.splitlines()
        if line.strip().startswith(("import kymflow", "from kymflow"))
    }
    assert "kymflow" in imports
    assert {name for name in imports if name.partition(".")[0] == "kymflow"} == {"kymflow"}
    assert {name for name in imports if name.startswith("kymflow_zarr")} == set()
