"""What an indexer lacks, in words for somebody who writes the first one."""

from __future__ import annotations

import difflib
import inspect

_METHOD = "extract_rows"


def fault_of(indexer: object) -> str:
    """Say what keeps an object from being an indexer; empty if it has all that one needs."""
    kind = type(indexer).__qualname__
    if isinstance(indexer, type):
        lacking = lacks_rows(indexer)
        return lacking or f"got the class itself; pass an instance, {indexer.__name__}()"
    missing = [member for member in ("name", _METHOD) if not hasattr(indexer, member)]
    if missing == ["name"]:
        return f"{kind} has no name: give the class a line like name = 'stalls'"
    if missing == [_METHOD]:
        return lacks_rows(type(indexer))
    if missing:
        return f"{kind} is no DatasetIndexer: it lacks {', '.join(missing)}"
    return _fault_of_method(getattr(indexer, _METHOD))


def lacks_rows(kind: type) -> str:
    """Say that a class has no method that extracts rows, and which it may be; empty if it has one."""
    if hasattr(kind, _METHOD):
        return ""
    methods = [name for name in dir(kind) if not name.startswith("_")]
    near = difflib.get_close_matches(_METHOD, methods, 1)
    meant = f"; did you mean {near[0]} to be it?" if near else ""
    return f"{kind.__qualname__} has no method {_METHOD}(self, rec), which an indexer needs{meant}"


def _fault_of_method(method: object) -> str:
    if not callable(method):
        return f"{_METHOD} must be a method"
    if inspect.iscoroutinefunction(method) or inspect.isasyncgenfunction(method):
        return f"{_METHOD} is async; kymflow calls it and takes what it returns: write def, not async def"
    if inspect.isgeneratorfunction(method):
        return f"{_METHOD} yields; it must return all rows of the record as one DataFrame"
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
            return f"{_METHOD} takes no record: write def {_METHOD}(self, rec)"
        more = ", ".join(one.name for one in given[1:] or given)
        return (
            f"{_METHOD} is called with the record alone, but takes {more}, too: give that a default, "
            "or make it an attribute of the indexer"
        )
    return ""
