"""A new plugin as a project of its own: its names, and its files made of templates."""

from kymflow.scaffold.names import IndexerNames, indexer_names
from kymflow.scaffold.origin import origin_of
from kymflow.scaffold.project import write_project

__all__ = ["IndexerNames", "indexer_names", "origin_of", "write_project"]
