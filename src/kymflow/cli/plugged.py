"""Commands of other distributions, found through the entry-point group ``kymflow.commands``."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from kymflow.cli.failures import fail, one_line_failures
from kymflow.cli.usage import UsageError, reword

if TYPE_CHECKING:
    from kymflow.core.plugins.source import PluginSource

ENTRY_POINT_GROUP = "kymflow.commands"
# What kymflow's documentation speaks of, although it may not be installed.
_VIEW = "kymflow-view"
# Longer than what any command says of itself in one sentence.
_WHOLE = 1000
_KNOWN = {"plot": _VIEW, "report": _VIEW, "view": _VIEW}


class Commands(TyperGroup):
    """kymflow's own commands, and those that are plugged in; these are loaded when they are called.

    An entry point ``name = module:function`` names the command and a function as Typer takes it. It
    is run as kymflow's own are: a KymflowError or OSError ends it with one line and exit code 1.
    """

    def list_commands(self, ctx: Any) -> list[str]:
        """Return the names of all commands, kymflow's own first."""
        own = super().list_commands(ctx)
        return [*own, *sorted(name for name in self._plugged if name not in own)]

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a command; of kymflow's own and another of the same name, kymflow's."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        if cmd_name in self._plugged:
            return _command(cmd_name, self._plugged[cmd_name])
        if cmd_name in _KNOWN:
            from kymflow.cli.hints import with_pip

            missing = _KNOWN[cmd_name]
            why = f"`kymflow {cmd_name}` comes with {missing}, which is not installed: pip install {missing}"
            return _refusing(cmd_name, with_pip(why))
        return None

    def invoke(self, ctx: Any) -> Any:
        """Run what was typed; what was not understood is told in kymflow's words."""
        try:
            return super().invoke(ctx)
        except UsageError as error:
            reword(error)
            raise

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Write what each command does in whole sentences; click would cut them off at one line."""
        commands = [(name, self.get_command(ctx, name)) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl([(name, one.get_short_help_str(_WHOLE)) for name, one in commands])

    @cached_property
    def _plugged(self) -> dict[str, list[PluginSource]]:
        from kymflow.core.plugins.discovery import installed_plugins

        found: dict[str, list[PluginSource]] = {}
        for source in installed_plugins(ENTRY_POINT_GROUP):
            found.setdefault(source.name, []).append(source)
        return found


def _command(name: str, sources: list[PluginSource]) -> Any:
    if len(sources) > 1:
        who = " and ".join(source.distribution for source in sources)
        return _refusing(name, f"{who} both have a command {name}: uninstall one of them")
    (source,) = sources
    # A plugin's own code runs here: what it does wrong is its own failure, whatever it is.
    try:
        return _made(name, source.load())
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001
        from kymflow.core.plugins.faults import in_words

        whose = f"{source.distribution} {source.version}".strip()
        return _refusing(name, f"the command {name} of {whose} cannot be loaded: {in_words(error)}")


def _refusing(name: str, why: str) -> Any:
    def refuse(ctx: typer.Context) -> None:
        fail(why)

    refuse.__doc__ = f"Not usable: {why}"
    command = _made(name, refuse)
    # Whatever is given to it, and --help, is answered by the reason.
    command.ignore_unknown_options = command.allow_extra_args = True
    command.add_help_option = False
    return command


def _made(name: str, function: Any) -> Any:
    if not callable(function):
        raise TypeError(f"it is {type(function).__name__}, not a function")
    alone = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    wrapped: Callable[..., None] = one_line_failures(function)
    alone.command(name)(wrapped)
    return typer.main.get_command(alone)
