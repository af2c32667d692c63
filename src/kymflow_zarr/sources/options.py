"""The options of an ingest, which all of its steps are given."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from kymflow_zarr.errors import SourceError
from kymflow_zarr.sources.reader import SourceReader

if TYPE_CHECKING:
    from concurrent.futures import Executor

RefreshMode = Literal["skip", "reingest_if_changed"]
OnProgress = Callable[[float, int], None]


@dataclass(frozen=True)
class SyncOptions:
    """The parameters of :meth:`ZarrDataset.refresh_from_folder`, which documents them.

    Raises
    ------
    SourceError
        There is no such mode.
    """

    pattern: str | None = None
    mode: RefreshMode = "skip"
    readers: Sequence[SourceReader] = ()
    overwrite: bool = False
    verify: bool = False
    include_excluded: bool = False
    on_progress: OnProgress | None = None
    cancel: threading.Event | None = None
    executor: Executor | None = None

    def __post_init__(self) -> None:
        if self.mode not in ("skip", "reingest_if_changed"):
            raise SourceError(f"mode must be 'skip' or 'reingest_if_changed', got {self.mode!r}")
