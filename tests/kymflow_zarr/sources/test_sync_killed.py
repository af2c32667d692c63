"""Ingests in threads, killed at any moment: no image twice, none half, and the next brings the rest."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from kymflow_zarr import ZarrDataset
from kymflow_zarr.sources.table import load_rows
from support.processes import StartPython
from support.random_folders import check_account, contents
from support.tiff_folders import REINGEST, settle, write_json, write_tiff

INGEST = """
import sys
from support.until_killed import ingest_until_killed
ingest_until_killed(sys.argv[1], sys.argv[2], int(sys.argv[3]))
"""


def kill_an_ingest(place: Path, start_python: StartPython, seed: int) -> None:
    folder = place / "in"
    for number in range(30):
        write_tiff(folder / str(number) / "cap.tif", number)
        write_json(folder / str(number) / "cap.p.json", {"seed": number})
    settle(folder)
    process = start_python(INGEST, place / "lab.zarr", folder, seed)
    assert process.stdout is not None
    assert process.stdout.readline() == "working\n", process.communicate()
    # Where it is killed is left to chance; nothing waits for this time.
    time.sleep(random.Random(seed).uniform(0, 1.5))
    process.kill()
    assert process.wait(300) != 0
    check_after_kill(ZarrDataset(place / "lab.zarr"), folder, place / "fresh.zarr")


def check_after_kill(dataset: ZarrDataset, folder: Path, fresh_path: Path) -> None:
    before = {row.image_id: row for row in load_rows(dataset._store)}
    ids = dataset.list_image_ids()
    assert set(ids) <= before.keys()
    for image_id in ids:
        record = dataset.record(image_id)
        assert record.load_array().shape == (6, 5)
        assert record.load_json("p").keys() == {"seed"}
    report = dataset.sync_from_folder(folder, mode=REINGEST)
    assert (report.failed, report.conflicts) == ({}, [])
    check_account(dataset, folder, report)
    now = {row.image_id: row for row in load_rows(dataset._store)}
    assert sorted(now) == dataset.list_image_ids()
    # Those that no run has told of yet are told of now.
    untold = {image_id for image_id in now if image_id not in before or not before[image_id].returned}
    assert untold <= set(report.image_ids) | {row.image_id for row in now.values() if row.gone_epoch_ns}
    fresh = ZarrDataset(fresh_path)
    fresh.sync_from_folder(folder)
    assert contents(dataset) == contents(fresh)
    assert len(fresh.list_image_ids()) == 30
    again = dataset.sync_from_folder(folder, mode=REINGEST)
    assert (again.image_ids, again.unchanged) == ([], len(fresh.list_image_ids()))


@pytest.mark.parametrize("seed", range(20))
def test_killed_in_the_middle(tmp_path, start_python, seed) -> None:
    kill_an_ingest(tmp_path, start_python, seed)


@pytest.mark.long
@pytest.mark.parametrize("seed", range(1000, 1200))
def test_killed_in_the_middle_again_and_again(tmp_path, start_python, seed) -> None:
    kill_an_ingest(tmp_path, start_python, seed)
