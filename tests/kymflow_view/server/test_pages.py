"""Pages and static files: types, caches, and nothing outside the package."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest
from starlette.testclient import TestClient

from kymflow_view.server.pages import FIRST_SCRIPT, JOINED, STATIC
from kymflow_view.server.scripts import is_script, join_scripts


@pytest.mark.parametrize(
    "path", ["/", "/images", "/tables/velocity_events", "/plots/radon_report", "/status"]
)
def test_every_page_is_the_same_file(client: TestClient, path: str) -> None:
    page = client.get(f"{path}?sort=name&q=%3Cb%3E")

    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-cache"
    assert page.content == (STATIC / "index.html").read_bytes()


def test_every_file_has_a_type_that_a_browser_takes(client: TestClient) -> None:
    expected = {".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8"}
    files = {path.relative_to(STATIC).as_posix(): path for path in STATIC.rglob("*") if path.is_file()}
    contents = {name: path.read_bytes() for name, path in files.items()}
    scripts = join_scripts(contents, FIRST_SCRIPT)
    sent = {**{name: each for name, each in contents.items() if not is_script(name)}, **scripts}
    assert len(sent) > len(scripts) > 1
    for name, content in sent.items():
        answer = client.get(f"/static/{name}")
        assert answer.content == content
        if (suffix := PurePosixPath(name).suffix) in expected:
            assert answer.headers["content-type"] == expected[suffix]


def test_a_module_that_is_part_of_another_file_is_not_sent_by_itself(client: TestClient) -> None:
    """A page that took it in from both would have two of it."""
    assert (STATIC / "app" / "api.js").is_file()
    assert client.get("/static/app/api.js").status_code == 404


@pytest.mark.parametrize("name", JOINED)
def test_styles_come_in_one_file_and_in_order(client: TestClient, name: str) -> None:
    answer = client.get(f"/static/{name}")

    assert answer.headers["content-type"] == "text/css; charset=utf-8"
    assert answer.content == b"\n".join((STATIC / part).read_bytes() for part in JOINED[name])


def test_a_file_that_is_the_same_is_not_sent_again(client: TestClient) -> None:
    first = client.get("/static/index.html")
    again = client.get("/static/index.html", headers={"If-None-Match": first.headers["etag"]})

    assert first.headers["cache-control"] == again.headers["cache-control"] == "no-cache"
    assert (again.status_code, again.content) == (304, b"")


@pytest.mark.parametrize(
    "path",
    [
        "/static/",
        "/static",
        "/static/../server/app.py",
        "/static/%2e%2e/server/app.py",
        "/static/..%2fserver%2fapp.py",
        "/static/..%5cserver%5capp.py",
        "/static/%2fetc%2fpasswd",
        "/static//etc/passwd",
        "/static/index.html%00",
        "/static/" + "a" * 5000,
        "/tables/",
        "/tables/a/b",
        "/../lab.zarr/zarr.json",
        "/nowhere",
    ],
)
def test_nothing_else_is_there(client: TestClient, path: str) -> None:
    answer = client.get(path, follow_redirects=True)

    assert answer.status_code == 404
    assert set(answer.json()) == {"error"}
