"""Writers that meet at every step of a commit: no update is lost or undone."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from kymflow import KymDataset
from kymflow_zarr.errors import RecordNotFoundError
from support.edited_lab import ACTIONS, check_and_mend, make_lab
from support.refreshing import TABLE, Crash, assert_whole, check_readable
from support.turns import Turns, delete, edit_and_update

pytestmark = pytest.mark.slow

PAIRS: dict[str, tuple[Callable[[KymDataset], object], Callable[[KymDataset], object]]] = {
    "update and update": (edit_and_update("a", 50), edit_and_update("a", 60)),
    "refresh and update": (ACTIONS["refresh"], edit_and_update("a", 60)),
    "refresh and delete": (ACTIONS["refresh"], delete("d")),
    "rebuild and refresh": (ACTIONS["rebuild"], ACTIONS["refresh"]),
    "refresh and refresh": (ACTIONS["refresh"], ACTIONS["refresh"]),
}


def two_writers(tmp_path: Path, pair: str, first_steps: Callable[[int], int], crash: bool = False) -> int:
    """Let one writer go so many steps, then the other as far as it can, then the first to its end."""
    original = make_lab(tmp_path / "original.zarr")
    path = tmp_path / "lab.zarr"
    n = 0
    cases = 0
    while True:
        n = first_steps(n)
        shutil.copytree(original.ds.path, path)
        turns = Turns()
        one = turns.start(path, PAIRS[pair][0])
        for _ in range(n):
            one.step()
        over = one.ended
        other = turns.start(path, PAIRS[pair][1])
        other.steps_until_end(300)
        if crash and not over:
            one.crash()
        check_readable(path)
        turns.finish()
        check_and_mend(path)
        shutil.rmtree(path)
        cases += 1
        if over:
            return cases


@pytest.mark.parametrize("pair", PAIRS)
def test_another_writer_at_some_steps_is_neither_lost_nor_undone(tmp_path: Path, pair: str) -> None:
    assert two_writers(tmp_path, pair, lambda n: n + 7) > 3


@pytest.mark.long
@pytest.mark.parametrize("crash", [False, True])
@pytest.mark.parametrize("pair", PAIRS)
def test_another_writer_at_any_step_is_neither_lost_nor_undone(
    tmp_path: Path, pair: str, crash: bool
) -> None:
    assert two_writers(tmp_path, pair, lambda n: n + 1, crash) > 20


def random_turns(path: Path, original: KymDataset, seed: int) -> None:
    """Two writers, a deleter, turns by lot; now and then one dies."""
    chance = random.Random(seed)
    shutil.copytree(original.ds.path, path)
    turns = Turns()
    works = [
        chance.choice([edit_and_update("a", 50), ACTIONS["refresh"], ACTIONS["rebuild"]]),
        chance.choice([edit_and_update("b", 60), edit_and_update("a", 61), ACTIONS["refresh"]]),
        delete(chance.choice("bc")),
    ]
    actors = [turns.start(path, work) for work in works]
    doomed = chance.choice([*actors, None])
    last = chance.randrange(80)
    while any(not actor.ended for actor in actors):
        actor = chance.choice([actor for actor in actors if not actor.ended])
        for _ in range(chance.choice([1, 1, 3, 10])):
            actor.step()
        if doomed is not None and doomed.steps >= last and not doomed.ended:
            doomed.crash()
    check_readable(path)
    for actor in actors:
        actor.thread.join(30)
        if isinstance(actor.error, RecordNotFoundError):
            # Somebody edits what another one deletes.
            continue
        if actor.error is not None and not isinstance(actor.error, Crash):
            raise AssertionError(f"seed {seed}: {actor.error!r}") from actor.error
    check_and_mend(path)
    shutil.rmtree(path)


def test_three_writers_taking_turns_by_lot(tmp_path: Path) -> None:
    original = make_lab(tmp_path / "original.zarr")
    for seed in range(15):
        random_turns(tmp_path / "lab.zarr", original, seed)
    assert_whole(original.ds.load_table(TABLE))


@pytest.mark.long
def test_three_writers_taking_turns_by_lot_often(tmp_path: Path) -> None:
    original = make_lab(tmp_path / "original.zarr")
    for seed in range(1000, 2500):
        random_turns(tmp_path / "lab.zarr", original, seed)
    assert_whole(original.ds.load_table(TABLE))
