"""Summaries of reports: as text, and as HTML that is inert."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow_zarr import Conflict
from kymflow_zarr.sources.report import FolderReport
from kymflow_zarr.sources.standing import SourcesStanding
from kymflow_zarr.summary import Details, Summary

TAGS = {"div", "p", "strong", "table", "thead", "tbody", "tr", "th", "td"}
TO_THE_LEFT = [("style", "text-align: left")]


class Page(HTMLParser):
    """The tags of a page, which must be those of a summary and well nested, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.cells: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in TAGS
        assert attrs in ([], TO_THE_LEFT)
        self.open.append(tag)
        if tag in ("td", "th", "strong", "p"):
            self.cells.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.cells[-1] += data


def summary_of(n: int) -> Summary:
    failed = [(f"{number}.tif", f"cause {number}") for number in range(n)]
    return Summary(
        "Report of <lab>",
        {"rows": 3, "failed": n, "missing": 0, "clean": True, "whole": False},
        [Details("failed", ("source", "cause"), failed), Details("gone", ("image",), [])],
    )


def test_text_counts_and_tells_the_first_failures() -> None:
    assert summary_of(17).text().splitlines() == [
        "Report of <lab>: 3 rows, 17 failed, clean",
        *(f"  failed: {number}.tif: cause {number}" for number in range(5)),
        "  failed: and 12 more",
    ]


def test_text_leaves_out_what_is_nothing() -> None:
    assert summary_of(0).text() == "Report of <lab>: 3 rows, clean"
    assert Summary("Report", {"rows": 0}).text() == "Report: nothing"


def test_rows_of_several_cells_name_them() -> None:
    rows = [("events", 3, 0, "cannot be read"), ("radon", 0, 0, "")]
    part = Details("table", ("table", "rows", "stale", "problem"), rows, whole=True)
    assert Summary("Status", {}, [part]).text().splitlines()[1:] == [
        "  table: events: 3 rows, problem cannot be read",
        "  table: radon: nothing",
    ]


def test_html_shows_all_values_and_the_first_failures() -> None:
    cells = Page(summary_of(17).html()).cells
    assert cells[1] == "Report of <lab>"
    assert cells[2:12] == ["rows", "failed", "missing", "clean", "whole", "3", "17", "0", "yes", "no"]
    assert cells[12:17] == ["failed (17)", "source", "cause", "0.tif", "cause 0"]
    assert cells[-1] == "and 12 more"
    assert "gone" not in cells


def test_texts_stand_at_the_left_and_numbers_where_a_notebook_puts_them() -> None:
    html = Summary("Report", {"path": "a", "rows": 3, "clean": True}).html()
    left = ' style="text-align: left"'
    assert f"<tr><th{left}>path</th><th>rows</th><th{left}>clean</th></tr>" in html
    assert f"<tr><td{left}>a</td><td>3</td><td{left}>yes</td></tr>" in html


def test_a_list_whose_header_tells_what_it_is_has_no_caption() -> None:
    tables = Details("table", ("table", "rows"), [("events", 3)], whole=True)
    stale = Details("stale", ("table", "images"), [("events", 3)], whole=True)
    cells = Page(Summary("Dataset", {}, [tables, stale]).html()).cells
    assert cells[2:] == ["table", "rows", "events", "3", "stale", "table", "images", "events", "3"]


def test_all_rows_are_shown_where_all_are_wanted() -> None:
    part = Details("tables", ("table",), [(f"t{number}",) for number in range(30)], whole=True)
    assert Page(Summary("Dataset", {}, [part]).html()).cells[-1] == "t29"


@given(st.text(max_size=40), st.text(st.characters(), max_size=40))
def test_no_text_escapes_from_its_cell(title: str, cause: str) -> None:
    summary = Summary(title, {"path": cause}, [Details("failed", ("source", "cause"), [(title, cause)])])
    Page(summary.html())
    summary.html().encode("utf-8")
    assert len(summary.text().splitlines()) == 2
    assert all(char.isprintable() for char in summary.text().replace("\n", ""))


@pytest.mark.parametrize("hostile", ["<script>alert(1)</script>", "</td></table>", "<img src=x onerror=a()>"])
def test_what_looks_like_html_is_shown_as_it_is(hostile: str) -> None:
    assert hostile in Page(Summary("Report", {"path": hostile}).html()).cells


def test_a_long_cause_is_cut() -> None:
    assert Summary("x" * 10_000, {}).text() == "x" * 300 + " ...: nothing"


def test_a_report_of_a_folder_counts_and_tells() -> None:
    report = FolderReport(
        "scans",
        new=["i1", "i2"],
        conflicts=[Conflict("i3", "c.tif", "data")],
        failed={"a.tif": "no TIFF"},
        missing=["b.tif"],
        duplicates=[("d.tif", "e.tif")],
        passed_over={"x.txt": "no image"},
        remarks={"f.tif": ["odd ROI", "odd event"]},
    )
    assert repr(report).splitlines() == [
        "FolderReport of scans: 2 new, 1 failed, 1 missing, 1 in conflict, 1 there twice, 1 passed over",
        "  failed: a.tif: no TIFF",
        "  missing: b.tif",
        "  in conflict: c.tif: part data, image i3",
        "  there twice: d.tif, e.tif",
        "  passed over: x.txt: no image",
        "  note: f.tif: odd ROI; odd event",
    ]
    assert "i1" not in report._repr_html_()


def test_the_standing_of_sources_counts_and_tells() -> None:
    standing = SourcesStanding({"/a.tif": "no TIFF"}, {"i2": "/b.tif"}, [], [("/d.tif", "/e.tif")])
    assert repr(standing).splitlines() == [
        "SourcesStanding: 1 source failed, 1 source gone, 1 there twice",
        "  source failed: /a.tif: no TIFF",
        "  source gone: /b.tif: i2",
        "  there twice: /d.tif, /e.tif",
    ]
    assert repr(SourcesStanding()) == "SourcesStanding: nothing"
