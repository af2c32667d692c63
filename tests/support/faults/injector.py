"""The library between Python and the C library: compiled from ``faults.c``, loaded, told what to do."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

# Instead of an errno: the process is killed (-9); one file is renamed over another.
KILL, SWAP = -1, -2

needs_injector = pytest.mark.skipif(
    sys.platform != "linux" or shutil.which("cc") is None, reason="needs Linux and a C compiler, cc"
)


def build(folder: Path) -> Path:
    """Compile the library into a folder; it goes into ``LD_PRELOAD``."""
    library = folder / "faults.so"
    command = [
        "cc",
        "-O1",
        "-Wall",
        "-Werror",
        "-shared",
        "-fPIC",
        "-o",
        library,
        Path(__file__).with_name("faults.c"),
    ]
    subprocess.run([*command, "-ldl"], check=True, timeout=300)
    return library


@dataclass(frozen=True)
class Fault:
    """What happens at which call below a folder.

    Attributes
    ----------
    at : int
        Which call, from 1; 0 for none.
    error : int
        An errno, :data:`KILL` or :data:`SWAP`.
    lasting : bool
        Whether later calls of the same name fail, too.
    only : str
        Calls of which name count, such as ``"open"``; all by default.
    swap : tuple of str
        What is renamed to what, before the call.
    """

    at: int = 0
    error: int = 0
    lasting: bool = False
    only: str = ""
    swap: tuple[str, str] = ("", "")

    def arm(self, folder: str, told: int = -1) -> None:
        """Count and fail calls below a folder from now on; the descriptor `told` gets a line for each."""
        paths = (os.path.realpath(folder).encode(), self.only.encode())
        swap = (name.encode() for name in self.swap)
        _library().faults_arm(*paths, ctypes.c_long(self.at), self.error, self.lasting, *swap, told)


NO_FAULT = Fault()


def disarm() -> int:
    """Let all calls through; return how many there were."""
    return int(_library().faults_disarm())


@cache
def _library() -> ctypes.CDLL:
    library = ctypes.CDLL(os.environ["LD_PRELOAD"])
    library.faults_disarm.restype = ctypes.c_long
    return library
