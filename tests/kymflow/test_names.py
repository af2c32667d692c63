"""Hostile names through every door: refused in one clear sentence, and nothing moves outside the dataset."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest
import tifffile
from refreshing import TABLE, CellsIndexer, open_dataset
from simple_indexers import FrameIndexer, add_image, frame
from typer.testing import CliRunner, Result

from kymflow import IndexerRegistry, KymDataset
from kymflow.cli.main import app
from kymflow.core.zarr.indexers.base import normalize_table_name
from kymflow.errors import InvalidIndexerError, UnknownIndexerError
from kymflow_zarr import SourceImage, layout
from kymflow_zarr.errors import InvalidNameError, KymflowError

HOSTILE = {
    "climbing": "../../x",
    "climbing far": "../" * 20 + "x",
    "climbing from below": "a/../../../x",
    "climbing backwards": "..\\..\\x",
    "parent": "..",
    "itself": ".",
    "many dots": "...",
    "slash": "/",
    "backslash": "\\",
    "absolute": "/kymflow-hostile-name",
    "double slash": "//x",
    "drive": "C:\\x",
    "drive without root": "c:x",
    "network share": "\\\\server\\share\\x",
    "device path": "\\\\.\\x",
    "stream of a file": "a:b",
    "NUL": "a\0b",
    "NUL alone": "\0",
    "bell": "a\x07",
    "escape sequence": "\x1b[31mred",
    "newline": "a\nb",
    "carriage return": "a\rb",
    "tab": "a\tb",
    "delete": "a\x7f",
    "next line of C1": "a\x85b",
    "lone surrogate": "\ud800",
    "byte that is no UTF-8": "a\udcff",
    "over-long": "x" * 201,
    "far over-long": "x" * 70_000,
    "over-long in bytes": "日" * 67,
    "device": "con",
    "device in upper case": "AUX",
    "device with suffix": "Nul.txt",
    "device with a space": "prn .x",
    "numbered device": "com1",
    "numbered device with suffix": "LPT9.csv.gz",
    "device with a small number": "com¹",
    "console": "CONOUT$",
    "trailing dot": "x.",
    "trailing space": "x ",
    "trailing dots and spaces": "x. . ",
    "leading dot": ".x",
    "temporary file": ".0123456789abcdef.kymflow-tmp",
    "lock file": ".cells.parquet.lock",
    "empty": "",
    "space": " ",
    "wildcards": "a*?",
    "pipe": "a|b",
    "quotes": 'a"b',
    "brackets": "<a>",
}
ODD = {
    "spaces": "a b  c",
    "leading space": " a",
    "accents": "größe señal",
    "decomposed accents": "gro\u0308ße",
    "CJK": "日本語",
    "emoji": "🧪👩‍🔬",
    "right to left": "تجربة",
    "leading dash": "-x",
    "option": "--help",
    "dash": "-",
    "home": "~",
    "variable": "$HOME",
    "percent": "%2e%2e%2fx",
    "wide dots and slash": "．．／x",
    "apostrophe": "it's; drop table",
    "inner dots": "v1..2",
    "almost a device": "console",
    "longest": "x" * 200,
}
hostile_names = pytest.mark.parametrize("name", HOSTILE.values(), ids=list(HOSTILE))
odd_names = pytest.mark.parametrize("name", ODD.values(), ids=list(ODD))

FRAME = pd.DataFrame({"image_id": ["a"], "x": [1.0]})
Stamps = dict[str, tuple[int, int, int]]


def stamps(folder: Path) -> Stamps:
    """What is in a folder, at any depth, with what tells one state of it from another."""
    found: Stamps = {}
    for parent, folders, files in os.walk(folder):
        for name in [*folders, *files]:
            info = os.lstat(os.path.join(parent, name))
            key = os.path.relpath(os.path.join(parent, name), folder)
            found[key] = (info.st_ino, info.st_size, info.st_mtime_ns)
    return found


class Lab:
    """A dataset of image ``a`` with its table, and around it what a climber could break."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.path = root / "labs" / "one" / "lab.zarr"
        for folder in (root, root / "labs", root / "labs" / "one"):
            folder.mkdir(exist_ok=True)
            for name in ("x", "x.json", "x.parquet", "x.csv.gz", ".x", "cells.parquet"):
                (folder / name).write_bytes(b"not yours")
        self.kd = open_dataset(self.path)
        add_image(self.kd, "a").save_json(TABLE, {"n": 1})
        self.kd.rebuild(CellsIndexer())
        self.kd.tables.clear()
        self.before = stamps(root)

    def refuses(self, call: Callable[[], object], *kinds: type[KymflowError]) -> str:
        """Expect one sentence that does not harm a terminal, and no change anywhere; return it."""
        with pytest.raises(kinds or InvalidNameError) as caught:
            call()
        assert stamps(self.root) == self.before
        message = str(caught.value)
        assert message
        assert message.isprintable(), ascii(message)
        return message

    def changes(self, call: Callable[[], object]) -> set[str]:
        """Return which files a call makes, changes or deletes in the dataset; outside, it must not."""
        before, _ = self.before, call()
        self.before = after = stamps(self.root)
        keys = {key for key in {*before, *after} if before.get(key) != after.get(key)}
        inside = os.path.relpath(self.path, self.root) + os.sep
        # Folders differ when something in them does.
        outside = {key for key in keys if not key.startswith(inside) and not inside.startswith(key + os.sep)}
        assert outside == set()
        return {key[len(inside) :].replace(os.sep, "/") for key in keys if not (self.root / key).is_dir()}


