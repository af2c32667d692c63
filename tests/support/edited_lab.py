"""A dataset edited since its table was made, what updates the table, and the check after a fault."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from kymflow import IndexerRegistry, KymDataset
from kymflow_indexers_builtin import RadonReportIndexer, VelocityEventsIndexer

from .refreshing import (
    TABLE,
    CellsIndexer,
    assert_like_rebuild,
    assert_never_fresh_wrongly,
    assert_whole,
    cells,
    ledgers,
    open_dataset,
)
from .simple_indexers import add_image


def make_lab(path: Path) -> KymDataset:
    """Images ``a`` to ``c``, their cells edited since the table was made; ``d`` is new, ``e`` deleted."""
    kd = open_dataset(path)
    for number, image_id in enumerate("abce"):
        add_image(kd, image_id).save_df_parquet(TABLE, cells(number))
    kd.rebuild(CellsIndexer())
    for number, image_id in enumerate("ab"):
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(10 + number))
    add_image(kd, "d").save_df_parquet(TABLE, cells(20))
    kd.ds.delete_image("e")
    return kd


OLD = [0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3, 3]
NEW = [10, 10, 10, 11, 11, 11, 2, 2, 2, 20, 20, 20]

ACTIONS: dict[str, Callable[[KymDataset], object]] = {
    "rebuild": lambda kd: kd.rebuild(CellsIndexer()),
    "refresh": lambda kd: kd.refresh(CellsIndexer()),
    "update": lambda kd: kd.update_images(CellsIndexer(), list("abde")),
}


def check_and_mend(path: Path, *, crashes: int = 1) -> None:
    """The table opens, no plan calls an old row fresh, and a refresh brings the rebuild."""
    kd = open_dataset(path)
    assert_whole(kd.ds.load_table(TABLE))
    assert_never_fresh_wrongly(kd, CellsIndexer())
    kd.refresh(CellsIndexer())
    assert kd.plan(CellsIndexer()).is_empty
    assert_like_rebuild(kd, CellsIndexer())
    # Each crash may leave a ledger; the next commit takes them away.
    assert len(ledgers(kd)) <= 1 + crashes


def builtin_registry() -> IndexerRegistry:
    registry = IndexerRegistry(())
    registry.register(VelocityEventsIndexer())
    registry.register(RadonReportIndexer())
    return registry


def content(kd: KymDataset) -> dict[str, pd.DataFrame]:
    """All tables, by source file instead of image id, which is another one each time."""
    found = {}
    for name in kd.ds.list_table_names():
        table = kd.get_table(name, with_source=True).drop(columns="image_id")
        found[name] = table.sort_values(["rel_path", *table.columns[1:4]]).reset_index(drop=True)
    return found
