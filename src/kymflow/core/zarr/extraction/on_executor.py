"""Work done elsewhere: by threads, processes or a cluster behind a concurrent.futures.Executor."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor, wait
from functools import partial
from typing import TypeVar

from kymflow.core.zarr.extraction.task import Extracted, Work
from kymflow.errors import InvalidIndexerError, WorkerError
from kymflow_zarr.errors import DatasetError, KymflowError

# At most so many images go to a worker at once: more would be long to wait for, and to do again.
CHUNK = 200
# At least so many pieces, so that workers end at about the same time.
_PIECES = 32
# How often it is asked whether to go on, while a worker is waited for.
_ASK_EVERY_S = 0.2


def run_on_executor(
    executor: Executor, work: Work, image_ids: Sequence[str], step: Callable[[int], None]
) -> Generator[tuple[Sequence[str], Extracted], None, None]:
    """Let an executor's workers do the work; yield what they give, in the order of the images.

    Parameters
    ----------
    executor : concurrent.futures.Executor
        It is not shut down.
    work : Work
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
    task = _task(executor, work)
    size = max(1, min(CHUNK, len(image_ids) // _PIECES))
    chunks = [image_ids[begin : begin + size] for begin in range(0, len(image_ids), size)]
    futures: list[Future[Extracted]] = []
    try:
        for chunk in chunks:
            futures.append(_asked(work, partial(executor.submit, task, chunk)))
        for chunk, future in zip(chunks, futures, strict=True):
            step(len(chunk))
            while not wait([future], _ASK_EVERY_S).done:
                step(0)
            yield chunk, _asked(work, future.result)
    finally:
        for future in futures:
            future.cancel()


T = TypeVar("T")


def _asked(work: Work, ask: Callable[[], T]) -> T:
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
            f"a worker that extracted images with {work.contract.indexer!r} ended without an answer "
            f"({type(error).__name__}: {' '.join(str(error).split())}); table "
            f"{work.contract.table_name!r} of {work.ds.path} is as it was. Run it again, with fewer "
            "workers if memory was short.",
            dataset=work.ds.path,
            table_name=work.contract.table_name,
            indexer=work.contract.indexer,
        ) from error


def _task(executor: Executor, work: Work) -> Callable[[Sequence[str]], Extracted]:
    """Return what a worker is to call."""
    if isinstance(executor, ThreadPoolExecutor):
        return work.extract
    sent = _pickled(work)
    if type(work.indexer).__module__ == "__main__" and not isinstance(executor, ProcessPoolExecutor):
        # A notebook's own class: clusters send its code along, which pickle does not.
        return work.extract
    # Read only when the work is done: a worker of a pool that cannot read its task ends, and the pool
    # with it; and a scheduler that hands tasks on has neither the plugin nor the dataset.
    return partial(extract_sent, sent)


def extract_sent(sent: bytes, image_ids: Sequence[str]) -> Extracted:
    """Do the work that was sent to this process."""
    work: Work = pickle.loads(sent)
    return work.extract(image_ids)


def _pickled(work: Work) -> bytes:
    path = work.ds.path
    if path.startswith("memory:"):
        raise DatasetError(
            f"{path} is in the memory of this process, where no other can read it. Use threads.",
            dataset=path,
            indexer=work.contract.indexer,
        )
    try:
        return pickle.dumps(work)
    # Whatever an indexer's own code raises when it is asked to be pickled.
    except Exception as error:
        raise InvalidIndexerError(
            f"indexer {work.contract.indexer!r} cannot be sent to another process: {error}. Define its class "
            "in a module, and keep nothing in it that cannot be pickled; or use threads.",
            indexer=work.contract.indexer,
        ) from error
