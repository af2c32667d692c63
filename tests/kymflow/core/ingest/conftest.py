"""Fixtures for the tests of reading folders of today."""

from __future__ import annotations

from pathlib import Path

import pytest

from support.acquisitions import Acquired


@pytest.fixture
def acquired(tmp_path: Path) -> Acquired:
    return Acquired(tmp_path)
