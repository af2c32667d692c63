"""What an indexer lacks, in words for somebody who writes the first one."""

from __future__ import annotations

import difflib
import inspect

_EXTRACT, _DERIVE = "extract_rows", "derive"
# What each method is called with: its parameter, and that in words.
_GIVEN = {_EXTRACT: ("rec", "record"), _DERIVE: ("tables", "tables")}


def fault_of(indexer: object) -> str:
    """Say what keeps an object from being an indexer; empty if it has all that one needs."""
    kind = type(indexer).__qualname__
    if isinstance(indexer, type):
        lacking = lacks_rows(indexer)
        return lacking or f"got the class itself; pass an instance, {indexer.__name__}()"
    methods = [method for method in _GIVEN if hasattr(indexer, method)]
    if len(methods) > 1 and not hasattr(indexer, "sources"):
        # Whatever it derives, that is its own matter.
        methods = [_EXTRACT]
    if len(methods) > 1:
        return (
            f"{kind} has {_EXTRACT} as well as {_DERIVE} and sources: a table is made either of images or of "
            "other tables; make two indexers of it"
        )
    if not methods and not hasattr(indexer, "name"):
        return f"{kind} is no DatasetIndexer: it lacks name, {_method_of(type(indexer))}"
    if not methods:
        return lacks_rows(type(indexer))
    if not hasattr(indexer, "name"):
        return f"{kind} has no name: give the class a line like name = 'stalls'"
    if methods == [_DERIVE] and not hasattr(indexer, "sources"):
        return (
            f"{kind} has {_DERIVE}, but no sources: name the tables that it needs, "
            "sources = ('velocity_events',)"
        )
    return _fault_of_method(getattr(indexer, methods[0]), methods[0])


def has_rows(thing: object) -> bool:
    """Tell whether an object or a class has a method that gives rows, as indexers have."""
    return any(hasattr(thing, method) for method in _GIVEN)


def lacks_rows(kind: type) -> str:
    """Say that a class has no method that gives rows, and which it may be; empty if it has one."""
    if has_rows(kind):
        return ""
    wanted = _method_of(kind)
    methods = [name for name in dir(kind) if not name.startswith("_")]
    near = difflib.get_close_matches(wanted, methods, 1)
    meant = f"; did you mean {near[0]} to be it?" if near else ""
    call = f"{wanted}(self, {_GIVEN[wanted][0]})"
    return f"{kind.__qualname__} has no method {call}, which an indexer needs{meant}"


def _method_of(kind: type) -> str:
    """Return the method that a class lacks: who names sources wants to derive."""
    return _DERIVE if hasattr(kind, "sources") else _EXTRACT


def _fault_of_method(method: object, name: str) -> str:
    parameter, given_it = _GIVEN[name]
    if not callable(method):
        return f"{name} must be a method"
    if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
        return f"{name} is async; kymflow calls it and takes what it returns: write def, not async def"
    if inspect.isgeneratorfunction(method):
        of = "the record" if name == _EXTRACT else "the table"
        return f"{name} yields; it must return all rows of {of} as one DataFrame"
    try:
        signature = inspect.signature(method)
    except (TypeError, ValueError):
        # Of code in another language.
        return ""
    try:
        signature.bind(None)
    except TypeError:
        given = [one for one in signature.parameters.values() if one.default is one.empty]
        if not given:
            return f"{name} takes no {given_it}: write def {name}(self, {parameter})"
        more = ", ".join(one.name for one in given[1:] or given)
        return (
            f"{name} is called with the {given_it} alone, but takes {more}, too: give that a default, "
            "or make it an attribute of the indexer"
        )
    return ""
