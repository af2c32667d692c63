"""The account of an ingest: every file of the folder taken in, used, or passed over with the reason."""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

from kymflow_zarr.sources.choose import NO_READER, Chosen, not_named, why_unused
from kymflow_zarr.sources.claims import Claims
from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.names import path_key, same_name
from kymflow_zarr.sources.options import RefreshMode
from kymflow_zarr.sources.report import Conflict, FolderReport
from kymflow_zarr.sources.standing import duplicates_of
from kymflow_zarr.sources.take import Taken

EXCLUDED = "excluded by delete --exclude"
EXCLUDED_BESIDE = "beside a source that is excluded"
FAILED_BESIDE = "beside a source that failed"
NOT_LOOKED_AT = "beside an image that was not looked at again"


def make_report(
    root: Path, chosen: Chosen, claims: Claims, taken: Mapping[str, Taken], mode: RefreshMode
) -> FolderReport:
    """Return what an ingest did with each file of a folder; all sources have been taken."""
    report = FolderReport(str(root), failed=dict(chosen.failed), passed_over=dict(chosen.passed_over))
    used = _sidecars_of_failed(root, chosen, claims)
    # In the order of the folder, whichever was ready first.
    for path in chosen.readers:
        one = taken[path]
        _tell_source(report, path, one)
        used.update(_sidecars(path, one.row))
        for sidecar in (_beside(path, sidecar) for sidecar in one.left_behind):
            used.discard(path_key(sidecar))
            report.passed_over[sidecar] = f"a sidecar of {path}, which has moved; move or rename it, too"
    # A known sidecar that is not at hand counts with its source, whose failure tells of it.
    report.passed_over = {
        path: reason for path, reason in report.passed_over.items() if path_key(path) not in used
    }
    report.missing = [_shown(root, row) for row in claims.gone]
    report.duplicates = _duplicates(root, claims, taken)
    others = [path for path in chosen.others if path_key(path) not in used]
    _tell_others(report, others, taken, mode, claims.excluded, chosen.pattern)
    return report


def _sidecars_of_failed(root: Path, chosen: Chosen, claims: Claims) -> set[str]:
    """Return the known sidecars of sources that are known, and cannot be read for now."""
    failed = {os.path.join(root, *path.split("/")): path for path in chosen.failed}
    rows = ((failed[row.path], row) for row in claims.rows if row.failure and row.path in failed)
    return {sidecar for path, row in rows for sidecar in _sidecars(path, row)}


def _sidecars(path: str, row: SourceRow) -> Iterator[str]:
    return (path_key(_beside(path, state.path)) for state in row.files[1:])


def _beside(path: str, relative: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(path), relative))


def _tell_source(report: FolderReport, path: str, one: Taken) -> None:
    image_id = one.row.image_id
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


def _tell_others(
    report: FolderReport,
    others: Sequence[str],
    taken: Mapping[str, Taken],
    mode: RefreshMode,
    excluded: Mapping[str, SourceRow],
    pattern: str | None,
) -> None:
    """Say why files are neither sources nor used."""
    beside = {_stem(path): EXCLUDED_BESIDE for path in excluded}
    beside |= {_stem(path): FAILED_BESIDE for path in report.failed}
    unnamed = not_named(pattern)
    beside |= {
        _stem(path): f"beside a source that is {unnamed}"
        for path, reason in report.passed_over.items()
        if reason == unnamed
    }
    of_excluded = {sidecar for path, row in excluded.items() for sidecar in _sidecars(path, row)}
    if mode == "skip":
        # What an image uses of them is known of new ones only.
        beside |= {_stem(path): NOT_LOOKED_AT for path, one in taken.items() if one.outcome == "unchanged"}
    for path in others:
        if path not in report.passed_over:
            reason = why_unused(path, pattern)
            if path_key(path) in of_excluded:
                reason = EXCLUDED_BESIDE
            elif reason != NO_READER:
                reasons = (beside.get(start) for start in _starts(path))
                reason = next(filter(None, reasons), reason)
            report.passed_over[path] = reason
    report.passed_over = dict(sorted(report.passed_over.items()))


def _stem(path: str) -> tuple[str, str]:
    return posixpath.dirname(path), same_name(PurePosixPath(path).stem)


def _starts(path: str) -> Iterator[tuple[str, str]]:
    """Yield what a source may be called that a file is named after, the longest first.

    It may be in the same folder or in the one above: ``cap_0001_radon.csv``, ``flow-analysis/cap_0001.json``.
    """
    folder, name = posixpath.split(path)
    name = same_name(name)
    for length in range(len(name) - 1, 0, -1):
        if not name[length].isalnum():
            for place in (folder, posixpath.dirname(folder)):
                yield place, name[:length]


def pending(taken: Mapping[str, Taken]) -> list[SourceRow]:
    """Return the rows of images that no ingest has told its caller of yet."""
    there = (one.row for one in taken.values() if one.outcome != "failed")
    return [row for row in there if not row.returned]


def absorbed(claims: Claims, taken: Mapping[str, Taken]) -> list[SourceRow]:
    """Return the rows of files that were images of their own, and are used beside another source now.

    A further channel is such a file, once the first one has come.
    """
    mine = {one.row.image_id for one in taken.values()}
    others = {row.path: row for row in claims.rows if row.ingested_epoch_ns and row.image_id not in mine}
    if not others:
        return []
    rows = [one.row for one in taken.values() if one.outcome != "failed"]
    used = {
        os.path.normpath(os.path.join(os.path.dirname(row.path), state.path))
        for row in rows
        for state in row.files[1:]
    }
    return [row for path, row in others.items() if path in used]


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
