"""A table that is made of other tables, and tells of no image, in the viewer."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from kymflow import IndexerRegistry, KymDataset
from support.simple_indexers import frame
from support.table_indexers import FromTables


def test_its_rows_are_shown_and_how_it_stands(lab: Path, make_client: Any) -> None:
    kd = KymDataset(lab, registry=IndexerRegistry(()))
    kd.refresh(FromTables("counts", "radon_report", derive=lambda _: frame(condition=["rest"], n=[4])))
    client = make_client(lab)

    about = client.get("/api/tables/counts")
    assert about.status_code == 200, about.text
    rows = client.get("/api/tables/counts/rows")
    assert rows.status_code == 200, rows.text
    assert "rest" in rows.text
    status = {one["name"]: one for one in client.get("/api/status").json()["tables"]}
    assert status["counts"]["rows"] == 1
