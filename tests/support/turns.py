"""Writers that go on one store call at a time, in any order that a test wants."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from kymflow import KymDataset
from kymflow_zarr.errors import LockTimeoutError, RecordNotFoundError

from .refreshing import TABLE, CellsIndexer, Crash, HookedStore, cells, open_dataset


class Turns:
    """Threads that go on one store call at a time, whoever is told to."""

    def __init__(self) -> None:
        self.actors: list[Actor] = []

    def start(self, path: Path, work: Callable[[KymDataset], object]) -> Actor:
        actor = Actor(path, work)
        self.actors.append(actor)
        return actor

    def finish(self) -> None:
        for _ in range(100_000):
            running = [actor for actor in self.actors if not actor.ended]
            if not running:
                break
            for actor in running:
                actor.step()
        for actor in self.actors:
            actor.thread.join(30)
            assert not actor.thread.is_alive()
            if actor.error is not None and not isinstance(actor.error, Crash):
                raise actor.error


class _TurnStore(HookedStore):
    """Waits for a lock by giving the turn away."""

    @contextmanager
    def _locked(self, key: str, timeout_s: float) -> Iterator[None]:
        while True:
            self._hook("before lock", key)
            lock = super()._locked(key, 0.0)
            try:
                lock.__enter__()
            except LockTimeoutError:
                continue
            break
        try:
            yield
        finally:
            lock.__exit__(None, None, None)


class Actor:
    """One thread of work on a dataset, stopped before and after each store call."""

    def __init__(self, path: Path, work: Callable[[KymDataset], object]) -> None:
        self.kd = open_dataset(path)
        self.kd.ds._store = _TurnStore(self.kd.ds.path, self._wait)
        self.work = work
        self.go, self.stopped = threading.Semaphore(0), threading.Semaphore(0)
        self.ended = self.dead = False
        self.steps = 0
        self.error: BaseException | None = None
        self.thread = threading.Thread(target=self._run, daemon=True)
        self.thread.start()
        assert self.stopped.acquire(timeout=300)

    def _wait(self, operation: str, key: str) -> None:
        if not self.dead:
            self.stopped.release()
            self.go.acquire()
        if self.dead:
            raise Crash(f"{operation} {key}")

    def _run(self) -> None:
        try:
            self._wait("start", "")
            self.work(self.kd)
        except BaseException as error:  # noqa: BLE001
            self.error = error
        self.ended = True
        self.stopped.release()

    def step(self) -> None:
        if not self.ended:
            self.steps += 1
            self.go.release()
            assert self.stopped.acquire(timeout=300)

    def steps_until_end(self, most: int = 100_000) -> int:
        """Go on until the end, or until others would have to move."""
        for done in range(most):
            if self.ended:
                return done
            self.step()
        return most

    def crash(self) -> None:
        self.dead = True
        self.step()


def edit_and_update(image_id: str, n: int) -> Callable[[KymDataset], object]:
    def work(kd: KymDataset) -> None:
        kd.ds.record(image_id).save_df_parquet(TABLE, cells(n))
        kd.update_image(CellsIndexer(), image_id)

    return work


def delete(image_id: str) -> Callable[[KymDataset], object]:
    def work(kd: KymDataset) -> None:
        kd.ds.delete_image(image_id)
        # Another writer may have seen to it already.
        with suppress(RecordNotFoundError):
            kd.update_image(CellsIndexer(), image_id)

    return work
