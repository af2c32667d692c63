"""Names, values and texts from elsewhere, all the way to what a command prints."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from kymflow import KymDataset
from kymflow.cli.visible import visible
from support.command_line import run_process
from support.simple_indexers import write_distribution
from support.terminals import on_terminal

EVIL = "\x1b]0;mine\x07\x1b[2J\x9b1m\u202e[bold]\x08"
SHOWN = "\\x1b]0;mine\\x07\\x1b[2J\\x9b1m\\u202e[bold]\\x08"


@pytest.fixture
def evil(lab: Path, folder: Path, site: Path) -> Path:
    """The lab, with such texts wherever somebody else can put one."""
    (folder / f"{EVIL}.tif").write_bytes(b"no TIFF")
    if os.name == "posix" and os.uname().sysname == "Linux":
        (folder / os.fsdecode(b"no-utf8-\xff.tif")).write_bytes(b"no TIFF")
    kd = KymDataset(lab)
    image_id = kd.get_table("velocity_events")["image_id"][0]
    record = kd.ds.record(image_id)
    events = record.load_df_parquet("velocity_events")
    record.save_df_parquet("velocity_events", events.assign(**{f"{EVIL}column": f"{EVIL}value\n\tnext"}))
    write_distribution(site, "lab-evil", "0.1", "evil = lab_evil", "broken = lab_evil_broken")
    code = (
        "import logging, sys, warnings\n"
        "import pandas as pd\n"
        "from kymflow import hookimpl\n"
        f"EVIL = {EVIL!r}\n"
        "class Evil:\n"
        "    '''Rows, or not'''\n"
        "    name = table_name = 'evil'\n"
        "    def extract_rows(self, rec):\n"
        "        print(EVIL)\n"
        "        warnings.warn(EVIL)\n"
        "        logging.getLogger('lab').warning(EVIL)\n"
        "        raise ValueError(EVIL)\n"
        "Evil.__doc__ = EVIL\n"
        "@hookimpl\n"
        "def kymflow_indexers():\n"
        "    return [Evil()]\n"
    )
    (site / "lab_evil.py").write_text(code, "utf-8")
    (site / "lab_evil_broken.py").write_text(f"raise RuntimeError({EVIL!r})", "utf-8")
    return lab


COMMANDS = [
    "ingest LAB IN",
    "rebuild LAB",
    "rebuild LAB --workers 2",
    "refresh LAB --dry-run",
    "refresh LAB",
    "show LAB",
    "show LAB velocity_events",
    "show LAB sources",
    "status LAB",
    "check LAB",
    "images LAB",
    "indexers --verbose",
    "readers",
    "check-indexer evil",
    "--help",
    f"no{EVIL}command",
    f"update LAB {EVIL}",
    f"ingest LAB {EVIL}",
]


def test_no_command_prints_what_steers_a_terminal(evil: Path, folder: Path, site: Path) -> None:
    said = []
    for command in COMMANDS:
        words = [{"LAB": str(evil), "IN": str(folder)}.get(word, word) for word in command.split(" ")]
        done = run_process(*words, site=site)
        for text in (done.stdout, done.stderr):
            assert text == visible(text), (command, ascii(text))
        assert "Traceback" not in done.stderr, command
        said.append(done.stdout + done.stderr)
    shown = [SHOWN in text for text in said]
    # In `--help`, `images` and others, there is nothing of it.
    assert sum(shown) >= 10, [command for command, one in zip(COMMANDS, shown, strict=True) if not one]


def test_a_crash_prints_its_traceback_as_text(lab: Path, site: Path) -> None:
    write_distribution(site, "lab-crash", "0.1", "crash = lab_crash:crash", group="kymflow.commands")
    code = f"def crash():\n    raise RuntimeError({EVIL!r})\n"
    (site / "lab_crash.py").write_text(code, "utf-8")

    done = run_process("crash", site=site, FORCE_COLOR="1")

    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == f"RuntimeError: {SHOWN}"
    assert done.stderr == visible(done.stderr)


def test_for_programs_json_and_csv_hold_what_there_is(evil: Path, site: Path, tmp_path: Path) -> None:
    run_process("refresh", evil, "--indexer", "velocity_events", site=site)

    as_json = run_process("show", evil, "velocity_events", "--json", site=site).stdout
    values = {row.get(f"{EVIL}column") for row in json.loads(as_json)["data"]}
    assert f"{EVIL}value\n\tnext" in values
    assert as_json == visible(as_json)

    as_csv = run_process("show", evil, "velocity_events", "-o", "-", site=site).stdout
    assert f"{EVIL}column" in as_csv.splitlines()[0]
    run_process("show", evil, "velocity_events", "-o", tmp_path / "events.csv", site=site)
    assert f"{EVIL}value" in (tmp_path / "events.csv").read_text("utf-8")


def test_on_a_terminal_even_csv_is_text(evil: Path, folder: Path, site: Path, tmp_path: Path) -> None:
    run_process("refresh", evil, "--indexer", "velocity_events", site=site)
    where = ("show", evil, "velocity_events")
    for more in (("-o", "-"), ("--json",), ("--columns", f"{EVIL}column")):
        text, code = on_terminal(*where, *more, cwd=tmp_path, site=site)
        assert code == 0, text
        assert text == visible(text)
        assert "\\x1b]0;mine" in text or "\\u001b]0;mine" in text
    text, code = on_terminal("ingest", evil, folder, cwd=tmp_path, site=site)
    assert text == visible(text)
