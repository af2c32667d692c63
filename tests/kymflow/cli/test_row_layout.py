"""Rows on a terminal: which columns are shown, in which order; what is left out is named."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from kymflow import KymDataset
from kymflow.cli.groups import summed_up
from kymflow.cli.row_layout import print_as_text
from kymflow.cli.rows import Selection, read_rows
from kymflow.testing import simulate_folder
from support.simple_indexers import frame

Show = Callable[..., tuple[list[str], str]]


@pytest.fixture
def show(kd: KymDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Show:
    """Print rows as on a terminal of a width; return the lines, and what is said of columns left out."""

    def printed(table: str, width: int = 80, **selection: object) -> tuple[list[str], str]:
        monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
        monkeypatch.setenv("COLUMNS", str(width))
        monkeypatch.setenv("TERM", "dumb")
        rows = read_rows(kd, table, Selection(**selection))  # type: ignore[arg-type]
        print_as_text(rows, one_below_the_other="image" in selection)
        out, errors = capsys.readouterr()
        return [line.rstrip() for line in out.splitlines()], errors

    return printed


UUIDS = ["2a7892de-71af-45c9-a4a3-afa3c7309259", "20a8d6c5-5c9e-4012-8152-2789c97ee85e"]


def test_file_and_roi_come_first_and_the_short_id_last(kd: KymDataset, folder: Path, show: Show) -> None:
    kd.ingest_folder(folder)

    lines, errors = show("velocity_events", where="file_name is not null", columns=())

    assert lines[1].split()[:2] == ["file_name", "roi_id"]
    assert lines[1].split()[-1] == "image_id"
    assert lines[3].split()[:2] == ["capillary_0002.tif", "1"]
    assert len(lines[3].split()[-1]) == 8
    assert all(len(line) <= 80 for line in lines)
    assert errors.startswith("kymflow: ")
    assert errors.endswith("--columns NAME,NAME shows those you name, -o FILE.csv writes all.\n")


def test_paths_are_shown_where_names_are_not_unique(kd: KymDataset, show: Show) -> None:
    kd.ds.save_table(
        "images", frame(image_id=UUIDS, rel_path=["a/x.tif", "b/x.tif"], file_name=["x.tif"] * 2)
    )

    lines, _ = show("images", 25)

    assert lines[1:] == [
        "rel_path  image_id",
        "──────────────────",
        "a/x.tif   2a7892de",
        "b/x.tif   20a8d6c5",
    ]


def test_paths_come_first_where_they_are_asked_for(kd: KymDataset, folder: Path, show: Show) -> None:
    kd.ingest_folder(folder)

    for table in ("sources", "radon_report"):
        lines, _ = show(table, source=True)
        shown = "\n".join(lines)
        assert "\nrel_path " in shown
        assert "\nday 1/capillary_0001.tif " in shown


def test_files_of_two_folders_with_the_same_paths_are_told_apart(
    kd: KymDataset, tmp_path: Path, show: Show
) -> None:
    for lab in ("mine", "theirs"):
        simulate_folder(tmp_path / lab / "scans", n_images=1)
        kd.ingest_folder(tmp_path / lab / "scans")

    for table in ("radon_report", "sources"):
        lines, _ = show(table, where="rel_path is not null")
        # Their order is that of the images' ids.
        mine, theirs = sorted(lines[-2:])
        assert mine.startswith("mine/scans/day 1/capillary_0001.tif")
        assert theirs.startswith("theirs/scans/day 1/capillary_0001.tif")
        assert "path" in lines[-4].split()
    assert len(show("radon_report", image="mine/scans/day 1/capillary_0001.tif")[0]) > 10


def test_sources_show_why_and_whence_before_what_only_programs_need(
    kd: KymDataset, tmp_path: Path, show: Show
) -> None:
    (tmp_path / "in").mkdir()
    simulate_folder(tmp_path / "in", n_images=1)
    (tmp_path / "in" / "bad.tif").write_bytes(b"nothing that anybody could read")
    kd.ingest_folder(tmp_path / "in")

    lines, errors = show("sources", 80 + 2 * len(str(tmp_path)))

    assert lines[1].split() == ["file_name", "source_root", "reader", "failure", "image_id"]
    assert lines[3].startswith("bad.tif ")
    assert "cannot read" in lines[3]
    assert "not a TIFF file" in " ".join(" ".join(lines[3:-1]).split())
    assert "source_mtime_ns" in errors


def test_one_column_that_is_summed_up_stands_in_the_title(
    kd: KymDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kd.ds.save_table("own", frame(image_id=["a", "b"], kind=["x", "y"], speed=[1.5, 2.25], size=[1, 2]))
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("TERM", "dumb")
    for columns, lines in (
        (["speed"], ["own, speed: 2 of 2 groups", "kind n images mean median sd min max"]),
        ([], ["own: 4 of 4 rows", "kind column n images mean median sd min max"]),
    ):
        print_as_text(
            summed_up(read_rows(kd, "own", Selection()), ["kind"], columns), one_below_the_other=False
        )
        assert [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()[:2]] == lines


def test_without_files_the_id_comes_first(show: Show, kd: KymDataset) -> None:
    kd.ds.save_table("own", frame(image_id=["cell-1", "cell-2"], x=[1, 2]))

    assert show("own")[0][1].split() == ["image_id", "x"]


def test_what_tells_nothing_is_left_out_first(show: Show, kd: KymDataset) -> None:
    table = frame(
        image_id=["a", "b"],
        always_the_same=["x", "x"],
        never_there=pd.Series([None, None], dtype="str"),
        a_long_text=["words that take much room", "and more words of the kind"],
        value_one=[1.0, 2.0],
        value_two=[3.0, 4.0],
    )
    kd.ds.save_table("own", table)

    header, left_out = {}, {}
    for width in (30, 58, 75, 100):
        lines, errors = show("own", width)
        header[width] = lines[1].split()
        left_out[width] = errors.partition(": ")[2].partition(". ")[0]

    assert header[30] == ["image_id", "value_one", "value_two"]
    assert left_out[30] == "3 more columns: always_the_same, never_there, a_long_text"
    assert header[58] == ["image_id", "a_long_text", "value_one", "value_two"]
    assert left_out[75] == "one more column: never_there"
    assert header[100] == list(table.columns)
    assert left_out[100] == ""


def test_columns_that_were_named_keep_their_order(show: Show, kd: KymDataset) -> None:
    kd.ds.save_table("own", frame(image_id=["a", "b"], x=[1, 2], y=[1, 1]))

    lines, errors = show("own", columns=("y,x",))

    assert (lines[1].split(), errors) == (["y", "x"], "")


def test_columns_that_were_named_are_all_there_however_narrow_it_is(show: Show, kd: KymDataset) -> None:
    note = "a_text_without_any_space_in_it"
    kd.ds.save_table("own", frame(image_id=["a", "b"], note=[note, "short"], y=[1, 2]))

    lines, errors = show("own", 30, columns=("y,note",))

    assert lines == ["own: 2 of 2 rows", "", "y:    1", f"note: {note}", "", "y:    2", "note: short"]
    assert errors == ""


def test_one_image_is_printed_one_row_below_the_other_where_it_is_wide(show: Show, kd: KymDataset) -> None:
    kd.rebuild("velocity_events")

    lines, errors = show("velocity_events", 30, image="a")
    assert lines[:4] == ["velocity_events: 2 of 2 rows", "", "image_id:     a", "roi_id:       1"]
    assert "t0_s:         0.5" in lines
    assert errors == ""
    assert show("velocity_events", 100, image="a")[0][1].split()[0] == "image_id"


def test_a_unit_stands_in_the_header_unless_the_name_tells_it(show: Show, kd: KymDataset) -> None:
    kd.rebuild("radon_report")
    kd.rebuild("velocity_events")

    assert "mean_velocity (mm/s)" in " ".join(show("radon_report", 200)[0][1].split())
    assert "t0_s (s)" not in show("velocity_events", 200)[0][1]


def test_no_rows_at_all_have_a_header(show: Show, kd: KymDataset) -> None:
    kd.ds.save_table("own", frame(image_id=["a"], x=[1]))

    assert show("own", where="x > 1")[0][:2] == ["own: 0 of 1 rows", "image_id  x"]
