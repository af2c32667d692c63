"""Child processes from outside: started, waited for, ended if they do not come back."""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import pickle
import selectors
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from typing import IO

from kymflow.testing.conformance.children.job import Answer, Job, read_told

# Only where a fork of a process that has done nothing but import is known to be sound.
FORKS = sys.platform == "linux"
_CHILD = "kymflow.testing.conformance.children.child"
_TICK_S = 0.2
_START_S = 120.0


def do(job: Job, *, seed: str, patience_s: float) -> Answer:
    """Do a job in a child process.

    Parameters
    ----------
    job : Job
        What to do.
    seed : str
        Its PYTHONHASHSEED: the order of sets.
    patience_s : float
        How long it may be silent before it is ended, s.
    """
    job.folder.mkdir()
    job.file.write_bytes(pickle.dumps(job))
    status = _by_server(job, seed, patience_s) if FORKS else _by_start(job, seed, patience_s)
    printed = job.printed.read_text("utf-8", "replace") if job.printed.exists() else ""
    return Answer(read_told(job.told), status, printed.strip().rpartition("\n")[2])


def prepare(seed: str, libraries: Sequence[str]) -> None:
    """Start what will do the jobs of this seed, with these libraries, and do not wait for it."""
    if FORKS:
        with _one_at_a_time:
            _server(sys.path, seed).ask("", libraries)


def _environment(sys_path: Sequence[str], seed: str) -> dict[str, str]:
    path = os.pathsep.join(os.path.abspath(folder) for folder in sys_path)
    # Of the parent: what a condition says of the environment is set when all of ours is imported.
    return {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed}


def _by_start(job: Job, seed: str, patience_s: float) -> int | None:
    command = [sys.executable, "-m", _CHILD, str(job.file)]
    with subprocess.Popen(
        command,
        env=_environment(job.sys_path, seed),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as process:
        patience = _Patience(job, _START_S + patience_s)
        while not patience.is_over:
            try:
                return process.wait(_TICK_S)
            except subprocess.TimeoutExpired:
                continue
        process.kill()
    return None


class _Patience:
    """Counts how long a child has told nothing."""

    def __init__(self, job: Job, seconds: float) -> None:
        self._job, self._seconds = job, seconds
        self._size, self._since = -1, time.monotonic()

    @property
    def is_over(self) -> bool:
        """Whether it has told nothing for longer than that."""
        size = self._job.told.stat().st_size if self._job.told.exists() else 0
        if size != self._size:
            self._size, self._since = size, time.monotonic()
        return time.monotonic() - self._since > self._seconds


class _Server:
    """A process that has imported everything and makes a copy of itself for each job."""

    def __init__(self, sys_path: Sequence[str], seed: str) -> None:
        self.owner = os.getpid()
        self._process = subprocess.Popen(
            [sys.executable, "-m", _CHILD],
            env=_environment(sys_path, seed),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            bufsize=1,
            # Ctrl-C is for the parent alone.
            start_new_session=True,
        )

    @property
    def _pipes(self) -> tuple[IO[str], IO[str]]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        return self._process.stdin, self._process.stdout

    @property
    def is_alive(self) -> bool:
        """Whether it can be asked."""
        return self._process.poll() is None

    def ask(self, path: str, libraries: Sequence[str]) -> None:
        """Have it import libraries, and then a copy do the job at a path if there is one."""
        questions, _ = self._pipes
        questions.write(json.dumps([path, *libraries]) + "\n")
        questions.flush()

    def do(self, job: Job, patience_s: float) -> int | None:
        """Have a copy do the job, and return how that ended."""
        self.ask(str(job.file), job.libraries)
        _, answers = self._pipes
        pid = int(answers.readline())
        patience, ended = _Patience(job, patience_s), False
        with selectors.DefaultSelector() as selector:
            selector.register(answers, selectors.EVENT_READ)
            while not selector.select(_TICK_S):
                if patience.is_over and not ended:
                    # It may end by itself at this moment.
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
                        ended = True
        status = int(answers.readline())
        return None if ended else status

    def close(self) -> None:
        """End it."""
        questions, answers = self._pipes
        for pipe in (questions, answers):
            with contextlib.suppress(OSError):
                pipe.close()
        self._process.kill()
        self._process.wait()


_servers: dict[str, _Server] = {}
_one_at_a_time = threading.Lock()


def _server(sys_path: Sequence[str], seed: str) -> _Server:
    server = _servers.get(seed)
    # A fork of this process must not talk to a server of its parent.
    if server is None or server.owner != os.getpid() or not server.is_alive:
        if not _servers:
            atexit.register(_close_all)
        server = _servers[seed] = _Server(sys_path, seed)
    return server


def _by_server(job: Job, seed: str, patience_s: float) -> int | None:
    with _one_at_a_time:
        server = _server(job.sys_path, seed)
        try:
            return server.do(job, patience_s)
        except BaseException:
            # Interrupted in the middle of an answer: the next one would get the wrong one.
            _servers.pop(seed, None)
            server.close()
            raise


def _close_all() -> None:
    for server in _servers.values():
        if server.owner == os.getpid():
            server.close()
    _servers.clear()
