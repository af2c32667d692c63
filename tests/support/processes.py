"""Python programs as processes of their own, which the fixture ``start_python`` starts."""

from __future__ import annotations

import signal
import subprocess
from collections.abc import Callable

StartPython = Callable[..., "subprocess.Popen[str]"]


def heed_signals() -> None:
    """Heed Ctrl-C and the end of a terminal, which shells and nohup let what they start ignore."""
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


def start_together(*processes: subprocess.Popen[str], when: str = "ready") -> None:
    """Let all go on at once: each has said a word, and waits for a line."""
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == f"{when}\n", process.communicate()
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("go\n")
        process.stdin.flush()


def wait_for_all(*processes: subprocess.Popen[str], timeout_s: float = 300) -> list[str]:
    """Return what each said; all must end well."""
    said = []
    for process in processes:
        out, problems = process.communicate(timeout=timeout_s)
        assert (process.returncode, problems) == (0, "")
        said.append(out)
    return said


def run_together(*processes: subprocess.Popen[str], timeout_s: float = 300) -> list[str]:
    """Let all begin at once, and return what each said; all must end well."""
    start_together(*processes)
    return wait_for_all(*processes, timeout_s=timeout_s)


def run_to_the_end(process: subprocess.Popen[str], timeout_s: float) -> None:
    """Run what prints each thing before it meets it, and ``done`` last.

    Of a crash, the message tells at which thing it came.
    """
    out, problems = process.communicate(timeout=timeout_s)
    lines = out.splitlines() or ["nothing"]
    assert lines[-1] == "done", f"{lines[-1]}\n{problems[-3000:]}"
