"""A small dataset made of a simulated lab folder, whole or damaged."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from kymflow.core.ingest.desktop import DesktopReader
from kymflow.core.plugins.registry import IndexerRegistry
from kymflow.core.zarr.kym_dataset import KymDataset
from kymflow.testing.damage import KINDS, Damage, damage_artifact
from kymflow.testing.lab import simulate_folder
from kymflow_zarr import is_dataset
from kymflow_zarr.errors import DatasetError


def make_lab(
    path: str | os.PathLike[str],
    n_images: int = 3,
    seed: int = 0,
    *,
    n_lines: int = 400,
    n_pixels: int = 16,
    damage: Sequence[Damage] = (),
    folder: str | os.PathLike[str] | None = None,
    registry: IndexerRegistry | None = None,
) -> KymDataset:
    """Make a dataset of simulated kymographs, as an ingest of a lab's folder makes it.

    Its records have pixels and the artifacts ``metadata`` and, where the image is analysed,
    ``radon`` (the velocity trace), ``radon/params``, ``velocity_events`` and ``radon_report``.
    Every second image has events; the last of three or more is not analysed. There are no tables yet.

    Parameters
    ----------
    path : path
        Where the dataset goes. There must not be one yet.
    n_images : int
        How many line scans.
    seed : int
        The same seed gives the same pixels and artifacts; image ids are new each time.
    n_lines, n_pixels : int
        Shape of each image (time x space), at 1 ms per line and 0.3 um/pixel.
    damage : sequence of {"missing", "empty", "malformed"}
        The first of them befalls all artifacts of the first image (by file name), the next those
        of the second, and so on: deleted; tables without rows and JSON without members; cut off.
    folder : path, optional
        Where the kymographs themselves go. By default they are not kept.
    registry : IndexerRegistry, optional
        Indexers of the dataset; by default an empty registry, so that no installed plugin matters.

    Returns
    -------
    KymDataset
        Open for reading and writing.

    Raises
    ------
    DatasetError
        There is a dataset at `path` already.
    ValueError
        An unknown kind of damage, or more of them than images.

    Examples
    --------
    >>> from kymflow.testing import make_lab
    >>> from kymflow_indexers_builtin import VelocityEventsIndexer
    >>> kd = make_lab("memory://small-lab", n_images=3)
    >>> events = kd.rebuild(VelocityEventsIndexer())
    >>> events[["t0_s", "kind"]]
       t0_s           kind
    0  0.16  baseline_drop
    1  0.24  baseline_rise
    """
    unknown = sorted(set(damage) - set(KINDS))
    if unknown:
        raise ValueError(f"damage must be some of {', '.join(KINDS)}, got {unknown[0]!r}")
    if len(damage) > n_images:
        raise ValueError(f"{len(damage)} kinds of damage need as many images, got n_images={n_images}")
    if is_dataset(path):
        raise DatasetError(
            f"there is a dataset at {os.fspath(path)} already; give make_lab a path of its own",
            dataset=os.fspath(path),
        )
    registry = registry if registry is not None else IndexerRegistry(())
    kd = KymDataset(path, mode="a", registry=registry)
    if folder is not None:
        _ingest(kd, Path(folder), n_images, seed, n_lines, n_pixels)
    else:
        with tempfile.TemporaryDirectory(prefix="kymflow-lab-") as temporary:
            _ingest(kd, Path(temporary), n_images, seed, n_lines, n_pixels)
    for image_id, kind in zip(image_ids_by_file(kd), damage, strict=False):
        for key in kd.ds.record(image_id).list_analysis_keys():
            damage_artifact(kd.ds.store, key, kind)
    return kd


def _ingest(kd: KymDataset, folder: Path, n_images: int, seed: int, n_lines: int, n_pixels: int) -> None:
    simulate_folder(folder, n_images, seed=seed, n_lines=n_lines, n_pixels=n_pixels)
    kd.ds.sync_from_folder(folder, reader=DesktopReader())


def image_ids_by_file(kd: KymDataset) -> list[str]:
    """Return the ids of the images that came from a folder, in the order of their files' names."""
    sources = kd.ds.load_sources_index().sort_values("source_rel_path")
    return [str(image_id) for image_id in sources["image_id"]]
