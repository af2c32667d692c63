"""Dependencies in columns say the same as one by one, and are compared with what is there now."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow import ZarrDataset
from kymflow_zarr.store import dependencies
from kymflow_zarr.store.base import SETTLED_AFTER_NS, Fingerprint
from kymflow_zarr.store.dependencies import Dependencies, compare, content_row, look, proves_unchanged
from kymflow_zarr.store.local import LocalStore
from kymflow_zarr.store.tracking import Dependency, DependencyKind

S = 1_000_000_000
T0 = 1_700_000_000 * S

ASKED: list[DependencyKind] = ["content", "attributes", "presence", "names"]
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
    ids = draw(st.lists(record_ids, max_size=5, unique=True))
    return [(record_id, draw(st.lists(things(record_id), max_size=4))) for record_id in ids]


def of(some: list[tuple[str, list[Dependency]]]) -> Dependencies:
    return Dependencies.of(dict(some))


def told(dependencies: Dependencies) -> list[tuple[int, str]]:
    """Which record each dependency is of, and its key."""
    return list(zip(dependencies.owners().to_pylist(), dependencies.keys().to_pylist(), strict=True))


@given(records())
def test_columns_give_back_what_was_put_in(some: list[tuple[str, list[Dependency]]]) -> None:
    columns = of(some)

    assert [columns.decode(place) for place in range(len(columns))] == [tuple(read) for _, read in some]
    assert told(columns) == [(place, one.key) for place, (_, read) in enumerate(some) for one in read]
    assert len(columns.flat) == len(told(columns))


@given(records(), st.data())
def test_some_of_the_records_are_as_they_were(
    some: list[tuple[str, list[Dependency]]], data: st.DataObject
) -> None:
    whole = of(some)
    begin = data.draw(st.integers(0, len(some)))
    places = data.draw(st.permutations(range(len(some))))
    for part, expected in (
        (whole.slice(begin, len(some)), some[begin:]),
        (whole.take(places), [some[place] for place in places]),
        (
            Dependencies.concat([whole.slice(begin, len(some)), whole.slice(0, begin)]),
            some[begin:] + some[:begin],
        ),
    ):
        assert [part.decode(place) for place in range(len(part))] == [tuple(read) for _, read in expected]
        assert told(part) == [(place, one.key) for place, (_, read) in enumerate(expected) for one in read]
        earliest = [min([one.seen_ns for one in read], default=2**63 - 1) for _, read in expected]
        assert part.earliest_ns().tolist() == earliest


def one_by_one(read: Dependency, now: Fingerprint | None) -> bool:
    """The rule for a single dependency, in plain Python."""
    before = read.fingerprint
    if read.kind == "names":
        return False
    if before is None or now is None:
        return before is now
    if read.kind == "presence":
        return True
    if before.size != now.size:
        return False
    if before.etag is not None or now.etag is not None:
        return before.etag == now.etag
    return before.mtime_ns == now.mtime_ns and before.mtime_ns < read.seen_ns - SETTLED_AFTER_NS


@given(st.lists(st.tuples(things("a"), fingerprints("now")), max_size=8))
def test_the_rule_for_many_is_the_rule_for_one(pairs: list[tuple[Dependency, Fingerprint | None]]) -> None:
    flat = of([("a", [one for one, _ in pairs])]).flat
    now = [found for _, found in pairs]

    proven = proves_unchanged(
        flat,
        pa.array([found and found.size for found in now], pa.int64()),
        pa.array([found and found.mtime_ns for found in now], pa.int64()),
        pa.array([found and found.etag for found in now], pa.string()),
    )

    assert proven.null_count == 0
    assert proven.to_pylist() == [one_by_one(read, found) for read, found in pairs]


SEEN_NS = T0 + 10 * S


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        (Fingerprint("k", 3, T0), Fingerprint("k", 3, T0), True),
        (Fingerprint("k", 3, T0), Fingerprint("k", 4, T0), False),
        (Fingerprint("k", 3, T0), None, False),
        (Fingerprint("k", 3, T0), Fingerprint("k", 3, T0 + 1), False),
        (Fingerprint("k", 3, SEEN_NS - S), Fingerprint("k", 3, SEEN_NS - S), False),
        (Fingerprint("k", 3, SEEN_NS, "a"), Fingerprint("k", 3, 0, "a"), True),
        (Fingerprint("k", 3, T0, "a"), Fingerprint("k", 3, T0, "b"), False),
        (Fingerprint("k", 3, T0), Fingerprint("k", 3, T0, "a"), False),
    ],
    ids=["settled", "size", "deleted", "time", "young", "same tag", "other tag", "tag and none"],
)
def test_what_proves_that_a_key_is_unchanged(
    before: Fingerprint, now: Fingerprint | None, expected: bool
) -> None:
    flat = Dependencies.of({"a": [Dependency("k", "content", before, "", SEEN_NS)]}).flat
    values = [
        pa.array([now and value], kind)
        for value, kind in (
            (now and now.size, pa.int64()),
            (now and now.mtime_ns, pa.int64()),
            (now and now.etag, pa.string()),
        )
    ]
    assert proves_unchanged(flat, *values).to_pylist() == [expected]


@pytest.mark.parametrize("block", [1, 2, 7, 100])
def test_many_are_compared_in_blocks(
    dataset: ZarrDataset, block: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(dependencies, "_BLOCK", block)
    store = dataset.store
    rows = {}
    for number in range(12):
        record_id = f"r{number:02}"
        key = f"images/{record_id}/analysis/x"
        read = content_row("analysis/x", (b"one", store.put(key, b"one")), T0)
        rows[record_id] = [read, content_row("analysis/y", None, T0)]
    store.put("images/r03/analysis/x", b"longer")
    store.delete("images/r04/analysis/x")
    store.put("images/r05/analysis/y", b"")
    store.put("images/r06/analysis/x", b"two")
    before = Dependencies.of_rows(list(rows), list(rows.values()))
    keys = [f"images/r{number:02}/analysis/x" for number in range(15)]

    there, comparison = look(store, keys, before)

    assert there == [number < 12 and number != 4 for number in range(15)]
    changed = {3: "changed", 4: "deleted", 5: "appeared", 6: "changed"}
    assert comparison.holds.tolist() == [number not in changed for number in range(12)]
    differences = comparison.differences.to_pylist()
    assert {place // 2: found for place, found in enumerate(differences) if found} == changed
    for number in range(12):
        then, now = before.decode(number), comparison.now.decode(number)
        assert [(one.key, one.sha256) for one in then] == [(one.key, one.sha256) for one in now]
        if number not in changed:
            assert all(one.seen_ns > T0 for one in now)
    again = compare(store, comparison.now.take(np.flatnonzero(comparison.holds)))
    assert again.holds.all()


def test_a_file_that_cannot_be_looked_at_does_not_hold(local: ZarrDataset) -> None:
    class Refusing(LocalStore):
        def stat(self, key: str) -> Fingerprint | None:
            raise self._refusal(PermissionError(13, "Permission denied"), "look at", key)

    store = Refusing(local.path)  # type: ignore[arg-type]
    there = Dependency("images/a/x", "content", Fingerprint("images/a/x", 3, T0), "00" * 32, T0 + 10 * S)
    absent = Dependency("images/a/y", "content", None, "", T0)
    names = Dependency("images/b", "names", None, "", T0)

    found, comparison = look(
        store, ["images/a/x"], Dependencies.of({"a": [there], "b": [absent], "c": [], "d": [names]})
    )
    assert found == [True]
    assert comparison.holds.tolist() == [False, False, True, False]
