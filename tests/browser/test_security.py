"""Who is let in: asked over a socket as no browser asks, and by a browser that has not got the link."""

from __future__ import annotations

import http.client
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import BrowserContext, expect

from support.viewer import Viewer
from support.watched_pages import LOOPBACK, Watch

API = "/api/dataset"


def ask(server: Viewer, path: str, method: str = "GET", **headers: str) -> http.client.HTTPResponse:
    connection = http.client.HTTPConnection(LOOPBACK, server.port, timeout=30)
    try:
        # A header in another spelling replaces that of http.client.
        connection.request(method, path, headers={name.replace("_", "-"): it for name, it in headers.items()})
        answer = connection.getresponse()
        answer.read()
        return answer
    finally:
        connection.close()


@pytest.fixture
def cookie(server: Viewer) -> str:
    """The cookie that the link gives."""
    parts = urlsplit(server.link)
    answer = ask(server, f"{parts.path}?{parts.query}")
    given = answer.headers["Set-Cookie"]
    assert "HttpOnly" in given
    assert "SameSite=strict" in given
    return given.partition(";")[0]


def test_the_link_lets_in_and_leaves_no_token_in_the_address(context: BrowserContext, server: Viewer) -> None:
    page = context.new_page()
    page.goto(server.link_to("/status"))
    expect(page).to_have_title("Status · lab.zarr · kymflow")

    assert page.url.startswith(server.origin)
    assert "token" not in page.url


def test_a_cookie_lets_in(server: Viewer, cookie: str) -> None:
    assert ask(server, API, Cookie=cookie).status == 200


@pytest.mark.parametrize("path", ["/", API, "/static/app/main.js", "/?token=wrong", f"{API}?token="])
def test_without_the_token_nothing_is_answered(server: Viewer, path: str) -> None:
    assert ask(server, path).status == 403


@pytest.mark.parametrize(
    "headers",
    [
        {"Host": "rebound.example:80"},
        {"Host": "127.0.0.1"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
    ],
    ids=str,
)
def test_another_host_or_origin_is_refused(server: Viewer, cookie: str, headers: dict[str, str]) -> None:
    assert ask(server, API, Cookie=cookie, **headers).status == 403


def test_a_page_elsewhere_cannot_start_a_job(server: Viewer, cookie: str) -> None:
    assert ask(server, "/api/jobs", "POST", Cookie=cookie).status == 403


@pytest.mark.parametrize(
    "path",
    [
        "/static/../app.py",
        "/static/..%2f..%2fpyproject.toml",
        "/static/%2e%2e/__init__.py",
        "/static//etc/passwd",
        "/static/..%5c__init__.py",
        "/api/tables/..%2f..%2fetc%2fpasswd",
        "/api/images/..%2f..%2f/pixels",
    ],
)
def test_no_path_leads_out(server: Viewer, cookie: str, path: str) -> None:
    assert ask(server, path, Cookie=cookie).status in (400, 404)


def test_every_answer_says_what_a_page_may_do(server: Viewer, cookie: str) -> None:
    for path in ("/", API, "/nothing-here"):
        answer = ask(server, path, Cookie=cookie)

        assert answer.headers["Content-Security-Policy"] == (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob: data:; "
            "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Referrer-Policy"] == "no-referrer"


def test_a_browser_without_the_link_is_told_what_to_do(
    context: BrowserContext, server: Viewer, watch: Watch
) -> None:
    watch.expected.append("403")
    page = context.new_page()
    page.goto(f"{server.origin}/images")

    expect(page.get_by_role("heading")).to_have_text("This browser has not been let in")
    expect(page.get_by_text("kymflow view DATASET")).to_be_visible()
