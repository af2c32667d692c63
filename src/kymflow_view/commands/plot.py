"""``kymflow plot``: a picture of an image, or of a table's column."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from kymflow_view.commands.options import AverageName, Dataset, KindName, Output, ThemeName

if TYPE_CHECKING:
    from kymflow import KymDataset
    from kymflow_view.figures import ViewFigure
    from kymflow_view.pooled.pool import Kind

# Of a file, for each CSS pixel.
_RATIO = 2.0


def plot(
    dataset: Dataset,
    what: Annotated[
        str,
        typer.Argument(
            metavar="IMAGE|TABLE",
            help="An image, by its file, path or id; with --y a table.",
            show_default=False,
        ),
    ],
    output: Output,
    y: Annotated[str | None, typer.Option(help="Plot this column of the table.", show_default=False)] = None,
    by: Annotated[
        str | None,
        typer.Option(help="Group by this column, of the table or of table images.", show_default=False),
    ] = None,
    x: Annotated[
        str | None, typer.Option(help="Against this column, as a scatter plot.", show_default=False)
    ] = None,
    kind: Annotated[KindName, typer.Option(help="How to plot it; with --x, scatter.")] = KindName.STRIP,
    average: Annotated[
        AverageName, typer.Option(help="Plot one mean for each image or folder.")
    ] = AverageName.NONE,
    channel: Annotated[int, typer.Option(min=0, help="Of an image of several, counted from 0.")] = 0,
    theme: Annotated[ThemeName, typer.Option(help="Colours.")] = ThemeName.LIGHT,
) -> None:
    """Draw an image with its traces and events, or a column of a table, as .png, .svg or .pdf."""
    from kymflow import KymDataset
    from kymflow_view.commands.files import check_target, suffix_of, write_whole
    from kymflow_view.figures import FORMATS, figure
    from kymflow_view.figures.of_table import plot as plot_column

    suffix = suffix_of(output, FORMATS)
    check_target(output, dataset)
    kd = KymDataset(dataset, mode="r")
    if y is None:
        if x is not None or by is not None or kind is not KindName.STRIP or average is not AverageName.NONE:
            raise typer.BadParameter(
                "--x, --by, --kind and --average go with --y, the column of a table that is plotted"
            )
        record = kd.ds.record(_image_id(kd, what))
        made: ViewFigure = figure(record, ratio=_RATIO, theme=theme.value, channel=channel)
        pooled = None
    else:
        if channel:
            raise typer.BadParameter("--channel is of an image, and --y of a table: give one of them")
        chosen = _kind_of(kind, x)
        made = plotted = plot_column(
            kd, what, y=y, x=x, by=by, kind=chosen, average=average.value, ratio=_RATIO, theme=theme.value
        )
        pooled = plotted.pooled
    write_whole(output, made.to_bytes(next(form for form in FORMATS if form == suffix)))
    print(f"wrote {output}{f' ({pooled.notes})' if pooled and pooled.notes else ''}")
    if pooled and not pooled.n:
        print(f"kymflow: {what} has no value of {y} to draw", file=sys.stderr)


def _kind_of(kind: KindName, x: str | None) -> Kind:
    if x is None:
        return kind.value
    if kind not in (KindName.STRIP, KindName.SCATTER):
        raise typer.BadParameter(f"--x makes a scatter plot, --kind is {kind.value}: give one of them")
    return KindName.SCATTER.value


def _image_id(kd: KymDataset, name: str) -> str:
    from kymflow import RecordNotFoundError, find_images

    try:
        return find_images(kd, [name])[0]
    except RecordNotFoundError:
        if name not in kd.ds.list_table_names():
            raise
    from kymflow_view.pooled import has_numbers

    schema = kd.load_arrow(name, image_ids=[]).schema
    columns = ", ".join(field.name for field in schema if has_numbers(field.type))
    raise typer.BadParameter(f"{name} is a table: give --y, one of its columns of numbers: {columns}")
