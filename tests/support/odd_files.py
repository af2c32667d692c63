"""What may lie in the place of a file, and is none."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path


def _socket(path: Path) -> None:
    # A socket's path must be short.
    here = os.getcwd()
    os.chdir(path.parent)
    try:
        with socket.socket(socket.AF_UNIX) as one:
            one.bind(path.name)
    finally:
        os.chdir(here)


def _pipe_behind_link(path: Path) -> None:
    target = path.with_name("somewhere-else")
    os.mkfifo(target)
    path.symlink_to(target)


# By name, and what an error calls them.
ODD_FILES: dict[str, tuple[Callable[[Path], None], str]] = {
    "pipe": (lambda path: os.mkfifo(path), "a named pipe"),
    "socket": (_socket, "a socket"),
    "folder": (lambda path: path.mkdir(), "a folder"),
    "endless device": (lambda path: path.symlink_to("/dev/zero"), "a device"),
    "link to nowhere": (lambda path: path.symlink_to("nowhere"), "a link to 'nowhere', where nothing is"),
    "pipe behind a link": (_pipe_behind_link, "a named pipe"),
}


def put_odd_file(kind: str, path: Path) -> str:
    """Put something odd in the place of a file; return what an error calls it."""
    path.unlink(missing_ok=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    make, what = ODD_FILES[kind]
    make(path)
    return what
