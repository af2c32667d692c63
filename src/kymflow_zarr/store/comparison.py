"""Whether what was read of many records is still the same."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from kymflow_zarr.errors import StoreError, TableError
from kymflow_zarr.store.attributes import attributes_digest
from kymflow_zarr.store.base import SETTLED_AFTER_NS, UNREADABLE_SIZE, Fingerprint, Listing, Store
from kymflow_zarr.store.dependencies import DEPENDENCY, Dependencies
from kymflow_zarr.store.tracking import names_digest

# Kinds of dependencies whose keys are no files.
_NO_KEYS = pa.array(["names", "source"])

# Fingerprints of so many records are in memory at once.
_BLOCK = 10_000


@dataclass(frozen=True)
class Comparison:
    """How dependencies differ from what is there now.

    Attributes
    ----------
    differences : pyarrow.StringArray
        Per dependency: ``"appeared"``, ``"deleted"``, ``"changed"``, or empty where it is the same.
    holds : ndarray of bool
        Per record: whether all of its dependencies are the same.
    reread : ndarray of bool
        Per record: whether a listing could not tell, so that something had to be read.
    now : Dependencies
        The same dependencies. Those that are the same have the fingerprint and the time of this look.
    """

    differences: pa.StringArray
    holds: npt.NDArray[np.bool_]
    reread: npt.NDArray[np.bool_]
    now: Dependencies


def proves_unchanged(flat: pa.StructArray, sizes: pa.Array, mtimes_ns: pa.Array, etags: pa.Array) -> pa.Array:
    """Tell of each dependency whether a listing proves, without reading, that it is still the same.

    Parameters
    ----------
    flat : pyarrow.StructArray
        At :data:`DEPENDENCY`.
    sizes, mtimes_ns, etags : pyarrow.Array
        Of the same keys now; null where there is nothing.

    Returns
    -------
    pyarrow.BooleanArray
        Without nulls. False means "look closer".

    Notes
    -----
    Size and entity tag tell, or, on a disk, size and modification time. A modification time less
    than two seconds older than the look proves nothing: a second write may share it.
    """
    was_there, is_there = pc.is_valid(flat.field("size")), pc.is_valid(sizes)
    settled = pc.less(flat.field("mtime_ns"), pc.subtract(flat.field("seen_ns"), SETTLED_AFTER_NS))
    same_time = pc.and_(pc.equal(flat.field("mtime_ns"), mtimes_ns), settled)
    by_tag = pc.or_(pc.is_valid(flat.field("etag")), pc.is_valid(etags))
    same = pc.if_else(by_tag, pc.equal(flat.field("etag"), etags), same_time)
    same = pc.fill_null(pc.and_(pc.equal(flat.field("size"), sizes), same), False)
    still_there = pc.and_(is_there, pc.or_(pc.equal(flat.field("asked"), "presence"), same))
    holds = pc.if_else(was_there, still_there, pc.invert(is_there))
    return pc.and_(holds, pc.invert(pc.is_in(flat.field("asked"), value_set=_NO_KEYS)))


def source_holds(store: Store, dependencies: Dependencies) -> npt.NDArray[np.bool_]:
    """Tell of each dependency whether it is one on the source of an image, and that is still the same.

    Where the sources table cannot be read, none is.
    """
    flat = dependencies.flat
    of_source = pc.fill_null(pc.equal(flat.field("asked"), "source"), False).to_numpy(zero_copy_only=False)
    holds: npt.NDArray[np.bool_] = of_source.copy()
    places = np.flatnonzero(holds)
    if not len(places):
        return holds
    try:
        files = store.source_files()
    except (TableError, StoreError):
        holds[:] = False
        return holds
    chosen = pa.array(places)
    image_ids = dependencies.record_ids.take(dependencies.owners().take(chosen)).to_pylist()
    digests = flat.field("sha256").take(chosen).to_pylist()
    holds[places] = [
        (bytes.fromhex(files[one].digest) if one in files else b"") == digest
        for one, digest in zip(image_ids, digests, strict=True)
    ]
    return holds


def compare(store: Store, dependencies: Dependencies, listing: Listing | None = None) -> Comparison:
    """Compare what was read with what is there now; only what a listing cannot tell is read."""
    return look(store, (), dependencies, listing)[1]


def look(
    store: Store, keys: Sequence[str], dependencies: Dependencies, listing: Listing | None = None
) -> tuple[list[bool], Comparison]:
    """Tell which keys are there, and compare dependencies with what is there, many at once.

    Parameters
    ----------
    store : Store
        Where to look.
    keys : sequence of str
        Those of which only the presence counts.
    dependencies : Dependencies
        What was read before.
    listing : Listing, optional
        What a listing told lately; it is not looked up again.
    """
    there: list[bool] = []
    parts: list[Comparison] = []
    for begin in range(0, max(len(keys), len(dependencies), 1), _BLOCK):
        some = dependencies.slice(begin, begin + _BLOCK)
        there_now, comparison = _look(store, keys[begin : begin + _BLOCK], some, listing)
        there += there_now
        parts.append(comparison)
    return there, parts[0] if len(parts) == 1 else _joined(parts)


def _joined(parts: Sequence[Comparison]) -> Comparison:
    return Comparison(
        pa.concat_arrays([part.differences for part in parts]),
        np.concatenate([part.holds for part in parts]),
        np.concatenate([part.reread for part in parts]),
        Dependencies.concat([part.now for part in parts]),
    )


def _look(
    store: Store, keys: Sequence[str], dependencies: Dependencies, listing: Listing | None
) -> tuple[list[bool], Comparison]:
    seen_ns = store.now_ns()
    flat, whole_keys = dependencies.flat, cast("list[str]", dependencies.keys().to_pylist())
    is_key = pc.invert(pc.is_in(flat.field("asked"), value_set=_NO_KEYS)).to_pylist()
    named = list(itertools.compress(whole_keys, is_key))
    now: dict[str, Fingerprint | None] = {} if listing is None else {**listing.fingerprints(named)}
    left = [key for key in named if key not in now]
    found = _stat_many(store, [*keys, *left])
    now.update(zip(left, found[len(keys) :], strict=True))
    comparison = _compared(
        store, dependencies, flat, whole_keys, [now.get(key) for key in whole_keys], seen_ns
    )
    return [one is not None for one in found[: len(keys)]], comparison


def _compared(
    store: Store,
    dependencies: Dependencies,
    flat: pa.StructArray,
    keys: Sequence[str],
    found: Sequence[Fingerprint | None],
    seen_ns: int,
) -> Comparison:
    same = proves_unchanged(flat, *_fingerprint_columns(found)).to_numpy(zero_copy_only=False)
    same = same | source_holds(store, dependencies)
    differences = np.where(same, "", "changed").astype(object)
    doubtful: list[int] = []
    others = np.flatnonzero(~same)
    items = flat.take(pa.array(others)).to_pylist()
    for place, item in zip(others.tolist(), items, strict=True):
        was, one = item["size"], found[place]
        if item["asked"] == "source":
            continue
        if item["asked"] in ("names", "attributes"):
            doubtful.append(place)
        elif was is None or one is None:
            differences[place] = "deleted" if one is None else "appeared"
        elif was == one.size:
            doubtful.append(place)
    answers = store.each(lambda place: _read_again(store, keys[place], flat[place].as_py()), doubtful)
    for place, (difference, _) in zip(doubtful, answers, strict=True):
        differences[place] = difference
    columns = _revalidated(flat, differences == "", doubtful, [one for _, one in answers], seen_ns)
    owners = dependencies.owners().to_numpy()
    holds, reread = np.ones(len(dependencies), bool), np.zeros(len(dependencies), bool)
    holds[owners[differences != ""]] = False
    reread[owners[doubtful]] = True
    lists = _with_values(dependencies.lists, columns)
    texts = pa.array(differences.tolist(), pa.string())
    return Comparison(texts, holds, reread, Dependencies(dependencies.record_ids, lists))


def _fingerprint_columns(found: Sequence[Fingerprint | None]) -> tuple[pa.Array, pa.Array, pa.Array]:
    return (
        pa.array([None if one is None else one.size for one in found], pa.int64()),
        pa.array([None if one is None else one.mtime_ns for one in found], pa.int64()),
        pa.array([None if one is None else one.etag for one in found], pa.string()),
    )


def _read_again(store: Store, key: str, item: Mapping[str, Any]) -> tuple[str, Fingerprint | None]:
    """List or read once more; return the difference, and the fingerprint now."""
    if item["asked"] == "names":
        digest = names_digest(one.key for one in store.list(key))
        return ("" if digest == item["sha256"].hex() else "changed"), None
    of_attributes = item["asked"] == "attributes"
    try:
        data, fingerprint = store.read(key)
    except FileNotFoundError:
        # Attributes that hold nothing but calibration are as good as none.
        return ("" if of_attributes and not item["sha256"] else "deleted"), None
    except StoreError:
        return "changed", None
    digest = attributes_digest(data) if of_attributes else hashlib.sha256(data).hexdigest()
    if digest == item["sha256"].hex():
        return "", fingerprint
    return ("appeared" if item["size"] is None else "changed"), fingerprint


def _revalidated(
    flat: pa.StructArray,
    same: npt.NDArray[np.bool_],
    places: Sequence[int],
    fingerprints: Sequence[Fingerprint | None],
    seen_ns: int,
) -> pa.StructArray:
    """Return dependencies; the same ones as they were found now."""
    columns = {field.name: flat.field(field.name) for field in DEPENDENCY}
    columns["seen_ns"] = pc.if_else(pa.array(same), seen_ns, columns["seen_ns"])
    reread = {
        place: one for place, one in zip(places, fingerprints, strict=True) if one is not None and same[place]
    }
    if reread:
        mask = pa.array([place in reread for place in range(len(flat))])
        found = [one for _, one in sorted(reread.items())]
        values = {name: [getattr(one, name) for one in found] for name in ("size", "mtime_ns", "etag")}
        values["seen_ns"] = [one.proves_since(seen_ns) for one in found]
        for name, column in values.items():
            new = pa.array(column, columns[name].type)
            columns[name] = pc.replace_with_mask(columns[name], mask, new)
    return pa.StructArray.from_arrays(list(columns.values()), fields=list(DEPENDENCY))


def _with_values(lists: pa.ListArray, values: pa.StructArray) -> pa.ListArray:
    lengths = pc.list_value_length(lists).to_numpy()
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]), pa.int32())
    return pa.ListArray.from_arrays(offsets, values)


def _stat_many(store: Store, keys: Sequence[str]) -> Sequence[Fingerprint | None]:
    """Look at many keys; one that the medium refuses to look at is there, and not what it was."""
    try:
        return store.stat_many(keys)
    except StoreError:
        return [_stat(store, key) for key in keys]


def _stat(store: Store, key: str) -> Fingerprint | None:
    try:
        return store.stat(key)
    except StoreError:
        # Whoever reads it then meets the refusal, and alone. This is like nothing that was ever noted.
        return Fingerprint(key, UNREADABLE_SIZE, 0)


def compare_reads(before: Dependencies, after: Dependencies) -> tuple[bool, bool]:
    """Compare two extractions of one record by what both have read.

    Returns
    -------
    differs : bool
        Whether the second one found something else at any key.
    unseen : bool
        Whether a listing would take any of that for unchanged.
    """
    found = {(read.key, read.kind): read for read in after.decode(0)}
    pairs = [(was, now) for was in before.decode(0) if (now := found.get((was.key, was.kind))) is not None]
    pairs = [pair for pair in pairs if len({(one.sha256, one.fingerprint is None) for one in pair}) > 1]
    flat = Dependencies.of({before.record_ids[0].as_py(): [was for was, _ in pairs]}).flat
    seen = [now.fingerprint for _, now in pairs]
    same = proves_unchanged(flat, *_fingerprint_columns(seen))
    return bool(pairs), bool(pc.any(same).as_py())
