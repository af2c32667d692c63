"""Records as earlier versions of kymflow left them: without calibration, without anything of NGFF."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from kymflow import KymDataset, ZarrDataset, ZarrImageRecord
from kymflow_zarr.formats.groups import write_group
from kymflow_zarr.store.attributes import CALIBRATION_ATTRS

from .edited_lab import builtin_registry
from .simple_indexers import add_image

S_PER_LINE, UM_PER_PIXEL = 0.0011699666666666665, 0.284


def payload(*sizes: object, units: object = ("s", "um")) -> dict[str, object]:
    """A metadata payload whose header tells these sizes of a pixel, along y and x."""
    return {"version": "2.0", "header": {"voxels": list(sizes), "voxels_units": units}, "rois": []}


def forget(ds: ZarrDataset, image_id: str) -> None:
    """Take from a record what earlier versions did not write."""
    record = ds.record(image_id)
    attrs = {name: value for name, value in record.get_attrs().items() if name not in CALIBRATION_ATTRS}
    write_group(ds.store, f"images/{image_id}", attrs, ds.zarr_format)
    if ds.zarr_format == 2:
        # They wrote arrays without attributes.
        ds.store.delete(f"images/{image_id}/data/.zattrs")


def earlier_lab(path: Path, zarr_format: int) -> KymDataset:
    """Three images: ``a`` with a header and artifacts, ``b`` with a header only, ``c`` bare."""
    kd = KymDataset(ZarrDataset(path, zarr_format=zarr_format), registry=builtin_registry())  # type: ignore[arg-type]
    for image_id in "abc":
        add_image(kd, image_id)
        forget(kd.ds, image_id)
    for image_id in "ab":
        kd.ds.record(image_id).save_metadata_payload(payload(S_PER_LINE, UM_PER_PIXEL))
    events = pd.DataFrame({"roi_id": [1], "event_id": ["e1"], "t0_s": [0.5], "kind": "stall"})
    kd.ds.record("a").save_df_parquet("velocity_events", events)
    kd.ds.record("a").save_json("radon_report", {"mean_velocity": 1.5})
    return kd


class PixelIndexer:
    """Reads all that there is to read of pixels, but the calibration."""

    name = table_name = "pixels"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        """One row."""
        bounds, array = rec.get_image_bounds(), rec.load_array()
        return pd.DataFrame(
            {"axes": ["".join(rec.get_axes() or "")], "width": [bounds["width"]], "sum": [int(array.sum())]}
        )


class CalibrationIndexer:
    """Reads the calibration."""

    name = table_name = "calibration"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        """One row."""
        scale, units = rec.get_calibration()
        return pd.DataFrame({"y": [scale[0]], "x": [scale[1]], "units": [" ".join(map(str, units))]})
