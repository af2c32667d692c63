"""Folders by lot, edited and their images deleted between ingests; the check that every file counts once."""

from __future__ import annotations

import os
import random
import shutil
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from kymflow_zarr import FolderReport, SourceReader, ZarrDataset
from kymflow_zarr.sources.account import EXCLUDED
from kymflow_zarr.sources.choose import NO_READER
from kymflow_zarr.sources.index import SourceRow
from kymflow_zarr.sources.table import load_rows

from .tiff_folders import REINGEST, write_tiff

STEMS = ("a", "b", "cap_0001", "cap_0002", "größe", "gro\u0308ße", "A B", "日本")
FOLDERS = ("", "day 1", "day 2", "day 1/deep", "._odd", ".hidden", "lab.zarr")
SUFFIXES = (".tif", ".TIF", ".tiff")
SIDECARS = (".p.json", ".q.JSON", ".events.csv", ".p-DESKTOP-ABC1234.json")
OTHERS = (".oir", ".czi", ".lsm", ".docx", "", ".tif.json", "_radon.csv")
LITTER = ("._a.tif", ".DS_Store", "Thumbs.db", ".a.p.json.icloud", ".b.tif.icloud")


Readers = Callable[[], Sequence[SourceReader]]


@dataclass(frozen=True)
class Vocabulary:
    """What names are made of."""

    stems: Sequence[str] = STEMS
    folders: Sequence[str] = FOLDERS
    sidecars: Sequence[str] = SIDECARS


# With the folders, sidecars and channels of microscopes and programs.
LINE_SCANS = Vocabulary(
    ("cap_0001", "cap_0002", "scan_C001T001", "scan_C002T001", "größe"),
    ("", "flow-analysis", "day 1", "day 1/flow-analysis", "day 2"),
    (".json", ".txt", ".tif.json", ".tif.radon_velocity.csv", ".p.json", "_radon.csv", ".TIF.JSON", ".csv"),
)


class RandomFolder:
    """A folder that a seed fills, edits and rearranges."""

    def __init__(self, root: Path, seed: int, names: Vocabulary = Vocabulary()) -> None:
        self.root = root
        self.names = names
        self.chance = random.Random(seed)
        (root / "lab.zarr").mkdir(parents=True)
        (root / "lab.zarr" / "zarr.json").write_text("{}")
        self._contents = 0
        for _ in range(self.chance.randrange(3, 25)):
            self.add()

    def add(self) -> None:
        """Add one thing, or write it again."""
        folder = self.root / self.chance.choice(self.names.folders)
        folder.mkdir(parents=True, exist_ok=True)
        stem = self.chance.choice(self.names.stems)
        kind = self.chance.choices(
            ("image", "sidecar", "other", "litter", "link", "bad"), (6, 6, 2, 1, 1, 1)
        )[0]
        if kind == "image":
            # Few seeds, so that contents are often the same.
            path = folder / (stem + self.chance.choice(SUFFIXES))
            _clear(path)
            write_tiff(path, self.chance.randrange(6))
        elif kind == "sidecar":
            path = folder / (stem + self.chance.choice(self.names.sidecars))
            _clear(path)
            self._contents += 1
            content = '{"v": %d}' if path.suffix != ".csv" else "x\n%d\n"
            path.write_text(content % self._contents)
        elif kind == "bad":
            path = folder / (stem + ".tif")
            _clear(path)
            path.write_text("no image")
        else:
            self._odd(folder, stem, kind)

    def _odd(self, folder: Path, stem: str, kind: str) -> None:
        if kind == "other":
            path = folder / (stem + self.chance.choice(OTHERS))
            _clear(path)
            path.write_text("{}")
        elif kind == "litter":
            (folder / self.chance.choice(LITTER)).write_text("")
        else:
            path = folder / (stem + self.chance.choice((*SUFFIXES, *self.names.sidecars)))
            _clear(path)
            path.symlink_to(self.chance.choice(("nowhere", "..", "a.tif", "b.p.json", path.name)))

    def edit(self) -> None:
        """Change something: add, delete, rename with or without its sidecars, swap, move a folder."""
        files = sorted(path for path in self.root.rglob("*") if path.is_symlink() or path.is_file())
        kind = self.chance.choice(
            ("add", "add", "delete", "rename", "rename all", "swap", "move folder", "copy")
        )
        if kind == "add" or len(files) < 3:
            self.add()
            return
        one, two = self.chance.sample(files, 2)
        new = one.with_name(self.chance.choice(self.names.stems) + "_new" + one.suffix)
        if kind == "delete":
            one.unlink()
        elif kind == "rename":
            os.replace(one, new)
        elif kind == "rename all":
            for path in files:
                if path.parent == one.parent and path.name.startswith(one.stem + "."):
                    os.replace(path, path.with_name(new.stem + path.name[len(one.stem) :]))
        elif kind == "swap" and one.suffix == two.suffix:
            os.replace(one, self.root / "between")
            os.replace(two, one)
            os.replace(self.root / "between", two)
        elif kind == "move folder" and (self.root / "day 1").is_dir():
            os.rename(self.root / "day 1", self.root / f"day {self.chance.randrange(10**6)}")
        elif kind == "copy" and new != one and not one.is_symlink():
            _clear(new)
            shutil.copy2(one, new)

    def delete_image(self, dataset: ZarrDataset) -> None:
        """Delete an image, or not; exclude its source, or not."""
        made = [row for row in load_rows(dataset._store) if row.ingested_epoch_ns]
        if made and self.chance.random() < 0.4:
            row = self.chance.choice(sorted(made, key=lambda row: row.path))
            dataset.delete_image(row.image_id, exclude=self.chance.random() < 0.7)


