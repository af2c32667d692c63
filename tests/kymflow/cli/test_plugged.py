"""Commands that other distributions plug in: found, run, broken, missing, and in each other's way."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from kymflow.cli.hints import with_pip
from support.command_line import run_command
from support.simple_indexers import write_distribution

GREET = '''
from typing import Annotated
import typer
from kymflow import KymflowError

def greet(name: Annotated[str, typer.Argument(help="Who.")], loud: bool = False) -> None:
    """Greet somebody."""
    if name == "nobody":
        raise KymflowError("there is nobody to greet")
    print(name.upper() if loud else name)
'''


@pytest.fixture(autouse=True)
def without_viewer(site: Path) -> None:
    """Hide the viewer that may be installed: of two distributions of a name, the first counts."""
    write_distribution(site, "kymflow-view", "0")


@pytest.fixture
def greeting(site: Path) -> Iterator[Path]:
    """Metadata of ``lab-greet`` 0.1, which has a command ``greet``."""
    write_distribution(site, "lab-greet", "0.1", "greet = lab_greet:greet", group="kymflow.commands")
    (site / "lab_greet.py").write_text(GREET, "utf-8")
    importlib.invalidate_caches()
    yield site / "lab_greet-0.1.dist-info"
    sys.modules.pop("lab_greet", None)


@pytest.mark.usefixtures("greeting")
def test_a_plugged_command_runs_as_kymflows_own() -> None:
    assert run_command("greet", "ada", "--loud").stdout == "ADA\n"
    words = " ".join(run_command("--help").stdout.split())
    assert "Greet somebody." in words
    # Whole sentences, of any length.
    assert (
        "Check that indexers keep to their contract, on a simulated lab or on copies of real records."
        in words
    )
    failed = run_command("greet", "nobody", code=1)
    assert failed.stderr == "kymflow: there is nobody to greet\n"
    assert "Missing argument" in run_command("greet", code=2).stderr


@pytest.mark.usefixtures("greeting")
def test_no_plugged_command_is_imported_for_one_of_kymflows_own(site: Path) -> None:
    (site / "lab_greet.py").write_text("raise SystemExit('imported')", "utf-8")

    assert run_command("indexers").exit_code == 0


def test_a_broken_command_says_why_and_harms_no_other(greeting: Path, site: Path) -> None:
    (site / "lab_greet.py").write_text("import not_installed_anywhere", "utf-8")

    failed = run_command("greet", "ada", "--loud", code=1)
    assert "the command greet of lab-greet 0.1 cannot be loaded: ModuleNotFoundError" in failed.stderr
    helped = run_command("--help")
    assert "greet" in helped.stdout
    assert "Not usable" in helped.stdout


def test_what_is_no_function_is_refused(greeting: Path, site: Path) -> None:
    (site / "lab_greet.py").write_text("greet = 3", "utf-8")

    assert "it is int, not a function" in " ".join(run_command("greet", code=1).stderr.split())


def test_two_commands_of_one_name_are_not_chosen_from(greeting: Path, site: Path) -> None:
    write_distribution(site, "other-greet", "2", "greet = lab_greet:greet", group="kymflow.commands")

    failed = run_command("greet", "ada", code=1)
    assert "lab-greet and other-greet both have a command greet" in " ".join(failed.stderr.split())


def test_kymflows_own_command_wins(site: Path) -> None:
    write_distribution(site, "lab-show", "1", "indexers = lab_show:show", group="kymflow.commands")

    assert "lab_show" not in run_command("indexers").output
    assert run_command("--help").stdout.count("\n  indexers") == 1


@pytest.mark.parametrize("name", ["view", "report", "plot"])
def test_what_kymflow_view_would_do_says_what_to_install(site: Path, name: str) -> None:
    for arguments in ([], ["lab.zarr", "--port", "3"], ["--help"]):
        failed = run_command(name, *arguments, code=1)
        said = f"`kymflow {name}` comes with kymflow-view, which is not installed: pip install kymflow-view"
        assert " ".join(failed.stderr.split()) == f"kymflow: {with_pip(said)}"
