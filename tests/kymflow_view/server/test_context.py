"""The one dataset of a viewer: where it is, whether it may be written, and one of it for each thread."""

from __future__ import annotations

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from kymflow import DatasetError, KymDataset, TableNotFoundError
from kymflow_view.server.context import Context


def test_each_thread_has_a_dataset_of_its_own_that_only_reads(lab_to_read: Path) -> None:
    context = Context(str(lab_to_read))
    mine = context.kd()
    with ThreadPoolExecutor(1) as thread:
        other = thread.submit(context.kd).result()

    assert context.kd() is mine
    assert other is not mine
    assert [kd.ds.mode for kd in (mine, other, context.open_to_write())] == ["r", "r", "r+"]


def test_a_warm_viewer_has_the_images_before_a_page_asks(lab_to_read: Path) -> None:
    context = Context(str(lab_to_read))
    assert context.tables.nbytes == 0
    context.warm_up()
    warm = context.tables.nbytes
    assert warm > 0
    context.tables.joined("images")
    assert context.tables.nbytes == warm


def test_where_nothing_can_be_loaded_the_page_is_told_and_not_the_warm_up(tmp_path: Path) -> None:
    KymDataset(tmp_path / "lab.zarr", mode="a").ds.add_image([[1, 2]])
    context = Context(str(tmp_path / "lab.zarr"))
    context.warm_up()
    with pytest.raises(TableNotFoundError, match="there is no table 'images'"):
        context.tables.table("images")


def test_what_is_no_dataset_is_refused_at_once(tmp_path: Path) -> None:
    with pytest.raises(DatasetError, match="there is no dataset at"):
        Context(str(tmp_path / "nothing.zarr"))


@pytest.mark.parametrize("denied", ["", "tables"])
def test_a_dataset_that_cannot_be_written_is_shown_read_only(
    lab_to_read: Path, monkeypatch: pytest.MonkeyPatch, denied: str
) -> None:
    assert Context(str(lab_to_read)).writable
    assert not Context(str(lab_to_read), read_only=True).writable
    # As on a disk that is mounted read-only; who is root may write into any folder.
    locked = lab_to_read / denied
    monkeypatch.setattr(os, "access", lambda path, mode: Path(path) != locked)

    assert not Context(str(lab_to_read)).writable


def test_a_url_is_named_by_its_last_part() -> None:
    KymDataset("memory://bucket/lab.zarr", mode="a")
    context = Context("memory://bucket/lab.zarr/")

    assert (context.name, context.is_remote, context.writable) == ("lab.zarr", True, True)
