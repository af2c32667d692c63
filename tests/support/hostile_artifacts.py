"""Artifacts that nobody should write: odd ones, wrong ones, and bent ones by number."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
from pandas.testing import assert_frame_equal

from kymflow import ArtifactIndexer
from kymflow.errors import IndexerError
from kymflow_zarr.formats import frames

from .parquet_files import bend
from .reading_together import Declared, assert_same, good, lab, put
from .refreshing import TABLE, open_dataset, table_path
from .simple_indexers import add_image


def _parquet(columns: dict[str, Any]) -> bytes:
    return frames.arrow_to_parquet(pa.table(columns))


JSONS: list[bytes] = [
    b"[" * 100_000,
    b'{"n":' * 500 + b"1" + b"}" * 500,
    b'{"n":' + b"[" * 200 + b"]" * 200 + b"}",
    b'{"n": {}}',
    b'[{"n": {"m": {}}}]',
    b'{"n": [{}]}',
    b"NaN",
    b'{"n": NaN, "k": Infinity}',
    b'{"n": 1, "n": "two", "k": 3}',
    b'{"n": 1e999}',
    b'{"n": 123456789012345678901234567890}',
    b'{"n": "\\ud800"}',
    b'{"\\ud800": 1}',
    b'{"": 1}',
    b'{"n": "\xff\xfe"}',
    b'{"n": true}',
    b'{"image_id": "b", "n": 1}',
    b'{"image_id": 7, "n": 1}',
    b'[{"n": 1}, 2]',
    b'[{"n": 1}, {"n": "x"}]',
    b'[{"n": 1}, {"n": [1]}]',
    b'"text"',
    b"null",
    b"[]",
    b"{}",
    b"",
    b"\x00" * 100,
]
PARQUETS: list[bytes] = [
    _parquet({"n": pa.array([2**31 - 1], pa.date32())}),
    _parquet({"when": pa.array([2**62], pa.timestamp("us"))}),
    _parquet({"when": pa.array([0], pa.timestamp("us", "Nowhere/Town"))}),
    _parquet({"when": pa.array([2**62], pa.timestamp("us", "UTC"))}),
    _parquet({"when": pa.array([2**62], pa.timestamp("ms"))}),
    _parquet({"n": pa.array(["x"])}),
    _parquet({"n": pa.array([b"\xff"])}),
    _parquet({"image_id": pa.array(["b"]), "n": pa.array([1])}),
    _parquet({"image_id": pa.array([1.5]), "n": pa.array([1])}),
    _parquet({"n": pa.array([[1, 2]])}),
    _parquet({"extra": pa.array([[("k", 1)]], pa.map_(pa.string(), pa.int64()))}),
    _parquet({"extra": pa.array([[None, {"k": 1}]])}),
    _parquet({"extra": pa.array(["a"]).dictionary_encode()}),
    _parquet({"extra": pa.array([0], pa.time64("us"))}),
    _parquet({"extra": pa.array([None], pa.null())}),
    frames.arrow_to_parquet(pa.Table.from_arrays([pa.array([1]), pa.array([2])], names=["n", "n"])),
    frames.arrow_to_parquet(pa.table({"n": [1]}).replace_schema_metadata({b"pandas": b"{nonsense"})),
    frames.arrow_to_parquet(pa.table({"n": [1]}).replace_schema_metadata({b"ARROW:schema": b"AAAA"})),
]


def hostile(number: int) -> tuple[str, bytes]:
    """Return the suffix and bytes of an artifact that nobody should write."""
    fixed = [("json", data) for data in JSONS] + [("parquet", data) for data in PARQUETS]
    if number < len(fixed):
        return fixed[number]
    chance = random.Random(number)
    if chance.random() < 0.5:
        data = json.dumps([{"n": chance.randrange(100), "k": 0.5, "word": "é"}] * 3).encode()
        return "json", bend(chance.choice([data, chance.choice(JSONS)]), chance)
    data = frames.frame_to_parquet(pd.DataFrame({"n": [1, 2], "k": [0.5, None], "word": ["é", "x"]}))
    return "parquet", bend(chance.choice([data, data, chance.choice(PARQUETS)]), chance)


class HostIndexer(ArtifactIndexer):
    name = TABLE


def meet_hostile(path: str, start: int, end: int) -> None:
    """Give image ``b`` one hostile artifact after the other; the rest must not notice."""
    kd = open_dataset(path)
    indexer = HostIndexer()
    for image_id in "abc":
        add_image(kd, image_id).save_json(TABLE, {"n": 1, "k": 0.5})
    kd.rebuild(indexer)
    folder = Path(path) / "images" / "b" / "analysis"
    good = kd.ds.load_table(TABLE)
    others = good[good["image_id"] != "b"].reset_index(drop=True)
    for number in range(start, end):
        suffix, data = hostile(number)
        (folder / f"{TABLE}.json").unlink(missing_ok=True)
        (folder / f"{TABLE}.{suffix}").write_bytes(data)
        print(number, suffix, data[:60], flush=True)
        before = table_path(kd).read_bytes()
        problem = None
        try:
            kd.refresh(indexer)
        except IndexerError as error:
            problem = str(error)
            assert table_path(kd).read_bytes() == before
            assert "'b'" in problem, problem
        # The others come through, whatever that one does.
        kd.ds.record("a").save_json(TABLE, {"n": 2, "k": 0.5})
        kd.refresh(indexer, on_error="skip")
        assert (list(kd.reports[TABLE].failed) == ["b"]) == (problem is not None), (problem, kd.reports)
        table = kd.ds.load_table(TABLE)
        assert table["image_id"].tolist()[0] == "a"
        assert table.loc[table["image_id"] == "a", "n"].tolist() == [2]
        kd.ds.record("a").save_json(TABLE, {"n": 1, "k": 0.5})
        (folder / f"{TABLE}.parquet").unlink(missing_ok=True)
        kd.ds.record("b").save_json(TABLE, {"n": 1, "k": 0.5})
        back = kd.refresh(indexer)
        assert_frame_equal(back, good)
        assert_frame_equal(kd.ds.load_table(TABLE)[["image_id", "n", "k"]], good)
    assert len(others) == 2


def meet_hostile_together(path: str, start: int, end: int) -> None:
    """Put hostile artifacts among good ones, ten at a time; the good ones must not notice."""
    ids = [f"{number:02}" for number in range(40)]
    kd = lab(path, ids)
    put(kd, {image_id: good(number) for number, image_id in enumerate(ids)})
    whole = kd.rebuild(Declared())
    failures = 0
    for begin in range(start, end, 10):
        print(begin, flush=True)
        bad = dict(zip(random.Random(begin).sample(ids, 10), range(begin, begin + 10), strict=True))
        put(
            kd,
            {image_id: (f".{suffix}", data) for image_id, n in bad.items() for suffix, data in [hostile(n)]},
        )
        _, failed = assert_same(kd, Declared())
        assert set(failed) <= set(bad)
        assert all(f"image '{image_id}'" in cause for image_id, cause in failed.items())
        failures += len(failed)
        table = kd.rebuild(Declared(), on_error="skip")
        others = table.loc[~table["image_id"].isin(list(bad)), list(whole.columns)].reset_index(drop=True)
        expected = whole[~whole["image_id"].isin(list(bad))].reset_index(drop=True)
        # Other images' gaps make floats of integers, as pandas knows none that are missing.
        pd.testing.assert_frame_equal(others, expected, check_dtype=False)
        put(kd, {image_id: good(int(image_id)) for image_id in bad})
    assert failures > (end - start) / 4
    pd.testing.assert_frame_equal(kd.rebuild(Declared()), whole)
