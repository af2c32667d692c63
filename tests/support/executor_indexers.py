"""Indexers that other processes import, and what they do there."""

from __future__ import annotations

import os
import signal
import threading
import time
from dataclasses import dataclass
from typing import Any

import pandas as pd

from kymflow import ZarrImageRecord

from .executors import IDS, TABLE


@dataclass(frozen=True)
class Custom:
    """Rows of ``rows.json`` with code of its own; fails where there is ``fail`` in them."""

    name: str = "rows"
    table_name: str = "rows"
    schema_version: str = "1"

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        try:
            found = rec.load_json("rows")
        except FileNotFoundError:
            return pd.DataFrame()
        if "fail" in found:
            raise ValueError(f"cannot take {found['fail']!r}")
        return pd.DataFrame({"n": [found["a"]] * 3, "k": range(3), "word": found.get("c")})


@dataclass(frozen=True)
class Slow(Custom):
    """Takes its time."""

    seconds: float = 0.0

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        time.sleep(self.seconds)
        return super().extract_rows(rec)


@dataclass(frozen=True)
class Killer(Custom):
    """Ends its process at one image: as long as a file is there, which it removes or not."""

    victim: str = ""
    flag: str = ""
    once: bool = True

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        if rec.image_id == self.victim and os.path.exists(self.flag):
            if self.once:
                os.unlink(self.flag)
            os.kill(os.getpid(), signal.SIGKILL)
        return super().extract_rows(rec)


@dataclass(frozen=True)
class Met(Custom):
    """Extracts rows once two processes are at it."""

    folder: str = ""

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        with open(os.path.join(self.folder, str(os.getpid())), "wb"):
            pass
        while len(os.listdir(self.folder)) < 2:
            time.sleep(0.01)
        return super().extract_rows(rec)


@dataclass(frozen=True)
class AtWork(Custom):
    """Says that it is at work, and never ends."""

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        # At once, so that nothing comes in between.
        os.write(1, b"at work\n")
        threading.Event().wait()
        return super().extract_rows(rec)


def _refuse() -> Any:
    raise ModuleNotFoundError("No module named 'lab_plugin'")


@dataclass(frozen=True)
class Unknown(Custom):
    """Can be sent, but not be read where it arrives."""

    def __reduce__(self) -> tuple[Any, ...]:
        return (_refuse, ())


def double(number: int) -> int:
    """Whatever else an executor may be asked to do."""
    return 2 * number


class Waiting:
    """Waits at every image but the first until it is told to go on."""

    name = table_name = TABLE

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.waits, self.go_on = threading.Event(), threading.Event()

    def extract_rows(self, rec: ZarrImageRecord) -> pd.DataFrame:
        self.asked.append(rec.image_id)
        if rec.image_id != IDS[0]:
            self.waits.set()
            assert self.go_on.wait(60), "nobody said so"
        return Custom().extract_rows(rec)
