"""The options of an ingest, which all of its steps are given."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from kymflow_zarr.errors import SourceError
from kymflow_zarr.sources.reader import SourceReader

RefreshMode = Literal["skip", "reingest_if_changed"]
OnProgress = Callable[[int, int], None]


@dataclass(frozen=True)
class SyncOptions:
    """The parameters of :meth:`ZarrDataset.refresh_from_folder`, which documents them.

    Raises
    ------
    SourceError
        There is no such mode.
    """

    pattern: str = "*.tif"
    mode: RefreshMode = "skip"
    reader: SourceReader | None = None
    overwrite: bool = False
    on_progress: OnProgress | None = None
    cancel: threading.Event | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("skip", "reingest_if_changed"):
            raise SourceError(f"mode must be 'skip' or 'reingest_if_changed', got {self.mode!r}")
