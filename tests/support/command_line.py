"""The command line, run in this process."""

from __future__ import annotations

from typer.testing import CliRunner, Result

from kymflow.cli.main import app


def run(*arguments: object) -> Result:
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def one_line(result: Result, code: int = 1) -> str:
    assert result.exit_code == code, result.output
    assert result.stdout == ""
    assert result.stderr.startswith("kymflow: ")
    assert result.stderr.count("\n") == 1, result.stderr
    return result.stderr
