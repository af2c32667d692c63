"""The check of the author's own instance, against its copies."""

from __future__ import annotations

import copy
import pickle
from collections.abc import Iterator
from typing import Any

from kymflow.core.plugins.process_state import kept_process_state
from kymflow.testing.conformance.comparing import check_same
from kymflow.testing.conformance.findings import Breach
from kymflow.testing.conformance.limits import describe
from kymflow.testing.conformance.subject import Subject
from kymflow.testing.conformance.there import usable


def copies_give_the_same_rows(subject: Subject) -> None:
    """The instance itself, copies and unpickled copies of it give the same rows."""
    if subject.module != "__main__":
        # Only one that has ended no other process is called in this one.
        usable(subject)
    # This is the process of whoever asks.
    with kept_process_state():
        _compare(subject)


def _compare(subject: Subject) -> None:
    for words, indexer in _instances(subject):
        for image_id, rows in subject.good.items():
            check_same(
                subject.extract(indexer, image_id),
                rows,
                what=f"{words} gave other rows than a copy in another process, as workers have it",
                remedy="Keep all settings in attributes that are copied and pickled: not in class or module "
                "variables that __init__ sets, and without a __getstate__, __reduce__ or __deepcopy__ that "
                "loses some",
            )


def _instances(subject: Subject) -> Iterator[tuple[str, Any]]:
    yield "the instance itself", subject.indexer
    yield "an unpickled copy", pickle.loads(subject.pickled)
    for words, make in (("copy.copy() of it", copy.copy), ("copy.deepcopy() of it", copy.deepcopy)):
        try:
            made = make(subject.indexer)
        except Exception as error:
            raise Breach(
                f"{words} could not be made",
                expected="a copy",
                got=describe(error),
                remedy="Keep locks, open files and connections out of its attributes",
            ) from error
        yield words, made
    yield "a copy of it, pickled after it was used,", _pickled_again(subject.indexer)


def _pickled_again(indexer: Any) -> Any:
    try:
        return pickle.loads(pickle.dumps(indexer))
    except Exception as error:
        raise Breach(
            "it cannot be pickled any more after it was used",
            expected="pickle.dumps(indexer) to work at any time: a program keeps one instance",
            got=describe(error),
            remedy="Keep locks, open files and connections out of its attributes",
        ) from error
