"""Both wheels in real virtual environments: with each other, alone, and beside a broken plugin."""

from __future__ import annotations

import re
import sys
import zipfile
from pathlib import Path

import pytest

from support.environments import BUILTIN, REPO, Make, call, plain_environment
from support.plugin_projects import build_wheels, write_project


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
            (metadata,) = [wheel.read(name).decode() for name in names if name.endswith("/METADATA")]
        assert any(name.endswith("py.typed") for name in names)
        assert any(name.endswith("licenses/LICENSE") for name in names)
        # What an index lists and searches.
        assert re.search(r"^Keywords: .*kymograph", metadata, re.MULTILINE)
        assert "\nAuthor: the kymflow developers\n" in metadata
        assert "\nClassifier: Typing :: Typed\n" in metadata


def test_both_wheels_give_tables_on_the_command_line(wheels: dict[str, Path], make_environment: Make) -> None:
    lab = make_environment(*wheels.values())
    call(*lab.pip, "check")
    found = [(info["name"], info["distribution"], info["status"]) for info in lab.json("indexers")]
    assert found == [
        ("images", "kymflow-indexers-builtin", "ok"),
        ("radon_report", "kymflow-indexers-builtin", "ok"),
        ("velocity_events", "kymflow-indexers-builtin", "ok"),
    ]
    demo = lab.json("demo", "my demo é")
    assert {name: report["rows"] for name, report in demo["tables"].items()} == {
        "images": 6,
        "radon_report": 5,
        "velocity_events": 4,
    }
    again = lab.json("ingest", demo["dataset"], demo["folder"])
    assert (again["new"], again["changed"], again["failed"]) == ([], [], [])
    rebuilt = lab.json("rebuild", demo["dataset"])
    assert len(rebuilt["tables"]["velocity_events"]["updated"]) == 6
    assert "velocity_events" in lab.kymflow("show", demo["dataset"]).stdout


def test_core_alone_works_and_says_what_to_install(wheels: dict[str, Path], make_environment: Make) -> None:
    lab = make_environment(wheels["kymflow"])
    assert "pip install kymflow-indexers-builtin" in lab.kymflow("indexers").stderr
    demo = lab.json("demo")
    assert len(demo["new"]) == 6
    assert demo["tables"] == {}
    assert lab.json("indexers") == []
    call(lab.python, "-c", "import kymflow; assert kymflow.KymDataset", cwd=lab.folder)
    # The plugin can come later, and finds the records.
    lab.install(wheels["kymflow_indexers_builtin"])
    assert lab.json("rebuild", demo["dataset"])["tables"]["radon_report"]["rows"] == 5


def test_a_broken_plugin_costs_nobody_a_table(
    wheels: dict[str, Path], make_environment: Make, tmp_path: Path
) -> None:
    project = write_project(tmp_path, "broken-lab", "import no_such_dependency\n", version="0.2")
    lab = make_environment(*wheels.values(), *build_wheels(tmp_path / "wheels", project))

    found = {info["name"]: info for info in lab.json("indexers")}
    assert {name: info["status"] for name, info in found.items()} == {
        "broken_lab": "broken",
        "images": "ok",
        "radon_report": "ok",
        "velocity_events": "ok",
    }
    assert (found["broken_lab"]["distribution"], found["broken_lab"]["version"]) == ("broken-lab", "0.2")
    assert "No module named 'no_such_dependency'" in found["broken_lab"]["traceback"]
    demo = lab.kymflow("demo", "--json")
    assert '"radon_report"' in demo.stdout
    warning = "kymflow: warning: plugin 'broken_lab = broken_lab' of broken-lab 0.2 cannot be used: "
    assert demo.stderr.count(warning) == 1


@pytest.mark.long
def test_pip_installs_both_wheels_with_all_that_they_need(wheels: dict[str, Path], tmp_path: Path) -> None:
    # Shares nothing with any other environment.
    lab = plain_environment(tmp_path / "environment", sys.executable, *wheels.values())

    call(*lab.pip, "check")
    assert sorted(lab.json("demo")["tables"]) == ["images", "radon_report", "velocity_events"]


@pytest.mark.long
@pytest.mark.parametrize("project", [REPO, BUILTIN], ids=["kymflow", "kymflow-indexers-builtin"])
def test_the_source_distribution_builds_the_same_wheel(
    project: Path, wheels: dict[str, Path], tmp_path: Path
) -> None:
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, project)
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as one, zipfile.ZipFile(wheels[built.name.split("-")[0]]) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
