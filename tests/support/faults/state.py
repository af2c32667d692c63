"""What a dataset holds, to be compared before and after; and that what a fault has left can be mended."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path

import pandas as pd

from kymflow import KymDataset
from kymflow_zarr import ZarrDataset
from kymflow_zarr.errors import KymflowError

State = dict[str, str]


def state_of(path: Path) -> State:
    """Return digests of all pixels, artifacts and tables; images go by their source, as ids are random."""
    dataset = ZarrDataset(path, "r")
    sources = dataset.load_sources_index()
    names = dict(zip(sources["image_id"], sources["source_rel_path"], strict=True))
    found = {}
    for image_id in dataset.list_image_ids():
        name = names.get(image_id, image_id)
        try:
            pixels = dataset.record(image_id).load_array()
            found[f"{name}: pixels"] = _digest(repr((pixels.shape, pixels.dtype)).encode() + pixels.tobytes())
        except (KymflowError, OSError, ValueError) as error:
            found[f"{name}: pixels"] = f"{type(error).__name__}: {error}"
        analysis = path / "images" / image_id / "analysis"
        for artifact in sorted(
            one for one in analysis.rglob("*") if one.is_file() and ".kymflow-tmp" not in str(one)
        ):
            found[f"{name}: {artifact.relative_to(analysis)}"] = _digest(artifact.read_bytes())
    for table_name in dataset.list_table_names():
        table = dataset.load_table(table_name)
        table["image_id"] = table["image_id"].map(lambda one: names.get(one, one))
        table = table.sort_values(list(table.columns[:2]), kind="stable").reset_index(drop=True)
        found[f"table {table_name}"] = _table_digest(table)
    return found


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()[:16]


def _table_digest(table: pd.DataFrame) -> str:
    return f"{len(table)} rows " + _digest((str(table.dtypes.to_dict()) + table.to_csv()).encode())


def neither(found: State, old: State, new: State) -> list[str]:
    """Return what is neither as it was before nor as it should be."""
    names = sorted(found.keys() | old.keys() | new.keys())
    return [
        f"{name}: {found.get(name)}"
        for name in names
        if found.get(name) not in (old.get(name), new.get(name))
    ]


def not_like_rebuilt(path: Path) -> list[str]:
    """Refresh; return which tables are not as a rebuild from nothing makes them, or do not stand."""
    kd = KymDataset(path)
    kd.refresh_all()
    wrong = [f"{name} is stale" for name, plan in kd.plans().items() if not plan.is_empty]
    twin = path.with_name("twin.zarr")
    shutil.copytree(path, twin)
    try:
        other = KymDataset(twin)
        for indexer in other.registry.indexers():
            other.ds.drop_table(indexer.table_name)
        other.rebuild_all()
        made = state_of(twin)
    finally:
        shutil.rmtree(twin)
    found = state_of(path)
    return wrong + [name for name in made if name.startswith("table ") and made[name] != found.get(name)]
