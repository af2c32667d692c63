"""Folders by lot, ingested again and again: every file counts, and counts once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow_zarr import ZarrDataset
from support.random_folders import RandomFolder, check_account, check_identity, contents
from support.tiff_folders import REINGEST

SEEDS = st.integers(0, 2**32)


def ingest_again_and_again(seed: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        place = Path(root).resolve()
        folder = RandomFolder(place / "in", seed)
        dataset = ZarrDataset(place / "lab.zarr")
        ids: dict[str, str] = {}
        for _ in range(runs):
            report = dataset.sync_from_folder(folder.root, mode=REINGEST)
            check_account(dataset, folder.root, report)
            ids = check_identity(dataset, ids)
            assert report.conflicts == []
            check_account(dataset, folder.root, again := dataset.sync_from_folder(folder.root, mode="skip"))
            assert (again.image_ids, again.failed) == ([], report.failed)
            for _ in range(folder.chance.randrange(4)):
                folder.edit()
        report = dataset.sync_from_folder(folder.root, mode=REINGEST)
        check_account(dataset, folder.root, report)
        fresh = ZarrDataset(place / "fresh.zarr")
        expected = fresh.sync_from_folder(folder.root)
        left = {path for path, reason in report.passed_over.items() if "which has moved" in reason}
        assert contents(fresh).keys() == contents(dataset).keys()
        assert expected.failed.keys() == report.failed.keys()
        if not left:
            # Sidecars that stayed behind keep their artifacts.
            assert contents(fresh) == contents(dataset)


@settings(max_examples=40)
@given(SEEDS)
def test_every_file_counts_once_whatever_is_done_to_the_folder(seed) -> None:
    ingest_again_and_again(seed, 4)


@pytest.mark.long
@settings(max_examples=1500)
@given(SEEDS)
def test_every_file_counts_once_whatever_is_done_to_the_folder_for_long(seed) -> None:
    ingest_again_and_again(seed, 8)
