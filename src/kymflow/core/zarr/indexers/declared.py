"""What base classes of indexers share: names, declared columns, and rows as Arrow."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from kymflow.core.zarr.indexers.base import IMAGE_ID, ensure_image_id_column
from kymflow.core.zarr.indexers.columns import Column, check_columns
from kymflow_zarr.errors import InvalidNameError

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

    from kymflow_zarr import ZarrImageRecord


class DeclaredIndexer:
    """An indexer whose names and columns are class attributes; a subclass gives :meth:`read_rows`.

    Attributes
    ----------
    name : str
        Unique name of the indexer. The only one without a default.
    table_name : str
        Name of the table; by default `name`.
    columns : sequence of Column
        At the declared type. The required ones are always in the table, first and in this order.
    schema_version : str
        Raise it when the same artifacts shall give other rows.
    """

    name: ClassVar[str]
    table_name: ClassVar[str]
    columns: ClassVar[tuple[Column, ...]] = ()
    schema_version: ClassVar[str] = "1"
    # Whether extract_rows is the one below, which read_rows gives as Arrow.
    gives_arrow: ClassVar[bool] = True
    # Attributes that are `name` where they are not given.
    _named_after: ClassVar[tuple[str, ...]] = ("table_name",)
    _given: ClassVar[frozenset[str]] = frozenset()

    def __init_subclass__(cls, *, is_base: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.gives_arrow = cls.extract_rows is DeclaredIndexer.extract_rows
        cls._given = cls._given | (set(cls._named_after) & set(cls.__dict__))
        name = cls.__dict__.get("name")
        if name is None:
            if not is_base and not hasattr(cls, "name"):
                raise InvalidNameError(f"class {cls.__qualname__} needs a class attribute name = '...'")
            return
        for attribute in cls._named_after:
            # A name of its own is a default; what a base class was given stays.
            if attribute not in cls.__dict__ and attribute not in cls._given:
                setattr(cls, attribute, name)
        check_columns(cls.columns)

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
        raise NotImplementedError