@pytest.fixture(scope="module")
def refusing_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A lab in which nothing is ever changed."""
    lab = Lab(tmp_path_factory.mktemp("root"))
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(lab.root / "labs")
        yield lab
    assert stamps(lab.root) == lab.before


@pytest.fixture
def lab(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """A lab that may be changed."""
    (tmp_path / "root").mkdir()
    lab = Lab(tmp_path / "root")
    monkeypatch.chdir(lab.root / "labs")
    return lab


# The storage


@hostile_names
def test_no_kind_of_artifact_takes_a_hostile_name(refusing_lab: Lab, name: str) -> None:
    record = refusing_lab.kd.ds.record("a")
    doors: list[Callable[[str], object]] = [
        lambda n: record.save_json(n, {}),
        lambda n: record.load_json(n),
        lambda n: record.save_df_parquet(n, FRAME),
        lambda n: record.load_df_parquet(n),
        lambda n: record.load_arrow(n),
        lambda n: record.save_df_csv_gz(n, FRAME),
        lambda n: record.load_df_csv_gz(n),
        lambda n: record.save_array_artifact(n, np.ones(3)),
        lambda n: record.load_array_artifact(n),
    ]
    for door in doors:
        refusing_lab.refuses(lambda door=door: door(name))
        refusing_lab.refuses(lambda door=door: door(f"{name}/x"))
        refusing_lab.refuses(lambda door=door: door(f"radon/{name}"))


@hostile_names
def test_no_image_has_a_hostile_id(refusing_lab: Lab, name: str) -> None:
    kd, indexer = refusing_lab.kd, CellsIndexer()
    refusing_lab.refuses(lambda: kd.ds.record(name))
    refusing_lab.refuses(lambda: kd.ds.delete_image(name))
    refusing_lab.refuses(lambda: kd.update_image(indexer, name))
    refusing_lab.refuses(lambda: kd.update_images(indexer, ["a", name]))
    refusing_lab.refuses(lambda: kd.update_images(indexer, [name, "a"], on_error="skip"))
    refusing_lab.refuses(lambda: kd.rebuild(indexer, image_ids=[name]))
    assert indexer.asked == []
    kd = KymDataset(kd.ds, registry=IndexerRegistry(()))
    kd.registry.register(indexer)
    refusing_lab.refuses(lambda: kd.rebuild_all(image_ids=iter([name])))
    refusing_lab.refuses(lambda: kd.rebuild_all(image_ids=["a", name], on_error="skip"))
    assert indexer.asked == []


@hostile_names
def test_no_table_has_a_hostile_name(refusing_lab: Lab, name: str) -> None:
    kd = refusing_lab.kd

    def save_from_memory(save: Callable[[], None]) -> None:
        kd.tables.clear()
        kd.tables[name] = FRAME
        try:
            save()
        finally:
            kd.tables.clear()

    for door in (
        lambda: kd.ds.load_table(name),
        lambda: kd.ds.save_table(name, FRAME),
        lambda: kd.ds.drop_table(name),
        lambda: kd.ds.replace_rows_for_image_id(name, "a", FRAME),
        lambda: save_from_memory(lambda: kd.save_table(name)),
        lambda: save_from_memory(kd.save_all_tables),
    ):
        refusing_lab.refuses(door)
    # These find a table in any spelling; none is spelt like this.
    for door in (
        lambda: kd.get_table(name),
        lambda: kd.get_table(name, with_source=True),
        lambda: kd.load_tables([name]),
        lambda: kd.save_table(name),
    ):
        refusing_lab.refuses(door, KymflowError)


def test_a_hostile_id_in_rows_is_no_key(lab: Lab) -> None:
    for name in HOSTILE.values():
        rows = pd.DataFrame({"image_id": pd.Series([name], dtype=object), "x": [1.0]})

        def replace(name: str = name, rows: pd.DataFrame = rows) -> None:
            lab.kd.ds.replace_rows_for_image_id("t", name, rows)

        if is_text(name):
            assert lab.changes(replace) <= {"tables/t.parquet", "tables/.t.parquet.lock"}
        else:
            assert "cannot be written as UTF-8" in lab.refuses(replace)
    assert set(lab.kd.ds.load_table("t")["image_id"]) == set(filter(is_text, HOSTILE.values()))


def test_an_object_store_refuses_the_same_names(object_url: str) -> None:
    kd = open_dataset(object_url)
    record = add_image(kd, "a")
    before = {found.key: found.etag for found in kd.ds.store.list()}
    doors: list[Callable[[str], object]] = [
        lambda name: kd.ds.record(name),
        lambda name: kd.ds.save_table(name, FRAME),
        lambda name: kd.ds.load_table(name),
        lambda name: kd.ds.drop_table(name),
        lambda name: record.save_json(name, {}),
        lambda name: record.save_df_parquet(f"radon/{name}", FRAME),
        lambda name: record.save_array_artifact(name, np.ones(3)),
        lambda name: kd.update_image(CellsIndexer(), name),
    ]
    for name in HOSTILE.values():
        for door in doors:
            with pytest.raises(InvalidNameError, match=r"cannot be used as "):
                door(name)
    assert {found.key: found.etag for found in kd.ds.store.list()} == before


# Indexers


def table_of(name: str) -> str | None:
    """Return what a table of this name is called on disk; None if it cannot be."""
    try:
        return layout.check_name(normalize_table_name(name), "table name")
    except InvalidNameError:
        return None


@pytest.mark.parametrize("name", [name for name in HOSTILE.values() if table_of(name) is None], ids=ascii)
def test_an_indexer_whose_table_has_no_usable_name_is_refused(refusing_lab: Lab, name: str) -> None:
    indexer = FrameIndexer({}, name="lab", table_name="lab")
    indexer.table_name = name
    kd = refusing_lab.kd
    refusing_lab.refuses(lambda: kd.rebuild(indexer), InvalidIndexerError)
    refusing_lab.refuses(lambda: kd.refresh(indexer), InvalidIndexerError)
    refusing_lab.refuses(lambda: kd.plan(indexer), InvalidIndexerError)
    refusing_lab.refuses(lambda: IndexerRegistry(()).register(indexer), InvalidIndexerError)


def test_an_indexer_s_table_lies_in_the_dataset_whatever_it_is_called(lab: Lab) -> None:
    names = [name for name in HOSTILE.values() if table_of(name) is not None]
    assert len(names) > 10
    for name in names:
        indexer = FrameIndexer({"a": frame(x=[1])}, name="lab", table_name=name)
        changed = lab.changes(lambda indexer=indexer: lab.kd.rebuild(indexer))
        table = table_of(name)
        assert {key for key in changed if not key.startswith(f"index/{table}/")} <= {
            f"tables/{table}.parquet",
            f"tables/.{table}.parquet.lock",
        }
        assert lab.kd.get_table(name)["x"].tolist() == [1]


@pytest.mark.parametrize("name", ["sources", "SOURCES", " Sources!", "ｓｏｕｒｃｅｓ"])
def test_no_indexer_takes_the_table_that_the_dataset_keeps(refusing_lab: Lab, name: str) -> None:
    indexer = FrameIndexer({}, name="lab", table_name=name)

    refusing_lab.refuses(lambda: refusing_lab.kd.rebuild(indexer), InvalidIndexerError)
    refusing_lab.refuses(lambda: IndexerRegistry(()).register(indexer), InvalidIndexerError)


@hostile_names
def test_no_indexer_is_found_by_a_hostile_name(refusing_lab: Lab, name: str) -> None:
    kd = refusing_lab.kd
    refusing_lab.refuses(lambda: kd.rebuild(name), UnknownIndexerError)
    refusing_lab.refuses(lambda: kd.refresh(name), UnknownIndexerError)
    refusing_lab.refuses(lambda: kd.plan(name), UnknownIndexerError)
    refusing_lab.refuses(lambda: kd.rebuild_all(indexers=[name]), UnknownIndexerError)


def test_an_indexer_s_own_name_is_no_key(lab: Lab) -> None:
    for kind in ("climbing", "absolute", "NUL", "newline", "escape sequence", "far over-long", "device"):
        name = HOSTILE[kind]
        indexer = FrameIndexer({"a": frame(x=[1])}, name=name, table_name="lab")
        changed = lab.changes(lambda indexer=indexer: lab.kd.rebuild(indexer))
        assert {key.split("/")[0] for key in changed} == {"tables", "index"}
        assert (
            pq.read_schema(lab.path / "tables" / "lab.parquet").metadata[b"kymflow.indexer"] == name.encode()
        )


def test_an_indexer_without_a_name_is_refused(refusing_lab: Lab) -> None:
    for name in ("", " "):
        indexer = FrameIndexer({}, name=name, table_name="lab")
        assert "name must be text" in refusing_lab.refuses(
            lambda indexer=indexer: refusing_lab.kd.rebuild(indexer), InvalidIndexerError
        )


@pytest.mark.parametrize("name", [HOSTILE["lone surrogate"], HOSTILE["byte that is no UTF-8"]], ids=ascii)
def test_an_indexer_whose_name_is_no_text_is_refused(lab: Lab, name: str) -> None:
    indexer = FrameIndexer({"a": frame(x=[1])}, name=name, table_name="lab")

    lab.refuses(lambda: lab.kd.rebuild(indexer), InvalidIndexerError)


def test_a_cause_that_is_no_text_concerns_its_image_only(lab: Lab) -> None:
    add_image(lab.kd, "b")
    indexer = FrameIndexer({"a": ValueError("no \udcff"), "b": frame(x=[1])})

    assert lab.kd.rebuild(indexer, on_error="skip")["x"].tolist() == [1]
    assert list(lab.kd.reports["lab"].failed) == ["a"]


def is_text(name: str) -> bool:
    """Tell whether a file can hold it."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


