"""Parameters of requests: read, and refused where they are out of bounds."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from starlette.exceptions import HTTPException
from starlette.requests import Request

from kymflow_view.server.parameters import get_choice, get_flag, get_integer, get_number, get_text


def asking(query: str) -> Request:
    return Request({"type": "http", "query_string": query.encode(), "headers": []})


def integer(request: Request) -> int:
    return get_integer(request, "n", 7, -5, 10**12)


def number(request: Request) -> float:
    return get_number(request, "n", 0.5, 0, 1e3)


def choice(request: Request) -> str:
    return get_choice(request, "n", "one", ("one", "two"))


def text(request: Request) -> str:
    return get_text(request, "n", longest=5)


def flag(request: Request) -> bool:
    return get_flag(request, "n")


@pytest.mark.parametrize(
    ("read", "query", "expected"),
    [
        (integer, "", 7),
        (integer, "n=", 7),
        (integer, "n=-5", -5),
        (integer, "n=000000000000000012", 12),
        (integer, "n=1000000000000", 10**12),
        (number, "", 0.5),
        (number, "n=1e3", 1000.0),
        (number, "n=0", 0.0),
        (choice, "", "one"),
        (choice, "n=two", "two"),
        (text, "", ""),
        (text, "n=%C3%A9%3Cb%3E", "é<b>"),
        (flag, "", False),
        (flag, "n=0", False),
        (flag, "n=1", True),
    ],
)
def test_what_is_within_bounds_is_taken(read: Callable[[Request], Any], query: str, expected: object) -> None:
    assert read(asking(query)) == expected


@pytest.mark.parametrize(
    ("read", "query", "message"),
    [
        (integer, "n=-6", "n must be a whole number from -5 to 1000000000000, got '-6'"),
        (integer, "n=1000000000001", "got '1000000000001'"),
        (integer, "n=1.0", "got '1.0'"),
        (integer, "n=%2B3", r"got '\+3'"),
        (integer, "n=--3", "got '--3'"),
        (integer, "n=1_0", "got '1_0'"),
        (integer, "n=%D9%A3", "got '٣'"),
        (integer, "n=" + "9" * 5000, r"got '9{40}\.\.\.'$"),
        (number, "n=nan", "n must be a number from 0 to 1000, got 'nan'"),
        (number, "n=inf", "got 'inf'"),
        (number, "n=1001", "got '1001'"),
        (number, "n=one", "got 'one'"),
        (choice, "n=three", "n must be one of one, two, got 'three'"),
        (text, "n=aaaaaa", "n must have at most 5 characters, got 6"),
        (flag, "n=yes", "n must be one of 0, 1, got 'yes'"),
    ],
)
def test_what_is_out_of_bounds_is_refused(read: Callable[[Request], Any], query: str, message: str) -> None:
    with pytest.raises(HTTPException, match=message) as caught:
        read(asking(query))
    assert caught.value.status_code == 400
