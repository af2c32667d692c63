"""A process that runs one action after the other, each in a child of its own with one fault."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .actions import ACTIONS, COMMANDS
from .injector import NO_FAULT, Fault, disarm

SERVER = "from support.faults.server import serve; serve()"
# One that takes so long waits for something that never comes.
_LONGEST_S = 300


@dataclass(frozen=True)
class Outcome:
    """How an action ended.

    Attributes
    ----------
    ended : int
        Its exit code, or the signal that ended it, negative.
    kind, said : str
        The error's class, and what was printed or the error's message.
    calls : list of (str, str)
        Name and path of each call below the folder, where they were asked for.
    """

    ended: int
    kind: str
    said: str
    calls: list[tuple[str, str]]


class Server:
    """The other side of :func:`serve`, in a process that was started with the library loaded."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, action: str, root: Path, fault: Fault = NO_FAULT, *, tell: bool = False) -> Outcome:
        """Run an action on the dataset in `root`; calls below that folder count."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        request = {"action": action, "root": str(root), "fault": asdict(fault), "tell": tell}
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        assert answer, self._process.communicate()
        return Outcome(**json.loads(answer))


def serve() -> None:
    """Answer requests until there are no more."""
    # What children need is imported once, and no thread is started: after a fork there would be none.
    import kymflow.cli.check
    import kymflow.cli.delete
    import kymflow.cli.ingest
    import kymflow.cli.refresh
    import kymflow.cli.status
    import kymflow.cli.update
    import kymflow.cli.workers
    import kymflow_zarr.formats.pixels
    from kymflow.core.plugins.registry import get_registry

    assert kymflow.cli
    assert kymflow_zarr.formats.pixels
    get_registry().indexers()
    for line in sys.stdin:
        request = json.loads(line)
        print(json.dumps(_in_a_child(request)), flush=True)


def _in_a_child(request: dict[str, Any]) -> dict[str, Any]:
    with tempfile.TemporaryFile("w+") as said, tempfile.TemporaryFile("w+") as told:
        pid = os.fork()
        if not pid:
            _act(request, said.fileno(), told.fileno() if request["tell"] else -1)
        _, status = os.waitpid(pid, 0)
        said.seek(0)
        told.seek(0)
        printed = said.read()
        kind, _, message = printed.partition("\0")
        calls = [line.rstrip("\n").split(" ", 1) for line in told]
        ended = os.waitstatus_to_exitcode(status)
        return {"ended": ended, "kind": kind if message else "", "said": message or printed, "calls": calls}


def _act(request: dict[str, Any], said: int, told: int) -> None:
    """Run an action and end this process."""
    signal.alarm(_LONGEST_S)
    os.dup2(said, 1)
    os.dup2(said, 2)
    root = request["root"]
    swap = tuple(request["fault"].pop("swap"))
    fault = Fault(**request["fault"], swap=swap)
    code = 0
    try:
        fault.arm(root, told)
        ACTIONS[request["action"]](Path(root))
    except SystemExit as end:
        code = int(end.code or 0)
    except BaseException as error:  # noqa: BLE001 - whatever is raised is what is to be judged
        if request["action"] in COMMANDS:
            import traceback

            traceback.print_exc()
        else:
            print(f"{type(error).__name__}\0{error}", end="")
        code = 1
    disarm()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)
