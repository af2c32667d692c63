"""A base class for rows that take more than one artifact: plain values, made of a record by a function."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from kymflow.core.zarr.indexers.declared import DeclaredIndexer
from kymflow.core.zarr.indexers.json_rows import rows_to_arrow
from kymflow_zarr.errors import ColumnError, InvalidNameError

if TYPE_CHECKING:
    import pyarrow as pa

    from kymflow_zarr import ZarrImageRecord


class RecordIndexer(DeclaredIndexer, is_base=True):
    """Rows = what :meth:`~RecordIndexer.rows` makes of a record, as dictionaries of plain values.

    Many times as fast as a DataFrame for each image.

    Attributes
    ----------
    name, table_name, columns, schema_version
        As of :class:`~kymflow.ArtifactIndexer`.
    reads : sequence of str
        Artifacts, by name and suffix, that :meth:`rows` reads of nearly every image. Those of many images
        are then read at once. It changes nothing else: what is read counts, not what is named here.

    Examples
    --------
    >>> from kymflow import Column, RecordIndexer, ZarrDataset
    >>> class SizeIndexer(RecordIndexer):
    ...     '''How long every line scan is.'''
    ...
    ...     name = "size"
    ...     columns = (Column("duration_s", "float", "s", "From the first line to the last"),)
    ...     reads = ("metadata.json",)
    ...
    ...     def rows(self, rec):
    ...         if rec.has_artifact("metadata"):
    ...             yield {"duration_s": rec.load_metadata_payload()["header"]["physical_size"][0]}
    >>> record = ZarrDataset("memory://sizes").add_image([[0, 1], [2, 3]])
    >>> key = record.save_metadata_payload({"header": {"physical_size": [35.1, 10.8]}})
    >>> SizeIndexer().extract_rows(record)["duration_s"].tolist()
    [35.1]
    """

    reads: ClassVar[Sequence[str]] = ()
    # Whether what rows() gives is all there is to it.
    gives_plain_rows: ClassVar[bool] = True

    def __init_subclass__(cls, *, is_base: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(is_base=is_base, **kwargs)
        cls.gives_plain_rows = cls.gives_arrow and (cls.read_rows, cls.checked_rows, cls.to_arrow) == (
            RecordIndexer.read_rows,
            RecordIndexer.checked_rows,
            RecordIndexer.to_arrow,
        )
        if isinstance(cls.reads, str):
            raise InvalidNameError(f"class {cls.__qualname__}: reads must be a sequence, got {cls.reads!r}")

    def rows(self, rec: ZarrImageRecord) -> Iterable[Mapping[str, Any]]:
        """Return the record's rows.

        Parameters
        ----------
        rec : ZarrImageRecord
            One image. It is read-only.

        Returns
        -------
        iterable of mapping
            A row each, by column. Missing values are None or NaN; where a row lacks a column, too.
        """
        raise NotImplementedError

    def read_rows(self, rec: ZarrImageRecord) -> pa.Table:
        """Return the rows as Arrow, ``image_id`` not filled in; errors as :meth:`extract_rows`."""
        return self.to_arrow(self.checked_rows(rec))

    def checked_rows(self, rec: ZarrImageRecord) -> list[Mapping[str, Any]]:
        """Return what :meth:`rows` gives, if these are rows.

        Raises
        ------
        ColumnError
            One is no mapping, or names a column by something else than text.
        """
        rows = list(self.rows(rec))
        for row in rows:
            if not isinstance(row, Mapping):
                raise ColumnError(f"rows() must give mappings, got {type(row).__name__}: {str(row)[:60]!r}")
            for name in row:
                if not isinstance(name, str):
                    raise ColumnError(f"column names must be str, got {type(name).__name__}: {name!r}")
                if name.encode("utf-8", "replace").decode("utf-8") != name:
                    raise ColumnError(f"column {name!r}: its name is no UTF-8", column=name)
        return rows

    def to_arrow(self, rows: Sequence[Mapping[str, Any]]) -> pa.Table:
        """Return rows, of one image or of many, as Arrow, the declared columns at their type.

        Raises
        ------
        ColumnError
            Values of one column that do not go together, or do not fit its declared type.
        """
        required = [column.name for column in self.columns if column.required]
        return rows_to_arrow(rows, required, self.columns)
