"""A table is read as it is at one moment, whatever it is and whoever writes it."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow import ColumnError, KymDataset
from kymflow_view.tables import Query, Tables, loading


def frame(*scores: float) -> pd.DataFrame:
    return pd.DataFrame({"image_id": [f"img-{n}" for n in range(len(scores))], "score": scores})


@pytest.fixture
def kd(tmp_path: Path) -> KymDataset:
    found = KymDataset(tmp_path / "lab.zarr", mode="a")
    found.ds.save_table("events", frame(3, 4))
    return found


@pytest.mark.parametrize("n_writes", [1, 5])
def test_a_large_table_is_read_by_columns_and_is_of_one_moment(
    kd: KymDataset, monkeypatch: pytest.MonkeyPatch, n_writes: int
) -> None:
    monkeypatch.setattr(loading, "_LARGE", 1)
    writes = iter(range(n_writes))
    read = KymDataset.load_arrow

    def while_written(self: KymDataset, name: str, **parts: object) -> pa.Table:
        found = read(self, name, **parts)  # type: ignore[arg-type]
        for number in writes:
            kd.ds.save_table("events", frame(*[float(number)] * (number + 3)))
            break
        return found

    monkeypatch.setattr(KymDataset, "load_arrow", while_written)
    table = loading.load_table(KymDataset(kd.ds.path), "events")
    lengths = {len(column.values) for column in table.columns.values()}
    assert lengths == {table.n_rows}
    assert table.n_rows > 2
    assert next(writes, None) is None or n_writes == 5


def make_twice(kd: KymDataset) -> None:
    twice = pa.Table.from_arrays([pa.array(["a"]), pa.array([1]), pa.array([2])], ["image_id", "x", "x"])
    pq.write_table(twice, Path(kd.ds.path, "tables", "odd.parquet"))


def test_a_table_with_two_columns_of_one_name_says_so(kd: KymDataset) -> None:
    make_twice(kd)
    with pytest.raises(ColumnError, match="table 'odd' cannot be shown: column 'x' stands twice in it"):
        Tables(lambda: kd).table("odd")


def test_units_and_descriptions_are_those_of_the_file(kd: KymDataset) -> None:
    notes = {"unit": "µm/s", "description": "how fast"}
    schema = pa.schema([pa.field("image_id", pa.string()), pa.field("v", pa.float64(), metadata=notes)])
    rows = pa.table([["a"], [1.5]], schema=schema)
    pq.write_table(rows, Path(kd.ds.path, "tables", "third party.parquet"))

    table = Tables(lambda: kd).table("third party")
    column = table.columns["v"]
    assert (column.kind, column.unit, column.description) == ("number", "µm/s", "how fast")
    assert column.of == "third party"
    assert table.made_by == "hand, or another program"
    (piece,) = Tables(lambda: kd).view("third party", Query()).pieces()
    assert piece.schema.equals(schema, check_metadata=True)


@pytest.mark.parametrize(
    ("units", "velocities", "unit"),
    [
        (["mm/s", None], [1.0, 2.0], "mm/s"),
        (["um/s", None], [1.0, 2.0], "mm/s or um/s"),
        (["um/s", None], [1.0, None], "um/s"),
        (["um/s", "mm/s"], [None, None], "mm/s"),
        ([None, None], [1.0, 2.0], "mm/s"),
    ],
)
def test_velocities_have_the_units_of_their_rows(
    kd: KymDataset, units: list[str | None], velocities: list[float | None], unit: str
) -> None:
    fields = [
        pa.field("score", pa.float64(), metadata={"unit": "mm/s"}),
        pa.field("t0_s", pa.float64(), metadata={"unit": "s"}),
        pa.field("velocity_unit", pa.string()),
    ]
    rows = pa.table([velocities, [0.0, 1.0], units], schema=pa.schema(fields))
    pq.write_table(rows, Path(kd.ds.path, "tables", "velocities.parquet"))

    columns = loading.load_table(kd, "velocities").columns
    assert (columns["score"].unit, columns["t0_s"].unit) == (unit, "s")
