"""Who does the work: this process, more processes here, or a Dask cluster."""

from __future__ import annotations

import multiprocessing
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from kymflow.cli.failures import USAGE, fail
from kymflow.cli.hints import with_pip
from kymflow.cli.streams import shown

# So long a Dask scheduler may take to answer.
ANSWER_TIMEOUT_S = 10


@contextmanager
def executor_of(workers: int, dask: str | None) -> Iterator[Executor | None]:
    """Give an executor of `workers` processes, or of the Dask scheduler at an address; None for neither."""
    if workers > 1 and dask:
        fail("give --workers or --dask, not both", USAGE)
    if dask:
        with _cluster(dask) as executor:
            yield executor
    elif workers > 1:
        # A forked child would wait for threads of libraries that it did not inherit.
        methods = multiprocessing.get_all_start_methods()
        context = multiprocessing.get_context("forkserver" if "forkserver" in methods else "spawn")
        with ProcessPoolExecutor(workers, mp_context=context, initializer=_print_no_results) as executor:
            yield executor
    else:
        yield None


def _print_no_results() -> None:
    # What plugins print in a worker would come between the results, and spoil a JSON document.
    sys.stdout = sys.stderr = shown(sys.stderr)


@contextmanager
def _cluster(address: str) -> Iterator[Executor]:
    try:
        from distributed import Client
    except ImportError:
        fail(with_pip("--dask needs the distribution distributed: pip install distributed"))
    try:
        client = Client(address, timeout=ANSWER_TIMEOUT_S)
    except (OSError, ValueError) as error:
        fail(f"no Dask scheduler answers at {address}: {' '.join(str(error).split())}")
    with client:
        yield client.get_executor()
