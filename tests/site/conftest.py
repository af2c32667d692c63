"""The site that ``make docs`` has built, in the environment that has built it."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

from support.paths import REPO


class LeftOut(pytest.Module):
    """A file of tests that is listed as skipped: without Sphinx there is no site."""

    def collect(self) -> list[pytest.Item]:
        pytest.skip("make docs runs it, where Sphinx is", allow_module_level=True)


def pytest_pycollect_makemodule(module_path: Path, parent: pytest.Collector) -> pytest.Module | None:
    if importlib.util.find_spec("sphinx") is None:
        return LeftOut.from_parent(parent, path=module_path)
    return None


@pytest.fixture(scope="session")
def site() -> Path:
    """The folder of the built pages."""
    folder = REPO / "build" / "site"
    assert (folder / "index.html").is_file(), (
        "there is no site: make docs builds it, and then runs these tests"
    )
    return folder
