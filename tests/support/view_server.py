"""`kymflow view` as a process of its own, on loopback only."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from .paths import TESTS

LINK = re.compile(r"http://127\.0\.0\.1:\d+/\S*")


@dataclass(frozen=True)
class ViewServer:
    """A viewer that runs.

    Attributes
    ----------
    link : str
        What it printed: with the token, for the first page.
    process : subprocess.Popen
        Itself; nothing else of this name is ended.
    """

    link: str
    process: subprocess.Popen[str]

    @property
    def origin(self) -> str:
        parts = urlsplit(self.link)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def port(self) -> int:
        return int(urlsplit(self.link).port or 0)

    def link_to(self, path: str) -> str:
        """Return the link that lets in and leads to another page."""
        return f"{self.origin}{path}?{urlsplit(self.link).query}"

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(20)


@contextmanager
def viewing(
    dataset: str | Path, site: Path, cache: Path, *, options: Sequence[str] = (), **environment: str
) -> Iterator[ViewServer]:
    """Run ``kymflow view DATASET --no-browser`` until the end of the block.

    Parameters
    ----------
    dataset : str or Path
        Path or URL.
    site : Path
        Where plugins are installed, besides those of this environment.
    cache : Path
        The user's folder of caches.
    options : sequence of str
        More of the command line.
    environment
        Further variables.
    """
    path = os.pathsep.join(filter(None, [str(site), str(TESTS), os.environ.get("PYTHONPATH")]))
    variables: Mapping[str, str] = {
        **os.environ,
        "PYTHONPATH": path,
        "XDG_CACHE_HOME": str(cache),
        "PYTHONUNBUFFERED": "1",
        **environment,
    }
    program = Path(sys.executable).with_name("kymflow")
    log = cache / "view.log"
    with open(log, "ab") as errors:
        process = subprocess.Popen(
            [program, "view", str(dataset), "--no-browser", *options],
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            env=variables,
        )
    try:
        yield ViewServer(_link(process, log), process)
    finally:
        process.kill()
        process.communicate()


def _link(process: subprocess.Popen[str], log: Path) -> str:
    assert process.stdout is not None
    printed = []
    for line in process.stdout:
        printed.append(line)
        found = LINK.search(line)
        if found:
            return found[0]
    raise AssertionError(f"kymflow view printed no link: {''.join(printed)}{log.read_text('utf-8')}")
