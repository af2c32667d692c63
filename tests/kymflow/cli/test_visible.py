"""What a terminal may be given."""

from __future__ import annotations

import json
import sys
import unicodedata

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from kymflow.cli.visible import visible, visible_json, visible_line

STEERING = {
    "\x1b[2J": "\\x1b[2J",
    "\x1b]8;;http://x\x1b\\link\x07": "\\x1b]8;;http://x\\x1b\\link\\x07",
    "\x9b31m": "\\x9b31m",
    "\x85": "\\x85",
    "a\x08b\x7f": "a\\x08b\\x7f",
    "shown\rother": "shown\\rother",
    "cap\u202egpj.tif": "cap\\u202egpj.tif",
    "\u2066\u2069\u200e\u200f\u061c": "\\u2066\\u2069\\u200e\\u200f\\u061c",
    "ze\u200bro\ufeff\u00ad\u2060": "ze\\u200bro\\ufeff\\xad\\u2060",
    "\u2028\u2029": "\\u2028\\u2029",
    "\udcff": "\\udcff",
    "\U000e0041": "\\U000e0041",
    "a\u200db": "a\\u200db",
    "\u3164\uffa0": "\\u3164\\uffa0",
}
GOOD = (
    "µm, é, e\u0301, 中文, שלום, العربية",
    "100\u202f%\xa0of [bold]this[/bold] [link=x]",
    "🔬 🧑🏽‍🔬 👩‍👩‍👧 ❤️‍🔥 🏳️‍🌈",
    "C:\\lab\\x1b.tif",
)


@pytest.mark.parametrize(("text", "shown"), STEERING.items())
def test_what_steers_a_terminal_or_is_not_seen_is_an_escape(text: str, shown: str) -> None:
    assert visible(text) == visible_line(text) == shown
    assert visible(shown) == shown


@pytest.mark.parametrize("text", GOOD)
def test_what_people_write_stays(text: str) -> None:
    assert visible(text) == visible_line(text) == visible_json(text) == text


def test_breaks_and_tabs_stay_but_for_a_line() -> None:
    assert visible("a\tb\nc\r\n") == "a\tb\nc\r\n"
    assert visible_line("a\tb\nc\r\n") == "a\\tb\\nc\\r\\n"


def test_of_all_characters_those_that_are_not_seen_are_escaped() -> None:
    shown = [char for char in map(chr, range(sys.maxunicode + 1)) if visible(char) == char]
    kinds = {unicodedata.category(char) for char in shown} - {"Cn", "Co"}
    assert kinds.isdisjoint({"Cc", "Zl", "Zp", "Cs"} - {"Cc"})
    assert [char for char in shown if unicodedata.category(char) == "Cc"] == ["\t", "\n"]
    # These format characters are seen: signs of numbers and verses that letters are set into.
    formats = [char for char in shown if unicodedata.category(char) == "Cf"]
    assert all(
        unicodedata.name(char).startswith(("ARABIC", "SYRIAC", "KAITHI", "EGYPTIAN")) for char in formats
    )


@given(st.text())
@example("".join(STEERING))
@example("\\\x7f\u202e\U000e0041\"'")
def test_json_says_the_same(text: str) -> None:
    document = json.dumps({text: [text]}, ensure_ascii=False)
    shown = visible_json(document)
    assert json.loads(shown) == json.loads(document)
    assert visible(shown) == shown
