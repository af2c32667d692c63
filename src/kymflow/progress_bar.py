"""A progress bar for everything long: ``on_progress=kymflow.progress()``."""

from __future__ import annotations

import os
import shutil
import sys
import warnings
from typing import TYPE_CHECKING, Protocol, TextIO

if TYPE_CHECKING:
    from types import TracebackType

_FORMAT = "{desc}{percentage:3.0f}%|{bar}| {n_fmt}/{total_fmt} [{elapsed}<{remaining}]"


class _Bar(Protocol):
    n: float

    @property
    def total(self) -> float | None: ...

    def update(self, n: float) -> object: ...

    def close(self) -> None: ...


class Progress:
    """Shows how far a run is; called with (done, total), as every `on_progress` is.

    Each phase of a run has a bar of its own: the files of an ingest, then the images of each table.

    Parameters
    ----------
    name : str
        What stands before the bar.
    leave : bool
        Whether a bar stays when it is full.
    in_logs : bool
        Whether to write lines where neither a terminal nor a notebook shows a bar.
    file : file object, optional
        Where it is shown; by default standard error, as it is when a bar begins.

    See Also
    --------
    progress
        Makes one.
    """

    def __init__(
        self, name: str = "", *, leave: bool = True, in_logs: bool = True, file: TextIO | None = None
    ) -> None:
        self._name = name
        self._file = file
        self._leave = leave
        self._in_logs = in_logs
        self._bar: _Bar | None = None
        self._ended: tuple[float, int] | None = None

    def __call__(self, done: float, total: int) -> None:
        """Show that so many of all images are done."""
        bar = self._bar
        if bar is not None and (done < bar.n or total != bar.total):
            # Something else has begun, and the last was not finished.
            self.close()
            bar = None
        # A run may say more than once that it is at its end.
        if not total or (done, total) == self._ended:
            return
        if bar is None:
            file = sys.stderr if self._file is None else self._file
            bar = self._bar = _open(self._name, total, done, file, leave=self._leave, in_logs=self._in_logs)
        bar.update(round(done - bar.n, 2))
        self._ended = None
        if done >= total:
            self.close()
            self._ended = (done, total)

    def begin(self, name: str) -> None:
        """Name the next bar; for `on_table`, which gets the name of each table."""
        self.close()
        self._name = name
        self._ended = None

    def close(self) -> None:
        """End the bar where it is; another call begins a new one."""
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


def progress(name: str = "") -> Progress:
    """Make a progress bar, for `on_progress` of everything that takes one.

    In a terminal and in a notebook it is a bar, and elsewhere (a log, say) a line for each tenth, on standard
    error. It ends by itself when all is done.

    Parameters
    ----------
    name : str
        What stands before the bar.

    Returns
    -------
    Progress
        In a ``with``, its bar ends also where an error ends the run; otherwise it stays as it was, until
        Python has forgotten the error. ``on_table=bar.begin`` names the tables.

    Examples
    --------
    >>> import kymflow
    >>> from kymflow.testing import simulate_folder
    >>> images = simulate_folder("kymographs", n_images=2, n_lines=200)
    >>> kd = kymflow.KymDataset("memory://with-a-bar", mode="a")
    >>> with kymflow.progress("kymographs") as bar:
    ...     report = kd.ingest_folder("kymographs", on_progress=bar, on_table=bar.begin)
    >>> len(report.new)
    2
    """
    return Progress(name)


def _open(name: str, total: int, done: float, file: TextIO | None, *, leave: bool, in_logs: bool) -> _Bar:
    in_notebook = _is_notebook()
    # A terminal that cannot go back to the start of a line shows no bar.
    on_terminal = file is not None and file.isatty() and os.environ.get("TERM") != "dumb"
    if not (in_notebook or on_terminal):
        return _Lines(name, total, done, file if in_logs else None)
    with warnings.catch_warnings():
        # Without ipywidgets a notebook shows a bar of letters, which is as good.
        warnings.simplefilter("ignore")
        from tqdm.auto import tqdm

    class Bar(tqdm):  # type: ignore[type-arg]
        # No thread that looks after bars: processes may be forked meanwhile.
        monitor_interval = 0

    return Bar(
        desc=f"{name}: " if name else None,
        total=total,
        initial=done,
        file=file,
        leave=leave,
        bar_format=_FORMAT,
        # tqdm draws nothing on a terminal that does not say how large it is.
        ncols=None if in_notebook else shutil.get_terminal_size().columns,
        nrows=shutil.get_terminal_size().lines,
    )


def _is_notebook() -> bool:
    ipython = sys.modules.get("IPython")
    return ipython is not None and hasattr(ipython.get_ipython(), "kernel")


class _Lines:
    """What a bar is in a log: a line for each tenth that is done."""

    def __init__(self, name: str, total: int, n: float, file: TextIO | None) -> None:
        self.n = n
        self.total = total
        self._name = name or "progress"
        self._file = file

    def update(self, n: float) -> None:
        before = self._tenths()
        self.n += n
        if self._file is not None and self._tenths() > before:
            self._file.write(f"{self._name}: {self.n:g} of {self.total}\n")
            self._file.flush()

    def _tenths(self) -> int:
        return int(10 * self.n / self.total)

    def close(self) -> None:
        """Nothing is open."""
