"""What SQLite says of an expression, in words for those who do not know SQLite."""

from __future__ import annotations

import re

_TEXT = re.compile(r"'(?:[^']|'')*'")
_NAME = re.compile(r'"(?:[^"]|"")*"')
_MISSING = frozenset({"none", "nan", "na", "nat"})
_OPTIONS = {"order": "--sort orders rows", "limit": "--limit takes the first", "group": "--by sums rows up"}
_SWAPPED = re.compile(r"=([<>])")

_MEANT = (
    (r"no such function: (.*)", r"there is no function \1"),
    (r"wrong number of arguments to function (.*)\(\)", r"\1() takes another number of values"),
    (
        r"misuse of (?:aggregate|window) function (.*)\(\)",
        r"\1() is of many rows, and an expression looks at one; --by sums rows up",
    ),
    (
        r"(?:Incorrect number of bindings|You did not supply a value).*",
        "? and names that begin with :, @ or $ stand for nothing here",
    ),
    (r"no such table: (.*)", r"after in stands a list, as in ('a', 'b'), and no name such as \1"),
    (r"parser stack overflow|Expression tree is too large.*", "it is nested too deeply"),
    (r".*(?:null character|embedded null).*", "it holds a NUL character"),
    (r"row value misused", "a list in brackets may stand only after in"),
    (r"unrecognized token: \"'.*", "a single quote is not closed"),
    (r"unrecognized token: \"\\\".*", "a double quote is not closed"),
    (r"unrecognized token: \"!\"", "! stands only in !=; the opposite of a condition is not (...)"),
    (r"unrecognized token: \"(.*)\"", r"\1 is not understood"),
    (r".*(?:prohibited|not authorized).*", "it may look at the columns of a row, and do nothing else"),
)


def in_plain_words(reason: str, expression: str) -> str:
    """Return why an expression was refused.

    Parameters
    ----------
    reason : str
        What SQLite says; of an expression that stands in brackets.
    expression : str
        Without these.
    """
    bare = _NAME.sub('""', _TEXT.sub("''", expression))
    if "'" in bare.replace("''", ""):
        return "a single quote is not closed; within a text, it is written twice"
    near = re.fullmatch(r'near "(.*)": syntax error', reason, re.DOTALL)
    if near is not None or reason == "incomplete input":
        return _of_order(near[1] if near is not None else "", bare)
    for pattern, words in _MEANT:
        found = re.fullmatch(pattern, reason, re.DOTALL)
        if found is not None:
            return found.expand(words)
    return reason


def names_nothing(name: str) -> bool:
    """Tell whether a name is what Python calls a missing value."""
    return name.lower() in _MISSING


def _of_order(word: str, bare: str) -> str:
    """Say what is wrong with the order of words; `word` is the first that does not fit, if it is there."""
    swapped = _SWAPPED.search(bare)
    if swapped is not None:
        return f"write {swapped[1]}= in place of ={swapped[1]}"
    open_, closed = bare.count("("), bare.count(")")
    if open_ != closed:
        return f"{'a closing' if open_ > closed else 'an opening'} bracket is missing"
    if word in ("", ")"):
        return "something is missing at its end, or before a bracket"
    if word.lower() in _OPTIONS:
        return f"{word!r} cannot stand there, but {_OPTIONS[word.lower()]}"
    if re.fullmatch(r"\w+", word):
        return (
            f"{word!r} cannot stand there; conditions are joined by 'and' or 'or', and a name of several "
            "words stands in double quotes"
        )
    return f"{word!r} cannot stand there"
