"""Work on a dataset that never ends by itself: its process is killed."""

from __future__ import annotations

import os
import random
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from kymflow import KymDataset
from kymflow_zarr import ZarrDataset

from .edited_lab import builtin_registry
from .refreshing import TABLE, CellsIndexer, cells
from .tiff_folders import write_tiff


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


def ingest_until_killed(path: str, folder: str, seed: int) -> None:
    """Ingest in two threads; sources change, are renamed and swapped between two runs."""
    chance = random.Random(seed)
    dataset = ZarrDataset(path)
    with ThreadPoolExecutor(2) as executor:
        print("working", flush=True)
        while True:
            dataset.sync_from_folder(folder, mode="reingest_if_changed", executor=executor)
            # A folder for each, so that a source and its sidecar are renamed at once.
            folders = sorted(Path(folder).glob("[!.]*"))
            for one in chance.sample(folders, len(folders) // 3):
                _replace(one, chance.randrange(1000))
            one, two, three = chance.sample(folders, 3)
            os.replace(one, one.with_name(str(chance.randrange(10**9))))
            for old, new in ((two, "between"), (three, two.name), (two.with_name("between"), three.name)):
                os.replace(old, two.with_name(new))


def _replace(folder: Path, seed: int) -> None:
    # At once, so that a kill leaves no half of a source.
    written = write_tiff(folder / ".written", seed)
    os.replace(written, folder / "cap.tif")
    written.write_text(f'{{"seed": {seed}}}')
    os.replace(written, folder / "cap.p.json")


class KilledTwin:
    """A built-in indexer whose name can be changed, for :func:`assert_like_rebuild`."""

    def __init__(self, indexer: Any) -> None:
        self.name, self.table_name = indexer.name, indexer.table_name
        self.columns, self.schema_version = indexer.columns, indexer.schema_version
        self.required_columns = indexer.required_columns
        self.extract_rows = indexer.extract_rows
