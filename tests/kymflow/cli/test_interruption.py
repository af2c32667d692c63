"""Ctrl-C and its like at any moment: a line and a code, no traceback, nothing left."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import InvalidStateError, ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import IO

import pytest

from kymflow.cli.interruption import Interruption
from kymflow_zarr import ZarrDataset
from support.command_line import process_of, run_process
from support.processes import heed_signals
from support.simple_indexers import write_distribution

pytestmark = pytest.mark.skipif(os.name == "nt", reason="Windows has no such signals for other processes")

MESSAGE = "kymflow: interrupted{}. What was finished is kept; run the same command again to go on.\n"
SIGNALS = {"SIGINT": "", "SIGTERM": " by SIGTERM", "SIGHUP": " by SIGHUP"}

# Runs a command, and sends itself a signal as it does a thing for the n-th time: imports or runs a module,
# opens, lists, renames or deletes something. Without a number, it says how many things there were.
MOMENTS = """
import os, signal, sys
signum, moment = getattr(signal, sys.argv[1]), int(sys.argv[2])
sys.argv[:3] = ["kymflow"]
from kymflow.cli.interruption import interrupted
from kymflow.cli.main import main
THINGS = {'import', 'exec', 'open', 'os.scandir', 'os.rename', 'os.remove', 'os.mkdir', 'os.listdir'}
n = 0
def count(event, arguments):
    global n
    if event in THINGS and signal.getsignal(signum) == interrupted._note:
        n += 1
        if n == moment:
            os.kill(os.getpid(), signum)
sys.addaudithook(count)
try:
    main()
finally:
    if not moment:
        print(n, file=sys.stderr)
"""


def run_at(moment: int, name: str, *arguments: object, site: Path) -> subprocess.CompletedProcess[str]:
    how = process_of(*arguments, site=site)
    how["args"] = [sys.executable, "-c", MOMENTS, name, str(moment), *map(str, arguments)]
    return subprocess.run(**how, preexec_fn=heed_signals, capture_output=True, timeout=300, check=False)


def ends_at_any_moment(command: str, lab: Path, folder: Path, site: Path, moments: int, seed: int) -> None:
    chance = random.Random(seed)
    words = [{"LAB": str(lab), "IN": str(folder)}.get(word, word) for word in command.split()]
    things = int(run_at(0, "SIGINT", *words, site=site).stderr.splitlines()[-1])
    assert things > 100
    for _ in range(moments):
        # How many things there are depends a little on what the threads are at.
        moment, name = chance.randrange(1, things * 9 // 10), chance.choice(list(SIGNALS))
        done = run_at(moment, name, *words, site=site)
        # Beside a busy machine, a command may have had nothing to tell for long enough to say so before.
        lines = [line for line in done.stderr.splitlines(keepends=True) if "nothing to tell for" not in line]
        assert (done.returncode, "".join(lines)) == (
            128 + getattr(signal, name),
            MESSAGE.format(SIGNALS[name]),
        ), (seed, moment, name, things)
        assert not ZarrDataset(lab).store.leftovers()
    assert run_process("refresh", lab, site=site).returncode == 0
    assert run_process("check", lab, site=site).returncode == 0


COMMANDS = ["show LAB --json", "rebuild LAB", "ingest LAB IN --verify"]


@pytest.mark.parametrize("command", COMMANDS)
def test_a_signal_at_any_moment_is_one_line(lab: Path, folder: Path, site: Path, command: str) -> None:
    ends_at_any_moment(command, lab, folder, site, moments=3, seed=COMMANDS.index(command))


@pytest.mark.long
@pytest.mark.parametrize("command", [*COMMANDS, "check LAB", "status LAB", "export LAB -o LAB.csv images"])
def test_a_signal_at_very_many_moments_is_one_line(lab: Path, folder: Path, site: Path, command: str) -> None:
    ends_at_any_moment(command, lab, folder, site, moments=60, seed=random.randrange(10**6))


WAITING = """
import os, threading
from kymflow import hookimpl
class Waiting:
    name = table_name = "waiting"
    def extract_rows(self, rec):
        os.write(2, b"at work\\n")
        while True:
            try:
                threading.Event().wait()
            except KeyboardInterrupt:
                if os.environ.get("HOW") == "loses it":
                    continue
                if os.environ.get("HOW") == "makes an error of it":
                    raise ImportError("a library that was interrupted")
                raise
@hookimpl
def kymflow_indexers():
    return [Waiting()]
"""


@contextmanager
def at_work(lab: Path, site: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Rebuild a table with an indexer that never ends, and go on as soon as it is at work."""
    write_distribution(site, "lab-waiting", "0.1", "waiting = lab_waiting")
    (site / "lab_waiting.py").write_text(WAITING, "utf-8")
    how = process_of("rebuild", lab, "--indexer", "waiting", *options, site=site, **environment)
    how["args"][2] = "from kymflow.cli import interruption; interruption._PATIENCE_S = 0.5\n" + how["args"][2]
    # Not in the group of the tests, which would get what is sent to it.
    process = subprocess.Popen(
        **how,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=heed_signals,
        start_new_session=True,
    )
    try:
        assert _next_line(process.stderr) == "at work\n"
        yield process
    finally:
        process.kill()
        process.communicate()


