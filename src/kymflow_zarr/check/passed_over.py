"""What counts as no image, artifact or table: copies that programs left, and names that no image can have."""

from __future__ import annotations

from collections.abc import Iterator

from kymflow_zarr import layout
from kymflow_zarr.check.problems import Problem
from kymflow_zarr.copied_names import copied_files
from kymflow_zarr.errors import InvalidNameError
from kymflow_zarr.record.passed_over import PassedOver
from kymflow_zarr.store.base import StoreReader


def find_passed_over(store: StoreReader, records: PassedOver) -> Iterator[Problem]:
    """Yield a problem for each folder beside the images that is none, and for each copy of a table."""
    for name, image_id in records.copies.items():
        key = f"{layout.IMAGES}/{name}"
        message = (
            f"{key!r} is a copy of image {image_id!r} that a sync program or a file browser left; it "
            "is in no table. Compare the two, keep in the image what is right, and delete the copy's "
            "folder."
        )
        yield Problem("conflicted copy", message, key=key, image_id=image_id)
    for name in records.unusable:
        key = f"{layout.IMAGES}/{name}"
        try:
            layout.check_name(name, "image id")
        except InvalidNameError as error:
            message = f"the folder {key!r} is passed over: {error} Rename it, or take it away."
            yield Problem("unusable name", message, key=key)
    tables = copied_files([found.key for found in store.list(layout.TABLES)])
    for key, original in sorted(tables.items()):
        yield copied_file(key, original)


def copied_file(key: str, original: str, image_id: str = "") -> Problem:
    """Return the problem that a copy of an artifact or of a table is."""
    return Problem(
        "conflicted copy",
        f"{key!r} is a copy of {original!r} that a sync program or a file browser left; nobody reads it. "
        "Compare the two, keep under the old name what is right, and delete the copy.",
        key=key,
        image_id=image_id,
    )
