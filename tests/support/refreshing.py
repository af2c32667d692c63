"""What the tests of refreshing share: an indexer that counts, and the rebuild to compare with."""

from __future__ import annotations

import copy
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
from pandas.testing import assert_frame_equal

from kymflow import IndexerRegistry, KymDataset, RefreshPlan, ZarrDataset, ZarrImageRecord
from kymflow_zarr import tables
from kymflow_zarr.formats import frames
from kymflow_zarr.store.base import Change, Fingerprint
from kymflow_zarr.store.local import LocalStore

if TYPE_CHECKING:
    from collections.abc import Iterable
import threading

from kymflow import CheckReport

TABLE = "cells"


class CellsIndexer:
    """Rows of ``cells.parquet`` or else ``cells.json``; notes whom it was asked for, fails on demand."""

    def __init__(self, *, schema_version: str = "1", name: str = TABLE) -> None:
        self.name = self.table_name = name
        self.schema_version = schema_version
        self.asked: list[str] = []
        self.broken: set[str] = set()

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        self.asked.append(rec.image_id)
        if rec.image_id in self.broken:
            raise ValueError("broken on demand")
        try:
            rows = rec.load_df_parquet(TABLE)
        except KeyError:
            try:
                rows = pd.DataFrame([rec.load_json(TABLE)])
            except KeyError:
                return pd.DataFrame()
        return rows.assign(version=int(self.schema_version)) if self.schema_version != "1" else rows


def cells(n: int, rows: int = 3) -> pd.DataFrame:
    """Rows that tell by themselves whether they are of one write; as long on disk for any small `n`."""
    return pd.DataFrame({"n": [n] * rows, "k": list(range(rows))})


def open_dataset(path: object, mode: Any = "a") -> KymDataset:
    return KymDataset(str(path), mode, registry=IndexerRegistry(()))


def schema_of(kd: KymDataset, name: str) -> pa.Schema:
    return frames.parquet_to_arrow(tables.read_table(kd.ds.store, name)).schema.remove_metadata()


def assert_like_rebuild(kd: KymDataset, indexer: Any) -> None:
    """Compare the table, rows, dtypes and Arrow schema, with one that is made from nothing."""
    twin = copy.copy(indexer)
    twin.name = twin.table_name = "twin"
    twin.asked = []
    other = KymDataset(ZarrDataset(kd.ds.path), registry=IndexerRegistry(()))
    expected = other.rebuild(twin)
    arrow = schema_of(other, "twin")
    other.ds.drop_table("twin")
    assert_frame_equal(kd.ds.load_table(indexer.table_name), expected)
    assert_frame_equal(kd.get_table(indexer.table_name), expected)
    found = frames.parquet_to_arrow(
        tables.read_table(kd.ds.store, indexer.table_name)
    ).schema.remove_metadata()
    assert found.equals(arrow, check_metadata=True), f"{found}\n{arrow}"


def assert_whole(table: pd.DataFrame) -> None:
    """Each image's rows are of one write: all of them, all of the same."""
    for image_id, rows in table.groupby("image_id"):
        assert rows["k"].tolist() == [0, 1, 2], (image_id, rows)
        assert rows["n"].nunique() == 1, (image_id, rows)


def assert_never_fresh_wrongly(kd: KymDataset, indexer: Any) -> None:
    """Whatever a plan calls fresh has just the rows that it would be given now."""
    plan = kd.plan(indexer)
    if plan.whole:
        return
    table = kd.ds.load_table(indexer.table_name)
    for image_id in set(kd.ds.list_image_ids()) - set(plan.stale):
        now = type(indexer).extract_rows(copy.copy(indexer), kd.ds.record(image_id))
        then = table[table["image_id"] == image_id].drop(columns="image_id").reset_index(drop=True)
        assert then["n"].tolist() == (now["n"].tolist() if len(now) else []), image_id


def revalidated(plan: RefreshPlan) -> list[str]:
    """Images of which something had to be read to be found unchanged."""
    return [] if plan.revalidated is None else plan.revalidated.record_ids.to_pylist()


def table_path(kd: KymDataset, name: str = TABLE) -> Path:
    return Path(kd.ds.path) / "tables" / f"{name}.parquet"


