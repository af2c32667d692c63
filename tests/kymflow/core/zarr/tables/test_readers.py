"""Who reads a table's file while it is replaced: one table for each open of it, as the docs' table says."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

from support.faults.injector import needs_injector
from support.processes import StartPython
from support.refreshing import TABLE, open_dataset
from support.table_readers import BY_PATH, HOLDING, NEW, OLD, READERS, write_tables

BETWEEN_OPENS = "from support.table_readers import main; main()"

REPLACING = """
import os, shutil, sys
old, new, table = sys.argv[1:]
print("replacing", flush=True)
while True:
    for one in (new, old):
        os.replace(shutil.copyfile(one, one + ".next"), table)
"""


@needs_injector
def test_a_table_that_is_replaced_between_any_two_opens(tmp_path: Path, start_faulty: StartPython) -> None:
    path = tmp_path / "lab.zarr"
    write_tables(path)

    out, problems = start_faulty(BETWEEN_OPENS, path, json.dumps([*HOLDING, *BY_PATH])).communicate(
        timeout=300
    )

    assert problems == ""
    found = json.loads(out)
    assert found.keys() == HOLDING.keys() | BY_PATH.keys()
    for name in HOLDING:
        assert set(found[name]) == {"old", "new"}, (name, found[name])
    # What the docs warn of. Of one column, nothing may tell.
    for name in BY_PATH:
        assert set(found[name]) - {"old", "new"}, (name, found[name])
    assert found["pandas"] == ["new", "failed: OSError", "old"]
    assert found["pandas, one column"] == ["new", "mixed", "old"]


def test_readers_beside_one_who_replaces_without_a_pause(tmp_path: Path, start_python: StartPython) -> None:
    path = tmp_path / "lab.zarr"
    write_tables(path)
    table = path / "tables" / f"{TABLE}.parquet"
    writer = start_python(REPLACING, tmp_path / "old.parquet", tmp_path / "new.parquet", table)
    assert writer.stdout is not None
    assert writer.stdout.readline() == "replacing\n"
    kd = open_dataset(path, "r")
    found = {name: set() for name in HOLDING}
    for number in range(600):
        name = list(HOLDING)[number % len(HOLDING)]
        values = np.asarray(READERS[name](kd, str(table))).tolist()
        assert values in (OLD, NEW), name
        found[name].add(len(values))
    assert writer.poll() is None
    assert set.union(*found.values()) == {len(OLD), len(NEW)}
