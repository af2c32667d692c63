"""What the page is told of the dataset when it opens."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

import kymflow
from kymflow import KymDataset, TableInfo


def test_a_dataset_says_where_it_is_and_which_tables_it_has(client: TestClient, lab_to_read: Path) -> None:
    told = client.get("/api/dataset").json()

    assert told["path"] == str(lab_to_read)
    assert told["name"] == "lab.zarr"
    assert told["writable"] is True
    assert told["versions"]["kymflow"] == kymflow.__version__
    assert [table["name"] for table in told["tables"]] == ["images", "radon_report", "velocity_events"]
    images = told["tables"][0]
    assert images["n_rows"] == 4
    assert images["made_by"].startswith("indexer images (schema version ")
    assert told["formats"] == ["csv", "xlsx", "parquet"]
    assert "scatter" in told["plot_kinds"]


def test_a_damaged_table_is_told_of_and_hides_no_other(
    lab: Path, make_client: Callable[[Path], TestClient]
) -> None:
    (lab / "tables" / "images.parquet").write_bytes(b"PAR1 no more")

    told = make_client(lab).get("/api/dataset").json()
    assert [table["name"] for table in told["tables"]] == ["images", "radon_report", "velocity_events"]
    assert "images" in told["tables"][0]["error"]


def test_a_table_that_this_user_cannot_read_hides_no_other(
    lab: Path, make_client: Callable[[Path], TestClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    def describe(self: KymDataset, name: str) -> TableInfo:
        if name == "images":
            raise PermissionError("images.parquet: permission denied")
        return describe_table(self, name)

    describe_table = KymDataset.describe_table
    monkeypatch.setattr(KymDataset, "describe_table", describe)
    told = make_client(lab).get("/api/dataset").json()
    assert [table["name"] for table in told["tables"]] == ["images", "radon_report", "velocity_events"]
    assert told["tables"][0]["error"] == "images.parquet: permission denied"
