"""An acquisition of the desktop program: one TIFF and its sidecars."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import tifffile

from kymflow.core.ingest.desktop import DesktopReader
from kymflow_zarr import SourceImage

HEADER = '''"[General]"\t""
"Name"\t"cap.oir"
"Path"\t"D:/Lab/say ""hi"""
nonsense
"[Dimensions]"\t""
"X Dimension"\t"25, 0.0 - 8.286 [um], 0.331 [um/pixel]"
"T Dimension"\t"1, 0.000 - 4.000 [s], Interval FreeRun"
'''


class Acquired:
    """One TIFF of 8 lines and 5 pixels, with the sidecars that a test gives it."""

    def __init__(self, folder: Path) -> None:
        self.tiff = folder / "cap.tif"
        (folder / "flow-analysis").mkdir()
        tifffile.imwrite(self.tiff, np.arange(40, dtype=np.uint16).reshape(8, 5))

    def json(self, content: object) -> Acquired:
        return self.text(".json", json.dumps(content))

    def analysis(self, suffix: str, content: object) -> Acquired:
        return self.text(suffix, json.dumps(content), "flow-analysis")

    def text(self, suffix: str, content: str, folder: str = ".") -> Acquired:
        (self.tiff.parent / folder / f"{self.tiff.stem}{suffix}").write_text(content, "utf-8")
        return self

    def trace(self, rows: list[dict[str, Any]], suffix: str = "_radon.csv") -> Acquired:
        return self.text(suffix, pd.DataFrame(rows).to_csv(index=False), "flow-analysis")

    def read(self) -> SourceImage:
        return DesktopReader().read(self.tiff)


def roi(roi_id: int, **meta: float) -> dict[str, Any]:
    return {"roi_id": roi_id, "meta": meta}


def event(i_start: int | None = 0, kind: str = "baseline_drop", **more: Any) -> dict[str, Any]:
    return {"event_type": kind, "i_start": i_start, "i_peak": i_start, "t_start": 0.5, "t_end": None, **more}


def samples(*velocities: float, roi_id: int = 1, channel: int = 1) -> list[dict[str, Any]]:
    return [
        {"roi_id": roi_id, "channel": channel, "time": float(i), "velocity": velocity}
        for i, velocity in enumerate(velocities)
    ]
