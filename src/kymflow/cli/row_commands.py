"""The commands that hand out rows: show, images, export. Declared here, and added to the program in main."""

from __future__ import annotations

from typing import Annotated

import typer

from kymflow.cli.arguments import (
    By,
    Columns,
    Dataset,
    Descending,
    Image,
    Json,
    Limit,
    Output,
    Sort,
    Where,
    WithImages,
)
from kymflow.cli.failures import one_line_failures

_STANDARD_OUTPUT = "-"


@one_line_failures
def show(
    dataset: Dataset,
    table: Annotated[str | None, typer.Argument(help="Name of a table.", show_default=False)] = None,
    image: Image = None,
    where: Where = None,
    columns: Columns = None,
    sort: Sort = None,
    desc: Descending = False,
    limit: Limit = None,
    source: Annotated[bool, typer.Option("--source", help="Add path and name of each image's file.")] = False,
    with_images: WithImages = False,
    by: By = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Show the tables of a dataset, or the rows of one."""
    from kymflow.cli.datasets import explain_order
    from kymflow.cli.rows import Selection
    from kymflow.cli.show import show_dataset, show_table

    explain_order("show", dataset, [] if table is None else [table])
    chosen, groups = tuple(columns or ()), tuple(by or ())
    selection = Selection(image, where, chosen, sort, desc, limit, source, with_images, groups)
    if table is not None:
        _check_output(output, json=json)
        show_table(dataset, table, selection, output=output, as_json=json)
        return
    if output is not None or selection != Selection(limit=limit):
        raise typer.BadParameter("only --limit and --json go without the name of a table")
    show_dataset(dataset, as_json=json)


@one_line_failures
def images(
    dataset: Dataset,
    image: Image = None,
    where: Where = None,
    columns: Columns = None,
    sort: Sort = None,
    desc: Descending = False,
    limit: Limit = None,
    output: Output = None,
    json: Json = False,
) -> None:
    """Show the images of a dataset: table images."""
    from kymflow.cli.rows import Selection
    from kymflow.cli.show import show_images

    _check_output(output, json=json)
    selection = Selection(image, where, tuple(columns or ()), sort, desc, limit)
    show_images(dataset, selection, output=output, as_json=json)


def _check_output(output: str | None, *, json: bool) -> None:
    if output == _STANDARD_OUTPUT and json:
        raise typer.BadParameter("--json and --output - both want standard output")


@one_line_failures
def export(
    dataset: Dataset,
    tables: Annotated[
        list[str] | None,
        typer.Argument(metavar="TABLE...", help="All tables by default.", show_default=False),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE|DIR",
            help="A .csv, .xlsx, .parquet or .json file, or a folder for a file each.",
            show_default=False,
        ),
    ] = ...,  # type: ignore[assignment]
    where: Where = None,
    columns: Columns = None,
    with_images: WithImages = False,
    format_: Annotated[
        str | None,
        typer.Option("--format", help="Of files in a folder; csv by default.", show_default=False),
    ] = None,
    no_bom: Annotated[
        bool, typer.Option("--no-bom", help="No mark for Excel at the start of a CSV.")
    ] = False,
    describe: Annotated[
        bool, typer.Option("--describe", help="Write a datapackage.json about the columns beside it.")
    ] = False,
    json: Json = False,
) -> None:
    """Write tables to files: for Excel, statistics programs, archives."""
    from kymflow.cli.export import run_export
    from kymflow.cli.rows import Selection

    selection = Selection(where=where, columns=tuple(columns or ()), source=True, with_images=with_images)
    run_export(
        dataset,
        tables or (),
        output,
        selection,
        form=format_,
        bom=not no_bom,
        describe=describe,
        as_json=json,
    )
