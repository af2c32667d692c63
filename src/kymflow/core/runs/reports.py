"""What an update of tables, an ingest or a check did."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field, replace
from typing import Any

from kymflow_zarr.check.problems import Problem
from kymflow_zarr.sources.report import FolderReport
from kymflow_zarr.sources.standing import SourcesStanding
from kymflow_zarr.summary import Details, Summarised, Summary


@dataclass(repr=False)
class UpdateReport(Summarised):
    """What one run did to one table.

    Attributes
    ----------
    table_name : str
        The table.
    rows : int
        Rows of the table now.
    images : int
        Images that the table speaks of now, those without rows included.
    updated : list of str
        Ids of images whose rows were extracted anew, sorted.
    removed : list of str
        Ids of images that were deleted from the dataset, and are now gone from the table, sorted.
    unchanged : int
        How many images were left as they were.
    failed : dict of str to str
        Cause by image id; these keep their old rows.
    stale : list of str
        Ids of images whose artifacts went on changing while they were extracted, sorted: their rows may
        be older than their artifacts. The next refresh extracts them again.
    seconds : float
        Wall time, in seconds.
    sources : list of str
        The tables that it is made of, where it is made of tables; then nothing is told of images.
    derived : bool
        Whether it was derived of them anew.
    problem : str
        Why a table of tables is as it was, and stale; empty if it is not.
    """

    table_name: str
    rows: int = 0
    images: int = 0
    updated: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    unchanged: int = 0
    failed: dict[str, str] = field(default_factory=dict)
    stale: list[str] = field(default_factory=list)
    seconds: float = 0.0
    sources: list[str] = field(default_factory=list)
    derived: bool = False
    problem: str = ""

    def _counts(self) -> dict[str, object]:
        return {
            "rows": self.rows,
            "images": self.images,
            "updated": len(self.updated),
            "unchanged": self.unchanged,
            "removed": len(self.removed),
            "failed": len(self.failed),
            "stale": len(self.stale),
        }

    def _summary(self) -> Summary:
        details = [
            Details("failed", ("image", "cause"), list(self.failed.items())),
            Details("stale", ("image",), [(image_id,) for image_id in self.stale]),
        ]
        values = {**self._counts(), "seconds": round(self.seconds, 2)}
        if self.sources:
            told = {"rows": self.rows, "sources": ", ".join(self.sources), "derived": self.derived}
            values = {**told, **({"problem": self.problem} if self.problem else {})}
        return Summary(f"UpdateReport of table {self.table_name}", values, details)

    def to_dict(self) -> dict[str, Any]:
        """Return the report as plain values, in the shape that ``--json`` documents."""
        return {
            "rows": self.rows,
            "images": self.images,
            "updated": self.updated,
            "unchanged": self.unchanged,
            "removed": self.removed,
            "failed": [{"image_id": image_id, "error": cause} for image_id, cause in self.failed.items()],
            "stale": self.stale,
            "sources": self.sources,
            "derived": self.derived,
            "problem": self.problem,
        }


@dataclass(repr=False)
class IngestReport(FolderReport):
    """What an ingest of a folder did, to records and then to tables.

    Attributes
    ----------
    tables : dict of str to UpdateReport
        By table name.
    """

    tables: dict[str, UpdateReport] = field(default_factory=dict)

    def _summary(self) -> Summary:
        said = super()._summary()
        rows = [(name, *report._counts().values()) for name, report in self.tables.items()]
        tables = Details("table", ("table", *UpdateReport("")._counts()), rows, whole=True)
        return replace(said, details=[tables, *said.details])

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``ingest --json`` documents."""
        return {
            "tables": {name: report.to_dict() for name, report in self.tables.items()},
            "new": self.new,
            "changed": self.changed,
            "unchanged": self.unchanged,
            "conflicts": [asdict(conflict) for conflict in self.conflicts],
            "failed": [{"source": source, "error": cause} for source, cause in self.failed.items()],
            "missing": self.missing,
            "duplicates": [list(group) for group in self.duplicates],
            "passed_over": [{"path": path, "reason": reason} for path, reason in self.passed_over.items()],
            "remarks": [{"source": source, "remarks": list(said)} for source, said in self.remarks.items()],
        }


