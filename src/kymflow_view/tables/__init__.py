"""Tables in memory: sorted, filtered, searched, joined with images, page by page."""

from kymflow_view.tables.query import Query as Query
from kymflow_view.tables.query import QueryError as QueryError
from kymflow_view.tables.query import parse_query as parse_query
from kymflow_view.tables.tables import Tables as Tables
from kymflow_view.tables.view import View as View
