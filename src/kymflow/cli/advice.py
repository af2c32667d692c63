"""What an error says at a shell: what is wrong, as everywhere, and what to do as a command, not as Python."""

from __future__ import annotations

from kymflow.cli.hints import call, here, with_pip
from kymflow.errors import UnknownIndexerError
from kymflow_zarr.errors import (
    DatasetNotFoundError,
    InstallationError,
    KymflowError,
    RecordNotFoundError,
    TableError,
)
from kymflow_zarr.layout import SOURCES_TABLE


def at_shell(error: KymflowError | OSError) -> str:
    """Return the words of an error for somebody who has typed a command."""
    if not isinstance(error, KymflowError):
        return str(error)
    advice = _advice(error)
    message = with_pip(error.message) if isinstance(error, InstallationError) else error.message
    if error.dataset:
        message = message.replace(error.dataset, here(error.dataset))
    return f"{message} {advice}" if advice else message


def _advice(error: KymflowError) -> str:
    """Return the command that does what the error advises in Python; empty if there is none."""
    if not error.advice:
        return ""
    if isinstance(error, UnknownIndexerError):
        return f"`{call('indexers')}` tells more of them."
    if isinstance(error, DatasetNotFoundError) and error.dataset:
        return f"`{call('ingest', error.dataset, 'FOLDER')}` makes one."
    if isinstance(error, RecordNotFoundError) and error.dataset:
        return f"`{call('images', error.dataset)}` lists those that there are."
    if isinstance(error, TableError) and error.dataset:
        repair = call("check", error.dataset, "--repair")
        if error.table_name == SOURCES_TABLE:
            # All but the call holds here as it does in Python.
            return error.advice.replace("check(repair=True)", f"`{repair}`")
        return f"`{repair}` rebuilds it if an installed indexer makes it."
    return ""
