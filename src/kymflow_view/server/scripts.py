"""Modules of the page, sent as few files: each that a page asks for costs its browser some milliseconds."""

from __future__ import annotations

import posixpath
import re
from collections import Counter
from collections.abc import Mapping

# The forms in which our modules are written; others are refused.
_IMPORT = re.compile(r'^import (\{ [^}\n]+ \}|\w+) from "(\.[^"\n]+)";\n', re.MULTILINE)
_EXPORT = re.compile(r"^export ((?:async )?(?:function|class|const) (\w+))", re.MULTILINE)
_LATER = re.compile(r'\bimport\("(\.[^"\n]+)"\)')
_OTHER = re.compile(r"^(?:import|export)\b.*", re.MULTILINE)
# For who reads a module: a fifth of it. Comments behind code stay.
_COMMENT = re.compile(r"^[ \t]*(?://.*|/\*\*(?:[^*]|\*(?!/))*\*/)\n", re.MULTILINE)
_OURS = "app/"


def is_script(name: str) -> bool:
    """Return whether a file, by its path, is one of our modules."""
    return name.startswith(_OURS) and name.endswith(".js")


def join_scripts(contents: Mapping[str, bytes], first: str) -> dict[str, bytes]:
    """Return the files that are sent instead of our modules, by their paths.

    They are the module that the page starts with, and each that is asked for later; each has with it what it
    needs. A module becomes the call of a function that returns what it exports, so that its other names stay
    its own. What more than one of the files needs is in the first, from which the others import it.

    Parameters
    ----------
    contents : mapping of str to bytes
        Files by their paths.
    first : str
        The module that the page starts with.

    Raises
    ------
    ValueError
        A module imports or exports in a form that is not understood.
    """
    texts = {name: content.decode("utf-8") for name, content in contents.items() if is_script(name)}
    asked = {_path(name, path) for name, text in texts.items() for path in _LATER.findall(text)}
    needed = {entry: _needed(entry, texts, {}) for entry in sorted(asked - {first})}
    times = Counter(name for names in needed.values() for name in names)
    at_once = _needed(first, texts, {})
    for name, count in times.items():
        if count > 1:
            _needed(name, texts, at_once)
    at_once[first] = at_once.pop(first)  # It runs when all others have.
    files = {first: _joined(list(at_once), texts, first)}
    for entry, names in needed.items():
        own = _joined([name for name in names if name not in at_once], texts, first)
        exported = ", ".join(_exported(texts[entry]))
        files[entry] = f"{own}export const {{ {exported} }} = {_variable(entry)};\n"
    return {name: text.encode("utf-8") for name, text in files.items()}


def _path(name: str, asked: str) -> str:
    """Return the path of a module that another one asks for."""
    return posixpath.normpath(posixpath.join(posixpath.dirname(name), asked))


def _needed(name: str, texts: Mapping[str, str], found: dict[str, None]) -> dict[str, None]:
    """Add to `found` a module after those that it needs, and return them in the order in which they run."""
    if name not in found:
        for _, asked in _IMPORT.findall(texts[name]):
            if (path := _path(name, asked)) in texts:
                _needed(path, texts, found)
        found[name] = None
    return found


def _joined(names: list[str], texts: Mapping[str, str], first: str) -> str:
    """Return modules as one; others of ours are imported from the first file."""
    imports: dict[str, None] = {}
    bodies = []
    for name in names:
        body = texts[name]
        for what, asked in _IMPORT.findall(body):
            path = _path(name, asked)
            if path not in texts:
                imports[f'import {what} from "/static/{path}";\n'] = None
            elif path not in names:
                imports[f'import {{ {_variable(path)} }} from "/static/{first}";\n'] = None
        bodies.append(_as_function(name, body, texts))
    return "".join([*imports, *bodies])


def _as_function(name: str, text: str, texts: Mapping[str, str]) -> str:
    def bound(found: re.Match[str]) -> str:
        path = _path(name, found[2])
        return f"const {found[1].replace(' as ', ': ')} = {_variable(path)};\n" if path in texts else ""

    body = _LATER.sub(
        lambda found: f'import("/static/{_path(name, found[1])}")', _IMPORT.sub(bound, _COMMENT.sub("", text))
    )
    body = _EXPORT.sub(r"\1", body)
    if other := _OTHER.search(body):
        raise ValueError(f"{name}: {other[0]!r} is not in a form that can be joined with other modules")
    exported = ", ".join(_exported(text))
    return f"export const {_variable(name)} = (() => {{\n{body}\nreturn {{ {exported} }};\n}})();\n"


def _exported(text: str) -> list[str]:
    return [found[1] for found in _EXPORT.findall(text)]


def _variable(name: str) -> str:
    return "$" + re.sub(r"\W", "_", name.removeprefix(_OURS).removesuffix(".js"))
