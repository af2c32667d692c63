"""A folder edited since it was taken in, and the check of an ingest after a fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd
from pandas.testing import assert_frame_equal

from kymflow import KymDataset
from kymflow.testing import simulate_folder

from .edited_lab import ACTIONS, builtin_registry, content
from .failing_disks import litter
from .refreshing import open_dataset


def make_ingested(path: Path) -> KymDataset:
    """Two images of a folder beside it, one of which has changed since."""
    folder = path.with_name("in")
    simulate_folder(folder, 2, n_lines=40, n_pixels=8)
    kd = KymDataset(path, mode="a", registry=builtin_registry())
    kd.ingest_folder(folder)
    # With events, so that both tables change.
    (source,) = folder.rglob("*_0002_events.json")
    source.write_text(source.read_text("utf-8").replace("unreviewed", "true_stall"), "utf-8")
    return kd


def tables_of(kd: KymDataset) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in (Path(kd.ds.path) / "tables").glob("[rv]*.parquet")}


def check_ingest(path: Path, old: dict[str, pd.DataFrame], new: dict[str, pd.DataFrame]) -> None:
    """Each table is the old or the new one, no plan lies, and the next ingest brings the new ones."""
    kd = KymDataset(path, registry=builtin_registry())
    for name, table in content(kd).items():
        assert table.equals(old[name]) or table.equals(new[name]), name
    assert litter(path) == []
    report = kd.ingest_folder(path.with_name("in"))
    assert report.failed == {}
    assert report.conflicts == []
    assert not any(kd.plan(indexer).stale for indexer in kd.registry.indexers())
    found = content(kd)
    for name in new:
        assert_frame_equal(found[name], new[name])


def old_and_new(kd: KymDataset) -> tuple[dict[str, pd.DataFrame], dict[str, pd.DataFrame]]:
    expected = KymDataset(Path(kd.ds.path).with_name("expected.zarr"), mode="a", registry=builtin_registry())
    expected.ingest_folder(Path(kd.ds.path).with_name("in"))
    old, new = content(kd), content(expected)
    assert not old["velocity_events"].equals(new["velocity_events"])
    return old, new


def _limited(action: str) -> Callable[[str], Callable[[], object]]:
    def prepare(root: str) -> Callable[[], object]:
        kd = open_dataset(Path(root) / "lab.zarr")
        return lambda: ACTIONS[action](kd)

    return prepare


def _limited_ingest(root: str) -> Callable[[], object]:
    kd = KymDataset(Path(root) / "ingested.zarr", registry=builtin_registry())
    return lambda: kd.ingest_folder(Path(root) / "in")


LIMITED_ACTIONS = {**{name: _limited(name) for name in ACTIONS}, "ingest": _limited_ingest}
