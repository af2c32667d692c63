from __future__ import annotations

from pathlib import Path

import pytest

from kymflow import ColumnInfo, IndexerRegistry, KymDataset, TableError, TableInfo, TableNotFoundError
from kymflow_zarr import ZarrDataset
from support.simple_indexers import frame


def test_a_table_says_what_it_is_made_of_and_by_what(dataset: ZarrDataset, registry: IndexerRegistry) -> None:
    kd = KymDataset(dataset, registry=registry)
    kd.rebuild("radon_report")

    info = kd.describe_table("radon_report")

    assert isinstance(info, TableInfo)
    assert (info.rows, info.indexer, info.schema_version) == (0, "radon_report", "1")
    assert info.columns[:2] == [
        ColumnInfo("image_id", "string"),
        ColumnInfo("mean_velocity", "double", "mm/s", "Mean of the valid velocities"),
    ]


def test_only_the_footer_is_read(kd: KymDataset, monkeypatch: pytest.MonkeyPatch) -> None:
    kd.rebuild("radon_report")
    path = Path(kd.ds.path) / "tables" / "radon_report.parquet"
    data = path.read_bytes()
    footer = int.from_bytes(data[-8:-4], "little") + 8
    # All before the footer is damaged.
    path.write_bytes(bytes(len(data) - footer) + data[-footer:])

    assert kd.describe_table("radon_report").rows == 3
    with pytest.raises(TableError, match="table 'radon_report' of .* cannot be read"):
        kd.load_arrow("radon_report")


def test_a_table_made_by_hand_names_nobody(dataset: ZarrDataset) -> None:
    dataset.save_table("mine", frame(image_id=["a"], x=[1.5]))

    info = KymDataset(dataset).describe_table("mine")

    assert (info.indexer, info.made_by) == ("", "hand, or another program")
    assert info.columns[1] == ColumnInfo("x", "double")


def test_a_table_that_is_not_there_or_damaged_is_said_to_be(dataset: ZarrDataset) -> None:
    kd = KymDataset(dataset)
    with pytest.raises(TableNotFoundError, match="no table 'stalls'; its tables: none yet"):
        kd.describe_table("stalls")
    for data in (b"", b"nothing", b"PAR1" + bytes(50) + b"\x10\0\0\0PAR1"):
        dataset.store.put("tables/stalls.parquet", data)
        with pytest.raises(TableError, match="table 'stalls' of .* cannot be read: .*Rebuild it, or drop it"):
            kd.describe_table("stalls")


def test_it_prints_as_a_line_for_each_column() -> None:
    columns = [ColumnInfo("image_id", "string"), ColumnInfo("t0_s", "double", "s", "Start")]
    info = TableInfo("stalls", 3, columns, "stalls", "2", "lab-plugin", "0.1")
    assert repr(info).splitlines() == [
        "TableInfo of table stalls: 3 rows, made by indexer stalls (schema version 2) of lab-plugin 0.1",
        "  column: image_id: type string",
        "  column: t0_s: type double, unit s, description Start",
    ]
    assert (
        repr(TableInfo("stalls", error="it is damaged")) == "TableInfo of table stalls: error it is damaged"
    )
    assert info == TableInfo("stalls", 3, list(columns), "stalls", "2", "lab-plugin", "0.1")