# Words in a dataset that somebody else made


def test_hostile_words_of_a_footer_lead_nowhere(lab: Lab) -> None:
    path = lab.path / "tables" / f"{TABLE}.parquet"
    table = pq.read_table(path)
    for name in filter(is_text, HOSTILE.values()):
        words = {**table.schema.metadata, b"kymflow.commit": name.encode()}
        pq.write_table(table.replace_schema_metadata(words), path)
        lab.before = stamps(lab.root)
        assert lab.changes(lambda: lab.kd.plan(CellsIndexer())) == set()
        assert lab.kd.plan(CellsIndexer()).whole
    changed = lab.changes(lambda: lab.kd.refresh(CellsIndexer()))
    assert {key.split("/")[0] for key in changed} == {"tables", "index"}
    assert lab.kd.plan(CellsIndexer()).is_empty


class SmallReader:
    """Reads nothing, and gives parts by the names that it was told."""

    def __init__(self, **parts: Any) -> None:
        self.parts = parts

    def files(self, primary: Path) -> list[Path]:
        return []

    def read(self, primary: Path) -> SourceImage:
        return SourceImage(np.ones((3, 4), np.uint8), **self.parts)


@pytest.fixture
def tiffs(lab: Lab) -> Path:
    """A folder of one source file, inside what is watched."""
    folder = lab.root / "tiffs"
    folder.mkdir()
    tifffile.imwrite(folder / "one.tif", np.ones((3, 4), np.uint8))
    lab.before = stamps(lab.root)
    return folder


