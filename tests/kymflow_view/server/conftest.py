"""A simulated lab with all its tables, and a browser's side of a viewer of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from kymflow import KymDataset
from kymflow.testing import simulate_folder
from kymflow_view.server.app import create_app
from kymflow_view.server.context import Context
from kymflow_view.server.security import cookie_name
from support.viewer import ORIGIN, PORT, TOKEN

MakeClient = Callable[[Path | str | Context], TestClient]


@pytest.fixture(scope="session")
def lab_to_read(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A dataset of four images with their tables, which no test changes."""
    folder = tmp_path_factory.mktemp("lab")
    simulate_folder(folder / "kymographs", n_images=4, n_lines=200)
    KymDataset(folder / "lab.zarr", mode="a").ingest_folder(folder / "kymographs")
    return folder / "lab.zarr"


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A dataset of four images with their tables, for one test."""
    simulate_folder(tmp_path / "kymographs", n_images=4, n_lines=200)
    KymDataset(tmp_path / "lab.zarr", mode="a").ingest_folder(tmp_path / "kymographs")
    return tmp_path / "lab.zarr"


@pytest.fixture
def make_stranger() -> Iterator[MakeClient]:
    """Make clients of viewers, without a cookie; of a path, or of a context."""
    with ExitStack() as clients:

        def make(what: Path | str | Context) -> TestClient:
            context = what if isinstance(what, Context) else Context(str(what))
            app = create_app(context, TOKEN, PORT)
            client = TestClient(app, ORIGIN, raise_server_exceptions=False, follow_redirects=False)
            return clients.enter_context(client)

        yield make


@pytest.fixture
def make_client(make_stranger: MakeClient) -> MakeClient:
    """Make clients of viewers that have opened the link."""

    def make(what: Path | str | Context) -> TestClient:
        client = make_stranger(what)
        client.cookies.set(cookie_name(PORT), TOKEN)
        return client

    return make


@pytest.fixture
def stranger(lab_to_read: Path, make_stranger: MakeClient) -> TestClient:
    """A client of a viewer of `lab_to_read` that has no cookie."""
    return make_stranger(lab_to_read)


@pytest.fixture
def client(lab_to_read: Path, make_client: MakeClient) -> TestClient:
    """A client of a viewer of `lab_to_read` that has opened the link."""
    return make_client(lab_to_read)
