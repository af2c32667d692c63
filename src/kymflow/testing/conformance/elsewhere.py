"""Checks that compare what the indexer gives in other processes, surroundings and datasets."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd

from kymflow.testing.conformance.children.surroundings import Surroundings
from kymflow.testing.conformance.comparing import difference
from kymflow.testing.conformance.edits import edited_copies
from kymflow.testing.conformance.findings import Breach
from kymflow.testing.conformance.subject import SEEDS, Subject
from kymflow.testing.conformance.there import made_in_children, usable
from kymflow_zarr.layout import IMAGES

if TYPE_CHECKING:
    from kymflow.testing.conformance.jobs import Found

_DAY_S, _HOUR_S = 24 * 3600.0, 3600.0
# Other years, months and days; other hours and halves of the day; a weekend for every day of work.
_LATER = tuple(
    Surroundings(words, clock_s=days * _DAY_S + hours * _HOUR_S + 1403.0)
    for words, days, hours in (
        ("397 days and 7 hours later", 397, 7),
        ("3 days and 13 hours later", 3, 13),
        ("764 days and 18 hours later", 764, 18),
    )
)
# Between them there are 26 hours, so that the date is another than here in at least one.
_ZONES = ("<east>-14", "<west>12", "")
_HERE = Surroundings("in another process")
_OTHER_VARIABLES = Surroundings("with environment variables that say something", variables="other")
_OTHERS = (
    Surroundings("on another host, as another user", machine=True),
    Surroundings("with another count of processors", processors=True),
    Surroundings("in another locale", locale=True),
    Surroundings("with other environment variables", variables="7"),
    _OTHER_VARIABLES,
)
_EVERYTHING = Surroundings("on another machine", machine=True, processors=True, locale=True, variables="7")


def never_ends_its_process(subject: Subject) -> None:
    """It never ends the process, not even at damage: os._exit, or a crash of a library written in C."""
    ends = made_in_children(subject).ends
    if ends:
        raise Breach(
            "it ended the process in which it ran, or never came back",
            expected="rows, or an error that is an Exception",
            got="; ".join(ends),
            remedy="Raise ValueError where an artifact is damaged; call neither os._exit, os.abort nor "
            "os.kill. If a library written in C crashes, check before the call what it cannot bear",
        )


def rows_are_the_same_in_another_process(subject: Subject) -> None:
    """A fresh Python gives the same rows, with the records in reverse order and sets in another."""
    made = made_in_children(subject)
    if made.unusable:
        raise Breach(
            "it cannot be used in another Python process",
            expected="to be unpickled there, and to give rows",
            got=made.unusable,
            remedy="Put its class at the top of a module that every Python here can import, as an installed "
            "plugin is; read no environment variable and open no file when that module is imported",
        )
    usable(subject)
    _compare(
        subject,
        _plain(subject),
        what="it gave other rows in a fresh Python process, where the records came in reverse order",
        remedy="Keep nothing in module or class variables that an earlier record has set, and sort what "
        "comes from a set: its order is another in each process",
    )


def promises_are_the_same_everywhere(subject: Subject) -> None:
    """Name, table name, version and columns are the same on every machine, at every hour, of all images."""
    usable(subject)
    plain = _plain(subject)
    clock = zip(_LATER, _ZONES, strict=True)
    for found, words in (
        (plain, _HERE.words),
        *((_elsewhere(subject, one), one.words) for one in (_EVERYTHING, _OTHER_VARIABLES)),
        *((_at(subject, later, zone), later.words) for later, zone in clock),
    ):
        anew = found.promised_anew, plain.promised_anew
        for promised, expected in ((found.promised, subject.contract), anew):
            if promised != expected:
                raise Breach(
                    f"what it promises of its table is another thing {words}",
                    expected=f"{expected}",
                    got=f"{promised}",
                    remedy="Make name, table_name, schema_version, columns and required_columns() constants: "
                    "lists in a fixed order, nothing of the machine, the environment or the time",
                )


def columns_are_the_same_for_other_ids(subject: Subject) -> None:
    """The ids of images do not become columns."""
    usable(subject)
    plain = _plain(subject)
    (renamed,) = _ask(subject, "renamed", _HERE, [_renamed_copy(subject)], rename=True)
    for image_id, rows in plain.rows.items():
        other = renamed.rows[_renamed(image_id)]
        was = rows if isinstance(rows, str) else list(rows.columns)
        now = other if isinstance(other, str) else list(other.columns)
        if isinstance(now, str) != isinstance(was, str) or (isinstance(now, list) and now != was):
            raise Breach(
                f"its columns are others when the image has another id (image {image_id!r})",
                expected=f"{was}",
                got=f"{now}",
                remedy="Give each thing a row, and name it in a column; the id stands in image_id",
            )


def rows_depend_on_no_machine(subject: Subject) -> None:
    """The rows are the same on another host, of another user, with other processors, locale, variables."""
    usable(subject)
    together = _elsewhere(subject, _EVERYTHING)
    # Which of them it is, is asked only if it is one.
    each = _OTHERS if _first_difference(subject, together) else (_OTHER_VARIABLES,)
    for one in (*each, _EVERYTHING):
        _compare(
            subject,
            _elsewhere(subject, one),
            what=f"it gave other rows {one.words}",
            remedy="Make rows of nothing but what the record gives; a setting is an attribute of the "
            "indexer, given when it is made",
        )


def rows_depend_on_no_clock(subject: Subject) -> None:
    """The rows are the same on other days, at other hours, and in other time zones."""
    usable(subject)
    for later, zone in zip(_LATER, _ZONES, strict=True):
        _compare(
            subject,
            _at(subject, later, zone),
            what=f"it gave other rows {later.words}" + (f", in the time zone {zone}" if zone else ""),
            remedy="Read no clock; give times as the artifacts have them, in UTC",
        )


def an_edit_is_seen(subject: Subject) -> None:
    """One instance, kept alive as a program with windows does, gives the new rows of an edited image."""
    usable(subject)
    for words, edited in edited_copies(subject):
        (fresh,) = _ask(subject, f"edited {words}", _HERE, [edited])
        _, kept = _ask(subject, f"kept {words}", _HERE, [*_sample(subject), edited])
        for image_id in subject.good:
            found = _difference(kept.rows[image_id], fresh.rows[image_id])
            if found is not None:
                raise Breach(
                    f"it gave old rows of an image of which {words} was edited (image {image_id!r})",
                    expected="the rows that a fresh process gives of the edited image",
                    got=found,
                    remedy="Keep no cache by image, in the instance, the class or the module: kymflow calls "
                    "it only for what has changed",
                )


# What other processes give


def _ask(
    subject: Subject,
    name: str,
    surroundings: Surroundings,
    datasets: Sequence[str],
    *,
    variables: Mapping[str, str] = {},
    rename: bool = False,
) -> list[Found]:
    """Return what another process gives of each dataset in turn, records in reverse order; asked once."""
    image_ids = list(reversed(subject.good))
    if rename:
        image_ids = [_renamed(image_id) for image_id in image_ids]

    def ask() -> list[Found]:
        arguments = (subject.pickled, datasets, image_ids, surroundings, subject.module)
        answer = subject.do("extract", *arguments, seed=SEEDS[1], variables=variables)
        for found in answer.values("found"):
            return list(found)
        raise Breach(
            f"it cannot be used {surroundings.words}",
            expected="to be imported and unpickled there, and to give rows",
            got=(answer.values("failed") or [f"{answer.end} {answer.printed}".strip()])[0],
            remedy="Read no environment variable, no file and no clock when its module is imported",
        )

    found: list[Found] = subject.shared(f"found {name}", ask)
    return found


def _sample(subject: Subject) -> list[str]:
    return [str(subject.sample.ds.path)]


def _plain(subject: Subject) -> Found:
    return _ask(subject, "plain", _HERE, _sample(subject))[0]


def _elsewhere(subject: Subject, surroundings: Surroundings) -> Found:
    home = subject.shared("home", lambda: subject.new_path("home"))
    home.mkdir(exist_ok=True)
    places = {
        name: str(home) for name in ("HOME", "USERPROFILE", "APPDATA", "LOCALAPPDATA", "XDG_CONFIG_HOME")
    }
    return _ask(subject, repr(surroundings), surroundings, _sample(subject), variables=places)[0]


def _at(subject: Subject, later: Surroundings, zone: str) -> Found:
    variables = {"TZ": zone} if zone else {}
    return _ask(subject, repr(later), later, _sample(subject), variables=variables)[0]


def _first_difference(subject: Subject, found: Found) -> tuple[str, str, int] | None:
    """Return the image of which other rows were found, how they differ, and how many were expected."""
    good = subject.good
    plain = _plain(subject)
    pairs: list[tuple[str, Any, Any]] = [
        (image_id, found.rows[image_id], rows) for image_id, rows in good.items()
    ]
    if found.rows_anew is not None and plain.rows_anew is not None:
        # Of one that was made there: it may have looked around when it was made.
        pairs += [(image_id, found.rows_anew[image_id], plain.rows_anew[image_id]) for image_id in good]
    for image_id, got, expected in pairs:
        differs = _difference(got, expected)
        if differs is not None:
            return image_id, differs, 0 if isinstance(expected, str) else len(expected)
    return None


def _difference(got: Any, expected: Any) -> str | None:
    if isinstance(got, pd.DataFrame) and isinstance(expected, pd.DataFrame):
        return difference(got, expected)
    if isinstance(got, str) and isinstance(expected, str):
        # Errors may tell of their process or place.
        return None if got.partition(":")[0] == expected.partition(":")[0] else f"{got} instead of {expected}"
    words = [one if isinstance(one, str) else f"a {type(one).__name__}" for one in (got, expected)]
    return f"{words[0]} instead of {words[1]}" if type(got) is not type(expected) else None


def _compare(subject: Subject, found: Found, *, what: str, remedy: str) -> None:
    different = _first_difference(subject, found)
    if different is not None:
        image_id, got, n_rows = different
        raise Breach(
            f"{what} (image {image_id!r})", expected=f"the same {n_rows} rows", got=got, remedy=remedy
        )


def _renamed(image_id: str) -> str:
    return str(uuid.uuid5(uuid.NAMESPACE_OID, image_id))


def _renamed_copy(subject: Subject) -> str:
    ds = subject.copy(*subject.good)
    images = Path(ds.path) / IMAGES
    for image_id in subject.good:
        (images / image_id).rename(images / _renamed(image_id))
    return str(ds.path)
