"""A base class for the commonest indexer: rows from one artifact, declared in a few lines."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

from kymflow.core.zarr.indexers.base import IMAGE_ID, ensure_image_id_column
from kymflow.core.zarr.indexers.columns import Column, check_columns
from kymflow_zarr.errors import ArtifactError, ArtifactNotFoundError, InvalidNameError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from kymflow_zarr import ZarrImageRecord


# In the order in which they are looked for.
FORMS = (".parquet", ".json", ".json.gz", ".csv.gz")
# Deeper ones cost Arrow seconds each, and no table is made of them.
MAX_NESTING = 32


class ArtifactIndexer:
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
        missing where the artifact lacks them.
    aliases : mapping of str to str
        Older names of columns: from the name in the artifact to the name in the table.
    keep_other_columns : bool
        Whether columns of the artifact that are not declared go into the table, too.
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
    """

    name: ClassVar[str]
    table_name: ClassVar[str]
    artifact: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]] = ()
    aliases: ClassVar[Mapping[str, str]] = {}
    keep_other_columns: ClassVar[bool] = True
    schema_version: ClassVar[str] = "1"
    _given: ClassVar[frozenset[str]] = frozenset()
    # Whether extract_rows is the one below, which read_rows gives as Arrow.
    gives_arrow: ClassVar[bool] = True
    _is_plain: ClassVar[bool] = True

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.gives_arrow = cls.extract_rows is ArtifactIndexer.extract_rows
        # Where a subclass has code of its own, only it can say whether that is right for many images at once.
        cls._is_plain = cls.gives_arrow and (cls.read_rows, cls.shape) == (
            ArtifactIndexer.read_rows,
            ArtifactIndexer.shape,
        )
        cls._given = cls._given | ({"table_name", "artifact"} & set(cls.__dict__))
        name = cls.__dict__.get("name")
        if name is None:
            if not hasattr(cls, "name"):
                raise InvalidNameError(f"class {cls.__qualname__} needs a class attribute name = '...'")
            return
        for attribute in ("table_name", "artifact"):
            # A name of its own is a default; what a base class was given stays.
            if attribute not in cls.__dict__ and attribute not in cls._given:
                setattr(cls, attribute, name)
        check_columns(cls.columns)

    @property
    def bulk_artifact(self) -> str | None:
        """The artifact, unless a subclass makes its rows by code of its own; it may give the name itself."""
        return self.artifact if self._is_plain else None

    def required_columns(self) -> list[str]:
        """Return ``image_id`` and the names of the declared columns that are required."""
        return [IMAGE_ID, *(column.name for column in self.columns if column.required)]

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        """Return the record's rows: ``image_id``, the declared columns, the others.

        Raises
        ------
        ArtifactError
            The artifact is damaged, or JSON of another shape.
        ColumnError
            A value does not fit its declared type.
        """
        return ensure_image_id_column(self.read_rows(rec).to_pandas(), rec.image_id)

    def read_rows(self, rec: ZarrImageRecord) -> pa.Table:
        """Return the rows as Arrow, ``image_id`` not filled in; errors as :meth:`extract_rows`."""
        return self.shape(read_artifact(rec, self.artifact))

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


def read_artifact(rec: ZarrImageRecord, artifact: str) -> pa.Table:
    """Read an artifact of one record as rows, whichever form it has; no columns if there is none.

    Raises
    ------
    ArtifactError
        It is damaged, or JSON of another shape.
    """
    try:
        return rec.load_arrow(artifact)
    except ArtifactNotFoundError:
        pass
    try:
        return _from_json(rec, artifact, rec.load_json(artifact))
    except ArtifactNotFoundError:
        pass
    from kymflow_zarr.formats import frames

    try:
        return frames.frame_to_arrow(rec.load_df_csv_gz(artifact)).replace_schema_metadata(None)
    except ArtifactNotFoundError:
        return _table({})


def _from_json(rec: ZarrImageRecord, artifact: str, payload: Any) -> pa.Table:
    import pyarrow as pa

    rows = [payload] if isinstance(payload, dict) else payload
    reason = "expected an object or a list of objects"
    if _depth(payload) > MAX_NESTING:
        reason = f"it is nested more than {MAX_NESTING} deep"
    elif isinstance(rows, list) and all(isinstance(row, dict) for row in rows):
        names = dict.fromkeys(name for row in rows for name in row)
        try:
            return _table({name: pa.array([row.get(name) for row in rows]) for name in names})
        except (pa.ArrowException, OverflowError, UnicodeError, TypeError, ValueError) as error:
            reason = str(error).partition("\n")[0]
    raise ArtifactError(
        f"artifact '{artifact}.json' of {rec!r} gives no rows: {reason}",
        image_id=rec.image_id,
        artifact=artifact,
    )


def _depth(value: Any) -> int:
    """Return how deep lists and objects are nested, without looking beyond the limit."""
    level, depth = [value], 0
    while level and depth <= MAX_NESTING + 1:
        nested = [item for item in level if isinstance(item, dict | list)]
        if not nested:
            break
        depth += 1
        level = [
            inner
            for item in nested
            for inner in (item.values() if isinstance(item, dict) else item)
            if isinstance(inner, dict | list)
        ]
    return depth


def _missing(n_rows: int, column: Column) -> pa.Array:
    import pyarrow as pa

    return pa.nulls(n_rows, column.arrow_type)


def _table(columns: Mapping[str, Any]) -> pa.Table:
    import pyarrow as pa

    return pa.table(dict(columns))
