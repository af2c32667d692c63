"""Jobs over HTTP: what is begun, what is refused, and that read-only means it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from kymflow_view.server.context import Context
from support.viewer import ORIGIN, edit_one

HEADERS = {"Origin": ORIGIN}


@pytest.fixture
def context(lab: Path) -> Context:
    return Context(str(lab))


@pytest.fixture
def writer(context: Context, make_client: Callable[[Context], TestClient]) -> TestClient:
    return make_client(context)


def end_of(context: Context) -> Any:
    assert context.jobs._thread is not None
    context.jobs._thread.join(60)
    return context.jobs.current()


def test_a_refresh_takes_in_what_has_changed(writer: TestClient, context: Context, lab: Path) -> None:
    assert writer.get("/api/jobs/current").json() == {"job": None}
    edit_one(lab)

    answer = writer.post("/api/jobs", json={"what": "refresh", "tables": ["radon_report"]}, headers=HEADERS)
    assert answer.status_code == 202
    job = end_of(context)
    assert job["id"] == answer.json()["job"]["id"]
    assert list(job["reports"]) == ["radon_report"]
    assert job["reports"]["radon_report"]["updated"] == 1
    assert writer.get("/api/jobs/current").json() == {"job": job}


def test_all_tables_are_rebuilt_where_none_is_named(writer: TestClient, context: Context) -> None:
    assert writer.post("/api/jobs", json={"what": "rebuild"}, headers=HEADERS).status_code == 202
    assert sorted(end_of(context)["reports"]) == ["images", "radon_report", "velocity_events"]


def test_cancelling_where_nothing_runs_does_nothing(writer: TestClient) -> None:
    answer = writer.delete("/api/jobs/current", headers=HEADERS)
    assert (answer.status_code, answer.json()) == (202, {"job": None})


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b"[]",
        b"3",
        b"null",
        b'{"what": "erase"}',
        b'{"what": ["refresh"]}',
        b'{"tables": null}',
        b'{"what": "refresh", "tables": []}',
        b'{"what": "refresh", "tables": "images"}',
        b'{"what": "refresh", "tables": [3]}',
        b'{"what": "refresh", "more": 1}',
        b"[" * 50_000,
        b"\xff\xfe",
    ],
)
def test_a_body_that_makes_no_sense_is_refused(writer: TestClient, body: bytes) -> None:
    answer = writer.post("/api/jobs", content=body, headers=HEADERS)

    assert answer.status_code == 400
    assert answer.json()["error"].startswith('the body must be {"what": "refresh" or "rebuild"')
    assert writer.get("/api/jobs/current").json() == {"job": None}


def test_a_table_that_nobody_makes_is_refused(writer: TestClient) -> None:
    answer = writer.post("/api/jobs", json={"what": "refresh", "tables": ["sources"]}, headers=HEADERS)

    assert answer.status_code == 400
    assert answer.json()["error"] == (
        "no installed indexer makes a table 'sources'; they make: images, radon_report, velocity_events"
    )


def test_a_body_that_is_too_large_is_refused(writer: TestClient) -> None:
    body = json.dumps({"what": "refresh", "tables": ["a" * 200_000]})
    answer = writer.post("/api/jobs", content=body, headers=HEADERS)

    assert (answer.status_code, answer.json()) == (413, {"error": "the body must have at most 100000 bytes"})


def test_read_only_means_it(lab: Path, make_client: Callable[[Context], TestClient]) -> None:
    client = make_client(Context(str(lab), read_only=True))

    assert client.get("/api/dataset").json()["writable"] is False
    answer = client.post("/api/jobs", json={"what": "refresh"}, headers=HEADERS)
    assert answer.status_code == 403
    assert answer.json()["error"].startswith("the dataset is shown read-only")
