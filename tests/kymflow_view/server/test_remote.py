"""A dataset in an object store, looked at from here."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from kymflow_view.server.context import Context
from support.viewer import ORIGIN, viewing


@pytest.fixture
def remote(new_url: Callable[[str], str], s3_bucket: str, tmp_path: Path) -> str:
    """URL of a dataset with tables on an S3 server."""
    simulate_folder(tmp_path / "kymographs", n_images=2, n_lines=200)
    url = new_url("s3")
    KymDataset(url, mode="a").ingest_folder(tmp_path / "kymographs")
    return url


def test_a_dataset_in_an_object_store_is_shown_and_refreshed(
    remote: str, make_client: Callable[[Context], TestClient]
) -> None:
    context = Context(remote)
    client = make_client(context)

    told = client.get("/api/dataset").json()
    assert (told["path"], told["name"], told["writable"]) == (remote, "lab.zarr", True)
    assert [table["name"] for table in told["tables"]] == ["images", "radon_report", "velocity_events"]
    assert {table["state"] for table in client.get("/api/status").json()["tables"]} == {"fresh"}
    answer = client.post(
        "/api/jobs", json={"what": "rebuild", "tables": ["images"]}, headers={"Origin": ORIGIN}
    )
    assert answer.status_code == 202
    assert context.jobs._thread is not None
    context.jobs._thread.join(120)
    job = client.get("/api/jobs/current").json()["job"]
    assert (job["state"], job["reports"]["images"]["updated"]) == ("done", 2)


def test_pages_are_told_of_what_is_written_to_an_object_store(remote: str) -> None:
    with viewing(remote, "--read-only") as viewer:
        events = viewer.enter().events()
        _, before = next(events)
        KymDataset(remote).rebuild("images")
        kind, after = next(events)

    assert kind == "tables"
    assert [name for name in after if after[name] != before[name]] == ["images"]
