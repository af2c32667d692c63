"""A ledger that proves to belong to its table and tells nonsense: it counts as none, and blocks nothing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pandas.testing import assert_frame_equal

from kymflow import KymDataset
from kymflow.core.zarr.tables.state import find_state
from support.refreshing import TABLE, CellsIndexer, cells, kinds, open_dataset
from support.simple_indexers import add_image

Rows = list[dict[str, Any]]


def _schema(*fields: pa.Field) -> bytes:
    return pa.schema(fields).serialize().to_pybytes()


def _set(column: str, value: object) -> Callable[[Rows], object]:
    return lambda rows: rows[0].__setitem__(column, value)


def _see(name: str, value: object) -> Callable[[Rows], object]:
    return lambda rows: rows[0]["seen"][0].__setitem__(name, value)


def _shift(rows: Rows) -> None:
    """Give a row of one image to the next; there are as many as before."""
    rows[0]["n_rows"] -= 1
    rows[1]["n_rows"] += 1


BENT: dict[str, Callable[[Rows], object]] = {
    "a key that climbs out": _see("key", "../../x"),
    "an absolute key": _see("key", "//etc/passwd"),
    "a key with a dot": _see("key", "analysis/./x"),
    "a key of Windows": _see("key", "..\\x"),
    "an empty key": _see("key", ""),
    "no key": _see("key", None),
    "no digest": _see("sha256", None),
    "no kind": _see("asked", None),
    "an unknown kind": _see("asked", "nonsense"),
    "no time": _see("seen_ns", None),
    "no dependency": lambda rows: rows[0]["seen"].__setitem__(0, None),
    "no dependencies": _set("seen", None),
    "no number of rows": _set("n_rows", None),
    "negative rows": lambda rows: (_set("n_rows", -1)(rows), rows[1].__setitem__("n_rows", 4)),
    "rows of all tables": _set("n_rows", 2**62),
    "no id": _set("image_id", None),
    "an id that climbs out": _set("image_id", ".."),
    "an id with a slash": _set("image_id", "a/../../b"),
    "an empty id": _set("image_id", ""),
    "no schema": _set("schema", None),
    "a schema that is none": _set("schema", b"nonsense"),
    "a schema of one name twice": _set(
        "schema", _schema(pa.field("n", pa.int64()), pa.field("n", pa.int64()))
    ),
    "a schema of another type": _set("schema", _schema(pa.field("n", pa.list_(pa.int64())))),
    "no version": _set("schema_version", None),
    "no error": _set("error", None),
    "an id twice": lambda rows: rows.append(dict(rows[-1])),
    "ids out of order": lambda rows: rows.reverse(),
    "a row given to another image": _shift,
}


@pytest.fixture
def lab(tmp_path: Path) -> KymDataset:
    kd = open_dataset(tmp_path / "lab.zarr")
    for number, image_id in enumerate("abc"):
        add_image(kd, image_id).save_df_parquet(TABLE, cells(number, 3))
    kd.rebuild(CellsIndexer())
    return kd


def bend(kd: KymDataset, change: Callable[[Rows], object]) -> None:
    (path,) = (Path(kd.ds.path) / "index" / TABLE).glob("*.parquet")
    found = pq.read_table(path)
    rows = found.to_pylist()
    change(rows)
    fields = [field.with_nullable(True) for field in found.schema]
    plain = [pa.field("schema", pa.binary()) if field.name == "schema" else field for field in fields]
    table = pa.Table.from_pylist(rows, pa.schema(plain, found.schema.metadata))
    pq.write_table(table, path, use_dictionary=["schema"], write_page_checksum=True)


@pytest.mark.slow
@pytest.mark.parametrize("kind", BENT)
def test_it_is_replaced_by_a_refresh(lab: KymDataset, kind: str) -> None:
    before = lab.ds.load_table(TABLE)
    bend(lab, BENT[kind])
    lab.ds.record("a").save_df_parquet(TABLE, cells(7, 3))

    after = lab.refresh(CellsIndexer())

    state = find_state(lab.ds.store, TABLE)
    assert state is not None
    assert state.ledger is not None
    assert list(state.ledger) == ["a", "b", "c"]
    assert_frame_equal(after, lab.rebuild(CellsIndexer()))
    others = before["image_id"] != "a"
    assert_frame_equal(after[others.to_numpy()], before[others.to_numpy()])


@pytest.mark.slow
@pytest.mark.parametrize("kind", BENT)
def test_a_check_tells_of_it_and_repairs_it(lab: KymDataset, kind: str) -> None:
    bend(lab, BENT[kind])
    lab.registry.register(CellsIndexer())

    assert lab.check().problems or lab.check().stale
    repaired = lab.check(repair=True)

    assert repaired.is_clean
    lab.refresh(CellsIndexer())
    assert kinds(lab.check()) == []


@pytest.mark.parametrize("kind", BENT)
def test_it_ends_no_update_of_one_image(lab: KymDataset, kind: str) -> None:
    bend(lab, BENT[kind])
    lab.ds.record("b").save_df_parquet(TABLE, cells(7, 3))

    after = lab.update_image(CellsIndexer(), "b")

    assert_frame_equal(after, lab.rebuild(CellsIndexer()))


@pytest.mark.parametrize("name", ["size", "mtime_ns", "etag"])
@pytest.mark.parametrize("value", [None, -1])
def test_a_fingerprint_that_fits_nothing_makes_an_image_be_looked_at(
    lab: KymDataset, name: str, value: object
) -> None:
    before = lab.ds.load_table(TABLE)
    bend(lab, _see(name, str(value) if name == "etag" else value))

    assert_frame_equal(lab.refresh(CellsIndexer()), before)
