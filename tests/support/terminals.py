"""The command line as a person meets it: on a terminal of 80 columns, and what it prints as golden text."""

from __future__ import annotations

import os
import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

from .command_line import process_of

# Set it to write the golden texts anew; then read what has changed.
REWRITE = "KYMFLOW_REWRITE_TRANSCRIPTS"

_ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_VARYING = {
    r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}": "<image id>",
    r"\([0-9a-f]{8}\)": "(<short id>)",
    r" +\d+\.\d{3} s": " <seconds>",
    # With the spaces before: they are fewer where it takes long.
    r"(?m) +\d+\.\d\d *$": "  <s>",
}


def on_terminal(
    *arguments: object, answer: str = "", columns: int = 80, cwd: Path, **how: Any
) -> tuple[str, int]:
    """Run ``kymflow`` on a terminal of its own; return what it shows, without colours, and the exit code."""
    termios = pytest.importorskip("termios", reason="Windows has no pseudo-terminals of this kind")
    main, side = os.openpty()
    termios.tcsetwinsize(side, (24, columns))
    options = process_of(*arguments, TERM="dumb", **how)
    # The terminal itself tells its size.
    options["env"].pop("COLUMNS", None)
    process = subprocess.Popen(
        **options,
        stdin=side,
        stdout=side,
        stderr=side,
        cwd=cwd,
        start_new_session=True,
    )
    os.close(side)
    printed = b""
    while block := _read(main):
        printed += block
        # What is typed before it is asked for, the last space included, would be echoed somewhere else.
        if answer and printed.endswith(b"[y/N]: "):
            os.write(main, f"{answer}\n".encode())
            answer = ""
    os.close(main)
    text = _ESCAPES.sub("", printed.decode("utf-8"))
    return "".join(f"{line.rstrip()}\n" for line in text.splitlines()), process.wait(timeout=300)


def _read(main: int) -> bytes:
    try:
        return os.read(main, 2**16)
    except OSError:
        # Linux' word for: nobody holds the other side any more.
        return b""


def in_pipe(*arguments: object, cwd: Path, **how: Any) -> tuple[str, int]:
    """Run ``kymflow`` in a pipe; return what is printed, standard error last, and the exit code."""
    done = subprocess.run(
        **process_of(*arguments, **how), capture_output=True, stdin=subprocess.DEVNULL, cwd=cwd, check=False
    )
    return done.stdout + done.stderr, done.returncode


def golden(name: str, text: str, folder: Path) -> None:
    """Compare a transcript with the one that somebody has read, but for ids and seconds."""
    for pattern, word in _VARYING.items():
        text = re.sub(pattern, word, text)
    text = "\n".join(line.rstrip() for line in text.split("\n")).strip("\n") + "\n"
    path = folder / f"{name}.txt"
    if os.environ.get(REWRITE):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8"), f"{path.name} reads otherwise; {REWRITE}=1 writes it anew"
