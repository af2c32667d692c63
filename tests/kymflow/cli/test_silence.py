"""What a command says when it has had nothing to tell for long."""

from __future__ import annotations

import math
import os
import re
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from kymflow.cli import silence
from support.command_line import process_of
from support.simple_indexers import write_distribution


@pytest.fixture(autouse=True)
def forget() -> None:
    silence._told_s = math.inf


def test_nothing_is_due_before_it_listens_nor_while_something_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 100.0
    monkeypatch.setattr(silence.time, "monotonic", lambda: now_s)
    assert silence.due_s() == math.inf
    silence.begin()
    now_s = 105.0
    silence.note()
    assert silence.due_s() == 115.0


def test_it_is_told_after_ever_longer_times(monkeypatch: pytest.MonkeyPatch) -> None:
    now_s = 0.0
    said: list[str] = []
    monkeypatch.setattr(silence.time, "monotonic", lambda: now_s)
    monkeypatch.setattr(silence, "write", said.append)
    silence.begin()
    times = []
    for now_s in range(100):
        before = len(said)
        silence.look()
        times += [now_s] * (len(said) - before)

    assert times == [10, 30, 70]
    assert said[0] == "kymflow: nothing to tell for 10 s: still at work. Ctrl-C ends it."


class _Frame:
    def __init__(self, module: str, f_back: object = None) -> None:
        self.f_globals = {"__name__": module}
        self.f_back = f_back


@pytest.mark.parametrize(
    ("modules", "awaited"),
    [
        (["kymflow.cli.commands"], "still at work"),
        (["kymflow.cli.update", "filelock._api"], "waiting for a lock that another program holds"),
        (["kymflow_zarr.dataset", "kymflow_zarr.store.object", "ssl"], "waiting for the object store"),
        (
            ["kymflow.core.zarr.extraction.task", "lab_stalls.rows", "numpy"],
            "waiting for lab_stalls.rows, which extracts rows",
        ),
        (["kymflow.cli.delete", "typer._click.termui"], None),
        (["kymflow_view.server.running", "asyncio.base_events", "selectors"], None),
    ],
)
def test_it_tells_what_the_main_thread_waits_for(modules: list[str], awaited: str | None) -> None:
    frame = None
    for module in modules:
        frame = _Frame(module, frame)
    assert silence._awaited(frame) == awaited  # type: ignore[arg-type]


def test_a_command_that_waits_says_so_once_and_goes_on(lab: Path, site: Path) -> None:
    write_distribution(site, "lab-slow", "0.1", "slow = lab_slow")
    code = (
        "import sys\n"
        "import pandas as pd\n"
        "from kymflow import hookimpl\n"
        "class Slow:\n"
        "    name = table_name = 'slow'\n"
        "    def extract_rows(self, rec):\n"
        "        sys.stdin.readline()\n"
        "        return pd.DataFrame({'n': [1]})\n"
        "@hookimpl\n"
        "def kymflow_indexers():\n"
        "    return [Slow()]\n"
    )
    (site / "lab_slow.py").write_text(code, "utf-8")
    how = process_of("rebuild", lab, "--indexer", "slow", "--json", site=site)
    how["args"][2] = "from kymflow.cli import silence; silence.AFTER_S = 0.5\n" + how["args"][2]
    pipe = subprocess.PIPE
    with subprocess.Popen(**how, stdin=pipe, stdout=pipe, stderr=pipe) as process:
        assert process.stderr is not None
        # As it starts, it may be slow, too.
        while "lab_slow" not in (line := process.stderr.readline()):
            assert re.fullmatch(r"kymflow: nothing to tell for \d+ s: .*\. Ctrl-C ends it\.\n", line)
        assert "waiting for lab_slow, which extracts rows. Ctrl-C ends it." in line
        out, _ = process.communicate("\n" * 10, timeout=300)
    assert process.returncode == 0
    assert out.startswith("{")


@pytest.mark.skipif(os.name == "nt", reason="Windows cannot tell whether anybody reads")
def test_who_cannot_be_told_is_not_waited_for() -> None:
    code = "from kymflow.cli import silence\nfor _ in range(3000):\n    silence.write('x' * 70)\n"
    reading, writing = os.pipe()
    # Nobody reads what is more than a pipe takes.
    process = subprocess.Popen([sys.executable, "-c", code], stderr=writing)
    os.close(writing)
    watcher = threading.Timer(120, process.kill)
    watcher.start()
    assert process.wait() == 0
    watcher.cancel()
    os.close(reading)
