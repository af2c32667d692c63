"""Event files: fields, ids that stay, regions that are gone."""

from __future__ import annotations

from typing import Any

import pandas as pd

from kymflow import KymDataset
from kymflow.core.ingest.desktop_sidecars import find_desktop_sidecars, read_desktop_sidecars
from kymflow.core.ingest.events import events_table
from support.acquisitions import Acquired, event, roi


def events_of(acquired: Acquired, content: dict[str, Any], **metadata: Any) -> pd.DataFrame:
    if metadata:
        acquired.json(metadata)
    acquired.analysis("_events.json", {"velocity_events": content})
    table = events_table(read_desktop_sidecars(find_desktop_sidecars(acquired.tiff)))
    assert table is not None
    return table


def test_fields_get_their_table_names_and_the_others_stay(acquired: Acquired) -> None:
    table = events_of(acquired, {"1:2": [event(3, score_peak=0.25, strength=1.5, color="red")]})

    assert list(table.columns[:7]) == ["roi_id", "event_id", "t0_s", "t1_s", "kind", "score", "channel"]
    assert {"i_start", "i_peak", "strength", "color"} < set(table.columns)
    assert table.iloc[0][["roi_id", "channel", "t0_s", "kind", "score", "color"]].tolist() == [
        1, 2, 0.5, "baseline_drop", 0.25, "red",
    ]  # fmt: skip
    assert table["t1_s"].isna().all()


def test_events_of_a_removed_roi_are_dropped(acquired: Acquired) -> None:
    content = {"1:1": [event(1)], "2:1": [event(2)]}

    assert events_of(acquired, content, rois=[roi(2)])["roi_id"].tolist() == [2]
    assert events_of(acquired, content, rois=[])["roi_id"].tolist() == []


def test_where_no_file_lists_rois_all_events_are_kept(acquired: Acquired) -> None:
    assert len(events_of(acquired, {"1:1": [event(1)], "2:1": [event(2)]})) == 2


def test_an_event_file_without_events_is_a_table_without_rows(acquired: Acquired) -> None:
    table = events_of(acquired, {})

    assert len(table) == 0
    assert list(table.columns) == ["roi_id", "event_id", "t0_s", "t1_s", "kind", "score", "channel"]


def test_an_event_keeps_its_id_when_others_are_added_or_it_is_reviewed(acquired: Acquired) -> None:
    before = events_of(acquired, {"1:1": [event(10), event(30)]})
    after = events_of(acquired, {"1:1": [event(5), event(10, user_type="true_stall", note="x"), event(30)]})

    assert before["event_id"].is_unique
    assert after["event_id"].is_unique
    assert after["event_id"].tolist()[1:] == before["event_id"].tolist()


def test_events_without_samples_keep_their_ids_when_others_are_added(acquired: Acquired) -> None:
    first, second = event(None, "user_added", t_start=1.0), event(None, "user_added", t_start=2.0)
    before = dict(zip([1.0, 2.0], events_of(acquired, {"1:1": [first, second]})["event_id"], strict=True))

    earlier = event(None, "user_added", t_start=0.25)
    after = events_of(acquired, {"1:1": [earlier, first, second]})

    assert dict(zip(after["t0_s"], after["event_id"], strict=True)).items() >= before.items()


def test_events_alike_in_everything_are_told_apart(acquired: Acquired) -> None:
    table = events_of(acquired, {"1:1": [event(1), event(1), event(1)], "1:2": [event(1)]})

    assert table["event_id"].tolist() == [
        "1:1:baseline_drop:1-1",
        "1:1:baseline_drop:1-1#2",
        "1:1:baseline_drop:1-1#3",
        "1:2:baseline_drop:1-1",
    ]


def test_whole_numbers_stay_whole_beside_missing_ones(acquired: Acquired, kd: KymDataset) -> None:
    events_of(acquired, {"1:1": [event(1, i_end=None), event(2, i_end=7)]})
    kd.ingest_folder(acquired.tiff.parent)

    table = kd.get_table("velocity_events")
    assert table["i_end"].dropna().tolist() == [7]
