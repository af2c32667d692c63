"""What goes wrong in a route: which status it gets, and which words."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from starlette.testclient import TestClient

from kymflow import (
    ColumnError,
    ConflictError,
    KymflowError,
    RecordNotFoundError,
    TableError,
    TableNotFoundError,
)
from kymflow_view.server.context import Context


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (ColumnError("no column\n'x'"), 400),
        (TableError("no column\n'x'"), 400),
        (RecordNotFoundError("no column\n'x'"), 404),
        (TableNotFoundError("no column\n'x'"), 404),
        (ConflictError("no column\n'x'"), 409),
        (PermissionError("no column\n'x'"), 403),
        (TimeoutError("no column\n'x'"), 500),
        (KymflowError("no column\n'x'"), 500),
    ],
)
def test_an_error_is_a_status_and_one_sentence(
    lab_to_read: object, make_client: Callable[[Context], TestClient], error: Exception, status: int
) -> None:
    context = Context(str(lab_to_read))

    def fail() -> None:
        raise error

    context.kd = fail  # type: ignore[assignment]
    answer = make_client(context).get("/api/dataset")
    assert (answer.status_code, answer.json()) == (status, {"error": "no column 'x'"})


def test_what_nobody_expected_is_told_without_its_words(
    lab_to_read: object, make_client: Callable[[Context], TestClient]
) -> None:
    context = Context(str(lab_to_read))

    def fail() -> None:
        raise ZeroDivisionError("by zero")

    context.kd = fail  # type: ignore[assignment]
    answer = make_client(context).get("/api/dataset")
    assert answer.status_code == 500
    assert answer.json() == {
        "error": "the viewer failed (ZeroDivisionError); the terminal in which it runs says more"
    }
    assert answer.headers["x-content-type-options"] == "nosniff"
