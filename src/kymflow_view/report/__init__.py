"""A dataset as one HTML file."""

from kymflow_view.report.page import report_html

__all__ = ["report_html"]
