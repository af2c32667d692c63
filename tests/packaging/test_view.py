"""kymflow-view from its wheel: all that the page needs, served; panels of plugins; kymflow without it."""

from __future__ import annotations

import os
import sys
import zipfile
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from kymflow_view.server.pages import FIRST_SCRIPT
from kymflow_view.server.scripts import is_script, join_scripts
from support.environments import VIEW, Environment, Make, call, plain_environment
from support.plugin_projects import build_wheels, write_panels
from support.viewer import Viewer, running

MAX_WHEEL_BYTES = 2_000_000


@pytest.fixture(scope="module")
def view_wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    (wheel,) = build_wheels(tmp_path_factory.mktemp("wheels"), VIEW)
    return wheel


@pytest.fixture(scope="module")
def installed(
    wheels: dict[str, Path], view_wheel: Path, tmp_path_factory: pytest.TempPathFactory
) -> tuple[Environment, str]:
    """An environment that pip filled from the wheels with all that they need, and a dataset in it."""
    folder = tmp_path_factory.mktemp("viewer") / "environment"
    lab = plain_environment(folder, sys.executable, *wheels.values(), view_wheel)
    return lab, str(lab.folder / lab.json("demo")["dataset"])


def viewing(lab: Environment, dataset: str) -> AbstractContextManager[Viewer]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "KYMFLOW_"))}
    command = [str(lab.programs / "kymflow"), "view", dataset, "--no-browser"]
    return running({"args": command, "env": clean, "encoding": "utf-8", "cwd": lab.folder})


def files_of(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def test_the_wheel_holds_every_static_file_and_is_small(view_wheel: Path) -> None:
    with zipfile.ZipFile(view_wheel) as wheel:
        names = set(wheel.namelist())
    static = {f"kymflow_view/static/{name}" for name in files_of(VIEW / "static")}

    assert {name.split("/")[0] for name in names} == {"kymflow_view", "kymflow_view-1.0.0.dist-info"}
    assert len(static) > 10
    assert static <= names
    assert not any("__pycache__" in name for name in names)
    assert "kymflow_view/py.typed" in names
    licences = {name.partition("/licenses/")[2] for name in names if "/licenses/" in name}
    assert licences == {"LICENSE", *(f"static/vendor/{one}/LICENSE" for one in ("tabulator", "uplot"))}
    assert view_wheel.stat().st_size < MAX_WHEEL_BYTES


def test_what_is_installed_serves_the_page_with_all_its_files(installed: tuple[Environment, str]) -> None:
    lab, dataset = installed
    call(*lab.pip, "check")
    with viewing(lab, dataset) as viewer:
        viewer.enter()
        assert viewer.ask("/").text == (VIEW / "static" / "index.html").read_text("utf-8")
        files = {name: (VIEW / "static" / name).read_bytes() for name in files_of(VIEW / "static")}
        scripts = join_scripts(files, FIRST_SCRIPT)
        for name in files:
            answer = viewer.ask(f"/static/{name}")
            # Modules that are part of a joined file are not sent by themselves.
            expected = 404 if is_script(name) and name not in scripts else 200
            assert (name, answer.status) == (name, expected)
            if name.endswith(".js") and expected == 200:
                assert answer.headers["Content-Type"] == "text/javascript; charset=utf-8"
        told = viewer.json("/api/dataset")
        assert [table["name"] for table in told["tables"]] == ["images", "radon_report", "velocity_events"]


def test_a_panel_of_a_plugin_is_shown_and_a_broken_one_harms_nobody(
    installed: tuple[Environment, str], tmp_path: Path
) -> None:
    lab, dataset = installed
    good, broken = (
        write_panels(tmp_path),
        write_panels(tmp_path, "broken-panels", code="import nothing_there"),
    )
    lab.install(*build_wheels(tmp_path / "wheels", good, broken))
    ask_ids = f"from kymflow import KymDataset; print(KymDataset({dataset!r}, 'r').ds.list_image_ids()[0])"
    image_id = call(lab.python, "-c", ask_ids).stdout.strip()
    with viewing(lab, dataset) as viewer:
        viewer.enter()
        panel = viewer.json(f"/api/images/{image_id}/panels/brightness")
        problems = viewer.json("/api/status")["problems"]
    for name in ("lab-panels", "broken-panels"):
        lab.uninstall(name)

    assert (panel["title"], panel["x"]) == ("Brightness", {"label": "time", "unit": "lines"})
    assert panel["items"][0]["kind"] == "lines"
    (problem,) = problems
    assert problem.startswith("panels of broken-panels 1.0 (broken_panels = broken_panels) cannot be used: ")
    assert "No module named 'nothing_there'" in problem


def test_kymflow_works_without_it_and_says_what_to_install(
    wheels: dict[str, Path], make_environment: Make
) -> None:
    lab = make_environment(*wheels.values())

    assert "pip install kymflow-view" in lab.kymflow("view", "lab.zarr", code=1).stderr
    assert sorted(lab.json("demo")["tables"]) == ["images", "radon_report", "velocity_events"]


@pytest.mark.long
def test_the_source_distribution_builds_the_same_wheel(view_wheel: Path, tmp_path: Path) -> None:
    call(sys.executable, "-m", "build", "--no-isolation", "--outdir", tmp_path, VIEW)
    (built,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(built) as one, zipfile.ZipFile(view_wheel) as other:
        assert sorted(one.namelist()) == sorted(other.namelist())