@pytest.mark.parametrize("kind", ["json", "tables", "arrays"])
def test_a_reader_of_hostile_names_fails_its_source(lab: Lab, tiffs: Path, kind: str) -> None:
    for name in HOSTILE.values():
        reader = SmallReader(**{kind: {name: {"json": {}, "tables": FRAME, "arrays": np.ones(3)}[kind]}})
        changed = lab.changes(lambda reader=reader: lab.kd.ingest_folder(tiffs, reader=reader))
        # The claim of the source stays, so that it has one id for good.
        assert changed <= {"tables/sources.parquet", "tables/.sources.parquet.lock"}
    report = lab.kd.ingest_folder(tiffs, reader=SmallReader(**{kind: {"../../x": np.ones(3)}}))
    assert list(report.failed) == ["one.tif"]
    assert "cannot be used as a" in report.failed["one.tif"]


def test_a_hostile_id_in_the_sources_table_stops_the_ingest(lab: Lab, tiffs: Path) -> None:
    lab.kd.ingest_folder(tiffs, reader=SmallReader())
    path = lab.path / "tables" / "sources.parquet"
    sources = pq.read_table(path)
    place = sources.column_names.index("image_id")
    for name in filter(is_text, HOSTILE.values()):
        pq.write_table(sources.set_column(place, sources.schema.field(place), [[name]]), path)
        lab.before = stamps(lab.root)
        lab.refuses(lambda: lab.kd.ingest_folder(tiffs, reader=SmallReader()), KymflowError)


