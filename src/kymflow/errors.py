"""Errors of indexers and of the tables they make."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from kymflow_zarr.errors import KymflowError


class IndexerError(KymflowError):
    """An indexer is at fault, or unknown."""


class UnknownIndexerError(IndexerError, KeyError):
    """No usable indexer of this name is registered."""


class InvalidIndexerError(IndexerError, TypeError):
    """An object that does not meet the contract of an indexer."""


class UnknownReaderError(KymflowError, KeyError):
    """No usable reader of this name is registered."""


class InvalidReaderError(KymflowError, TypeError):
    """An object that does not meet the contract of a reader of source files."""


class AmbiguousImageError(KymflowError, ValueError):
    """A name that fits several images."""


class ExtractionError(IndexerError, RuntimeError):
    """An indexer raised while it extracted one image's rows."""


class DeriveError(IndexerError, RuntimeError):
    """A table could not be derived of other tables: a source is not there, or its indexer raised."""


class RowsError(IndexerError, ValueError):
    """An indexer returned something that cannot be rows of its table."""


class SchemaError(IndexerError, ValueError):
    """Rows of two images cannot stand in one table: a column has clashing types.

    Attributes
    ----------
    image_ids : tuple of str
        An image at fault, and one that it does not go with; the first alone where its values would change.
    types : tuple of pyarrow.DataType
        The type of the column in each of them, where two types clash; empty otherwise.
    causes : mapping of str to str
        All images at fault, by id, each with the reason: the fewer, else those that came later.
    """

    image_ids: tuple[str, ...] = ()
    types: tuple[Any, ...] = ()
    causes: Mapping[str, str] = MappingProxyType({})


class PluginError(KymflowError, RuntimeError):
    """A plugin that is none, or, under ``KYMFLOW_STRICT_PLUGINS=1``, one that failed or is in conflict."""


class ExportError(KymflowError, ValueError):
    """A file into which a table cannot be written."""


class ProjectError(KymflowError, FileExistsError):
    """A folder that is no place for a new project."""


class WorkerError(KymflowError, RuntimeError):
    """A worker of an executor ended without an answer."""
