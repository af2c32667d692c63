"""Times that Python and pandas cannot hold are a failure of their image, at any depth."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow import ArtifactIndexer, ColumnError, KymDataset
from kymflow.core.zarr.extraction.times import check_times
from support.command_line import run_command
from support.refreshing import open_dataset
from support.simple_indexers import add_image

DAY_US = 86_400 * 10**6
# The first and the last microsecond of the years 1 to 9999.
FIRST_US, LAST_US = -719_162 * DAY_US, 2_932_897 * DAY_US - 1


class Probe(ArtifactIndexer):
    name = "probe"


def counts(kind: pa.DataType, count: int) -> pa.Array:
    return pa.array([count], pa.int32() if kind.bit_width == 32 else pa.int64()).view(kind)


def nested(values: pa.Array) -> dict[str, pa.Array]:
    """Return a value as it is, and inside whatever it can be inside of."""
    objects = pa.StructArray.from_arrays([values], ["first"])
    return {
        "plain": values,
        "object": objects,
        "list": pa.ListArray.from_arrays([0, 1], values),
        "list of objects": pa.ListArray.from_arrays([0, 1], objects),
    }


TOO_MUCH = [
    (pa.timestamp("us"), 16 * 10**17, "years 1 to 9999"),
    (pa.timestamp("us"), LAST_US + 1, "years 1 to 9999"),
    (pa.timestamp("us"), FIRST_US - 1, "years 1 to 9999"),
    (pa.timestamp("ms"), 2**62, "years 1 to 9999"),
    (pa.timestamp("us", "UTC"), 16 * 10**17, "years 1 to 9999"),
    (pa.timestamp("us", "Asia/Tokyo"), LAST_US, "years 1 to 9999"),
    (pa.timestamp("us", "America/Los_Angeles"), FIRST_US, "years 1 to 9999"),
    (pa.timestamp("ns"), -(2**63), "years 1 to 9999"),
    (pa.timestamp("us", "Mars/Phobos"), 0, "time zone that is unknown here, 'Mars/Phobos'"),
    (pa.date32(), 2**31 - 1, "years 1 to 9999"),
    (pa.date32(), -(2**31), "years 1 to 9999"),
    (pa.time32("ms"), 86_400_000, "24 hours"),
    (pa.time64("us"), -1, "24 hours"),
    (pa.time64("ns"), 2**62, "24 hours"),
    (pa.time64("ns"), 1, "between two microseconds"),
    (pa.duration("s"), 2**62, "100 million days"),
    (pa.duration("ms"), -(2**62), "100 million days"),
    (pa.duration("us"), -(2**63), "100 million days"),
]
JUST_RIGHT = [
    (pa.timestamp("us"), LAST_US),
    (pa.timestamp("us"), FIRST_US),
    (pa.timestamp("ns"), 2**63 - 1),
    (pa.timestamp("us", "Asia/Tokyo"), LAST_US - DAY_US),
    (pa.timestamp("us", "+05:30"), FIRST_US + DAY_US),
    (pa.date32(), LAST_US // DAY_US),
    (pa.time64("ns"), 86_399_999_999_000),
    (pa.duration("s"), 106_751_990 * 86_400),
    (pa.duration("ns"), -(2**63) + 1),
]


@pytest.mark.parametrize(("kind", "count", "what"), TOO_MUCH, ids=str)
def test_a_time_that_cannot_be_held_is_refused_at_any_depth(kind: pa.DataType, count: int, what: str) -> None:
    for values in nested(counts(kind, count)).values():
        with pytest.raises(ColumnError, match=rf"column 'seen' \({kind!s}".replace("[", r"\[")) as caught:
            check_times("seen", pa.chunked_array([values]))
        assert what in str(caught.value)


@pytest.mark.parametrize(("kind", "count"), JUST_RIGHT, ids=str)
def test_the_last_that_can_be_held_is_read_back(kind: pa.DataType, count: int) -> None:
    for values in nested(counts(kind, count)).values():
        check_times("seen", pa.chunked_array([values]))
        assert len(pa.table({"seen": values}).to_pandas()) == 1


def test_what_is_missing_is_no_time() -> None:
    check_times("seen", pa.chunked_array([], pa.date32()))
    check_times("seen", pa.chunked_array([pa.nulls(2, pa.struct([("first", pa.time32("ms"))]))]))
    hidden = pa.StructArray.from_arrays([counts(pa.date32(), 2**31 - 1)], ["day"], mask=pa.array([True]))
    check_times("seen", pa.chunked_array([hidden]))


def dataset_with(tmp_path: Path, columns: dict[str, pa.Array]) -> KymDataset:
    """Make a dataset of an image with these columns, and one with a number alone."""
    kd = open_dataset(tmp_path / "lab.zarr")
    kd.registry.register(Probe())
    for image_id, table in (("a", pa.table(columns)), ("b", pa.table({"n": [1]}))):
        add_image(kd, image_id)
        path = Path(kd.ds.path) / "images" / image_id / "analysis" / "probe.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(table, path)
    return kd


@pytest.mark.parametrize("form", ["plain", "object", "list", "list of objects"])
def test_one_image_with_a_time_out_of_range_spoils_no_table(tmp_path: Path, form: str) -> None:
    kd = dataset_with(tmp_path, {"seen": nested(counts(pa.timestamp("us", "UTC"), 16 * 10**17))[form]})

    assert kd.rebuild("probe", on_error="skip")["image_id"].tolist() == ["b"]
    assert "column 'seen'" in kd.reports["probe"].failed["a"]
    assert kd.get_table("probe")["n"].tolist() == [1]
    assert {problem.image_id for problem in kd.check().problems} == {"a"}


def test_tables_of_odd_columns_can_be_shown_and_exported(tmp_path: Path) -> None:
    columns = {
        f"{form} {number}": values
        for number, (kind, count) in enumerate(JUST_RIGHT)
        for form, values in nested(counts(kind, count)).items()
    }
    pairs = pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))
    kd = dataset_with(tmp_path, {"map": pairs, "decimal": pa.array([1], pa.decimal256(50, 2)), **columns})

    table = kd.rebuild("probe")

    assert table["map"][0] == [{"key": "k", "value": 1}]
    for ending in ("csv", "json", "parquet", "xlsx"):
        run_command("export", kd.ds.path, "probe", "-o", str(tmp_path / f"out.{ending}"))
    for more in ([], ["--json"]):
        run_command("show", kd.ds.path, "probe", *more)
