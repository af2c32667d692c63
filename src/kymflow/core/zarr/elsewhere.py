"""Work done elsewhere: by threads, processes or a cluster behind a concurrent.futures.Executor."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, Future, ThreadPoolExecutor

from kymflow.core.zarr.work import Extracted, Work
from kymflow.errors import InvalidIndexerError, WorkerError

# So many images go to a worker at once: much less costs more on the way, much more leaves workers idle.
CHUNK = 200


def run_elsewhere(
    executor: Executor, work: Work, image_ids: Sequence[str], step: Callable[[int], None]
) -> Iterator[tuple[Sequence[str], Extracted]]:
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
    WorkerError
        A worker ended without an answer.
    """
    if not isinstance(executor, ThreadPoolExecutor):
        _check_sendable(work)
    chunks = [image_ids[begin : begin + CHUNK] for begin in range(0, len(image_ids), CHUNK)]
    futures: list[Future[Extracted]] = []
    try:
        futures += [executor.submit(work.extract, chunk) for chunk in chunks]
        for chunk, future in zip(chunks, futures, strict=True):
            step(len(chunk))
            yield chunk, future.result()
    except (BrokenExecutor, CancelledError) as error:
        raise WorkerError(
            f"a worker that extracted images with {work.contract.indexer!r} ended without an answer "
            f"({type(error).__name__}: {' '.join(str(error).split())}); table "
            f"{work.contract.table_name!r} of {work.ds.path} is as it was. Run it again, with fewer "
            "workers if memory was short.",
            dataset=work.ds.path,
            table_name=work.contract.table_name,
            indexer=work.contract.indexer,
        ) from error
    finally:
        for future in futures:
            future.cancel()


def _check_sendable(work: Work) -> None:
    try:
        pickle.dumps(work.indexer)
    # Whatever an indexer's own code raises when it is asked to be pickled.
    except Exception as error:
        raise InvalidIndexerError(
            f"indexer {work.contract.indexer!r} cannot be sent to another process: {error}. Define its class "
            "in a module, and keep nothing in it that cannot be pickled; or use threads.",
            indexer=work.contract.indexer,
        ) from error
