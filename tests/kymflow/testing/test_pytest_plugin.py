from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from support.paths import REPO
from support.simple_indexers import write_distribution

pytest_plugins = "pytester"


TESTS = """
import os

import pandas as pd
import pytest

from kymflow import KymDataset, UnknownIndexerError, get_registry


class Lines:
    name = "lines"
    table_name = "lines"

    def extract_rows(self, rec):
        return pd.DataFrame({"n_lines": [rec.get_image_bounds()["height"]]})


def test_a_plugin_is_installed():
    assert [info.name for info in get_registry().list()] == ["images", "radon_report", "velocity_events"]


def test_the_lab_is_small_and_in_tmp_path(kym_lab, tmp_path):
    assert kym_lab.ds.path == os.path.realpath(tmp_path / "kym_lab.zarr")
    assert kym_lab.rebuild(Lines())["n_lines"].tolist() == [400, 400, 400]


@pytest.mark.parametrize("kym_lab", [{"n_images": 2, "n_lines": 99, "damage": ["missing"]}], indirect=True)
def test_the_lab_is_as_asked_for(kym_lab):
    assert kym_lab.rebuild(Lines())["n_lines"].tolist() == [99, 99]
    assert sorted(len(record.list_analysis_keys()) for record in kym_lab.ds.iter_records()) == [0, 5]


def test_no_plugin_is_found(isolated_plugins, kym_lab):
    assert os.environ["KYMFLOW_DISABLE_PLUGIN_AUTOLOAD"] == "1"
    assert isolated_plugins.list() == []
    isolated_plugins.register(Lines())
    kd = KymDataset(kym_lab.ds)
    assert kd.registry is isolated_plugins is get_registry()
    assert len(kd.rebuild("lines")) == 3
    with pytest.raises(UnknownIndexerError, match="no indexer is named 'radon_report'; there are: lines"):
        kd.rebuild("radon_report")


def test_everything_is_as_before():
    assert "KYMFLOW_DISABLE_PLUGIN_AUTOLOAD" not in os.environ
    assert [info.name for info in get_registry().list()] == ["images", "radon_report", "velocity_events"]
"""


def test_the_fixtures_give_a_lab_and_keep_plugins_away(
    pytester: pytest.Pytester, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_distribution(
        tmp_path / "site", "kymflow-indexers-builtin", "1.0.0", "builtin = kymflow_indexers_builtin"
    )
    # Only what is named here is loaded, whatever is installed where these tests run.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    pytester.syspathinsert(tmp_path / "site")
    pytester.makepyfile(TESTS)

    result = pytester.runpytest_subprocess("-W", "error", "-p", "kymflow.testing.pytest_plugin")

    result.assert_outcomes(passed=5)


def test_the_plugin_loads_nothing_heavy() -> None:
    code = """
import sys, pytest
before = set(sys.modules)
import kymflow.testing.pytest_plugin
loaded = set(sys.modules) - before
print(*sorted(name for name in loaded if name.split(".")[0] not in sys.stdlib_module_names))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.split() == [
        "kymflow",
        "kymflow.testing",
        "kymflow.testing.pytest_plugin",
        "kymflow_zarr",
        "kymflow_zarr.lazy",
    ]


def test_the_kit_and_the_command_work_without_pytest() -> None:
    code = """
import sys
sys.modules["pytest"] = None  # as if it were not installed
import kymflow.cli.check_indexer
from kymflow.testing import ConformanceError, check_indexer, make_lab, simulate_folder
from kymflow_indexers_builtin import RadonReportIndexer
print(check_indexer(RadonReportIndexer(), report=True))
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert "checks ran, 0 failed; 0 could not run" in done.stdout


def test_pytest_finds_the_plugin_by_its_entry_point() -> None:
    project = tomllib.loads((REPO / "pyproject.toml").read_text("utf-8"))["project"]

    points = project["entry-points"]["pytest11"]

    assert points == {"kymflow": "kymflow.testing.pytest_plugin"}
    assert import_module(points["kymflow"]).kym_lab is not None
