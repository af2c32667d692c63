"""What is said of source files: which failed, are gone, in conflict, there twice, or excluded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kymflow.cli.hints import here
from kymflow.cli.lines import print_line

if TYPE_CHECKING:
    from kymflow_zarr.sources.standing import SourcesStanding

N_TWICE = 3


def print_failed_sources(sources: SourcesStanding) -> None:
    """Print each source that could not be ingested."""
    for path, reason in sources.failed.items():
        print_line(f"failed source: {here(path)}: {reason}")


def print_odd_sources(sources: SourcesStanding) -> None:
    """Print what is no failure, but should be known."""
    for path in sources.gone.values():
        print_line(f"gone: {here(path)} is not in its folder any more; its image stays")
    for conflict in sources.conflicts:
        print_line(
            f"conflict: {conflict.part} of image {conflict.image_id} was edited in the dataset and has "
            f"changed in {conflict.source}, too; ingest with --overwrite takes the folder's"
        )
    print_twice(sources.duplicates)


def print_twice(groups: Sequence[Sequence[str]]) -> None:
    """Print which files have the same content: a few, as a whole folder may be there twice."""
    for group in groups[:N_TWICE]:
        print_line(f"twice: {', '.join(map(here, group))} have the same content; each is an image of its own")
    if len(groups) > N_TWICE:
        print_line(f"twice: {len(groups) - N_TWICE} more; --json names them")


def print_excluded(sources: SourcesStanding) -> None:
    """Print how many sources no ingest takes in, as their images were deleted for good."""
    n = len(sources.excluded)
    if n:
        files = "1 source file" if n == 1 else f"{n} source files"
        print_line(f"excluded: {files}, {here(sources.excluded[0])}{' for one' if n > 1 else ''}")