def test_hostile_parts_of_an_earlier_ingest_are_not_deleted(lab: Lab, tiffs: Path) -> None:
    report = lab.kd.ingest_folder(tiffs, reader=SmallReader())
    (image_id,) = report.new
    path = lab.path / "images" / image_id / "zarr.json"
    document = json.loads(path.read_text("utf-8"))
    for name in ("analysis/../../../../x", "analysis/../../../../x.json", "analysis_arrays/../../../.."):
        document["attributes"]["ingested"][name] = "0" * 64
        path.write_text(json.dumps(document), "utf-8")
        os.utime(tiffs / "one.tif", ns=(0, 0))
        with open(tiffs / "one.tif", "ab") as file:
            file.write(b"\0")
        lab.before = stamps(lab.root)
        changed = lab.changes(lambda: lab.kd.ingest_folder(tiffs, reader=SmallReader()))
        assert not any("x" in Path(key).parts for key in changed)
        with pytest.raises(InvalidNameError, match="is no key of a dataset"):
            lab.kd.ingest_folder(tiffs, reader=SmallReader(), overwrite=True)
        assert lab.changes(lambda: None) <= {"tables/sources.parquet"}
        del document["attributes"]["ingested"][name]


# The command line


def run(*arguments: object) -> Result:
    """Run a command in this process; expect no exception but the end of the program."""
    result = CliRunner().invoke(app, [str(argument) for argument in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


def refuses_command(lab: Lab, *arguments: object) -> None:
    """Expect one line that does not harm a terminal, exit code 1 or 2, and no change anywhere."""
    result = run(*arguments)
    assert stamps(lab.root) == lab.before, arguments
    assert result.exit_code in (1, 2), (arguments, result.output)
    assert result.stdout == ""
    lines = result.stderr.splitlines()
    if result.exit_code == 1:
        assert len(lines) == 1, result.stderr
        assert lines[0].startswith("kymflow: ")
    assert "Traceback" not in result.stderr
    assert all(line.isprintable() for line in lines), ascii(result.stderr)


@pytest.mark.parametrize(
    "kind",
    [
        "climbing",
        "climbing backwards",
        "parent",
        "absolute",
        "drive",
        "NUL",
        "escape sequence",
        "newline",
        "lone surrogate",
        "far over-long",
        "device",
        "trailing dot",
        "trailing space",
        "leading dot",
        "stream of a file",
        "empty",
    ],
)
def test_no_command_takes_a_hostile_name(site: Path, refusing_lab: Lab, kind: str) -> None:
    path, name = refusing_lab.path, HOSTILE[kind]
    refuses_command(refusing_lab, "update", path, name, "--json")
    refuses_command(refusing_lab, "update", path, "a", name)
    refuses_command(refusing_lab, "update", path, "a", "--indexer", name)
    refuses_command(refusing_lab, "show", path, name)
    refuses_command(refusing_lab, "show", path, TABLE, "--image", name, "--json")
    refuses_command(refusing_lab, "rebuild", path, "--indexer", name)
    refuses_command(refusing_lab, "refresh", path, "--indexer", name)
    refuses_command(refusing_lab, "refresh", path, "--dry-run", "--json", "--indexer", name)


NO_DATASET = {
    "NUL": "lab\0.zarr",
    "over-long name": "x" * 300,
    "over-long path": "x/" * 5000,
    "no text": "\ud800",
    "below a file": "x.json/lab.zarr",
    "newline": "no\nlab.zarr",
    "escape sequence": "\x1b[31mno.zarr",
}


@pytest.mark.parametrize("path", NO_DATASET.values(), ids=list(NO_DATASET))
def test_a_path_where_nothing_is_is_told_in_one_line(site: Path, refusing_lab: Lab, path: str) -> None:
    refuses_command(refusing_lab, "show", path)
    refuses_command(refusing_lab, "show", path, TABLE)
    refuses_command(refusing_lab, "status", path, "--json")
    refuses_command(refusing_lab, "rebuild", path)
    refuses_command(refusing_lab, "refresh", path)
    refuses_command(refusing_lab, "refresh", path, "--dry-run")
    refuses_command(refusing_lab, "update", path, "a")
    refuses_command(refusing_lab, "ingest", refusing_lab.path, path)
    for call in (lambda: KymDataset(path, "r"), lambda: refusing_lab.kd.ingest_folder(Path(path))):
        with pytest.raises(KymflowError):
            call()
    assert stamps(refusing_lab.root) == refusing_lab.before


@pytest.mark.parametrize("name", ["NUL", "over-long name", "over-long path", "no text", "below a file"])
def test_nothing_is_made_where_nothing_can_be(site: Path, refusing_lab: Lab, name: str) -> None:
    refuses_command(refusing_lab, "ingest", NO_DATASET[name], refusing_lab.root)
    with pytest.raises(KymflowError):
        KymDataset(NO_DATASET[name])
    assert stamps(refusing_lab.root) == refusing_lab.before


@pytest.mark.parametrize("command", ["show", "status", "rebuild", "refresh"])
def test_an_empty_path_is_no_dataset(site: Path, refusing_lab: Lab, command: str) -> None:
    refuses_command(refusing_lab, command, "")


def test_bytes_that_are_no_text_are_told_in_one_line(lab: Lab) -> None:
    """As a process: the system's own arguments, printed as far as they can be."""
    command = [sys.executable, "-c", "from kymflow.cli.main import main; main()"]
    done = subprocess.run(
        [*command, "show", str(lab.path), TABLE, "--image", b"a\xff\x1b[31m"],
        capture_output=True,
        timeout=300,
        check=False,
    )

    assert stamps(lab.root) == lab.before
    assert (done.returncode, done.stdout) == (1, b"")
    assert done.stderr.count(b"\n") == 1
    assert b"'a\\udcff\\x1b[31m' cannot be used as image id" in done.stderr


# Odd, but good


@odd_names
def test_an_odd_name_is_as_good_as_any(lab: Lab, name: str) -> None:
    kd, indexer = lab.kd, CellsIndexer()

    def everything() -> None:
        record = add_image(kd, name)
        record.save_json(name, {"n": 1})
        record.save_df_parquet(f"nested/{name}", FRAME)
        record.save_df_csv_gz(name, FRAME)
        record.save_array_artifact(name, np.ones(3))
        record.save_json(TABLE, {"n": 7})
        kd.ds.save_table(name, FRAME)
        kd.refresh(indexer)
        kd.update_image(indexer, name)
        kd.get_table(name)["x"] = 2.5
        kd.save_table(name)

    changed = lab.changes(everything)
    assert {key.split("/")[0] for key in changed} == {"images", "tables", "index"}
    record = kd.ds.record(name)
    assert record.load_json(name) == {"n": 1}
    assert record.load_df_parquet(f"nested/{name}").equals(FRAME)
    assert record.load_df_csv_gz(name)["x"].tolist() == [1.0]
    assert record.load_array_artifact(name).tolist() == [1, 1, 1]
    assert record.list_array_artifacts() == [name]
    assert kd.ds.list_image_ids() == sorted(["a", name])
    assert kd.ds.load_table(name)["x"].tolist() == [2.5]
    rows = kd.get_table(TABLE)
    assert rows.loc[rows["image_id"] == name, "n"].tolist() == [7]

    lab.before = stamps(lab.root)
    lab.changes(lambda: kd.ds.delete_image(name))
    lab.changes(lambda: kd.ds.drop_table(name))
    assert kd.ds.list_image_ids() == ["a"]
    assert kd.refresh(indexer)["image_id"].tolist() == ["a"]


@pytest.mark.parametrize("kind", ["spaces", "accents", "CJK", "emoji", "leading dash", "option", "longest"])
def test_commands_take_an_odd_name(site: Path, lab: Lab, kind: str) -> None:
    name = ODD[kind]
    add_image(lab.kd, name).save_json(TABLE, {"n": 7})
    lab.kd.refresh(CellsIndexer())
    lab.kd.ds.save_table(name, FRAME)

    updated = run("update", "--json", "--indexer", "radon_report", "--", lab.path, name)
    assert updated.exit_code == 0, updated.output
    shown = run("show", "--json", f"--image={name}", "--", lab.path, TABLE)
    assert [row["image_id"] for row in json.loads(shown.stdout)["data"]] == [name]
    table = run("show", "--json", "--", lab.path, name)
    assert table.exit_code == 0, table.output
    assert json.loads(table.stdout)["data"] == [{"image_id": "a", "x": 1.0}]
    status = json.loads(run("status", lab.path, "--json").stdout)
    assert name in {found["table_name"] for found in status["tables"]}
