"""Folders of line scans by lot, ingested again and again: every file counts, and counts once."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kymflow.core.ingest.readers import builtin_readers
from support.random_folders import LINE_SCANS, RandomFolder, ingest_again_and_again

SEEDS = st.integers(0, 2**32)


def try_one(seed: int, runs: int) -> None:
    with tempfile.TemporaryDirectory() as root:
        place = Path(root).resolve()
        ingest_again_and_again(place, RandomFolder(place / "in", seed, LINE_SCANS), runs, builtin_readers)


@settings(max_examples=25)
@given(SEEDS)
def test_every_file_counts_once_whatever_is_done_to_the_folder(seed) -> None:
    try_one(seed, 4)


@pytest.mark.long
@settings(max_examples=1500)
@given(SEEDS)
def test_every_file_counts_once_whatever_is_done_to_the_folder_for_long(seed) -> None:
    try_one(seed, 8)
