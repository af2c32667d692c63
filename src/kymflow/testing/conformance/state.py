"""Checks that nothing goes over from one record to the next."""

from __future__ import annotations

import contextlib
import threading
from typing import TYPE_CHECKING, Any

import pandas as pd

from kymflow.testing.conformance.comparing import check_same, difference
from kymflow.testing.conformance.findings import Breach, NotRun
from kymflow.testing.conformance.outcome import Outcome
from kymflow.testing.conformance.subject import Subject, Trace

if TYPE_CHECKING:
    from types import FrameType

    from kymflow.core.zarr.indexers.base import DatasetIndexer

_STATELESS = (
    "Keep what belongs to a record in local variables of extract_rows, not in attributes, module variables "
    "or default arguments"
)
# What waits for a lock longer than this is not interrupted again.
_LOCKED_S = 0.5


def keeps_no_state(subject: Subject) -> None:
    """One instance gives the same rows whatever records it was given before."""
    good = subject.good
    indexer = subject.fresh()
    for image_id in [*good, *reversed(good)]:
        check_same(
            subject.extract(indexer, image_id),
            good[image_id],
            what="it gave other rows after it was given other records",
            remedy=_STATELESS,
        )


def returned_rows_stay_as_they_are(subject: Subject) -> None:
    """A DataFrame that it has returned does not change when it is given the next record."""
    indexer = subject.fresh()
    outcomes = [subject.extract(indexer, image_id) for image_id in subject.good]
    for outcome in outcomes:
        if outcome.rows is None or not isinstance(outcome.returned, pd.DataFrame):
            continue
        found = difference(outcome.returned, outcome.rows)
        if found is not None:
            raise Breach(
                f"rows that it had returned changed when it was given another record "
                f"(image {outcome.image_id!r})",
                expected="a new DataFrame for each record",
                got=found,
                remedy="Make the DataFrame anew in each call; do not keep and refill one",
            )


def records_can_be_interleaved(subject: Subject) -> None:
    """Two threads can use one instance: a second record, at every line of the first, spoils neither."""
    good = subject.good
    first, second = subject.two_records()
    for one, other in ((first, second), (second, first)):
        indexer = subject.fresh()
        between = _Between(subject, indexer, other)
        outcome = subject.extract(indexer, one, trace=between.trace)
        between.finish()
        for found in (outcome, *between.outcomes):
            check_same(
                found,
                good[found.image_id],
                what=f"it mixed up two records that two threads gave it at once (the other: "
                f"{other if found.image_id == one else one!r})",
                remedy=_STATELESS,
            )


class _Between:
    """Gives the indexer a second record at each line, once, while it is busy with the first."""

    def __init__(self, subject: Subject, indexer: DatasetIndexer, image_id: str) -> None:
        self.outcomes: list[Outcome] = []
        self._subject, self._indexer, self._image_id = subject, indexer, image_id
        self._modules = subject.own_modules()
        self._lines: set[tuple[str, int]] = set()
        self._waiting: threading.Thread | None = None

    @property
    def trace(self) -> Trace:
        """The trace function that does so."""
        return self._on_event

    def finish(self) -> None:
        """Wait for a call that waited for the first record itself."""
        if self._waiting is not None:
            self._waiting.join(self._subject.timeout_s)

    def _on_event(self, frame: FrameType, event: str, argument: Any) -> Any:
        if frame.f_globals.get("__name__") not in self._modules:
            return None
        line = (frame.f_code.co_filename, frame.f_lineno)
        if event == "line" and line not in self._lines and not self._is_waiting:
            self._lines.add(line)
            self._meanwhile()
        return self._on_event

    @property
    def _is_waiting(self) -> bool:
        return self._waiting is not None and self._waiting.is_alive()

    def _meanwhile(self) -> None:
        thread = threading.Thread(target=self._extract, name="kymflow-check-between", daemon=True)
        thread.start()
        thread.join(_LOCKED_S)
        if thread.is_alive():
            # It waits for a lock that the first record holds: as good a way as any to keep them apart.
            self._waiting = thread

    def _extract(self) -> None:
        with contextlib.suppress(NotRun):
            self.outcomes.append(self._subject.extract(self._indexer, self._image_id))
