"""Progress bars on a terminal; nothing in a pipe."""

from __future__ import annotations

import sys

from kymflow.cli import silence
from kymflow.cli.streams import painted
from kymflow.cli.visible import visible_line
from kymflow.progress_bar import Progress


def progress(first: str) -> Progress:
    """Return a progress bar that goes away in the end; `first` is what begins."""
    return _Bar(first, leave=False, in_logs=False, file=painted(sys.stderr))


class _Bar(Progress):
    """A bar in which names are only seen; where it is not shown, the command is not silent either."""

    def __call__(self, done: float, total: int) -> None:
        silence.note()
        super().__call__(done, total)

    def begin(self, name: str) -> None:
        super().begin(visible_line(name))
