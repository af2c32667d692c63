"""The commands: their names, arguments and help. What they do is in the modules beside this one."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

# Nothing heavier than typer may be imported here: `kymflow --help` must answer at once.
from kymflow.cli.arguments import Dataset, Json, Set
from kymflow.cli.failures import one_line_failures
from kymflow.cli.plugged import Commands
from kymflow.cli.row_commands import export, images, show

app = typer.Typer(
    name="kymflow",
    cls=Commands,
    help="Dataset-level tables from line-scan kymographs.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

Indexers = Annotated[
    list[str] | None,
    typer.Option("--indexer", help="Only this indexer; may be given several times.", show_default=False),
]

Workers = Annotated[int, typer.Option("--workers", min=1, help="Extract in so many processes.")]
Dask = Annotated[
    str | None,
    typer.Option("--dask", metavar="ADDRESS", help="Extract on the Dask cluster there.", show_default=False),
]


def _version(wanted: bool) -> None:
    if wanted:
        from kymflow import __version__

        print(f"kymflow {__version__}", flush=True)
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Dataset-level tables from line-scan kymographs."""


@app.command()
@one_line_failures
def demo(
    directory: Annotated[Path, typer.Argument(help="Made if absent; must be empty.")] = Path("kymflow-demo"),
    json: Json = False,
) -> None:
    """Simulate a lab folder, ingest it, edit one image, update its rows."""
    from kymflow.cli.demo import run_demo

    run_demo(directory, as_json=json)


@app.command()
@one_line_failures
def ingest(
    dataset: Annotated[str, typer.Argument(help="Path or URL; made if absent.", show_default=False)],
    # As a text: Path("") would be the present folder.
    folder: Annotated[
        str, typer.Argument(metavar="FOLDER", help="Folder of kymographs.", show_default=False)
    ],
    pattern: Annotated[
        str | None, typer.Option(help='Only images of these names, such as "cap*.tif".', show_default=False)
    ] = None,
    overwrite: Annotated[
        bool, typer.Option("--overwrite", help="Replace even artifacts that were edited in the dataset.")
    ] = False,
    new_only: Annotated[
        bool, typer.Option("--new-only", help="Do not look whether known files have changed.")
    ] = False,
    verify: Annotated[
        bool, typer.Option("--verify", help="Read all files again, and the pixels that came of them.")
    ] = False,
    include_excluded: Annotated[
        bool,
        typer.Option("--include-excluded", help="Take in again what delete --exclude has excluded."),
    ] = False,
    set: Set = None,
    workers: Workers = 1,
    dask: Dask = None,
    json: Json = False,
) -> None:
    """Take in a folder's new and changed kymographs, and update all tables."""
    from kymflow.cli.ingest import run_ingest
    from kymflow.cli.workers import executor_of

    with executor_of(workers, dask) as executor:
        run_ingest(
            dataset,
            folder,
            pattern,
            overwrite=overwrite,
            new_only=new_only,
            verify=verify,
            include_excluded=include_excluded,
            settings=set,
            executor=executor,
            as_json=json,
        )


@app.command()
@one_line_failures
def indexers(
    verbose: Annotated[
        bool, typer.Option("--verbose", "-v", help="Also the columns, and the whole errors.")
    ] = False,
    json: Json = False,
) -> None:
    """List the installed indexers, and the plugins that are broken and why."""
    from kymflow.cli.indexers import list_indexers

    list_indexers(verbose=verbose, as_json=json)


@app.command()
@one_line_failures
def readers(json: Json = False) -> None:
    """List the readers of source files, and those of plugins that are broken and why."""
    from kymflow.cli.readers import print_readers

    print_readers(as_json=json)


