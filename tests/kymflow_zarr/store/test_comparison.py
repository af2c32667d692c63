"""Dependencies are compared with what is there now, many at once as one by one."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kymflow import ZarrDataset
from kymflow_zarr.store import comparison
from kymflow_zarr.store.base import SETTLED_AFTER_NS, Fingerprint
from kymflow_zarr.store.comparison import compare, look, proves_unchanged
from kymflow_zarr.store.dependencies import Dependencies, content_row
from kymflow_zarr.store.local import LocalStore
from kymflow_zarr.store.tracking import Dependency
from support.drawn_dependencies import T0, S, fingerprints, of, things


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
    monkeypatch.setattr(comparison, "_BLOCK", block)
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

    there, compared = look(store, keys, before)

    assert there == [number < 12 and number != 4 for number in range(15)]
    changed = {3: "changed", 4: "deleted", 5: "appeared", 6: "changed"}
    assert compared.holds.tolist() == [number not in changed for number in range(12)]
    differences = compared.differences.to_pylist()
    assert {place // 2: found for place, found in enumerate(differences) if found} == changed
    for number in range(12):
        then, now = before.decode(number), compared.now.decode(number)
        assert [(one.key, one.sha256) for one in then] == [(one.key, one.sha256) for one in now]
        if number not in changed:
            assert all(one.seen_ns > T0 for one in now)
    again = compare(store, compared.now.take(np.flatnonzero(compared.holds)))
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
