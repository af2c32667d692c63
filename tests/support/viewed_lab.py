"""A dataset to look at: experiments, hostile names, an image without calibration, one that failed."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import tifffile

from kymflow import IndexerRegistry, KymDataset
from kymflow.testing import simulate_folder
from kymflow_indexers_builtin import ImagesIndexer, RadonReportIndexer, VelocityEventsIndexer

# As hostile as a name of a file can be on every system; other texts can be worse.
HOSTILE = "$x_1$ & 'b'^{2} %s.tif"
SCRIPT = "<script>alert(1)</script>"
CONDITIONS = ("control", f'{SCRIPT} "$x_1$"', "")


def make_viewed_lab(folder: Path, n_images: int = 6) -> KymDataset:
    """Ingest a simulated folder with conditions, an image of a hostile name, and a source that is no TIFF."""
    source = folder / "kymographs"
    for number, image in enumerate(simulate_folder(source, n_images, n_lines=600, n_pixels=12)):
        sidecar = image.tiff.with_suffix(".json")
        content = json.loads(sidecar.read_text("utf-8"))
        content["experiment_metadata"].update(condition=CONDITIONS[number % 3], date=f"2026-01-0{number % 9}")
        sidecar.write_text(json.dumps(content), "utf-8")
    tifffile.imwrite(source / HOSTILE, np.arange(60, dtype=np.uint16).reshape(20, 3))
    (source / "broken.tif").write_bytes(b"no TIFF")
    registry = IndexerRegistry(())
    for indexer in (ImagesIndexer(), RadonReportIndexer(), VelocityEventsIndexer()):
        registry.register(indexer)
    kd = KymDataset(folder / "lab.zarr", mode="a", registry=registry)
    kd.ingest_folder(source)
    return kd
