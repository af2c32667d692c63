"""The program itself: its help, wrong usage, and what it does as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from kymflow import __version__
from kymflow.testing import simulate_folder
from support.command_line import Run, run_process
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
        [sys.executable, "-c", code], env=environment, capture_output=True, text=True, timeout=300, check=True
    )

    assert "ingest" in done.stdout
    assert done.stdout.splitlines()[-1] == "[]"


def test_a_whole_run_in_a_pipe_prints_no_progress_and_no_escapes(
    site: Path, folder: Path, tmp_path: Path
) -> None:
    done = run_process("ingest", tmp_path / "lab.zarr", folder, site=site)

    assert done.returncode == 0
    assert done.stderr == ""
    assert "\x1b" not in done.stdout
    assert "4 new" in done.stdout


def test_a_mistake_is_one_line_and_no_traceback_as_a_process_too(tmp_path: Path) -> None:
    done = run_process("show", tmp_path / "absent.zarr")

    assert (done.returncode, done.stdout, done.stderr.count("\n")) == (1, "", 1)
    assert "there is no dataset at" in done.stderr


def test_a_broken_plugin_is_told_in_lines_of_its_own_and_the_others_work(lab: Path, site: Path) -> None:
    write_distribution(site, "lab-indexers", "0.1", "lab = lab_indexers_broken")
    (site / "lab_indexers_broken.py").write_text("raise RuntimeError('first line\\nsecond line')", "utf-8")

    done = run_process("rebuild", lab, "--json", site=site)

    # Whoever runs it every night must see it.
    assert done.returncode == 1
    assert {"radon_report", "velocity_events"} <= json.loads(done.stdout)["tables"].keys()
    warning, stale = done.stderr.splitlines()
    assert warning.startswith("kymflow: warning: plugin 'lab = lab_indexers_broken' of lab-indexers 0.1")
    assert stale.startswith(
        "kymflow: stale: no table made by it, as 'lab' of lab-indexers 0.1 cannot be used"
    )


def test_a_console_that_lacks_a_letter_is_no_reason_to_fail(site: Path, tmp_path: Path) -> None:
    folder = tmp_path / "日本"
    simulate_folder(folder, 1, n_lines=60, n_pixels=8)
    console = {"PYTHONUTF8": "0", "PYTHONIOENCODING": "cp1252"}

    for options in ([], ["--json"]):
        done = run_process("ingest", folder / "lab.zarr", folder, *options, site=site, **console)
        assert "Traceback" not in done.stderr
        assert done.returncode == 0
