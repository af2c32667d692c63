"""Work on a dataset that never ends by itself: its process is killed."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

from kymflow import KymDataset

from .edited_lab import builtin_registry
from .refreshing import TABLE, CellsIndexer, cells


def work_until_killed(kind: str, path: str, seed: int) -> None:
    chance = random.Random(seed)
    indexer = CellsIndexer()
    kd = KymDataset(path, registry=builtin_registry())
    print("working", os.getpid(), flush=True)
    n = chance.randrange(1000) * 1000
    while True:
        n += 1
        if kind == "ingest":
            source = chance.choice(sorted(Path(path).with_name("in").rglob("*.tif")))
            os.utime(source)
            with open(source, "ab") as file:
                file.write(b"\0")
            kd.ingest_folder(Path(path).with_name("in"))
            continue
        image_id = chance.choice("abcd")
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(n))
        if kind == "update":
            kd.update_image(indexer, image_id)
        elif kind == "rebuild":
            kd.rebuild(indexer)
        else:
            kd.refresh(indexer)


class KilledTwin:
    """A built-in indexer whose name can be changed, for :func:`assert_like_rebuild`."""

    def __init__(self, indexer: Any) -> None:
        self.name, self.table_name = indexer.name, indexer.table_name
        self.columns, self.schema_version = indexer.columns, indexer.schema_version
        self.required_columns = indexer.required_columns
        self.extract_rows = indexer.extract_rows
