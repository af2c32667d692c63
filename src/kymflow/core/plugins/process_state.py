"""State of the process that all plugins share: noted before a plugin's code runs, put back after it."""

from __future__ import annotations

import contextlib
import gc
import locale
import os
import signal
import sys
import threading
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from kymflow.core.plugins.faults import warn_of

# What NumPy does before anybody tells it otherwise.
_NUMPY_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_LOGGING_WARNING = 30
_OPENMP = "KMP_"
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP", "SIGPIPE", "SIGALRM", "SIGCHLD", "SIGABRT")


@dataclass(frozen=True)
class _Part:
    """One part of the state: how it is called, read and written.

    Attributes
    ----------
    module : str
        Of which module it is; before that is imported, it has no such state.
    at_import : callable or None
        Returns what it is once that module has been imported, and nothing else has happened.
    """

    name: str
    read: Callable[[], Any]
    write: Callable[[Any], object]
    module: str = "sys"
    at_import: Callable[[], Any] | None = None


def _attribute(module: str, name: str) -> _Part:
    return _Part(
        f"{module}.{name}",
        lambda: getattr(sys.modules[module], name, None),
        lambda value: setattr(sys.modules[module], name, value),
        module,
    )


def _cwd() -> str | None:
    try:
        return os.getcwd()
    except OSError:
        # The folder has been deleted.
        return None


def _go_back(folder: str | None) -> None:
    if folder is not None:
        os.chdir(folder)


_last_umask = 0o022


def _umask() -> int:
    """Return the umask, which can only be set; to what it was, so that other threads notice nothing."""
    global _last_umask
    found = os.umask(_last_umask)
    if found != _last_umask:
        os.umask(found)
        _last_umask = found
    return found


def _environment() -> dict[str, str]:
    # Two runtimes of OpenMP in one process end it, unless what scikit-learn has set stays.
    return {name: value for name, value in os.environ.items() if not name.startswith(_OPENMP)}


def _set_environment(before: dict[str, str]) -> None:
    for name in _environment().keys() - before.keys():
        del os.environ[name]
    os.environ.update(before)


def _filters() -> list[Any]:
    return [one for one in warnings.filters if not _is_narrow(one)]


def _is_narrow(one: Any) -> bool:
    """Tell whether a filter hides or shows warnings of one kind: libraries set these on import."""
    action, message, category, module, _ = one
    whose = category.__module__.partition(".")[0]
    of_all = whose in ("builtins", "kymflow", "kymflow_zarr")
    return bool(action != "error" and (message or module or not of_all))


def _set_filters(before: list[Any]) -> None:
    narrow = [one for one in warnings.filters if _is_narrow(one)]
    # It also makes Python forget what the other filters have decided.
    warnings.resetwarnings()
    warnings.filters[:] = [*narrow, *before]  # type: ignore[index]


def _logging() -> tuple[int, list[Any], int]:
    root = sys.modules["logging"].getLogger()
    return root.level, list(root.handlers), root.manager.disable


def _set_logging(before: tuple[int, list[Any], int]) -> None:
    root = sys.modules["logging"].getLogger()
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    sys.modules["logging"].disable(before[2])


def _handlers() -> dict[int, Any]:
    if threading.current_thread() is not threading.main_thread():
        return {}
    numbers = [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]
    return {number: signal.getsignal(number) for number in numbers}


def _set_handlers(before: dict[int, Any]) -> None:
    if threading.current_thread() is not threading.main_thread():
        return
    for number, handler in before.items():
        # What is none of Python's cannot be set.
        if handler is not None and signal.getsignal(number) is not handler:
            signal.signal(number, handler)


def _pandas_options() -> dict[str, Any]:
    return _copied(sys.modules["pandas"].options.d)


def _copied(options: dict[str, Any]) -> dict[str, Any]:
    return {name: _copied(one) if type(one) is dict else one for name, one in options.items()}


def _set_pandas_options(before: dict[str, Any], prefix: str = "") -> None:
    now = sys.modules["pandas"].options.d
    for name in filter(None, prefix.split(".")):
        now = now[name]
    for name, value in before.items():
        # Others may have registered options of their own.
        if type(value) is dict and name in now:
            _set_pandas_options(value, f"{prefix}{name}.")
        elif now.get(name, value) != value:
            with _no_warnings():
                sys.modules["pandas"].set_option(f"{prefix}{name}", value)


def _first_pandas_options() -> dict[str, Any]:
    with _no_warnings():
        # To reset the backend of plots is to import matplotlib, which need not be there.
        for name in sys.modules["pandas"].options.d.keys() - {"plotting"}:
            sys.modules["pandas"].reset_option(rf"^{name}\.")
    return _pandas_options()


