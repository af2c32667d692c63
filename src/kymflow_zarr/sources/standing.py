"""How the sources of a dataset stand: which failed, are gone, are in conflict, or are there twice."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any

import pandas as pd

from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.report import Conflict, conflicts_of, duplicates_among
from kymflow_zarr.summary import Details, Summarised, Summary


@dataclass(frozen=True, repr=False)
class SourcesStanding(Summarised):
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
    excluded : list of str
        Absolute paths of sources that are not ingested, as their images were deleted for good, sorted.
    """

    failed: dict[str, str] = field(default_factory=dict)
    gone: dict[str, str] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    duplicates: list[tuple[str, ...]] = field(default_factory=list)
    excluded: list[str] = field(default_factory=list)

    def _summary(self) -> Summary:
        values = {part.title: len(part.rows) for part in self.details()}
        return Summary("SourcesStanding", values, self.details())

    def details(self) -> list[Details]:
        """Return what a summary says of it."""
        return [
            Details("source failed", ("source", "cause"), list(self.failed.items())),
            Details("source gone", ("source", "image"), [(path, one) for one, path in self.gone.items()]),
            conflicts_of(self.conflicts),
            duplicates_among(self.duplicates),
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``status --json`` documents."""
        return {
            "failed": [{"source": path, "error": reason} for path, reason in self.failed.items()],
            "gone": [{"image_id": image_id, "source": path} for image_id, path in self.gone.items()],
            "conflicts": [asdict(conflict) for conflict in self.conflicts],
            "duplicates": [list(group) for group in self.duplicates],
            "excluded": self.excluded,
        }


def standing_of(sources: pd.DataFrame) -> SourcesStanding:
    """Return how the sources of a dataset stand, from its sources table."""
    failed = sources[sources["failure"] != ""]
    gone = sources[sources["gone_epoch_ns"] > 0]
    in_conflict = sources[sources["conflicts"] != "{}"]
    there = sources[(sources["gone_epoch_ns"] == 0) & (sources["ingested_epoch_ns"] > 0)]
    twice = there[(there["source_sha256"] != "") & there["source_sha256"].duplicated(keep=False)]
    return SourcesStanding(
        dict(zip(failed["source_primary_path"], failed["failure"], strict=True)),
        dict(zip(gone["image_id"], gone["source_primary_path"], strict=True)),
        [
            Conflict(image_id, source, part)
            for image_id, source, parts in zip(
                in_conflict["image_id"], in_conflict["source_rel_path"], in_conflict["conflicts"], strict=True
            )
            for part in json.loads(parts)
        ],
        [tuple(sorted(group)) for _, group in twice.groupby("source_sha256")["source_primary_path"]],
        sorted(sources.loc[sources["excluded_epoch_ns"] > 0, "source_primary_path"]),
    )


def duplicates_of(rows: Iterable[SourceRow]) -> list[list[SourceRow]]:
    """Return groups of rows whose sources have the same content, and are all there."""
    by_content: dict[str, list[SourceRow]] = {}
    for row in rows:
        if row.sha256 and row.ingested_epoch_ns and not row.gone_epoch_ns:
            by_content.setdefault(row.sha256, []).append(row)
    return [group for group in by_content.values() if len(group) > 1]
