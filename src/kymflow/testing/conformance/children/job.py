"""What a child process is to do, and what it has told: also of one that ended in the middle."""

from __future__ import annotations

import pickle
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Tell = Callable[[str, Any], None]


@dataclass(frozen=True)
class Job:
    """One call of a function in a child process.

    Attributes
    ----------
    call : str
        The function, ``module:name``. It is given a function to tell values with, then `arguments`.
    arguments : tuple
        Values that can be pickled.
    folder : Path
        A folder of its own, in which it starts; what it tells and prints is beside that.
    environ : dict
        The environment variables there.
    sys_path : sequence of str
        Where modules are found there.
    libraries : sequence of str
        Modules that may be there already when it starts.
    """

    call: str
    arguments: tuple[Any, ...]
    folder: Path
    environ: Mapping[str, str]
    sys_path: Sequence[str]
    libraries: Sequence[str] = ()

    @property
    def file(self) -> Path:
        """Where the job itself is written."""
        return self.folder.with_suffix(".job")

    @property
    def told(self) -> Path:
        """The values that it tells, one pickle after the other."""
        return self.folder.with_suffix(".told")

    @property
    def printed(self) -> Path:
        """What is printed there."""
        return self.folder.with_suffix(".txt")


@dataclass(frozen=True)
class Answer:
    """What a child process came to.

    Attributes
    ----------
    told : list of (str, object)
        The values that it told, in order.
    status : int or None
        Its exit code, or minus the number of the signal that ended it; None if it did not come back.
    printed : str
        The last line that it printed.
    """

    told: list[tuple[str, Any]] = field(default_factory=list)
    status: int | None = 0
    printed: str = ""

    @property
    def finished(self) -> bool:
        """Whether it came to the end of what it was to do."""
        return bool(self.told) and self.told[-1][0] == "done"

    def values(self, name: str) -> list[Any]:
        """Return what was told under a name."""
        return [value for key, value in self.told if key == name]

    @property
    def end(self) -> str:
        """How it ended, in words."""
        if self.status is None:
            return "it did not come back, and was ended"
        if self.status < 0:
            try:
                name = signal.Signals(-self.status).name
            except ValueError:
                name = f"signal {-self.status}"
            return f"the process was ended by {name}"
        return f"the process ended with exit code {self.status}"


def read_told(path: Path) -> list[tuple[str, Any]]:
    """Return what was told so far; the last value may be cut off."""
    return list(_pickles(path)) if path.exists() else []


def _pickles(path: Path) -> Iterator[tuple[str, Any]]:
    # Written by our own process, into our own folder.
    with path.open("rb") as file:
        while True:
            try:
                yield pickle.load(file)
            except (EOFError, pickle.UnpicklingError):
                return
