"""The code asks its store for the same things in the same order as the model of the commit does."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any

import obstore
import pandas as pd
import pytest
from obstore.exceptions import PreconditionError

from kymflow import IndexerRegistry, KymDataset, ZarrImageRecord
from kymflow_zarr.store.locations import is_url
from kymflow_zarr.store.object import ObjectStore
from support.commit_model.model import (
    BACK,
    EDITED,
    IMAGES,
    ORIGINAL,
    UNDONE,
    Dependency,
    Ledger,
    Protocol,
    Table,
    World,
    Writer,
)
from support.refreshing import TABLE, CellsIndexer, HookedStore, assert_like_rebuild
from support.simple_indexers import add_image

WORDS = {
    ("read", "tables"): "read table",
    ("put", "tables"): "replace table",
    ("list", "index"): "list ledgers",
    ("read", "index"): "read ledger",
    ("put", "index"): "write ledger",
    ("delete", "index"): "delete ledger",
}


class Log:
    """What the code asks of its store, in the words of the model."""

    def __init__(self) -> None:
        self.steps: list[str] = []
        # Others do something, once, right after a step of this name.
        self.meanwhile: dict[str, Callable[[], object]] = {}
        self.deaf = False

    @contextmanager
    def as_one_step(self) -> Iterator[None]:
        before, self.deaf = self.deaf, True
        try:
            yield
        finally:
            self.deaf = before

    def __call__(self, operation: str, key: str) -> None:
        when, word = operation.split()
        step = "" if self.deaf else self._step(word, key)
        if step and when == "before":
            self.note(step)
        elif step in self.meanwhile and self.commit():
            with self.as_one_step():
                self.meanwhile.pop(step)()

    def _step(self, word: str, key: str) -> str:
        if word in ("lock", "unlock", "conflict"):
            return word
        folder, _, rest = key.partition("/")
        if folder != "images":
            return WORDS.get((word, folder), "")
        image, _, artifact = rest.partition("/")
        if not rest or (word == "stat" and artifact == "zarr.json"):
            # Of a few images, whether they are there is looked up one by one.
            return "list images"
        return f"check {image}" if artifact.startswith("analysis/") else ""

    def note(self, step: str) -> None:
        # To look at artifacts is to look at all their times, and then perhaps at some contents.
        checks = takewhile(lambda before: before.startswith("check"), reversed(self.steps))
        if step not in checks and not (step == "list images" and step in self.steps[-1:]):
            self.steps.append(step)

    def commit(self) -> list[str]:
        """Return the steps from the first extraction on; those before only choose the images."""
        begins = (place for place, step in enumerate(self.steps) if step.startswith(("extract", "lock")))
        return self.steps[next(begins, len(self.steps)) :]


class WatchedIndexer(CellsIndexer):
    """Notes each extraction; what it reads is part of that."""

    def __init__(self, log: Log) -> None:
        super().__init__()
        self.log = log

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        self.log.note(f"extract {rec.image_id}")
        with self.log.as_one_step():
            return super().extract_rows(rec)


class WatchedDisk(HookedStore):
    @contextmanager
    def _locked(self, key: str, timeout_s: float) -> Iterator[None]:
        with super()._locked(key, timeout_s):
            self._hook("before lock", key)
            yield
            self._hook("before unlock", key)


class WatchedObjects(ObjectStore):
    def __init__(self, url: str, log: Log) -> None:
        super().__init__(url)
        self._log = log

    def _watched(self, word: str, key: str, call: Callable[[], Any]) -> Any:
        self._log(f"before {word}", key)
        answer = call()
        self._log(f"after {word}", key)
        return answer

    def _get(self, key: str) -> Any:
        # What all reading goes through.
        return self._watched("read", key, lambda: super(WatchedObjects, self)._get(key))

    def list(self, prefix: str = "") -> Any:
        return iter(self._watched("list", prefix, lambda: [*super(WatchedObjects, self).list(prefix)]))

    def stat(self, key: str) -> Any:
        return self._watched("stat", key, lambda: super(WatchedObjects, self).stat(key))

    def put(self, key: str, data: bytes, *, flush: bool = False) -> Any:
        return self._watched("put", key, lambda: super(WatchedObjects, self).put(key, data, flush=flush))

    def discard(self, key: str) -> Any:
        return self._watched("delete", key, lambda: super(WatchedObjects, self).discard(key))


def watch_conditional_puts(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    """Note the one store call that goes past the methods of the store: the commit itself."""
    put = obstore.put

    def watched(store: Any, key: str, data: bytes, **how: Any) -> Any:
        if "mode" not in how:
            return put(store, key, data, **how)
        try:
            answer = put(store, key, data, **how)
        except PreconditionError:
            log("before conflict", key)
            raise
        log("before put", key)
        return answer

    monkeypatch.setattr(obstore, "put", watched)


class Lab:
    """A dataset of images 0 and 1 with their table, one who is watched, and somebody else."""

    def __init__(self, url: str) -> None:
        self.log = Log()
        self.indexer = WatchedIndexer(self.log)
        self.other, self.kd = (KymDataset(url, mode="a", registry=IndexerRegistry(())) for _ in range(2))
        for image_id in "01":
            add_image(self.other, image_id)
            self.edit(1, image_id)
        self.other.rebuild(CellsIndexer())
        watched = WatchedObjects(url, self.log) if is_url(url) else WatchedDisk(url, self.log)
        self.kd.ds._store = watched

    def edit(self, n: int, image_id: str = "0") -> None:
        self.other.ds.record(image_id).save_json(TABLE, {"n": n})

    def update(self, image_id: str) -> pd.DataFrame:
        return self.other.update_image(CellsIndexer(), image_id)

    def check(self) -> None:
        """What is there in the end is what a rebuild makes."""
        self.other.refresh(CellsIndexer())
        assert_like_rebuild(self.other, CellsIndexer())


@pytest.fixture
def disk(tmp_path: Path) -> Lab:
    return Lab(str(tmp_path / "lab.zarr"))


@pytest.fixture
def objects(object_url: str, monkeypatch: pytest.MonkeyPatch) -> Lab:
    lab = Lab(object_url)
    watch_conditional_puts(lab.log, monkeypatch)
    return lab


OLD = Table("old", (ORIGINAL, ORIGINAL))
START = World(
    (Writer("A", todo=(0,)), Writer("B", todo=(1,))),
    OLD,
    frozenset({Ledger("old", OLD, (Dependency(ORIGINAL), Dependency(ORIGINAL)))}),
    files=(Dependency(EDITED, 0), Dependency(ORIGINAL)),
)


def model_steps(store: Any, start: World, **meanwhile: Callable[[World], World]) -> list[str]:
    """Let the first writer of the model go to its end; others act right after some of its steps."""
    protocol, world, steps = Protocol(store), start, []
    while world.writers[0].next != "end":
        moved = protocol.step(world, 0)
        assert moved is not None
        # To look at artifacts once more is one step with the look before.
        if moved[0] not in takewhile(lambda before: before.startswith("check"), reversed(steps)):
            steps.append(moved[0])
        world = meanwhile.pop(moved[0].replace(" ", "_"), lambda world: world)(moved[1])
    assert meanwhile == {}
    return steps


def write(number: int) -> Callable[[World], World]:
    return lambda world: world._replace(files=(Dependency(number, 0), world.files[1]))


def commit_elsewhere(world: World) -> World:
    """Let the second writer of the model go to its end."""
    while world.writers[1].next != "end":
        moved = Protocol("object").step(world, 1)
        assert moved is not None
        world = moved[1]
    return world


def test_a_commit_on_a_disk_takes_the_steps_of_the_model(disk: Lab) -> None:
    disk.edit(2)
    disk.kd.update_image(disk.indexer, "0")

    assert disk.log.commit() == model_steps("local", START)
    # Spelt out once, so that both cannot go wrong together.
    assert disk.log.commit() == [
        "extract 0",
        "lock",
        "read table",
        "list ledgers",
        "read ledger",
        "list images",
        "check 0",
        "write ledger",
        "replace table",
        "unlock",
        "delete ledger",
    ]
    disk.check()


def test_what_changed_meanwhile_is_extracted_again_as_in_the_model(disk: Lab) -> None:
    disk.log.meanwhile["read table"] = lambda: disk.edit(2)
    table = disk.kd.update_image(disk.indexer, "0")

    steps = model_steps("local", write(UNDONE)(START), read_table=write(EDITED))
    assert disk.log.commit() == steps
    assert steps.count("extract 0") == 2
    assert table["n"].tolist() == [2, 1]
    disk.check()


def test_images_that_changed_meanwhile_are_extracted_again_after_the_commit_as_in_the_model(
    disk: Lab,
) -> None:
    def edit_both() -> None:
        disk.edit(2)
        disk.edit(5, "1")

    def edited(world: World) -> World:
        return world._replace(files=(Dependency(EDITED, 0),) * 2)

    disk.log.meanwhile["read table"] = edit_both
    table = disk.kd.update_images(disk.indexer, ["0", "1"])

    start = START._replace(
        writers=(Writer("A", todo=IMAGES), Writer("B", todo=(1,))),
        # What the table is made from, written once more.
        files=(Dependency(UNDONE), Dependency(BACK)),
    )
    steps = model_steps("local", start, read_table=edited)
    assert disk.log.commit() == steps
    assert steps[steps.index("check 0") :][:2] == ["check 0", "check 1"]
    # They are extracted again when the lock has been let go.
    assert steps[steps.index("unlock") :][:4] == ["unlock", "extract 0", "extract 1", "lock"]
    assert table["n"].tolist() == [2, 5]
    disk.check()


def test_a_table_in_which_nothing_changes_stays_as_in_the_model(disk: Lab) -> None:
    disk.edit(2)
    disk.edit(1)
    disk.kd.update_image(disk.indexer, "0")

    assert disk.log.commit() == model_steps("local", write(UNDONE)(START))
    assert "replace table" not in disk.log.commit()
    disk.check()


def test_an_image_that_is_gone_goes_as_in_the_model(disk: Lab) -> None:
    disk.other.ds.delete_image("1")
    disk.kd.refresh(disk.indexer)

    gone = START._replace(
        writers=(Writer("A", next="lock", deleted=(1,)),),
        live=(True, False),
        files=(Dependency(ORIGINAL),) * 2,
    )
    assert disk.log.commit() == model_steps("local", gone)
    disk.check()


def test_a_first_table_is_made_as_in_the_model(disk: Lab) -> None:
    disk.other.ds.drop_table(TABLE)
    disk.kd.rebuild(disk.indexer)

    nothing = START._replace(writers=(Writer("A", todo=IMAGES, whole=True),), table=None, ledgers=frozenset())
    assert disk.log.commit() == model_steps("local", nothing)
    disk.check()


def test_a_commit_of_objects_takes_the_steps_of_the_model(objects: Lab) -> None:
    objects.edit(2)
    objects.kd.update_image(objects.indexer, "0")

    assert objects.log.commit() == model_steps("object", START)
    assert "lock" not in objects.log.commit()
    objects.check()


def test_a_conflict_begins_again_as_in_the_model(objects: Lab) -> None:
    objects.edit(2)
    objects.edit(5, "1")
    objects.log.meanwhile["write ledger"] = lambda: objects.update("1")
    table = objects.kd.update_image(objects.indexer, "0")

    start = START._replace(files=(Dependency(EDITED, 0), Dependency(EDITED, 0)))
    steps = model_steps("object", start, write_ledger=commit_elsewhere)
    assert objects.log.commit() == steps
    assert steps.count("conflict") == 1
    assert table["n"].tolist() == [2, 5]
    objects.check()


# What the model has found


def test_an_update_that_finds_its_rows_in_the_table_is_not_undone_by_an_older_one(objects: Lab) -> None:
    objects.edit(2)

    def undo_elsewhere() -> None:
        objects.edit(1)
        assert objects.update("0")["n"].tolist() == [1, 1]

    # The older one has looked at the artifact for the last time.
    objects.log.meanwhile["write ledger"] = undo_elsewhere
    objects.kd.update_image(objects.indexer, "0")

    assert objects.log.meanwhile == {}
    assert objects.kd.ds.load_table(TABLE)["n"].tolist() == [1, 1]


def test_a_ledger_that_went_with_its_table_does_not_make_everything_extracted_again(objects: Lab) -> None:
    objects.edit(2)
    objects.edit(5, "1")
    objects.log.meanwhile["list ledgers"] = lambda: objects.update("1")
    objects.kd.update_image(objects.indexer, "0")

    assert objects.log.meanwhile == {}
    assert objects.kd.ds.load_table(TABLE)["n"].tolist() == [2, 5]
    assert set(objects.indexer.asked) == {"0"}
