"""A plugin in one module: the longest time without a velocity, for each ROI. plugin_author.py tries it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kymflow import ArtifactNotFoundError, Column, RecordIndexer, ZarrImageRecord, hookimpl


class LongestGapIndexer(RecordIndexer):
    """The longest time without a velocity, for each ROI and channel; 0 where none is missing."""

    name = "longest_gap"
    columns = (
        Column("roi_id", "int", description="ROI of the line scan"),
        Column("channel", "int", description="Channel of the line scan"),
        Column("gap_s", "float", "s", "Longest time without a velocity"),
    )
    reads = ("radon.parquet",)

    def rows(self, rec: ZarrImageRecord) -> Iterator[Mapping[str, Any]]:
        """Yield a row for each velocity trace; none for an image that was not analysed."""
        try:
            trace = rec.load_df_parquet("radon")
        except ArtifactNotFoundError:
            return
        for (roi_id, channel), samples in trace.sort_values("time").groupby(["roi_id", "channel"]):
            # A run of missing samples counts up from the velocity before it, the first one from the start.
            missing = samples["velocity"].isna()
            longest = missing.groupby((~missing).cumsum()).sum().max()
            seconds_per_sample = samples["time"].diff().median()
            yield {"roi_id": roi_id, "channel": channel, "gap_s": longest * seconds_per_sample}


@hookimpl
def kymflow_indexers() -> list[LongestGapIndexer]:
    """Return what this plugin offers; its distribution names the module under `kymflow.indexers`."""
    return [LongestGapIndexer()]
