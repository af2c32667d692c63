"""The errors of one record, all worded alike: which image of which dataset, which artifact, why."""

from __future__ import annotations

from dataclasses import dataclass

from kymflow_zarr.errors import (
    ArtifactError,
    ArtifactNotFoundError,
    ColumnError,
    PixelsReplacedError,
    ReadOnlyError,
    RecordNotFoundError,
)


@dataclass(frozen=True)
class RecordFaults:
    """Makes the errors of one record.

    Attributes
    ----------
    dataset, image_id : str
        Path or URL of the dataset, and the image.
    """

    dataset: str
    image_id: str

    @property
    def who(self) -> str:
        """The record in words."""
        return f"image {self.image_id!r} of {self.dataset}"

    def where(self, artifact: str) -> dict[str, str]:
        """Return the details of an error at an artifact."""
        return {"dataset": self.dataset, "image_id": self.image_id, "artifact": artifact}

    def read_only(self) -> ReadOnlyError:
        """Return the error for a write to a record that was opened read-only."""
        return ReadOnlyError(
            f"{self.who} was opened read-only. Within an indexer, nobody can write.",
            dataset=self.dataset,
            image_id=self.image_id,
            advice="Elsewhere, open the dataset with mode='r+' to write.",
        )

    def no_record(self) -> RecordNotFoundError:
        """Return the error for a record that is not there."""
        return RecordNotFoundError(
            f"{self.dataset} has no image {self.image_id!r}.",
            dataset=self.dataset,
            image_id=self.image_id,
            advice="list_image_ids() tells which it has; add_image() or save_array() makes one.",
        )

    def missing(self, artifact: str) -> ArtifactNotFoundError:
        """Return the error for an artifact (or the pixels, ``data``) that is not there."""
        what = "pixels" if artifact == "data" else f"artifact {artifact!r}"
        return ArtifactNotFoundError(f"{self.who} has no {what}", **self.where(artifact))

    def damaged(self, artifact: str, cause: object) -> ArtifactError:
        """Return the error for an artifact (or the pixels, ``data``) that cannot be read."""
        what = "the pixels" if artifact == "data" else f"artifact {artifact!r}"
        return ArtifactError(
            f"{what} of {self.who} cannot be read: {cause}. Write it again, or delete it.",
            **self.where(artifact),
        )

    def replaced(self, artifact: str) -> PixelsReplacedError:
        """Return the error for an array (or the pixels, ``data``) that is another one than was opened."""
        what = "the pixels" if artifact == "data" else f"the values of array {artifact!r}"
        return PixelsReplacedError(
            f"{what} of {self.who} were replaced while they were read; open them again",
            **self.where(artifact),
        )

    def unstorable(self, artifact: str, cause: ValueError) -> ColumnError | ArtifactError:
        """Return the error for something that cannot be stored as an artifact."""
        what = f"artifact {artifact!r} of {self.who}"
        if isinstance(cause, ColumnError):
            return ColumnError(f"{what}: {cause}", column=cause.column, **self.where(artifact))
        return ArtifactError(f"{what} {cause}", **self.where(artifact))
