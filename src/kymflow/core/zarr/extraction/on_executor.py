"""Tasks on a concurrent.futures.Executor: threads, processes, or a cluster."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

from kymflow.core.zarr.extraction.orphans import end_with_parent
from kymflow.core.zarr.extraction.task import Extracted, Step, Task
from kymflow.errors import InvalidIndexerError, WorkerError
from kymflow_zarr.errors import DatasetError, KymflowError

# At most so many images go to a worker at once: more would be long to wait for, and to do again.
CHUNK = 200
# At least so many pieces, so that workers end at about the same time.
_PIECES = 32
# How often cancellation is checked while a worker is waited for.
_ASK_EVERY_S = 0.2


def run_on_executor(
    executor: Executor, task: Task, image_ids: Sequence[str], step: Step
) -> Generator[Extracted, None, None]:
    """Let an executor's workers run a task; yield the rows of chunk after chunk, in the order of the images.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        It is not shut down.
    task : Task
        What to do.
    image_ids : sequence of str
        The images.
    step : callable
        Told how many images are about to be waited for; what it raises stops everything.

    Raises
    ------
    InvalidIndexerError
        The indexer cannot be sent to another process.
    DatasetError
        The dataset is in this process' memory, and the workers are not.
    WorkerError
        A worker ended without an answer.
    """
    call = _callable_for(executor, task)
    size = max(1, min(CHUNK, len(image_ids) // _PIECES))
    chunks = [image_ids[begin : begin + size] for begin in range(0, len(image_ids), size)]
    futures: list[Future[Extracted]] = []
    try:
        for chunk in chunks:
            futures.append(_answer(task, partial(executor.submit, call, chunk)))
        for chunk, future in zip(chunks, futures, strict=True):
            step(len(chunk))
            while not wait([future], _ASK_EVERY_S).done:
                step(0)
            yield _answer(task, future.result)
    finally:
        for future in futures:
            future.cancel()


T = TypeVar("T")


def _answer(task: Task, ask: Callable[[], T]) -> T:
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


def _callable_for(executor: Executor, task: Task) -> Callable[[Sequence[str]], Extracted]:
    """Return what a worker is to call."""
    if isinstance(executor, ThreadPoolExecutor):
        return task.extract
    sent = _pickled(task)
    if type(task.indexer).__module__ == "__main__" and not isinstance(executor, ProcessPoolExecutor):
        # A notebook's own class: clusters send its code along, which pickle does not.
        return task.extract
    # Unpickled only when it runs: a worker of a pool that cannot unpickle its task ends, and the pool with
    # it; and a scheduler that hands tasks on has neither the plugin nor the dataset.
    return partial(extract_in_pool if isinstance(executor, ProcessPoolExecutor) else extract_sent, sent)


def extract_in_pool(sent: bytes, image_ids: Sequence[str]) -> Extracted:
    """Run a task that was sent to a process of a pool, which does not outlive the one that has sent it."""
    end_with_parent()
    return extract_sent(sent, image_ids)


def extract_sent(sent: bytes, image_ids: Sequence[str]) -> Extracted:
    """Run a task that was sent to this process."""
    task: Task = pickle.loads(sent)
    return task.extract(image_ids)


def _pickled(task: Task) -> bytes:
    path = task.ds.path
    if path.startswith("memory:"):
        raise DatasetError(
            f"{path} is in the memory of this process, where no other can read it. Use threads.",
            dataset=path,
            indexer=task.contract.indexer,
        )
    try:
        return pickle.dumps(task)
    # Whatever an indexer's own code raises when it is asked to be pickled.
    except Exception as error:
        raise InvalidIndexerError(
            f"indexer {task.contract.indexer!r} cannot be sent to another process: {error}. Define its class "
            "in a module, and keep nothing in it that cannot be pickled; or use threads.",
            indexer=task.contract.indexer,
        ) from error
