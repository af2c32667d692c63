"""The velocity trace and the velocity events of a kymograph."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pandas as pd

from kymflow.core.ingest.acqstore_sidecars import VELOCITY_UNIT
from kymflow.core.kymographs.rois import metadata_of
from kymflow.core.zarr.indexers.artifact import ArtifactIndexer
from kymflow.core.zarr.indexers.columns import Column
from kymflow_zarr.errors import ColumnError

if TYPE_CHECKING:
    from kymflow_zarr import ZarrImageRecord


class _Trace(ArtifactIndexer):
    """The trace in whichever form it was stored."""

    name = "radon"
    columns = (
        Column("roi_id", "int"),
        Column("channel", "int"),
        Column("time", "float", "s"),
        Column("velocity", "float"),
    )


class _Events(ArtifactIndexer):
    """The events in whichever form they were stored."""

    name = "velocity_events"
    columns = (
        Column("roi_id", "int"),
        Column("event_id", "str"),
        Column("t0_s", "float", "s"),
        Column("t1_s", "float", "s"),
        Column("kind", "str"),
        Column("score", "float"),
    )


def get_velocity_trace(record: ZarrImageRecord, roi_id: int | None = None) -> pd.DataFrame:
    """Return the velocity of a kymograph over time: artifact ``radon``, a row for each sample.

    Parameters
    ----------
    record : ZarrImageRecord
        The image.
    roi_id : int, optional
        Only of this ROI.

    Returns
    -------
    DataFrame
        Columns roi_id, channel (int); time (s from the first line); velocity (in velocity_unit; NaN where
        none was found); whatever else the analysis has stored; velocity_unit (str: mm/s, but um/s in images
        of AcqStore's). Empty, with these columns, where the image was not analysed or has no such ROI.

    Raises
    ------
    RecordNotFoundError
        There is no such image.
    ArtifactError, ColumnError
        The artifact is damaged, or a value in these columns is no number.

    Examples
    --------
    >>> import pandas as pd
    >>> from kymflow import ZarrDataset, get_velocity_trace
    >>> record = ZarrDataset("memory://traces").add_image([[0, 1], [2, 3]])
    >>> len(get_velocity_trace(record))
    0
    >>> trace = pd.DataFrame({"roi_id": 1, "channel": 1, "time": [0.0, 0.1], "velocity": [1.5, 1.25]})
    >>> key = record.save_df_parquet("radon", trace)
    >>> get_velocity_trace(record, roi_id=1)
       roi_id  channel  time  velocity velocity_unit
    0       1        1   0.0      1.50          mm/s
    1       1        1   0.1      1.25          mm/s
    """
    unit = VELOCITY_UNIT if "acqstore_version" in metadata_of(record) else "mm/s"
    trace = _rows(record, _Trace(), roi_id)
    return trace.assign(velocity_unit=pd.Series(unit, index=trace.index, dtype="str"))


def get_velocity_events(record: ZarrImageRecord, roi_id: int | None = None) -> pd.DataFrame:
    """Return the velocity events of a kymograph as they are in its record, a row each.

    The table ``velocity_events`` has the same rows of all images, as they were at the last refresh.

    Parameters
    ----------
    record : ZarrImageRecord
        The image.
    roi_id : int, optional
        Only of this ROI.

    Returns
    -------
    DataFrame
        Columns roi_id (int); event_id (str); t0_s, t1_s (s from the first line; t1_s is missing where only
        the start was found); kind (str); score (change of velocity at the peak, in the unit of the trace);
        then whatever else the detector has stored. Empty, with these columns, where no events were
        looked for.

    Raises
    ------
    RecordNotFoundError
        There is no such image.
    ArtifactError, ColumnError
        The artifact is damaged, or a value does not fit its column.

    Examples
    --------
    >>> from kymflow import ZarrDataset, get_velocity_events
    >>> record = ZarrDataset("memory://events").add_image([[0, 1], [2, 3]])
    >>> key = record.save_json("velocity_events", [{"roi_id": 1, "t0_s": 0.5, "kind": "stall"}])
    >>> get_velocity_events(record)[["roi_id", "t0_s", "kind"]]
       roi_id  t0_s   kind
    0       1   0.5  stall
    """
    return _rows(record, _Events(), roi_id)


def _rows(record: ZarrImageRecord, indexer: ArtifactIndexer, roi_id: int | None) -> pd.DataFrame:
    try:
        rows = indexer.read_rows(record)
    except ColumnError as error:
        raise ColumnError(
            f"artifact {indexer.artifact!r} of {record!r}: {error}",
            image_id=record.image_id,
            artifact=indexer.artifact,
            column=error.column,
        ) from error
    if not rows.num_rows and not record.exists():
        record.get_attrs()
    frame: pd.DataFrame = rows.to_pandas()
    return frame if roi_id is None else frame[frame["roi_id"] == roi_id].reset_index(drop=True)
