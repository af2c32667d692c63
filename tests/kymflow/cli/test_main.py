from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from kymflow import KymDataset, __version__
from kymflow.testing import simulate_folder
from support.command_line import Run
from support.paths import SRC
from support.simple_indexers import write_distribution

# Help, version


def test_help_lists_every_command(run: Run) -> None:
    words = run("--help").stdout.split()

    assert {"demo", "ingest", "indexers", "rebuild", "update", "show"} <= set(words)


@pytest.mark.parametrize("command", ["demo", "ingest", "indexers", "rebuild", "update", "show"])
def test_every_command_has_help(run: Run, command: str) -> None:
    assert "--json" in run(command, "--help").stdout


def test_the_version_is_told(run: Run) -> None:
    assert run("--version").stdout == f"kymflow {__version__}\n"


def test_no_command_at_all_shows_the_help(run: Run) -> None:
    assert "ingest" in run(code=2).output


@pytest.mark.parametrize("arguments", [["--no-such"], ["no-such"], ["ingest"], ["update", "lab.zarr"]])
def test_wrong_usage_ends_with_2_and_says_how(run: Run, arguments: list[str]) -> None:
    result = run(*arguments, code=2)

    assert result.stdout == ""
    assert "Error" in result.stderr
    assert "Traceback" not in result.stderr


# As a process


def as_process(*arguments: object, site: Path | None = None, **environment: str) -> dict[str, Any]:
    path = os.pathsep.join(str(folder) for folder in (site, SRC) if folder is not None)
    return {
        "args": [sys.executable, "-c", "from kymflow.cli.main import main; main()", *map(str, arguments)],
        "env": {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", **environment},
        "encoding": "utf-8",
        "errors": "replace",
    }


def process(
    *arguments: object, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE, **how: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        **as_process(*arguments, **how), stdout=stdout, stderr=stderr, timeout=60, check=False
    )


def test_help_loads_nothing_heavy() -> None:
    code = """
import sys
sys.argv = ["kymflow", "--help"]
from kymflow.cli.main import main
try:
    main()
except SystemExit:
    pass
print([n for n in ("pandas", "numpy", "zarr", "pyarrow", "rich", "tifffile", "obstore") if n in sys.modules])
"""
    environment = {**os.environ, "PYTHONPATH": str(SRC)}
    done = subprocess.run(
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=60, check=True
    )

    assert "ingest" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_whole_run_in_a_pipe_prints_no_progress_and_no_escapes(
    site: Path, folder: Path, tmp_path: Path
) -> None:
    done = process("ingest", tmp_path / "lab.zarr", folder, site=site)

    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "4 new" in done.stdout


def test_a_mistake_is_one_line_and_no_traceback_as_a_process_too(tmp_path: Path) -> None:
    done = process("show", tmp_path / "absent.zarr")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "there is no dataset at" in done.stderr


def test_a_broken_plugin_is_warned_of_in_one_line_and_the_others_work(lab: Path, site: Path) -> None:
    write_distribution(site, "lab-indexers", "0.1", "lab = lab_indexers_broken")
    (site / "lab_indexers_broken.py").write_text("raise RuntimeError('first line\\nsecond line')", "utf-8")

    done = process("rebuild", lab, "--json", site=site)

    assert done.returncode == 0
    assert sorted(json.loads(done.stdout)["tables"]) == ["radon_report", "velocity_events"]
    assert done.stderr.startswith("kymflow: warning: plugin 'lab = lab_indexers_broken' of lab-indexers 0.1")
    assert done.stderr.count("\n") == 1


def test_a_console_that_lacks_a_letter_is_no_reason_to_fail(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "日本"
    simulate_folder(folder, 1, n_lines=60, n_pixels=8)
    console = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}

    for options in ([], ["--json"]):
        done = process("ingest", folder / "lab.zarr", folder, *options, site=site, **console)
        assert "Traceback" not in done.stderr
        assert done.returncode == 0


@pytest.fixture
def many_rows(lab: Path) -> Path:
    """The lab with a table ``many``, of which no pipe takes all rows at once."""
    KymDataset(lab).ds.save_table("many", pd.DataFrame({"image_id": "a", "n": range(20_000)}))
    return lab


@pytest.fixture
def nobody() -> Iterator[int]:
    """The end of a pipe that nobody reads."""
    reading, writing = os.pipe()
    os.close(reading)
    yield writing
    os.close(writing)


# Where nothing is buffered, it is the first line that fails; else the last flush, if the output is short.
@pytest.mark.parametrize("unbuffered", ["", "1"])
@pytest.mark.parametrize(
    "command",
    [
        "--help",
        "--version",
        "indexers",
        "show LAB",
        "show LAB --json",
        "show LAB many --json",
        "check LAB",
    ],
)
def test_a_reader_that_has_seen_enough_ends_it_quietly(
    many_rows: Path, site: Path, nobody: int, command: str, unbuffered: str
) -> None:
    arguments = [str(many_rows) if word == "LAB" else word for word in command.split()]
    done = process(*arguments, site=site, stdout=nobody, PYTHONUNBUFFERED=unbuffered)

    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize("unbuffered", ["", "1"])
def test_a_reader_that_leaves_in_the_middle_ends_it_quietly(
    many_rows: Path, site: Path, unbuffered: str
) -> None:
    how = as_process("show", many_rows, "many", "--json", site=site, PYTHONUNBUFFERED=unbuffered)
    with subprocess.Popen(**how, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        assert running.stdout.readline() == "{\n"
        running.stdout.close()
        assert running.stderr.read() == ""

    assert running.returncode == 141


@pytest.mark.parametrize("arguments", [["nonsense"], ["show"], ["show", "absent.zarr"]])
def test_mistakes_that_nobody_reads_end_in_the_same_way(nobody: int, arguments: list[str]) -> None:
    done = process(*arguments, stdout=nobody, stderr=nobody)

    assert done.returncode == 141


def test_a_plugin_that_prints_is_not_to_blame_if_nobody_reads(lab: Path, site: Path, nobody: int) -> None:
    talk(site)
    done = process("rebuild", lab, site=site, stdout=nobody, PYTHONUNBUFFERED="1")

    assert (done.returncode, done.stderr) == (141, "")


def test_what_plugins_print_in_workers_does_not_come_between_the_results(lab: Path, site: Path) -> None:
    talk(site)
    done = process("rebuild", lab, "--indexer", "talker", "--workers", "2", "--json", site=site)

    assert json.loads(done.stdout)["tables"]["talker"]["rows"] == 4
    assert done.stderr.splitlines() == ["a word"] * 4


def talk(site: Path) -> None:
    """Install an indexer that prints a word for each image."""
    write_distribution(site, "lab-talker", "0.1", "talker = lab_talker_plugin")
    code = (
        "import pandas as pd\n"
        "from kymflow import hookimpl\n"
        "class Talker:\n"
        "    name = table_name = 'talker'\n"
        "    def extract_rows(self, rec):\n"
        "        print('a word')\n"
        "        return pd.DataFrame({'n': [1]})\n"
        "@hookimpl\n"
        "def kymflow_indexers():\n"
        "    return [Talker()]\n"
    )
    (site / "lab_talker_plugin.py").write_text(code, "utf-8")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_is_told_in_one_line(lab: Path, site: Path) -> None:
    with open("/dev/full", "wb") as full:
        done = process("show", lab, site=site, stdout=full.fileno())

    assert (done.returncode, done.stderr) == (1, "kymflow: [Errno 28] No space left on device\n")
