"""What is said of source files."""

from __future__ import annotations

import pytest

from kymflow.cli.sources import print_twice


@pytest.mark.parametrize(
    ("n", "last"), [(3, "twice: a2.tif, b2.tif have the same content; "), (9, "twice: 6 more")]
)
def test_a_folder_that_is_there_twice_is_told_by_a_few_of_its_files(
    n: int, last: str, capsys: pytest.CaptureFixture[str]
) -> None:
    print_twice([(f"a{number}.tif", f"b{number}.tif") for number in range(n)])
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "twice: a0.tif, b0.tif have the same content; each is an image of its own"
    assert len(lines) == min(n, 4)
    assert lines[-1].startswith(last)
