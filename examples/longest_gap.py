"""A plugin in one module: the longest time without a velocity, for each ROI. plugin_author.py tries it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from kymflow import ArtifactNotFoundError, Column, RecordIndexer, ZarrImageRecord, hookimpl


class LongestGapIndexer(RecordIndexer):
    """The longest time without a velocity, for each ROI."""

    name = "longest_gap"
    columns = (
        Column("roi_id", "int", description="ROI of the line scan"),
        Column("gap_s", "float", "s", "Longest time without a velocity"),
    )
    reads = ("radon.parquet",)

    def rows(self, rec: ZarrImageRecord) -> Iterator[Mapping[str, Any]]:
        """Yield a row for each ROI of the velocity trace; none for an image that was not analysed."""
        try:
            trace = rec.load_df_parquet("radon")
        except ArtifactNotFoundError:
            return
        for roi_id, of_roi in trace.dropna(subset=["velocity"]).groupby("roi_id"):
            yield {"roi_id": roi_id, "gap_s": of_roi["time"].diff().max()}


@hookimpl
def kymflow_indexers() -> list[LongestGapIndexer]:
    """Return what this plugin offers; its distribution names the module under `kymflow.indexers`."""
    return [LongestGapIndexer()]
