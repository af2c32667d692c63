"""Names that are hostile or odd, and a dataset around which nothing may move."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest

from kymflow_zarr.errors import InvalidNameError, KymflowError

from .refreshing import TABLE, CellsIndexer, open_dataset
from .simple_indexers import add_image

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


def is_text(name: str) -> bool:
    """Tell whether a file can hold it."""
    try:
        name.encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


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
