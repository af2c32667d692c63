"""What reports, plans and status say of themselves on a terminal and in a notebook."""

from __future__ import annotations

import pickle

import pytest

from kymflow import CheckReport, DatasetStatus, IngestReport, Problem, RefreshPlan, TableStatus, UpdateReport
from kymflow.core.runs.reports import UpgradeReport

UPDATE = UpdateReport(
    "radon_report", 25, 8, ["i1", "i2"], [], 5, {f"f{n}": f"cause {n}" for n in range(7)}, ["s1"], 0.123
)


def test_a_report_of_an_update_is_counts_and_first_failures() -> None:
    assert repr(UPDATE).splitlines() == [
        "UpdateReport of table radon_report: 25 rows, 8 images, 2 updated, 5 unchanged, 7 failed, 1 stale, "
        "0.12 seconds",
        *(f"  failed: f{n}: cause {n}" for n in range(5)),
        "  failed: and 2 more",
        "  stale: s1",
    ]
    assert str(UPDATE) == repr(UPDATE)


def test_a_report_of_many_images_stays_short() -> None:
    ids = [f"image-{n}" for n in range(100_000)]
    report = UpdateReport(
        "events", updated=ids, removed=ids, stale=ids, failed=dict.fromkeys(ids, "<x>" * 999)
    )
    assert len(repr(report)) < 4000
    assert len(report._repr_html_()) < 12_000


def test_a_report_of_an_ingest_has_a_line_for_each_table() -> None:
    report = IngestReport(
        "scans", new=["i1"], tables={f"t{n}": UpdateReport(f"t{n}", n, 8) for n in range(7)}
    )
    assert repr(report).splitlines() == [
        "IngestReport of scans: 1 new",
        "  table: t0: 8 images",
        *(f"  table: t{n}: {n} rows, 8 images" for n in range(1, 7)),
    ]


def test_a_check_tells_of_problems_once_and_what_was_repaired() -> None:
    report = CheckReport(
        4,
        20,
        ["events"],
        [Problem("failed source", "a.tif is no TIFF"), Problem("no ledger", "made anew", repaired=True)],
        {"events": ["i1"], "radon": []},
    )
    assert repr(report).splitlines() == [
        "CheckReport: 4 images, 20 artifacts, 1 tables, 2 problems",
        "  problem: failed source: a.tif is no TIFF",
        "  problem: no ledger, repaired: made anew",
        "  stale: events: 1 image has changed since",
    ]
    assert repr(CheckReport(4, 20)) == "CheckReport: 4 images, 20 artifacts, clean"


def test_a_plan_says_why() -> None:
    plan = RefreshPlan("events", "events", {"i1": ["new image"]}, ["i1"], [], ["i9"], 3, 7, True)
    assert repr(plan).splitlines() == [
        "RefreshPlan of table events: 7 rows, 3 fresh, 1 stale, 1 new, 1 removed, to be written",
        "  stale: i1: new image",
        "  removed: i9",
    ]


def test_a_status_has_a_line_for_each_table() -> None:
    status = DatasetStatus(4, [TableStatus("events", "events", 7, fresh=3, stale=1, problem="other columns")])
    assert repr(status).splitlines() == [
        "DatasetStatus: 4 images, 1 tables",
        "  table: events: 7 rows, 3 fresh, 1 stale, problem other columns",
    ]


def test_an_upgrade_counts() -> None:
    report = UpgradeReport(3, ["i1"], 1, without_ngff={"i1": "no axes"}, failed={"i2": "damaged"})
    assert repr(report).splitlines() == [
        "UpgradeReport: 3 images, 1 upgraded, 1 unchanged, 1 without NGFF, 1 failed",
        "  failed: i2: damaged",
        "  without NGFF: i1: no axes",
    ]


@pytest.mark.parametrize("report", [UPDATE, RefreshPlan("events", "events"), DatasetStatus(0)])
def test_reports_are_still_compared_and_pickled(report: object) -> None:
    assert pickle.loads(pickle.dumps(report)) == report
