"""Tasks on a concurrent.futures.Executor: threads, processes, or a cluster."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Iterable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from functools import partial

from kymflow.core.plugins.process_state import kept_process_state, told_process_state, told_thread_state
from kymflow.core.zarr.extraction.executor_run import ExecutorRun
from kymflow.core.zarr.extraction.orphans import end_with_parent
from kymflow.core.zarr.extraction.pool_run import PoolRun
from kymflow.core.zarr.extraction.task import Extracted, Step, Task
from kymflow.errors import InvalidIndexerError
from kymflow_zarr.errors import DatasetError

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
        A worker ended without an answer, and of no image it can be told that it has ended it.
    """
    size = max(1, min(CHUNK, len(image_ids) // _PIECES))
    chunks = [image_ids[begin : begin + size] for begin in range(0, len(image_ids), size)]
    run = _run_of(executor, task, chunks, step)
    try:
        run.begin()
        for number, chunk in enumerate(chunks):
            step(len(chunk))
            yield run.result(number)
    finally:
        run.close()


def _run_of(
    executor: Executor, task: Task, chunks: Sequence[Sequence[str]], step: Step
) -> ExecutorRun | PoolRun:
    """Return the run of chunks on an executor; nothing is begun."""

    def wait_for(futures: Iterable[Future[Extracted]], is_given_up: Callable[[], bool]) -> None:
        while wait(futures, _ASK_EVERY_S).not_done and not is_given_up():
            step(0)

    if isinstance(executor, ThreadPoolExecutor):
        return ExecutorRun(executor, task, partial(extract_in_thread, task), chunks, wait_for)
    sent = _pickled(task)
    if isinstance(executor, ProcessPoolExecutor):
        return PoolRun(executor, task, sent, partial(extract_in_pool, sent), chunks, wait_for)
    # A notebook's own class: clusters send its code along, which pickle does not.
    is_own = type(task.indexer).__module__ == "__main__"
    return ExecutorRun(
        executor, task, task.extract if is_own else partial(extract_sent, sent), chunks, wait_for
    )


# Unpickled only when it runs: a worker of a pool that cannot unpickle its task ends, and the pool with it;
# and a scheduler that hands tasks on has neither the plugin nor the dataset.
def extract_in_pool(sent: bytes, image_ids: Sequence[str]) -> Extracted:
    """Run a task that was sent to a process of a pool, which does not outlive the one that has sent it."""
    end_with_parent()
    return extract_sent(sent, image_ids)


def extract_in_thread(task: Task, image_ids: Sequence[str]) -> Extracted:
    """Run a task in a thread of this process, whose own state the one that waits for it keeps."""
    with told_thread_state(task.contract.who):
        return task.extract(image_ids)


def extract_sent(sent: bytes, image_ids: Sequence[str]) -> Extracted:
    """Run a task that was sent to this process."""
    # It may be what imports the plugin.
    with kept_process_state():
        task: Task = pickle.loads(sent)
    with told_process_state(task.contract.who):
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
