from __future__ import annotations

import builtins
import io
import os
import random
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from kymflow import ColumnError, IndexerRegistry, KymDataset, TableError, TableNotFoundError, ZarrDataset
from kymflow_zarr import InvalidNameError, tables
from kymflow_zarr.formats import frames
from kymflow_zarr.store.base import Fingerprint
from kymflow_zarr.store.local import LocalStore
from support.processes import StartPython, wait_for_all
from support.refreshing import CellsIndexer, cells, open_dataset, table_path
from support.simple_indexers import add_image, frame

TableFile = Callable[[KymDataset, str], Path]


class CountingFile(io.FileIO):
    """A file that counts the bytes that are read of it."""

    read_bytes = 0

    def readinto(self, buffer: Any, /) -> int:
        n = super().readinto(buffer)
        CountingFile.read_bytes += n
        return n

    def read(self, size: int | None = -1, /) -> bytes:
        data = super().read(-1 if size is None else size)
        CountingFile.read_bytes += len(data)
        return data


class CountingStore(LocalStore):
    """A local store that counts the bytes that are read of opened files, and reads no whole one."""

    @contextmanager
    def open(self, key: str) -> Iterator[tuple[BinaryIO, Fingerprint]]:
        with super().open(key) as (_, fingerprint), CountingFile(self._path(key)) as file:
            yield file, fingerprint  # type: ignore[misc]

    def read(self, key: str) -> tuple[bytes, Fingerprint]:
        raise AssertionError(f"{key} is read as a whole")


@pytest.fixture
def large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> KymDataset:
    """A table ``cells`` of 40 images in row groups of 100 rows; what is read of it is counted."""
    monkeypatch.setattr(frames, "ROWS_PER_GROUP", 100)
    kd = open_dataset(tmp_path / "lab.zarr")
    rows = pd.DataFrame({"image_id": [f"image-{n // 25:02}" for n in range(1000)], "n": range(1000)})
    by_lot = random.Random(0)
    kd.ds.save_table("cells", rows.assign(text=[by_lot.randbytes(500).hex() for _ in range(1000)]))
    kd.ds._store = CountingStore(Path(kd.ds.path))
    CountingFile.read_bytes = 0
    return kd


# Parts of a table


def test_a_table_is_read_as_it_is(place_kd: KymDataset) -> None:
    found = place_kd.load_arrow("cells")

    whole = frames.parquet_to_arrow(tables.read_table(place_kd.ds.store, "cells"))
    assert found.equals(whole, check_metadata=True)


@pytest.fixture
def place_kd(dataset: ZarrDataset) -> KymDataset:
    """Images ``a`` to ``c`` with a table ``cells``, in each place."""
    kd = KymDataset(dataset, registry=IndexerRegistry(()))
    for n, image_id in enumerate("abc"):
        add_image(kd, image_id).save_df_parquet("cells", cells(n))
    kd.rebuild(CellsIndexer())
    return kd


def test_some_columns_of_some_images(place_kd: KymDataset) -> None:
    found = place_kd.load_arrow("cells", columns=["k", "n"], image_ids=["c", "a", "c", "nobody"])

    assert found.column_names == ["k", "n"]
    assert found.to_pydict() == {"k": [0, 1, 2] * 2, "n": [0] * 3 + [2] * 3}
    assert place_kd.load_arrow("cells", image_ids="b").column("image_id").to_pylist() == ["b"] * 3


@pytest.mark.parametrize("image_ids", [[], ["nobody"], ["\udcff"]])
def test_images_without_rows_give_an_empty_table_with_all_columns(
    place_kd: KymDataset, image_ids: list[str]
) -> None:
    found = place_kd.load_arrow("cells", image_ids=image_ids)

    assert (found.num_rows, found.column_names) == (0, ["image_id", "n", "k"])


def test_few_images_are_read_without_the_others(large: KymDataset) -> None:
    size = table_path(large).stat().st_size

    found = large.load_arrow("cells", image_ids=["image-00", "image-39"])

    assert found.column("n").to_pylist() == [*range(25), *range(975, 1000)]
    assert 0 < CountingFile.read_bytes < size / 3


