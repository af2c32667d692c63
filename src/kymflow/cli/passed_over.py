"""What is said of folders beside the images that count as none."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from kymflow.cli.failures import say
from kymflow.cli.hints import call, here
from kymflow.cli.lines import counted

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset

# So many are named; a check names them all.
NAMED = 3


def tell_passed_over(ds: ZarrDataset) -> None:
    """Say which folders the last listing of all images has passed over, and what to do."""
    copies, unusable = list(ds.passed_over.copies), ds.passed_over.unusable
    if copies:
        say(
            f"kymflow: {counted(len(copies), 'folder')} of images that a sync program has copied, in no "
            f"table: {named(copies)}; keep in the image what is right and delete the copy "
            f"(`{call('check', ds.path)}` says of which image)"
        )
    if unusable:
        say(
            f"kymflow: {counted(len(unusable), 'folder')} of a name that no image can have, in no table: "
            f"{named(unusable)}; rename each below {here(ds.path)}/images, or take it away "
            f"(`{call('check', ds.path)}` says what is wrong with the name)"
        )


def named(names: Sequence[str]) -> str:
    """Return the first few of many names."""
    more = len(names) - NAMED
    return ", ".join(names[:NAMED]) + (f", and {more} more" if more > 0 else "")