def _clear(path: Path) -> None:
    if path.is_symlink() or path.exists():
        path.unlink()


def check_account(dataset: ZarrDataset, root: Path, report: FolderReport) -> None:
    """Every file of the folder is taken in, used, failed or named as passed over: just once."""
    rows = {row.path: row for row in load_rows(dataset._store)}
    used = {
        os.path.normpath(os.path.join(os.path.dirname(row.path), state.path))
        for row in rows.values()
        for state in row.files[1:]
        if not row.gone_epoch_ns and not row.excluded_epoch_ns
    }
    of_failed = used - {
        os.path.normpath(os.path.join(os.path.dirname(row.path), state.path))
        for row in rows.values()
        for state in row.files[1:]
        if not row.gone_epoch_ns and not row.failure
    }
    for path in _files(root):
        relative = path.relative_to(root).as_posix()
        above = {relative, *(parent.as_posix() for parent in path.relative_to(root).parents)}
        named = above & (report.passed_over.keys() | report.failed.keys())
        row = rows.get(str(path))
        taken = row is not None and row.ingested_epoch_ns > 0 and not row.failure and not row.gone_epoch_ns
        if taken and report.passed_over.get(relative) == NO_READER:
            # It was an image of its own before, and is a channel of one that failed.
            taken = False
        if row is not None and row.excluded_epoch_ns and str(path) not in used:
            assert report.passed_over.get(relative) is not None, (relative, row, report)
        # What iCloud keeps is named by the name that it has there.
        in_cloud = _fetched(relative) & (report.passed_over.keys() | report.failed.keys())
        counts = Counter(named=len(named or in_cloud), taken=taken, used=str(path) in used)
        if str(path) in of_failed and (named or in_cloud or taken):
            # The image of a source that failed is as it was, made of what may be a source by itself now.
            del counts["used"]
        # A sidecar that stayed behind is known to its image, and named.
        stayed = "which has moved" in report.passed_over.get(relative, "")
        assert sum(counts.values()) == 1 + (stayed and counts["used"]), (relative, counts, report)


def _files(root: Path) -> list[Path]:
    return [
        Path(folder, name)
        for folder, folders, names in os.walk(root)
        for name in [*names, *(name for name in folders if os.path.islink(os.path.join(folder, name)))]
    ]


