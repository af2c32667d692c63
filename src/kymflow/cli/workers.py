"""Who does the work: this process, more processes here, or a Dask cluster."""

from __future__ import annotations

import ctypes
import multiprocessing
import signal
import sys
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager

from kymflow.cli.failures import USAGE, fail
from kymflow.cli.hints import with_pip
from kymflow.cli.interruption import known_signals
from kymflow.cli.streams import shown
from kymflow.core.zarr.extraction.orphans import end_with_parent

# So long a Dask scheduler may take to answer.
ANSWER_TIMEOUT_S = 10
# Of <linux/prctl.h>: which signal a process gets when its parent ends.
_PR_SET_PDEATHSIG = 1


@contextmanager
def executor_of(workers: int, dask: str | None) -> Iterator[Executor | None]:
    """Give an executor of `workers` processes, or of the Dask scheduler at an address; None for neither."""
    if workers > 1 and dask:
        fail("give --workers or --dask, not both", USAGE)
    if dask:
        with _cluster(dask) as executor:
            yield executor
    elif workers > 1:
        with _processes(workers) as executor:
            yield executor
    else:
        yield None


@contextmanager
def _processes(workers: int) -> Iterator[Executor]:
    # A forked child would wait for threads of libraries that it did not inherit.
    can_fork = "forkserver" in multiprocessing.get_all_start_methods()
    if can_fork:
        _start_fork_server()
    context = multiprocessing.get_context("forkserver" if can_fork else "spawn")
    executor = ProcessPoolExecutor(workers, mp_context=context, initializer=_begin_worker)
    try:
        yield executor
    except BaseException:
        # Nobody wants what they are at, which may take long.
        for child in multiprocessing.active_children():
            child.kill()
        raise
    finally:
        executor.shutdown(cancel_futures=True)


def _start_fork_server() -> None:
    """Start the process that makes workers, with signals held back in it and in them.

    A terminal sends Ctrl-C to all of them, and a batch system SIGTERM: to end them is for this process.
    """
    from multiprocessing import forkserver, resource_tracker

    before = signal.pthread_sigmask(signal.SIG_BLOCK, known_signals())
    try:
        resource_tracker.ensure_running()
        # That has let some of them in again.
        signal.pthread_sigmask(signal.SIG_BLOCK, known_signals())
        forkserver.ensure_running()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _begin_worker() -> None:
    # What plugins print in a worker would come between the results, and spoil a JSON document.
    sys.stdout = sys.stderr = shown(sys.stderr)
    end_with_parent()
    if sys.platform == "linux":
        # Even in the middle of a library's code: when the fork server ends, which ends with the command.
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    # Programs that a plugin starts from here do not inherit it, as they would SIG_IGN.
    signal.signal(signal.SIGINT, lambda signum, frame: None)
    if hasattr(signal, "pthread_sigmask"):
        signal.pthread_sigmask(signal.SIG_UNBLOCK, known_signals())


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
