"""The command line, run in this process or as one of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from kymflow.cli.commands import app

from .paths import SRC

Run = Callable[..., Result]


def run_command(*arguments: object, code: int | None = 0) -> Result:
    """Run ``kymflow`` with these arguments; it must end with this exit code, or with any if that is None."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert code in (None, result.exit_code), result.output
    return result


def read_json(result: Result) -> Any:
    return json.loads(result.stdout)


def one_line(result: Result) -> str:
    """Return the one line on standard error; nothing is on standard output."""
    assert result.stdout == ""
    assert result.stderr.startswith("kymflow: ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr


REPORT = {"rows": int, "images": int, "updated": list, "unchanged": int, "removed": list}
REPORT |= {"failed": list, "stale": list, "sources": list, "derived": bool, "problem": str}


def check_reports(tables: dict[str, Any]) -> None:
    assert sorted(tables) == ["images", "radon_report", "velocity_events"]
    for report in tables.values():
        assert {name: type(value) for name, value in report.items()} == REPORT


def process_of(*arguments: object, site: Path | None = None, **environment: str) -> dict[str, Any]:
    """Say how ``subprocess`` runs ``kymflow``, with what is installed on `site`."""
    path = os.pathsep.join(str(folder) for folder in (site, SRC) if folder is not None)
    return {
        "args": [sys.executable, "-c", "from kymflow.cli.main import main; main()", *map(str, arguments)],
        "env": {**os.environ, "PYTHONPATH": path, "PYTHONUTF8": "1", **environment},
        "encoding": "utf-8",
        "errors": "replace",
    }


def run_process(
    *arguments: object, stdout: int = subprocess.PIPE, stderr: int = subprocess.PIPE, **how: Any
) -> subprocess.CompletedProcess[str]:
    """Run ``kymflow`` as a process of its own."""
    return subprocess.run(
        **process_of(*arguments, **how), stdout=stdout, stderr=stderr, timeout=300, check=False
    )
