"""What commands print, at 80 columns and in a pipe, as golden text: read it when it changes."""

from __future__ import annotations

import os
import shlex
from collections.abc import Callable
from pathlib import Path

import pytest

from kymflow import KymDataset
from support.terminals import golden, in_pipe, on_terminal

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(os.name == "nt", reason="Windows has no pseudo-terminals that Python could open"),
]

TRANSCRIPTS = Path(__file__).parent / "transcripts"


def session(name: str, place: Path, site: Path, run: Callable[..., tuple[str, int]]) -> None:
    """The life of a dataset, from the demo to a deletion, as it is typed and printed."""
    said: list[str] = []

    def typed(command: str, **how: str) -> None:
        text, code = run(*shlex.split(command), cwd=place, site=site, **how)
        if run is on_terminal:
            assert max(map(len, text.splitlines())) <= 80
        ending = f"[exit code {code}]" if code else ""
        said.append("\n".join(filter(None, [f"$ kymflow {command}", text.strip("\n"), ending])))

    typed("demo build/demo")
    folder, lab = place / "build" / "demo" / "kymographs", "build/demo/lab.zarr"
    # Names of this machine's folders would break the lines elsewhere.
    (folder / "day 1" / ".lost.tif.icloud").touch()
    (folder / "day 1" / "capillary_0003.tif").rename(folder / "day 2" / "twin.tif")
    (folder / "day 1" / "capillary_0001.json").unlink()
    typed(f"ingest {lab} build/demo/kymographs")
    kd = KymDataset(place / lab)
    sources = kd.ds.load_sources_index().set_index("source_rel_path")["image_id"]
    kd.ds.record(sources["day 1/capillary_0001.tif"]).delete_analysis(suffixes=["/radon_report.parquet"])
    typed(f"status {lab}")
    typed(f"refresh {lab} --dry-run")
    typed(f"refresh {lab}")
    typed(f"delete {lab} capillary_0002.tif --exclude", **({"answer": "y"} if run is on_terminal else {}))
    (folder / "day 2" / "capillary_0006.tif").unlink()
    typed(f"delete {lab} --missing --yes")
    typed(f"ingest {lab} build/demo/kymographs")
    typed(f"status {lab}")
    golden(name, "\n\n".join(said), TRANSCRIPTS)


def test_on_a_terminal_of_80_columns(tmp_path: Path, site: Path) -> None:
    session("commands_on_a_terminal", tmp_path, site, on_terminal)


def test_in_a_pipe(tmp_path: Path, site: Path) -> None:
    session("commands_in_a_pipe", tmp_path, site, in_pipe)
