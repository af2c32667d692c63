"""Refresh and rebuild in the background: one at a time, with progress, cancel and a report."""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from kymflow import CancelledError, KymDataset, KymflowError, UpdateReport
from kymflow_view.server.names import names_of

What = Literal["refresh", "rebuild"]
State = Literal["running", "done", "cancelled", "failed"]

# So many failed images are named with their causes; the others are counted.
MAX_FAILED = 200
# More often, nobody could read it.
_EVERY_S = 0.2

logger = logging.getLogger(__name__)


class BusyError(KymflowError):
    """A job runs already."""


@dataclass
class Job:
    """One run over tables, as the page is told of it.

    Attributes
    ----------
    id : str
        Another one for each job.
    what : {"refresh", "rebuild"}
        What is done.
    state : {"running", "done", "cancelled", "failed"}
        How it stands. Images that failed do not make it ``failed``: the reports name them.
    table : str or None
        The table that is being made.
    done, total : int
        Images of that table.
    error : str or None
        Why it was cancelled or failed.
    reports : dict
        What was done to each table, by name.
    """

    what: What
    id: str = field(default_factory=lambda: uuid.uuid4().hex)
    state: State = "running"
    table: str | None = None
    done: int = 0
    total: int = 0
    error: str | None = None
    reports: dict[str, Any] = field(default_factory=dict)


class Jobs:
    """The job that runs, or ran last.

    Parameters
    ----------
    open_dataset : callable
        Opens the dataset to write, in the thread of a job.
    publish : callable
        Told of the job whenever it has changed.
    """

    def __init__(
        self, open_dataset: Callable[[], KymDataset], publish: Callable[[Mapping[str, Any]], None]
    ) -> None:
        self._open_dataset = open_dataset
        self._publish = publish
        self._lock = threading.Lock()
        self._job: Job | None = None
        self._cancel = threading.Event()
        self._thread: threading.Thread | None = None
        self._told_at = 0.0

    def current(self) -> dict[str, Any] | None:
        """Return the job that runs or ran last as plain values; None if there was none."""
        job = self._job
        return None if job is None else asdict(job)

    def start(self, what: What, indexers: Sequence[str] | None) -> dict[str, Any]:
        """Begin a job, and return it.

        Parameters
        ----------
        what : {"refresh", "rebuild"}
            What to do.
        indexers : sequence of str, optional
            Names of those whose tables are concerned; all by default.

        Raises
        ------
        BusyError
            One runs already.
        """
        with self._lock:
            if self._job is not None and self._job.state == "running":
                raise BusyError(f"a {self._job.what} is running: wait for its end, or cancel it")
            job = self._job = Job(what)
            self._cancel = threading.Event()
            # Before it is answered that it runs: a page that comes now must not be told of the one before.
            self._tell(job)
            # A daemon: what it leaves when the program ends is the old table, as after a kill.
            self._thread = threading.Thread(
                target=self._run, args=(job, indexers, self._cancel), name=f"kymflow {what}", daemon=True
            )
            self._thread.start()
        return asdict(job)

    def cancel(self) -> None:
        """Ask the job to stop; tables that it has not finished stay as they were."""
        self._cancel.set()

    def close(self, timeout_s: float) -> None:
        """Cancel the job, and wait for its end, but not for longer than this."""
        self.cancel()
        if self._thread is not None:
            self._thread.join(timeout_s)

    def _run(self, job: Job, indexers: Sequence[str] | None, cancel: threading.Event) -> None:
        def begin(table_name: str) -> None:
            job.table, job.done, job.total = table_name, 0, 0
            self._tell(job)

        def go_on(done: int, total: int) -> None:
            job.done, job.total = done, total
            if time.monotonic() - self._told_at >= _EVERY_S:
                self._tell(job)

        state: State = "done"
        kd = None
        try:
            kd = self._open_dataset()
            run = kd.refresh_all if job.what == "refresh" else kd.rebuild_all
            run(indexers=indexers, on_error="skip", on_progress=go_on, on_table=begin, cancel=cancel)
        except CancelledError:
            state, job.error = "cancelled", "cancelled; tables that were not finished are as they were"
        except (KymflowError, OSError) as error:
            state, job.error = "failed", " ".join(str(error).split())
        except Exception as error:
            logger.exception("%s failed", job.what)
            state, job.error = "failed", f"{type(error).__name__}: {error}"
        if kd is not None:
            job.reports = {name: _plain(kd, report) for name, report in kd.reports.items()}
        job.table = None
        # Last: from now on, another job may begin, and what it tells comes after the end of this one.
        with self._lock:
            job.state = state
            self._tell(job)

    def _tell(self, job: Job) -> None:
        self._told_at = time.monotonic()
        self._publish(asdict(job))


def _plain(kd: KymDataset, report: UpdateReport) -> dict[str, Any]:
    failed = dict(sorted(report.failed.items())[:MAX_FAILED])
    names = names_of(kd, failed)
    return {
        "rows": report.rows,
        "images": report.images,
        "updated": len(report.updated),
        "unchanged": report.unchanged,
        "removed": len(report.removed),
        "stale": len(report.stale),
        "failed": [
            {"image_id": image_id, "name": names[image_id], "error": cause}
            for image_id, cause in failed.items()
        ],
        "more": len(report.failed) - len(failed),
        "problem": report.problem,
        "seconds": report.seconds,
    }
