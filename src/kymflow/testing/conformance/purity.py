"""Checks that rows come from the record and from nothing else."""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator
from unittest import mock

import numpy as np

from kymflow.testing.conformance.children.surroundings import EVERYBODYS
from kymflow.testing.conformance.comparing import check_same
from kymflow.testing.conformance.subject import Subject

_PURE = "Make rows of nothing but what the record gives"


def rows_are_the_same_twice(subject: Subject) -> None:
    """The same record gives the same rows again, whatever the random generators were seeded with."""
    for image_id, rows in subject.good.items():
        for seed in (1, 2):
            with _seeded(seed):
                again = subject.extract(subject.fresh(), image_id)
            check_same(
                again,
                rows,
                what="the same record gave other rows the second time",
                remedy=f"{_PURE}: no time, no new ids, no random numbers (or np.random.default_rng(0) each "
                "time)",
            )


@contextlib.contextmanager
def _seeded(seed: int) -> Iterator[None]:
    before = random.getstate(), np.random.get_state()
    random.seed(seed)
    np.random.seed(seed)
    try:
        yield
    finally:
        random.setstate(before[0])
        np.random.set_state(before[1])


def rows_depend_on_no_working_directory(subject: Subject) -> None:
    """The rows are the same when the program was started in another folder."""
    folder = subject.new_path("empty")
    folder.mkdir()
    for image_id, rows in subject.good.items():
        with contextlib.chdir(folder):
            again = subject.extract(subject.fresh(), image_id)
        check_same(
            again,
            rows,
            what="it gave other rows in another working directory",
            remedy=f"{_PURE}: open no file by a relative path; ship constants in the module, and put what "
            "belongs to an image into an artifact",
        )


def rows_depend_on_no_environment_variable(subject: Subject) -> None:
    """The rows are the same whatever the environment variables say that it looks at."""
    for image_id, rows in subject.good.items():
        with _noting_variables() as noted:
            subject.extract(subject.fresh(), image_id)
        # Those of kymflow are asked for by whatever reads an artifact.
        for name in sorted(one for one in noted - EVERYBODYS if not one.startswith("KYMFLOW_")):
            # A number, so that it can be read as whatever is expected.
            other = "7" if os.environ.get(name) != "7" else "8"
            with mock.patch.dict(os.environ, {name: other}):
                again = subject.extract(subject.fresh(), image_id)
            check_same(
                again,
                rows,
                what=f"it depends on the environment variable {name}",
                got=f"with {name}={other}, ",
                remedy=f"{_PURE}: make it an attribute of the indexer, or part of an artifact",
            )


@contextlib.contextmanager
def _noting_variables() -> Iterator[set[str]]:
    noted: set[str] = set()
    environment = type(os.environ)
    read = environment.__getitem__

    def note(self: os._Environ[str], name: str) -> str:
        noted.add(name)
        return read(self, name)

    # Also for those who have imported the environment under another name.
    with mock.patch.object(environment, "__getitem__", note):
        yield noted
