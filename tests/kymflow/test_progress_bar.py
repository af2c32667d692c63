"""Progress bars: on a terminal, in a notebook, in a log."""

from __future__ import annotations

import io
from pathlib import Path
from types import SimpleNamespace

import nbformat
import pytest
from nbclient import NotebookClient

import kymflow
from kymflow import KymDataset, progress_bar
from kymflow.progress_bar import Progress
from kymflow.testing import simulate_folder


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def put_stderr(monkeypatch: pytest.MonkeyPatch, stream: io.StringIO | None) -> None:
    # pytest puts its own stream into sys after all fixtures.
    monkeypatch.setattr(progress_bar, "sys", SimpleNamespace(stderr=stream, modules={}))


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Terminal:
    stream = Terminal()
    put_stderr(monkeypatch, stream)
    return stream


@pytest.fixture
def log(monkeypatch: pytest.MonkeyPatch) -> io.StringIO:
    stream = io.StringIO()
    put_stderr(monkeypatch, stream)
    return stream


def bars(terminal: Terminal) -> list[str]:
    """Return the last state of each line of a terminal."""
    return [line.rpartition("\r")[2].rstrip() for line in terminal.getvalue().split("\n")]


def run(bar: Progress, total: int, upto: int | None = None) -> None:
    for done in range((total if upto is None else upto) + 1):
        bar(done, total)


def test_a_bar_is_full_in_the_end_and_the_next_line_is_free(terminal: Terminal) -> None:
    run(kymflow.progress("events"), 7)
    first, rest = bars(terminal)
    assert first.startswith("events: 100%|")
    assert " 7/7 [" in first
    assert rest == ""


def test_each_phase_has_a_bar_of_its_own(terminal: Terminal) -> None:
    bar = kymflow.progress("kymographs")
    run(bar, 3)
    for name in ("events", "radon"):
        bar.begin(name)
        run(bar, 3)
    said = bars(terminal)
    assert [line.partition(":")[0] for line in said] == ["kymographs", "events", "radon", ""]
    assert all(" 3/3 [" in line for line in said[:3])


@pytest.mark.parametrize("second", [4, 9])
def test_a_run_that_stopped_midway_ends_its_bar_as_the_next_begins(terminal: Terminal, second: int) -> None:
    bar = kymflow.progress()
    run(bar, 4, upto=2)
    run(bar, second)
    first, last, _ = bars(terminal)
    assert " 2/4 [" in first
    assert f" {second}/{second} [" in last


def test_an_end_that_is_told_twice_is_one_bar_and_nothing_to_do_is_none(terminal: Terminal) -> None:
    bar = kymflow.progress()
    bar(0, 0)
    assert terminal.getvalue() == ""
    run(bar, 3)
    bar(3, 3)
    assert len(bars(terminal)) == 2


def test_an_error_ends_the_bar_within_a_with(terminal: Terminal) -> None:
    def fail_midway() -> None:
        with kymflow.progress() as bar:
            run(bar, 4, upto=2)
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail_midway()
    assert terminal.getvalue().endswith("\n")
    assert " 2/4 [" in bars(terminal)[0]


def test_fractions_of_a_large_file_are_shown_shortly(terminal: Terminal) -> None:
    with kymflow.progress() as bar:
        bar(0, 3)
        bar(1 / 3, 3)
    assert " 0.33/3 [" in bars(terminal)[0]


def test_a_bar_that_is_not_to_stay_leaves_nothing(terminal: Terminal) -> None:
    with Progress("events", leave=False) as bar:
        run(bar, 7)
    assert bars(terminal) == [""]


def test_a_log_has_a_line_for_each_tenth(log: io.StringIO) -> None:
    run(kymflow.progress("events"), 1000)
    assert log.getvalue().splitlines() == [f"events: {n} of 1000" for n in range(100, 1001, 100)]


def test_a_log_of_few_images_has_a_line_for_each(log: io.StringIO) -> None:
    run(kymflow.progress(), 3)
    assert log.getvalue().splitlines() == ["progress: 1 of 3", "progress: 2 of 3", "progress: 3 of 3"]


def test_where_no_log_is_wanted_or_there_is_no_stream_nothing_is_said(
    log: io.StringIO, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(Progress("events", in_logs=False), 3)
    assert log.getvalue() == ""
    put_stderr(monkeypatch, None)
    run(kymflow.progress(), 3)
    assert log.getvalue() == ""


def test_an_ingest_and_a_check_tell_their_phases(tmp_path: Path, log: io.StringIO, site: Path) -> None:
    simulate_folder(tmp_path / "in", n_images=2, n_lines=40, n_pixels=8)
    kd = KymDataset(tmp_path / "lab.zarr", mode="a")
    with kymflow.progress("files") as bar:
        kd.ingest_folder(tmp_path / "in", on_progress=bar, on_table=bar.begin)
    lines = log.getvalue().splitlines()
    assert lines[-1].endswith(" 2 of 2")
    assert {line.partition(":")[0] for line in lines} >= {"files", "radon_report", "velocity_events"}


@pytest.mark.slow
def test_a_notebook_shows_a_bar_and_warns_of_nothing() -> None:
    code = (
        "import warnings; warnings.simplefilter('error')\n"
        "import kymflow\n"
        "bar = kymflow.progress('events')\n"
        "for n in range(4): bar(n, 3)\n"
    )
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code)])
    NotebookClient(notebook, timeout=300, kernel_name="python3").execute()
    said = "".join(output.get("text", "") for output in notebook.cells[0].outputs)
    assert "events: 100%" in said
    assert "3/3" in said
