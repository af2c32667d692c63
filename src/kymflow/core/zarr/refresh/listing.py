"""What the dataset holds now: images and artifacts, listed once, and tables as they are."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING

from kymflow.core.zarr.tables.state import TableState, find_state

if TYPE_CHECKING:
    from kymflow_zarr import ZarrDataset
    from kymflow_zarr.store.base import Listing


class Looks:
    """What refreshes of some tables start from: images, listed once for all, and each table in its turn.

    Parameters
    ----------
    ds : ZarrDataset
        The dataset.
    states : iterator of TableState or None
        Tables that are being read ahead, in the order in which they will be asked for.
    give_up : callable
        Ends that.

    Attributes
    ----------
    listing : Listing
        Which images and artifacts there are.
    """

    def __init__(
        self, ds: ZarrDataset, states: Iterator[TableState | None], give_up: Callable[[], None]
    ) -> None:
        self._ds = ds
        self._states = states
        self._give_up = give_up
        self.listing = ds.listing()

    def table(self, table_name: str) -> TableState | None:
        """Return the next table as it is, or was when the images were listed; None if there is none."""
        read = list(islice(self._states, 1))
        return read[0] if read else find_state(self._ds.store, table_name)

    def forget(self) -> None:
        """Let go of what was read ahead: by the time that there is a turn for it, it is of old."""
        self._give_up()
        self._states = iter(())


@contextmanager
def look(ds: ZarrDataset, table_names: Sequence[str]) -> Iterator[Looks]:
    """Look at what there is, to refresh these tables one after the other.

    Where the dataset is far away, they are read beside the listing, and before their turn.
    """
    with ExitStack() as reading:
        states = reading.enter_context(ds.store.ahead(partial(find_state, ds.store), table_names))
        yield Looks(ds, states, reading.close)


def list_images(ds: ZarrDataset) -> tuple[Sequence[str], Listing | None]:
    """Return the ids of all images, and what else the medium told of them on that occasion."""
    if not ds.store.lists_all_for_names:
        return ds.list_image_ids(), None
    found = ds.listing()
    return found.names, found