@app.command()
@one_line_failures
def new_indexer(
    name: Annotated[str, typer.Argument(help="What its table is about, in a few words.", show_default=False)],
    directory: Annotated[
        Path | None,
        typer.Option(help="Made if absent; must be empty. Default: by its name, here.", show_default=False),
    ] = None,
    kymflow: Annotated[
        str | None,
        typer.Option(
            metavar="URL|PATH", help="Repository or wheel that it installs kymflow from.", show_default=False
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Write the project of a new plugin: an indexer with its tests, ready to be installed."""
    from kymflow.cli.new_indexer import run_new_indexer

    run_new_indexer(name, directory, kymflow, as_json=json)


@app.command()
@one_line_failures
def check_indexer(
    names: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="NAME", help="Of indexers; all that are registered by default.", show_default=False
        ),
    ] = None,
    dataset: Annotated[
        str | None,
        typer.Option(
            help="Check on copies of this dataset's records.", metavar="DATASET", show_default=False
        ),
    ] = None,
    thorough: Annotated[
        bool, typer.Option("--thorough", help="Also make the checks that take longest.")
    ] = False,
    json: Json = False,
) -> None:
    """Check that indexers keep to their contract, on a simulated lab or on copies of real records."""
    from kymflow.cli.check_indexer import run_check_indexer

    run_check_indexer(names, dataset, thorough=thorough, as_json=json)


@app.command()
@one_line_failures
def rebuild(
    dataset: Dataset,
    indexer: Indexers = None,
    set: Set = None,
    workers: Workers = 1,
    dask: Dask = None,
    json: Json = False,
) -> None:
    """Rebuild all registered tables, or those of some indexers, from all images."""
    from kymflow.cli.update import run_rebuild
    from kymflow.cli.workers import executor_of

    with executor_of(workers, dask) as executor:
        run_rebuild(dataset, indexer, settings=set, executor=executor, as_json=json)


@app.command()
@one_line_failures
def update(
    dataset: Dataset,
    images: Annotated[
        list[str],
        typer.Argument(metavar="IMAGE...", help="File names, paths, or starts of ids.", show_default=False),
    ],
    indexer: Indexers = None,
    set: Set = None,
    workers: Workers = 1,
    dask: Dask = None,
    json: Json = False,
) -> None:
    """Update the rows of some images in all registered tables."""
    from kymflow.cli.datasets import explain_order
    from kymflow.cli.update import run_update
    from kymflow.cli.workers import executor_of

    explain_order("update", dataset, images)
    with executor_of(workers, dask) as executor:
        run_update(dataset, images, indexer, settings=set, executor=executor, as_json=json)


@app.command()
@one_line_failures
def delete(
    dataset: Dataset,
    images: Annotated[
        list[str] | None,
        typer.Argument(metavar="IMAGE...", help="File names, paths or ids.", show_default=False),
    ] = None,
    missing: Annotated[
        bool, typer.Option("--missing", help="Delete all images whose source file is gone from its folder.")
    ] = False,
    exclude: Annotated[
        bool, typer.Option("--exclude", help="Never take their source files in again.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    json: Json = False,
) -> None:
    """Delete images, and their rows from all tables; source files stay."""
    from kymflow.cli.datasets import explain_order
    from kymflow.cli.delete import run_delete

    explain_order("delete", dataset, images or [])
    run_delete(dataset, images or [], missing=missing, exclude=exclude, yes=yes, as_json=json)


@app.command()
@one_line_failures
def refresh(
    dataset: Dataset,
    indexer: Indexers = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only say what would be done, image by image, and why.")
    ] = False,
    changed_code: Annotated[
        bool, typer.Option("--changed-code", help="Make tables anew that other code of their indexer made.")
    ] = False,
    set: Set = None,
    workers: Workers = 1,
    dask: Dask = None,
    json: Json = False,
) -> None:
    """Update the rows of all images that have changed since, in all registered tables."""
    from kymflow.cli.refresh import run_refresh, show_plan
    from kymflow.cli.workers import executor_of

    if dry_run:
        show_plan(dataset, indexer, changed_code=changed_code, settings=set, as_json=json)
        return
    with executor_of(workers, dask) as executor:
        run_refresh(
            dataset, indexer, changed_code=changed_code, settings=set, executor=executor, as_json=json
        )


@app.command()
@one_line_failures
def status(dataset: Dataset, json: Json = False) -> None:
    """Say how every table stands, which images are not analysed, and which sources are to be mended."""
    from kymflow.cli.status import show_status

    show_status(dataset, as_json=json)


@app.command()
@one_line_failures
def check(
    dataset: Dataset,
    repair: Annotated[
        bool, typer.Option("--repair", help="Rebuild tables that are wrong; delete what crashes left.")
    ] = False,
    json: Json = False,
) -> None:
    """Verify every table against its records; reads everything, trusts nothing."""
    from kymflow.cli.check import run_check

    run_check(dataset, repair=repair, as_json=json)


@app.command()
@one_line_failures
def upgrade(dataset: Dataset, json: Json = False) -> None:
    """Add OME-NGFF attributes to images of earlier versions, so that napari and others open them."""
    from kymflow.cli.upgrade import run_upgrade

    run_upgrade(dataset, as_json=json)


for command in (show, images, export):
    app.command()(command)
