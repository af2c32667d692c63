"""A base class for the commonest indexer: rows from one artifact, declared in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.core.zarr.indexers.columns import Column
from kymflow.core.zarr.indexers.declared import DeclaredIndexer
from kymflow.core.zarr.indexers.json_rows import (
    NoRows,
    Paths,
    rows_of_json,
    rows_to_arrow,
    unnest,
    unnest_table,
)
from kymflow_zarr.errors import ArtifactError, ArtifactNotFoundError, ColumnError

if TYPE_CHECKING:
    import pyarrow as pa

    from kymflow_zarr import ZarrImageRecord


class ArtifactIndexer(DeclaredIndexer, is_base=True):
    """Rows = one artifact of the record, as a table (Parquet) or as JSON.

    ``<artifact>.parquet`` gives its rows. Where there is none, ``<artifact>.json`` gives one row
    if it holds an object, or a row per object if it holds a list of them; and where there is none
    either, ``<artifact>.csv.gz``, which old datasets have. A record with none of them has no rows.

    Attributes
    ----------
    name : str
        Unique name of the indexer. The only one without a default.
    table_name, artifact : str
        Name of the table, and of the artifact; by default `name`.
    columns : sequence of Column
        At the declared type. The required ones are always in the table, first and in this order;
        missing where the artifact lacks them. One with a ``path`` is a value inside objects of the artifact.
    aliases : mapping of str to str
        Older names of columns: from the name in the artifact to the name in the table.
    keep_other_columns : bool
        Whether columns of the artifact that are not declared go into the table, too. An object out of
        which values are taken by their path does not.
    schema_version : str
        Raise it when the same artifacts shall give other rows.

    Examples
    --------
    A subclass is a handful of declarations:

    >>> from kymflow import ArtifactIndexer, Column, ZarrDataset
    >>> class StallIndexer(ArtifactIndexer):
    ...     '''Stalls of every line scan.'''
    ...
    ...     name = "stalls"
    ...     columns = (
    ...         Column("roi_id", "int", description="ROI of the line scan"),
    ...         Column("duration_s", "float", "s", "How long the flow stood still"),
    ...     )
    ...     aliases = {"length": "duration_s"}
    >>> record = ZarrDataset("memory://stalls").record("cell-1")
    >>> record.save_array([[0, 1], [2, 3]])
    >>> key = record.save_json("stalls", [{"roi_id": 1, "length": 0.25, "sure": True}])
    >>> StallIndexer().extract_rows(record)
      image_id  roi_id  duration_s  sure
    0   cell-1       1        0.25  True

    Values inside nested JSON, by their path:

    >>> class ConditionIndexer(ArtifactIndexer):
    ...     name = "conditions"
    ...     artifact = "metadata"
    ...     columns = (Column("condition", "str", path="experiment_metadata.condition"),)
    ...     keep_other_columns = False
    >>> key = record.save_json("metadata", {"experiment_metadata": {"condition": "AngII"}, "rois": []})
    >>> ConditionIndexer().extract_rows(record)
      image_id condition
    0   cell-1     AngII
    """

    artifact: ClassVar[str]
    aliases: ClassVar[Mapping[str, str]] = {}
    keep_other_columns: ClassVar[bool] = True
    _named_after: ClassVar[tuple[str, ...]] = ("table_name", "artifact")
    _is_plain: ClassVar[bool] = True

    def __init_subclass__(cls, *, is_base: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(is_base=is_base, **kwargs)
        # Where a subclass has code of its own, only it can say whether that is right for many images at once.
        cls._is_plain = cls.gives_arrow and (cls.read_rows, cls.shape) == (
            ArtifactIndexer.read_rows,
            ArtifactIndexer.shape,
        )

    @property
    def bulk_artifact(self) -> str | None:
        """The artifact, unless a subclass makes its rows by code of its own; it may give the name itself."""
        return self.artifact if self._is_plain else None

    def read_rows(self, rec: ZarrImageRecord) -> pa.Table:
        """Return the rows as Arrow, ``image_id`` not filled in; errors as :meth:`extract_rows`."""
        return self.shape(read_artifact(rec, self.artifact, self.paths))

    @property
    def paths(self) -> Paths:
        """The columns with a path, each with the names that lead to its values inside objects."""
        return [(column.name, column.path.split(".")) for column in self.columns if column.path]

    def shape(self, table: pa.Table) -> pa.Table:
        """Return the columns of an artifact as those of the table: renamed, ordered, at their types.

        Parameters
        ----------
        table : pyarrow.Table
            Rows of one image's artifact, or of many images' alike.

        Raises
        ------
        ColumnError
            A value does not fit its declared type.
        """
        table = self._renamed(table)
        declared = {column.name: column for column in self.columns}
        columns = {
            name: table.column(name)
            if name in table.column_names
            else _missing(table.num_rows, declared[name])
            for name in self.required_columns()
            if name in declared
        }
        for name in table.column_names:
            if name == IMAGE_ID or name in declared or self.keep_other_columns:
                columns.setdefault(name, table.column(name))
        return _table({n: declared[n].cast(v) if n in declared else v for n, v in columns.items()})

    def _renamed(self, table: pa.Table) -> pa.Table:
        taken = set(table.column_names)
        names = []
        for name in table.column_names:
            present = self.aliases.get(name, name)
            # Where a file has both names, the present one wins and the older stays a column of its own.
            if present != name and present not in taken:
                taken.add(present)
                name = present
            names.append(name)
        return table.rename_columns(names)


def read_artifact(rec: ZarrImageRecord, artifact: str, paths: Paths = ()) -> pa.Table:
    """Read an artifact of one record as rows, whichever form it has; no columns if there is none.

    Parameters
    ----------
    rec, artifact
        Which one.
    paths : sequence of (column, path), optional
        Columns whose values are inside objects.

    Raises
    ------
    ArtifactError
        It is damaged, or JSON of another shape.
    """
    try:
        return unnest_table(rec.load_arrow(artifact), paths)
    except ArtifactNotFoundError:
        pass
    try:
        return _from_json(rec, artifact, rec.load_json(artifact), paths)
    except ArtifactNotFoundError:
        pass
    from kymflow_zarr.formats import frames

    try:
        return frames.frame_to_arrow(rec.load_df_csv_gz(artifact)).replace_schema_metadata(None)
    except ArtifactNotFoundError:
        return _table({})


def _from_json(rec: ZarrImageRecord, artifact: str, payload: Any, paths: Paths) -> pa.Table:
    try:
        return rows_to_arrow([unnest(row, paths) for row in rows_of_json(payload)])
    except (NoRows, ColumnError) as error:
        raise ArtifactError(
            f"artifact '{artifact}.json' of {rec!r} gives no rows: {error}",
            image_id=rec.image_id,
            artifact=artifact,
        ) from error


def _missing(n_rows: int, column: Column) -> pa.Array:
    import pyarrow as pa

    return pa.nulls(n_rows, column.arrow_type)


def _table(columns: Mapping[str, Any]) -> pa.Table:
    import pyarrow as pa

    return pa.table(dict(columns))
