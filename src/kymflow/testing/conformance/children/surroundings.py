"""Another machine, as far as a process can be told so: host, user, processors, locale, clock, variables."""

from __future__ import annotations

import datetime as datetimes
import getpass
import locale
import os
import platform
import socket
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from kymflow.testing.conformance.children.frames import caller

_HOST, _USER = "another-host", "somebody_else"
# What every program needs to find files and programs, and the time zone, which has a check of its own.
EVERYBODYS = {"HOME", "PATH", "TEMP", "TMP", "TMPDIR", "TZ", "USERPROFILE", "SYSTEMROOT"}
_REAL_DATETIME = datetimes.datetime


@dataclass(frozen=True)
class Surroundings:
    """What is other in a child process; everything else is as here.

    Attributes
    ----------
    words : str
        What that is, for a message.
    machine, processors, locale, variables : bool
        Host and user; the count of processors; the locale; whatever variable the author's package asks for.
    clock_s : float
        How much later it is, s.
    """

    words: str
    machine: bool = False
    processors: bool = False
    locale: bool = False
    variables: str = ""
    clock_s: float = 0.0

    def apply(self, package: str) -> None:
        """Make this process believe so, for good."""
        if self.machine:
            _other_machine()
        if self.processors:
            _other_processors()
        if self.locale:
            _other_locale()
        if self.variables:
            _other_variables(package, self.variables)
        if self.clock_s:
            _other_clock(self.clock_s)

    @staticmethod
    def leave() -> None:
        """Give datetime its name back: nothing that holds one could be pickled without."""
        setattr(datetimes, "datetime", _REAL_DATETIME)  # noqa: B010


def _set(owner: Any, name: str, value: object) -> None:
    if hasattr(owner, name):
        setattr(owner, name, value)


def _other_machine() -> None:
    os.environ.update(USER=_USER, LOGNAME=_USER, USERNAME=_USER, HOSTNAME=_HOST, COMPUTERNAME=_HOST)
    _set(socket, "gethostname", lambda: _HOST)
    _set(socket, "getfqdn", lambda name="": name or f"{_HOST}.example")
    _set(platform, "node", lambda: _HOST)
    _set(getpass, "getuser", lambda: _USER)
    _set(os, "getlogin", lambda: _USER)
    if hasattr(os, "uname"):
        real = os.uname()
        other = os.uname_result((real.sysname, _HOST, real.release, real.version, real.machine))
        _set(os, "uname", lambda: other)


def _other_processors() -> None:
    # More than any machine has whose numbers could be the same.
    count = (os.cpu_count() or 1) + 3
    for name in ("cpu_count", "process_cpu_count"):
        _set(os, name, lambda: count)
    _set(os, "sched_getaffinity", lambda pid: set(range(count)))
    import multiprocessing

    _set(multiprocessing, "cpu_count", lambda: count)


def _other_locale() -> None:
    os.environ.update(LANG="de_DE.UTF-8", LC_ALL="de_DE.UTF-8", LANGUAGE="de")
    real = locale.localeconv
    _set(locale, "localeconv", lambda: {**real(), "decimal_point": ",", "thousands_sep": "."})
    for name in ("getlocale", "getdefaultlocale"):
        _set(locale, name, lambda *which: ("de_DE", "UTF-8"))
    _set(locale, "setlocale", _german(locale.setlocale))
    _set(locale, "str", lambda value: f"{value:.12g}".replace(".", ","))


def _german(real: Callable[..., str]) -> Callable[..., str]:
    def setlocale(category: int, name: Any = None) -> str:
        return "de_DE.UTF-8" if name in (None, "") else real(category, name)

    return setlocale


def _other_variables(package: str, value: str) -> None:
    """Answer the author's package, whatever variable it asks for."""
    environment = type(os.environ)
    read = environment.__getitem__

    def answer(self: os._Environ[str], name: str) -> str:
        if (
            isinstance(name, str)
            and name not in EVERYBODYS
            and not name.startswith("KYMFLOW_")
            and caller(package) is not None
        ):
            return value
        return read(self, name)

    environment.__getitem__ = answer  # type: ignore[method-assign]


def _other_clock(seconds: float) -> None:
    """Shift what Python code reads; also for what is imported later and keeps the names."""
    real = {
        name: getattr(time, name) for name in ("time", "time_ns", "localtime", "gmtime", "strftime", "ctime")
    }
    now: Callable[[], float] = lambda: real["time"]() + seconds  # noqa: E731
    _set(time, "time", now)
    _set(time, "time_ns", lambda: real["time_ns"]() + int(seconds * 1e9))
    for name in ("localtime", "gmtime", "ctime"):
        _set(time, name, lambda at=None, name=name: real[name](now() if at is None else at))
    _set(time, "strftime", lambda how, at=None: real["strftime"](how, time.localtime() if at is None else at))
    _set(datetimes, "datetime", _later_datetime(now))
    import pandas as pd

    for name in ("now", "today", "utcnow"):
        _set(pd.Timestamp, name, staticmethod(lambda tz=None: _timestamp(now(), tz)))


def _timestamp(at: float, tz: Any) -> Any:
    import pandas as pd

    return (
        pd.Timestamp(at, unit="s", tz="UTC").tz_convert(tz)
        if tz is not None
        else pd.Timestamp(datetimes.datetime.fromtimestamp(at))
    )


def _later_datetime(now: Callable[[], float]) -> type:
    """Return a class like datetime whose instances are real ones, and whose clock is another."""
    real = _REAL_DATETIME

    class _Kind(type):
        def __instancecheck__(cls, instance: object) -> bool:
            return isinstance(instance, real)

        def __subclasscheck__(cls, subclass: type) -> bool:
            return issubclass(subclass, real)

    class Later(real, metaclass=_Kind):  # type: ignore[misc, valid-type]
        def __new__(cls, *arguments: Any, **named: Any) -> Any:
            return real(*arguments, **named)

        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return real.fromtimestamp(now(), tz)

        @classmethod
        def today(cls) -> Any:
            return real.fromtimestamp(now())

        @classmethod
        def utcnow(cls) -> Any:
            return real.fromtimestamp(now(), datetimes.UTC).replace(tzinfo=None)

    Later.__name__ = Later.__qualname__ = "datetime"
    Later.__module__ = "datetime"
    return Later
