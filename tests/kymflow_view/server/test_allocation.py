"""Large arrays that are freed are no longer the process's, whatever was made beside them."""

from __future__ import annotations

import platform
import subprocess
import sys

import pytest

from kymflow_view.server import allocation

FREE_ARRAYS = """
import re, sys
from pathlib import Path
import numpy as np
from kymflow_view.server.allocation import give_back_large_arrays

def resident():
    return int(re.search(r"RssAnon:\\s+(\\d+)", Path("/proc/self/status").read_text())[1]) / 1024

assert give_back_large_arrays()
before = resident()
np.ones(3_500_000)
arrays = [np.ones(1_000_000) for _ in range(40)]
beside = [np.ones(2_000) for _ in range(100)]
held = resident() - before
del arrays
print(held, resident() - before)
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="only glibc keeps large arrays")
def test_what_is_freed_is_given_back() -> None:
    ran = subprocess.run([sys.executable, "-c", FREE_ARRAYS], capture_output=True, text=True, check=True)

    held_mb, left_mb = map(float, ran.stdout.split())
    assert held_mb > 300
    assert left_mb < 30


@pytest.mark.parametrize("system", ["darwin", "win32"])
def test_elsewhere_nothing_is_set(system: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "platform", system)

    assert not allocation.give_back_large_arrays()
