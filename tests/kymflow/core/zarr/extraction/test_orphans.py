"""Workers of a pool that the user made, whose parent is killed."""

from __future__ import annotations

import multiprocessing
import signal
import subprocess
from pathlib import Path

import pytest

from support.executors import linux, small_lab
from support.processes import StartPython

pytestmark = linux

PROGRAM = """
import multiprocessing, sys, warnings
from concurrent.futures import ProcessPoolExecutor
# Of newer versions of Python, that a program with threads is forked.
warnings.simplefilter("ignore")
from kymflow import KymDataset
import tempfile
from support.executor_indexers import AtWork, Met
kind, path, method = sys.argv[1:]
with ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method)) as executor:
    # One that never had a task knows nothing of kymflow, and waits for ever.
    KymDataset(path).rebuild(Met(folder=tempfile.mkdtemp(dir=path + "/..")), executor=executor)
    if kind == "at work":
        KymDataset(path).rebuild(AtWork(), executor=executor)
    print("idle", flush=True)
    sys.stdin.readline()
"""


def parent_of(start_python: StartPython, kind: str, path: str, method: str) -> subprocess.Popen[str]:
    process = start_python(PROGRAM, kind, path, method)
    assert process.stdout is not None
    assert process.stdout.readline() == f"{kind}\n"
    return process


@pytest.mark.parametrize("method", multiprocessing.get_all_start_methods())
@pytest.mark.parametrize("kind", ["at work", "idle"])
def test_workers_end_when_their_parent_is_killed(
    tmp_path: Path, start_python: StartPython, kind: str, method: str
) -> None:
    process = parent_of(start_python, kind, small_lab(tmp_path).ds.path, method)

    process.kill()

    # Workers have the same standard output: it ends when the last of them has.
    said, problems = process.communicate(timeout=120)
    assert process.returncode == -signal.SIGKILL
    assert set(said.splitlines()) <= {"at work"}
    assert "Error" not in problems


def test_signals_stay_as_the_program_has_them(tmp_path: Path, start_python: StartPython) -> None:
    handlers = (
        "print([signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)])\n"
        "print(threading.active_count())\n"
    )
    code = PROGRAM.replace("with Process", f"import signal, threading\n{handlers}with Process")
    code = code.replace("    sys.stdin.readline()\n", "") + handlers

    process = start_python(code, "idle", small_lab(tmp_path).ds.path, "spawn")

    said, _ = process.communicate(timeout=300)
    before, threads, idle, after, threads_after = said.splitlines()
    assert (before, threads, idle) == (after, threads_after, "idle")
