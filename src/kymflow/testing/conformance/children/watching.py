"""What an author's code opens, asks and starts beside its record, as Python's audit events tell."""

from __future__ import annotations

import os
import site
import stat as statistics
import sys
import sysconfig
import tempfile
import zoneinfo
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any, Literal

from kymflow.testing.conformance.children.frames import caller, first_library, frames_of_python, top_package

Kind = Literal["file", "network", "program"]
# The first argument of these is a path, or a file descriptor.
_FILES = {"open", "os.listdir", "os.scandir", "sqlite3.connect", "os.mkdir", "os.remove", "os.rename"}
_NETWORK = {
    "socket.connect",
    "socket.sendto",
    "socket.bind",
    "socket.getaddrinfo",
    "socket.gethostbyname",
    "socket.gethostbyaddr",
    "urllib.Request",
}
_PROGRAMS = {"subprocess.Popen", "os.system", "os.posix_spawn", "os.exec", "os.startfile"}
# Of Python's own library: they start programs, or talk to themselves, on the way to something else.
_HARMLESS_MODULES = {"platform", "uuid", "ctypes.util", "sysconfig", "_osx_support"}
_HARMLESS_FUNCTIONS = {"socketpair", "_fallback_socketpair"}


class Watch:
    """Notes what one package opens, asks and starts, from its making on; there is no end to it.

    Parameters
    ----------
    package : str
        The author's, its top level.
    dataset : str
        The path below which kymflow reads for it.

    Attributes
    ----------
    seen : dict of (kind, words) to int
        What was seen, each once, in order.
    """

    def __init__(self, package: str, dataset: str) -> None:
        self.seen: dict[tuple[Kind, str], int] = {}
        self._package, self._dataset = package, _real(dataset)
        self._free = tuple(_real(path) + os.sep for path in _free_paths())
        self._made: set[str] = set()
        self._busy = False
        sys.addaudithook(self._on_event)
        for name in ("stat", "lstat"):
            self._note_looks(name)

    def allow(self, paths: Iterable[str]) -> None:
        """Take what is read at these paths, or below them, for the author's own: the package itself."""
        self._free = (*self._free, *(_real(path) + os.sep for path in paths))
        for kind, words in list(self.seen):
            if kind == "file" and self._is_free(_real(words)):
                del self.seen[kind, words]

    def _note_looks(self, name: str) -> None:
        # Looking whether a file is there raises no event.
        real: Callable[..., Any] = getattr(os, name)

        def look(path: Any, *arguments: Any, **named: Any) -> Any:
            found = None
            try:
                found = real(path, *arguments, **named)
            finally:
                # Folders are looked at on the way to anything.
                if found is None or not statistics.S_ISDIR(found.st_mode):
                    self._on_event("open", (path, "r", 0))
            return found

        setattr(os, name, look)

    def _on_event(self, event: str, arguments: tuple[Any, ...]) -> None:
        if self._busy or event not in _FILES | _NETWORK | _PROGRAMS:
            return
        self._busy = True
        try:
            if event in _FILES:
                self._on_file(arguments)
            elif caller(self._package) is not None and not _is_harmless():
                kind: Kind = "network" if event in _NETWORK else "program"
                self._note(kind, _words(event, arguments))
        finally:
            self._busy = False

    def _on_file(self, arguments: tuple[Any, ...]) -> None:
        path = arguments[0]
        if not isinstance(path, str | bytes | os.PathLike):
            return
        name = os.fsdecode(path)
        if name in ("", ":memory:"):
            return
        real = _real(name)
        if (
            self._is_free(real)
            or caller(self._package, through_kymflow=not _below(real, self._dataset)) is None
        ):
            return
        library = first_library()
        if library != self._package and _is_of_a_library(real, library):
            return
        flags = arguments[2] if len(arguments) > 2 and isinstance(arguments[2], int) else 0
        if flags & os.O_CREAT and not os.path.lexists(real) and _below(real, _real(tempfile.gettempdir())):
            # A file of its own, to hand bytes to a library; what stays there is found by another check.
            self._made.add(real)
            return
        if real not in self._made and not any(
            _below(made, real) or _below(real, made) for made in self._made
        ):
            self._note("file", name)

    def _is_free(self, real: str) -> bool:
        return (real + os.sep).startswith(self._free)

    def _note(self, kind: Kind, words: str) -> None:
        self.seen.setdefault((kind, words), len(self.seen))


def _real(path: str) -> str:
    return os.path.normcase(os.path.realpath(path))


def _below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder + os.sep)


def _free_paths() -> Iterable[str]:
    """Python itself, what is installed, and what the system tells every program."""
    yield from sysconfig.get_paths().values()
    yield from (sys.prefix, sys.base_prefix, sys.exec_prefix, *site.getsitepackages())
    yield from zoneinfo.TZPATH
    if os.name == "posix":
        yield from ("/usr/share", "/usr/lib", "/lib", "/etc/localtime", "/proc", "/sys", "/dev")


def _is_of_a_library(real: str, library: str) -> bool:
    """Tell whether a library keeps something of its own there: a cache of compiled code or of fonts."""
    return library.lower() in {part.lstrip(".").lower() for part in Path(real).parts}


def _is_harmless() -> bool:
    return any(
        frame.f_globals.get("__name__") in _HARMLESS_MODULES or frame.f_code.co_name in _HARMLESS_FUNCTIONS
        for frame in frames_of_python()
    )


def _words(event: str, arguments: tuple[Any, ...]) -> str:
    values = [value for value in arguments if isinstance(value, str | bytes | int | tuple | list)]
    return f"{event}: {', '.join(map(repr, values[:2]))[:200]}"


def shipped_with(module_name: str) -> list[str]:
    """Return the folders, or the files, that are shipped with a module's code."""
    package = sys.modules.get(top_package(module_name))
    folders = [os.path.abspath(folder) for folder in getattr(package, "__path__", ())]
    file = getattr(sys.modules.get(module_name), "__file__", None)
    if folders or not file:
        return folders
    return [entry.path for entry in os.scandir(os.path.dirname(os.path.abspath(file))) if entry.is_file()]
