"""What an ingest of a folder did."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field

from kymflow_zarr.summary import Details, Summarised, Summary


class IngestWarning(UserWarning):
    """Some sources of a folder failed, or some artifacts were kept because they were edited."""


@dataclass(frozen=True)
class Conflict:
    """A part of a record that was edited in the dataset and has changed at its source too.

    Attributes
    ----------
    image_id : str
        The record.
    source : str
        Path of the source file, relative to its folder.
    part : str
        ``data``, ``analysis/<file>`` or ``analysis_arrays/<name>``; what the dataset holds was kept.
    """

    image_id: str
    source: str
    part: str


@dataclass(repr=False)
class FolderReport(Summarised):
    """What an ingest of a folder did.

    Attributes
    ----------
    folder : str
        The folder.
    new : list of str
        Ids of images that are new, those among them that an interrupted ingest has left without a report.
    changed : list of str
        Ids of images whose sources had changed.
    unchanged : int
        How many sources had not.
    conflicts : list of Conflict
        Parts that were kept because they were edited in the dataset.
    failed : dict of str to str
        Why a source could not be ingested, by its path relative to the folder.
    missing : list of str
        Sources that were ingested from this folder and are not there any more, or are part of another
        source now (a further channel); their images stay.
    duplicates : list of tuple of str
        Sources of the same content, each group sorted: each is an image of its own.
    passed_over : dict of str to str
        Why a file of the folder was neither ingested nor used beside one that was, by its path; of a
        folder that was passed over as a whole, the folder.
    remarks : dict of str to list of str
        What was passed over within the files of a source, and why.
    """

    folder: str
    new: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    unchanged: int = 0
    conflicts: list[Conflict] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)
    missing: list[str] = field(default_factory=list)
    duplicates: list[tuple[str, ...]] = field(default_factory=list)
    passed_over: dict[str, str] = field(default_factory=dict)
    remarks: dict[str, list[str]] = field(default_factory=dict)

    @property
    def image_ids(self) -> list[str]:
        """Ids of new and re-ingested images, in the order they were ingested."""
        return self.new + self.changed

    def _summary(self) -> Summary:
        values = {
            "new": len(self.new),
            "changed": len(self.changed),
            "unchanged": self.unchanged,
            "failed": len(self.failed),
            "missing": len(self.missing),
            "in conflict": len(self.conflicts),
            "there twice": len(self.duplicates),
            "passed over": len(self.passed_over),
        }
        details = [
            Details("failed", ("source", "cause"), list(self.failed.items())),
            Details("missing", ("source",), [(source,) for source in self.missing]),
            conflicts_of(self.conflicts),
            duplicates_among(self.duplicates),
            Details("passed over", ("file", "reason"), list(self.passed_over.items())),
            Details("note", ("source", "remarks"), [(one, "; ".join(r)) for one, r in self.remarks.items()]),
        ]
        return Summary(f"{type(self).__name__} of {self.folder}", values, details)

    def warn(self) -> None:
        """Warn, once, of failures and conflicts."""
        lines = [f"{source}: {cause}" for source, cause in self.failed.items()]
        lines += [
            f"{conflict.source}: kept the edited {conflict.part!r} of image {conflict.image_id} "
            "(overwrite=True replaces it)"
            for conflict in self.conflicts
        ]
        if lines:
            shown = lines[:10] + ([f"and {len(lines) - 10} more"] if len(lines) > 10 else [])
            warnings.warn(f"ingest of {self.folder}:\n  " + "\n  ".join(shown), IngestWarning, stacklevel=3)


def conflicts_of(conflicts: Sequence[Conflict]) -> Details:
    """Return what a summary says of conflicts."""
    rows = [(conflict.source, conflict.part, conflict.image_id) for conflict in conflicts]
    return Details("in conflict", ("source", "part", "image"), rows)


def duplicates_among(groups: Sequence[Sequence[str]]) -> Details:
    """Return what a summary says of sources of the same content."""
    return Details("there twice", ("sources",), [(", ".join(group),) for group in groups])
