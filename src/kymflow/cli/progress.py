"""Progress bars on a terminal; nothing in a pipe."""

from __future__ import annotations

from kymflow.progress_bar import Progress


def progress(first: str) -> Progress:
    """Return a progress bar that goes away in the end; `first` is what begins."""
    return Progress(first, leave=False, in_logs=False)