def ledgers(kd: KymDataset, name: str = TABLE) -> list[Path]:
    return sorted((Path(kd.ds.path) / "index" / name).glob("*.parquet"))


def settle(root: Path, seconds: float = 10.0) -> None:
    """Give every file of a dataset a modification time that lies back so far that it proves something."""
    for path in root.rglob("*"):
        if path.is_file():
            info = path.stat()
            os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns - int(seconds * 1e9)))


def snapshot(root: Path) -> dict[str, tuple[int, bytes]]:
    return {
        str(path.relative_to(root)): (path.stat().st_mtime_ns, path.read_bytes())
        for path in root.rglob("*")
        if path.is_file()
    }


class Crash(KeyboardInterrupt):
    """The process is dead: no handler of the code under test may do anything any more."""


class HookedStore(LocalStore):
    """A local store that calls `hook(operation, key)` before and after everything it does."""

    def __init__(self, root: str, hook: Callable[[str, str], None]) -> None:
        super().__init__(Path(root))
        self._hook = hook

    @contextmanager
    def _around(self, operation: str, key: str) -> Iterator[None]:
        self._hook(f"before {operation}", key)
        yield
        self._hook(f"after {operation}", key)

    def _read_or_none(self, key: str) -> tuple[bytes, Fingerprint] | None:
        with self._around("read", key):
            return super()._read_or_none(key)

    def stat(self, key: str) -> Fingerprint | None:
        with self._around("stat", key):
            return super().stat(key)

    def list(self, prefix: str = "") -> Iterator[Fingerprint]:
        with self._around("list", prefix):
            found = [*super().list(prefix)]
        return iter(found)

    def children(self, prefix: str, having: Any = ()) -> Any:
        with self._around("children", prefix):
            return super().children(prefix, having)

    def put(self, key: str, data: bytes, *, flush: bool = False) -> Fingerprint:
        with self._around("put", key):
            return super().put(key, data, flush=flush)

    def put_tree(self, prefix: str, blobs: Iterable[tuple[str, bytes]], **options: Any) -> None:
        with self._around("put_tree", prefix):
            super().put_tree(prefix, blobs, **options)

    def replace(self, key: str, data: bytes | None, sha256: str) -> None:
        with self._around("replace", key):
            super().replace(key, data, sha256)

    def delete(self, key: str) -> bool:
        with self._around("delete", key):
            return super().delete(key)

    def delete_tree(self, prefix: str, *, first: Sequence[str] = ()) -> None:
        with self._around("delete_tree", prefix):
            super().delete_tree(prefix, first=first)

    def update(self, key: str, change: Change, *, timeout_s: float = 60.0) -> Fingerprint | None:
        with self._around("update", key):
            return super().update(key, change, timeout_s=timeout_s)


def hooked(kd: KymDataset, hook: Callable[[str, str], None]) -> KymDataset:
    """Open the same local dataset again, through a hooked store."""
    other = KymDataset(ZarrDataset(kd.ds.path), registry=kd.registry)
    other.ds._store = HookedStore(kd.ds.path, hook)
    return other


class CrashAt:
    """A hook by which everything stops at its n-th call, and stays so."""

    def __init__(self, n: int) -> None:
        self.left = n
        self.calls = 0

    def __call__(self, operation: str, key: str) -> None:
        self.calls += 1
        if self.calls >= self.left:
            raise Crash(f"{operation} {key}")


def cancel_at(n: int) -> dict[str, Any]:
    """Options by which an action is cancelled when it tells of progress for the n-th time."""
    cancel, told = threading.Event(), []

    def step(done: int, total: int) -> None:
        told.append((done, total))
        if len(told) == n:
            cancel.set()

    return {"on_progress": step, "cancel": cancel}


def check_readable(path: Path) -> None:
    kd = open_dataset(path, "r")
    assert_whole(kd.ds.load_table(TABLE))


def kinds(report: CheckReport) -> list[tuple[str, str, bool]]:
    """What is wrong, with which image, and whether it was repaired."""
    return [(problem.kind, problem.image_id, problem.repaired) for problem in report.problems]


def age(path: Path, seconds: float = 3600) -> None:
    """Let a file or folder be that much older."""
    info = path.stat()
    os.utime(path, ns=(info.st_atime_ns, info.st_mtime_ns - int(seconds * 1e9)))
