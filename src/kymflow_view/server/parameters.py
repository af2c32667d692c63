"""Parameters of a request: read, and refused where they are out of bounds."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from starlette.exceptions import HTTPException

if TYPE_CHECKING:
    from starlette.requests import Request

MAX_TEXT = 10_000


def bad_request(why: str) -> HTTPException:
    """Return what to raise for a request that makes no sense; `why` is one sentence."""
    return HTTPException(400, why)


def get_integer(request: Request, name: str, default: int, low: int, high: int) -> int:
    """Return a whole number from `low` to `high`, or `default` where none is given."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    # int() takes longer, the longer the text is.
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit() and len(digits) <= 18 and low <= int(text) <= high):
        raise bad_request(f"{name} must be a whole number from {low} to {high}, got {_short(text)}")
    return int(text)


def get_number(request: Request, name: str, default: float, low: float, high: float) -> float:
    """Return a number from `low` to `high`, or `default` where none is given."""
    text = request.query_params.get(name, "")
    if not text:
        return default
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if not low <= number <= high:
        raise bad_request(f"{name} must be a number from {low:g} to {high:g}, got {_short(text)}")
    return number


def get_choice(request: Request, name: str, default: str, choices: Sequence[str]) -> str:
    """Return one of some words, or `default` where none is given."""
    text = request.query_params.get(name, "") or default
    if text not in choices:
        raise bad_request(f"{name} must be one of {', '.join(choices)}, got {_short(text)}")
    return text


def get_text(request: Request, name: str, default: str = "", longest: int = MAX_TEXT) -> str:
    """Return a text that is not too long, or `default` where none is given."""
    text = request.query_params.get(name, default)
    if len(text) > longest:
        raise bad_request(f"{name} must have at most {longest} characters, got {len(text)}")
    return text


def get_flag(request: Request, name: str) -> bool:
    """Return whether a parameter is 1; it may be absent, or 0."""
    return get_choice(request, name, "0", ("0", "1")) == "1"


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:40] + "...")
