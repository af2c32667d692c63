"""Figures of matplotlib: of one image, and of the columns of a table."""

from kymflow_view.figures.base import FORMATS, ViewFigure
from kymflow_view.figures.image import figure
from kymflow_view.figures.pooled_plot import PlotFigure, plot_figure
from kymflow_view.figures.style import THEMES, Theme

__all__ = ["FORMATS", "THEMES", "PlotFigure", "Theme", "ViewFigure", "figure", "plot_figure"]
