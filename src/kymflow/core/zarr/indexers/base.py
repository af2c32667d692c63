"""The contract of an indexer, and the two helpers that every indexer may need."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from kymflow_zarr.errors import ColumnError, InvalidNameError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from kymflow_zarr import ZarrImageRecord

IMAGE_ID = "image_id"
_MAX_TABLE_NAME = 100


@runtime_checkable
class DatasetIndexer(Protocol):
    """A pure function of one record: its artifacts in, rows of one table out.

    It keeps no state from record to record, reads only the record it is given, and never writes.
    Class attributes, a frozen dataclass's fields and properties all fit the two names.

    Besides these three members, kymflow looks for (with ``getattr``):

    ``schema_version : str``, by default ``"1"``
        Raise it when the same artifacts shall give other rows; every image is then stale.
    ``required_columns() -> list[str]``, by default none
        Columns that the table always has, also without rows. ``image_id`` need not be among them.
    ``columns : sequence of Column``, by default none
        Columns with a declared type, unit and description; those that are required count as such.
    ``bulk_artifact : str or None`` and ``shape(table)``, by default none
        The rows are those of one artifact; see :class:`BulkIndexer`.

    Examples
    --------
    Any class with these members will do:

    >>> import pandas as pd
    >>> from kymflow import DatasetIndexer, ZarrDataset
    >>> class WidthIndexer:
    ...     name = "width"
    ...     table_name = "width"
    ...
    ...     def extract_rows(self, rec):
    ...         return pd.DataFrame([{"width_px": rec.get_image_bounds()["width"]}])
    >>> isinstance(WidthIndexer(), DatasetIndexer)
    True
    >>> record = ZarrDataset("memory://widths").add_image([[0, 1, 2], [3, 4, 5]])
    >>> WidthIndexer().extract_rows(record)
       width_px
    0         3
    """

    @property
    def name(self) -> str:
        """Unique name of the indexer."""

    @property
    def table_name(self) -> str:
        """Name of the table that its rows make, by default `name`; see :func:`normalize_table_name`."""

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        """Return the record's rows.

        Parameters
        ----------
        rec : ZarrImageRecord
            One image. It is read-only.

        Returns
        -------
        DataFrame
            Any number of rows; none if the record has nothing for this table. ``image_id`` is
            filled in. Missing values are NaN or None. The index is ignored.
        """


@runtime_checkable
class BulkIndexer(DatasetIndexer, Protocol):
    """An indexer whose rows are those of one artifact, so that many images are read and shaped together.

    It is several times as fast. ``extract_rows`` must give the same rows for each image by itself.
    """

    @property
    def bulk_artifact(self) -> str | None:
        """Name of the artifact; None where the rows are something else."""

    def shape(self, table: pa.Table) -> pa.Table:
        """Return an artifact's rows as rows of the table: columns renamed, chosen, converted.

        Parameters
        ----------
        table : pyarrow.Table
            Rows of one image's artifact, or of many images' alike. A row must not depend on others,
            and none may be added, dropped or moved.

        Returns
        -------
        pyarrow.Table
            As many rows; or no columns at all.
        """


def as_bulk(indexer: DatasetIndexer) -> BulkIndexer | None:
    """Return the indexer if its rows are those of one artifact."""
    if getattr(indexer, "bulk_artifact", None) is None or not isinstance(indexer, BulkIndexer):
        return None
    return indexer


def ensure_image_id_column(df: pd.DataFrame, image_id: str) -> pd.DataFrame:
    """Return a copy of `df` whose first column is ``image_id``, filled in.

    Parameters
    ----------
    df : DataFrame
        Rows of one image, with or without the column.
    image_id : str
        The image they are of.

    Raises
    ------
    ColumnError
        A row claims another image.

    Examples
    --------
    >>> import pandas as pd
    >>> from kymflow import ensure_image_id_column
    >>> ensure_image_id_column(pd.DataFrame({"roi_id": [1, 2]}), "cell-1")
      image_id  roi_id
    0   cell-1       1
    1   cell-1       2
    """
    out = df.copy()
    if IMAGE_ID in out.columns:
        claimed = out.pop(IMAGE_ID)
        foreign = claimed[claimed.notna() & (claimed != image_id)]
        if len(foreign):
            raise ColumnError(
                f"{len(foreign)} of {len(df)} rows claim image {foreign.iloc[0]!r}, but they were "
                f"extracted from image {image_id!r}",
                image_id=image_id,
                column=IMAGE_ID,
            )
    out.insert(0, IMAGE_ID, image_id)
    if not len(out):
        out[IMAGE_ID] = out[IMAGE_ID].astype("str")
    return out


def normalize_table_name(name: str) -> str:
    """Return `name` as a table is named on disk: lower case letters, digits and ``_``.

    Accents go, and whatever else is in it becomes ``_``.

    Raises
    ------
    InvalidNameError
        Nothing is left of it, or it is longer than 100 characters or no str.

    Examples
    --------
    >>> from kymflow import normalize_table_name
    >>> normalize_table_name("Débit (mm/s)")
    'debit_mm_s'
    """
    if not isinstance(name, str):
        raise InvalidNameError(f"a table name must be a str, got {type(name).__name__}: {name!r}")
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode("ascii")
    normal = re.sub(r"[^a-z0-9_]+", "_", plain.strip().lower()).strip("_")
    if not normal or len(normal) > _MAX_TABLE_NAME:
        raise InvalidNameError(
            f"{name[:60]!r} cannot name a table: use 1 to {_MAX_TABLE_NAME} letters, digits and '_'"
        )
    return normal
