"""Folders of TIFF files with JSON sidecars."""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import tifffile

from kymflow_zarr import ZarrDataset

REINGEST = "reingest_if_changed"


def pixels(seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(1, 4000, (6, 5)).astype(np.uint16)


def write_tiff(path: Path, seed: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, pixels(seed))
    return path


def write_json(path: Path, obj: object) -> None:
    path.write_text(json.dumps(obj))


def settle(folder: Path, seconds: float = 60) -> None:
    """Make all files look as old as they are on every other day."""
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink():
            then = path.stat().st_mtime_ns - int(seconds * 1e9)
            os.utime(path, ns=(then, then))


def id_of(dataset: ZarrDataset, name: str) -> str:
    index = dataset.load_sources_index()
    (image_id,) = index.loc[index["source_rel_path"] == name, "image_id"]
    return image_id
