"""Values of settings, and the declared types that take them."""

from __future__ import annotations

import datetime
import enum
import typing
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Annotated, Any, Literal, NewType, Optional, Union

import pytest

from kymflow.core.zarr.indexers.setting_types import Misfit, as_json, fit, from_text, in_words, plain


class Side(enum.Enum):
    LEFT = "left"
    RIGHT = "right"


Level = NewType("Level", float)


@pytest.mark.parametrize(
    ("value", "kind", "expected"),
    [
        (3, float, 3.0),
        (3, int, 3),
        (True, bool, True),
        ("a", str, "a"),
        (3, Optional[float], 3.0),  # noqa: UP045
        ("a", Union[int, str], "a"),  # noqa: UP007
        (3, int | str, 3),
        ([1, 2], list[float], [1.0, 2.0]),
        ([1, 2], tuple[int, ...], (1, 2)),
        ([1, "a"], tuple[int, str], (1, "a")),
        ([1, 2], Sequence[int], [1, 2]),
        ([2, 1, 2], set[int], {1, 2}),
        ([1, "a"], list, [1, "a"]),
        ([[1], []], list[list[int]], [[1], []]),
        ("red", Literal["red", 2], "red"),
        (2, Literal["red", 2], 2),
        ({"a": 1}, dict[str, float], {"a": 1.0}),
        ("left", Side, Side.LEFT),
        ("a/b", Path, Path("a/b")),
        (3, Annotated[float, "mm"], 3.0),
        (3, Level, 3.0),
        ({"a": [1]}, Any, {"a": [1]}),
    ],
)
def test_a_value_is_as_its_declared_type_wants_it(value: Any, kind: Any, expected: Any) -> None:
    found = fit(value, kind)
    assert (found, type(found)) == (expected, type(expected))


@pytest.mark.parametrize(
    ("value", "kind", "words"),
    [
        ("3", float, "a number"),
        (True, int, "a whole number"),
        (True, float, "a number"),
        (3.0, int, "a whole number"),
        (1, bool, "true or false"),
        (3, str, "text"),
        (True, Literal[1], "1"),
        ("blue", Literal["red", "green"], "'red' or 'green'"),
        ("a", Optional[int], "a whole number"),  # noqa: UP045
        ("a", list[str], "a list, of text each"),
        ([1, "a"], list[int], "a list, of a whole number each"),
        ([1], tuple[int, str], "a list of 2: a whole number, text"),
        ({"a": "b"}, dict[str, int], "a dict, which can be set in Python only"),
        ("up", Side, "'left' or 'right'"),
        (3, Path, "a path, as text"),
        (datetime.date(2026, 1, 1), str, "text"),
        ("a.b", typing.Pattern, "a Pattern, which can be set in Python only"),
    ],
)
def test_a_value_of_another_type_is_refused_in_words(value: Any, kind: Any, words: str) -> None:
    with pytest.raises(Misfit) as refused:
        fit(value, kind)
    assert str(refused.value) == words


@pytest.mark.parametrize(
    ("text", "kind", "expected"),
    [
        ("3", float, 3.0),
        ("3", str, "3"),
        ("3", int | str, 3),
        ("true", bool, True),
        ("true", str, "true"),
        ("red", str, "red"),
        ("'a b'", str, "a b"),
        ("red", Literal["red"], "red"),
        ("1", Literal["1"], "1"),
        ("[1, 2]", tuple[int, ...], (1, 2)),
        ("", str, ""),
        ("1\nother = 2", str, "1\nother = 2"),
    ],
)
def test_what_is_typed_is_read_as_its_type_wants_it(text: str, kind: Any, expected: Any) -> None:
    assert from_text(text, kind) == expected


@pytest.mark.parametrize(
    ("text", "kind"), [("high", float), ("1\nvalue = 2", int), ("True", bool), ("", int)]
)
def test_what_is_typed_and_fits_no_type_is_refused(text: str, kind: Any) -> None:
    with pytest.raises(Misfit, match=in_words(kind)):
        from_text(text, kind)


def test_values_are_told_as_json() -> None:
    @dataclass
    class Window:
        begin: int
        end: float

    values = {
        "side": Side.LEFT,
        "path": PurePosixPath("a/b"),
        "days": (datetime.date(2026, 1, 2),),
        "names": {"b", "a"},
        "window": Window(1, 2.5),
        "none": None,
    }
    assert plain(values) == {
        "side": "left",
        "path": "a/b",
        "days": ["2026-01-02"],
        "names": ["a", "b"],
        "window": {"begin": 1, "end": 2.5},
        "none": None,
    }
    assert as_json(plain({"b": 1, "a": float("nan")})) == '{"a": NaN, "b": 1}'
    with pytest.raises(TypeError, match="a object is no plain value"):
        plain([object()])