@contextlib.contextmanager
def _no_warnings() -> Iterator[None]:
    """Be silent on options that pandas is about to give up."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


# Each thread has its own.
_OF_THREAD = (
    _Part(
        "numpy.seterr",
        lambda: sys.modules["numpy"].geterr(),
        lambda before: sys.modules["numpy"].seterr(**before),
        "numpy",
        lambda: _NUMPY_ERRORS,
    ),
)
_OF_PROCESS = (
    # Whatever puts the rest back may warn.
    _Part("warnings.filters", _filters, _set_filters),
    _attribute("warnings", "showwarning"),
    _Part("pandas options", _pandas_options, _set_pandas_options, "pandas", _first_pandas_options),
    _Part("logging", _logging, _set_logging, "logging", lambda: (_LOGGING_WARNING, [], 0)),
    _Part(
        "locale",
        lambda: locale.setlocale(locale.LC_ALL),
        lambda before: locale.setlocale(locale.LC_ALL, before),
    ),
    _Part("cwd", _cwd, _go_back),
    _Part("umask", _umask, os.umask),
    _Part("os.environ", _environment, _set_environment),
    _Part("sys.path", lambda: list(sys.path), lambda before: sys.path.__setitem__(slice(None), before)),
    *(_attribute("sys", name) for name in ("excepthook", "displayhook", "unraisablehook")),
    _attribute("threading", "excepthook"),
    *(_attribute("builtins", name) for name in ("print", "open", "input")),
    _Part("sys.setrecursionlimit", sys.getrecursionlimit, sys.setrecursionlimit),
    _Part("sys.setswitchinterval", sys.getswitchinterval, sys.setswitchinterval),
    _Part("gc", gc.isenabled, lambda was: gc.enable() if was else gc.disable()),
    _Part("signal handlers", _handlers, _set_handlers),
    _Part(
        "socket.setdefaulttimeout",
        lambda: sys.modules["socket"].getdefaulttimeout(),
        lambda before: sys.modules["socket"].setdefaulttimeout(before),
        "socket",
        lambda: None,
    ),
)
# Progress bars, which a run calls in between, put themselves in their place.
_STREAMS = tuple(_attribute("sys", name) for name in ("stdin", "stdout", "stderr"))
_ABSENT = object()


def _note(parts: Sequence[_Part]) -> list[Any]:
    return [part.read() if part.module in sys.modules else _ABSENT for part in parts]


def _put_back(parts: Sequence[_Part], noted: Sequence[Any]) -> list[str]:
    """Put back what is not as it was noted; return how that is called."""
    changed = []
    for part, before in zip(parts, noted, strict=True):
        if part.module not in sys.modules:
            continue
        now = part.read()
        if before is _ABSENT:
            if part.at_import is None:
                continue
            before = part.at_import()
        if now is before or now == before:
            continue
        try:
            part.write(before)
            changed.append(part.name)
        except (OSError, ValueError, locale.Error) as error:
            changed.append(f"{part.name} (which cannot be put back: {error})")
    return changed


class _Inside:
    """Which threads are within plugins' code; what one has changed, another finds as it comes in."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.threads: Counter[int] = Counter()
        self.first: list[Any] = []

    def enter(self) -> list[Any]:
        me = threading.get_ident()
        with self.lock:
            noted = self.first if self.threads.keys() - {me} else _note(_OF_PROCESS)
            if not self.threads:
                self.first = noted
            self.threads[me] += 1
        return noted

    def leave(self, noted: list[Any]) -> list[str]:
        me = threading.get_ident()
        with self.lock:
            self.threads[me] -= 1
            self.threads += Counter()
            # The others' own may still be in use; the last one puts everything back.
            return [] if self.threads.keys() - {me} else _put_back(_OF_PROCESS, noted)


_inside = _Inside()
if hasattr(os, "register_at_fork"):
    # In a new process, no thread but one goes on.
    os.register_at_fork(after_in_child=_inside.__init__)  # type: ignore[misc]


@contextlib.contextmanager
def kept_process_state(*, streams: bool = True) -> Iterator[list[str]]:
    """Put back what a plugin's code changes for the whole process.

    Warnings filters, NumPy's error state, pandas options, logging's root, the locale, the working folder,
    ``sys.path``, the environment, standard streams and more. What one thread changes while another is
    within a plugin's code as well is put back by the last of them. Seeds of random numbers are left alone.

    Parameters
    ----------
    streams : bool
        Whether the standard streams are put back, too.

    Yields
    ------
    list of str
        Filled at the end: what was changed, in words.
    """
    own = (*_OF_THREAD, *_STREAMS) if streams else _OF_THREAD
    changed: list[str] = []
    mine, noted = _note(own), _inside.enter()
    try:
        yield changed
    finally:
        changed += _put_back(own, mine)
        changed += _inside.leave(noted)


@contextlib.contextmanager
def told_process_state(who: str, *, streams: bool = True) -> Iterator[None]:
    """Put back what a plugin's code changes for the whole process, and warn of it once.

    Parameters
    ----------
    who : str
        Whose code it is.
    streams : bool
        Whether the standard streams are put back, too.
    """
    changed: list[str] = []
    try:
        with kept_process_state(streams=streams) as changed:
            yield
    finally:
        tell_changed(who, changed)


@contextlib.contextmanager
def told_thread_state(who: str) -> Iterator[None]:
    """Put back what a plugin's code changes for its thread, one of many in a run, and warn of it once."""
    noted = _note(_OF_THREAD)
    try:
        yield
    finally:
        tell_changed(who, _put_back(_OF_THREAD, noted))


class KeptStreams:
    """The standard streams as they are now, as a program's own code has them around every image.

    Only the main thread puts them back: others do not know what the program does meanwhile.
    """

    def __init__(self) -> None:
        self._noted = sys.stdin, sys.stdout, sys.stderr
        self._main = threading.current_thread() is threading.main_thread()

    def put_back(self, who: str) -> None:
        """Put back what somebody's code has put in their place."""
        if self._main and (sys.stdin, sys.stdout, sys.stderr) != self._noted:
            tell_changed(who, _put_back(_STREAMS, self._noted))


def tell_changed(who: str, changed: Sequence[str]) -> None:
    """Warn of what somebody has changed, if it is anything, once in a process."""
    if changed:
        _tell(changed_words(who, changed))


def changed_words(who: str, changed: Sequence[str]) -> str:
    """Say what somebody has changed."""
    return f"{who} changed {', '.join(changed)} for the whole program; it was put back"


@cache
def _tell(message: str) -> None:
    """Warn of it, once in a process: chunk after chunk, an indexer does the same."""
    warn_of(message)
