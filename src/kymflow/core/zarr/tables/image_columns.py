"""Columns that tell of the image of each row: the file it came from, and its row in table ``images``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import pandas as pd

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow_zarr.errors import ColumnError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

IMAGES_TABLE = "images"
SOURCE_COLUMNS = ("rel_path", "file_name")


def add_source(ds: ZarrDataset, frame: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table with ``rel_path`` and ``file_name`` after ``image_id``.

    Both are missing for images that came from no folder. See :func:`add_columns` for names that are taken.
    """
    files = ds.store.source_files()
    places = [(file.relative_path, file.file_name) for file in files.values()]
    of_images = pd.DataFrame(places, index=list(files), columns=list(SOURCE_COLUMNS), dtype="str")
    return add_columns(frame, of_images, first=SOURCE_COLUMNS)


def add_images(frame: pd.DataFrame, images: pd.DataFrame) -> pd.DataFrame:
    """Return a copy of a table with the columns of table ``images``.

    Where each image came from stands after ``image_id``, the rest at the end. See :func:`add_columns` for
    names that are taken.

    Raises
    ------
    ColumnError
        Table ``images`` has no ``image_id``, or more than one row for an image: somebody else made it.
    """
    if IMAGE_ID not in images.columns or images[IMAGE_ID].duplicated().any():
        raise ColumnError(
            f"table {IMAGES_TABLE!r} has not one row for each image, so that it cannot be joined to others",
            column=IMAGE_ID,
        )
    return add_columns(frame, images.set_index(IMAGE_ID), first=SOURCE_COLUMNS)


def add_columns(frame: pd.DataFrame, of_images: pd.DataFrame, *, first: Sequence[str]) -> pd.DataFrame:
    """Return a copy of a table with columns that tell of the image of each row.

    Parameters
    ----------
    frame : DataFrame
        The table. Rows without image, and a table without ``image_id``, get missing values.
    of_images : DataFrame
        A row for each image, by its id. A column of a name that the table has already is called
        ``image_<name>``: the table's own stays as it is.
    first : sequence of str
        Those that come after ``image_id``; the others come at the end.
    """
    ids = frame[IMAGE_ID] if IMAGE_ID in frame.columns else pd.Series([None] * len(frame), dtype="str")
    joined = of_images.reindex(pd.Index(ids.astype(object))).set_axis(frame.index)
    taken = set(frame.columns)
    names = {name: f"image_{name}" if name in taken else name for name in joined.columns}
    joined = joined.rename(columns=names)
    begin = [names[name] for name in first if name in names]
    where = list(frame.columns).index(IMAGE_ID) + 1 if IMAGE_ID in frame.columns else 0
    rest = [name for name in joined.columns if name not in begin]
    return pd.concat([frame.iloc[:, :where], joined[begin], frame.iloc[:, where:], joined[rest]], axis=1)
