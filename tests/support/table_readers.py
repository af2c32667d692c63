"""Programs that read a table's file, and what each finds if the table is replaced between its opens."""

from __future__ import annotations

import importlib
import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.dataset
import pyarrow.parquet as pq

from kymflow import KymDataset

from .faults.injector import SWAP, Fault, disarm
from .refreshing import TABLE, open_dataset

# As many rows as tell the two apart.
OLD, NEW = [7] * 4000, [8] * 4037
Reader = Callable[[KymDataset, str], Any]


def _opened(read: Callable[..., Any]) -> Reader:
    def opened(kd: KymDataset, path: str) -> Any:
        with open(path, "rb") as file:
            return read(file)

    return opened


def _copied(kd: KymDataset, path: str) -> Any:
    copy = shutil.copyfile(path, f"{path}.copy")
    return pd.read_parquet(copy, columns=["n"])["n"]


def _duckdb(source: str) -> Any:
    return importlib.import_module("duckdb").sql(f"select n from '{source}'").fetchnumpy()["n"]


def _duckdb_of_arrow(kd: KymDataset, path: str) -> Any:
    with importlib.import_module("duckdb").connect() as connection:
        connection.register("cells", kd.load_arrow(TABLE))
        return connection.sql("select n from cells").fetchnumpy()["n"]


def _polars() -> Any:
    return importlib.import_module("polars")


HOLDING: dict[str, Reader] = {
    "get_table": lambda kd, path: kd.get_table(TABLE)["n"],
    "load_table": lambda kd, path: kd.ds.load_table(TABLE)["n"],
    "load_arrow": lambda kd, path: kd.load_arrow(TABLE, columns=["n"])["n"],
    "an open file, pandas": _opened(lambda file: pd.read_parquet(file, columns=["n"])["n"]),
    "an open file, pyarrow": _opened(lambda file: pq.read_table(file, columns=["n"])["n"]),
    "pyarrow.parquet.ParquetFile": lambda kd, path: pq.ParquetFile(path).read(columns=["n"])["n"],
    "pyarrow.dataset": lambda kd, path: pyarrow.dataset.dataset(path).to_table(columns=["n"])["n"],
    "a copy": _copied,
}
BY_PATH: dict[str, Reader] = {
    "pandas": lambda kd, path: pd.read_parquet(path)["n"],
    "pandas, one column": lambda kd, path: pd.read_parquet(path, columns=["n"])["n"],
    "pyarrow": lambda kd, path: pq.read_table(path)["n"],
    "pyarrow, one column": lambda kd, path: pq.read_table(path, columns=["n"])["n"],
}
OTHERS_HOLDING: dict[str, Reader] = {
    "DuckDB of load_arrow": _duckdb_of_arrow,
    "Polars of load_arrow": lambda kd, path: _polars().from_arrow(kd.load_arrow(TABLE))["n"],
    "an open file, Polars": _opened(lambda file: _polars().read_parquet(file)["n"]),
}
OTHERS_BY_PATH: dict[str, Reader] = {
    "DuckDB": lambda kd, path: _duckdb(path),
    "Polars": lambda kd, path: _polars().read_parquet(path)["n"],
    "Polars, lazily": lambda kd, path: _polars().scan_parquet(path).select("n").collect()["n"],
}
READERS = {**HOLDING, **BY_PATH, **OTHERS_HOLDING, **OTHERS_BY_PATH}


def write_tables(path: Path) -> None:
    """Make a dataset, and the two files between which a table is replaced, beside it."""
    kd = open_dataset(path)
    for name, values in (("new", NEW), ("old", OLD)):
        table = pd.DataFrame(
            {"image_id": "a", "n": values, "x": [float(k * len(name)) for k in range(len(values))]}
        )
        kd.ds.save_table(TABLE, table)
        shutil.copyfile(path / "tables" / f"{TABLE}.parquet", path.with_name(f"{name}.parquet"))


def found_between_opens(names: Sequence[str], path: Path) -> dict[str, list[str]]:
    """Return what each reader finds if the table is replaced before its first open, its second, and so on."""
    found = {}
    table = str(path / "tables" / f"{TABLE}.parquet")
    for name in names:
        found[name] = [_one(name, path, table, n) for n in range(1, _opens(name, path, table) + 2)]
    return found


def _opens(name: str, path: Path, table: str) -> int:
    # The first read of all may open more: what it imports is found by then.
    for _ in range(2):
        kd = _renewed(path, table)
        Fault(only="open").arm(table)
        READERS[name](kd, table)
        opens = disarm()
    return opens


def _renewed(path: Path, table: str) -> KymDataset:
    os.replace(shutil.copyfile(path.with_name("old.parquet"), path.with_name("next.parquet")), table)
    shutil.copyfile(path.with_name("new.parquet"), path.with_name("next.parquet"))
    return open_dataset(path, "r")


def _one(name: str, path: Path, table: str, at: int) -> str:
    kd = _renewed(path, table)
    Fault(at, SWAP, only="open", swap=(str(path.with_name("next.parquet")), table)).arm(table)
    try:
        values = READERS[name](kd, table)
    except Exception as error:  # noqa: BLE001 - whatever a program says
        return f"failed: {type(error).__name__}"
    finally:
        disarm()
    values = np.asarray(values).tolist()
    return "old" if values == OLD else "new" if values == NEW else "mixed"


def main() -> None:
    """Print what the readers named in the second argument find in the dataset named in the first."""
    print(json.dumps(found_between_opens(json.loads(sys.argv[2]), Path(sys.argv[1]))))
