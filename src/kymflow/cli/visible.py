"""Text as a terminal may be given it: what would steer it, or be seen by nobody, is shown as an escape."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable
from typing import Final

# Controls but for line breaks and tabs, separators of lines, what changes the direction of writing, halves
# of pairs (bytes of a file name that are no UTF-8), and the characters that Unicode calls ignorable, as
# nothing is seen of them; variants of letters (U+FE00 and on) are only seen as such.
_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f-\x9f\xad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180e\u200b-\u200f"
    "\u2028-\u202e\u2060-\u206f\u3164\ud800-\udfff\ufeff\uffa0\ufff0-\ufffb\U0001bca0-\U0001bca3"
    "\U0001d173-\U0001d17a\U000e0000-\U000e00ff\U000e01f0-\U000e0fff]"
    # At the end of a line it is one of Windows.
    "|\r(?!\n)"
)
_BREAKS: Final = re.compile("[\t\n\r]")
# It makes one emoji of two.
_JOINER = "\u200d"
_EMOJI = ("So", "Sk")
_AS_EMOJI = "\ufe0f"


def visible(text: str) -> str:
    """Return a text that a terminal shows as it is; line breaks and tabs stay."""
    return _escaped(text, _as_python)


def visible_line(text: str) -> str:
    """Return a text that a terminal shows as one line."""
    shown = visible(text)
    return shown if shown.isprintable() else _BREAKS.sub(lambda found: _as_python(found[0]), shown)


def visible_json(text: str) -> str:
    """Return JSON of the same value that a terminal shows as it is."""
    return _escaped(text, lambda char: json.dumps(char)[1:-1])


def _escaped(text: str, escape: Callable[[str], str]) -> str:
    # Nearly every text, and much faster than to search it.
    if text.isascii() and text.replace("\t", "").replace("\n", "").isprintable():
        return text
    return _UNSAFE.sub(
        lambda found: found[0] if _joins_emoji(text, found.start()) else escape(found[0]), text
    )


def _as_python(char: str) -> str:
    return ascii(char)[1:-1]


def _joins_emoji(text: str, place: int) -> bool:
    if text[place] != _JOINER or not 0 < place < len(text) - 1:
        return False
    before, after = text[place - 1], text[place + 1]
    return unicodedata.category(after) in _EMOJI and (
        before == _AS_EMOJI or unicodedata.category(before) in _EMOJI
    )
