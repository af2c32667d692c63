"""What is kept is bounded, and made once, whichever threads ask."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from kymflow_view.tables.kept import Kept


def test_the_oldest_go_when_there_is_no_room() -> None:
    kept: Kept[str, int] = Kept(10, lambda size: size)
    made = []

    def get(key: str, size: int) -> int:
        return kept.get(key, lambda: made.append(key) or size)  # type: ignore[func-returns-value]

    get("a", 4), get("b", 4), get("a", 4), get("c", 4)
    assert made == ["a", "b", "c"]
    assert kept.nbytes == 8
    get("a", 4), get("b", 4)
    assert made == ["a", "b", "c", "b"]
    get("large", 100)
    assert kept.nbytes == 100
    kept.keep(lambda key: key != "large")
    assert kept.nbytes == 0


def test_one_thread_makes_what_several_ask_for_and_others_do_not_wait() -> None:
    kept: Kept[str, str] = Kept(10, len)
    begun, go_on = threading.Event(), threading.Event()
    made = []

    def make() -> str:
        made.append(threading.get_ident())
        begun.set()
        assert go_on.wait(60)
        return "x"

    with ThreadPoolExecutor(4) as threads:
        asked = [threads.submit(kept.get, "key", make) for _ in range(3)]
        assert begun.wait(60)
        assert kept.get("other", lambda: "y") == "y"
        go_on.set()
        assert [one.result(60) for one in asked] == ["x"] * 3
    assert len(made) == 1


def test_what_cannot_be_made_is_tried_again_when_it_is_asked_for() -> None:
    kept: Kept[str, str] = Kept(10, len)

    def fail() -> str:
        raise ValueError("not now")

    with pytest.raises(ValueError, match="not now"):
        kept.get("key", fail)
    assert kept.get("key", lambda: "x") == "x"
