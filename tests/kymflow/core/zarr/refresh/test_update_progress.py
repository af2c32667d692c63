"""Progress of an update, and its cancellation at every image."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from kymflow import KymDataset
from kymflow_zarr import CancelledError
from support.edited_lab import NEW, check_and_mend, make_lab
from support.refreshing import TABLE, CellsIndexer, cancel_at, open_dataset, snapshot, table_path
from support.simple_indexers import FrameIndexer

CANCELLED: dict[str, Callable[..., object]] = {
    "rebuild": lambda kd, **how: kd.rebuild(CellsIndexer(), **how),
    "refresh": lambda kd, **how: kd.refresh(CellsIndexer(), **how),
    "update": lambda kd, **how: kd.update_images(CellsIndexer(), list("abde"), **how),
}


@pytest.mark.parametrize("action", CANCELLED)
def test_a_cancel_at_any_image_leaves_table_and_ledger_as_they_were(tmp_path: Path, action: str) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    before, plan = snapshot(tmp_path / "lab.zarr"), kd.plan(CellsIndexer()).to_dict()
    # Only a cancel that comes after the last image comes too late.
    images = {"rebuild": 4, "refresh": 3, "update": 3}[action]
    for n in range(1, images + 1):
        told = rf"'cells' was cancelled after {n - 1} of {images} images; table 'cells' is as it was"
        with pytest.raises(CancelledError, match=told) as caught:
            CANCELLED[action](kd, **cancel_at(n))
        assert (caught.value.indexer, caught.value.table_name) == (TABLE, TABLE)
        assert snapshot(tmp_path / "lab.zarr") == before
        assert kd.plan(CellsIndexer()).to_dict() == plan
    CANCELLED[action](kd, **cancel_at(images + 1))
    assert kd.get_table(TABLE)["n"].tolist() == NEW
    check_and_mend(tmp_path / "lab.zarr")


def progress_of(action: Callable[..., object], kd: KymDataset, **how: Any) -> list[tuple[int, int]]:
    told: list[tuple[int, int]] = []
    action(kd, on_progress=lambda done, total: told.append((done, total)), **how)
    return told


@pytest.mark.parametrize("action", CANCELLED)
def test_progress_ends_with_all_even_if_images_fail_or_are_gone(tmp_path: Path, action: str) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    (Path(kd.ds.path) / "images" / "a" / "analysis" / f"{TABLE}.parquet").write_bytes(b"nothing")

    told = progress_of(CANCELLED[action], kd, on_error="skip")

    total = told[0][1]
    assert told == [(done, total) for done in range(total + 1)]
    assert list(kd.reports[TABLE].failed) == ["a"]


def test_progress_ends_with_all_where_everything_has_to_be_done_again(tmp_path: Path) -> None:
    kd = make_lab(tmp_path / "lab.zarr")
    shutil.rmtree(Path(kd.ds.path) / "index")

    told = progress_of(CANCELLED["update"], kd)

    assert told[-1] == (4, 4)


def test_progress_without_any_image_ends_with_none_of_none(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")

    assert progress_of(CANCELLED["rebuild"], kd) == [(0, 0)]


def test_cancel_leaves_the_table_as_it_was(kd: KymDataset) -> None:
    kd.rebuild("radon_report")
    before = table_path(kd, "radon_report").read_bytes()
    cancel = threading.Event()
    cancel.set()

    with pytest.raises(CancelledError, match="'radon_report' was cancelled after 0 of 3 images"):
        kd.rebuild("radon_report", cancel=cancel)

    assert table_path(kd, "radon_report").read_bytes() == before


def test_progress_is_told(kd: KymDataset) -> None:
    told: list[tuple[int, int]] = []

    kd.rebuild("radon_report", on_progress=lambda done, total: told.append((done, total)))

    # Artifacts of many images are read together.
    assert told == [(0, 3), (3, 3)]
    told.clear()
    kd.rebuild(FrameIndexer({}), on_progress=lambda done, total: told.append((done, total)))
    assert told == [(0, 3), (1, 3), (2, 3), (3, 3)]
