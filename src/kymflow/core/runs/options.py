"""What every long run is told: what a failure does, who follows its progress, when to stop, where to run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    import threading
    from concurrent.futures import Executor

OnError = Literal["raise", "skip"]
OnProgress = Callable[[int, int], None]
OnTable = Callable[[str], None]


@dataclass(frozen=True)
class RunOptions:
    """The options of one run; :meth:`KymDataset.rebuild` documents them for users.

    Attributes
    ----------
    on_error : {"raise", "skip"}
        Whether a failing image stops the run, or keeps its old rows and is listed in the report.
    on_progress : callable, optional
        Called with (done, total) images.
    cancel : threading.Event, optional
        The run stops soon after it is set.
    executor : concurrent.futures.Executor, optional
        Where records are extracted; in this thread by default.

    Raises
    ------
    ValueError
        `on_error` is something else.
    """

    on_error: OnError = "raise"
    on_progress: OnProgress | None = None
    cancel: threading.Event | None = None
    executor: Executor | None = None

    def __post_init__(self) -> None:
        if self.on_error not in ("raise", "skip"):
            raise ValueError(f"on_error must be 'raise' or 'skip', got {self.on_error!r}")

    @property
    def is_cancelled(self) -> bool:
        """Whether somebody has asked the run to stop."""
        return self.cancel is not None and self.cancel.is_set()

    def tell(self, done: int, total: int) -> None:
        """Report progress."""
        if self.on_progress is not None:
            self.on_progress(done, total)

    def after(self, n_images: int) -> RunOptions:
        """Return the same options, with progress that goes on after so many images."""
        told = self.on_progress
        if told is None or not n_images:
            return self
        return replace(self, on_progress=lambda done, total: told(n_images + done, n_images + total))

    def skipping(self) -> RunOptions:
        """Return the same options with ``on_error="skip"``."""
        return replace(self, on_error="skip")
