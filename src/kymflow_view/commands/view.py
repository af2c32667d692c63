"""``kymflow view``: a dataset in the browser, served by this program while it runs."""

from __future__ import annotations

from typing import Annotated

import typer

PORT = 8765


def view(
    dataset: Annotated[str, typer.Argument(help="Path or URL.", show_default=False)],
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the link, and open no browser.")
    ] = False,
    port: Annotated[
        int | None,
        typer.Option(
            min=1024,
            max=65535,
            help=f"Where to serve. Default: {PORT}, or the next that is free.",
            show_default=False,
        ),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Offer nothing that writes to the dataset.")
    ] = False,
) -> None:
    """Look at a dataset in the browser: images, tables, plots, status. Only this machine can reach it."""
    # `kymflow --help` imports this module, and must answer at once.
    from kymflow_view.server.running import leave, serve

    serve(dataset, port, read_only=read_only, open_browser=not no_browser)
    leave()
    # After Ctrl-C, too: the code says that it was the way to end it.
    raise typer.Exit
