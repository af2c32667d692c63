"""The application as a whole."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.slow
def test_it_begins_without_what_takes_long_to_load() -> None:
    slow = ("matplotlib", "scipy", "zarr", "PIL", "xlsxwriter", "obstore")
    code = f"import sys, kymflow_view.server.running; print([name for name in {slow} if name in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=300, check=True
    )

    assert done.stdout == "[]\n"
