"""Artifacts read in bulk give the same as records asked one by one."""

from __future__ import annotations

import datetime
import gzip
import json as python_json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kymflow import ArtifactIndexer, KymDataset
from kymflow.core.zarr.extraction import bulk
from kymflow.core.zarr.indexers.base import as_bulk
from kymflow_zarr import ReadOnlyError
from kymflow_zarr.formats import frames
from support.reading_together import (
    ROWS,
    TOGETHER,
    Artifact,
    Declared,
    Plain,
    alone,
    assert_same,
    json,
    lab,
    parquet,
    put,
)

IDS = [f"i{number:02}" for number in range(7)]
GOOD = parquet({"a": [1, 2], "b": [0.5, None], "c": ["é", "x"]})


@pytest.fixture(scope="module")
def kd(tmp_path_factory: pytest.TempPathFactory) -> KymDataset:
    """Bare records, which a test gives artifacts."""
    return lab(tmp_path_factory.mktemp("declared") / "lab.zarr", IDS)


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


@pytest.mark.slow
@pytest.mark.parametrize("case", CASES)
def test_reading_together_is_the_same_as_asking_each_record(kd: KymDataset, case: str) -> None:
    give(kd, *CASES[case])

    for indexer in TOGETHER:
        assert_same(kd, indexer(), rebuild=indexer is Declared)


@pytest.mark.slow
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


# Which indexers


def test_an_indexer_with_code_of_its_own_is_asked_record_by_record() -> None:
    def own(self: Any, *args: Any) -> Any:
        raise NotImplementedError

    for name in ("extract_rows", "read_rows", "shape"):
        changed = type("Own", (Plain,), {name: own})
        assert as_bulk(changed()) is None
        # What derives from it, or has it from another class, is no other.
        assert as_bulk(type("Derived", (changed,), {})()) is None
        assert as_bulk(type("Mixed", (type("Mixin", (), {name: own}), Plain), {})()) is None
    assert as_bulk(type("Declaring", (Plain,), {"shape": own, "bulk_artifact": ROWS})()) is not None
    assert as_bulk(Plain()) is not None
    assert as_bulk(alone(Plain())) is None


def test_a_dataset_opened_for_reading_is_read_together_too(kd: KymDataset) -> None:
    give(kd, GOOD)
    with pytest.raises(ReadOnlyError, match="was opened with mode='r'"):
        KymDataset(kd.ds.path, "r").rebuild(Plain())
    artifacts = bulk.read_artifacts(KymDataset(kd.ds.path, "r").ds, ROWS, IDS)
    assert artifacts is not None
    batches, odd = bulk.decode_artifacts(Plain(), artifacts)
    assert odd == []
    assert [one.image_ids for one in batches] == [IDS]
