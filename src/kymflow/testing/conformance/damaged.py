"""Checks of missing, empty and malformed artifacts that the indexer was seen to read, and of odd pixels."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd

from kymflow.core.zarr.indexers.base import IMAGE_ID
from kymflow.testing.conformance.comparing import check_same, difference
from kymflow.testing.conformance.findings import Breach, NotRun
from kymflow.testing.conformance.limits import NoAnswer
from kymflow.testing.conformance.outcome import Outcome, artifact_name, artifacts_of
from kymflow.testing.conformance.samples import HOW_TO_GIVE_A_SAMPLE
from kymflow.testing.conformance.subject import Subject
from kymflow.testing.damage import as_text, cut_off, emptied


def artifacts_read(subject: Subject) -> dict[str, list[str]]:
    """Return the keys to damage, by the image that gave rows of them.

    They are the artifacts that the indexer was seen to read, each in the first image that has it.
    Of an indexer that reads none, all artifacts of one image: its rows must not care.

    Raises
    ------
    NotRun
        There is nothing that could be damaged.
    """
    known: set[str] = set()
    chosen: dict[str, list[str]] = {}
    for image_id in subject.with_rows():
        for key in subject.baseline[image_id].keys_read("analysis"):
            name = key.split("/", 2)[-1]
            if name not in known:
                known.add(name)
                chosen.setdefault(image_id, []).append(key)
    if chosen:
        return chosen
    for image_id in subject.with_rows():
        keys = subject.sample.ds.record(image_id).list_analysis_keys()
        if keys:
            return {image_id: keys}
    raise NotRun("no record that gave rows has an artifact that could be damaged", HOW_TO_GIVE_A_SAMPLE)


def _each(subject: Subject) -> Iterator[tuple[str, str]]:
    for image_id, keys in artifacts_read(subject).items():
        for key in keys:
            yield image_id, key


def _what(outcome: Outcome, key: str, damage: str) -> str:
    return f"{damage} artifact {artifacts_of([key])} (image {outcome.image_id!r})"


def a_missing_artifact_is_no_error(subject: Subject) -> None:
    """A record that lacks an artifact is like many in a lab: not analysed yet."""
    for image_id, key in _each(subject):
        ds = subject.copy(image_id)
        ds.store.delete(key)
        _expect_no_error(subject.extract(subject.fresh(), image_id, ds=ds), key, "missing")
    for image_id, outcome in subject.baseline.items():
        if outcome.is_tolerated and isinstance(outcome.error, FileNotFoundError):
            raise Breach(
                f"it fails where the sample has no artifact (image {image_id!r})",
                expected="a DataFrame without rows",
                got=outcome.words,
                remedy=_CATCH,
            )


_CATCH = "Catch FileNotFoundError around the load_... call, and return pd.DataFrame()"


def _expect_no_error(outcome: Outcome, key: str, damage: str) -> None:
    if outcome.error is not None or outcome.rows is None:
        raise Breach(
            f"it fails at {'an' if damage == 'empty' else 'a'} {_what(outcome, key, damage)}",
            expected="a DataFrame without rows, or without what the artifact would have given",
            got=outcome.words,
            remedy=_CATCH if damage == "missing" else "Return pd.DataFrame() where there is nothing to count",
        )


def nothing_found_gives_no_rows(subject: Subject) -> None:
    """Where a record has nothing of what it is asked for, there are no rows, and none is invented."""
    for image_id in artifacts_read(subject):
        ds = subject.copy(image_id)
        keys = subject.baseline[image_id].keys_read("analysis")
        for key in keys or ds.record(image_id).list_analysis_keys():
            ds.store.delete(key)
        outcome = subject.extract(subject.fresh(), image_id, ds=ds)
        if not keys and not subject.baseline[image_id].asked_for_names:
            # It reads pixels or attributes alone; those are still there.
            check_same(
                outcome,
                subject.good[image_id],
                what="its rows changed with artifacts that it was not seen to read",
                remedy="Read through the record given to extract_rows only",
            )
        elif outcome.rows is None or (outcome.found_nothing and len(outcome.rows)):
            raise Breach(
                f"it invents rows where nothing that it asks for is there (image {image_id!r})",
                expected="a DataFrame without rows",
                got=outcome.words,
                remedy="Return pd.DataFrame() where the record has none of the artifacts: 'not analysed' "
                "must not look like a result",
            )


def an_empty_artifact_gives_no_rows(subject: Subject) -> None:
    """A table without rows, or an empty list, gives no rows; at least none of nothing but missing values."""
    for image_id, key in _each(subject):
        ds = subject.copy(image_id)
        nothing = emptied(key, ds.store.read(key)[0])
        ds.store.put(key, nothing)
        outcome = subject.extract(subject.fresh(), image_id, ds=ds)
        if nothing == b"{}" and outcome.error is not None and not _is_deadly(outcome):
            # An object without members may as well be called malformed.
            continue
        _expect_no_error(outcome, key, "empty")
        rows = outcome.rows if outcome.rows is not None else pd.DataFrame()
        values = rows.drop(columns=IMAGE_ID, errors="ignore")
        # A row of nothing but its image is no result that is missing: the table is a list of images.
        if values.size and values.isna().all(axis=None):
            raise Breach(
                f"it makes rows of nothing but missing values of an {_what(outcome, key, 'empty')}",
                expected="a DataFrame without rows",
                got=outcome.words,
                remedy="Return pd.DataFrame() if the table that was loaded has no rows",
            )


def a_malformed_artifact_is_an_error(subject: Subject) -> None:
    """What cannot be read is an error: never passed over in silence, never fatal, never other rows."""
    for image_id, key, how, data in _malformed(subject):
        ds = subject.copy(image_id)
        ds.store.put(key, data)
        outcome = subject.extract(subject.fresh(), image_id, ds=ds)
        what = _what(outcome, key, f"malformed ({how})")
        if _is_deadly(outcome):
            raise Breach(
                f"it stops more than itself at a {what}",
                expected="an error that is an Exception, raised soon",
                got=outcome.words,
                remedy="Raise ValueError, never SystemExit; let no loop wait for what may never come",
            )
        if outcome.error is not None:
            continue
        rows = outcome.rows
        if rows is None or difference(rows, subject.good[image_id]) is not None:
            passed_over = rows is not None and not len(rows)
            raise Breach(
                f"it {'passes over' if passed_over else 'makes other rows of'} a {what}",
                expected="an error, or the very rows as without the damage",
                got=outcome.words,
                remedy="Catch FileNotFoundError only, where an artifact may be missing; let other errors "
                "through: kymflow reports them with the image's id, and the other images go on",
            )
    _check_looked_for(subject)


def _check_looked_for(subject: Subject) -> None:
    """An artifact that it can do without: what it does then must not be what it does at a damaged one."""
    for image_id, key in _looked_for(subject):
        ds = subject.copy(image_id)
        ds.store.put(key, b"{" if key.endswith(".json") else b"PAR1")
        outcome = subject.extract(subject.fresh(), image_id, ds=ds)
        if outcome.error is None and key in outcome.keys_read("analysis"):
            raise Breach(
                f"it takes a {_what(outcome, key, 'malformed')} for one that is not there",
                expected="an error",
                got=outcome.words,
                remedy="Catch FileNotFoundError only, where an artifact may be missing; let others through",
            )


def _malformed(subject: Subject) -> Iterator[tuple[str, str, str, bytes]]:
    for image_id, key in _each(subject):
        data = subject.sample.ds.store.read(key)[0]
        yield image_id, key, "cut off", cut_off(key, data)
        text = as_text(key, data)
        if text is not None:
            yield image_id, key, "a text", text
    for image_id in subject.with_rows()[:1]:
        for key in subject.baseline[image_id].keys_read("data", "analysis_arrays"):
            yield image_id, key, "cut off", cut_off(key, subject.sample.ds.store.read(key)[0])


def _looked_for(subject: Subject) -> Iterator[tuple[str, str]]:
    """Yield each artifact that it looked for and did not find in a record that gave rows, once."""
    known: set[str] = set()
    for image_id in subject.with_rows():
        for read in subject.baseline[image_id].dependencies:
            name = artifact_name(read.key)
            missing = read.kind == "content" and read.fingerprint is None
            if (
                missing
                and "/analysis/" in read.key
                and name.endswith((".json", ".parquet"))
                and name not in known
            ):
                known.add(name)
                yield image_id, read.key


def dark_pixels_are_no_error(subject: Subject) -> None:
    """An image of nothing but zeros, as with a closed shutter, is no error."""
    for image_id in subject.with_rows()[:1]:
        if not subject.baseline[image_id].keys_read("data"):
            continue
        outcome = _with_pixels(subject, image_id, np.zeros_like)
        if outcome.error is not None or outcome.rows is None:
            raise Breach(
                f"it fails at an image whose pixels are all zero (image {image_id!r})",
                expected="a DataFrame; missing values where nothing can be computed",
                got=outcome.words,
                remedy="Look for zeros before dividing, and give missing values for what is not there",
            )


def no_pixels_are_never_fatal(subject: Subject) -> None:
    """An image without a line may be an error, but stops nothing else."""
    for image_id in subject.with_rows()[:1]:
        if not subject.baseline[image_id].keys_read("data"):
            continue
        outcome = _with_pixels(subject, image_id, lambda pixels: pixels[:0])
        if _is_deadly(outcome):
            raise Breach(
                f"it stops more than itself at an image without a line (image {image_id!r})",
                expected="rows, or an error that is an Exception, raised soon",
                got=outcome.words,
                remedy="Look at the shape of the pixels first; raise ValueError, never SystemExit",
            )


def _with_pixels(subject: Subject, image_id: str, change: Callable[[Any], Any]) -> Outcome:
    """Return what it gives of an image with other pixels."""
    ds = subject.copy(image_id)
    record = ds.record(image_id)
    record.save_array(change(record.load_array()), axes=record.get_axes())
    return subject.extract(subject.fresh(), image_id, ds=ds)


def _is_deadly(outcome: Outcome) -> bool:
    error = outcome.error
    return error is not None and (isinstance(error, NoAnswer) or not isinstance(error, Exception))


def a_failure_leaves_no_trace(subject: Subject) -> None:
    """After a record that it failed on, it gives the same rows of the others."""
    for image_id, key in _each(subject):
        ds = subject.copy(image_id)
        ds.store.put(key, cut_off(key, ds.store.read(key)[0]))
        indexer = subject.fresh()
        subject.extract(indexer, image_id, ds=ds)
        for other, rows in subject.good.items():
            check_same(
                subject.extract(indexer, other),
                rows,
                what=f"it gave other rows after it was given a malformed artifact {artifacts_of([key])}",
                remedy="Keep no flag, counter or half-made rows in attributes when an error is raised",
            )
