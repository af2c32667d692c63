"""What all code in a process shares, and what stays of a call: to tell what an indexer has changed."""

from __future__ import annotations

import contextlib
import decimal
import gc
import locale
import logging
import os
import pickle
import random
import signal
import socket
import sys
import threading
import time
import warnings
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd

_GRACE_S = 2.0


def _umask() -> int:
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _signals() -> list[Any]:
    return [signal.getsignal(one) for one in (signal.SIGINT, signal.SIGTERM)]


def _pandas_options() -> dict[str, Any]:
    with warnings.catch_warnings():
        # Deprecated options warn when they are looked at.
        warnings.simplefilter("ignore")
        return dict(_options_below("", pd.options))


def _options_below(prefix: str, options: Any) -> Iterator[tuple[str, Any]]:
    for name in dir(options):
        value = getattr(options, name)
        if isinstance(value, type(pd.options)):
            yield from _options_below(f"{prefix}{name}.", value)
        else:
            yield f"{prefix}{name}", value


def _filters() -> list[tuple[str, ...]]:
    return [tuple(map(str, one)) for one in warnings.filters]


def _context() -> str:
    return repr(decimal.getcontext())


# In the words of a finding: "it changed ...".
STATE: Mapping[str, Callable[[], Any]] = {
    "the working directory": os.getcwd,
    "the environment variables": lambda: dict(os.environ),
    "Python's random generator": random.getstate,
    "NumPy's random generator": lambda: pickle.dumps(np.random.get_state()),
    "the warnings filters (warnings.simplefilter, filterwarnings)": _filters,
    "NumPy's error handling (np.seterr)": lambda: (np.geterr(), np.geterrcall()),
    "how NumPy prints (np.set_printoptions)": lambda: repr(np.get_printoptions()),
    "pandas' options (pd.set_option)": _pandas_options,
    "the level or handlers of the root logger": lambda: (logging.root.level, list(logging.root.handlers)),
    "which messages are logged at all (logging.disable)": lambda: logging.root.manager.disable,
    "the locale": lambda: locale.setlocale(locale.LC_ALL),
    "where modules are found (sys.path)": lambda: list(sys.path),
    "how modules are found (sys.meta_path)": lambda: list(sys.meta_path),
    "sys.stdout": lambda: sys.stdout,
    "sys.stderr": lambda: sys.stderr,
    "sys.stdin": lambda: sys.stdin,
    "sys.argv": lambda: list(sys.argv),
    "what is done with uncaught errors (sys.excepthook)": lambda: (sys.excepthook, threading.excepthook),
    "the recursion limit (sys.setrecursionlimit)": sys.getrecursionlimit,
    "the switch interval of threads": sys.getswitchinterval,
    "the trace or profile function": lambda: (sys.getprofile(), sys.gettrace()),
    "garbage collection (gc)": lambda: (gc.isenabled(), gc.get_threshold()),
    "the default timeout of sockets": socket.getdefaulttimeout,
    "the umask": _umask,
    "the time zone": lambda: time.tzname,
    "how signals are handled": _signals,
    "the decimal context": _context,
}


def state_now() -> dict[str, Any]:
    """Return what all code in this process shares, by the words for it."""
    return {words: look() for words, look in STATE.items()}


def open_files() -> list[str]:
    """Return what each open file descriptor is of; empty where the system does not tell."""
    found = []
    with contextlib.suppress(OSError):
        for number in os.listdir("/proc/self/fd"):
            with contextlib.suppress(OSError):
                found.append(os.readlink(f"/proc/self/fd/{number}"))
    return sorted(name for name in found if not name.startswith("/proc/"))


def lasting_threads(before: set[threading.Thread]) -> list[threading.Thread]:
    """Return the threads that are new and do not end within a moment."""
    new = [thread for thread in threading.enumerate() if thread not in before]
    until = time.monotonic() + _GRACE_S
    for thread in new:
        thread.join(max(0.0, until - time.monotonic()))
    return [thread for thread in new if thread.is_alive()]
