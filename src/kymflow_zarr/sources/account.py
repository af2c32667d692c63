"""The account of an ingest: every file of the folder taken in, used, or passed over with the reason."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from kymflow_zarr.sources.choose import Chosen, why_unused
from kymflow_zarr.sources.claims import Claims
from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.report import Conflict, FolderReport
from kymflow_zarr.sources.standing import duplicates_of
from kymflow_zarr.sources.take import Taken

FAILED_BESIDE = "beside a source that failed"


def make_report(root: Path, chosen: Chosen, claims: Claims, taken: Mapping[str, Taken]) -> FolderReport:
    """Return what an ingest did with each file of a folder; all sources have been taken."""
    report = FolderReport(str(root), failed=dict(chosen.failed), passed_over=dict(chosen.passed_over))
    used: set[str] = set()
    # In the order of the folder, whichever was ready first.
    for path in chosen.readers:
        one = taken[path]
        image_id = one.row.image_id
        folder = posixpath.dirname(path)
        beside = [posixpath.normpath(posixpath.join(folder, state.path)) for state in one.row.files[1:]]
        used.update(beside)
        for sidecar in one.left_behind:
            left = posixpath.normpath(posixpath.join(folder, sidecar))
            report.passed_over[left] = f"a sidecar of {path}, which has moved; move or rename it, too"
        if one.remarks:
            report.remarks[path] = list(one.remarks)
        report.conflicts += [Conflict(image_id, path, part) for part in one.row.conflicts]
        if one.outcome == "failed":
            report.failed[path] = one.row.failure
        elif one.outcome == "new" or (not one.row.returned and one.outcome == "unchanged"):
            report.new.append(image_id)
        elif one.outcome == "changed":
            report.changed.append(image_id)
        else:
            report.unchanged += 1
    report.missing = [_shown(root, row) for row in claims.gone]
    report.duplicates = _duplicates(root, claims, taken)
    failed = {(posixpath.dirname(path), PurePosixPath(path).stem) for path in report.failed}
    for path in chosen.others:
        if path not in used and path not in report.passed_over:
            report.passed_over[path] = FAILED_BESIDE if _is_beside(path, failed) else why_unused(path)
    report.passed_over = dict(sorted(report.passed_over.items()))
    return report


def pending(taken: Mapping[str, Taken]) -> list[SourceRow]:
    """Return the rows of images that no ingest has told its caller of yet."""
    there = (one.row for one in taken.values() if one.outcome != "failed")
    return [row for row in there if not row.returned]


def _duplicates(root: Path, claims: Claims, taken: Mapping[str, Taken]) -> list[tuple[str, ...]]:
    rows = {row.image_id: row for row in claims.rows}
    mine = {one.row.image_id: one.row for one in taken.values()}
    groups = duplicates_of((rows | mine).values())
    return [
        tuple(sorted(_shown(root, row) for row in group))
        for group in groups
        if any(row.image_id in mine for row in group)
    ]


def _shown(root: Path, row: SourceRow) -> str:
    """Return the path of a source, relative to the folder where it lies below it."""
    path = Path(row.path)
    return path.relative_to(root).as_posix() if path.is_relative_to(root) else str(path)


def _is_beside(path: str, failed: set[tuple[str, str]]) -> bool:
    """Tell whether a file is named after a failed source, in its folder or in one below."""
    folder, name = posixpath.split(path)
    places = (folder, posixpath.dirname(folder))
    return any((place, name[:length]) in failed for place in places for length in range(1, len(name)))
