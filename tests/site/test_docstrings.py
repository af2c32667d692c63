"""Docstrings of public names are as numpydoc wants them, so that the reference shows them whole."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from importlib import import_module

import pytest

# What numpydoc asks for and is not meant to be everywhere: examples and further sections of each method,
# sections where the summary says it all, types of parameters that another method says; two empty lines are
# in samples of code.
NOT_ASKED = {"EX01", "ES01", "SA01", "PR01", "PR04", "RT01", "YD01", "GL03", "SS05", "SS06"}
PACKAGES = ("kymflow", "kymflow.testing", "kymflow_view", "kymflow_zarr")


def documented() -> Iterator[str]:
    """Yield where each public function, class and method of ours is made."""
    for package in map(import_module, PACKAGES):
        for public in (getattr(package, name) for name in package.__all__):
            if not hasattr(public, "__qualname__") or not is_ours(public):
                continue
            home = f"{public.__module__}.{public.__qualname__}"
            yield home
            if inspect.isclass(public):
                members = {name: value for name, value in inspect.getmembers(public) if name[0] != "_"}
                yield from (f"{home}.{name}" for name, value in members.items() if is_ours(value))


def is_ours(thing: object) -> bool:
    made_by = thing.fget if isinstance(thing, property) else thing
    return callable(made_by) and str(getattr(made_by, "__module__", "")).startswith("kymflow")


@pytest.mark.parametrize("name", sorted(set(documented())))
def test_a_docstring_is_valid(name: str) -> None:
    from numpydoc.validate import validate

    errors = [f"{code}: {message}" for code, message in validate(name)["errors"] if code not in NOT_ASKED]
    assert errors == []


def test_all_packages_have_been_looked_at() -> None:
    assert len(set(documented())) > 250
