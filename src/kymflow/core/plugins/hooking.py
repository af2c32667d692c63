"""A plugin registered with pluggy, alone: its hooks are checked and called, and no other's."""

from __future__ import annotations

import difflib
import inspect
from typing import TYPE_CHECKING

import pluggy

from kymflow.core.plugins import hookspecs
from kymflow.errors import PluginError

if TYPE_CHECKING:
    from types import ModuleType

    from pluggy import HookimplOpts, HookspecOpts

INDEXERS = "kymflow_indexers"
READERS = "kymflow_readers"
TABLE_UPDATED = "kymflow_table_updated"
HOOKS = (INDEXERS, READERS, TABLE_UPDATED)


class _Manager(pluggy.PluginManager):
    """Looks for hooks among the names that can be hooks; a module has three times as many others."""

    def parse_hookimpl_opts(self, plugin: object, name: str) -> HookimplOpts | None:
        return None if name.startswith("__") else super().parse_hookimpl_opts(plugin, name)

    def parse_hookspec_opts(self, module_or_class: ModuleType | type, name: str) -> HookspecOpts | None:
        return super().parse_hookspec_opts(module_or_class, name) if name.startswith("kymflow_") else None


class HookedPlugin:
    """A module or object with hooks, in a manager of its own.

    So one that fails leaves nothing behind, its wrappers wrap nobody else's hooks, and two
    distributions that register the same module are told apart.

    Parameters
    ----------
    target : object
        A module, or an instance.
    name : str
        What pluggy's messages call it.

    Raises
    ------
    PluginError
        It is a class, a hook of it is not marked, or has another name or other arguments than kymflow has
        specified.
    """

    def __init__(self, target: object, name: str) -> None:
        if inspect.isclass(target):
            raise PluginError(
                f"{name} is the class {target.__qualname__} itself; name an instance, or a module"
            )
        self.target = target
        manager = _Manager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        try:
            manager.register(target, name=name)
            manager.check_pending()
        except pluggy.PluginValidationError as error:
            raise PluginError(_in_one_line(target, name, error)) from error
        self._hook = manager.hook
        self._names = {caller.name for caller in manager.get_hookcallers(target) or ()}
        for hook in HOOKS:
            if hook not in self._names and callable(getattr(target, hook, None)):
                raise PluginError(f"{hook} of {name} is not marked with @kymflow.hookimpl")

    def has(self, hook: str) -> bool:
        """Tell whether it implements a hook."""
        return hook in self._names

    def call(self, hook: str, **arguments: object) -> object:
        """Call a hook of it, and return the list of its answers."""
        return getattr(self._hook, hook)(**arguments)


def _in_one_line(target: object, name: str, error: pluggy.PluginValidationError) -> str:
    """Say what is wrong with a hook, and how it is meant."""
    for hook in HOOKS:
        function = getattr(target, hook, None)
        if callable(function):
            given = inspect.signature(getattr(hookspecs, hook)).parameters
            foreign = [one for one in inspect.signature(function).parameters if one not in given]
            if foreign:
                may = f"{', '.join(given)}, or fewer" if given else "no argument"
                return (
                    f"{hook} of {name} takes {', '.join(map(repr, foreign))}, but a hook {hook} takes {may}"
                )
    names = [one for one in dir(target) if one.startswith("kymflow") and one not in HOOKS]
    near = [(one, match) for one in names for match in difflib.get_close_matches(one, HOOKS, 1)]
    if near:
        return f"unknown hook {near[0][0]!r} in {name}; did you mean {near[0][1]!r}?"
    return " ".join(str(error).split())
