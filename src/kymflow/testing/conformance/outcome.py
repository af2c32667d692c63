"""What one call of extract_rows came to: rows or an error, and what was asked of the record."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pandas as pd

from kymflow.testing.conformance.limits import describe_at
from kymflow_zarr import ArtifactError, ArtifactNotFoundError
from kymflow_zarr.layout import record_prefix

if TYPE_CHECKING:
    from kymflow_zarr.store.tracking import Dependency


@dataclass(frozen=True)
class Outcome:
    """What one call of extract_rows came to.

    Attributes
    ----------
    image_id : str
        The image.
    module : str
        The module of the indexer's class.
    returned : object
        What it returned; None if it raised.
    rows : DataFrame or None
        A copy of that, if it is a DataFrame.
    error : BaseException or None
        What it raised.
    dependencies : tuple of Dependency
        What it read of the record.
    refused : tuple of str
        Keys that it tried to write.
    """

    image_id: str
    module: str
    returned: object
    rows: pd.DataFrame | None
    error: BaseException | None
    dependencies: tuple[Dependency, ...]
    refused: tuple[str, ...]

    @property
    def words(self) -> str:
        """The outcome in a few words, for a message."""
        if self.error is not None:
            return describe_at(self.error, self.module)
        if self.rows is None:
            return f"a {type(self.returned).__name__}"
        return f"{len(self.rows)} rows"

    @property
    def is_tolerated(self) -> bool:
        """Whether it is an error, and rightly: the record lacks something, or is damaged."""
        return isinstance(self.error, ArtifactNotFoundError | ArtifactError)

    @property
    def is_breach(self) -> bool:
        """Whether it is neither a DataFrame nor an error that is tolerated."""
        return self.rows is None and not self.is_tolerated

    @property
    def found_nothing(self) -> bool:
        """Whether the record had nothing of what it was asked for."""
        return not self.asked_for_names and not any(
            read.kind == "content" and read.fingerprint for read in self.dependencies
        )

    @property
    def asked_for_names(self) -> bool:
        """Whether it asked which keys there are."""
        return any(read.kind == "names" for read in self.dependencies)

    def keys_read(self, *below: str) -> list[str]:
        """Return the keys that were there and were read, below these folders of the record."""
        prefixes = tuple(f"{record_prefix(self.image_id)}/{folder}/" for folder in below)
        return [
            read.key
            for read in self.dependencies
            if read.kind == "content" and read.fingerprint and read.key.startswith(prefixes)
        ]


def artifacts_of(keys: Iterable[str]) -> str:
    """Return keys of a record as people name artifacts."""
    return ", ".join(repr(artifact_name(key)) for key in keys)


def artifact_name(key: str) -> str:
    """Return a key of a record without what all artifacts have in common."""
    return key.split("/", 2)[-1].removeprefix("analysis/")
