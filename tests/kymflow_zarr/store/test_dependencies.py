"""What was seen, in columns, says the same as one by one."""

from __future__ import annotations

import pickle
from collections.abc import Sequence

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow import ZarrDataset
from kymflow_zarr.store import dependencies
from kymflow_zarr.store.base import SETTLED_AFTER_NS, Fingerprint
from kymflow_zarr.store.dependencies import (
    DependenciesOf,
    DependencyColumns,
    content_row,
    look_at,
    proves_unchanged,
    still_hold,
)
from kymflow_zarr.store.local import LocalStore
from kymflow_zarr.store.tracking import Asked, Dependency, look_again

S = 1_000_000_000
T0 = 1_700_000_000 * S

ASKED: list[Asked] = ["content", "presence", "names"]
# Few values, so that equal ones meet.
sizes = st.sampled_from([-1, 0, 3, 2**40])
times = st.sampled_from([T0, T0 + 1, T0 - SETTLED_AFTER_NS, T0 + 10 * S])
etags = st.sampled_from([None, "", '"a"', '"b"'])
short_keys = st.sampled_from(["data/zarr.json", "analysis/x.json", "analysis/ä.parquet", "zarr.json"])
record_ids = st.sampled_from(["a", "b", "a/b", "ü", "0001"])


@st.composite
def fingerprints(draw: st.DrawFn, key: str) -> Fingerprint | None:
    if draw(st.booleans()):
        return None
    return Fingerprint(key, draw(sizes), draw(times), draw(etags))


@st.composite
def things(draw: st.DrawFn, record_id: str) -> Dependency:
    where = draw(st.sampled_from([f"images/{record_id}/", "", "tables/", "images/", f"images/{record_id}x/"]))
    key = where + draw(short_keys)
    asked = draw(st.sampled_from(ASKED))
    found = None if asked == "names" else draw(fingerprints(key))
    digest = "" if found is None and asked != "names" else draw(st.sampled_from(["", "00ff" * 16]))
    return Dependency(key, asked, found, digest, draw(times))


@st.composite
def records(draw: st.DrawFn) -> list[tuple[str, list[Dependency]]]:
    ids = draw(st.lists(record_ids, max_size=6))
    return [(record_id, draw(st.lists(things(record_id), max_size=4))) for record_id in ids]


def columns_of(some: Sequence[tuple[str, Sequence[Dependency]]]) -> DependencyColumns:
    return DependencyColumns.of([record_id for record_id, _ in some], [seen for _, seen in some])


@given(records())
def test_columns_give_back_what_was_put_in(some: list[tuple[str, list[Dependency]]]) -> None:
    columns = columns_of(some)

    assert [list(seen) for seen in columns] == [seen for _, seen in some]
    assert [columns.decode(place) for place in range(len(columns))] == [tuple(seen) for _, seen in some]
    owners, keys, flat = columns.flat()
    told = [(place, one.key) for place, (_, seen) in enumerate(some) for one in seen]
    assert list(zip(owners.to_pylist(), keys.to_pylist(), strict=True)) == told
    assert len(flat) == len(told)


@given(records(), st.data())
def test_columns_of_parts_of_columns_are_the_same(
    some: list[tuple[str, list[Dependency]]], data: st.DataObject
) -> None:
    columns = columns_of(some)
    pairs: list[tuple[str, Sequence[Dependency]]] = []
    for place, (record_id, seen) in enumerate(some):
        pairs.append((record_id, DependenciesOf(columns, place) if data.draw(st.booleans()) else seen))
    pairs = data.draw(st.permutations(pairs))

    again = columns_of(pairs)

    assert [tuple(seen) for seen in again] == [tuple(seen) for _, seen in pairs]
    assert again.lists.equals(columns_of([(record_id, list(seen)) for record_id, seen in pairs]).lists)


@given(records(), st.data())
def test_a_slice_of_columns_speaks_of_its_own_records(
    some: list[tuple[str, list[Dependency]]], data: st.DataObject
) -> None:
    whole = columns_of(some)
    begin = data.draw(st.integers(0, len(some)))
    part = DependencyColumns(whole.record_ids.slice(begin), whole.lists.slice(begin))

    assert [tuple(seen) for seen in part] == [tuple(seen) for _, seen in some[begin:]]
    owners, keys, _ = part.flat()
    told = [(place, one.key) for place, (_, seen) in enumerate(some[begin:]) for one in seen]
    assert list(zip(owners.to_pylist(), keys.to_pylist(), strict=True)) == told


