"""A sources table of which something is bent: one error that names the table, in whatever reads it."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow_zarr import TableError, ZarrDataset
from kymflow_zarr.check.storage import check_storage
from kymflow_zarr.sources.table import mend_index
from kymflow_zarr.store.source_files import SOURCES_KEY
from support.tiff_folders import write_tiff

VALUES: dict[str, Any] = {
    "source_root": [None, ""],
    "source_primary_path": [None, ""],
    "image_id": [None, "", "../x", "a/b"],
    "ingested_epoch_ns": [None, -1],
    "source_files": [None, "", "{", "[1]", '[{"path": 1}]', '["x"]', "[" * 100_000, "null", "5"],
    "conflicts": [None, "", "{", "[]", "1", '{"x": 1}', "[" * 100_000],
}
TYPES: dict[str, pa.Array] = {
    "source_root": pa.array([[1]]),
    "source_rel_path": pa.array([b"a.tif"]),
    "image_id": pa.array([7]),
    "source_primary_path": pa.array([1.5]),
    "source_files": pa.array([{"a": 1}]),
    "ingested_epoch_ns": pa.array(["now"]),
    "reader": pa.array([True]),
}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_tiff(tmp_path / "lab" / "a.tif", 1)
    write_tiff(tmp_path / "lab" / "b.tif", 2)
    return tmp_path / "lab"


@pytest.fixture
def taken(tmp_path: Path, folder: Path) -> ZarrDataset:
    dataset = ZarrDataset(tmp_path / "lab.zarr")
    assert len(dataset.refresh_from_folder(folder)) == 2
    return dataset


def _table(dataset: ZarrDataset) -> pa.Table:
    return pq.read_table(Path(dataset.path) / SOURCES_KEY)


def _refused(dataset: ZarrDataset, folder: Path) -> None:
    with pytest.raises(TableError, match="table 'sources'"):
        dataset.refresh_from_folder(folder)
    problems = check_storage(dataset.store, 3).problems
    assert [problem.kind for problem in problems] == ["unreadable sources"]


@pytest.mark.parametrize(("column", "value"), [(name, one) for name, some in VALUES.items() for one in some])
def test_a_bent_value_is_one_error(taken: ZarrDataset, folder: Path, column: str, value: object) -> None:
    rows = _table(taken).to_pylist()
    rows[0][column] = value
    pq.write_table(pa.Table.from_pylist(rows, _table(taken).schema), Path(taken.path) / SOURCES_KEY)

    _refused(taken, folder)


@pytest.mark.parametrize(("column", "value"), [(name, one) for name, some in VALUES.items() for one in some])
def test_a_repair_keeps_the_ids_that_there_are(
    taken: ZarrDataset, folder: Path, column: str, value: object
) -> None:
    rows = _table(taken).to_pylist()
    ids = taken.list_image_ids()
    rows[0][column] = value
    pq.write_table(pa.Table.from_pylist(rows, _table(taken).schema), Path(taken.path) / SOURCES_KEY)

    mend_index(taken.store)

    assert check_storage(taken.store, 3).problems == []
    report = taken.sync_from_folder(folder, mode="reingest_if_changed")
    # Without its id or its path, nothing tells which image was the file's.
    lost = column in ("image_id", "source_primary_path")
    assert len(report.new) == lost
    assert set(ids) <= set(taken.list_image_ids())
    assert len(taken.load_sources_index()) == 2


@pytest.mark.parametrize("column", ["source_root", "source_primary_path", "image_id"])
def test_what_lacks_values_is_not_given_out(taken: ZarrDataset, column: str) -> None:
    rows = _table(taken).to_pylist()
    rows[0][column] = None
    pq.write_table(pa.Table.from_pylist(rows, _table(taken).schema), Path(taken.path) / SOURCES_KEY)

    with pytest.raises(TableError, match="table 'sources'"):
        taken.load_sources_index()
    with pytest.raises(TableError, match="table 'sources'"):
        taken.sources_standing()


@pytest.mark.parametrize("column", TYPES)
def test_a_column_of_another_type_is_one_error(taken: ZarrDataset, folder: Path, column: str) -> None:
    table = _table(taken)
    values = pa.concat_arrays([TYPES[column]] * 2)
    bent = table.set_column(table.column_names.index(column), column, values)
    pq.write_table(bent, Path(taken.path) / SOURCES_KEY)

    _refused(taken, folder)


@pytest.mark.parametrize("column", ["image_id", "source_primary_path", "source_root", "source_files"])
def test_a_lost_column_is_one_error(taken: ZarrDataset, folder: Path, column: str) -> None:
    pq.write_table(_table(taken).drop_columns([column]), Path(taken.path) / SOURCES_KEY)

    _refused(taken, folder)


@pytest.mark.parametrize("column", ["image_id", "source_primary_path", "source_root"])
def test_who_asks_for_the_file_of_an_image_gets_one_error(taken: ZarrDataset, column: str) -> None:
    rows = _table(taken).to_pylist()
    rows[0][column] = None
    pq.write_table(pa.Table.from_pylist(rows, _table(taken).schema), Path(taken.path) / SOURCES_KEY)

    with pytest.raises(TableError, match="lacks the image, the file or its folder"):
        taken.record(taken.list_image_ids()[0]).get_source()


def test_a_check_reads_the_sources_table_once(taken: ZarrDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Mock(wraps=taken.store.read)
    monkeypatch.setattr(taken.store, "read", read)

    stored = check_storage(taken.store, 3)

    assert [call.args for call in read.call_args_list].count((SOURCES_KEY,)) == 1
    assert stored.sources == taken.sources_standing()
