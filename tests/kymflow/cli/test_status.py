"""Command: status; what it says of images that failed, and what it advises."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from support.command_line import Run

HELPS = "brings the tables up to date"
TRIES = "tries images that failed again, once their artifacts are mended"


@pytest.fixture
def failing(run: Run, tmp_path: Path) -> Path:
    """A dataset of six images; the artifact of five of them is damaged, and a refresh has found it."""
    simulate_folder(tmp_path / "in", 6, n_lines=60, n_pixels=8)
    run("ingest", tmp_path / "lab.zarr", tmp_path / "in")
    for path in damaged(tmp_path / "lab.zarr"):
        path.write_bytes(b"bad")
    run("refresh", tmp_path / "lab.zarr", code=1)
    return tmp_path / "lab.zarr"


def damaged(lab: Path) -> list[Path]:
    found = list(lab.glob("images/*/analysis/velocity_events.parquet"))
    assert len(found) == 5
    return found


def test_images_that_failed_are_named_by_file_with_the_cause(run: Run, failing: Path) -> None:
    result = run("status", failing)

    lines = [line for line in result.stdout.splitlines() if line.startswith("failed: ")]
    assert [line.split(",")[0] for line in lines] == ["failed: table images", "failed: table velocity_events"]
    for line in lines:
        assert "day 1/capillary_0001.tif, day 1/capillary_0002.tif, " in line
        assert ", and 2 more: " in line
        assert "artifact 'velocity_events.parquet' cannot be read" in line
    assert TRIES in result.stderr
    assert HELPS not in result.stderr
    # A dry run tells it in the same words.
    cause = lines[0].partition(" more: ")[2]
    assert f"failed last time: {cause}\n" in run("refresh", failing, "--dry-run").stdout


def test_failures_are_told_by_id_where_the_table_of_files_is_damaged(run: Run, failing: Path) -> None:
    (failing / "tables" / "sources.parquet").write_bytes(b"bad")

    for command, code in (("status", 0), ("refresh", 1)):
        lines = run(command, failing, code=code).stdout.splitlines()
        (told,) = [line for line in lines if line.startswith("failed: table velocity_events, ")]
        ids = told.removeprefix("failed: table velocity_events, ").split(",")[:3]
        assert {one.strip() for one in ids} <= set(KymDataset(failing).ds.list_image_ids())
        assert "artifact 'velocity_events.parquet' cannot be read" in told


def test_many_causes_are_counted(run: Run, failing: Path) -> None:
    for n, path in enumerate(damaged(failing)):
        path.write_bytes(b"b" * (n + 1))
    run("refresh", failing, code=1)

    lines = [line for line in run("status", failing).stdout.splitlines() if "table velocity_events" in line]

    assert len([line for line in lines if ".parquet' cannot be read" in line]) == 3
    assert lines[-1].startswith("failed: table velocity_events, 2 more images; `kymflow refresh ")


def test_a_refresh_is_advised_where_it_helps(run: Run, failing: Path) -> None:
    kd = KymDataset(failing)
    fresh = next(one for one in kd.ds.list_image_ids() if one not in kd.plan("images").failed)
    kd.ds.record(fresh).save_json("radon_report", {"mean_velocity": 1.0})

    said = run("status", failing).stderr
    assert HELPS in said
    assert TRIES in said
    for path in damaged(failing):
        path.unlink()
    run("refresh", failing)
    said = run("status", failing).stderr
    assert HELPS not in said
    assert TRIES not in said


def test_numbers_stand_below_the_end_of_their_heads(run: Run, failing: Path) -> None:
    _, head, first, *_ = run("status", failing).stdout.splitlines()

    for name in ("rows", "images fresh", "stale", "failed", "not in it yet", "removed"):
        end = head.index(name) + len(name)
        assert first[end - 1].isdigit()
        assert first[end : end + 1] in ("", " ")
