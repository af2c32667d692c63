"""A plugin registered with pluggy, alone: its hooks are checked and called, and no other's."""

from __future__ import annotations

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
        It is a class, or a hook of it is not marked.
    pluggy.PluginValidationError
        A hook has another name or other arguments than kymflow has specified.
    """

    def __init__(self, target: object, name: str) -> None:
        if inspect.isclass(target):
            raise PluginError(
                f"{name} is the class {target.__qualname__} itself; name an instance, or a module"
            )
        self.target = target
        manager = _Manager(hookspecs.PROJECT)
        manager.add_hookspecs(hookspecs)
        manager.register(target, name=name)
        manager.check_pending()
        self._hook = manager.hook
        self._names = {caller.name for caller in manager.get_hookcallers(target) or ()}
        for hook in (INDEXERS, READERS, TABLE_UPDATED):
            if hook not in self._names and callable(getattr(target, hook, None)):
                raise PluginError(f"{hook} of {name} is not marked with @kymflow.hookimpl")

    def has(self, hook: str) -> bool:
        """Tell whether it implements a hook."""
        return hook in self._names

    def call(self, hook: str, **arguments: object) -> object:
        """Call a hook of it, and return the list of its answers."""
        return getattr(self._hook, hook)(**arguments)
