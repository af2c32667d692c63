"""Dependencies by lot, with few values, so that equal ones meet."""

from __future__ import annotations

from hypothesis import strategies as st

from kymflow_zarr.store.base import SETTLED_AFTER_NS, Fingerprint
from kymflow_zarr.store.dependencies import Dependencies
from kymflow_zarr.store.tracking import Dependency, DependencyKind

S = 1_000_000_000
T0 = 1_700_000_000 * S

ASKED: list[DependencyKind] = ["content", "attributes", "presence", "names"]
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
