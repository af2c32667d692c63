"""How the sources of a dataset stand: which failed, are gone, are in conflict, or are there twice."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.report import Conflict


@dataclass(frozen=True)
class SourcesStanding:
    """What the last ingest of each folder left to be mended.

    Attributes
    ----------
    failed : dict of str to str
        Why a source could not be ingested, by its absolute path; its image, if there is one, is as before.
    gone : dict of str to str
        Path of the source, by image id, of images whose source was not in its folder any more.
    conflicts : list of Conflict
        Parts that were edited in the dataset and have changed at their source, too.
    duplicates : list of tuple of str
        Absolute paths of sources of the same content, each group sorted.
    """

    failed: dict[str, str] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    duplicates: list[tuple[str, ...]] = field(default_factory=list)


def standing_of(rows: Iterable[SourceRow]) -> SourcesStanding:
    """Return how the sources of these rows stand."""
    rows = list(rows)
    return SourcesStanding(
        {row.path: row.failure for row in rows if row.failure},
        {row.image_id: row.path for row in rows if row.gone_epoch_ns},
        [Conflict(row.image_id, row.relative_path, part) for row in rows for part in row.conflicts],
        [tuple(sorted(row.path for row in group)) for group in duplicates_of(rows)],
    )


def duplicates_of(rows: Iterable[SourceRow]) -> list[list[SourceRow]]:
    """Return groups of rows whose sources have the same content, and are all there."""
    by_content: dict[str, list[SourceRow]] = {}
    for row in rows:
        if row.sha256 and row.ingested_epoch_ns and not row.gone_epoch_ns:
            by_content.setdefault(row.sha256, []).append(row)
    return [group for group in by_content.values() if len(group) > 1]
