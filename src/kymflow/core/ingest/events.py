"""Velocity events of one acquisition as a table artifact."""

from __future__ import annotations

from typing import Any

import pandas as pd

from kymflow.core.ingest.acquisition import Acquisition
from kymflow.core.ingest.desktop_sidecars import split_key

_RENAMED = {"t_start": "t0_s", "t_end": "t1_s", "event_type": "kind", "score_peak": "score"}
_FIRST = ("roi_id", "event_id", "t0_s", "t1_s", "kind", "score", "channel")


def events_table(acquisition: Acquisition) -> pd.DataFrame | None:
    """Return the events, a row each; None where the acquisition has no list of events.

    Parameters
    ----------
    acquisition : Acquisition
        Events of an ROI that it does not list any more are dropped.

    Returns
    -------
    DataFrame or None
        roi_id (int), event_id (str), t0_s and t1_s (s), kind (str), score (mm/s), channel (int),
        then every other field under its own name, in full precision. What the file leaves null is missing.
        Where velocities are not in mm/s, ``velocity_unit`` tells.

    Notes
    -----
    ``event_id`` is made of ROI, channel, kind, first and peak sample (or, without them, the start),
    so that it stays the same when the folder is ingested again, other events are added, or this
    one is reviewed. Events alike in all of these are told apart by ``#2``, ``#3``.
    """
    if acquisition.events is None:
        return None
    known = None if acquisition.rois is None else {roi.roi_id for roi in acquisition.rois}
    rows = []
    for key, events in acquisition.events.items():
        roi_id, channel = split_key(key)
        if roi_id is not None and (known is None or roi_id in known):
            rows += [_row(roi_id, channel, event) for event in events]
    _number_duplicates(rows)
    if acquisition.velocity_unit != "mm/s":
        rows = [{**row, "velocity_unit": acquisition.velocity_unit} for row in rows]
    names = dict.fromkeys([*_FIRST, *(name for row in rows for name in row)])
    # As objects, so that whole numbers stay whole beside missing ones.
    return pd.DataFrame({name: pd.Series([row.get(name) for row in rows], dtype=object) for name in names})


def _row(roi_id: int, channel: int | None, event: dict[str, Any]) -> dict[str, Any]:
    row = {_RENAMED.get(name, name): value for name, value in event.items()}
    row["roi_id"] = roi_id
    if channel is not None:
        row["channel"] = channel
    row["event_id"] = f"{roi_id}:{row.get('channel')}:{row.get('kind')}:{_when(event)}"
    return row


def _when(event: dict[str, Any]) -> str:
    samples = [event.get("i_start"), event.get("i_peak")]
    if samples != [None, None]:
        return "-".join("" if sample is None else str(sample) for sample in samples)
    # Events that a person added may have times only.
    return f"{event.get('t_start')}s"


def _number_duplicates(rows: list[dict[str, Any]]) -> None:
    counts: dict[str, int] = {}
    for row in rows:
        event_id = row["event_id"]
        counts[event_id] = counts.get(event_id, 0) + 1
        if counts[event_id] > 1:
            row["event_id"] = f"{event_id}#{counts[event_id]}"
