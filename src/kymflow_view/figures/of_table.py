"""A plot of a table's column, straight from a dataset."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow import TableNotFoundError
from kymflow_view.figures.pooled_plot import PlotFigure, plot_figure
from kymflow_view.figures.style import Theme
from kymflow_view.pooled import Average, Kind, Measured, measure, pool
from kymflow_view.units import VELOCITY_UNIT

if TYPE_CHECKING:
    import pyarrow as pa

    from kymflow import KymDataset

IMAGES = "images"


def plot(
    kd: KymDataset,
    table: str,
    *,
    y: str,
    x: str | None = None,
    by: str | None = None,
    kind: Kind = "strip",
    average: Average = "none",
    width: float = 640,
    height: float = 420,
    ratio: float = 1.0,
    theme: Theme = "light",
) -> PlotFigure:
    """Plot a column of a table, by groups.

    The axis comes from quartiles, so that no single value flattens all others; what lies outside is
    counted in the figure, and so is what is missing. Of more than 5,000 points, 5,000 are drawn.

    Parameters
    ----------
    kd : KymDataset
        The dataset.
    table : str
        The name of the table.
    y : str
        The column that is plotted; one of ``images`` will do, too.
    x : str, optional
        Against what, in a scatter plot.
    by : str, optional
        The column that makes the groups, of the table or of ``images``: ``condition``, say.
    kind : {"histogram", "strip", "violin", "cumulative", "scatter"}
        How it is plotted; ``strip`` has a box with it.
    average : {"none", "image", "folder"}
        Plot one mean for each image or folder: rows of the same image are no independent samples.
    width, height, ratio, theme
        As :func:`kymflow_view.figure`.

    Returns
    -------
    PlotFigure
        A :class:`matplotlib.figure.Figure`, which a notebook shows; ``pooled`` has its numbers.

    Raises
    ------
    TableNotFoundError
        There is no such table.
    ColumnError
        There is no such column, or it has no numbers.

    Examples
    --------
    >>> from kymflow.testing import make_lab
    >>> from kymflow_indexers_builtin import RadonReportIndexer
    >>> import kymflow_view
    >>> kd = make_lab("memory://a-lab-to-plot")
    >>> reports = kd.rebuild(RadonReportIndexer())
    >>> plot = kymflow_view.plot(kd, "radon_report", y="mean_velocity", by="roi_id")
    >>> plot.pooled.groups[0].counts
    'n = 2'
    >>> plot.savefig("velocities.png")
    """
    pooled = pool(columns_of(kd, table, y=y, x=x, by=by), kind, average=average)
    return plot_figure(pooled, width=width, height=height, ratio=ratio, theme=theme)


def columns_of(
    kd: KymDataset, table: str, *, y: str, x: str | None = None, by: str | None = None
) -> Measured:
    """Read the columns of a plot, and no others; parameters and errors as :func:`plot`."""
    own = [column.name for column in kd.describe_table(table).columns]
    if table == IMAGES:
        rows = images = kd.load_arrow(IMAGES)
    else:
        needed = [name for name in own if name in ("image_id", VELOCITY_UNIT, y, x, by)]
        rows, images = kd.load_arrow(table, columns=needed), _images(kd)
    return measure(rows, images, y=y, x=x, by=by, table=table, columns=own)


def _images(kd: KymDataset) -> pa.Table | None:
    try:
        return kd.load_arrow(IMAGES)
    except TableNotFoundError:
        return None
