"""Plugins come, go, break, clash and are upgraded: real environments, as wheels and as editable installs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from support.environments import BUILTIN, REPO, Environment, Make, find_python
from support.plugin_projects import BROKEN, build_wheels, write_broken, write_events

pytestmark = pytest.mark.long

TABLES = ["images", "radon_report", "velocity_events"]


@dataclass(frozen=True)
class Lab:
    """An environment with kymflow in it, and how projects get there."""

    environment: Environment
    packages: Callable[..., list[object]]

    def install(self, *projects: Path) -> None:
        """Install projects, or upgrade them."""
        self.environment.install(*self.packages(*projects))

    def demo(self) -> str:
        """Make a dataset of six images with all tables; return its path."""
        return str(self.environment.json("demo")["dataset"])


@pytest.fixture(params=["3.11", "3.13"])
def python(request: pytest.FixtureRequest) -> Path:
    """A Python of each version."""
    found = find_python(request.param)
    if found is None:
        pytest.skip(f"there is no Python {request.param}: neither on PATH nor among pyenv's versions")
    return found


@pytest.fixture(params=["wheel", "editable"])
def core(
    request: pytest.FixtureRequest,
    python: Path,
    wheels: dict[str, Path],
    make_environment: Make,
    tmp_path: Path,
) -> Lab:
    """The core alone, from its wheel or editable; what comes later is installed the same way."""

    def packages(*projects: Path) -> list[object]:
        if request.param == "editable":
            return [part for project in projects for part in ("-e", project)]
        known = {REPO: wheels["kymflow"], BUILTIN: wheels["kymflow_indexers_builtin"]}
        built = build_wheels(tmp_path / "wheels", *(project for project in projects if project not in known))
        return [*(known[project] for project in projects if project in known), *built]

    return Lab(make_environment(*packages(REPO), python=python), packages)


@pytest.fixture
def lab(core: Lab) -> Lab:
    """Core and built-in indexers."""
    core.install(BUILTIN)
    return core


def table(content: dict[str, Any], name: str) -> Any:
    (found,) = [table for table in content["tables"] if table["name"] == name]
    return found


def test_the_core_works_alone_and_with_any_plugin(core: Lab, tmp_path: Path) -> None:
    environment = core.environment
    assert environment.indexers() == {}
    dataset = core.demo()

    core.install(write_events(tmp_path))
    assert environment.indexers() == {"lab_events": "ok"}
    told = environment.kymflow("rebuild", dataset)
    assert "told of lab_events" in told.stdout

    core.install(BUILTIN)
    assert sorted(environment.indexers()) == ["lab_events", *TABLES]
    assert sorted(environment.json("rebuild", dataset)["tables"]) == ["lab_events", *TABLES]
    assert table(environment.json("show", dataset), "lab_events")["distribution"] == "lab-events"


def test_broken_plugins_of_every_kind_cost_nobody_a_table(lab: Lab, tmp_path: Path) -> None:
    lab.install(write_events(tmp_path), *write_broken(tmp_path).values())

    found = {info["name"]: info for info in lab.environment.json("indexers")}
    for kind, (_, _, cause) in BROKEN.items():
        info = found.pop(f"broken_{kind.replace('-', '_')}")
        assert (info["status"], info["distribution"]) == ("broken", f"broken-{kind}")
        assert cause in info["error"]
        assert "Traceback" in info["traceback"]
    assert {name: info["status"] for name, info in found.items()} == dict.fromkeys(
        ["lab_events", *TABLES], "ok"
    )

    made = lab.environment.kymflow("demo", "--json")
    assert made.stderr.count("kymflow: warning: plugin 'broken_") == len(BROKEN)
    # Those who run it every night see that something is broken.
    rebuilt = lab.environment.json("rebuild", "kymflow-demo/lab.zarr", code=1)
    assert sorted(rebuilt["tables"]) == ["lab_events", *TABLES]
    strict = lab.environment.kymflow("indexers", code=1, KYMFLOW_STRICT_PLUGINS="1")
    assert strict.stderr.startswith("kymflow: plugin 'broken_bad_table_name = ")


def test_a_table_outlives_its_plugin(lab: Lab, tmp_path: Path) -> None:
    environment = lab.environment
    lab.install(write_events(tmp_path))
    dataset = lab.demo()
    file = environment.folder / dataset / "tables" / "lab_events.parquet"
    before = file.read_bytes()

    environment.uninstall("lab-events")

    assert sorted(environment.indexers()) == TABLES
    assert (
        "of lab-events 1.0; its plugin is not installed any more"
        in environment.kymflow("show", dataset).stdout
    )
    assert table(environment.json("show", dataset), "radon_report")["problem"] == ""
    assert len(environment.json("show", dataset, "lab_events")["data"]) == 4
    assert sorted(environment.json("rebuild", dataset)["tables"]) == TABLES
    assert sorted(environment.json("refresh", dataset)["tables"]) == TABLES
    assert file.read_bytes() == before
    assert "is not installed any more" in environment.status(dataset)["lab_events"]["problem"]


def test_an_upgrade_with_another_schema_version_makes_its_own_table_stale(lab: Lab, tmp_path: Path) -> None:
    environment = lab.environment
    lab.install(write_events(tmp_path))
    dataset = lab.demo()
    assert {name: entry["stale"] for name, entry in environment.status(dataset).items()} == dict.fromkeys(
        ["lab_events", *TABLES], 0
    )

    lab.install(write_events(tmp_path, version="2.0", schema="2"))

    assert {name: entry["stale"] for name, entry in environment.status(dataset).items()} == {
        "lab_events": 6,
        "radon_report": 0,
        "velocity_events": 0,
    }
    refreshed = environment.json("refresh", dataset)["tables"]
    assert {name: len(report["updated"]) for name, report in refreshed.items()} == {
        "lab_events": 6,
        "radon_report": 0,
        "velocity_events": 0,
    }
    shown = table(environment.json("show", dataset), "lab_events")
    assert (shown["schema_version"], shown["version"]) == ("2", "2.0")


def test_an_upgrade_with_the_same_schema_version_is_told(lab: Lab, tmp_path: Path) -> None:
    environment = lab.environment
    lab.install(write_events(tmp_path))
    dataset = lab.demo()

    lab.install(write_events(tmp_path, version="1.1"))

    status = environment.status(dataset)
    assert "made by lab-events 1.0, installed is 1.1" in status["lab_events"]["problem"]
    assert (status["lab_events"]["stale"], status["lab_events"]["fresh"]) == (0, 6)
    assert status["radon_report"]["problem"] == ""
    environment.json("rebuild", dataset)
    assert environment.status(dataset)["lab_events"]["problem"] == ""


def test_rivals_are_in_conflict_until_one_is_switched_off(lab: Lab, tmp_path: Path) -> None:
    environment = lab.environment
    dataset = lab.demo()
    lab.install(write_events(tmp_path), write_events(tmp_path, "other-lab"))

    listed = [(info["name"], info["distribution"], info["status"]) for info in environment.json("indexers")]
    assert listed[:2] == [("lab_events", "lab-events", "conflict"), ("lab_events", "other-lab", "conflict")]
    assert sorted(environment.json("rebuild", dataset, code=1)["tables"]) == TABLES
    refused = environment.kymflow("rebuild", dataset, "--indexer", "lab_events", code=1).stderr
    assert "lab-events 1.0 and other-lab 1.0 both claim the name 'lab_events'" in refused
    assert "KYMFLOW_DISABLE_PLUGINS=other-lab" in refused

    off = {"KYMFLOW_DISABLE_PLUGINS": "Other_Lab"}
    assert sorted(environment.json("rebuild", dataset, **off)["tables"]) == ["lab_events", *TABLES]
    verbose = environment.kymflow("indexers", "--verbose", **off).stdout
    assert "switched off by KYMFLOW_DISABLE_PLUGINS=Other_Lab: other-lab 1.0" in verbose
    only = {"KYMFLOW_PLUGINS": "lab-events"}
    assert environment.indexers(**only) == {"lab_events": "ok"}
    none = {"KYMFLOW_DISABLE_PLUGIN_AUTOLOAD": "1"}
    assert environment.indexers(**none) == {}
    assert (
        "its plugin is switched off by KYMFLOW_DISABLE_PLUGIN_AUTOLOAD=1"
        in environment.kymflow("show", dataset, **none).stdout
    )