@dataclass(repr=False)
class UpgradeReport(Summarised):
    """What an upgrade of a dataset did.

    Attributes
    ----------
    images : int
        How many records were looked at.
    upgraded : list of str
        Ids of the images that got what they lacked.
    unchanged : int
        How many lacked nothing.
    uncalibrated : list of str
        Ids of images of which neither attributes nor metadata tell the size of a pixel.
    without_ngff : dict of str to str
        Why an image has no NGFF attributes, by id.
    failed : dict of str to str
        Cause by image id; these are as they were.
    """

    images: int = 0
    upgraded: list[str] = field(default_factory=list)
    unchanged: int = 0
    uncalibrated: list[str] = field(default_factory=list)
    without_ngff: dict[str, str] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)

    def _summary(self) -> Summary:
        values = {
            "images": self.images,
            "upgraded": len(self.upgraded),
            "unchanged": self.unchanged,
            "uncalibrated": len(self.uncalibrated),
            "without NGFF": len(self.without_ngff),
            "failed": len(self.failed),
        }
        details = [
            Details("failed", ("image", "cause"), list(self.failed.items())),
            Details("without NGFF", ("image", "reason"), list(self.without_ngff.items())),
        ]
        return Summary("UpgradeReport", values, details)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``upgrade --json`` documents."""
        return {
            "images": self.images,
            "upgraded": self.upgraded,
            "unchanged": self.unchanged,
            "uncalibrated": self.uncalibrated,
            "without_ngff": [{"image_id": one, "reason": why} for one, why in self.without_ngff.items()],
            "failed": [{"image_id": one, "error": cause} for one, cause in self.failed.items()],
        }


@dataclass(frozen=True, repr=False)
class CheckReport(Summarised):
    """What a check found.

    Attributes
    ----------
    images, artifacts : int
        How many records, and how many artifacts and arrays, were read.
    tables : list of str
        The tables that were looked at.
    problems : list of Problem
        All that is wrong, or was and has been repaired.
    stale : dict of str to list of str
        Images that have changed since, by table name; that is no fault, and a refresh takes it up.
    stale_tables : dict of str to str
        Why a table that is made of other tables is stale, by its name; that is no fault either.
    sources : SourcesStanding
        Which sources failed (these are problems, too), were gone, are in conflict or there twice.
    """

    images: int
    artifacts: int
    tables: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    stale: dict[str, list[str]] = field(default_factory=dict)
    sources: SourcesStanding = field(default_factory=SourcesStanding)
    stale_tables: dict[str, str] = field(default_factory=dict)

    @property
    def is_clean(self) -> bool:
        """Whether nothing is wrong any more."""
        return all(problem.repaired for problem in self.problems)

    def _summary(self) -> Summary:
        values = {
            "images": self.images,
            "artifacts": self.artifacts,
            "tables": len(self.tables),
            "problems": len(self.problems),
            "clean": self.is_clean,
        }
        problems = [
            (f"{problem.kind}, repaired" if problem.repaired else problem.kind, problem.message)
            for problem in self.problems
        ]
        stale = [
            (name, "1 image has changed since" if len(ids) == 1 else f"{len(ids)} images have changed since")
            for name, ids in self.stale.items()
            if ids
        ]
        stale += list(self.stale_tables.items())
        details = [
            Details("problem", ("kind", "message"), problems),
            Details("stale", ("table", "images"), stale, whole=True),
            # Sources that failed are problems.
            *self.sources.details()[1:],
        ]
        return Summary("CheckReport", values, details)

    def to_dict(self) -> dict[str, Any]:
        """Return plain values, in the shape that ``check --json`` documents."""
        return {
            "images": self.images,
            "artifacts": self.artifacts,
            "tables": self.tables,
            "problems": [problem.to_dict() for problem in self.problems],
            "stale": self.stale,
            "stale_tables": self.stale_tables,
            "sources": self.sources.to_dict(),
            "clean": self.is_clean,
        }
