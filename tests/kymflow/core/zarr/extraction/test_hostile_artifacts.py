"""Artifacts that nobody should write: they concern their image only."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.hostile_artifacts import JSONS, PARQUETS, meet_hostile
from support.processes import StartPython, run_to_the_end
from support.refreshing import TABLE, open_dataset

# Runs in a process of its own, so that a crash of a parser is seen as one.
HOSTILE = """
import sys
from support.hostile_artifacts import {name}
{name}(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
print("done")
"""


def meet_alone(tmp_path: Path, start_python: StartPython, start: int, end: int) -> None:
    process = start_python(HOSTILE.format(name="meet_hostile"), tmp_path / "lab.zarr", start, end)
    run_to_the_end(process, 60 + 0.2 * (end - start))


def meet_together(tmp_path: Path, start_python: StartPython, start: int, end: int) -> None:
    process = start_python(HOSTILE.format(name="meet_hostile_together"), tmp_path / "lab.zarr", start, end)
    run_to_the_end(process, 120 + 0.3 * (end - start))


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(JSONS) + len(PARQUETS)))
def test_an_artifact_of_ill_will_concerns_its_image_only(tmp_path: Path, number: int) -> None:
    meet_hostile(str(tmp_path / "lab.zarr"), number, number + 1)
    assert open_dataset(tmp_path / "lab.zarr").ds.load_table(TABLE)["n"].tolist() == [1, 1, 1]


def test_bent_artifacts_concern_their_image_only(tmp_path: Path, start_python: StartPython) -> None:
    meet_alone(tmp_path, start_python, 100, 250)


@pytest.mark.long
def test_many_bent_artifacts_concern_their_image_only(tmp_path: Path, start_python: StartPython) -> None:
    meet_alone(tmp_path, start_python, 1000, 3000)


def test_hostile_artifacts_among_good_ones_concern_their_images_only(
    tmp_path: Path, start_python: StartPython
) -> None:
    meet_together(tmp_path, start_python, 0, 100)


@pytest.mark.long
def test_many_hostile_artifacts_among_good_ones_concern_their_images_only(
    tmp_path: Path, start_python: StartPython
) -> None:
    meet_together(tmp_path, start_python, 1000, 5000)
