"""How people call images: by the name of the file that each came from."""

from __future__ import annotations

from collections.abc import Iterable

from kymflow import KymDataset, KymflowError

IMAGES = "images"


def names_of(kd: KymDataset, image_ids: Iterable[str]) -> dict[str, str]:
    """Return the names of images, by id; the id itself where table ``images`` knows no name."""
    names = {image_id: image_id for image_id in image_ids}
    if not names:
        return names
    try:
        known = kd.load_arrow(IMAGES, columns=["image_id", "file_name"], image_ids=names)
    except (KymflowError, OSError):
        # There is none yet, it is somebody else's table of that name, or the disk is gone: who asks has
        # something to tell all the same.
        return names
    found = zip(known["image_id"].to_pylist(), known["file_name"].to_pylist(), strict=True)
    return names | {image_id: str(name) for image_id, name in found if name}
