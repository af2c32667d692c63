"""Checks in another Python process, started afresh: nothing of this one, and another clock, is there."""

from __future__ import annotations

import contextlib
import datetime
import os
import pickle
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

from kymflow.testing.conformance.comparing import difference
from kymflow.testing.conformance.findings import Breach, NotRun
from kymflow.testing.conformance.limits import describe
from kymflow.testing.conformance.subject import Subject
from kymflow_zarr import ZarrDataset, ZarrImageRecord
from kymflow_zarr.store.tracking import TrackingStore

if TYPE_CHECKING:
    import pandas as pd

# Per image its rows, or the error in words.
Answers = dict[str, "pd.DataFrame | str"]

_PLAIN = "plain"
_ANOTHER_CLOCK = "another clock"
_START_S = 60.0
_SHIFT_S = 400 * 24 * 3600.0
# Between them there are 26 hours, so that the date is another than here in at least one.
_FAR_ZONES = ("<east>-14", "<west>12")


def rows_are_the_same_in_another_process(subject: Subject) -> None:
    """A fresh Python gives the same rows, with the records in reverse order."""
    _compare(
        subject,
        _PLAIN,
        what="it gave other rows in a fresh Python process, where the records came in reverse order",
        remedy="Keep nothing in module or class variables that an earlier record has set, and sort what "
        "comes from a set: its order is another in each process",
    )


def rows_depend_on_no_clock(subject: Subject) -> None:
    """The rows are the same more than a year later, and in another time zone."""
    _compare(
        subject,
        _ANOTHER_CLOCK,
        what="it gave other rows at another time or in another time zone",
        remedy="Read no clock; give times as the artifacts have them, in UTC",
    )


def _compare(subject: Subject, condition: str, *, what: str, remedy: str) -> None:
    good = subject.good
    found_there = subject.shared("elsewhere", lambda: _ask_another_process(subject))
    if isinstance(found_there, Breach):
        if condition == _PLAIN:
            raise found_there
        raise NotRun(
            "the indexer cannot be used in another process",
            "See the check rows_are_the_same_in_another_process",
        )
    answers: Answers = found_there[condition]
    for image_id, rows in good.items():
        answer = answers[image_id]
        found = answer if isinstance(answer, str) else difference(answer, rows)
        if found is not None:
            raise Breach(f"{what} (image {image_id!r})", expected="the same rows", got=found, remedy=remedy)


def _ask_another_process(subject: Subject) -> dict[str, Answers] | Breach:
    """Return what another process gives, by condition, or why it gives nothing."""
    if type(subject.indexer).__module__ == "__main__":
        raise NotRun(
            "the indexer's class is in the program itself (__main__), which another process cannot import",
            "Put the class into a module of its own, and import it",
        )
    subject.fresh()
    job, answer = subject.new_path("job"), subject.new_path("answer")
    image_ids = list(reversed(subject.good))
    job.write_bytes(
        pickle.dumps(
            (subject.pickled, str(subject.sample.ds.path), image_ids, datetime.date.today().isoformat())
        )
    )
    try:
        done = subprocess.run(
            [sys.executable, "-m", __name__, str(job), str(answer)],
            env=_environment(),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=_START_S + subject.timeout_s * 2 * len(image_ids),
        )
        output = done.stderr
    except subprocess.TimeoutExpired:
        output = "it did not come to an end"
    except OSError as error:
        raise NotRun(f"no other Python process could be started: {error}", "See the error") from error
    if answer.exists():
        # Written by our own process, into our own folder.
        answers: dict[str, Answers] = pickle.loads(answer.read_bytes())
        return answers
    return Breach(
        "it cannot be used in another Python process",
        expected="to be unpickled there, and to give rows",
        got=output.strip().rpartition("\n")[2] or "no answer",
        remedy="Put its class at the top of a module that every Python here can import, as an installed "
        "plugin is; read no environment variable and open no file when that module is imported",
    )


def _environment() -> dict[str, str]:
    path = os.pathsep.join(os.path.abspath(folder) for folder in sys.path)
    # Sets have another order there.
    seed = "1" if os.environ.get("PYTHONHASHSEED") != "1" else "2"
    return {**os.environ, "PYTHONPATH": path, "PYTHONHASHSEED": seed}


# What runs there


def _extract_all(indexer: Any, ds: ZarrDataset, image_ids: Sequence[str]) -> Answers:
    answers: Answers = {}
    for image_id in image_ids:
        record = ZarrImageRecord(TrackingStore(ds.store), image_id, zarr_format=ds.zarr_format)
        try:
            answers[image_id] = indexer.extract_rows(record)
        except Exception as error:  # noqa: BLE001
            # An author's code runs here; the parent process tells of it.
            answers[image_id] = describe(error)
    return answers


@contextlib.contextmanager
def _another_clock(date_here: str) -> Iterator[None]:
    for zone in _FAR_ZONES:
        if hasattr(time, "tzset") and datetime.date.today().isoformat() == date_here:
            os.environ["TZ"] = zone
            time.tzset()
    real, real_ns = time.time, time.time_ns

    def later() -> float:
        return real() + _SHIFT_S

    def later_ns() -> int:
        return real_ns() + int(_SHIFT_S * 1e9)

    # The date of today, too, comes from there.
    with mock.patch("time.time", later), mock.patch("time.time_ns", later_ns):
        yield


def main(job: Path, answer: Path) -> None:
    """Extract all records under each condition; see :func:`_ask_another_process`."""
    pickled, dataset, image_ids, date_here = pickle.loads(job.read_bytes())
    indexer = pickle.loads(pickled)
    ds = ZarrDataset(dataset, "r")
    answers = {_PLAIN: _extract_all(indexer, ds, image_ids)}
    with _another_clock(date_here):
        answers[_ANOTHER_CLOCK] = _extract_all(pickle.loads(pickled), ds, image_ids)
    answer.write_bytes(pickle.dumps(answers))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
