"""The world around the commit: everything that can happen in any order, and what must always hold.

Each step is one store call of somebody, so that writers meet, and die, between any two of them. All orders
are tried by :mod:`.search`. It shows to those who act, and to those who check, the fields that they see.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

from support.commit_model.model import (
    BACK,
    BY_HAND,
    DELETED,
    IMAGES,
    UNDONE,
    Dependency,
    Fault,
    Ledger,
    Protocol,
    Reader,
    Table,
    World,
    Writer,
    content,
    put,
)

Moves = Iterator[tuple[str, World]]
DISK = ("table", "ledgers", "files", "live")


# What a writer sees of the world in each of its steps, besides itself.
STEP_SEES: dict[str, tuple[str, ...]] = {
    "extract": ("files", "clock"),
    "read": ("files", "clock"),
    "read late": ("files", "clock"),
    "lock": ("lock",),
    "unlock": ("lock",),
    "read table": ("table",),
    "withdraw": ("ledgers",),
    "list ledgers": ("ledgers",),
    "list others": ("ledgers",),
    "read ledger": ("table", "ledgers"),
    "list images": ("live", "files"),
    "check": ("files", "clock"),
    "check table": ("files",),
    "write ledger": ("ledgers",),
    "renew ledger": ("ledgers", "live", "promised"),
    "replace table": ("table", "live", "promised"),
    "delete ledger": ("ledgers",),
    "end": (),
    "dead": (),
}
READER_SEES = {"read table": ("table",), "read ledger": ("table", "ledgers"), "look": (), "end": ()}
HAPPENING_SEES = ("edits", "deletion", "hands", "ticks", "table", "files", "live", "clock", "promised")


class Actor(NamedTuple):
    """Somebody who acts: the field that it is in, what it sees besides when it acts, and what it may do."""

    field: str
    sees: Callable[[Any], tuple[str, ...]]
    moves: Callable[[World], Moves]


def actors(protocol: Protocol, n_writers: int) -> Iterator[Actor]:
    """Yield all who act."""
    for place in range(n_writers):
        field = f"writer {place}"
        yield Actor(field, lambda writer: STEP_SEES[writer.next], partial(_write_on, protocol, place))
        yield Actor(field, lambda _: ("lock", "crashes"), partial(_die, protocol, place))
    yield Actor("reader", lambda reader: READER_SEES[reader.next], partial(_read_on, protocol))
    yield Actor("outsider", lambda _: HAPPENING_SEES, _happen)


def _write_on(protocol: Protocol, place: int, world: World) -> Moves:
    writer = world.writers[place]
    if writer.next in ("end", "dead"):
        return
    moved = protocol.step(world, place)
    if moved is not None:
        yield f"{writer.name}: {moved[0]}", moved[1]


def _die(protocol: Protocol, place: int, world: World) -> Moves:
    writer = world.writers[place]
    if writer.next in ("end", "dead") or not world.crashes:
        return
    held = world.lock == writer.name and protocol.fault != Fault.ETERNAL_LOCK
    dead = put(world.writers, place, Writer(writer.name, "dead"))
    lock = "" if held else world.lock
    yield f"{writer.name} dies", world._replace(writers=dead, lock=lock, crashes=world.crashes - 1)


def _read_on(protocol: Protocol, world: World) -> Moves:
    reader = world.reader
    if reader.next == "read table":
        yield "reader: read table", world._replace(reader=Reader("read ledger", world.table))
    elif reader.next == "read ledger":
        ledger = protocol.find_ledger(world, reader.table)
        # If its table is not there any more, another writer took the ledger away with it.
        anew = ledger is None and world.table != reader.table
        following = Reader("read table") if anew else Reader("look", reader.table, ledger)
        yield "reader: read ledger", world._replace(reader=following)
    elif reader.next == "look":
        yield "reader: look at the artifacts", world._replace(reader=Reader())


def _happen(world: World) -> Moves:
    if world.edits:
        number, *rest = world.edits
        files = put(world.files, 0, Dependency(number, world.clock))
        word = "as it was again" if number == UNDONE else "edited"
        yield f"artifact 0 is {word}", world._replace(files=files, edits=tuple(rest))
    if world.deletion:
        yield _delete_on(world)
    if world.hands and world.table is not None:
        table = world.table._replace(rows=put(world.table.rows, 0, BY_HAND))
        # Nothing tells any more what its rows are of: nobody's update is in it for certain.
        by_hand = world._replace(table=table, hands=world.hands - 1, promised=(0, 0))
        yield "the table is edited by hand", by_hand
    if world.ticks:
        yield "time passes", world._replace(clock=world.clock + 1, ticks=world.ticks - 1)


def _delete_on(world: World) -> tuple[str, World]:
    step, *rest = world.deletion
    world = world._replace(deletion=tuple(rest))
    if step == "attributes":
        promised = put(world.promised, 1, 0)
        return "attributes of 1 go", world._replace(live=put(world.live, 1, False), promised=promised)
    if step == "artifact":
        return "artifact 1 goes", world._replace(files=put(world.files, 1, Dependency(DELETED, world.clock)))
    if step == "back":
        return "image 1 is back", world._replace(live=put(world.live, 1, True))
    return "artifact 1 is back", world._replace(files=put(world.files, 1, Dependency(BACK, world.clock)))


# What must always hold


def checks(protocol: Protocol, n_writers: int) -> Iterator[tuple[tuple[str, ...], Callable[[World], str]]]:
    """Yield all checks: the fields that one sees, and what says what is wrong there; empty if nothing is."""
    yield (*DISK, "promised", "outsider"), partial(disk_problem, protocol)
    for place in range(n_writers):
        yield (f"writer {place}", "outsider"), partial(_loss, place)
    yield (*DISK, "reader"), partial(_reader_problem, protocol)


def disk_problem(protocol: Protocol, world: World) -> str:
    """Say what is wrong on the disk; empty if nothing is."""
    if world.table is not None and not world.table.whole:
        return "a reader finds half a table"
    for image in IMAGES:
        row = world.table.rows[image] if world.table is not None else None
        promised = world.promised[image]
        if world.live[image] and promised > (row or 0) and content(promised) != content(row):
            return f"a committed update of image {image} is lost"
    ledger = protocol.find_ledger(world, world.table)
    if not world.outsider and world.table is not None and ledger is None:
        return "the table has no ledger"
    return _lie(protocol, world, world.table, ledger)


def _loss(place: int, world: World) -> str:
    again = world.writers[place].lost and not world.outsider
    return "everything is extracted again although nothing was lost" if again else ""


def _reader_problem(protocol: Protocol, world: World) -> str:
    reader = world.reader
    return _lie(protocol, world, reader.table, reader.ledger) if reader.next == "look" else ""


def _lie(protocol: Protocol, world: World, table: Table | None, ledger: Ledger | None) -> str:
    for image in protocol.fresh(world, ledger):
        if not world.live[image]:
            return f"image {image} is called fresh but deleted"
        row = table.rows[image] if table is not None else None
        if content(row) != content(world.files[image].number):
            return f"image {image} is called fresh but has other rows"
    return ""


def refresh(protocol: Protocol, world: World) -> World | None:
    """Return the world after a refresh by one who is alone; None if it waits for ever."""
    ledger = protocol.find_ledger(world, world.table)
    fresh = protocol.fresh(world, ledger)
    there = protocol.there(world)
    stale = tuple(image for image in IMAGES if there[image] and image not in fresh)
    entries = ledger.entries if ledger else ()
    deleted = tuple(i for i, entry in enumerate(entries) if entry and not there[i])
    if ledger is None or world.table is None:
        writer = Writer("R", todo=IMAGES, whole=True)
    elif stale:
        writer = Writer("R", todo=stale, deleted=deleted)
    elif deleted:
        writer = Writer("R", next="lock" if protocol.locks else "read table", deleted=deleted)
    else:
        return world
    world = world._replace(writers=(writer,))
    while world.writers[0].next != "end":
        moved = protocol.step(world, 0)
        if moved is None:
            return None
        world = moved[1]
    return world


def last_problem(protocol: Protocol, world: World) -> str:
    """Say what is wrong where nothing can happen any more: waiting, or a refresh that does not mend all."""
    if any(writer.next not in ("end", "dead") for writer in world.writers):
        return "somebody waits for ever"
    after = refresh(protocol, world)
    if after is None:
        return "a refresh waits for ever"
    expected = [content(f.number) if there else 0 for f, there in zip(world.files, world.live, strict=True)]
    rows = [content(number) for number in after.table.rows] if after.table is not None else []
    if rows != expected:
        return f"after a refresh the table has {rows}, a rebuild would give {expected}"
    return disk_problem(protocol, after)
