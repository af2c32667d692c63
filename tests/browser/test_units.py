"""The plain modules of the image page in node: scales, contrast, rows of a picture, events, panels."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

UNITS = Path(__file__).parent / "units"


def test_modules_that_need_no_browser() -> None:
    node = shutil.which("node")
    assert node, "node is missing; make test-view installs it with npm"

    ran = subprocess.run(
        [node, "--test", "--test-reporter=tap", UNITS], capture_output=True, text=True, encoding="utf-8"
    )

    assert ran.returncode == 0, ran.stdout + ran.stderr
    # A file that cannot be read would run no test.
    written = sum(path.read_text("utf-8").count("\ntest(") for path in UNITS.glob("*.test.mjs"))
    assert f"# tests {written}\n" in ran.stdout
