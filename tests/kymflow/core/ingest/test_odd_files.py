"""Pipes, devices, folders and links among source files: never waited for, and named in the report."""

from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from support.odd_files import ODD_FILES, put_odd_file

FILES = ("capillary_0001.tif", "capillary_0001.json", "flow-analysis/capillary_0001_events.json")


@pytest.mark.slow
@pytest.mark.parametrize("kind", ODD_FILES)
@pytest.mark.parametrize("name", FILES)
@pytest.mark.parametrize("known", [True, False])
def test_what_is_no_regular_file_is_named_and_the_others_are_taken_in(
    tmp_path: Path, kind: str, name: str, known: bool
) -> None:
    folder = tmp_path / "in"
    simulate_folder(folder, 2)
    kd = KymDataset(tmp_path / "lab.zarr")
    if known:
        kd.ingest_folder(folder)
    put_odd_file(kind, folder / "day 1" / name)
    report = kd.ingest_folder(folder)
    named = {**report.failed, **report.passed_over}
    source = "day 1/capillary_0001.tif"
    # What fails tells of its sidecars.
    assert f"day 1/{name}" in named or "capillary_0001" in report.failed[source]
    if kind != "folder" or name.endswith(".tif"):
        assert source in report.failed
    assert len(kd.ds.list_image_ids()) == (2 if known or source not in report.failed else 1)
