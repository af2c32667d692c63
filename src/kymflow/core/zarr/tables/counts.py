"""How many rows of a table are of which image; no other column is read."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from typing import TYPE_CHECKING

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow_zarr import tables

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


def rows_per_image(ds: ZarrDataset, name: str, image_ids: Collection[str]) -> Counter[str]:
    """Return how many rows a table has of each of these images; of a table without image ids, none.

    Raises
    ------
    TableNotFoundError
        There is no such table.
    TableError
        Its file is damaged.
    """
    with tables.open_table(ds.store, name) as file:
        if IMAGE_ID not in file.schema_arrow.names:
            return Counter()
        ids = file.read(columns=[IMAGE_ID], use_threads=False).column(IMAGE_ID).to_pylist()
    wanted = set(image_ids)
    return Counter(one for one in ids if isinstance(one, str) and one in wanted)