def _next_line(stream: IO[str] | None) -> str:
    assert stream is not None
    return stream.readline()


def end_of(process: subprocess.Popen[str]) -> tuple[int, str]:
    """Return the code and what was said last, when nobody is left who could say anything."""
    # Workers have the same standard error: it ends when the last of them has.
    _, problems = process.communicate(timeout=120)
    lines = [line for line in problems.splitlines(keepends=True) if line != "at work\n"]
    return process.returncode, "".join(lines)


@pytest.mark.parametrize("name", SIGNALS)
@pytest.mark.parametrize("to", ["command", "group"])
def test_workers_end_with_the_command(lab: Path, site: Path, name: str, to: str) -> None:
    signum = getattr(signal, name)
    with at_work(lab, site, "--workers", "2") as process:
        # From a terminal or a batch system, all get it.
        (os.kill if to == "command" else os.killpg)(process.pid, signum)
        assert end_of(process) == (128 + signum, MESSAGE.format(SIGNALS[name]))
    assert not ZarrDataset(lab).store.leftovers()
    assert run_process("refresh", lab, "--indexer", "images", site=site).returncode == 0


def test_workers_end_when_the_command_is_killed(lab: Path, site: Path) -> None:
    with at_work(lab, site, "--workers", "2") as process:
        process.kill()
        code, said = end_of(process)
    assert code == -signal.SIGKILL
    # Python itself cleans up after it, and says so.
    assert "Traceback" not in said.replace("resource_tracker", "")


@pytest.mark.parametrize("how", ["loses it", "makes an error of it", "is a good guest"])
@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_library_cannot_lose_it(lab: Path, site: Path, how: str, name: str) -> None:
    signum = getattr(signal, name)
    with at_work(lab, site, HOW=how) as process:
        process.send_signal(signum)
        assert end_of(process) == (128 + signum, MESSAGE.format(SIGNALS[name]))


def test_ctrl_c_again_and_again_is_one_line(lab: Path, site: Path) -> None:
    with at_work(lab, site, "--workers", "2") as process:
        for _ in range(5):
            os.killpg(process.pid, signal.SIGINT)
        assert end_of(process) == (130, MESSAGE.format(""))
    assert not ZarrDataset(lab).store.leftovers()


@pytest.mark.parametrize("is_over", [True, False])
def test_a_pool_that_fails_as_it_is_cancelled_is_silent(
    is_over: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    interruption = Interruption()
    if is_over:
        interruption._note(signal.SIGINT, None)
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        pool.submit(os.getpid).result()
        thread = pool._executor_manager_thread
        error = InvalidStateError("CANCELLED")
        failed = threading.ExceptHookArgs((InvalidStateError, error, None, thread))
        interruption._tell_of_thread(failed)
    assert ("InvalidStateError: CANCELLED" in capsys.readouterr().err) is not is_over


def test_what_is_raised_as_python_clears_up_is_not_lost(lab: Path, site: Path) -> None:
    write_distribution(site, "lab-clearing", "0.1", "clear = lab_clearing:clear", group="kymflow.commands")
    code = (
        "import os, signal, threading\n"
        "class Cleared:\n"
        "    def __del__(self):\n"
        "        os.kill(os.getpid(), signal.SIGINT)\n"
        "        for _ in range(10):\n"
        "            pass\n"
        "def clear():\n"
        "    Cleared()\n"
        "    threading.Event().wait()\n"
    )
    (site / "lab_clearing.py").write_text(code, "utf-8")

    how = process_of("clear", site=site)
    done = subprocess.run(**how, preexec_fn=heed_signals, capture_output=True, timeout=300, check=False)

    assert (done.returncode, done.stderr) == (130, MESSAGE.format(""))


def test_a_signal_that_is_ignored_stays_so(lab: Path, site: Path) -> None:
    how = process_of("status", lab, site=site)
    how["args"] = [sys.executable, "-c", MOMENTS, "SIGHUP", "300", "status", str(lab)]
    code = how["args"][2].replace("interrupted._note", "signal.SIG_IGN")
    how["args"][2] = code

    def ignore() -> None:
        signal.signal(signal.SIGHUP, signal.SIG_IGN)

    done = subprocess.run(**how, preexec_fn=ignore, capture_output=True, timeout=300, check=False)

    assert done.returncode == 0, done.stderr
    assert "velocity_events" in done.stdout


def test_a_terminal_that_is_gone_leaves_the_code(lab: Path, site: Path) -> None:
    with at_work(lab, site) as process:
        assert process.stderr is not None
        process.stderr.close()
        process.stderr = None
        process.send_signal(signal.SIGHUP)
        assert process.wait(timeout=120) == 129
