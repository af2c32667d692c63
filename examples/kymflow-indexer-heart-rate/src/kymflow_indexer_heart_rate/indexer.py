"""The heart-rate indexer: one row per velocity trace of a record."""

from __future__ import annotations

import pandas as pd
from kymflow import ArtifactError, ArtifactNotFoundError, Column, ZarrImageRecord

from kymflow_indexer_heart_rate.spectrum import heart_rate

TRACE = "radon"
_NEEDED = ("roi_id", "channel", "time", "velocity")


class HeartRateIndexer:
    """Heart rate of every ROI, from the spectrum of its velocity trace."""

    name = "heart_rate"
    table_name = "heart_rate"
    schema_version = "1"
    columns = (
        Column("roi_id", "int", description="ROI of the line scan"),
        Column("channel", "int", description="Channel of the line scan"),
        Column("heart_rate_bpm", "float", "beats/min", "Heart rate; missing where problem says why"),
        Column("peak_power", "float", "", "Share of the variance at the strongest peak, 0 to 1"),
        Column("snr", "float", "", "Power at that peak / mean power near it"),
        Column("n_valid", "int", description="Samples with a time and a velocity"),
        Column("duration_s", "float", "s", "From the first to the last of them"),
        Column("problem", "str", description="Why there is no heart rate; missing where there is one"),
    )

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        """Return a row per ROI and channel of the artifact ``radon``, in their order; none without it.

        Parameters
        ----------
        rec : ZarrImageRecord
            One image. Its artifact ``radon`` has the columns roi_id and channel (int), time (s) and
            velocity (mm/s; NaN where none was found), a row per sample.

        Returns
        -------
        DataFrame
            The declared columns; see :func:`~kymflow_indexer_heart_rate.heart_rate`.

        Raises
        ------
        ArtifactError
            The artifact is damaged, or lacks one of these columns.
        """
        try:
            trace = rec.load_df_parquet(TRACE)
        except ArtifactNotFoundError:
            return pd.DataFrame()
        for name in _NEEDED:
            if name not in trace.columns:
                raise ArtifactError(
                    f"artifact '{TRACE}.parquet' of image {rec.image_id!r} has no column {name!r}; it has "
                    f"{list(trace.columns)}. Save the trace with the columns {', '.join(_NEEDED)}.",
                    image_id=rec.image_id,
                    artifact=TRACE,
                    column=name,
                )
        rows = [
            {"roi_id": roi_id, "channel": channel, **vars(heart_rate(samples["time"], samples["velocity"]))}
            for (roi_id, channel), samples in trace.groupby(["roi_id", "channel"], dropna=False)
        ]
        return pd.DataFrame(rows)
