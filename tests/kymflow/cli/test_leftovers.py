"""What plugins do to a command's process: threads left behind, streams closed, logs turned on."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow.cli import leftovers
from support.command_line import run_process
from support.simple_indexers import write_distribution

pytestmark = pytest.mark.slow

INDEXER = """
import pandas as pd

class Lines:
    '''Lines of every scan.'''

    name = table_name = "lines"

    def extract_rows(self, rec):
        {statement}
        return pd.DataFrame({{"n": [1]}})

{on_import}
"""


def write_plugin(site: Path, on_import: str = "", statement: str = "pass") -> None:
    write_distribution(site, "lab-lines", "0.1", "lines = lab_lines:Lines")
    code = INDEXER.format(on_import=on_import, statement=statement)
    (site / "lab_lines.py").write_text(code, "utf-8")


@pytest.mark.parametrize(("command", "code"), [("indexers", 0), ("rebuild LAB", 1)])
def test_a_thread_that_never_ends_does_not_keep_a_command_and_is_named(
    site: Path, lab: Path, command: str, code: int
) -> None:
    poll = "import threading\ndef poll():\n    threading.Event().wait()\n"
    write_plugin(site, f"{poll}threading.Thread(target=poll, name='poll').start()", "raise ValueError")
    done = run_process(*command.replace("LAB", str(lab)).split(), site=site)
    assert done.returncode == code
    assert "lines" in done.stdout
    assert done.stderr.splitlines()[-1] == (
        "kymflow: done, and not waiting for thread 'poll' of lab_lines, which a plugin left running"
    )


def test_a_process_that_never_ends_does_not_keep_a_command_and_is_named(site: Path) -> None:
    write_plugin(
        site,
        "import multiprocessing, threading\n"
        "if multiprocessing.parent_process() is None:\n"
        "    context = multiprocessing.get_context('fork')\n"
        "    context.Process(target=threading.Event().wait, name='poll').start()",
    )
    done = run_process("indexers", site=site)
    assert "not waiting for process 'poll', which a plugin left running" in done.stderr


def test_an_idle_pool_of_threads_is_nothing_to_tell(site: Path) -> None:
    write_plugin(
        site,
        "from concurrent.futures import ThreadPoolExecutor\n"
        "pool = ThreadPoolExecutor(2)\npool.submit(int).result()",
    )
    done = run_process("indexers", site=site)
    assert done.stderr == ""


def test_threads_of_kymflows_own_are_waited_for() -> None:
    assert leftovers._threads() == []


@pytest.mark.parametrize(
    "statement",
    [
        "import sys, io; sys.stdout = io.StringIO()",
        "import sys; sys.stdout = None",
        "import sys; sys.stdout.close()",
        "import builtins; builtins.print = lambda *words, **how: None",
        "import contextlib, io; contextlib.redirect_stdout(io.StringIO()).__enter__()",
    ],
)
@pytest.mark.parametrize("when", ["on import", "per image"])
def test_a_plugin_that_takes_standard_output_silences_no_command(
    site: Path, lab: Path, statement: str, when: str
) -> None:
    write_plugin(site, *((statement, "pass") if when == "on import" else ("", statement)))
    done = run_process("rebuild", lab, "--indexer", "lines", site=site)
    assert "lines" in done.stdout
    assert "rows" in done.stdout


@pytest.mark.parametrize("when", ["on import", "per image"])
def test_a_plugin_that_turns_on_logs_floods_nobody(site: Path, lab: Path, when: str) -> None:
    statement = "import logging; logging.basicConfig(level=logging.DEBUG)"
    write_plugin(site, *((statement, "pass") if when == "on import" else ("", statement)))
    done = run_process("rebuild", lab, "--indexer", "lines", site=site)
    (line,) = [one for one in done.stderr.splitlines() if "%" not in one]
    assert "changed logging for the whole program; it was put back" in line


@pytest.mark.parametrize("command", ["indexers", "readers", "rebuild LAB", "refresh LAB", "status LAB"])
def test_where_warnings_are_errors_a_broken_plugin_ends_no_command(
    site: Path, lab: Path, command: str
) -> None:
    write_plugin(site, "import warnings; warnings.simplefilter('error')")
    write_distribution(site, "lab-broken", "0.1", "broken = lab_broken")
    (site / "lab_broken.py").write_text("raise RuntimeError('no luck')", "utf-8")
    words = [str(lab) if word == "LAB" else word for word in command.split()]
    plain = run_process(*words, site=site)
    strict = run_process(*words, site=site, PYTHONWARNINGS="error")
    for done in (plain, strict):
        assert done.returncode == (1 if words[0] in ("rebuild", "refresh") else 0)
        assert "Traceback" not in done.stderr
        assert "lines" in done.stdout or words[0] == "readers"
