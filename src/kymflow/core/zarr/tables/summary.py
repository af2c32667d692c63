"""A dataset in a few lines: where it is, its images, its tables and what made them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from kymflow.core.zarr.tables.info import describe_table
from kymflow_zarr.errors import KymflowError
from kymflow_zarr.summary import Details, Summary

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset


def summary_of(ds: ZarrDataset) -> Summary:
    """Return what there is to say of a dataset without reading a row; what cannot be read is said, too."""
    values: dict[str, object] = {"path": ds.path, "mode": ds.mode, "format": f"Zarr v{ds.zarr_format}"}
    try:
        values["images"] = len(ds.list_image_ids())
        names = ds.list_table_names()
    except KymflowError as error:
        return Summary("KymDataset", {**values, "problem": error})
    rows = [_row(ds, name) for name in names]
    values["tables"] = len(names)
    tables = Details("table", ("table", "rows", "columns", "made by"), rows, whole=True)
    return Summary("KymDataset", values, [tables])


def _row(ds: ZarrDataset, name: str) -> tuple[object, ...]:
    try:
        info = describe_table(ds, name)
    except KymflowError as error:
        return name, "", "", error
    return name, info.rows, len(info.columns), info.made_by
