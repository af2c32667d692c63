"""DuckDB and Polars beside writers: which ways of reading a table's file see one table, as the docs say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from support.faults.injector import needs_injector
from support.processes import StartPython
from support.table_readers import OTHERS_BY_PATH, OTHERS_HOLDING, write_tables

WHY = "make test-viewers runs it, where these programs are installed"
pytest.importorskip("duckdb", reason=WHY)
pytest.importorskip("polars", reason=WHY)

BETWEEN_OPENS = "from support.table_readers import main; main()"


@needs_injector
def test_a_table_that_is_replaced_between_any_two_opens(tmp_path: Path, start_faulty: StartPython) -> None:
    path = tmp_path / "lab.zarr"
    write_tables(path)
    names = [*OTHERS_HOLDING, *OTHERS_BY_PATH]

    out, problems = start_faulty(BETWEEN_OPENS, path, json.dumps(names)).communicate(timeout=300)

    assert problems == ""
    found = json.loads(out)
    for name in OTHERS_HOLDING:
        assert set(found[name]) == {"old", "new"}, (name, found[name])
    # What the docs warn of.
    for name in OTHERS_BY_PATH:
        assert set(found[name]) - {"old", "new"}, (name, found[name])
    assert "mixed" in found["DuckDB"]
