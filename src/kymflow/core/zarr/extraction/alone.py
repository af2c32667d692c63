"""Images that a worker was at when it ended: tried again in fresh processes, and named if these end, too."""

from __future__ import annotations

import pickle
import signal
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, wait
from multiprocessing.context import BaseContext
from multiprocessing.process import BaseProcess
from typing import Any

from kymflow.core.zarr.extraction.checks import ImageFault
from kymflow.core.zarr.extraction.orphans import end_with_parent
from kymflow.core.zarr.extraction.task import Extracted, Task
from kymflow_zarr.errors import KymflowError

# So many images may end their processes before any gives an answer; then it is no matter of the images.
GIVE_UP = 50
# So long a process that has given all its answers may take to end by itself.
_PATIENCE_S = 5.0


class Alone:
    """Extracts images one by one in processes that do nothing else, a few of them side by side.

    An image that ends a process which has not done another before is at fault. If others were done before
    it, their answers are there, and it is tried once more as the first of a fresh process.

    Parameters
    ----------
    task, sent
        What to do, and the same as it is sent to a process.
    context : BaseContext
        How processes are started.
    initializer, initargs
        What each process calls first, as those of the pool do.
    workers : int
        So many processes at once.
    """

    def __init__(
        self,
        task: Task,
        sent: bytes,
        context: BaseContext,
        initializer: Callable[..., object] | None,
        initargs: tuple[Any, ...],
        workers: int,
    ) -> None:
        self._task = task
        self._context = context
        self._first = (initializer, initargs, sent)
        # A fork copies what other threads are at; so there is one.
        side_by_side = 1 if context.get_start_method() == "fork" else workers
        self._threads = ThreadPoolExecutor(side_by_side, thread_name_prefix="kymflow alone")
        self._lock = threading.Lock()
        self._processes: set[BaseProcess] = set()
        self._stopped = False
        self._ended = 0
        self.has_answers = False

    def submit(self, image_ids: Sequence[str]) -> Future[Extracted]:
        """Begin with some images; give the rows, and the errors of those that end their process."""
        return self._threads.submit(self._extract, image_ids)

    def close(self) -> None:
        """End all processes."""
        with self._lock:
            self._stopped = True
            for process in self._processes:
                process.kill()
        self._threads.shutdown(cancel_futures=True)

    def _extract(self, image_ids: Sequence[str]) -> Extracted:
        found: Extracted = ([], {})
        left = list(image_ids)
        while left and not self._stopped:
            answers, exitcode = self._run(left)
            for batches, errors in answers:
                found[0].extend(batches)
                found[1].update(errors)
            self.has_answers |= bool(answers)
            left = left[len(answers) :]
            if left and not answers:
                found[1].update(self._at_fault(left.pop(0), exitcode))
            if found[1] and self._task.stop_at_failure:
                break
        return found

    def _at_fault(self, image_id: str, exitcode: int) -> dict[str, Any]:
        with self._lock:
            self._ended += 1
        how = in_words(exitcode)
        if self._ended >= GIVE_UP and not self.has_answers:
            raise ProcessEndedError(f"each of {self._ended} images ended its process, the last one {how}")
        if self._stopped or not self._task.ds.record(image_id).exists():
            return {}
        hint = "; memory may have been short" if exitcode == -getattr(signal, "SIGKILL", 0) else ""
        fault = ImageFault(self._task.contract, image_id)
        return {image_id: fault.ended_error(f"the process {how}", hint)}

    def _run(self, image_ids: Sequence[str]) -> tuple[list[Extracted], int]:
        """Let a process extract images until it is through or ends; return the answers, and its exit code."""
        receiving, sending = self._context.Pipe(duplex=False)
        process: BaseProcess = self._context.Process(  # type: ignore[attr-defined]
            target=_serve, args=(sending, *self._first, image_ids), name="kymflow-alone"
        )
        with receiving:
            with sending, self._lock:
                if self._stopped:
                    return [], 0
                process.start()
                self._processes.add(process)
            try:
                messages = list(_messages(receiving, process, 1 + len(image_ids)))
                # Whoever is through has nothing else to do, whatever threads a plugin has left in it.
                process.join(_PATIENCE_S if len(messages) > len(image_ids) else None)
                exitcode = process.exitcode or 0
            finally:
                with self._lock:
                    self._processes.remove(process)
                process.kill()
                process.join()
        for message in messages:
            if isinstance(message, Exception):
                raise message
        if not messages and not self._stopped:
            raise ProcessEndedError(f"a process ended {in_words(exitcode)} before it began with an image")
        return messages[1:], exitcode


class ProcessEndedError(RuntimeError):
    """Processes end, whatever image they are given."""


def in_words(exitcode: int) -> str:
    """Say how a process has ended."""
    if exitcode >= 0:
        return f"with exit code {exitcode}"
    try:
        name = signal.Signals(-exitcode).name
    except ValueError:
        name = str(-exitcode)
    return f"by signal {name}"


def _messages(receiving: Connection, process: BaseProcess, most: int) -> Iterator[Any]:
    """Yield what a process sends, until it has sent all or has ended."""
    for _ in range(most):
        # Not its end of the pipe alone: programs that it has started may hold that open.
        wait([receiving, process.sentinel])
        try:
            if not receiving.poll():
                return
            message = receiving.recv()
        except (EOFError, OSError):
            # It ended, perhaps in the middle of an answer.
            return
        yield message
        if isinstance(message, Exception):
            return


def _serve(
    answers: Connection,
    initializer: Callable[..., object] | None,
    initargs: tuple[Any, ...],
    sent: bytes,
    image_ids: Sequence[str],
) -> None:
    """Extract images one by one, and send each one's rows as soon as they are there."""
    end_with_parent()
    try:
        if initializer is not None:
            initializer(*initargs)
        task: Task = pickle.loads(sent)
        # From here on, it is an image that ends the process.
        answers.send(None)
        for image_id in image_ids:
            found = task.extract([image_id])
            answers.send(found)
            if found[1] and task.stop_at_failure:
                return
    except KymflowError as error:
        answers.send(error)
    # Whatever a plugin's code raises; other errors may not be what can be sent.
    except BaseException as error:  # noqa: BLE001
        answers.send(RuntimeError(f"{type(error).__name__}: {error}"))
