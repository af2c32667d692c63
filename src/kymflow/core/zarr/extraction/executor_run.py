"""Chunks of images on threads, on a cluster, or on whatever else is a concurrent.futures.Executor."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from typing import TypeVar

from kymflow.core.zarr.extraction.checks import ImageFault
from kymflow.core.zarr.extraction.task import Extracted, Task
from kymflow.errors import WorkerError
from kymflow_zarr.errors import KymflowError

# A chunk's images, and what extracts them.
Call = Callable[[Sequence[str]], Extracted]
# Returns when all of some futures are done, or when what is asked now and then says that they are given up.
Wait = Callable[[Iterable[Future[Extracted]], Callable[[], bool]], None]

T = TypeVar("T")


def answer_of(task: Task, ask: Callable[[], T]) -> T:
    """Return what an executor answers; its own failures are told as such.

    Raises
    ------
    WorkerError
        It did not answer.
    """
    try:
        return ask()
    except KymflowError:
        raise
    # Executors have errors of their own: a broken pool, a cluster out of reach, a module not installed there.
    except Exception as error:
        raise WorkerError(
            f"a worker that extracted images with {task.contract.indexer!r} ended without an answer "
            f"({type(error).__name__}: {' '.join(str(error).split())}); table "
            f"{task.contract.table_name!r} of {task.ds.path} is as it was. Run it again, with fewer "
            "workers if memory was short.",
            dataset=task.ds.path,
            table_name=task.contract.table_name,
            indexer=task.contract.indexer,
        ) from error


class ExecutorRun:
    """The chunks of one run on an executor that sees to its workers itself.

    A Dask cluster starts workers that end anew, and gives up a chunk on which several have ended, with
    KilledWorker. When everything else is through, such chunks are tried again in ever smaller halves, one at
    a time, until the images are found on which workers end.

    Parameters
    ----------
    executor : Executor
        It is not shut down.
    task : Task
        What to do.
    call : callable
        What a worker is to call with a chunk.
    chunks : sequence of sequence of str
        The images.
    wait : callable
        Waits for futures.
    """

    def __init__(
        self, executor: Executor, task: Task, call: Call, chunks: Sequence[Sequence[str]], wait: Wait
    ) -> None:
        self._executor, self._task, self._call = executor, task, call
        self._chunks, self._wait = chunks, wait
        self._futures: list[Future[Extracted]] = []
        self._killed: list[Sequence[str]] = []

    def begin(self) -> None:
        """Submit all chunks."""
        for chunk in self._chunks:
            self._submit(chunk)

    def result(self, number: int) -> Extracted:
        """Wait for a chunk; the last one brings with it what had to be tried again."""
        batches, errors = self._result(self._futures[number], self._chunks[number])
        while number == len(self._chunks) - 1 and self._killed:
            chunk = self._killed.pop()
            self._submit(chunk)
            more, others = self._result(self._futures[-1], chunk, again=True)
            batches, errors = [*batches, *more], errors | others
            if errors and self._task.stop_at_failure:
                break
        return batches, errors

    def close(self) -> None:
        """Begin nothing more."""
        for future in self._futures:
            future.cancel()

    def _submit(self, chunk: Sequence[str]) -> None:
        self._futures.append(answer_of(self._task, partial(self._executor.submit, self._call, chunk)))

    def _result(self, future: Future[Extracted], chunk: Sequence[str], *, again: bool = False) -> Extracted:
        self._wait([future], lambda: False)
        try:
            return answer_of(self._task, future.result)
        except WorkerError as error:
            # Named, not imported: who has no cluster has no distributed.
            if type(error.__cause__).__name__ != "KilledWorker":
                raise
            why = " ".join(str(error.__cause__).split())
        if again and len(chunk) == 1:
            fault = ImageFault(self._task.contract, chunk[0])
            return [], {chunk[0]: fault.ended_error(f"several workers' processes (KilledWorker: {why})")}
        # Whole at first: workers may have ended on something else that they had at the same time.
        middle = len(chunk) // 2 if again else len(chunk)
        self._killed += filter(None, (chunk[middle:], chunk[:middle]))
        return [], {}
