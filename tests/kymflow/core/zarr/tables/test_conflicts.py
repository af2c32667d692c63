"""Images at fault where columns do not go together: the fewer, then the newer, and whatever the ids."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import permutations
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow import ArtifactIndexer, KymDataset, SchemaError
from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.core.zarr.tables.conflicts import type_clash
from kymflow.core.zarr.tables.ledger import Ledger, LedgerEntry
from support.refreshing import assert_like_rebuild, open_dataset
from support.simple_indexers import add_image

OLD_S = 1_700_000_000


class Probe(ArtifactIndexer):
    name = "probe"


def write(kd: KymDataset, image_id: str, values: pa.Array | None, age_s: int = 0) -> None:
    """Write column ``v`` as an artifact of an image, and say when that was; or no column ``v``."""
    if image_id not in kd.ds.list_image_ids():
        add_image(kd, image_id)
    path = Path(kd.ds.path) / "images" / image_id / "analysis" / "probe.parquet"
    path.parent.mkdir(exist_ok=True)
    columns = {"k": [1]} if values is None else {"k": [1] * len(values), "v": values}
    pq.write_table(pa.table(columns), path)
    os.utime(path, (OLD_S - age_s, OLD_S - age_s))


def made(tmp_path: Path, images: Mapping[str, pa.Array | None]) -> KymDataset:
    kd = open_dataset(tmp_path / f"{len(list(tmp_path.iterdir()))}.zarr")
    for image_id, values in images.items():
        write(kd, image_id, values)
    return kd


def failed(kd: KymDataset) -> set[str]:
    return set(kd.reports["probe"].failed)


INT, FLOAT, TEXT = pa.array([1]), pa.array([0.5]), pa.array(["x"])
LARGE = pa.array([2**53 + 1])


@pytest.mark.slow
@pytest.mark.parametrize("ids", list(permutations("abcd")), ids="".join)
def test_fewer_images_are_at_fault_whatever_their_ids(tmp_path: Path, ids: Sequence[str]) -> None:
    kd = made(tmp_path, dict(zip(ids, [TEXT, INT, FLOAT, pa.array([1], pa.uint8())], strict=True)))

    table = kd.rebuild(Probe(), on_error="skip")

    assert failed(kd) == {ids[0]}
    assert sorted(table["image_id"]) == sorted(ids[1:])
    with pytest.raises(SchemaError, match=rf"image '{ids[0]}' has string.*\(3 against 1 images\)") as caught:
        kd.rebuild(Probe())
    assert set(caught.value.causes) == {ids[0]}


@pytest.mark.parametrize("first", ["a", "b"])
def test_of_as_many_the_newer_are_at_fault(tmp_path: Path, first: str) -> None:
    second = "b" if first == "a" else "a"
    kd = open_dataset(tmp_path / "lab.zarr")
    write(kd, first, TEXT, age_s=60)
    write(kd, second, INT)

    assert kd.rebuild(Probe(), on_error="skip")["v"].tolist() == ["x"]
    assert failed(kd) == {second}


@pytest.mark.parametrize("ids", [("a", "b"), ("b", "a")])
def test_of_one_age_the_later_by_name_of_its_type_is_at_fault(tmp_path: Path, ids: tuple[str, str]) -> None:
    kd = made(tmp_path, {ids[0]: INT, ids[1]: TEXT})

    assert kd.rebuild(Probe(), on_error="skip")["v"].tolist() == [1]
    assert failed(kd) == {ids[1]}


@pytest.mark.slow
@pytest.mark.parametrize("ids", ["abc", "bca", "cab"])
@pytest.mark.parametrize(
    ("one", "two"),
    [
        (LARGE, FLOAT),
        (LARGE, None),
        (LARGE, pa.array([], pa.int64())),
        (pa.array([2**63], pa.uint64()), pa.array([-1], pa.int8())),
        (pa.array([-15 * 10**15], pa.timestamp("us")), pa.array([1], pa.timestamp("ns"))),
        (pa.array([10**18], pa.duration("us")), pa.array([1], pa.duration("ns"))),
        (pa.array([[2**53 + 1]]), pa.array([[0.5]])),
        (pa.array([{"x": 2**53 + 1}]), pa.array([{"x": 0.5, "y": 1}])),
    ],
    ids=str,
)  # fmt: skip
def test_of_values_that_would_change_and_what_changes_them_the_fewer_are_at_fault(
    tmp_path: Path, ids: Sequence[str], one: pa.Array, two: pa.Array | None
) -> None:
    if two is not None and not len(two):
        two = pa.nulls(1, two.type)
    few_values = made(tmp_path, dict(zip(ids, [one, two, two], strict=True)))
    many_values = made(tmp_path, dict(zip(ids, [two, one, one], strict=True)))

    for kd in (few_values, many_values):
        table = kd.rebuild(Probe(), on_error="skip")
        assert failed(kd) == {ids[0]}
        assert len(table) == 2
        with pytest.raises(SchemaError, match=f"column 'v' of table 'probe'.*image '{ids[0]}'"):
            kd.rebuild(Probe())
    values = pq.read_table(Path(many_values.ds.path) / "tables" / "probe.parquet")["v"].to_pylist()
    assert values == [*one.to_pylist(), *one.to_pylist()]


def test_images_whose_values_fit_are_on_neither_side(tmp_path: Path) -> None:
    kd = made(
        tmp_path, {"a": INT, "b": INT, "c": pa.array([7], pa.int8()), "d": LARGE, "e": LARGE, "f": FLOAT}
    )

    table = kd.rebuild(Probe(), on_error="skip")

    assert failed(kd) == {"f"}
    assert table["v"].tolist() == [1, 1, 7, 2**53 + 1, 2**53 + 1]


def test_who_is_at_fault_is_the_same_for_a_refresh_and_a_rebuild(tmp_path: Path) -> None:
    kd = made(tmp_path, {"a": INT, "b": TEXT})
    os.utime(Path(kd.ds.path) / "images/b/analysis/probe.parquet", (OLD_S + 9, OLD_S + 9))
    assert kd.refresh(Probe(), on_error="skip")["image_id"].tolist() == ["a"]

    # More images of text come: now it is the integer that does not go with the others.
    for image_id in "cd":
        write(kd, image_id, TEXT)
    refreshed = kd.refresh(Probe(), on_error="skip")

    assert failed(kd) == {"a"}
    assert refreshed["image_id"].tolist() == ["b", "c", "d"]
    rebuilt = kd.rebuild(Probe(), on_error="skip")
    assert failed(kd) == {"a"}
    assert rebuilt.equals(refreshed)
    # And back, once it is mended.
    write(kd, "a", pa.array(["mended"]))
    assert kd.refresh(Probe(), on_error="skip")["v"].tolist() == ["mended", "x", "x", "x"]
    assert_like_rebuild(kd, Probe())
    kd.registry.register(Probe())
    assert kd.check().problems == []


NUMBERS = [
    pa.array([1, None], kind)
    for kind in (pa.int8(), pa.int64(), pa.uint8(), pa.uint64(), pa.int32(), pa.float32(), pa.float64())
]
TEXTS = [
    pa.array(["a", None, "b"], kind)
    for kind in (
        pa.string(),
        pa.large_string(),
        pa.string_view(),
        pa.dictionary(pa.int8(), pa.large_string()),
    )
]
OBJECTS = [
    pa.array([value], pa.struct(fields))
    for value, fields in (
        ({"a": 1}, [("a", pa.uint64())]),
        ({"b": "x", "a": -1}, [("b", pa.string_view()), ("a", pa.int8())]),
        (
            {"a": None, "c": [{"d": 1.5}]},
            [("a", pa.null()), ("c", pa.list_(pa.struct([("d", pa.float32())])))],
        ),
        ({"c": [{"d": 2}]}, [("c", pa.large_list(pa.struct([("d", pa.int16())])))]),
    )
]


@pytest.mark.slow
@pytest.mark.parametrize(
    "forms", [NUMBERS, NUMBERS[:5], TEXTS, OBJECTS], ids=["numbers", "integers", "texts", "objects"]
)
def test_kinds_that_go_together_do_in_every_order_of_ids_at_once_and_one_by_one(
    tmp_path: Path, forms: list[pa.Array]
) -> None:
    found = set()
    for turn in range(len(forms)):
        for order in (forms[turn:] + forms[:turn], list(reversed(forms[turn:] + forms[:turn]))):
            kd = open_dataset(tmp_path / f"{len(list(tmp_path.iterdir()))}.zarr")
            for image_id, values in zip("abcdefg", order, strict=False):
                write(kd, image_id, values)
                kd.refresh(Probe())
            assert_like_rebuild(kd, Probe())
            found.add(str(pq.read_schema(Path(kd.ds.path) / "tables" / "probe.parquet").field("v").type))
            # One by one they go again; what is left has the type of what is left.
            for image_id in "acb":
                kd.ds.delete_image(image_id)
                kd.refresh(Probe())
            assert_like_rebuild(kd, Probe())
    assert len(found) == 1


def test_a_schema_that_no_image_has_any_more_is_on_no_side() -> None:
    schemas = [pa.schema([("v", kind)]) for kind in (pa.bool_(), pa.int64(), pa.string())]
    both = Ledger.of({name: LedgerEntry(1, schemas[place], "1") for name, place in (("a", 1), ("b", 2))})
    columns = both.columns.set_column(2, both.columns.schema.field(2), pa.array([1, 2], pa.int32()))
    error = type_clash(contract_of(Probe()), Ledger(columns, schemas), "v")

    assert set(error.causes) == {"b"}
    assert error.types == (pa.string(), pa.int64())