def _fetched(relative: str) -> set[str]:
    folder, slash, name = relative.rpartition("/")
    return {folder + slash + name[1:-7]} if name.startswith(".") and name.endswith(".icloud") else set()


def check_identity(dataset: ZarrDataset, before: dict[str, str]) -> dict[str, str]:
    """Each row has an image of its own; a file that is where it was has the id that it had."""
    rows = load_rows(dataset._store)
    ids = [row.image_id for row in rows]
    assert len(set(ids)) == len(ids)
    assert len({row.path for row in rows}) == len(rows)
    assert set(dataset.list_image_ids()) == {row.image_id for row in rows if row.ingested_epoch_ns}
    now = {row.sha256 + row.path: row.image_id for row in rows if row.sha256}
    for key in now.keys() & before.keys():
        assert now[key] == before[key], key
    return now


def contents(dataset: ZarrDataset) -> dict[str, tuple[bytes, dict[str, object]]]:
    """What each image holds, by the path of the source that it came from."""
    return {
        row.path: _content(dataset, row)
        for row in load_rows(dataset._store)
        if row.ingested_epoch_ns and not row.gone_epoch_ns and not row.failure
    }


def _content(dataset: ZarrDataset, row: SourceRow) -> tuple[bytes, dict[str, object]]:
    record = dataset.record(row.image_id)
    keys = [key.rpartition("analysis/")[2] for key in record.list_analysis_keys()]
    artifacts: dict[str, object] = {}
    for key in keys:
        name, _, suffix = key.rpartition(".")
        is_json = suffix == "json"
        artifacts[key] = record.load_json(name) if is_json else record.load_df_parquet(name).to_dict()
    return np.asarray(record.load_array()).tobytes(), artifacts


def ingest_again_and_again(place: Path, folder: RandomFolder, runs: int, readers: Readers) -> None:
    """Ingest a folder that is edited in between, and images deleted; compare with a fresh ingest of it."""
    dataset = _dataset(place / "again.zarr", readers)
    ids: dict[str, str] = {}
    for _ in range(runs):
        include = folder.chance.random() < 0.2
        report = dataset.sync_from_folder(folder.root, mode=REINGEST, include_excluded=include)
        assert not (include and EXCLUDED in report.passed_over.values())
        check_account(dataset, folder.root, report)
        ids = check_identity(dataset, ids)
        assert report.conflicts == []
        again = dataset.sync_from_folder(folder.root, mode="skip")
        check_account(dataset, folder.root, again)
        assert (again.image_ids, again.failed) == ([], report.failed)
        for _ in range(folder.chance.randrange(4)):
            folder.edit()
        folder.delete_image(dataset)
    report = dataset.sync_from_folder(folder.root, mode=REINGEST)
    check_account(dataset, folder.root, report)
    fresh = _dataset(place / "fresh.zarr", readers)
    expected = fresh.sync_from_folder(folder.root)
    # An image whose file is no source for now stays.
    waiting = {str(folder.root / path) for path in report.passed_over}
    found = {path: content for path, content in contents(dataset).items() if path not in waiting}
    # One that has changed since its sidecars stayed behind fails here alone: elsewhere they are nobody's.
    parted = {path for path, cause in report.failed.items() if "has moved and changed" in cause}
    wanted = contents(fresh)
    excluded = {path for path, reason in report.passed_over.items() if reason == EXCLUDED}
    for path in (parted - expected.failed.keys()) | excluded:
        wanted.pop(str(folder.root / path), None)
    assert wanted.keys() == found.keys()
    assert expected.failed.keys() - parted - excluded == report.failed.keys() - parted
    # Sidecars that stayed behind keep their artifacts, even if another image has come to use them, too.
    if not any(state.stayed for row in load_rows(dataset._store) for state in row.files):
        assert wanted == found


def _dataset(path: Path, readers: Readers) -> ZarrDataset:
    dataset = ZarrDataset(path)
    dataset.readers = readers
    return dataset
