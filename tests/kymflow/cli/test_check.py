"""Commands: check."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from typer import Exit

from kymflow import KymDataset
from kymflow.cli.check import run_check
from kymflow_indexers_builtin import ImagesIndexer
from support.command_line import read_json, run_command


def test_the_command_tells_repairs_and_ends_with_1_while_something_is_wrong(
    kd: KymDataset, site: Path
) -> None:
    kd.registry.register(ImagesIndexer())
    kd.refresh_all()
    path = kd.ds.path
    assert "nothing is wrong" in run_command("check", path).stdout
    kd.ds.save_table("velocity_events", kd.get_table("velocity_events"))
    kd.ds.delete_image("a")
    kd.ds.record("b").save_json("odd", {})
    odd = Path(path) / "images" / "b" / "analysis" / "odd.json"
    odd.write_bytes(b"{")
    shown = run_command("check", path, code=1).stdout
    assert "read 2 images with 4 artifacts and arrays, 3 tables" in shown
    assert "wrong: unknown image: table 'velocity_events' of" in shown
    content = read_json(run_command("check", path, "--json", "--repair", code=1))
    assert [(p["kind"], p["repaired"]) for p in content["problems"]] == [
        ("unreadable artifact", False),
        ("unknown image", True),
        ("no ledger", True),
    ]
    assert content["stale"] == {"images": ["a"], "radon_report": ["a"]}
    assert (content["dataset"], content["images"], content["clean"]) == (path, 2, False)
    odd.unlink()
    kd.ds.record("b").save_json("radon_report", {"mean_velocity": 2.0})
    assert "nothing is wrong" in run_command("check", path).stdout


def test_on_a_terminal_lines_are_broken_between_words(
    kd: KymDataset, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    kd.refresh_all()
    (Path(kd.ds.path) / "images" / "b" / "analysis" / "odd.json").write_bytes(b"{")
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("COLUMNS", "60")
    with pytest.raises(Exit):
        run_check(kd.ds.path, repair=False, as_json=False)
    lines = capsys.readouterr().out.splitlines()
    assert [line for line in lines if len(line) > 60 and " " in line.strip()] == []
    assert "wrong: unreadable artifact: " in " ".join(lines)
