"""The README's first picture, made anew: ``.venv/bin/python tests/docs/readme_picture.py``."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURE = Path(__file__).resolve().parents[2] / "docs" / "kymograph.png"
KYMFLOW = (sys.executable, "-c", "from kymflow.cli.main import main; main()")
# Few colours and half the size: small enough for a repository.
SIZE, COLOURS = (960, 532), 128


def make(path: Path) -> None:
    """Draw it with the commands that the README names, and write it."""
    with tempfile.TemporaryDirectory() as folder:
        for command in (("demo", "demo"), ("plot", "demo/lab.zarr", "capillary_0002", "-o", "kymograph.png")):
            subprocess.run([*KYMFLOW, *command], cwd=folder, check=True, stdout=subprocess.DEVNULL)
        drawn = Image.open(os.path.join(folder, "kymograph.png")).convert("RGB")
        small = drawn.resize(SIZE, Image.Resampling.LANCZOS)
        # The other methods give all colours to the greys, and none to the events.
        small.quantize(COLOURS, Image.Quantize.MAXCOVERAGE, dither=Image.Dither.NONE).save(
            path, optimize=True
        )


if __name__ == "__main__":
    make(PICTURE)
    print(f"{PICTURE.name}: {PICTURE.stat().st_size / 1e3:.0f} kB")
