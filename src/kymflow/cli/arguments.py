"""Arguments and options that several commands take."""

from __future__ import annotations

from typing import Annotated

import typer

Dataset = Annotated[str, typer.Argument(help="Path or URL of the dataset.", show_default=False)]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead of text.")]
Where = Annotated[
    str | None,
    typer.Option(
        metavar="EXPRESSION",
        help="Only rows of which it holds: \"score > 1 and kind = 'stall'\".",
        show_default=False,
    ),
]
Columns = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME,NAME", help="Only these columns, in this order.", show_default=False),
]
Sort = Annotated[
    str | None,
    typer.Option(metavar="NAME,-NAME", help="By these columns; -NAME downwards.", show_default=False),
]
Descending = Annotated[bool, typer.Option("--desc", help="Sort downwards.")]
Limit = Annotated[int | None, typer.Option(min=0, help="At most so many rows (on a terminal 20).")]
Image = Annotated[
    str | None,
    typer.Option(help="Only this image, by file name, path or id.", show_default=False),
]
WithImages = Annotated[bool, typer.Option("--with-images", help="Add the columns of table images.")]
Output = Annotated[
    str | None,
    typer.Option(
        "--output",
        "-o",
        help="Write a .csv, .xlsx, .parquet or .json file; - is CSV to standard output.",
        show_default=False,
    ),
]
By = Annotated[
    list[str] | None,
    typer.Option(
        metavar="NAME,NAME",
        help="Sum up by these columns: n, mean, median, ... of each column of numbers.",
        show_default=False,
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        metavar="NAME.KEY=VALUE",
        help="A setting of an indexer, for this run alone; kymflow.toml in the dataset keeps it.",
        show_default=False,
    ),
]
