"""A model of the commit: what a writer does, one store call after the other, on small numbers.

An image is 0 or 1. An artifact is the number of the write that it is of; a deletion counts as one. A
table is its commit and, per image, the write that its rows are of; None where it knows no such image.
What else can happen, and what must always hold, is in :mod:`.world`.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal, NamedTuple

IMAGES = (0, 1)
# Artifact 0 is edited, and the edit undone; artifact 1 goes with its image and may come back.
ORIGINAL, EDITED, UNDONE, EDITED_AGAIN, DELETED, BACK, BY_HAND = range(1, 8)
_CONTENT = {ORIGINAL: 1, EDITED: 2, UNDONE: 1, EDITED_AGAIN: 4, DELETED: 0, BACK: 1, BY_HAND: 3}


class Fault(StrEnum):
    """One thing that a protocol does wrong."""

    NONE = ""
    NO_RECHECK = "nothing is looked at again before the commit"
    OVER_THEIRS = "outdated rows replace those of another writer that still hold"
    OLDER_WINS = "of outdated rows the older ones replace the newer ones"
    NOTED_AS_NOW = "outdated rows are noted as made from what is there now"
    EARLY_MERGE = "rows are merged into the table as it was before the lock"
    NO_LOCK = "nobody locks"
    ETERNAL_LOCK = "a lock outlives its holder"
    NO_IF_MATCH = "the table is replaced without If-Match"
    BLIND_RETRY = "after a conflict only the replacing is tried again"
    UNGUARDED_SAME = "a table in which nothing changes is left without If-Match"
    NO_SECOND_LOOK = "a ledger that went with its table counts as lost"
    TABLE_FIRST = "the table is replaced before its ledger is written"
    UNTIED_LEDGER = "the ledger is not tied to a table"
    ID_ALONE = "the ledger is known by its commit id alone"
    EARLY_CLEANING = "older ledgers go before the table is replaced"
    LATE_LISTING = "all other ledgers go, as listed after the commit"
    TWO_READS = "the rows are of one read, the hash of another"
    YOUNG_TRUSTED = "a file is known by its time however young"
    LATE_CLOCK = "the clock is read after the file"
    IN_PLACE = "the table is written in place"
    DELETED_STAY = "rows of deleted images stay"
    DELETED_UNSEEN = "an image counts as there as long as it has an artifact"


class Dependency(NamedTuple):
    """A write of an artifact, when it was made, and when it was looked at."""

    number: int
    time: int = -1
    at: int = 0


class Table(NamedTuple):
    """The file of a table; `commit` stands in its footer."""

    commit: str
    rows: tuple[int | None, ...]
    whole: bool = True


class Ledger(NamedTuple):
    """A ledger; it names the commit and the bytes that it is of."""

    commit: str
    of: Table
    entries: tuple[Dependency | None, ...]


class Writer(NamedTuple):
    """A writer: what it does next, and what it has in memory.

    `deleted` are images whose rows it was told to drop. Its own rows of `doubtful` images are still to be
    compared with the artifacts; `outdated` ones no longer fit, so that what is in the table is compared
    as well; rows of `theirs` are left to other writers; the images of `again` are taken once more.
    """

    name: str
    next: str = "extract"
    todo: tuple[int, ...] = ()
    deleted: tuple[int, ...] = ()
    whole: bool = False
    lost: bool = False
    rows: tuple[int | None, ...] = (None, None)
    seen: tuple[Dependency | None, ...] = (None, None)
    clock: int = 0
    table: Table | None = None
    expects: Table | None = None
    older: tuple[str, ...] = ()
    ledger: Ledger | None = None
    live: tuple[bool, ...] = ()
    doubtful: tuple[int, ...] = ()
    outdated: tuple[int, ...] = ()
    theirs: tuple[int, ...] = ()
    again: tuple[int, ...] = ()
    attempt: int = 1
    written: bool = False

    @property
    def commit(self) -> str:
        return f"{self.name}{self.attempt}"


class Reader(NamedTuple):
    """Somebody who asks which images are fresh, and what it has in memory."""

    next: str = "end"
    table: Table | None = None
    ledger: Ledger | None = None


class World(NamedTuple):
    """What is on disk and in memory, and what may still happen.

    `promised` is what nobody may undo: per image, the newest write whose rows were committed.
    """

    writers: tuple[Writer, ...]
    table: Table | None
    ledgers: frozenset[Ledger]
    files: tuple[Dependency, ...] = (Dependency(ORIGINAL), Dependency(ORIGINAL))
    live: tuple[bool, ...] = (True, True)
    reader: Reader = Reader()
    lock: str = ""
    edits: tuple[int, ...] = ()
    deletion: tuple[str, ...] = ()
    hands: int = 0
    outsider: bool = False
    clock: int = 0
    ticks: int = 0
    crashes: int = 0
    promised: tuple[int, ...] = (0, 0)


Step = tuple[str, World, Writer]


def content(number: int | None) -> int:
    """Return what can be seen of a write, or of the rows made of it."""
    return 0 if number is None else _CONTENT[number]


def put(items: tuple[Any, ...], place: int, item: object) -> tuple[Any, ...]:
    """Return `items` with another one in one place."""
    return (*items[:place], item, *items[place + 1 :])


def same_rows(one: Table, other: Table) -> bool:
    """Tell whether nobody could tell the rows of two tables apart."""
    return [content(number) for number in one.rows] == [content(number) for number in other.rows]


@dataclass(frozen=True)
class Protocol:
    """What writers do on a kind of store, step by step.

    Attributes
    ----------
    store : {"local", "object"}
        A disk with locks, or a store with conditional puts.
    fault : Fault
        The one thing that is done wrong.
    clocked : bool
        Whether time passes; if not, every file is too young to be known by its time.
    """

    store: Literal["local", "object"]
    fault: Fault = Fault.NONE
    clocked: bool = False

    # What can be told from the disk

    def find_ledger(self, world: World, table: Table | None) -> Ledger | None:
        """Return the ledger that belongs to a table."""
        for ledger in world.ledgers:
            if self.fault == Fault.UNTIED_LEDGER:
                return ledger
            if table is None or ledger.commit != table.commit:
                continue
            if ledger.of == table or self.fault == Fault.ID_ALONE:
                return ledger
        return None

    def holds(self, seen: Dependency, now: Dependency) -> bool:
        """Tell whether an artifact is as it was."""
        settled = seen.time < seen.at or self.fault == Fault.YOUNG_TRUSTED
        return (settled and seen.time == now.time) or content(seen.number) == content(now.number)

    def there(self, world: World) -> tuple[bool, ...]:
        """List the images."""
        if self.fault == Fault.DELETED_UNSEEN:
            return tuple(content(file.number) > 0 for file in world.files)
        return world.live

    def fresh(self, world: World, ledger: Ledger | None) -> list[int]:
        """Return the images that a plan calls fresh."""
        there = self.there(world)
        return [
            image
            for image, entry in enumerate(ledger.entries if ledger else ())
            if there[image] and entry is not None and self.holds(entry, world.files[image])
        ]

    # A writer's steps

    @property
    def locks(self) -> bool:
        return self.store == "local" and self.fault != Fault.NO_LOCK

    def step(self, world: World, place: int) -> tuple[str, World] | None:
        """Let a writer take its next step; None if it has to wait."""
        writer = world.writers[place]
        if writer.next == "lock" and world.lock:
            return None
        label, world, writer = getattr(self, f"_{writer.next.replace(' ', '_')}")(world, writer)
        if writer.next == "end":
            writer = Writer(writer.name, "end")
        return label, world._replace(writers=put(world.writers, place, writer))

    def _extract(self, world: World, writer: Writer) -> Step:
        if self.clocked and self.fault != Fault.LATE_CLOCK:
            return "look at the clock", world, writer._replace(clock=world.clock, next="read")
        return self._read(world, writer)

    def _read(self, world: World, writer: Writer) -> Step:
        image, file = writer.todo[0], world.files[writer.todo[0]]
        writer = writer._replace(
            rows=put(writer.rows, image, file.number),
            seen=put(writer.seen, image, file._replace(at=writer.clock)),
        )
        if self.fault == Fault.TWO_READS or (self.clocked and self.fault == Fault.LATE_CLOCK):
            return f"extract {image}", world, writer._replace(next="read late")
        return f"extract {image}", world, self._extracted(writer)

    def _read_late(self, world: World, writer: Writer) -> Step:
        image = writer.todo[0]
        before = writer.seen[image]
        assert before is not None
        if self.fault == Fault.TWO_READS:
            seen = world.files[image]._replace(at=before.at)
        else:
            seen = before._replace(at=world.clock)
        writer = writer._replace(seen=put(writer.seen, image, seen))
        return f"look at {image} again", world, self._extracted(writer)

    def _extracted(self, writer: Writer) -> Writer:
        writer = writer._replace(todo=writer.todo[1:])
        return writer._replace(next="extract") if writer.todo else self._to_commit(writer)

    def _to_commit(self, writer: Writer) -> Writer:
        locks = self.locks and self.fault != Fault.EARLY_MERGE
        return writer._replace(next="lock" if locks else "read table")

    def _lock(self, world: World, writer: Writer) -> Step:
        early = self.fault == Fault.EARLY_MERGE
        following = "list ledgers" if early else "read table"
        return "lock", world._replace(lock=writer.name), writer._replace(next=following)

    def _read_table(self, world: World, writer: Writer) -> Step:
        following = "withdraw" if writer.written else "list ledgers"
        if self.locks and self.fault == Fault.EARLY_MERGE:
            following = "lock"
        writer = writer._replace(next=following, table=world.table, expects=world.table)
        return "read table", world, writer

    def _withdraw(self, world: World, writer: Writer) -> Step:
        ledgers = frozenset(other for other in world.ledgers if other.commit != writer.commit)
        writer = writer._replace(next="list ledgers", written=False, attempt=writer.attempt + 1)
        return "delete ledger", world._replace(ledgers=ledgers), writer

    def _list_ledgers(self, world: World, writer: Writer) -> Step:
        older = tuple(sorted(ledger.commit for ledger in world.ledgers))
        following = "list images" if writer.table is None else "read ledger"
        return "list ledgers", world, writer._replace(next=following, older=older)

    def _read_ledger(self, world: World, writer: Writer) -> Step:
        ledger = self.find_ledger(world, writer.table)
        if ledger is None and world.table != writer.table and self.fault != Fault.NO_SECOND_LOOK:
            # Another writer took it away with the table that it was of.
            return "read ledger", world, writer._replace(next="read table", older=())
        return "read ledger", world, writer._replace(next="list images", ledger=ledger)

    def _list_images(self, world: World, writer: Writer) -> Step:
        # One who changes some images looks for just these: the others are the next refresh's.
        spoken_of = [writer.whole or writer.rows[i] is not None or i in writer.deleted for i in IMAGES]
        there = tuple(there or not spoken_of[i] for i, there in enumerate(self.there(world)))
        back = tuple(i for i in writer.deleted if there[i] and writer.rows[i] is None)
        doubtful = tuple(i for i in IMAGES if there[i] and writer.rows[i] is not None)
        if self.fault == Fault.NO_RECHECK:
            doubtful = ()
        return "list images", world, self._checked(writer._replace(live=there, doubtful=doubtful, again=back))

    def _check(self, world: World, writer: Writer) -> Step:
        image, *rest = writer.doubtful
        seen, now = writer.seen[image], world.files[image]
        assert seen is not None
        writer = writer._replace(doubtful=tuple(rest))
        if self.holds(seen, now):
            writer = self._revalidated(writer, image, now, world.clock)
        elif self.fault == Fault.NOTED_AS_NOW:
            writer = writer._replace(seen=put(writer.seen, image, now))
        elif self._in_table(writer, image) is None or self.fault == Fault.OVER_THEIRS:
            writer = writer._replace(again=(*writer.again, image))
        else:
            writer = writer._replace(outdated=(*writer.outdated, image))
        return f"check {image}", world, self._checked(writer)

    def _revalidated(self, writer: Writer, image: int, now: Dependency, clock: int) -> Writer:
        """Note that rows of the same content are as good as extracted now."""
        seen = writer.seen[image]
        assert seen is not None
        if content(seen.number) != content(now.number):
            # Its time alone made it look the same.
            now = seen
        elif content(writer.rows[image]) == content(now.number):
            writer = writer._replace(rows=put(writer.rows, image, now.number))
        return writer._replace(seen=put(writer.seen, image, now._replace(at=clock)))

    def _check_table(self, world: World, writer: Writer) -> Step:
        """Decide between a writer's own rows, which are outdated, and those that are in the table."""
        image, *rest = writer.outdated
        mine, theirs = writer.seen[image], self._in_table(writer, image)
        assert mine is not None
        assert theirs is not None
        writer = writer._replace(outdated=tuple(rest))
        if self.holds(theirs, world.files[image]):
            writer = writer._replace(theirs=(*writer.theirs, image))
        else:
            writer = writer._replace(again=(*writer.again, image))
            # Which was read later is told by the clock.
            if theirs.number > mine.number and self.fault != Fault.OLDER_WINS:
                writer = writer._replace(theirs=(*writer.theirs, image))
        return f"check {image}", world, self._checked(writer)

    def _in_table(self, writer: Writer, image: int) -> Dependency | None:
        return writer.ledger.entries[image] if writer.table and writer.ledger else None

    def _checked(self, writer: Writer) -> Writer:
        """Say what a writer does once everything is known."""
        if writer.doubtful:
            return writer._replace(next="check")
        if writer.outdated:
            return writer._replace(next="check table")
        if writer.ledger is None and not writer.whole:
            return self._lost(writer)
        table, entries = self._merged(writer)
        may_stay = self.store == "local" or self.fault == Fault.UNGUARDED_SAME
        if may_stay and not writer.whole and writer.table and same_rows(writer.table, table):
            if writer.ledger is not None and writer.ledger.entries == entries:
                return self._committed(writer._replace(older=()))
            return writer._replace(next="renew ledger", older=())
        table_first = self.fault == Fault.TABLE_FIRST
        return writer._replace(next="replace table" if table_first else "write ledger")

    def _lost(self, writer: Writer) -> Writer:
        """Nothing tells what the other images gave: extract these as well, and make the whole table."""
        others = tuple(image for image in IMAGES if writer.rows[image] is None)
        mine = Writer(writer.name, todo=others, whole=True, lost=True, rows=writer.rows, seen=writer.seen)
        mine = mine._replace(attempt=writer.attempt)
        if self.locks:
            return mine._replace(next="unlock")
        return mine if others else self._to_commit(mine)

    def _merged(self, writer: Writer) -> tuple[Table, tuple[Dependency | None, ...]]:
        rows: list[int | None] = [None, None]
        entries: list[Dependency | None] = [None, None]
        for image in IMAGES:
            if writer.live[image] and writer.rows[image] is not None and image not in writer.theirs:
                rows[image], entries[image] = writer.rows[image], writer.seen[image]
            elif writer.table is None or writer.ledger is None:
                continue
            elif writer.live[image] or self.fault == Fault.DELETED_STAY:
                rows[image], entries[image] = writer.table.rows[image], writer.ledger.entries[image]
        return Table(writer.commit, tuple(rows)), tuple(entries)

    def _write_ledger(self, world: World, writer: Writer) -> Step:
        table, entries = self._merged(writer)
        commit = "the only one" if self.fault == Fault.UNTIED_LEDGER else table.commit
        world = _with_ledger(world, Ledger(commit, table, entries))
        if self.fault == Fault.TABLE_FIRST:
            return "write ledger", world, self._committed(writer)
        early = self.fault == Fault.EARLY_CLEANING and writer.older
        writer = writer._replace(next="delete ledger" if early else "replace table", written=True)
        return "write ledger", world, writer

    def _renew_ledger(self, world: World, writer: Writer) -> Step:
        assert writer.table is not None
        world = _with_ledger(world, Ledger(writer.table.commit, writer.table, self._merged(writer)[1]))
        return "write ledger", _promise(world, writer), self._committed(writer)

    def _replace_table(self, world: World, writer: Writer) -> Step:
        conflict = self.store == "object" and world.table != writer.expects
        if conflict and self.fault == Fault.BLIND_RETRY:
            return "conflict", world, writer._replace(expects=world.table)
        if conflict and self.fault != Fault.NO_IF_MATCH:
            anew = Writer(writer.name, "read table", (), writer.deleted, writer.whole, writer.lost)
            anew = anew._replace(rows=writer.rows, seen=writer.seen)
            return "conflict", world, anew._replace(attempt=writer.attempt, written=writer.written)
        table, _ = self._merged(writer)
        half = table._replace(whole=False)
        if self.fault == Fault.IN_PLACE and world.table != half:
            return "begin table", world._replace(table=half), writer
        world = _promise(world._replace(table=table), writer)
        if self.fault == Fault.TABLE_FIRST:
            return "replace table", world, writer._replace(next="write ledger")
        return "replace table", world, self._committed(writer)

    def _committed(self, writer: Writer) -> Writer:
        done = Writer(writer.name, "unlock", older=writer.older, again=writer.again, attempt=writer.attempt)
        return done if self.locks else self._unlocked(done)

    def _unlock(self, world: World, writer: Writer) -> Step:
        return "unlock", world._replace(lock=""), self._unlocked(writer)

    def _unlocked(self, writer: Writer) -> Writer:
        if writer.todo:
            return writer._replace(next="extract")
        if writer.whole:
            return self._to_commit(writer)
        if not writer.older:
            return self._once_more(writer)
        late = self.fault == Fault.LATE_LISTING
        return writer._replace(next="list others" if late else "delete ledger")

    def _once_more(self, writer: Writer) -> Writer:
        """Take what changed meanwhile again, after the commit and without the lock."""
        return Writer(
            writer.name, "extract" if writer.again else "end", writer.again, attempt=writer.attempt + 1
        )

    def _list_others(self, world: World, writer: Writer) -> Step:
        found = sorted(ledger.commit for ledger in world.ledgers if ledger.commit != writer.commit)
        if not found:
            return "list ledgers", world, self._once_more(writer)
        return "list ledgers", world, writer._replace(next="delete ledger", older=tuple(found))

    def _delete_ledger(self, world: World, writer: Writer) -> Step:
        first, *rest = writer.older
        world = world._replace(ledgers=frozenset(one for one in world.ledgers if one.commit != first))
        if rest:
            return "delete ledger", world, writer._replace(older=tuple(rest))
        if writer.live:
            return "delete ledger", world, writer._replace(next="replace table", older=())
        return "delete ledger", world, self._once_more(writer)


def _with_ledger(world: World, ledger: Ledger) -> World:
    others = (other for other in world.ledgers if other.commit != ledger.commit)
    return world._replace(ledgers=frozenset({*others, ledger}))


def _promise(world: World, writer: Writer) -> World:
    promised = tuple(
        max(world.promised[i], writer.rows[i] or 0)
        if world.live[i] and writer.live[i] and i not in writer.theirs
        else world.promised[i]
        for i in IMAGES
    )
    return world._replace(promised=promised)
