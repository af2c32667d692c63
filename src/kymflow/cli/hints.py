"""Commands as the user can type them: named as this program was called, quoted for the shell."""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys

from kymflow_zarr.store.locations import is_url

PROGRAM = "kymflow"


def call(*arguments: str | os.PathLike[str]) -> str:
    """Return a command of this program that can be pasted into the shell that called it.

    Paths below the present folder are given from there, as they are shorter.
    """
    return " ".join(quote(word) for word in (program(), *(here(os.fspath(one)) for one in arguments)))


def program() -> str:
    """Return how this program is called: by its name if that finds it, or by the path that did."""
    called = sys.argv[0]
    folder, name = os.path.split(called)
    # Imported, or run by another program, it has been called in no way that could be told.
    if name.lower().removesuffix(".exe") != PROGRAM or not folder or _is_same(shutil.which(PROGRAM), called):
        return PROGRAM
    path = here(called)
    return path if os.path.dirname(path) else os.path.join(os.curdir, path)


def with_pip(text: str) -> str:
    """Return a text with ``pip install`` as it is typed for the environment in which this program runs."""
    return text.replace("pip install", f"{_pip()} install")


def _pip() -> str:
    """Return how pip is called: by its name if that finds the one of this environment."""
    if not sys.executable or _is_beside(shutil.which("pip"), sys.executable):
        return "pip"
    return f"{quote(here(sys.executable))} -m pip"


def _is_beside(found: str | None, python: str) -> bool:
    return found is not None and os.path.dirname(os.path.abspath(found)) == os.path.dirname(python)


def quote(word: str) -> str:
    """Return a word of a command as the shell of this system needs it."""
    return subprocess.list2cmdline([word]) if os.name == "nt" else shlex.quote(word)


def here(path: str) -> str:
    """Return a path from the present folder, if it lies below; else as it is."""
    if is_url(path) or not os.path.isabs(path):
        return path
    try:
        relative = os.path.relpath(path)
    except (OSError, ValueError):
        # The present folder is gone, or on another drive.
        return path
    return path if relative.split(os.sep)[0] == os.pardir else relative


def _is_same(found: str | None, called: str) -> bool:
    if found is None:
        return False
    for path in (called, f"{called}.exe"):
        try:
            if os.path.samefile(found, path):
                return True
        except OSError:
            continue
    return False
