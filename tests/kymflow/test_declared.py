from __future__ import annotations

import datetime
import gzip
import json as python_json
import random
import subprocess
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from reading_together import TOGETHER, Artifact, Declared, Plain, alone, assert_same, json, lab, parquet, put
from test_refresh_faults import hostile

from kymflow import ArtifactIndexer, ExtractionError, KymDataset
from kymflow.core.zarr import declared, extraction, work
from kymflow.core.zarr.declared import decode_artifacts, is_declaration, read_artifacts
from kymflow_zarr import ReadOnlyError, _store_local, frames
from kymflow_zarr.errors import CancelledError, StoreError

IDS = [f"i{number:02}" for number in range(7)]
GOOD = parquet({"a": [1, 2], "b": [0.5, None], "c": ["é", "x"]})


@pytest.fixture(scope="module")
def kd(tmp_path_factory: pytest.TempPathFactory) -> KymDataset:
    """Bare records, which a test gives artifacts."""
    return lab(tmp_path_factory.mktemp("declared") / "lab.zarr", IDS)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Images that were asked one by one."""
    noted: list[str] = []
    ask = work.ask

    def noting(ds: Any, indexer: Any, contract: Any, image_id: str) -> Any:
        noted.append(image_id)
        return ask(ds, indexer, contract, image_id)

    monkeypatch.setattr(work, "ask", noting)
    return noted


def give(kd: KymDataset, *artifacts: Artifact) -> None:
    """Give the images these artifacts, in turn, and again from the first."""
    put(kd, {image_id: artifacts[number % len(artifacts)] for number, image_id in enumerate(IDS)})


def frame(df: pd.DataFrame) -> Artifact:
    return ".parquet", frames.frame_to_parquet(df)


def pandas(df: pd.DataFrame, **how: Any) -> Artifact:
    return ".parquet", df.to_parquet(**how)


NOW = datetime.datetime(2024, 5, 1, 12, 30)

PARQUET: dict[str, list[Artifact]] = {
    "all alike": [GOOD],
    "nothing anywhere": [None],
    "some without": [GOOD, None],
    "columns missing, more, in other order": [
        GOOD,
        parquet({"b": [1.5], "a": [3]}),
        parquet({"a": [1]}),
        parquet({"c": ["x"], "z": [1], "b": [0.0], "a": [5]}),
    ],
    "no value in some images": [
        GOOD,
        parquet({"a": [7], "b": pa.array([None], pa.float64()), "c": pa.array([None], pa.string())}),
        parquet({"a": pa.nulls(2), "b": pa.nulls(2), "c": pa.nulls(2)}),
    ],
    "no value in any image": [parquet({"a": pa.array([None], pa.int64()), "x": pa.nulls(1)})],
    "not a number": [parquet({"a": [1, 2], "b": [np.nan, 1.0]}), parquet({"a": [1, 2], "b": [np.nan] * 2})],
    "integers and floats": [parquet({"a": [1], "b": [2]}), parquet({"a": [1.0], "b": [2.5]})],
    "a value that does not fit its declared type": [
        GOOD,
        parquet({"a": [1.5], "b": ["late"], "c": [5]}),
        GOOD,
    ],
    "types that do not go together": [GOOD, GOOD, parquet({"x": ["y"]}), parquet({"x": [5]})],
    "a right image id": [parquet({"image_id": ["i00"], "a": [1]}), GOOD],
    "a missing image id": [parquet({"image_id": pa.array([None], pa.string()), "a": [1]})],
    "a foreign image id": [parquet({"image_id": ["i03", None], "a": [1, 2]})],
    "an image id that is a number": [
        parquet({"image_id": [3], "a": [1]}),
        parquet({"image_id": pa.nulls(1)}),
    ],
    "an image id alone": [parquet({"image_id": pa.array([None, None], pa.string())})],
    "an image id of categories": [
        frame(pd.DataFrame({"image_id": pd.Series(["i00"], dtype="category")})),
        GOOD,
    ],
    "large text": [parquet({"c": pa.array(["é"], pa.large_string())}), GOOD],
    "views of text": [parquet({"c": pa.array(["é"], pa.string_view())}), GOOD],
    "truth": [parquet({"d": [True, None], "a": [True, False]})],
    "small integers": [
        parquet({"a": pa.array([1], kind)}) for kind in (pa.int8(), pa.uint8(), pa.uint32(), pa.uint64())
    ],
    "beyond the signed integers": [parquet({"a": pa.array([2**64 - 1], pa.uint64()), "x": [1]}), GOOD],
    "short floats": [parquet({"b": pa.array([1.5, np.nan], kind)}) for kind in (pa.float32(), pa.float16())],
    "categories": [
        frame(pd.DataFrame({"c": pd.Series(["a", None], dtype="category")})),
        frame(pd.DataFrame({"c": pd.Series(["b", "a"], dtype="category")})),
        frame(pd.DataFrame({"c": pd.Series([None], dtype="category")})),
    ],
    "times": [
        parquet({"e": pa.array([NOW], pa.timestamp(unit))}, coerce_timestamps=None)
        for unit in ("s", "us", "ns")
    ],
    "times with a zone": [parquet({"e": pa.array([NOW], pa.timestamp("us", tz="Europe/Berlin"))}), GOOD],
    "a time zone that there is not": [
        parquet({"e": pa.array([NOW], pa.timestamp("us", tz="No/Where"))}),
        GOOD,
    ],
    "times out of range": [parquet({"e": pa.array([2**60], pa.timestamp("us"))}), GOOD],
    "days, decimals, bytes, durations": [
        parquet(
            {
                "x": pa.array([NOW.date()], pa.date32()),
                "y": pa.array([1], pa.decimal128(5, 2)),
                "z": [b"\xff"],
                "w": pa.array([1], pa.duration("ms")),
            }
        )
    ],
    "lists and objects": [
        parquet({"x": [[1, 2], None], "y": [{"u": 1}, {"u": None}]}),
        parquet({"x": [[1.5], []], "y": [{"u": 2}, None]}),
        parquet({"x": pa.array([[]], pa.list_(pa.null()))}),
        GOOD,
    ],
    "no rows": [GOOD, parquet({"a": pa.array([], pa.int64()), "b": pa.array([], pa.float64())})],
    "no rows at all": [parquet({"a": pa.array([], pa.int64()), "x": pa.nulls(0)})],
    "no columns": [parquet({}), GOOD],
    "rows without columns": [pandas(pd.DataFrame(index=[1, 2])), GOOD],
    "two columns of one name": [parquet(pa.table([[1], [2]], names=["a", "a"])), GOOD],
    "both names of a renamed column": [
        parquet({"a": [1], "b": [2.5]}),
        parquet({"b": [2]}),
        parquet({"d": [1]}),
    ],
    "names that mean something elsewhere": [parquet({"*": [1], "^a.*$": [2], "": [3], "a b": [4], "é": [5]})],
    "an index of pandas": [
        pandas(pd.DataFrame({"a": [1, 2]}, index=["p", "q"])),
        pandas(pd.DataFrame({"a": [1, 2]}, index=pd.Index([5, 6], name="n"))),
        pandas(pd.DataFrame({"a": [1, 2]})),
    ],
    "several row groups": [
        parquet({"a": list(range(50)), "c": ["x", "y"] * 25}, row_group_size=7),
        parquet({"a": [1], "c": ["z"]}),
    ],
    "other compressions": [
        parquet({"a": [1, 2], "c": ["x"] * 2}, compression=kind)
        for kind in ("none", "snappy", "gzip", "brotli")
    ],
    "other writers": [
        parquet({"a": [1, 2], "c": ["x", None]}, store_schema=False, version="1.0", data_page_version="2.0"),
        parquet({"a": [1, 2], "c": ["x", None]}, use_dictionary=False, write_statistics=False),
    ],
    "large integers beside gaps": [parquet({"x": [2**60, None]}), GOOD],
    "large integers beside gaps of others": [parquet({"x": [2**60]}), parquet({"x": [None, 1]})],
    "large integers beside floats of others": [parquet({"x": [2**60]}), parquet({"x": [0.5]})],
    "text that is no UTF-8": [GOOD, parquet({"c": pa.array([b"\xff"]).view(pa.string()), "a": [1]}), GOOD],
    "damaged": [GOOD, (".parquet", b"PAR1" + bytes(40) + b"PAR1"), GOOD, (".parquet", b""), GOOD],
}

SURROGATE = '{"a": 1, "c": "\\ud800"}'
JSON: dict[str, list[Artifact]] = {
    "objects alike": [json('{"a": 1, "b": 0.5, "c": "é"}')],
    "lists alike": [json('[{"a": 1, "b": 0.5}, {"a": 2, "b": 1.5}]')],
    "objects and lists": [json('{"a": 1}'), json('[{"a": 2}, {"a": 3}]'), GOOD],
    "kinds mixed between images": [json('{"b": 1}'), json('{"b": 1.5}'), json('{"b": true}')],
    "kinds mixed in an image": [json('[{"b": 1}, {"b": 1.5}]'), json('[{"b": 1}, {"b": "x"}]')],
    "names missing": [json('[{"a": 1, "b": 2.0}, {"a": 1}]'), json('{"b": 1.0}'), json('{"b": 1.0, "a": 2}')],
    "null": [json('{"a": null, "x": null}'), json('{"a": 1, "x": 5}'), json('[{"x": null}, {"x": 1}]')],
    "not a number": [
        json('{"b": NaN}'),
        json('{"b": Infinity}'),
        json('[{"b": NaN}, {"b": 1.0}]'),
        json("NaN"),
    ],
    "an image id that is no number": [json('{"image_id": NaN, "a": 1}'), json('{"image_id": "i02", "a": 1}')],
    "a foreign image id": [json('{"image_id": "i00", "a": 1}')],
    "large integers": [
        json(f'{{"a": {n}, "x": {n}}}') for n in (2**53 + 1, 2**63 - 1, -(2**63), 2**63, 2**64)
    ],
    "half a letter": [json('{"a": 1, "c": "x"}'), json(SURROGATE), json('{"\\udfff": 1}')],
    "nested": [json('{"x": [1, 2]}'), json('{"x": {"u": 1}}'), json('{"x": []}'), json('{"x": {}}')],
    "nested beyond reason": [json('{"x": ' + "[" * 40 + "]" * 40 + "}"), json("[" * 5000)],
    "no rows": [json("[]"), json("{}"), json("[{}]"), json("[{}, {}]"), json('[{}, {"a": 1}]')],
    "no name in any": [json("{}")],
    "scalars": [json(text) for text in ("5", '"x"', "null", "true", "[1]", '["x"]', "[[]]", "[null]")],
    "one name twice": [json('{"a": 1, "a": 2}'), json('{"a": 3}')],
    "values that do not fit": [json('{"a": 1.5}'), json('{"a": "x"}'), json('{"a": true}'), json('{"a": 1}')],
    "a mark at the beginning": [(".json", b'\xef\xbb\xbf{"a": 1}'), (".json", b'\xff\xfe{"a": 1}')],
    "damaged": [json('{"a": 1}'), json('{"a": 1'), json('{"a": 2}'), (".json", b"\x00"), (".json", b"")],
    "gzip of old datasets": [
        (".json.gz", gzip.compress(b'{"a": 1}')),
        (".csv.gz", gzip.compress(b"a,b\n1,0.5\n2,\n")),
        (".csv.gz", gzip.compress(b"")),
        (".json.gz", b"no gzip"),
        (".csv.gz", b"no gzip"),
        json('{"a": 5}'),
        GOOD,
    ],
}
CASES = {f"parquet: {name}": case for name, case in PARQUET.items()}
CASES |= {f"json: {name}": case for name, case in JSON.items()}


@pytest.mark.parametrize("case", CASES)
def test_reading_together_is_the_same_as_asking_each_record(kd: KymDataset, case: str) -> None:
    give(kd, *CASES[case])

    for indexer in TOGETHER:
        assert_same(kd, indexer(), rebuild=indexer is Declared)


def test_everything_at_once_is_the_same_as_asking_each_record(tmp_path: Path) -> None:
    artifacts = [artifact for case in CASES.values() for artifact in case]
    ids = [f"{number:04}" for number in range(len(artifacts))]
    kd = lab(tmp_path / "lab.zarr", ids)
    put(kd, dict(zip(ids, artifacts, strict=True)))

    for indexer in (Plain(), Declared()):
        _, failed = assert_same(kd, indexer)
        assert 10 < len(failed) < len(ids) / 2


# Whatever there may be

NAMES = st.sampled_from(["a", "b", "c", "d", "e", "x", "image_id"])
_INTS = st.integers(-100, 100) | st.sampled_from([2**53 + 1, -(2**62)])
_FLOATS = st.floats(width=32) | st.just(float("nan"))
_WORDS = st.text("aé\0 ", max_size=3) | st.sampled_from(["i00", "i01"])
_TIMES = st.datetimes(datetime.datetime(1970, 1, 1), datetime.datetime(2200, 1, 1))
KINDS: list[tuple[pa.DataType, st.SearchStrategy[Any]]] = [
    (pa.int64(), _INTS),
    (pa.int16(), st.integers(-5, 5)),
    (pa.uint64(), st.integers(0, 2**64 - 1)),
    (pa.float64(), _FLOATS),
    (pa.float32(), _FLOATS),
    (pa.string(), _WORDS),
    (pa.large_string(), _WORDS),
    (pa.bool_(), st.booleans()),
    (pa.timestamp("us"), _TIMES),
    (pa.dictionary(pa.int8(), pa.string()), _WORDS),
    (pa.list_(pa.int64()), st.lists(st.integers(-5, 5), max_size=2)),
    (pa.null(), st.none()),
]


@st.composite
def parquets(draw: st.DrawFn) -> Artifact:
    n_rows = draw(st.integers(0, 3))
    columns = {}
    for name in draw(st.lists(NAMES, unique=True, max_size=4)):
        kind, values = draw(st.sampled_from(KINDS))
        values = draw(st.sampled_from([values, st.none() | values, st.none()]))
        columns[name] = pa.array(draw(st.lists(values, min_size=n_rows, max_size=n_rows)), kind)
    return parquet(columns, compression=draw(st.sampled_from(["none", "zstd"])))


_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | _WORDS | st.just("\ud800"),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(NAMES, inner, max_size=2),
    max_leaves=2,
)
_OBJECTS = st.dictionaries(NAMES, _VALUES, max_size=3)
JSONS = (_OBJECTS | st.lists(_OBJECTS, max_size=3) | _VALUES).map(
    lambda value: (".json", python_json.dumps(value).encode())
)
# Few different ones among many alike: as in a dataset.
ARTIFACTS = st.lists(st.none() | parquets() | JSONS, min_size=1, max_size=5)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(ARTIFACTS, st.sampled_from(TOGETHER))
def test_any_artifacts_give_together_what_they_give_alone(
    kd: KymDataset, artifacts: list[Artifact], indexer: type[ArtifactIndexer]
) -> None:
    give(kd, *artifacts)
    assert_same(kd, indexer(), rebuild=False)


@pytest.mark.long
@settings(
    max_examples=3000, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)
@given(ARTIFACTS, st.sampled_from(TOGETHER))
def test_any_more_artifacts_give_together_what_they_give_alone(
    kd: KymDataset, artifacts: list[Artifact], indexer: type[ArtifactIndexer]
) -> None:
    give(kd, *artifacts)
    assert_same(kd, indexer())


# What is read, and how often


def good(number: int) -> Artifact:
    if number % 3:
        return parquet({"a": [number], "b": [number / 2], "c": ["x"]})
    return json(f'{{"a": {number}, "b": {number / 2}, "c": "y"}}')


def many(tmp_path: Path, n: int) -> KymDataset:
    ids = [f"{number:05}" for number in range(n)]
    kd = lab(tmp_path / "lab.zarr", ids)
    put(kd, {image_id: good(number) for number, image_id in enumerate(ids)})
    return kd


@pytest.mark.parametrize("chunk", [1, 7, 40, 1000])
def test_images_across_the_borders_of_chunks_are_read_together(
    tmp_path: Path, chunk: int, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "CHUNK", chunk)
    kd = many(tmp_path, 121)

    table = kd.rebuild(Declared())

    assert table["a"].tolist() == list(range(121))
    assert table["b"].tolist() == [number / 2 for number in range(121)]
    assert asked == []


def test_thousands_of_images_are_read_together(tmp_path: Path, asked: list[str]) -> None:
    kd = many(tmp_path, 2003)

    assert kd.rebuild(Declared())["a"].tolist() == list(range(2003))
    assert asked == []


def test_each_artifact_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    kd = many(tmp_path, 30)
    reads: list[str] = []
    # What all reading goes through.
    read = _store_local.LocalStore._read_or_none
    monkeypatch.setattr(
        _store_local.LocalStore, "_read_or_none", lambda store, key: (reads.append(key), read(store, key))[1]
    )

    read_artifacts(kd.ds, Declared(), kd.ds.list_image_ids())

    assert len(reads) == len(set(reads)) == 30 + 10


def test_images_that_are_asked_one_by_one_count_once(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "CHUNK", 10)
    kd = many(tmp_path, 25)
    put(kd, {"00003": (".json", b"{"), "00014": (".parquet", b"PAR1"), "00024": (".json", b"[")})
    told: list[tuple[int, int]] = []
    kd.rebuild(Declared(), on_error="skip", on_progress=lambda done, total: told.append((done, total)))
    assert asked == ["00003", "00014", "00024"]
    assert told == [(0, 25), (10, 25), (20, 25), (25, 25)]


def test_who_cancels_when_a_chunk_is_announced_reads_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "CHUNK", 10)
    kd = many(tmp_path, 25)
    read: list[str] = []
    read_artifacts = work.read_artifacts
    monkeypatch.setattr(work, "read_artifacts", lambda *a: (read.extend(a[2]), read_artifacts(*a))[1])
    cancel = threading.Event()
    with pytest.raises(CancelledError, match="was cancelled after 10 of 25 images"):
        kd.rebuild(
            Declared(), cancel=cancel, on_progress=lambda done, _: cancel.set() if done == 10 else None
        )
    assert read == [f"{number:05}" for number in range(10)]


def test_what_was_read_of_a_chunk_goes_before_the_next_one_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(extraction, "CHUNK", 10)
    kd = many(tmp_path, 40)
    read: list[weakref.ref[Any]] = []
    alive = []
    read_artifacts = work.read_artifacts

    def noting(*args: Any) -> Any:
        alive.append(sum(one() is not None for one in read))
        found = read_artifacts(*args)
        read.append(weakref.ref(found))
        return found

    monkeypatch.setattr(work, "read_artifacts", noting)
    kd.rebuild(Declared())
    assert alive == [0, 0, 0, 0]


def test_damaged_artifacts_are_found_and_the_others_not_redone(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = many(tmp_path, 400)
    bad = {
        "00004": (".parquet", b"PAR1 and no more"),
        "00123": (".json", b'{"a": '),
        "00124": parquet({"a": [1], "b": [0.5], "c": pa.array([b"\xff"]).view(pa.string())}),
        "00200": parquet({"a": [1.5], "b": [0.5], "c": ["x"]}),
        "00301": json('{"a": 1, "b": "late", "c": "y"}'),
    }
    put(kd, bad)
    shaped: list[int] = []
    shape = ArtifactIndexer.shape

    def noting(self: ArtifactIndexer, table: pa.Table) -> pa.Table:
        shaped.append(table.num_rows)
        return shape(self, table)

    monkeypatch.setattr(ArtifactIndexer, "shape", noting)
    table = kd.rebuild(Declared(), on_error="skip")

    assert len(table) == 395
    failed = kd.reports["rows"].failed
    assert sorted(failed) == sorted(bad) == asked
    assert all(f"'{image_id}'" in cause for image_id, cause in failed.items())
    # One odd kind each, and no halving of those that are alike.
    assert len(shaped) < 20
    monkeypatch.undo()
    put(kd, {image_id: good(int(image_id)) for image_id in bad})
    assert kd.refresh(Declared())["a"].tolist() == list(range(400))


def test_misfits_among_files_of_one_kind_are_looked_for_in_halves(
    tmp_path: Path, asked: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = [f"{number:05}" for number in range(256)]
    kd = lab(tmp_path / "lab.zarr", ids)
    put(kd, {image_id: parquet({"a": [1.0]}) for image_id in ids})
    put(kd, {"00077": parquet({"a": [1.5]})})
    calls: list[int] = []
    shape = ArtifactIndexer.shape
    monkeypatch.setattr(
        ArtifactIndexer, "shape", lambda self, table: (calls.append(table.num_rows), shape(self, table))[1]
    )

    kd.rebuild(Declared(), on_error="skip")

    assert sorted(kd.reports["rows"].failed) == ["00077"] == asked
    # Two for each halving of 256, the first, and the one by itself.
    assert len(calls) <= 2 * 8 + 3


def test_an_artifact_that_the_medium_refuses_concerns_its_image_only(tmp_path: Path) -> None:
    kd = many(tmp_path, 12)
    path = Path(kd.ds.path) / "images" / "00004" / "analysis" / "rows.parquet"
    path.unlink()
    path.symlink_to(path)
    with pytest.raises(StoreError):
        kd.ds.store.read("images/00004/analysis/rows.parquet")

    _, failed = assert_same(kd, Declared())

    assert list(failed) == ["00004"]


@pytest.mark.parametrize("name", ["../rows", "a//b", "con", ""])
def test_an_artifact_name_that_cannot_be_a_key_is_told_by_image(tmp_path: Path, name: str) -> None:
    class Climber(ArtifactIndexer):
        pass_on = True
        name = "rows"
        artifact = "rows"

    Climber.artifact = name
    kd = many(tmp_path, 3)

    _, failed = assert_same(kd, Climber())

    assert list(failed) == kd.ds.list_image_ids()
    assert all("InvalidNameError" in cause for cause in failed.values())


@pytest.mark.parametrize("on_error", ["raise", "skip"])
def test_a_damaged_image_that_is_deleted_meanwhile_is_no_failure(
    tmp_path: Path, on_error: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = many(tmp_path, 9)
    put(kd, {"00002": (".json", b"{"), "00005": (".parquet", b"x"), "00007": json('[{"a": 1}, {"b": 1}]')})
    ask = work.ask

    def deleting(ds: Any, indexer: Any, contract: Any, image_id: str) -> Any:
        try:
            return ask(ds, indexer, contract, image_id)
        except ExtractionError:
            kd.ds.delete_image(image_id)
            raise

    monkeypatch.setattr(work, "ask", deleting)
    table = kd.rebuild(Plain(), on_error=on_error)

    # Those after it are asked all the same.
    assert sorted(set(table["image_id"])) == [f"0000{number}" for number in (0, 1, 3, 4, 6, 7, 8)]
    assert kd.reports["rows"].failed == {}


def test_images_deleted_while_they_are_read_are_absent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kd = many(tmp_path, 9)
    read = declared._read
    calls: list[str] = []

    def deleting(ds: Any, name: str, *rest: Any) -> Any:
        if not calls:
            kd.ds.delete_image("00004")
        calls.append(name)
        return read(ds, name, *rest)

    monkeypatch.setattr(declared, "_read", deleting)

    assert kd.rebuild(Declared())["a"].tolist() == [0, 1, 2, 3, 5, 6, 7, 8]


def test_the_first_failing_image_is_the_one_that_is_raised(tmp_path: Path) -> None:
    kd = many(tmp_path, 9)
    put(kd, {"00001": (".json", b"{"), "00002": (".parquet", b"x"), "00003": (".csv.gz", b"x")})

    with pytest.raises(ExtractionError, match="image '00001'"):
        kd.rebuild(Declared())
    put(kd, {"00001": json('{"a": "misfit"}')})
    with pytest.raises(ExtractionError, match="image '00001'"):
        kd.rebuild(Declared())
    put(kd, {"00000": json('{"image_id": "foreign", "a": 1}')})
    with pytest.raises(ValueError, match="image '00000'.*claim"):
        kd.rebuild(Declared())


# Ill will

# Runs in a process of its own, so that a crash of a parser is seen as one.
HOSTILE = """
import sys
sys.path.insert(0, sys.argv[2])
from test_declared import meet_hostile_together
meet_hostile_together(sys.argv[1], int(sys.argv[3]), int(sys.argv[4]))
print("done")
"""


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


def _dotted(suffix: str, data: bytes) -> Artifact:
    return f".{suffix}", data


def meet_all(
    tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]], start: int, end: int
) -> None:
    process = start_python(HOSTILE, tmp_path / "lab.zarr", str(Path(__file__).parent), start, end)
    out, problems = process.communicate(timeout=300 + 0.3 * (end - start))
    lines = out.splitlines() or ["nothing"]
    assert lines[-1] == "done", f"{lines[-1]}\n{problems[-3000:]}"


def test_hostile_artifacts_among_good_ones_concern_their_images_only(
    tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    meet_all(tmp_path, start_python, 0, 100)


@pytest.mark.long
def test_many_hostile_artifacts_among_good_ones_concern_their_images_only(
    tmp_path: Path, start_python: Callable[..., subprocess.Popen[str]]
) -> None:
    meet_all(tmp_path, start_python, 1000, 5000)


# Which indexers


def test_an_indexer_with_code_of_its_own_is_asked_record_by_record() -> None:
    def own(self: Any, *args: Any) -> Any:
        raise NotImplementedError

    for name in ("extract_rows", "read_rows", "shape", "_read_artifact", "_from_json", "_renamed"):
        assert not is_declaration(type("Own", (Plain,), {name: own})())
    assert not is_declaration(object())
    assert is_declaration(Plain())
    assert not is_declaration(alone(Plain()))


def test_a_dataset_opened_for_reading_is_read_together_too(kd: KymDataset) -> None:
    give(kd, GOOD)
    with pytest.raises(ReadOnlyError):
        KymDataset(kd.ds.path, "r").rebuild(Plain())
    artifacts = read_artifacts(KymDataset(kd.ds.path, "r").ds, Plain(), IDS)
    assert artifacts is not None
    raw, others = decode_artifacts(Plain(), artifacts)
    assert others == []
    assert [list(one.image_ids) for one in raw] == [IDS]
