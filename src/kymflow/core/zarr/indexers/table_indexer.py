"""The contract of an indexer whose table is made of other tables, not of images."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, TypeAlias, runtime_checkable

from kymflow.core.zarr.indexers.base import DatasetIndexer
from kymflow_zarr import layout
from kymflow_zarr.errors import InvalidNameError

if TYPE_CHECKING:
    import pandas as pd


@runtime_checkable
class TableIndexer(Protocol):
    """A pure function of other tables of the dataset: whole tables in, the rows of one table out.

    It keeps no state, reads nothing but the tables that it is given, and never writes. Its table is derived
    after its sources, and again when the file of one of them is another one; it need not have a column
    ``image_id``.

    Besides these three members, kymflow looks for ``table_name`` (by default `name`), ``schema_version``,
    ``columns`` and ``required_columns()``, as for :class:`DatasetIndexer`. Settings are the fields of a
    dataclass or pydantic model, as there.

    Examples
    --------
    The mean of a column for each condition:

    >>> from kymflow import Column, KymDataset, TableIndexer
    >>> class ConditionMeans:
    ...     name = "condition_means"
    ...     sources = ("cells",)
    ...     columns = (Column("condition", "str"), Column("mean_hz", "float", "Hz"))
    ...
    ...     def derive(self, tables):
    ...         groups = tables["cells"].groupby("condition", as_index=False)
    ...         return groups.agg(mean_hz=("hz", "mean"))
    >>> isinstance(ConditionMeans(), TableIndexer)
    True

    Its source may be a table that an indexer makes, or one that was saved by hand:

    >>> import pandas as pd
    >>> kd = KymDataset("memory://tables-from-tables", mode="a")
    >>> cells = pd.DataFrame({"condition": ["rest", "rest", "drug"], "hz": [8.0, 9.0, 4.0]})
    >>> kd.ds.save_table("cells", cells)
    >>> kd.refresh(ConditionMeans())
      condition  mean_hz
    0      drug      4.0
    1      rest      8.5
    """

    @property
    def name(self) -> str:
        """Unique name of the indexer."""

    @property
    def sources(self) -> tuple[str, ...]:
        """Names of the tables that it is made of, as they are on disk; at least one."""

    def derive(self, tables: Mapping[str, pd.DataFrame]) -> pd.DataFrame:
        """Return the rows of the table.

        Parameters
        ----------
        tables : mapping of str to DataFrame
            The sources by name, whole, each as :meth:`KymDataset.get_table` gives it. They are copies.

        Returns
        -------
        DataFrame
            Any number of rows. Missing values are NaN or None. An index with a name is refused, since it
            would be lost: ``reset_index()`` makes it a column.
        """


# What a plugin offers, and every method of KymDataset takes.
AnyIndexer: TypeAlias = DatasetIndexer | TableIndexer


def as_table_indexer(indexer: AnyIndexer) -> TableIndexer | None:
    """Return the indexer if its table is made of other tables."""
    return indexer if derives(indexer) and isinstance(indexer, TableIndexer) else None


def derives(indexer: object) -> bool:
    """Tell whether an object is meant to make its table of other tables, whatever it lacks."""
    return hasattr(indexer, "derive") and not hasattr(indexer, "extract_rows")


def as_image_indexer(indexer: AnyIndexer) -> DatasetIndexer:
    """Return an indexer whose table is made of images.

    Raises
    ------
    TypeError
        It is of the other kind: that is asked first.
    """
    if derives(indexer):
        raise TypeError(f"indexer {indexer.name!r} makes its table of other tables")
    return indexer  # type: ignore[return-value]


def sources_of(indexer: object, table_name: str) -> tuple[str, ...]:
    """Return the names of the tables that a table indexer asks for, each once.

    Raises
    ------
    InvalidNameError
        There are none, one is no name of a table, or one is the indexer's own table.
    """
    sources = getattr(indexer, "sources", ())
    example = "sources = ('velocity_events',)"
    if isinstance(sources, str):
        raise InvalidNameError(
            f"sources must be a tuple of names of tables, got the text {sources!r}: write ({sources!r},)"
        )
    if not isinstance(sources, tuple | list):
        raise InvalidNameError(
            f"sources must be a tuple of names of tables, got {sources!r}: write {example}"
        )
    if not sources:
        raise InvalidNameError(
            f"it derives its table from no table: name those that derive() needs, {example}"
        )
    for source in sources:
        layout.check_name(source, "source table")
        if source in layout.RESERVED_TABLES:
            raise InvalidNameError(f"source table {source!r} is kept by the dataset itself; name another one")
        if source == table_name:
            raise InvalidNameError(f"table {table_name!r} is a source of its own: name other tables there")
    return tuple(dict.fromkeys(sources))
