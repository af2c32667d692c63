"""The file that each image came from, as columns of a table."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kymflow.core.zarr.indexers.base import IMAGE_ID

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


def add_source(ds: ZarrDataset, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table with ``rel_path`` and ``file_name`` after ``image_id``.

    Both are missing for images that came from no folder.
    """
    sources = ds.load_sources_index()
    paths = dict(zip(sources[IMAGE_ID], sources["source_rel_path"], strict=True))
    out = frame.drop(columns=["rel_path", "file_name"], errors="ignore")
    where = list(out.columns).index(IMAGE_ID) + 1 if IMAGE_ID in out.columns else 0
    ids = out[IMAGE_ID] if IMAGE_ID in out.columns else [None] * len(out)
    rel_paths = [paths.get(image_id) for image_id in ids]
    names = [None if path is None else path.rpartition("/")[2] for path in rel_paths]
    out.insert(where, "rel_path", pd.Series(rel_paths, index=out.index, dtype="str"))
    out.insert(where + 1, "file_name", pd.Series(names, index=out.index, dtype="str"))
    return out
