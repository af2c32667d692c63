"""Events: told to every stream, kept for those that come later, and an end for all."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from kymflow import TableError
from kymflow_view.server import changes
from kymflow_view.server.changes import Changes


async def next_event(stream: AsyncIterator[str]) -> tuple[str, Any]:
    async with asyncio.timeout(60):
        async for text in stream:
            if text.startswith("event: "):
                kind, data = text.strip().split("\n")
                return kind.removeprefix("event: "), json.loads(data.removeprefix("data: "))
    raise AssertionError("the stream has ended")


async def rest_of(stream: AsyncIterator[str]) -> list[str]:
    async with asyncio.timeout(60):
        return [text async for text in stream]


def in_turn(*answers: Any) -> Callable[[], Any]:
    """Return what gives these versions one after the other, and the last one for ever."""
    left = list(answers)

    def find() -> Any:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    return find


def test_versions_are_told_at_the_start_and_when_they_change() -> None:
    async def listen() -> None:
        made = Changes(
            in_turn({"images": "1"}, {"images": "1"}, {"images": "2", "radon_report": None}), 0.001
        )
        stream = made.stream()
        assert await next_event(stream) == ("tables", {"images": "1"})
        assert await next_event(stream) == ("tables", {"images": "2", "radon_report": None})
        late = made.stream()
        assert await next_event(late) == ("tables", {"images": "2", "radon_report": None})
        made.close()
        assert [await rest_of(one) for one in (stream, late)] == [[], []]

    asyncio.run(listen())


def test_what_is_published_reaches_every_stream_and_what_is_kept_later_ones() -> None:
    async def listen() -> None:
        made = Changes(in_turn({}), 60)
        made.publish("job", {"id": "old"}, keep=True)
        made.publish("picture", {"image_id": "nobody listens"})
        streams = [made.stream(), made.stream()]
        for stream in streams:
            heard = [await next_event(stream), await next_event(stream)]
            assert sorted(heard) == [("job", {"id": "old"}), ("tables", {})]
        await asyncio.to_thread(made.publish, "picture", {"image_id": "cell-1"})
        for stream in streams:
            assert await next_event(stream) == ("picture", {"image_id": "cell-1"})
        made.close()

    asyncio.run(listen())


def test_a_dataset_that_cannot_be_reached_is_told_of_once_and_looked_at_again() -> None:
    async def listen() -> None:
        gone = TableError("the disk\nis gone")
        made = Changes(in_turn({"a": "1"}, gone, gone, {"a": "1"}, OSError("again"), {"a": "2"}), 0.001)
        stream = made.stream()
        assert await next_event(stream) == ("tables", {"a": "1"})
        assert await next_event(stream) == ("problem", {"error": "the disk is gone"})
        assert await next_event(stream) == ("problem", {"error": None})
        assert await next_event(stream) == ("problem", {"error": "again"})
        assert await next_event(stream) == ("problem", {"error": None})
        assert await next_event(stream) == ("tables", {"a": "2"})
        made.close()

    asyncio.run(listen())


def test_a_fault_that_nobody_expects_does_not_end_the_looking(caplog: pytest.LogCaptureFixture) -> None:
    async def listen() -> None:
        made = Changes(in_turn({"a": "1"}, RuntimeError("no such thing"), {"a": "2"}), 0.001)
        stream = made.stream()
        assert await next_event(stream) == ("tables", {"a": "1"})
        kind, problem = await next_event(stream)
        assert (kind, problem["error"].partition(";")[0]) == (
            "problem",
            "looking for changes failed (RuntimeError)",
        )
        assert await next_event(stream) == ("problem", {"error": None})
        assert await next_event(stream) == ("tables", {"a": "2"})
        made.close()

    asyncio.run(listen())
    assert "RuntimeError: no such thing" in caplog.text


def test_a_quiet_stream_beats(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "HEARTBEAT_S", 0.001)

    async def listen() -> None:
        made = Changes(in_turn({}), 60)
        stream = made.stream()
        await next_event(stream)
        assert await anext(stream) == ": still here\n\n"
        made.close()

    asyncio.run(listen())


def test_a_page_that_does_not_read_is_sent_away(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(changes, "_MAX_WAITING", 3)

    async def listen() -> None:
        made = Changes(in_turn({}), 60)
        stream = made.stream()
        await next_event(stream)
        for number in range(10):
            made.publish("picture", {"image_id": str(number)})
            # What is handed to a loop reaches it at its next turn.
            await asyncio.sleep(0)
        assert len(await rest_of(stream)) == 3
        assert made._listeners == []

    asyncio.run(listen())


def test_nobody_looks_when_nobody_listens() -> None:
    async def listen() -> None:
        made = Changes(in_turn({"a": "1"}), 0.001)
        for _ in range(3):
            stream = made.stream()
            assert await next_event(stream) == ("tables", {"a": "1"})
            await stream.aclose()  # type: ignore[attr-defined]
            async with asyncio.timeout(60):
                while made._looking:
                    await asyncio.sleep(0.001)
        assert made._last == {}

    asyncio.run(listen())
