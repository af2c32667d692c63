"""The check of readers: good ones pass, and each broken promise is found."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from kymflow import InvalidReaderError, SourceError, SourceImage
from kymflow.core.ingest.readers import builtin_readers
from kymflow.testing import ConformanceError, check_reader, simulate_folder
from support.plugin_makers import ScanReader
from support.trees import tree


@pytest.fixture
def scan(tmp_path: Path) -> Path:
    path = tmp_path / "cell.scan"
    path.write_text("1 2 3\n4 5 6\n", "utf-8")
    (tmp_path / "cell.info").write_text("0.002 s", "utf-8")
    return path


def test_a_good_reader_passes_and_leaves_all_as_it_is(scan: Path) -> None:
    before = tree(scan.parent)

    check_reader(ScanReader(), scan)

    assert tree(scan.parent) == before


def test_kymflows_own_readers_pass(tmp_path: Path) -> None:
    images = simulate_folder(tmp_path / "lab", 3, n_lines=60, n_pixels=8)
    assert any(image.analysed for image in images)
    tiffs = sorted((tmp_path / "lab").rglob("*.tif"))
    checked = [
        check_reader(reader, tiff) for tiff in tiffs for reader in builtin_readers() if reader.matches(tiff)
    ]
    assert len(checked) >= 3


def test_a_reader_may_give_everything_a_record_holds(scan: Path) -> None:
    class Reader(ScanReader):
        def read(self, primary: Path) -> SourceImage:
            return SourceImage(
                np.array([[[1.0, np.nan]], [[2.0, 3.0]]]),
                axes=("c", "y", "x"),
                json={"metadata": {"header": {"voxels": [0.002, 0.25]}}, "radon/params": [1, None]},
                tables={"trace": pd.DataFrame({"time": [0.0, np.nan], "roi": ["a", None]})},
                arrays={"mask": np.array([[True, False]])},
            )

    check_reader(Reader(), scan)


def test_what_is_no_reader_is_told_so(scan: Path) -> None:
    with pytest.raises(InvalidReaderError, match="no SourceReader: it lacks name, matches, files, read"):
        check_reader(5, scan)  # type: ignore[arg-type]


def test_what_the_reader_raises_is_raised(scan: Path) -> None:
    class Reader(ScanReader):
        def read(self, primary: Path) -> SourceImage:
            raise SourceError(f"{primary}: not today")

    with pytest.raises(SourceError, match="cell.scan: not today"):
        check_reader(Reader(), scan)


class NotItsFile(ScanReader):
    def matches(self, path: Path) -> bool:
        return path.suffix == ".tif"


class Moody(ScanReader):
    def __init__(self) -> None:
        super().__init__()
        self.answers = itertools.cycle([True, False])

    def matches(self, path: Path) -> bool:
        return next(self.answers)


class NamesAbsentSidecars(ScanReader):
    def files(self, primary: Path) -> list[Path]:
        return [primary.with_suffix(".info"), primary.with_suffix(".absent")]


class NamesItself(ScanReader):
    def files(self, primary: Path) -> list[Path]:
        return [primary]


class NamesOneTwice(ScanReader):
    def files(self, primary: Path) -> list[Path]:
        return [primary.with_suffix(".info")] * 2


class Shuffles(ScanReader):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Path] = []

    def files(self, primary: Path) -> list[Path]:
        self.found = self.found[::-1] or [primary.with_suffix(".info"), primary.with_suffix(".more")]
        primary.with_suffix(".more").touch()
        return self.found


class Counts(ScanReader):
    """Gives another image each time: in the member that it is made with."""

    def __init__(self, member: str) -> None:
        super().__init__()
        self.member = member
        self.count = 0

    def read(self, primary: Path) -> SourceImage:
        self.count += 1
        changing = {
            "pixels": np.array([[self.count]]),
            "scale": [1.0, float(self.count)],
            "json": {"metadata": {"read": self.count}},
            "tables": {"trace": pd.DataFrame({"read": [self.count]})},
            "arrays": {"mask": np.array([self.count])},
        }
        members: dict[str, object] = {"pixels": np.zeros((2, 2)), self.member: changing[self.member]}
        return SourceImage(**members)  # type: ignore[arg-type]


class GivesText(ScanReader):
    def read(self, primary: Path) -> SourceImage:
        return SourceImage(np.array([["a", "b"]]))


class GivesWhatParquetCannotHold(ScanReader):
    def read(self, primary: Path) -> SourceImage:
        return SourceImage(np.zeros((2, 2)), tables={"trace": pd.DataFrame({"mixed": [1, "a"]})})


class WritesBeside(ScanReader):
    def read(self, primary: Path) -> SourceImage:
        primary.with_suffix(".cache").touch()
        return super().read(primary)


BROKEN = [
    (NotItsFile(), r"reader 'scan': matches failed: .* Expected True for cell.scan, twice; got \[False, F"),
    (Moody(), r"matches failed: .*got \[True, False\]"),
    (NamesAbsentSidecars(), r"files failed: .* Expected sidecars that exist; got .*cell\.absent\."),
    (NamesItself(), r"files failed: .* Expected sidecars that exist; got .*cell\.scan\."),
    (NamesOneTwice(), "files failed: .* Name sidecars that exist now, each once"),
    (Shuffles(), "files failed: .* Expected the same sidecars twice; .* Return them in the same order"),
    (Counts("pixels"), "read failed: .* Expected the same image of cell.scan twice; got other pixels. Keep"),
    (Counts("scale"), "got other scale"),
    (Counts("json"), "got other json"),
    (Counts("tables"), "got other table 'trace'"),
    (Counts("arrays"), "got other array 'mask'"),
    (
        GivesText(),
        "storable failed: .* an image of cell.scan that can be stored; got .*pixels must be numbers",
    ),
    (GivesWhatParquetCannotHold(), "storable failed: .*'mixed'"),
    (WritesBeside(), "nothing written failed: .* as it was; got files that were written, changed or deleted"),
]


@pytest.mark.parametrize(("reader", "message"), BROKEN, ids=lambda value: type(value).__name__)
def test_each_broken_promise_is_found(scan: Path, reader: ScanReader, message: str) -> None:
    with pytest.raises(ConformanceError, match=message) as raised:
        check_reader(reader, scan)
    assert raised.value.finding.status == "failed"
