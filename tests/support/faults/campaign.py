"""Actions with a fault at any call, and what must hold after each: told, nothing half, all mended."""

from __future__ import annotations

import errno
import os
import random
import shutil
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from .actions import ACTIONS, COMMANDS, make_lab
from .injector import KILL, Fault
from .server import Outcome, Server
from .state import State, neither, not_like_rebuilt, state_of

# What a disk, a quota, a network or a limit may answer to each call.
ERRORS = {
    "open": (errno.EACCES, errno.EMFILE, errno.ENOMEM, errno.EIO, errno.ENOSPC),
    "read": (errno.EIO,),
    "write": (errno.ENOSPC, errno.EIO),
    "fsync": (errno.EIO, errno.ENOSPC),
    "close": (errno.EIO, errno.ENOSPC),
    "rename": (errno.EACCES, errno.EIO, errno.ENOSPC),
    "link": (errno.EACCES, errno.EIO, errno.ENOSPC),
    "symlink": (errno.EACCES, errno.EIO, errno.ENOSPC),
    "unlink": (errno.EACCES, errno.EIO),
    "rmdir": (errno.EACCES, errno.EIO),
    "mkdir": (errno.ENOSPC, errno.EACCES, errno.EIO),
    "stat": (errno.EIO, errno.EACCES, errno.ENOMEM),
    "fstat": (errno.EIO, errno.ENOMEM),
    "access": (errno.EIO, errno.EACCES),
    "opendir": (errno.EMFILE, errno.EACCES, errno.ENOMEM, errno.EIO),
    "readdir": (errno.EIO,),
    "flock": (errno.EIO, errno.ENOMEM),
    "ftruncate": (errno.EIO,),
}
# An ingest goes on past a file that cannot be read, and warns.
TOLD_AS = {"StoreError", "StorePermissionError", "IngestWarning"}
# Where one of these has failed, what is temporary may stay; `check --repair` takes it away when it is old.
MAY_LEAVE = {"unlink", "rmdir", "opendir", "readdir", "stat", "fstat", "close", "open"}


@dataclass(frozen=True)
class Point:
    """An action, a fault, and the name and path of the call at which it comes."""

    action: str
    fault: Fault
    call: str
    path: str

    def __str__(self) -> str:
        what = "kill" if self.fault.error == KILL else errno.errorcode[self.fault.error]
        always = " for good" if self.fault.lasting else ""
        return f"{self.action}: {what}{always} at call {self.fault.at}, {self.call} {self.path}"


class Campaign:
    """A dataset that is put back before each action, and the process that acts."""

    def __init__(self, root: Path, server: Server) -> None:
        self.root = root / "work"
        self._kept = root / "kept"
        self._server = server
        self.root.mkdir()
        make_lab(self.root)
        shutil.copytree(self.root, self._kept)
        self._old: dict[str, State] = {}
        self._refreshed: dict[str, State] = {}
        self._expected: dict[str, tuple[State, list[tuple[str, str]]]] = {}

    @property
    def path(self) -> Path:
        return self.root / "lab.zarr"

    def restore(self, action: str) -> None:
        shutil.rmtree(self.root)
        shutil.copytree(self._kept, self.root)
        if action == "delete":
            # It may bring other images' rows up to date, and need not.
            assert self._server.run("refresh", self.root).ended == 0

    def old(self, action: str) -> State:
        """Return what the dataset holds before an action."""
        if action not in self._old:
            self.restore(action)
            self._old[action] = state_of(self.path)
        return self._old[action]

    def refreshed(self, action: str) -> State:
        """Return what the dataset holds after an action without a fault and a refresh, as rebuilt."""
        if action not in self._refreshed:
            self.expected(action)
            self.restore(action)
            for name in (action, "refresh"):
                assert self._server.run(name, self.root).ended == 0, name
            self._refreshed[action] = state_of(self.path)
            assert not_like_rebuilt(self.path) == [], action
        return self._refreshed[action]

    def expected(self, action: str) -> tuple[State, list[tuple[str, str]]]:
        """Return what the dataset holds after an action without a fault, and the calls of the action."""
        if action not in self._expected:
            self.restore(action)
            outcome = self._server.run(action, self.root, tell=True)
            assert outcome.ended == 0, (action, outcome.said)
            self._expected[action] = state_of(self.path), outcome.calls
        return self._expected[action]

    def points(
        self, chance: random.Random, each: int, actions: Iterable[str] = tuple(ACTIONS), *, kill: bool = False
    ) -> Iterator[Point]:
        """Draw `each` points for each action: first by the kind of call, so that rare ones are among them."""
        for action in actions:
            by_call = defaultdict(list)
            for number, (call, path) in enumerate(self.expected(action)[1], 1):
                by_call[call].append((number, path))
            for _ in range(each):
                call = chance.choice(sorted(by_call))
                number, path = chance.choice(by_call[call])
                error = KILL if kill else chance.choice(ERRORS[call])
                yield Point(action, Fault(number, error, not kill and chance.random() < 0.3), call, path)

    def breaches(self, point: Point) -> list[str]:
        """Run one point; return what does not hold."""
        new, _ = self.expected(point.action)
        mended = self.refreshed(point.action)
        old = self.old(point.action)
        self.restore(point.action)
        outcome = self._server.run(point.action, self.root, point.fault)
        wrong = self._told(point, outcome)
        wrong += neither(state_of(self.path), old, new)
        if outcome.ended == 0 and point.action not in ("check", "status"):
            wrong += [f"ended well, without {what}" for what in neither(state_of(self.path), new, new)]
        if point.fault.error != KILL and not point.fault.lasting and point.call not in MAY_LEAVE:
            wrong += [f"left {one}" for one in self.path.rglob("*.kymflow-tmp*")]
        again = self._server.run(point.action, self.root)
        if "Traceback" in again.said or again.ended not in (0, 1):
            wrong.append(f"a second run ended with {again.ended}: {again.said}")
        # Most actions leave the rows of tables to a refresh.
        if point.action not in ("refresh", "rebuild", "ingest"):
            refreshed = self._server.run("refresh", self.root)
            wrong += [f"a refresh says {refreshed.said}"] if refreshed.ended else []
        wrong += [f"not mended: {what}" for what in neither(state_of(self.path), mended, mended)]
        return wrong

    def _told(self, point: Point, outcome: Outcome) -> list[str]:
        """What is wrong with how the action ended, and with what it said."""
        if outcome.ended == -9 and point.fault.error == KILL:
            return []
        said = outcome.said
        if outcome.ended not in (0, 1):
            return [f"ended with {outcome.ended}: {said}"]
        if "Traceback" in said:
            return [f"a traceback: {said}"]
        if outcome.ended == 0:
            return []
        wrong = []
        if point.fault.error > 0 and os.strerror(point.fault.error) not in said:
            wrong.append(f"the cause is not said: {said}")
        # The command line shortens it.
        if self.path.name not in said and str(self.root / "in") not in said:
            wrong.append(f"no path is said: {said}")
        if point.action not in COMMANDS and outcome.kind not in TOLD_AS:
            wrong.append(f"{outcome.kind} was raised: {said}")
        return wrong