@given(st.lists(st.tuples(things("a"), fingerprints("now")), max_size=8))
def test_the_rule_for_many_is_the_rule_for_one(pairs: list[tuple[Dependency, Fingerprint | None]]) -> None:
    seen = columns_of([("a", [one for one, _ in pairs])]).flat()[2]
    now = [found for _, found in pairs]

    told = proves_unchanged(
        seen,
        pa.array([found and found.size for found in now], pa.int64()),
        pa.array([found and found.mtime_ns for found in now], pa.int64()),
        pa.array([found and found.etag for found in now], pa.string()),
    )

    assert told.null_count == 0
    assert told.to_pylist() == [one._compare(found) == (None, one) for one, found in pairs]


@pytest.mark.parametrize("block", [1, 2, 7, 100])
def test_many_are_looked_at_in_blocks(
    dataset: ZarrDataset, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "_BLOCK", block)
    store = dataset.store
    made_from: dict[str, list[Dependency]] = {}
    for number in range(12):
        record_id = f"r{number:02}"
        key = f"images/{record_id}/analysis/x"
        fingerprint = store.put(key, b"one")
        absent = Dependency(f"images/{record_id}/analysis/y", "content", None, "", T0)
        made_from[record_id] = [Dependency(key, "content", fingerprint, "", T0), absent]
    store.put("images/r03/analysis/x", b"longer")
    store.delete("images/r04/analysis/x")
    store.put("images/r05/analysis/y", b"")
    changed = {"r03", "r04", "r05"}
    # Nothing is settled yet on a disk, so that all the others are read.
    made_from = {
        record_id: [one if one.fingerprint is None else _as_read(one) for one in seen]
        for record_id, seen in made_from.items()
    }
    keys = [f"images/r{number:02}/analysis/x" for number in range(15)]

    there, hold = look_at(store, keys, made_from.items())

    assert there == [number < 12 and number != 4 for number in range(15)]
    assert hold == [record_id not in changed for record_id in made_from]
    assert still_hold(store, made_from) == hold
    one_by_one = [all(found is None for found, _ in look_again(store, seen)) for seen in made_from.values()]
    assert hold == one_by_one


def _as_read(seen: Dependency) -> Dependency:
    assert seen.fingerprint is not None
    row = content_row("", (b"one", seen.fingerprint), seen.seen_ns)
    return Dependency(seen.key, "content", seen.fingerprint, row[5].hex(), seen.seen_ns)


def test_a_file_that_cannot_be_looked_at_does_not_hold(local: ZarrDataset) -> None:
    class Refusing(LocalStore):
        def stat(self, key: str) -> Fingerprint | None:
            raise self._refusal(PermissionError(13, "Permission denied"), "look at", key)

    store = Refusing(local.path)  # type: ignore[arg-type]
    there = Dependency("images/a/x", "content", Fingerprint("images/a/x", 3, T0), "00" * 32, T0 + 10 * S)
    absent = Dependency("images/a/y", "content", None, "", T0)
    names = Dependency("images/b", "names", None, "", T0)

    assert look_at(store, ["images/a/x"], [("a", [there]), ("b", [absent]), ("c", [])]) == (
        [True],
        [False, False, True],
    )
    assert still_hold(store, {"b": [names]}) == [False]


def test_what_was_seen_of_one_record_is_a_sequence() -> None:
    one = Dependency("images/a/x", "content", None, "", T0)
    two = Dependency("images/a/y", "presence", Fingerprint("images/a/y", 1, T0, '"e"'), "", T0)
    (seen,) = columns_of([("a", [one, two])])

    assert len(seen) == 2
    assert (seen[0], seen[-1], seen[:1]) == (one, two, (one,))
    assert seen == [one, two]
    assert (one, two) == tuple(seen)
    assert seen != [two, one]
    assert seen != 2
    assert repr(seen) == repr((one, two))
    assert pickle.loads(pickle.dumps(seen)) == seen
