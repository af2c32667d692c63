"""Checks that rows come from the record and from nothing else."""

from __future__ import annotations

import contextlib
import os
import pickle
import random
from collections.abc import Iterator
from typing import Any
from unittest import mock

import numpy as np

from kymflow.testing.conformance.comparing import check_same
from kymflow.testing.conformance.findings import Breach
from kymflow.testing.conformance.subject import Subject

# What every program needs to find files and programs, and the time zone, which has a check of its own.
_EVERYBODYS = {"HOME", "PATH", "TEMP", "TMP", "TMPDIR", "TZ", "USERPROFILE"}
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
        for name in sorted(one for one in noted - _EVERYBODYS if not one.startswith("KYMFLOW_")):
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


def leaves_the_process_as_it_was(subject: Subject) -> None:
    """It changes neither the working directory nor the environment nor the global random generators."""
    for image_id in subject.good:
        # A seed of its own: one that the indexer sets would not be told from itself.
        with _seeded(3):
            before = _process_state()
            try:
                subject.extract(subject.fresh(), image_id)
                after = _process_state()
            finally:
                os.chdir(before["the working directory"])
        for name, value in before.items():
            if after[name] != value:
                raise Breach(
                    f"it changed {name} (image {image_id!r})",
                    expected="everything in the process as it was",
                    got="a change that every other indexer then meets",
                    remedy="Use a generator of its own (np.random.default_rng(0)), and absolute paths",
                )


def _process_state() -> dict[str, Any]:
    return {
        "the working directory": os.getcwd(),
        "the environment variables": dict(os.environ),
        "Python's random generator": random.getstate(),
        "NumPy's random generator": pickle.dumps(np.random.get_state()),
    }
