"""Artifacts as bytes, past the record that keeps them; and one of everything in a dataset."""

from __future__ import annotations

import numpy as np
import pandas as pd

from kymflow_zarr import ZarrDataset, ZarrImageRecord

FRAME = pd.DataFrame({"image_id": ["a"], "x": [1.0]})
EVENTS = pd.DataFrame({"roi_id": [1, 2], "kind": ["rise", None], "t0_s": [0.5, float("nan")]})


def put(record: ZarrImageRecord, name: str, data: bytes) -> None:
    record._store.put(f"images/{record.image_id}/analysis/{name}", data)


def raw(record: ZarrImageRecord, name: str) -> bytes:
    return record._store.read(f"images/{record.image_id}/analysis/{name}")[0]


def fill(dataset: ZarrDataset) -> str:
    """Put one of everything into a dataset; return the image id."""
    record = dataset.add_image(np.ones((3, 4)))
    record.save_metadata_payload({"a": 1})
    record.save_df_parquet("events", FRAME)
    record.save_df_csv_gz("old", FRAME)
    record.save_array_artifact("map", np.ones(3))
    dataset.save_table("events", FRAME)
    return record.image_id
