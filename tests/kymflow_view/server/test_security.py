"""The guard: what passes, what is refused and with which words, and what every answer says to browsers."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from kymflow_view.server.app import create_app
from kymflow_view.server.context import Context
from kymflow_view.server.security import cookie_name
from support.viewer import ORIGIN, PORT, TOKEN


def test_the_link_gives_a_cookie_and_leads_to_the_same_url_without_the_token(stranger: TestClient) -> None:
    link = stranger.get(f"/tables/velocity_events?sort=-t_peak&token={TOKEN}&q=a%20b%26c")

    assert link.status_code == 303
    assert link.headers["location"] == "/tables/velocity_events?sort=-t_peak&q=a%20b%26c"
    assert link.headers["set-cookie"] == f"kymflow-{PORT}={TOKEN}; HttpOnly; Path=/; SameSite=strict"
    assert stranger.get(link.headers["location"]).status_code == 200
    assert stranger.get(f"/?token={TOKEN}").headers["location"] == "/"


def test_the_link_leads_to_no_other_server(stranger: TestClient) -> None:
    for path in ("//evil.example/", "/%5Cevil.example", "/\\/evil.example"):
        link = stranger.get(f"{ORIGIN}{path}?token={TOKEN}")
        location = link.headers["location"]
        assert location.startswith("/")
        assert not location.startswith(("//", "/\\"))


@pytest.mark.parametrize("query", ["", "?token=", "?token=wrong", f"?token={TOKEN}x", "?token=%E2%82%AC"])
def test_without_the_token_a_page_says_where_the_link_is(stranger: TestClient, query: str) -> None:
    page = stranger.get(f"/images{query}")

    assert page.status_code == 403
    assert "<code>kymflow view</code> printed" in page.text
    assert "set-cookie" not in page.headers
    assert stranger.get(f"/api/dataset{query}").json() == {
        "error": "this browser has not been let in: open the link that kymflow printed"
    }
    assert stranger.get(f"/static/index.html{query}").status_code == 403


def test_a_token_that_counts_once_lets_one_browser_in(lab_to_read: Path) -> None:
    app = create_app(Context(str(lab_to_read)), TOKEN, PORT, token_once="once")
    with TestClient(app, ORIGIN, follow_redirects=False) as first:
        assert first.get("/?token=once").status_code == 303
        assert first.get("/api/dataset").status_code == 200
        # It is let in already.
        assert first.get("/?token=once").status_code == 303
        first.cookies.clear()
        assert first.get("/?token=once").status_code == 403
        assert first.get(f"/?token={TOKEN}").status_code == 303


def test_an_old_link_works_where_the_browser_has_been_let_in(client: TestClient) -> None:
    link = client.get("/images?token=of-yesterday&image=7")

    assert (link.status_code, link.headers["location"]) == (303, "/images?image=7")
    assert "set-cookie" not in link.headers


@pytest.mark.parametrize("cookie", ["wrong", "", '"', "a\\nb", "\u20ac"])
def test_another_cookie_does_not_let_in(stranger: TestClient, cookie: str) -> None:
    header = f"{cookie_name(PORT)}={cookie}; other={TOKEN}; {cookie_name(PORT + 1)}={TOKEN}"

    assert stranger.get("/api/dataset", headers={"Cookie": header.encode()}).status_code == 403


@pytest.mark.parametrize("other", ["a[b]=c; ", "=; ", "{}=x; "])
def test_a_bent_cookie_of_another_server_keeps_nobody_out(stranger: TestClient, other: str) -> None:
    header = f"{other}{cookie_name(PORT)}={TOKEN}"

    assert stranger.get("/api/dataset", headers={"Cookie": header}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:80", f"127.0.0.2:{PORT}", ""])
def test_another_host_is_refused(client: TestClient, host: str) -> None:
    answer = client.get("/api/dataset", headers={"Host": host})

    assert answer.status_code == 403
    assert answer.json() == {
        "error": f"this server is not called {host!r}: open the link that kymflow printed"
    }


@pytest.mark.parametrize(
    "origin", ["null", "http://evil.example", "http://127.0.0.1:80", f"https://127.0.0.1:{PORT}"]
)
def test_another_origin_is_refused(client: TestClient, origin: str) -> None:
    for method in ("GET", "POST"):
        answer = client.request(method, "/api/dataset", headers={"Origin": origin})
        assert answer.status_code == 403
        assert "are not answered" in answer.json()["error"]


def test_what_changes_something_must_name_its_origin(client: TestClient) -> None:
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.request(method, "/api/dataset").status_code == 403
        # It passes the guard; the route is one of GET.
        assert client.request(method, "/api/dataset", headers={"Origin": ORIGIN}).status_code == 405


def test_localhost_is_another_name_of_this_server(stranger: TestClient) -> None:
    there = f"http://localhost:{PORT}"

    assert stranger.get(f"{there}/?token={TOKEN}").status_code == 303
    assert stranger.get(f"{there}/api/dataset", headers={"Origin": there}).status_code == 200
    assert stranger.get(f"{there}/api/dataset", headers={"Origin": ORIGIN}).status_code == 403


@pytest.mark.parametrize("path", ["/", "/static/index.html", "/api/dataset", "/api/nothing", "/nowhere"])
def test_every_answer_tells_the_browser_what_it_may_do(client: TestClient, path: str) -> None:
    for headers in ({}, {"Host": "evil.example"}):
        answer = client.get(path, headers=headers)
        policy = answer.headers["content-security-policy"]
        assert policy.startswith("default-src 'none'; script-src 'self'; style-src 'self'; ")
        assert "unsafe" not in policy
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["referrer-policy"] == "no-referrer"
        assert answer.headers["cross-origin-resource-policy"] == "same-origin"
        assert answer.headers["cache-control"] in ("no-store", "no-cache")
        assert "access-control-allow-origin" not in answer.headers


def test_there_are_no_websockets(client: TestClient) -> None:
    from starlette.websockets import WebSocketDisconnect

    with pytest.raises(WebSocketDisconnect), client.websocket_connect("/api/changes"):
        pytest.fail("a websocket was opened")
