"""Panels over HTTP: drawn, failing in their place, and of images that are not there."""

from __future__ import annotations

from pathlib import Path

from starlette.testclient import TestClient

from kymflow import KymDataset
from kymflow_view import Axis, Lines, Panel
from kymflow_view.panels.loading import Panels
from kymflow_view.server.context import Context


class Shape:
    name = "shape/of <b>it</b>"

    def draw(self, record: object) -> Panel:
        n_lines = record.get_image_bounds()["height"]  # type: ignore[attr-defined]
        return Panel("Shape", Axis("n"), Axis("lines"), [Lines("n", [0], [n_lines])])


class Failing:
    name = "failing"

    def draw(self, record: object) -> Panel:
        return record.save_json("panel", {})  # type: ignore[attr-defined,no-any-return]


def test_a_panel_is_drawn_or_says_why_not(lab_to_read: Path, make_client: object) -> None:
    context = Context(str(lab_to_read))
    context.panels = Panels({panel.name: (panel, "lab 1") for panel in (Shape(), Failing())})
    client: TestClient = make_client(context)  # type: ignore[operator]
    image_id = KymDataset(lab_to_read, "r").ds.list_image_ids()[0]

    shape = client.get(f"/api/images/{image_id}/panels/shape%2Fof%20%3Cb%3Eit%3C%2Fb%3E")
    assert shape.json()["items"] == [{"kind": "lines", "name": "n", "x": [0.0], "y": [200.0]}]
    failing = client.get(f"/api/images/{image_id}/panels/failing").json()
    assert failing["error"].startswith("panel 'failing' of lab 1 could not be drawn: ")
    assert "opened read-only" in failing["error"]
    assert client.get(f"/api/images/{image_id}/panels/other").status_code == 404
    assert client.get("/api/images/nobody/panels/failing").status_code == 404
    assert client.get("/api/images/..%2F../panels/failing").status_code in (400, 404)
