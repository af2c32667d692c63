"""No command reads Parquet in threads: one that lets go of its bytes while Python ends would crash it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from support.command_line import Run


def test_no_command_reads_parquet_in_threads(
    run: Run, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    reads: list[tuple[str, Any]] = []
    for name in ("read", "read_row_groups", "read_row_group", "iter_batches"):
        given = getattr(pq.ParquetFile, name)

        def noted(*args: Any, _name: str = name, _given: Any = given, **how: Any) -> Any:
            reads.append((_name, how.get("use_threads", True)))
            return _given(*args, **how)

        monkeypatch.setattr(pq.ParquetFile, name, noted)
    # It has no other reader than these.
    for name in ("read_table", "read_pandas", "ParquetDataset"):
        monkeypatch.delattr(pq, name)
    lab = tmp_path / "lab.zarr"

    run("ingest", lab, folder)
    image = next(path.name for path in (lab / "images").iterdir() if path.is_dir())
    run("update", lab, image)
    run("show", lab, "velocity_events", "--with-images")
    run("rebuild", lab)
    run("refresh", lab)
    run("status", lab)
    run("check", lab)
    run("export", lab, "-o", tmp_path / "lab.xlsx")
    run("delete", lab, image, "--yes")

    assert {name for name, _ in reads} >= {"read"}
    assert {threads for _, threads in reads} == {False}, reads
