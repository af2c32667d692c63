"""``kymflow view`` as a process of its own, a browser's side of it, and where those in this process are."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from email.message import Message
from http.client import HTTPConnection, HTTPResponse
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from kymflow import KymDataset

from .command_line import process_of
from .paths import SRC, TESTS
from .processes import heed_signals

TIMEOUT_S = 120

# Of viewers in the process of the tests.
PORT = 8765
TOKEN = "a-token-of-tests"
ORIGIN = f"http://127.0.0.1:{PORT}"


def edit_one(lab: Path) -> str:
    """Edit the radon report of one image, and return the image's id."""
    kd = KymDataset(lab)
    image_id = str(kd.get_table("radon_report")["image_id"].iloc[0])
    record = kd.ds.record(image_id)
    record.save_df_parquet("radon_report", record.load_df_parquet("radon_report").assign(mean_velocity=0.5))
    return image_id


@dataclass(frozen=True)
class Answer:
    """What the server answered."""

    status: int
    headers: Message
    text: str


@dataclass
class Viewer:
    """A viewer that runs.

    Attributes
    ----------
    process : Popen
        It.
    link : str
        What it printed.
    cookie : str
        What its link gives, once :meth:`enter` has opened it.
    streams : ExitStack
        Those that are open.
    """

    process: subprocess.Popen[str]
    link: str
    cookie: str = ""
    streams: ExitStack = field(default_factory=ExitStack)

    @property
    def port(self) -> int:
        return urlsplit(self.link).port or 0

    @property
    def origin(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def link_to(self, path: str) -> str:
        """Return the link that lets in and leads to another page."""
        return f"{self.origin}{path}?{urlsplit(self.link).query}"

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str | None) -> Answer:
        """Send a request as its page would, and follow no redirect; a header that is None is left out."""
        with closing(self._connect(path, method, body, headers)) as connection:
            answer = connection.getresponse()
            return Answer(answer.status, answer.headers, answer.read().decode("utf-8"))

    def asking(self, path: str) -> closing[HTTPConnection]:
        """Send a request, and leave the answer alone."""
        return closing(self._connect(path, "GET", None, {}))

    def json(self, path: str, method: str = "GET", body: Any = None, *, status: int = 200) -> Any:
        answer = self.ask(path, method, body)
        assert answer.status == status, answer.text
        return json.loads(answer.text)

    def enter(self) -> Viewer:
        """Open the link, as the browser does."""
        answer = self.ask(self.link.removeprefix(self.origin))
        assert answer.status == 303, answer.text
        self.cookie = answer.headers["Set-Cookie"].partition(";")[0]
        return self

    def events(self) -> Iterator[tuple[str, Any]]:
        """Listen to changes; ends when the server closes the stream."""
        connection = self._connect("/api/changes", "GET", None, {})
        self.streams.callback(connection.close)
        answer = self.streams.enter_context(connection.getresponse())
        assert answer.status == 200, answer.read()
        return _events(answer)

    def _connect(
        self, path: str, method: str, body: Any, headers: Mapping[str, str | None]
    ) -> HTTPConnection:
        origin = self.origin if method != "GET" else None
        sent = {"Host": f"127.0.0.1:{self.port}", "Cookie": self.cookie or None, "Origin": origin, **headers}
        connection = HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT_S)
        connection.putrequest(method, path, skip_host=True, skip_accept_encoding=True)
        for name, value in sent.items():
            if value is not None:
                connection.putheader(name, value)
        data = b"" if body is None else json.dumps(body).encode()
        connection.putheader("Content-Length", str(len(data)))
        connection.endheaders(data)
        return connection

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self.process.send_signal(signal.SIGINT)

    def kill(self) -> None:
        """End it as a power failure would."""
        self.process.kill()
        self.process.wait(TIMEOUT_S)

    def wait(self) -> tuple[int, str, str]:
        """Return the exit code, and what else was printed to both streams, once it has ended."""
        out, problems = self.process.communicate(timeout=TIMEOUT_S)
        # Beside a busy machine, a start may take long enough for a line about that.
        lines = [line for line in problems.splitlines(keepends=True) if "nothing to tell for" not in line]
        return self.process.returncode, out, "".join(lines)


def _events(answer: HTTPResponse) -> Iterator[tuple[str, Any]]:
    kind = ""
    for line in answer:
        name, _, value = line.decode("utf-8").rstrip("\n").partition(": ")
        if name == "event":
            kind = value
        elif name == "data":
            yield kind, json.loads(value)


@contextmanager
def viewing(dataset: Path | str, *options: object, **how: Any) -> Iterator[Viewer]:
    """Run ``kymflow view`` without a browser; it is killed in the end, if it still runs.

    Parameters
    ----------
    dataset : Path or str
        What it shows.
    *options
        More options of the command.
    **how
        As :func:`support.command_line.process_of` takes it.
    """
    with running(process_of("view", dataset, "--no-browser", *options, **how)) as viewer:
        yield viewer


@contextmanager
def viewing_with_plugin(
    dataset: Path | str, site: Path, cache: Path, *options: object, **how: Any
) -> Iterator[Viewer]:
    """Run ``kymflow view`` with what is installed on `site`, and :mod:`support`; see :func:`viewing`.

    Parameters
    ----------
    dataset : Path or str
        What it shows.
    site : Path
        Where plugins are installed, besides those of this environment.
    cache : Path
        The user's folder of caches.
    *options
        More options of the command.
    **how
        More variables of the environment.
    """
    path = os.pathsep.join(map(str, (site, SRC, TESTS)))
    with viewing(dataset, *options, PYTHONPATH=path, XDG_CACHE_HOME=str(cache), **how) as viewer:
        yield viewer


@contextmanager
def running(how: dict[str, Any]) -> Iterator[Viewer]:
    """Run a viewer as ``subprocess`` is told to; see :func:`viewing`."""
    with (
        subprocess.Popen(
            **how,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            preexec_fn=None if os.name == "nt" else heed_signals,
        ) as process,
        ExitStack() as streams,
    ):
        try:
            yield Viewer(process, _first_line(process), streams=streams)
        finally:
            process.kill()


def _first_line(process: subprocess.Popen[str]) -> str:
    assert process.stdout is not None
    lines: queue.Queue[str] = queue.Queue()
    threading.Thread(
        target=lambda out: lines.put(out.readline()), args=(process.stdout,), daemon=True
    ).start()
    line = lines.get(timeout=TIMEOUT_S).strip()
    assert line, process.communicate()
    return line
