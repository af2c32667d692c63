"""What people see: commands with all that they print, at 80 columns and in a pipe, reviewed by eye.

``KYMFLOW_REWRITE_TRANSCRIPTS=1 pytest tests/kymflow/cli/test_transcripts.py`` writes them anew; look at the
difference before it is committed. Ids and the folder are masked: they differ from run to run.
"""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest

from kymflow.testing import simulate_folder
from support.command_line import Run
from support.terminals import REWRITE, on_terminal

TRANSCRIPTS = Path(__file__).with_name("transcripts")
COMMANDS = {
    "terminal": """
        show lab.zarr
        show lab.zarr velocity_events
        show lab.zarr velocity_events --columns file_name,t0_s,kind,score --where "score > 0"
        show lab.zarr velocity_events --image capillary_0002.tif --limit 1
        show lab.zarr radon_report --sort -mean_velocity --limit 3
        show lab.zarr radon_report --with-images --columns file_name,mean_velocity,duration_s,folder
        show lab.zarr velocity_event
        show lab.zarr velocity_events --where "condition = 'simulated'"
        show lab.zarr velocity_events --columns scores
        show lab.zarr radon_report --image capilary_0003
        images lab.zarr
        images lab.zarr --where "not analysed"
        images lab.zarr --image capillary_0001.tif
        export lab.zarr -o lab.xlsx --describe
        export lab.zarr -o tables.csv
        indexers
        readers
    """,
    "pipe": """
        show lab.zarr
        show lab.zarr velocity_events
        show lab.zarr radon_report --columns file_name,mean_velocity,image_id --limit 2
        show lab.zarr velocity_events -o - --columns file_name,t0_s,kind,score --limit 2
        images lab.zarr --columns rel_path,analysed,n_events,duration_s
        export lab.zarr -o tables --describe
        export lab.zarr radon_report -o report.parquet
        export lab.zarr -o lab.zarr
    """,
}


@pytest.fixture
def place(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a simulated lab, to be worked in."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    simulate_folder("kymographs")
    run("ingest", "lab.zarr", "kymographs")
    return tmp_path / "here"


def masked(text: str, place: Path) -> str:
    text = text.replace(str(place.resolve()) + os.sep, "").replace(str(place) + os.sep, "")
    text = re.sub(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", "<whole image id>", text)
    return re.sub(r"\b(?=[0-9a-f]*[0-9])[0-9a-f]{8}\b", "<img id>", text)


@pytest.mark.parametrize("name", COMMANDS)
def test_commands_print_what_was_reviewed(run: Run, site: Path, place: Path, name: str) -> None:
    parts = []
    for command in filter(None, map(str.strip, COMMANDS[name].splitlines())):
        arguments = shlex.split(command)
        if name == "terminal":
            printed, _ = on_terminal(*arguments, site=site, cwd=place)
        else:
            result = run(*arguments, code=None)
            printed = result.stdout + result.stderr
        parts.append(f"$ kymflow {command}\n{masked(printed, place)}")
    text = "\n".join(parts)

    path = TRANSCRIPTS / f"{name}.txt"
    if os.environ.get(REWRITE):
        path.write_text(text, "utf-8")
    assert text == path.read_text("utf-8")