def test_few_columns_are_read_without_the_others(large: KymDataset) -> None:
    size = table_path(large).stat().st_size

    assert large.load_arrow("cells", columns=["n"]).column("n").to_pylist() == [*range(1000)]

    assert 0 < CountingFile.read_bytes < size / 3


@pytest.mark.skipif(sys.platform == "win32", reason="Windows lets nobody replace an open file")
def test_rows_of_one_moment_come_although_the_table_is_replaced(large: KymDataset) -> None:
    store = large.ds.store

    with tables.open_table(store, "cells") as file:
        table_path(large).with_suffix(".new").write_bytes(b"another table")
        os.replace(table_path(large).with_suffix(".new"), table_path(large))
        assert file.read().num_rows == 1000


@pytest.mark.parametrize(
    "ids",
    [
        pa.array(["b", "a", "b", "c"]),
        pa.array(["b", "a", "b", "c"]).dictionary_encode(),
        pa.array(["b", "a", "b", "c"], pa.large_string()),
    ],
    ids=["in disorder", "categories", "large text"],
)
def test_images_are_found_in_tables_of_other_programs(tmp_path: Path, ids: pa.Array) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    table_path(kd).parent.mkdir()
    pq.write_table(pa.table({"image_id": ids, "n": [1, 2, 3, 4]}), table_path(kd), row_group_size=2)

    assert kd.load_arrow("cells", columns=["n"], image_ids=["b"]).to_pydict() == {"n": [1, 3]}


