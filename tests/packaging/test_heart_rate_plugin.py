"""The example plugin, installed as a third party would: its own tests, and its table on the command line."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from kymflow.testing import simulate_folder
from kymflow.testing.lab import HEART_RATE_HZ
from support.environments import REPO, call, plain_environment
from support.plugin_projects import build_wheels

PLUGIN = REPO / "examples" / "kymflow-indexer-heart-rate"


@dataclass(frozen=True)
class Installed:
    """Where the plugin is installed: in a folder of `path`, or with `python` itself."""

    python: Path
    path: Path | None = None

    def run(self, *command: object, cwd: Path) -> str:
        environment = {} if self.path is None else {"PYTHONPATH": str(self.path)}
        return str(call(self.python, *command, cwd=cwd, **environment).stdout)

    def kymflow(self, *arguments: object, cwd: Path) -> str:
        return self.run("-c", "from kymflow.cli.main import main; main()", *arguments, cwd=cwd)


@pytest.fixture(scope="module")
def beside(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """Its wheel in a folder of its own, beside what is installed here."""
    folder = tmp_path_factory.mktemp("installed")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--target", folder)
    call(*pip, *build_wheels(tmp_path_factory.mktemp("wheels"), PLUGIN))
    return Installed(Path(sys.executable), folder)


@pytest.fixture(scope="module")
def fresh(wheels: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Installed:
    """A virtual environment that pip filled from the wheels, with all that they and its tests need."""
    plugin = build_wheels(tmp_path_factory.mktemp("wheels"), PLUGIN)
    folder = tmp_path_factory.mktemp("environment")
    environment = plain_environment(
        folder, sys.executable, wheels["kymflow"], *plugin, "pytest", "hypothesis"
    )
    call(*environment.pip, "check")
    return Installed(environment.python)


@pytest.fixture(params=["beside", pytest.param("fresh", marks=pytest.mark.long)])
def installed(request: pytest.FixtureRequest) -> Installed:
    there: Installed = request.getfixturevalue(request.param)
    return there


def test_its_own_tests_pass_where_it_is_installed(installed: Installed, tmp_path: Path) -> None:
    out = installed.run("-m", "pytest", "-q", "-p", "no:cacheprovider", PLUGIN, cwd=tmp_path)
    assert " passed" in out
    assert " skipped" not in out


def test_the_command_line_gives_the_heart_rate_of_the_simulated_lab(
    installed: Installed, tmp_path: Path
) -> None:
    images = simulate_folder(tmp_path / "kymographs", 8, seed=3)
    listed = json.loads(installed.kymflow("indexers", "--json", cwd=tmp_path))
    installed.kymflow("ingest", "lab.zarr", "kymographs", cwd=tmp_path)

    installed.kymflow("rebuild", "lab.zarr", "--indexer", "heart_rate", cwd=tmp_path)

    shown = json.loads(installed.kymflow("show", "lab.zarr", "heart_rate", "--json", cwd=tmp_path))
    (info,) = [info for info in listed if info["name"] == "heart_rate"]
    assert (info["status"], info["distribution"]) == ("ok", "kymflow-indexer-heart-rate")
    units = {column["name"]: column["unit"] for column in shown["columns"]}
    assert (units["heart_rate_bpm"], units["duration_s"]) == ("beats/min", "s")
    assert len(shown["data"]) == sum(image.analysed for image in images) == 7
    rates = [row["heart_rate_bpm"] for row in shown["data"]]
    assert rates == pytest.approx([60 * HEART_RATE_HZ] * 7, abs=4)
    assert [row["problem"] for row in shown["data"]] == [None] * 7


def test_the_real_traces_of_one_image_have_one_heart_rate(
    installed: Installed, tmp_path: Path, shared_data: Path
) -> None:
    installed.kymflow("ingest", "lab.zarr", shared_data / "kymograph_folder", cwd=tmp_path)

    shown = json.loads(
        installed.kymflow("show", "lab.zarr", "heart_rate", "--source", "--json", cwd=tmp_path)
    )

    rates: dict[str, list[float | None]] = {}
    for row in shown["data"]:
        rates.setdefault(row["file_name"], []).append(row["heart_rate_bpm"])
    assert rates == {
        "20250722_A89_0002.tif": pytest.approx([490.6, 490.6], abs=0.1),
        "20250722_A89_0003.tif": pytest.approx([485.3, 485.3], abs=0.1),
        "Capillary1_0001.tif": [None, None, None],
    }


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
