"""Why images are stale or failed: those of one reason together, named by their files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING

from kymflow.core.zarr.image_names import told_apart
from kymflow_zarr import TableError

if TYPE_CHECKING:
    from kymflow.core.zarr.kym_dataset import KymDataset


def by_reason(kd: KymDataset, reasons: Mapping[str, Iterable[str]]) -> dict[str, list[str]]:
    """Return the files of images, by the reason that they share.

    Parameters
    ----------
    kd : KymDataset
        Their dataset.
    reasons : mapping of str to iterables of str
        What is said of each image, by its id.
    """
    paths = files_of(kd) if reasons else {}
    found: dict[str, list[str]] = {}
    for image_id, texts in reasons.items():
        reason = "; ".join(texts)
        # The file stands before it; and with its own id in it, each image would have a reason of its own.
        for said in (f" of image {image_id!r} of {kd.ds.path}", f", image {image_id!r}"):
            reason = reason.replace(said, "")
        found.setdefault(reason, []).append(paths.get(image_id, image_id))
    return {reason: sorted(files) for reason, files in found.items()}


def files_of(kd: KymDataset) -> Mapping[str, str]:
    """Return the file of each image that came from one; of none if the table of files is damaged.

    `check` tells of that. What is to be said of images must be said all the same.
    """
    try:
        return told_apart(kd.ds.store.source_files())
    except TableError:
        return {}