def test_ids_that_are_numbers_are_found_by_their_digits(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    kd.ds.save_table("cells", frame(image_id=[10, 9], n=[1, 2]))

    assert kd.load_arrow("cells", columns=["n"], image_ids=["9"]).to_pydict() == {"n": [2]}


def test_a_column_with_a_dot_is_not_one_with_fields(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    kd.ds.save_table("cells", pd.DataFrame({"image_id": ["a"], "a": [{"b": 1}], "a.b": [2]}))

    assert kd.load_arrow("cells", columns=["a.b"]).to_pydict() == {"a.b": [2]}
    assert kd.load_arrow("cells", columns="a").to_pydict() == {"a": [{"b": 1}]}


def test_a_column_that_is_not_there_is_named_with_those_that_are(place_kd: KymDataset) -> None:
    with pytest.raises(ColumnError, match="table 'cells' of .* has no column 'm'; it has image_id, n, k"):
        place_kd.load_arrow("cells", columns=["n", "m"])


def test_images_cannot_be_found_in_a_table_without_ids(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    kd.ds.save_table("cells", frame(n=[1]))

    with pytest.raises(ColumnError, match="has no column 'image_id'; it has n"):
        kd.load_arrow("cells", image_ids=["a"])


def test_ids_must_be_text(place_kd: KymDataset) -> None:
    with pytest.raises(InvalidNameError, match="an image id must be a str, got int: 7"):
        place_kd.load_arrow("cells", image_ids=[7])  # type: ignore[list-item]


def test_a_table_that_is_not_there_or_damaged_is_said_to_be(place_kd: KymDataset) -> None:
    with pytest.raises(TableNotFoundError, match="no table 'stalls'; its tables: cells"):
        place_kd.load_arrow("stalls")
    place_kd.ds.store.put("tables/stalls.parquet", b"nothing")
    with pytest.raises(TableError, match="table 'stalls' of .* cannot be read: .*Rebuild it, or drop it"):
        place_kd.load_arrow("stalls")


def test_damaged_rows_are_said_to_be(large: KymDataset) -> None:
    data = bytearray(table_path(large).read_bytes())
    data[4:2000] = bytes(1996)
    table_path(large).write_bytes(data)

    with pytest.raises(TableError, match="table 'cells' of .* cannot be read"):
        large.load_arrow("cells")


def test_a_table_name_is_found_in_any_spelling(place_kd: KymDataset) -> None:
    place_kd.ds.save_table("Flow-Summary", frame(image_id=["a"], x=[1]))

    assert place_kd.load_arrow("Cells").num_rows == 9
    assert place_kd.load_arrow("Flow-Summary").num_rows == 1
    assert place_kd.describe_table("CELLS").rows == 9
    assert place_kd.table_version("cells") == place_kd.table_version("Cells")


# Which version of it is there


def test_the_version_is_another_one_after_every_write_and_the_same_between(place_kd: KymDataset) -> None:
    versions = [place_kd.table_version("stalls"), place_kd.table_version("cells")]
    add_image(place_kd, "d").save_df_parquet("cells", cells(7))
    for change in (
        lambda: place_kd.refresh(CellsIndexer()),
        lambda: place_kd.rebuild(CellsIndexer()),
        lambda: place_kd.ds.save_table("cells", frame(image_id=["a"], n=[1])),
        lambda: place_kd.ds.save_table("cells", frame(image_id=["b"], n=[1])),
        lambda: place_kd.ds.store.put("tables/cells.parquet", b"nothing"),
        lambda: place_kd.ds.store.put("tables/cells.parquet", b""),
    ):
        change()
        versions.append(place_kd.table_version("cells"))
        assert place_kd.table_version("cells") == versions[-1]

    assert versions[0] is None
    assert None not in versions[1:]
    assert len(set(versions)) == len(versions)
    place_kd.ds.drop_table("cells")
    assert place_kd.table_version("cells") is None


def test_a_refresh_that_finds_nothing_leaves_the_version(place_kd: KymDataset) -> None:
    seen = place_kd.table_version("cells")

    place_kd.refresh(CellsIndexer())

    assert place_kd.table_version("cells") == seen


def test_commits_of_the_same_size_and_time_differ(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    add_image(kd, "a").save_df_parquet("cells", cells(1))
    versions = set()
    for _ in range(2):
        kd.rebuild(CellsIndexer())
        os.utime(table_path(kd), ns=(10**18, 10**18))
        versions.add((table_path(kd).stat().st_size, kd.table_version("cells")))

    assert len({size for size, _ in versions}) == 1
    assert len(versions) == 2


def test_tables_by_hand_of_the_same_size_and_time_differ(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    versions = set()
    for n in range(2):
        kd.ds.save_table("cells", frame(image_id=["a"], n=[n]))
        os.utime(table_path(kd), ns=(10**18, 10**18))
        versions.add(kd.table_version("cells"))

    assert len(versions) == 2


def test_the_version_needs_no_rows(large: KymDataset) -> None:
    size = table_path(large).stat().st_size

    assert large.table_version("cells")

    assert 0 < CountingFile.read_bytes < size / 3


def test_another_process_gives_the_same_version_and_changes_it(
    tmp_path: Path, start_python: StartPython
) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    add_image(kd, "a").save_df_parquet("cells", cells(1))
    kd.rebuild(CellsIndexer())
    seen = kd.table_version("cells")
    code = (
        "import sys\n"
        "from support.refreshing import CellsIndexer, open_dataset\n"
        "kd = open_dataset(sys.argv[1])\n"
        "print(kd.table_version('cells'))\n"
        "kd.rebuild(CellsIndexer())\n"
        "print(kd.table_version('cells'))\n"
    )

    (said,) = wait_for_all(start_python(code, kd.ds.path))
    before, after = said.split()

    assert before == seen != after
    assert kd.table_version("cells") == after


def test_a_file_too_short_to_be_a_table_has_a_version(tmp_path: Path) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    table_path(kd).parent.mkdir()
    for data in (b"", b"PAR1", b"\xff\xff\xff\xffPAR1"):
        table_path(kd).write_bytes(data)
        assert kd.table_version("cells")


def test_a_table_that_goes_while_it_is_looked_at_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = open_dataset(tmp_path / "lab.zarr")
    kd.ds.save_table("cells", frame(image_id=["a"]))

    def gone(*args: object, **kwargs: object) -> None:
        raise FileNotFoundError

    monkeypatch.setattr(builtins, "open", gone)

    assert kd.table_version("cells") is None
