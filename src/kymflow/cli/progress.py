"""Progress bars on a terminal; nothing in a pipe."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager


class Progress:
    """Two callables for everything long: `step` for images, `begin` for what they are for."""

    def begin(self, name: str) -> None:
        """Begin something new."""

    def step(self, done: float, total: int) -> None:
        """Say how far it is."""


@contextmanager
def progress(first: str) -> Iterator[Progress]:
    """Give a progress bar, if standard error is a terminal, and else something silent."""
    if not sys.stderr.isatty():
        yield Progress()
        return
    from rich.console import Console
    from rich.progress import Progress as RichProgress

    with RichProgress(console=Console(stderr=True), transient=True) as bars:
        yield _Bars(bars, first)


class _Bars(Progress):
    def __init__(self, bars: object, first: str) -> None:
        from rich.progress import Progress as RichProgress

        assert isinstance(bars, RichProgress)
        self._bars = bars
        self._task = bars.add_task(first, total=None)

    def begin(self, name: str) -> None:
        self._bars.remove_task(self._task)
        self._task = self._bars.add_task(name, total=None)

    def step(self, done: float, total: int) -> None:
        self._bars.update(self._task, completed=done, total=total)
