"""What is said of source files: which failed, are gone, in conflict or there twice."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from kymflow_zarr.sources.standing import SourcesStanding


def print_failed_sources(sources: SourcesStanding) -> None:
    """Print each source that could not be ingested."""
    for path, reason in sources.failed.items():
        print(f"failed source: {path}: {reason}")


def print_odd_sources(sources: SourcesStanding) -> None:
    """Print what is no failure, but should be known."""
    for image_id, path in sources.gone.items():
        print(f"gone: {path}, from which image {image_id} was made, was not in its folder any more")
    for conflict in sources.conflicts:
        print(
            f"conflict: {conflict.part} of image {conflict.image_id} was edited in the dataset and has "
            f"changed in {conflict.source}, too; ingest with --overwrite takes the folder's"
        )
    for group in sources.duplicates:
        print(f"twice: {', '.join(group)} have the same content; each is an image of its own")
