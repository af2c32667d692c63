"""The commit, thought through: a model of it is right in every order of events.

So that it can be seen to fail, each of many broken variants is caught, with a shortest story of how it
goes wrong. That the code does what the model does is in ``test_commit_steps.py``.
"""

from __future__ import annotations

from typing import Any

import pytest

from support.commit_model import search
from support.commit_model.model import (
    EDITED,
    EDITED_AGAIN,
    IMAGES,
    ORIGINAL,
    UNDONE,
    Dependency,
    Fault,
    Ledger,
    Protocol,
    Reader,
    Table,
    World,
    Writer,
)
from support.commit_model.search import Found, explore

OLD = Table("old", (ORIGINAL, ORIGINAL))
OLD_LEDGER = Ledger("old", OLD, (Dependency(ORIGINAL), Dependency(ORIGINAL)))


def world(*writers: Writer, **more: Any) -> World:
    return World(writers, **{"table": OLD, "ledgers": frozenset({OLD_LEDGER}), "crashes": 1, **more})


# One writer updates image 0, the other both images.
ONE, BOTH = Writer("A", todo=(0,)), Writer("B", todo=(0, 1))
FROM_NOTHING = [Writer(name, todo=IMAGES, whole=True) for name in "AB"]
GOES = ("attributes", "artifact")
READER = Reader("read table")

WORLDS: dict[str, World] = {
    "an edit and its undoing": world(ONE, BOTH, edits=(EDITED, UNDONE), reader=READER),
    "three edits": world(ONE, BOTH, edits=(EDITED, UNDONE, EDITED_AGAIN)),
    "an edit, its undoing, a deletion": world(ONE, BOTH, edits=(EDITED, UNDONE), deletion=GOES),
    "a deletion and a return": world(
        ONE, Writer("B", todo=(1,)), deletion=(*GOES, "back", "written"), reader=READER
    ),
    "no table yet": world(*FROM_NOTHING, table=None, ledgers=frozenset(), edits=(EDITED,), deletion=GOES),
    "an edit of the table by hand": world(ONE, BOTH, edits=(EDITED,), hands=1, outsider=True),
}
TIME_PASSES = world(ONE, edits=(EDITED, UNDONE), ticks=2, reader=READER)


@pytest.mark.slow
@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("store", ["local", "object"])
def test_no_order_of_events_breaks_what_must_always_hold(store: Any, name: str) -> None:
    found = explore(Protocol(store), WORLDS[name])

    assert found.problem == "", found
    assert found.states > 1000


def test_no_order_of_events_and_moments_breaks_it_either() -> None:
    found = explore(Protocol("local", clocked=True), TIME_PASSES)

    assert found.problem == "", found
    assert found.states > 1000


@pytest.mark.long
@pytest.mark.parametrize("store", ["local", "object"])
def test_no_order_of_all_events_at_once_breaks_it(store: Any) -> None:
    everything = world(ONE, BOTH, edits=(EDITED, UNDONE), deletion=(*GOES, "back", "written"), reader=READER)
    found = explore(Protocol(store), everything)

    assert found.problem == "", found
    assert found.states > 50_000


# That the model can fail

LOST = "a committed update of image 0 is lost"
LIE = "image 0 is called fresh but has other rows"
NO_LEDGER = "the table has no ledger"

CAUGHT: dict[Fault, tuple[str, str, str]] = {
    Fault.NO_RECHECK: ("local", "an edit and its undoing", LOST),
    Fault.OVER_THEIRS: ("local", "an edit and its undoing", LOST),
    Fault.OLDER_WINS: ("local", "three edits", LOST),
    Fault.NOTED_AS_NOW: ("local", "an edit and its undoing", LIE),
    Fault.EARLY_MERGE: ("local", "an edit and its undoing", LOST),
    Fault.NO_LOCK: ("local", "an edit and its undoing", LOST),
    Fault.ETERNAL_LOCK: ("local", "an edit and its undoing", "somebody waits for ever"),
    Fault.NO_IF_MATCH: ("object", "an edit of the table by hand", LOST),
    Fault.BLIND_RETRY: ("object", "an edit of the table by hand", LOST),
    Fault.UNGUARDED_SAME: ("object", "an edit and its undoing", LOST),
    Fault.NO_SECOND_LOOK: ("object", "a deletion and a return", "everything is extracted again although"),
    Fault.TABLE_FIRST: ("local", "an edit and its undoing", NO_LEDGER),
    Fault.UNTIED_LEDGER: ("local", "an edit and its undoing", LIE),
    Fault.ID_ALONE: ("local", "an edit of the table by hand", LIE),
    Fault.EARLY_CLEANING: ("object", "an edit and its undoing", NO_LEDGER),
    Fault.LATE_LISTING: ("local", "an edit and its undoing", NO_LEDGER),
    Fault.TWO_READS: ("local", "an edit and its undoing", LIE),
    Fault.YOUNG_TRUSTED: ("local", "time passes", LIE),
    Fault.LATE_CLOCK: ("local", "time passes", LIE),
    Fault.IN_PLACE: ("local", "an edit and its undoing", "a reader finds half a table"),
    Fault.DELETED_STAY: ("local", "an edit, its undoing, a deletion", "after a refresh the table has"),
    Fault.DELETED_UNSEEN: (
        "local",
        "an edit, its undoing, a deletion",
        "image 1 is called fresh but deleted",
    ),
}


def find_fault(fault: Fault) -> Found:
    store, name, _ = CAUGHT[fault]
    clocked = name == "time passes"
    start = TIME_PASSES if clocked else WORLDS[name]
    return explore(Protocol(store, fault, clocked), start)  # type: ignore[arg-type]


def test_every_fault_is_tried() -> None:
    assert set(CAUGHT) == set(Fault) - {Fault.NONE}


@pytest.mark.slow
@pytest.mark.parametrize("fault", CAUGHT, ids=str)
def test_a_protocol_that_is_wrong_in_one_place_is_caught(fault: Fault) -> None:
    found = find_fault(fault)

    assert found.problem.startswith(CAUGHT[fault][2]), found
    assert found.trace, found


def test_a_counterexample_tells_the_whole_story() -> None:
    lines = str(find_fault(Fault.TABLE_FIRST)).splitlines()

    assert lines[0].endswith("; the table has no ledger")
    assert [line.strip() for line in lines[1:] if line.startswith("  A: ")] == [
        "A: extract 0",
        "A: lock",
        "A: read table",
        "A: list ledgers",
        "A: read ledger",
        "A: list images",
        "A: check 0",
        "A: replace table",
    ]


def test_who_looks_at_more_than_it_says_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise moves would be taken for the same that are not."""

    def look_at_the_lock(world: World) -> str:
        return f"{world.lock} holds the lock" if world.lock else ""

    for sees in (("table",), ("table", "lock")):
        monkeypatch.setattr(search, "checks", lambda *_, sees=sees: [(sees, look_at_the_lock)])
        if "lock" in sees:
            assert explore(Protocol("local"), WORLDS["three edits"]).problem == "A holds the lock"
        else:
            with pytest.raises(AssertionError, match="has to say so"):
                explore(Protocol("local"), WORLDS["three edits"])
