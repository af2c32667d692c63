"""What is released, as strangers install it: each Python that is here, the oldest and the newest pandas."""

from __future__ import annotations

import subprocess
import sys
import tarfile
from pathlib import Path

import pytest

from support.environments import BUILTIN, REPO, VIEW, call, find_python, plain_environment

pytestmark = pytest.mark.long

NAMES = {"kymflow", "kymflow_indexers_builtin", "kymflow_view"}
OLD, NEW = "pandas>=2.2,<2.3", "pandas>=3"


@pytest.fixture(scope="module")
def dist(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of ``--distributions``, or one with what this tree gives."""
    given: Path | None = request.config.getoption("--distributions")
    if given is not None:
        return given.absolute()
    folder = tmp_path_factory.mktemp("dist")
    for project in (REPO, BUILTIN, VIEW):
        call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, project)
    return folder


def check_it_works(folder: Path, python: Path | str, *to_install: object) -> str:
    """Install with all that is needed, run the demo, and ask after its dataset; return pandas' version."""
    lab = plain_environment(folder, python, *to_install)
    call(*lab.pip, "check")

    demo = lab.kymflow("demo", "my lab")
    assert "Traceback" not in demo.stderr
    dataset = "my lab/lab.zarr"
    assert {name: table["fresh"] for name, table in lab.status(dataset).items()} == {
        "images": 6,
        "radon_report": 6,
        "velocity_events": 6,
    }
    lab.kymflow("report", dataset, "-o", "report.html")
    assert "<svg" in (lab.folder / "report.html").read_text("utf-8")
    version = call(lab.python, "-c", "import pandas; print(pandas.__version__)").stdout
    return str(version)


def test_there_is_a_wheel_and_an_sdist_of_each(dist: Path) -> None:
    kinds = {".whl": NAMES, ".gz": NAMES}

    found = {kind: {path.name.split("-")[0] for path in dist.glob(f"*{kind}")} for kind in kinds}

    assert found == kinds
    assert len(list(dist.iterdir())) == 6


def test_an_sdist_holds_what_git_holds_of_it(dist: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], cwd=REPO, capture_output=True, text=True, check=True).stdout
    for sdist in dist.glob("*.tar.gz"):
        with tarfile.open(sdist) as archive:
            files = {member.name.partition("/")[2] for member in archive if member.isfile()}
        place = "" if sdist.name.startswith("kymflow-") else f"src/{sdist.name.split('-')[0]}/"
        # hatchling adds .gitignore, which an sdist is built with in its turn.
        strange = {name for name in files if f"{place}{name}" not in listed.split("\n")}
        assert strange <= {"PKG-INFO", ".gitignore"}
        assert len(files) > 8


@pytest.mark.parametrize(
    ("version", "pandas"),
    [
        *((version, pandas) for version in ("3.11", "3.12", "3.13") for pandas in (OLD, NEW)),
        ("3.14", NEW),  # pandas 2.2 has no wheels for it
    ],
)
def test_the_wheels_install_and_work(version: str, pandas: str, dist: Path, tmp_path: Path) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"there is no Python {version}: neither on PATH nor among pyenv's versions")

    installed = check_it_works(tmp_path / "environment", python, *dist.glob("*.whl"), pandas)

    assert installed.startswith("2.2." if pandas == OLD else "3.")


def test_the_sdists_install_and_work(dist: Path, tmp_path: Path) -> None:
    assert check_it_works(tmp_path / "environment", sys.executable, *dist.glob("*.tar.gz"))
