"""Numbers of long columns are in files, of which nothing is left."""

from __future__ import annotations

import errno
import gc
import tempfile
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest

from kymflow_view.tables import on_disk
from kymflow_view.tables.columns import Numbers
from kymflow_view.tables.on_disk import OnDisk, stored
from support.view_tables import column_of


@pytest.fixture(autouse=True)
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(on_disk, "MAX_IN_MEMORY", 2)


@pytest.mark.parametrize("values", [[0.5, None, -1.5], [2**60, None, 0]], ids=str)
def test_a_column_in_a_file_is_one_as_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, values: list[float | None]
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    column = column_of(pa.array(values))

    assert isinstance(column.values, Numbers)
    assert isinstance(column.values.stored, OnDisk)
    assert len(column.values) == 3
    assert column.values.missing.tolist() == [False, True, False]
    assert column.arrow(np.array([2, 1, 0], np.int32)).to_pylist() == values[::-1]


def test_values_outlive_the_column_and_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    kept = OnDisk(np.arange(3.0))
    file, values = kept._file, kept.mapped()
    del kept
    gc.collect()

    assert file.closed
    assert values.tolist() == [0, 1, 2]
    del values
    assert list(tmp_path.iterdir()) == []


def test_short_and_narrow_arrays_stay_in_memory() -> None:
    assert isinstance(stored(np.arange(2.0)), np.ndarray)
    assert isinstance(stored(np.arange(100, dtype=np.int16)), np.ndarray)


def test_an_array_stays_in_memory_where_there_is_no_room_for_a_file(monkeypatch: pytest.MonkeyPatch) -> None:
    def full() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    assert isinstance(stored(np.arange(3.0)), np.ndarray)
