"""Checks of what an indexer says of itself: the protocol, names, version, columns."""

from __future__ import annotations

import pickle
import re

from kymflow.core.zarr.indexers.contract import contract_of
from kymflow.testing.conformance.findings import Breach
from kymflow.testing.conformance.limits import describe
from kymflow.testing.conformance.subject import Subject

_IDENTIFIER = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,99}")


def meets_the_protocol(subject: Subject) -> None:
    """It has a name, a table_name and extract_rows, and all optional members are what they should be."""
    # The author's own properties run here.
    try:
        contract_of(subject.indexer)
    except Exception as error:
        raise Breach(
            "it is no indexer that kymflow can use",
            expected="an instance with name, table_name and extract_rows(rec)",
            got=describe(error),
            remedy="Give it these members; docs/writing-an-indexer.md shows them",
        ) from error


def name_is_an_identifier(subject: Subject) -> None:
    """Its name can be typed on a command line as it is."""
    name = subject.contract.indexer
    if not _IDENTIFIER.fullmatch(name):
        usable = re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").lower()
        raise Breach(
            "its name is awkward: people type it on the command line and write it into files",
            expected="a letter, then at most 99 letters, digits, '_', '-' and '.'",
            got=repr(name),
            remedy=f"Rename it, for example to {usable!r}",
        )


def schema_version_is_given(subject: Subject) -> None:
    """Its schema version is a text that can be told from another."""
    version = subject.contract.schema_version
    if not version or version != version.strip() or not version.isprintable():
        raise Breach(
            "its schema_version tells nothing",
            expected="a short text such as '1'",
            got=repr(version),
            remedy="Give it one, and raise it whenever the same artifacts shall give other rows",
        )


def required_columns_are_names(subject: Subject) -> None:
    """Each name that required_columns() gives is there once, and none is blank."""
    _ = subject.contract
    method = getattr(subject.indexer, "required_columns", None)
    names = list(method()) if method is not None else []
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated or any(not name.strip() for name in names):
        raise Breach(
            "required_columns() does not give names of columns",
            expected="each name once, none of them blank",
            got=repr(names),
            remedy="Return a list of the columns that the table always has",
        )


def promises_stay_the_same(subject: Subject) -> None:
    """Name, table name, version and columns are the same at every look, also after it was used."""
    promised = subject.contract
    # Before all else, so that it is told from what the indexer remembers.
    _ = subject.baseline
    used = subject.fresh()
    for image_id in subject.sample.image_ids:
        subject.extract(used, image_id)
    for when, indexer in (
        ("at a second look", subject.indexer),
        ("of a copy", subject.fresh()),
        ("after extract_rows was called", used),
    ):
        try:
            now: object = contract_of(indexer)
            same = now == promised
        except Exception as error:  # noqa: BLE001
            # The author's own properties run here.
            now, same = describe(error), False
        if not same:
            raise Breach(
                f"what it promises of its table is another thing {when}",
                expected=f"{promised}",
                got=f"{now}",
                remedy="Make name, table_name, schema_version, columns and required_columns() constants",
            )


def can_be_pickled(subject: Subject) -> None:
    """It can be pickled, so that records can be worked on in several processes."""
    remedy = (
        "Define its class at the top of a module, and keep open files, locks, lambdas and connections out "
        "of its attributes"
    )
    error = subject.pickle_error
    if error is not None:
        raise Breach(
            "it cannot be pickled, so that it can run in no other process",
            expected="pickle.dumps(indexer) to work",
            got=describe(error),
            remedy=remedy,
        ) from error
    try:
        copy = contract_of(pickle.loads(subject.pickled))
    except Exception as cause:
        raise Breach(
            "it does not come back from its pickle as an indexer",
            expected="pickle.loads(pickle.dumps(indexer)) to be like it",
            got=describe(cause),
            remedy=remedy,
        ) from cause
    names = (copy.indexer, copy.table_name)
    if names != (subject.contract.indexer, subject.contract.table_name):
        raise Breach(
            "it comes back from its pickle as another indexer",
            expected=f"the names {(subject.contract.indexer, subject.contract.table_name)}",
            got=str(names),
            remedy=remedy,
        )
