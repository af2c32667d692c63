"""What runs in a child process: one job, or a server that makes a copy of itself for each job."""

from __future__ import annotations

import contextlib
import importlib
import json
import locale
import os
import pickle
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from kymflow.testing.conformance.children.job import Job

# What takes most of the time of a start: here once, for any number of copies.
PRELOADED = ("kymflow.testing.conformance.jobs", "pandas", "pyarrow.parquet")


def run_job(job: Job) -> None:
    """Do what a job says, and tell of it: "done" at its end, or "failed" with the error in words."""
    os.environ.clear()
    os.environ.update(job.environ)
    if hasattr(time, "tzset"):
        time.tzset()
    with contextlib.suppress(locale.Error):
        locale.setlocale(locale.LC_CTYPE, "")
    sys.path[:] = job.sys_path
    importlib.invalidate_caches()
    os.chdir(job.folder)
    # It is found anew.
    tempfile.tempdir = None
    with job.told.open("ab", buffering=0) as file:

        def tell(key: str, value: Any) -> None:
            # In one write, so that what was told before an end is whole.
            file.write(pickle.dumps((key, value)))

        module, _, name = job.call.partition(":")
        function: Callable[..., None] = getattr(importlib.import_module(module), name)
        try:
            function(tell, *job.arguments)
        except Exception as error:  # noqa: BLE001
            # The author's own code runs in there; the parent says whose fault it is.
            traceback.print_exc()
            tell("failed", "".join(traceback.format_exception_only(error)).strip())
        tell("done", None)


def _do(path: str) -> None:
    """Do a job and end, without waiting for threads that never end."""
    job: Job = pickle.loads(Path(path).read_bytes())
    printed = os.open(job.printed, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    for number in (1, 2):
        os.dup2(printed, number)
    status = 1
    try:
        run_job(job)
        status = 0
    except BaseException as error:  # noqa: BLE001
        # sys.exit() of an author's code, too.
        traceback.print_exception(error)
    finally:
        with contextlib.suppress(Exception):
            sys.stdout.flush()
            sys.stderr.flush()
        os._exit(status)


def serve() -> None:
    """For each line that is read, import libraries and do a job: fork, say which process, then how it ended.

    POSIX only.
    """
    for name in PRELOADED:
        importlib.import_module(name)
    questions, answers = os.fdopen(os.dup(0), "r"), os.fdopen(os.dup(1), "w")
    # What is imported later and prints would spoil the answers.
    os.dup2(2, 1)
    for line in questions:
        path, *libraries = json.loads(line)
        for name in libraries:
            # If it cannot be imported here, the copy tells why.
            with contextlib.suppress(Exception):
                importlib.import_module(name)
        if not path:
            continue
        pid = os.fork()
        if not pid:
            os.close(questions.fileno())
            os.close(answers.fileno())
            _do(path)
        answers.write(f"{pid}\n")
        answers.flush()
        _, status = os.waitpid(pid, 0)
        answers.write(f"{os.waitstatus_to_exitcode(status)}\n")
        answers.flush()


if __name__ == "__main__":
    if sys.argv[1:]:
        _do(sys.argv[1])
    serve()
